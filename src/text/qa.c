/* Metrics of normalised texts (LongBench's qa_f1_score) and RULER's substring match. */
#define _GNU_SOURCE /* memmem: two-way search, linear in the worst case */
#include "text/metrics.h"

#include <string.h>

const char *kvt_span_find(struct kvt_span text, struct kvt_span needle)
{
    if (needle.length == 0)
        return text.data;
    if (text.length < needle.length)
        return NULL;
    return memmem(text.data, text.length, needle.data, needle.length);
}

/* The text without white space at its ends (ASCII, as the answers of single letters are). */
static struct kvt_span stripped(struct kvt_span text)
{
    while (text.length && strchr(" \t\r\n", text.data[0]))
        text.data++, text.length--;
    while (text.length && strchr(" \t\r\n", text.data[text.length - 1]))
        text.length--;
    return text;
}

static bool same(struct kvt_span a, struct kvt_span b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

int kvt_metric_em(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                  struct kvt_error *error)
{
    (void)scratch, (void)error;
    *value = same(pair->gold_norm, pair->prediction_norm);
    /* "A" normalises to nothing, an article as it is; then the texts themselves must be the same.
     */
    if (pair->gold_norm.length == 0 && *value > 0) {
        struct kvt_span prediction = stripped(pair->prediction);
        *value = prediction.length > 0 && same(prediction, stripped(pair->gold));
    }
    return 0;
}

void kvt_count_tokens(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                      size_t n_golds)
{
    struct kvt_tokens *tokens = &scratch->tokens;
    size_t n = 0;
    for (size_t i = 0; i < n_golds; i++)
        n += scratch->golds[i].n_tokens;
    kvt_tokens_start(tokens, pair->prediction_norm, pair->prediction_tokens, n);
    for (size_t i = 0; i < n_golds; i++) {
        const struct kvt_gold *gold = &scratch->golds[i];
        kvt_tokens_add(tokens,
                       (struct kvt_span){scratch->gold_norm.data + gold->start, gold->length});
    }
    kvt_tokens_count(tokens);
    for (size_t i = 0; i < n_golds; i++)
        scratch->golds[i].common = kvt_tokens_common(tokens, i);
}

int kvt_metric_f1(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                  struct kvt_error *error)
{
    (void)scratch, (void)error;
    size_t common = pair->common_tokens;
    *value = 0;
    if (common > 0) {
        double precision = (double)common / (double)pair->prediction_tokens;
        double recall = (double)common / (double)pair->gold_tokens;
        *value = 2 * precision * recall / (precision + recall);
    }
    return 0;
}

void kvt_explain_f1(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                    struct kvt_writer *writer)
{
    (void)scratch;
    kvt_member_integer(writer, "common_tokens", (long long)pair->common_tokens);
    kvt_member_integer(writer, "pred_tokens", (long long)pair->prediction_tokens);
    kvt_member_integer(writer, "gold_tokens", (long long)pair->gold_tokens);
}

int kvt_metric_contains(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                        double *value, struct kvt_error *error)
{
    (void)scratch, (void)error;
    struct kvt_span text = pair->prediction_norm, gold = pair->gold_norm;
    const char *end = text.data + text.length;
    *value = 0;
    for (const char *at; gold.length > 0 && (at = kvt_span_find(text, gold));) {
        const char *after = at + gold.length;
        if ((at == pair->prediction_norm.data || at[-1] == ' ') &&
            (after == end || *after == ' ')) {
            *value = 1;
            break;
        }
        /* The next place where the gold can stand whole begins after a space. */
        const char *space = memchr(at, ' ', (size_t)(end - at));
        if (!space)
            break;
        text = (struct kvt_span){space + 1, (size_t)(end - space - 1)};
    }
    return 0;
}

int kvt_metric_string_match(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                            double *value, struct kvt_error *error)
{
    (void)error;
    struct kvt_buffer *lower = &scratch->lower;
    kvt_buffer_clear(lower);
    kvt_unicode_lower(lower, pair->prediction.data, pair->prediction.length);
    size_t length = lower->length;
    kvt_unicode_lower(lower, pair->gold.data, pair->gold.length);
    struct kvt_span text = {lower->data, length};
    struct kvt_span gold = {lower->data + length, lower->length - length};
    *value = kvt_span_find(text, gold) != NULL;
    return 0;
}
