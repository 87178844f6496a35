/*
 * token/batch.h: pieces of one text in batches. Only counting, their order is free: what the
 * look-ups will touch is fetched for all before the first is looked up, and pieces the cache does
 * not know wait until the others are done.
 */
#ifndef KVT_TOKEN_BATCH_H
#define KVT_TOKEN_BATCH_H

#include "token/piece.h"

enum { KVT_BATCH = 128 }; /* pieces at once */

/*
 * Encodes `count` pieces, no more than KVT_BATCH, the first from text[at], each up to its place in
 * `ends`; no places of tokens. Returns 0, or -1 and *error.
 */
int kvt_batch_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length, size_t at,
                     const size_t *ends, size_t count);

#endif
