/*
 * text/unicode.h: characters as Python sees them, because the benchmark's scorer is a Python
 * program and its scores depend on what str.lower, str.split, \w and \d do there. Text is valid
 * UTF-8; a byte sequence that is not counts as U+FFFD.
 */
#ifndef KVT_TEXT_UNICODE_H
#define KVT_TEXT_UNICODE_H

#include "core/buffer.h"
#include "stream/string.h" /* struct kvt_span */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool kvt_unicode_space(uint32_t code_point); /* str.isspace; NBSP and U+3000 are, ZWSP is not */
bool kvt_unicode_digit(uint32_t code_point); /* \d: decimal digits of every script */
bool kvt_unicode_word(uint32_t code_point);  /* \w */

/* The code point at text[0..length), length > 0; *code_point is U+FFFD for an ill-formed sequence.
 * Returns the bytes it takes. */
size_t kvt_unicode_next(const char *text, size_t length, uint32_t *code_point);

/* Appends str.lower of the text: U+0130 becomes two code points, a capital sigma at the end of a
 * word the final form. */
void kvt_unicode_lower(struct kvt_buffer *out, const char *text, size_t length);

/* The lower case of the character at text[at] beyond ASCII, in its context: n bytes in `lower`.
 * Returns the bytes the character takes. */
enum { KVT_LOWER_SIZE = 8 };
size_t kvt_unicode_lower_one(const char *text, size_t length, size_t at, char lower[KVT_LOWER_SIZE],
                             size_t *n);

/* The text without white space at both ends (str.strip). */
struct kvt_span kvt_unicode_strip(const char *text, size_t length);

#endif
