/*
 * token/internal.h: what the files of this room share: the parts of a loaded tokenizer, and the
 * working memory of one encoder.
 */
#ifndef KVT_TOKEN_INTERNAL_H
#define KVT_TOKEN_INTERNAL_H

#include "core/buffer.h"
#include "token/added.h"
#include "token/merge.h"
#include "token/split.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

#include <pthread.h>

/* The first symbols of a piece. */
enum kvt_units {
    KVT_UNITS_BYTES,      /* bytes (byte-level vocabularies) */
    KVT_UNITS_CHARACTERS, /* characters, with bytes for those that have no token */
};

struct kvt_tokenizer {
    struct kvt_vocabulary vocabulary;
    struct kvt_merges merges;
    enum kvt_units units;
    int32_t byte_ids[256]; /* id of each byte, -1 when there is none */
    bool byte_fallback;    /* characters without a token become bytes */
    bool fuse_unknown;     /* neighbouring unknown characters are one token */
    bool ignore_merges;    /* a piece that is a token as a whole is taken as it is */
    int32_t unknown;       /* -1: an unknown character is dropped */

    bool escape_space;      /* U+0020 is written U+2581 */
    bool prepend_space;     /* U+2581 goes before every non-empty part */
    struct kvt_added added; /* found in the raw text */

    kvt_split_function *splits; /* applied one after the other; none: the whole part is one piece */
    size_t n_splits;

    int32_t bos; /* -1: none */
    bool adds_bos;
    uint8_t *ends;  /* by id: 1 for tokens that end an answer */
    char *outputs;  /* bytes of each token in output text */
    size_t *starts; /* by id, size + 1 places in outputs */
    char *path;
    pthread_mutex_t lock; /* of sha256, computed when it is first asked for */
    char sha256[KVT_SHA256_HEX];
};

/* U+2581, the visible space of SentencePiece. */
#define KVT_VISIBLE_SPACE "\xe2\x96\x81"

/* A tokenizer with nothing in it. */
struct kvt_tokenizer *kvt_tokenizer_new(const char *path);
/* After loading: sorts, makes the output bytes. */
void kvt_tokenizer_finish(struct kvt_tokenizer *tokenizer);
/* Marks the tokens that end an answer, by their names in common use. */
void kvt_tokenizer_mark_ends(struct kvt_tokenizer *tokenizer);

/* The printable spelling of bytes in byte-level vocabularies (GPT-2) and back; -1 if the text is
 * not one. */
int kvt_byte_level_decode(const char *text, size_t length, struct kvt_buffer *out);

struct kvt_tokenizer *kvt_tokenizer_from_gguf(const char *path, struct kvt_error *error);

#endif
