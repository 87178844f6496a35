/* core/utf8.h: decoding, encoding and repairing UTF-8 (Unicode 3.9, RFC 3629). */
#ifndef KVT_CORE_UTF8_H
#define KVT_CORE_UTF8_H

#include "core/buffer.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes one code point at text[0..length), length > 0. Returns the bytes it takes (1-4) and sets
 * *code_point; or, for an ill-formed sequence, returns minus the length of its maximal subpart (the
 * bytes that one U+FFFD replaces, as Python's errors="replace" and WHATWG do) and sets U+FFFD.
 */
int kvt_utf8_decode(const char *text, size_t length, uint32_t *code_point);
/* Writes 1-4 bytes to out and returns how many; an invalid code point is written as U+FFFD. */
size_t kvt_utf8_encode(uint32_t code_point, char out[4]);
/* Bytes of the longest valid prefix. */
size_t kvt_utf8_valid(const char *text, size_t length);
/* Appends text with every ill-formed sequence and every U+0000 replaced by U+FFFD; returns how
 * many. */
size_t kvt_utf8_repair(struct kvt_buffer *out, const char *text, size_t length);

#endif
