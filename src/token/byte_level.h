/*
 * token/byte_level.h: the printable spelling of bytes in the files of byte-level vocabularies
 * (GPT-2's), done and undone.
 */
#ifndef KVT_TOKEN_BYTE_LEVEL_H
#define KVT_TOKEN_BYTE_LEVEL_H

#include "core/buffer.h"

/* Appends the bytes that the text spells; -1 if it is no such spelling. */
int kvt_byte_level_decode(const char *text, size_t length, struct kvt_buffer *out);
/* Appends the spelling of bytes. */
void kvt_byte_level_encode(const char *text, size_t length, struct kvt_buffer *out);

#endif
