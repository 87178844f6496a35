/*
 * text/normalize.h: LongBench's English normalisation (after SQuAD's): lower-case, the 32 ASCII
 * punctuation characters deleted (not spaced: "a-b" is "ab"), the whole words a, an, the replaced
 * by a space, white space collapsed.
 */
#ifndef KVT_TEXT_NORMALIZE_H
#define KVT_TEXT_NORMALIZE_H

#include "core/buffer.h"

#include <stddef.h>

/* Bytes of room that normalising takes at most: ill-formed bytes and U+0130 become three, and a
 * block is written beyond the end. */
#define KVT_NORMALIZE_ROOM(length) (3 * (length) + 65)

/* Appends the normalised text: its tokens with one space between. Returns how many. The buffer does
 * not move if KVT_NORMALIZE_ROOM(length) was reserved. */
size_t kvt_normalize_english(struct kvt_buffer *out, const char *text, size_t length);

/* The same for a text in the midst of others: `readable` bytes, no fewer than its length, can be
 * read from its start on. A text that is near the end of what can be read is copied first. */
size_t kvt_normalize_english_within(struct kvt_buffer *out, const char *text, size_t length,
                                    size_t readable);

#endif
