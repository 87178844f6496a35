#include "text/metric.h"

#include "core/memory.h"
#include "text/metrics.h"
#include "text/normalize.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct kvt_metric kvt_metrics[] = {
    {"em", "longbench", "normalised texts are equal",
     KVT_GOLD_BEST, false, false, kvt_metric_em, NULL},
    {"qa_f1", "longbench", "F1 of normalised tokens, as multisets",
     KVT_GOLD_BEST, false, false, kvt_metric_f1, kvt_explain_f1},
    {"contains", "longbench", "the normalised gold stands in the normalised prediction, whole words",
     KVT_GOLD_BEST, false, false, kvt_metric_contains, NULL},
    {"rouge", "rouge-1.0.1", "rouge-l, summary level, on sets of words",
     KVT_GOLD_BEST, false, false, kvt_metric_rouge, kvt_explain_rouge},
    {"classification", "longbench", "1 / classes named, if the gold is one of them",
     KVT_GOLD_BEST, false, true, kvt_metric_classification, kvt_explain_classification},
    {"retrieval", "longbench", "share of the numbers that are the gold paragraph's",
     KVT_GOLD_BEST, false, false, kvt_metric_retrieval, kvt_explain_numbers},
    {"retrieval_zh", "longbench", "the same for Chinese paragraph marks",
     KVT_GOLD_BEST, false, false, kvt_metric_retrieval_zh, kvt_explain_numbers},
    {"count", "longbench", "share of the numbers that are the gold's",
     KVT_GOLD_BEST, false, false, kvt_metric_count, kvt_explain_numbers},
    {"code_sim", "difflib", "similarity of the first code line, in whole percent",
     KVT_GOLD_BEST, true, false, kvt_metric_code_difflib, kvt_explain_code},
    {"code_sim", "indel", "similarity of the first code line, in whole percent",
     KVT_GOLD_BEST, true, false, kvt_metric_code_indel, kvt_explain_code},
    {"string_match_all", "ruler", "share of the golds that stand in the prediction, case ignored",
     KVT_GOLD_MEAN, false, false, kvt_metric_string_match, NULL},
    {"string_match_part", "ruler", "a gold stands in the prediction, case ignored",
     KVT_GOLD_BEST, false, false, kvt_metric_string_match, NULL},
    {NULL, NULL, NULL, KVT_GOLD_BEST, false, false, NULL, NULL},
};
/* clang-format on */

const struct kvt_metric *kvt_metric_find(const char *name, const char *backend)
{
    const struct kvt_metric *first = NULL;
    for (const struct kvt_metric *metric = kvt_metrics; metric->name; metric++) {
        if (strcmp(metric->name, name) != 0)
            continue;
        if (backend && strcmp(metric->backend, backend) == 0)
            return metric;
        if (!first)
            first = metric;
    }
    return first;
}

void kvt_scratch_free(struct kvt_scratch *scratch)
{
    kvt_buffer_free(&scratch->lower);
    kvt_buffer_free(&scratch->prediction_norm);
    kvt_buffer_free(&scratch->gold_norm);
    kvt_words_free(&scratch->words);
    kvt_tokens_free(&scratch->tokens);
    free(scratch->golds);
    free(scratch->a.data);
    free(scratch->b.data);
    free(scratch->marks.data);
    free(scratch->counts.data);
    free(scratch->rows.data);
    free(scratch->bounds.data);
    free(scratch->wanted.data);
    free(scratch->n_wanted.data);
    kvt_index_free(&scratch->index);
    free(scratch->bits);
    *scratch = (struct kvt_scratch){0};
}

uint64_t *kvt_scratch_bits(struct kvt_scratch *scratch, size_t count)
{
    if (count > scratch->n_bits) {
        free(scratch->bits);
        scratch->bits = kvt_alloc_array(count, sizeof *scratch->bits);
        scratch->n_bits = count;
    }
    return scratch->bits;
}

static struct kvt_span without_newlines(struct kvt_span text)
{
    while (text.length > 0 && text.data[0] == '\n') {
        text.data++;
        text.length--;
    }
    return text;
}

static struct kvt_span line_of(struct kvt_span text, bool *complete)
{
    const char *newline = text.length ? memchr(text.data, '\n', text.length) : NULL;
    if (complete)
        *complete = newline != NULL;
    if (newline)
        text.length = (size_t)(newline - text.data);
    return text;
}

struct kvt_span kvt_span_first_line(struct kvt_span text, bool *complete)
{
    return line_of(without_newlines(text), complete);
}

static bool is_code(struct kvt_span line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.data[i] == '`' || line.data[i] == '#' ||
            (line.data[i] == '/' && i + 1 < line.length && line.data[i + 1] == '/'))
            return false;
    return true;
}

