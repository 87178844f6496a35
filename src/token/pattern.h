/*
 * token/pattern.h: split patterns nobody wrote by hand, through PCRE2, with the meaning the
 * reference library gives them: Unicode 16 properties, \s as White_Space. What the two libraries
 * read differently is refused by name.
 */
#ifndef KVT_TOKEN_PATTERN_H
#define KVT_TOKEN_PATTERN_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum kvt_regex_dialect {
    KVT_PATTERN_ONIGURUMA, /* tokenizer.json: ^ and $ at every line */
    KVT_PATTERN_RUST,      /* tiktoken: $ only at the end of the text */
};

struct kvt_regex; /* immutable, shareable between threads */

/* NULL and *error when the pattern cannot be used exactly. */
struct kvt_regex *kvt_regex_compile(const char *pattern, enum kvt_regex_dialect dialect,
                                    struct kvt_error *error);
/* A pattern that matches exactly this text. */
struct kvt_regex *kvt_regex_literal(const char *text, size_t length);
bool kvt_regex_is_literal(const struct kvt_regex *pattern, const char *text);
void kvt_regex_free(struct kvt_regex *pattern);

/* One text under search, with its working memory. Zero-initialise; the buffers are reused. */
struct kvt_regex_search {
    const struct kvt_regex *pattern;
    const char *text;
    size_t length;
    size_t at;
    void *match_data, *context, *stack;
    struct kvt_buffer rewritten; /* the text with stand-ins, when it has code points they replace */
};

void kvt_regex_start(struct kvt_regex_search *search, const struct kvt_regex *pattern,
                     const char *text, size_t length);
/* The next match: 1 and its place, 0 when there is none, -1 and *error. Empty matches are passed
 * over. */
int kvt_regex_next(struct kvt_regex_search *search, size_t *start, size_t *end,
                   struct kvt_error *error);
void kvt_regex_end(struct kvt_regex_search *search);

#endif
