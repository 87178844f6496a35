#include "text/pattern.h"

#include "core/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

enum { STEPS_MAX = 1000000 /* backtracking steps of one search */ };

struct kvt_pattern {
    char *text;
    pcre2_code *code;
    bool jit;        /* there is machine code of it */
    bool opens[128]; /* whether a text that it matches can begin with this character */
};

struct kvt_matcher {
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

struct kvt_matcher *kvt_matcher_make(void)
{
    struct kvt_matcher *matcher = kvt_alloc(sizeof *matcher);
    matcher->match = pcre2_match_data_create(1, NULL); /* only whether it matches is asked */
    matcher->limits = pcre2_match_context_create(NULL);
    if (!matcher->match || !matcher->limits)
        kvt_die(KVT_SYSTEM, "out of memory (a pattern)");
    pcre2_set_match_limit(matcher->limits, STEPS_MAX);
    return matcher;
}

void kvt_matcher_free(struct kvt_matcher *matcher)
{
    if (!matcher)
        return;
    pcre2_match_data_free(matcher->match);
    pcre2_match_context_free(matcher->limits);
    free(matcher);
}

/*
 * A pattern that matches at the start of a text only and fails on its first character without
 * having asked what comes behind it (else the match would be a partial one) fails on every text
 * that begins so. Refusals are looked for in every row, and most rows are none by their first byte.
 */
static void find_openings(struct kvt_pattern *pattern)
{
    uint32_t options = 0;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    bool anchored = match &&
                    pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &options) == 0 &&
                    options & PCRE2_ANCHORED;
    for (size_t i = 0; i < sizeof pattern->opens; i++) {
        const PCRE2_UCHAR first = (PCRE2_UCHAR)i;
        pattern->opens[i] = !anchored || pcre2_match(pattern->code, &first, 1, 0,
                                                     PCRE2_NO_UTF_CHECK | PCRE2_PARTIAL_SOFT, match,
                                                     NULL) != PCRE2_ERROR_NOMATCH;
    }
    pcre2_match_data_free(match);
}

struct kvt_pattern *kvt_pattern_compile(const char *text, struct kvt_error *error)
{
    int number;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &offset, NULL);
    if (!code) {
        PCRE2_UCHAR why[160];
        pcre2_get_error_message(number, why, sizeof why);
        kvt_fail(error, KVT_USAGE, "pattern \"%s\": %s at offset %zu", text, (const char *)why,
                 (size_t)offset);
        return NULL;
    }
    struct kvt_pattern *pattern = kvt_alloc(sizeof *pattern);
    pattern->text = kvt_strdup(text);
    pattern->code = code;
    find_openings(pattern);
    /* Where it is not available, the interpreter runs. */
    pattern->jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    return pattern;
}

bool kvt_pattern_opens(const struct kvt_pattern *pattern, unsigned char first)
{
    return first >= sizeof pattern->opens || pattern->opens[first];
}

int kvt_pattern_search(const struct kvt_pattern *pattern, struct kvt_matcher *matcher,
                       struct kvt_span text, struct kvt_error *error)
{
    if (text.length && !kvt_pattern_opens(pattern, (unsigned char)text.data[0]))
        return 0;
    /* What pcre2_match does with compiled code, without looking at its arguments first. */
    int status = PCRE2_ERROR_JIT_BADOPTION;
    if (pattern->jit)
        status = pcre2_jit_match(pattern->code, (PCRE2_SPTR)text.data, text.length, 0,
                                 PCRE2_NO_UTF_CHECK, matcher->match, matcher->limits);
    if (status == PCRE2_ERROR_JIT_BADOPTION)
        status = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.length, 0,
                             PCRE2_NO_UTF_CHECK, matcher->match, matcher->limits);
    if (status >= 0)
        return 1;
    if (status == PCRE2_ERROR_NOMATCH)
        return 0;
    PCRE2_UCHAR why[160];
    pcre2_get_error_message(status, why, sizeof why);
    return kvt_fail(error, KVT_DATA, "pattern \"%s\" gives up on this text: %s", pattern->text,
                    (const char *)why);
}

void kvt_pattern_free(struct kvt_pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    free(pattern->text);
    free(pattern);
}
