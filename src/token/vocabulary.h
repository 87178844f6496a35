/*
 * token/vocabulary.h: the strings of a vocabulary by id, and the id of a string.
 *
 * A key is the byte string a model knows a token by: for byte-level vocabularies the bytes
 * themselves (their printable spelling in the file is undone at loading), for SentencePiece-style
 * ones UTF-8 text with U+2581 for the space.
 */
#ifndef KVT_TOKEN_VOCABULARY_H
#define KVT_TOKEN_VOCABULARY_H

#include "core/error.h"
#include "token/short.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kvt_token_kind {
    KVT_TOKEN_ABSENT = 0, /* no token has this id */
    KVT_TOKEN_NORMAL,
    KVT_TOKEN_UNKNOWN,
    KVT_TOKEN_CONTROL, /* special: never part of output text */
    KVT_TOKEN_USER,    /* added, ordinary text */
    KVT_TOKEN_BYTE,    /* <0x41>: one byte of a character that has no token */
};

enum {
    KVT_TOKEN_LIMIT = 1 << 24
}; /* ids are below this; the largest real vocabularies have 2^18 */

/* Of a key of more than KVT_SHORT bytes: all that a look-up needs in one place of memory. */
struct kvt_vocabulary_slot {
    int32_t id;             /* -1: empty */
    uint32_t tag;           /* upper half of the key's hash */
    uint32_t start, length; /* of the key */
};

struct kvt_vocabulary {
    int32_t size; /* largest id + 1 */
    uint32_t *starts, *lengths;
    uint8_t *kinds; /* enum kvt_token_kind */
    uint8_t *found; /* by id: 1 when its key is indexed, and finds it */
    size_t capacity;
    char *keys;
    size_t keys_length, keys_capacity;
    /* Two tables in open addressing, their sizes powers of two: short keys and their ids, and long
     * keys. */
    struct kvt_short *shorts; /* of length 0: empty */
    int32_t *short_ids;
    size_t n_short_slots, n_shorts;
    struct kvt_vocabulary_slot *slots;
    size_t n_slots, n_long;
    size_t longest; /* bytes of the longest indexed key */
};

/* Makes room for `count` tokens and their index. */
void kvt_vocabulary_reserve(struct kvt_vocabulary *vocabulary, size_t count, size_t key_bytes);
/* Stores a token. Returns -1 when the id is out of range or taken by another key. */
int kvt_vocabulary_set(struct kvt_vocabulary *vocabulary, int64_t id, const char *key,
                       size_t length, enum kvt_token_kind kind, struct kvt_error *error);
/* Makes the token's key findable (never an empty one). The first of two equal keys wins; returns
 * false for the second.
 */
bool kvt_vocabulary_index(struct kvt_vocabulary *vocabulary, int32_t id);
/* The id of an indexed key, or -1. */
int32_t kvt_vocabulary_find(const struct kvt_vocabulary *vocabulary, const char *key,
                            size_t length);
/* Says that this key will be looked for soon. */
void kvt_vocabulary_expect(const struct kvt_vocabulary *vocabulary, const char *key, size_t length);
/* The key of an id in range. */
const char *kvt_vocabulary_key(const struct kvt_vocabulary *vocabulary, int32_t id, size_t *length);
void kvt_vocabulary_free(struct kvt_vocabulary *vocabulary);

static inline size_t kvt_vocabulary_short_slot(const struct kvt_vocabulary *vocabulary,
                                               struct kvt_short key)
{
    return (size_t)(kvt_short_hash(key) >> 20) & (vocabulary->n_short_slots - 1);
}

/* A 64-bit hash of bytes, the same on every machine (used by the look-ups of this room only). */
uint64_t kvt_token_hash(const char *data, size_t length);

#endif
