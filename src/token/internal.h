/*
 * token/internal.h: what the files of this room share: the parts of a loaded tokenizer, and the
 * working memory of one encoder.
 */
#ifndef KVT_TOKEN_INTERNAL_H
#define KVT_TOKEN_INTERNAL_H

#include "core/buffer.h"
#include "token/added.h"
#include "token/merge.h"
#include "token/normalize.h"
#include "token/pre.h"
#include "token/split.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

#include <pthread.h>

/* The first symbols of a piece. */
enum kvt_units {
    KVT_UNITS_BYTES,      /* bytes (byte-level vocabularies) */
    KVT_UNITS_CHARACTERS, /* characters, with bytes for those that have no token */
};

/* How a normalised text becomes pieces. */
enum kvt_direct {
    KVT_DIRECT_WHOLE,   /* it is one piece */
    KVT_DIRECT_SPACES,  /* it is one piece, and may be cut before visible spaces (`glued`) */
    KVT_DIRECT_FAMILY,  /* by one hand-written function */
    KVT_DIRECT_PATTERN, /* by the matches of one pattern and what is between them */
    KVT_DIRECT_NOT,     /* by all steps of `pre` */
};

struct kvt_template_ids {
    int32_t *ids;
    size_t count, capacity;
};

struct kvt_tokenizer {
    struct kvt_vocabulary vocabulary;
    struct kvt_vocabulary unspelled; /* byte-level: tokens whose text is not a spelling of bytes */
    size_t n_model_tokens;           /* of a tokenizer.json, before its added tokens */
    struct kvt_merges merges;
    enum kvt_units units;
    int32_t byte_ids[256];  /* id of each byte, -1 when there is none */
    int32_t ascii_ids[128]; /* CHARACTERS: id of each ASCII character, -1 when there is none */
    int32_t space_id;       /* CHARACTERS: that of the visible space */
    bool byte_fallback;     /* characters without a token become bytes */
    bool fuse_unknown;      /* neighbouring unknown characters are one token */
    bool ignore_merges;     /* a piece that is a token as a whole is taken as it is */
    int32_t unknown;        /* -1: an unknown character is dropped */

    /*
     * SentencePiece's spaces, when they are all there is to normalisation: U+0020 is written
     * U+2581, and one goes before a part (`unless_space`: not before one that starts with it).
     */
    bool escape_space;
    enum kvt_prepend prepend;
    bool unless_space;
    bool shows_space; /* tokens are spelled with U+2581 for the space */

    struct kvt_added added;            /* found in the raw text */
    struct kvt_normalizer normalizer;  /* of what is between them */
    struct kvt_added added_normalized; /* found after that */
    struct kvt_pre pre;
    enum kvt_direct direct;
    kvt_split_function split; /* DIRECT_FAMILY */

    uint8_t glued[256];     /* last bytes of characters that stand before U+2581 in some token */
    bool bytes_stand_alone; /* no rule joins the tokens of single bytes (byte fallback) */
    bool cuts_hold; /* every byte has a token, and what has none of its own becomes such (cuts.h) */
    struct kvt_long_tables *long_tables; /* these two are made when first needed, behind the lock */
    struct kvt_cuts *cuts;

    struct kvt_template_ids prefix, suffix; /* around the text, with KVT_ENCODE_SPECIAL */
    int32_t bos;                            /* -1: none */
    bool adds_bos;
    bool ends_by_config; /* prefix or suffix are not those of the file (load_config.c) */
    uint8_t *ends;       /* by id: 1 for tokens that end an answer */
    char *outputs;       /* bytes of each token in output text */
    size_t *starts;      /* by id, size + 1 places in outputs */
    char *path;
    pthread_mutex_t
        lock; /* of long_tables, cuts and sha256, which are made when they are first asked for */
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

/*
 * For vocabularies without merge rules: every way to cut the token in two other tokens (at a
 * character boundary, unless the units are bytes) becomes a rule of this rank.
 */
void kvt_tokenizer_add_splits(struct kvt_tokenizer *tokenizer, int32_t id, uint32_t rank);

/* All of the normalisation, as kvt_normalizer_run does it. */
int kvt_tokenizer_normalize(const struct kvt_tokenizer *tokenizer, struct kvt_buffer buffers[2],
                            const char **text, size_t *length, struct kvt_error *error);

const struct kvt_long_tables *kvt_tokenizer_long_tables(const struct kvt_tokenizer *tokenizer);
/* NULL where cuts do not hold. */
const struct kvt_cuts *kvt_tokenizer_cuts(const struct kvt_tokenizer *tokenizer);

/* `pre`: the pre-tokenizer of a file that names none, as GGUF names them, or NULL. */
struct kvt_tokenizer *kvt_tokenizer_from_gguf(const char *path, const char *pre,
                                              struct kvt_error *error);
struct kvt_tokenizer *kvt_tokenizer_from_json(const char *path, struct kvt_error *error);
/* `name` of the encoding, or NULL: by the file's name. */
struct kvt_tokenizer *kvt_tokenizer_from_ranks(const char *path, const char *name,
                                               struct kvt_error *error);
/* Is this the start of a rank file? */
bool kvt_ranks_recognise(const char *start);

#endif
