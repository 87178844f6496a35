/*
 * token/normalize.h: what a tokenizer.json does to a text before it is split, as a list of steps.
 */
#ifndef KVT_TOKEN_NORMALIZE_H
#define KVT_TOKEN_NORMALIZE_H

#include "core/buffer.h"
#include "core/error.h"
#include "token/pattern.h"

#include <stdbool.h>
#include <stddef.h>

enum kvt_normalize_kind {
    KVT_NORMALIZE_FORM,    /* NFC, NFD, NFKC, NFKD */
    KVT_NORMALIZE_LOWER,   /* each character's full lower-case mapping */
    KVT_NORMALIZE_PREPEND, /* text before a text that is not empty */
    KVT_NORMALIZE_REPLACE, /* each match of the pattern becomes the text */
    KVT_NORMALIZE_STRIP,   /* white space at the ends */
};

struct kvt_normalize_step {
    enum kvt_normalize_kind kind;
    bool compatible, composed; /* FORM */
    bool left, right;          /* STRIP */
    char *text;                /* PREPEND, REPLACE */
    size_t text_length;
    struct kvt_regex *pattern; /* REPLACE */
};

struct kvt_normalizer {
    struct kvt_normalize_step *steps;
    size_t count, capacity;
};

/* Appends a copy of the step and takes its text and pattern. */
void kvt_normalizer_add(struct kvt_normalizer *normalizer, const struct kvt_normalize_step *step);
void kvt_normalizer_free(struct kvt_normalizer *normalizer);

/*
 * Applies all steps. *text and *length are replaced by the result, which lies in one of the two
 * buffers (or is the text itself when nothing changed). Returns 0, or -1 and *error.
 */
int kvt_normalizer_run(const struct kvt_normalizer *normalizer, struct kvt_buffer buffers[2],
                       const char **text, size_t *length, struct kvt_error *error);

#endif
