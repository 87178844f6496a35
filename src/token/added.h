/*
 * token/added.h: added tokens: strings that are found in the text before anything else is done with
 * it. Leftmost first, the longest of those that start at one place.
 */
#ifndef KVT_TOKEN_ADDED_H
#define KVT_TOKEN_ADDED_H

#include "token/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_added_token {
    char *text;
    size_t length;
    int32_t id;
    bool special;     /* ordinary text when special tokens are switched off */
    bool single_word; /* only between characters that are not word characters */
    bool lstrip;      /* takes the white space before it */
    bool rstrip;      /* takes the white space after it */
};

struct kvt_added {
    struct kvt_added_token *tokens; /* after kvt_added_finish: by first byte, longest first */
    size_t count, capacity;
    bool is_first[256];  /* bytes some token starts with */
    int only_first;      /* the only one of them, or -1 */
    uint32_t first[257]; /* tokens that start with byte b: first[b] .. first[b + 1] */
    uint8_t
        *starts; /* bits: two bytes some token starts with (any second byte, if it has only one) */
    uint8_t *pairs;               /* bits: two bytes that are neighbours in some token */
    struct kvt_vocabulary places; /* texts -> places in `tokens` */
    uint32_t *lengths;            /* for each byte, the lengths of its tokens, longest first */
    uint32_t first_length[257];
};

/* Copies the text; empty texts are ignored, as are repetitions of a text. */
void kvt_added_add(struct kvt_added *added, const struct kvt_added_token *token);
/* Sorts; call once, after the last add. */
void kvt_added_finish(struct kvt_added *added);
void kvt_added_free(struct kvt_added *added);

struct kvt_added_match {
    size_t start, end; /* stripped white space included */
    size_t resume;     /* where the search goes on */
    int32_t id;
};

/*
 * The next token in text at or after `from`; `taken` is where the text not yet given to a match
 * starts. False when there is none.
 */
bool kvt_added_next(const struct kvt_added *added, const char *text, size_t length, size_t from,
                    size_t taken, bool ordinary, struct kvt_added_match *match);

#endif
