/* token/load_json.h: a tokenizer.json on its way in, and the parts it is read by. */
#ifndef KVT_TOKEN_LOAD_JSON_H
#define KVT_TOKEN_LOAD_JSON_H

#include "stream/json.h"
#include "token/cursor.h"
#include "token/internal.h"

#include <jansson.h>
#include <string.h>

/*
 * Look-ups go to all of the tables' memory and wait for it most of the time, so they are made for
 * many tokens or merges at once, and what they will touch is fetched before.
 */
enum { KVT_LOAD_BLOCK = 64 };

/* A merge as the bytes of its two sides, in `spelled`. */
struct kvt_load_sides {
    size_t start, left, length;
    const char *at; /* behind it in the file */
    int32_t ids[3]; /* left, right, joined */
};

struct kvt_loading {
    struct kvt_tokenizer *tokenizer;
    struct kvt_cursor cursor;
    struct kvt_error *error;
    json_t *added, *normalizer, *pre, *post, *unknown;
    const char *model, *merges; /* where they start, when they come before what they need */
    bool has_pre, has_vocab;
    struct kvt_buffer text, spelled;
    struct kvt_load_sides sides[KVT_LOAD_BLOCK];
    int32_t unindexed[KVT_LOAD_BLOCK]; /* tokens whose keys are not yet indexed */
    size_t n_sides, n_unindexed;
};

/* The value of `model.vocab`, where the cursor is. -1 and *error. */
int kvt_load_vocab(struct kvt_loading *loading);
/* That of `model.merges`, after the vocabulary. */
int kvt_load_merges(struct kvt_loading *loading);

/* `normalizer`, `pre_tokenizer` and `post_processor`; NULL and null mean none. -1 and *error naming
 * what cannot be done exactly. */
int kvt_load_normalizer(struct kvt_tokenizer *tokenizer, const json_t *value,
                        struct kvt_error *error);
int kvt_load_pre(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);
/* After the vocabulary and the added tokens. */
int kvt_load_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);
/* After kvt_load_post: what the tokenizer_config.json beside the file at `path`, if there is one,
 * changes of the template. */
int kvt_load_config(struct kvt_tokenizer *tokenizer, const char *path, struct kvt_error *error);
int kvt_load_added(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);

/* Is the value of this `type`? */
static inline bool kvt_load_is_type(const json_t *value, const char *type)
{
    return strcmp(kvt_json_text(value, "type", ""), type) == 0;
}

/* Fails with -1, naming the part and the type of its value. */
static inline int kvt_load_refuse(struct kvt_error *error, const char *part, const json_t *value)
{
    return kvt_fail(error, KVT_DATA, "%s \"%s\" cannot be done exactly", part,
                    kvt_json_text(value, "type", "(without a type)"));
}

#endif