struct kvt_span kvt_span_code_line(struct kvt_span text)
{
    text = without_newlines(text);
    for (;;) {
        bool more;
        struct kvt_span line = line_of(text, &more);
        if (is_code(line))
            return line;
        if (!more)
            return (struct kvt_span){text.data, 0};
        text.data += line.length + 1;
        text.length -= line.length + 1;
    }
}

static void set_gold(const struct kvt_scratch *scratch, struct kvt_comparison *pair,
                     const struct kvt_span *golds, size_t i)
{
    const struct kvt_gold *gold = &scratch->golds[i];
    pair->gold = golds[i];
    pair->gold_norm = (struct kvt_span){scratch->gold_norm.data + gold->start, gold->length};
    pair->gold_tokens = gold->n_tokens;
    pair->common_tokens = gold->common;
}

/* Bytes that can be read from the text's start on. */
static size_t readable(const struct kvt_scratch *scratch, struct kvt_span text)
{
    const uintptr_t from = (uintptr_t)text.data, start = (uintptr_t)scratch->around.data;
    const size_t before = from - start; /* huge if it starts earlier */
    return before < scratch->around.length ? scratch->around.length - before : text.length;
}

static size_t normalize(const struct kvt_scratch *scratch, struct kvt_buffer *out,
                        struct kvt_span text)
{
    return kvt_normalize_english_within(out, text.data, text.length, readable(scratch, text));
}

static void normalize_all(struct kvt_scratch *scratch, struct kvt_comparison *pair,
                          const struct kvt_span *golds, size_t n_golds)
{
    struct kvt_buffer *norm = &scratch->prediction_norm;
    kvt_buffer_clear(norm);
    pair->prediction_tokens = normalize(scratch, norm, pair->prediction);
    pair->prediction_norm = (struct kvt_span){norm->data, norm->length};
    size_t bytes = 0;
    for (size_t i = 0; i < n_golds; i++)
        bytes += KVT_NORMALIZE_ROOM(golds[i].length);
    norm = &scratch->gold_norm;
    kvt_buffer_clear(norm);
    kvt_buffer_reserve(norm, bytes); /* the tables of words borrow from it: it does not move */
    for (size_t i = 0; i < n_golds; i++) {
        kvt_grow(&scratch->golds, &scratch->golds_capacity, i, sizeof *scratch->golds);
        struct kvt_gold *gold = &scratch->golds[i];
        *gold = (struct kvt_gold){.start = norm->length};
        gold->n_tokens = normalize(scratch, norm, golds[i]);
        gold->length = norm->length - gold->start;
    }
    kvt_count_tokens(scratch, pair, n_golds);
}

static void raise(double *best, double value)
{
    if (value > *best)
        *best = value;
}

/* What every row gets, whatever its metric. Returns the pair's F1. */
static double compare(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                      struct kvt_score *score)
{
    double value = 0, f1 = 0;
    kvt_metric_em(scratch, pair, &value, NULL);
    raise(&score->em, value);
    kvt_metric_f1(scratch, pair, &f1, NULL);
    raise(&score->f1, f1);
    if (score->contains < 1 &&
        pair->common_tokens == pair->gold_tokens) { /* or it cannot stand there whole */
        kvt_metric_contains(scratch, pair, &value, NULL);
        raise(&score->contains, value);
    }
    return f1;
}

int kvt_score_row(struct kvt_scratch *scratch, const struct kvt_metric *metric,
                  struct kvt_span span, const struct kvt_span *golds, size_t n_golds,
                  const struct kvt_span *classes, size_t n_classes, struct kvt_score *score,
                  struct kvt_error *error)
{
    score->value = score->em = score->f1 = score->contains = 0;
    score->best = 0;
    if (n_golds == 0)
        return kvt_fail(error, KVT_DATA, "no gold answer to score against (answers is empty)");
    if (metric->needs_classes && n_classes == 0)
        return kvt_fail(error, KVT_DATA, "metric %s needs meta.all_classes", metric->name);
    struct kvt_comparison *pair = &score->pair;
    *pair = (struct kvt_comparison){.prediction = span, .classes = classes, .n_classes = n_classes};
    normalize_all(scratch, pair, golds, n_golds);
    double sum = 0, best = 0;
    for (size_t i = 0; i < n_golds; i++) {
        set_gold(scratch, pair, golds, i);
        const double f1 = compare(scratch, pair, score);
        double value = 0;
        if (metric->score == kvt_metric_f1)
            value = f1;
        else if (metric->score(scratch, pair, &value, error) != 0)
            return -1;
        sum += value;
        if (value > best) {
            best = value;
            score->best = i;
        }
    }
    score->value = metric->golds == KVT_GOLD_MEAN ? sum / (double)n_golds : best;
    set_gold(scratch, pair, golds, score->best);
    return 0;
}
