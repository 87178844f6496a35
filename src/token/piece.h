/*
 * token/piece.h: one piece of text to ids: a cache of short pieces seen before, else merging, else,
 * for long pieces, the linear way.
 */
#ifndef KVT_TOKEN_PIECE_H
#define KVT_TOKEN_PIECE_H

#include "token/cache.h"
#include "token/cuts.h"
#include "token/internal.h"
#include "token/long.h"

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
    struct kvt_cache parts; /* of parts of pieces, where a whole piece may be another token */
    bool in_part;           /* what is encoded is a part of a piece */
};

/* From here on pieces are remembered; call it after `out` was set or changed. */
void kvt_piece_use_cache(struct kvt_piece_encoder *encoder);
/*
 * Encodes text[0..length), length > 0, into `out` and `count`; `readable` bytes may be read from
 * `text` on. When places are wanted, the symbols are left in `work` instead and nothing is put out.
 */
int kvt_piece_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                     size_t readable);
/*
 * Encodes text[0..length) part by part, as `cuts` cuts it; no places. The text is a piece that is
 * not a token as a whole, or the tokenizer does not ask whether pieces are.
 */
int kvt_piece_encode_parts(struct kvt_piece_encoder *encoder, const struct kvt_cuts *cuts,
                           const char *text, size_t length);
/* The cache of what is encoded now; without lines when there is none. */
struct kvt_cache *kvt_piece_cache(struct kvt_piece_encoder *encoder);
void kvt_piece_free(struct kvt_piece_encoder *encoder);

/* Appends an id. */
void kvt_token_ids_add(struct kvt_token_ids *out, int32_t id);

#endif
