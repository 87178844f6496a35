/*
 * token/piece.h: one piece of text to ids: a cache of short pieces seen before, else merging, else,
 * for long pieces, the linear way.
 */
#ifndef KVT_TOKEN_PIECE_H
#define KVT_TOKEN_PIECE_H

#include "token/cache.h"
#include "token/internal.h"
#include "token/long.h"

struct kvt_cached_long;

/* Working memory of one encoder. Zero-initialise, set the tokenizer. */
struct kvt_piece_encoder {
    const struct kvt_tokenizer *tokenizer;
    struct kvt_token_ids *out; /* NULL: only count */
    size_t count;
    bool ends; /* the places of tokens are wanted: no cache, no long way */
    struct kvt_error *error;
    struct kvt_merge_work work;
    struct kvt_long_work long_work;
    unsigned n_middling;    /* pieces seen that are longer than most, counted up to a limit */
    struct kvt_cache cache; /* made by kvt_piece_use_cache */
    struct kvt_cached_long *long_cache;
};

/* From here on pieces are remembered; call it after `out` was set or changed. */
void kvt_piece_use_cache(struct kvt_piece_encoder *encoder);
/*
 * Encodes text[0..length), length > 0, into `out` and `count`; `readable` bytes may be read from
 * `text` on. When places are wanted, the symbols are left in `work` instead and nothing is put out.
 */
int kvt_piece_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                     size_t readable);
enum { KVT_PIECE_ROW = 64 }; /* pieces at once */

/* The same for `count` pieces, no more than KVT_PIECE_ROW, the first from text[at], each up to its
 * place in `ends`; no places. */
int kvt_piece_encode_row(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                         size_t at, const size_t *ends, size_t count);
void kvt_piece_free(struct kvt_piece_encoder *encoder);

/* Appends an id. */
void kvt_token_ids_add(struct kvt_token_ids *out, int32_t id);

#endif
