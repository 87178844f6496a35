/*
 * token/split.h: where a text is cut into pieces before byte-pair encoding. The patterns in common
 * use are written out by hand; any other goes through PCRE2 (token/pattern.h).
 */
#ifndef KVT_TOKEN_SPLIT_H
#define KVT_TOKEN_SPLIT_H

#include <stddef.h>

enum kvt_split_family {
    KVT_SPLIT_GPT2,   /* also r50k, p50k */
    KVT_SPLIT_LLAMA3, /* cl100k as Hugging Face files write it; digits in threes */
    KVT_SPLIT_QWEN2,  /* the same with single digits */
    KVT_SPLIT_CL100K, /* as tiktoken writes it: white space at the end of the text is one piece */
    KVT_SPLIT_O200K,  /* case-aware words */
    KVT_SPLIT_VISIBLE_SPACE, /* before each U+2581 */
    KVT_SPLIT_FAMILIES,
};

/*
 * The pieces from text[at] on, at < length, no more than `most` of them: sets where each ends and
 * returns their number, at least 1 if `most` is. The text ends at `length`.
 */
typedef size_t (*kvt_split_function)(const char *text, size_t length, size_t at, size_t *ends,
                                     size_t most);

/* The hand-written function for a family. Call kvt_unicode_prepare() before using it. */
kvt_split_function kvt_split_by_family(enum kvt_split_family family);
/* The family whose pattern is, character for character, `pattern`; -1 if it is none of them. */
int kvt_split_family_of(const char *pattern);

#endif
