/*
 * text/metric.h: how well a prediction matches the golds: one table of metrics, each a name, a rule
 * for the span that is scored, and a function of one prediction and one gold. LongBench v1's
 * metrics with all their quirks (THUDM/LongBench, LongBench/metrics.py), RULER's, and exact match.
 *
 * Adding a metric: one function (in a file of its own, or beside its kin) and one row in metric.c.
 */
#ifndef KVT_TEXT_METRIC_H
#define KVT_TEXT_METRIC_H

#include "core/buffer.h"
#include "core/error.h"
#include "stream/json.h"
#include "text/tokens.h"
#include "text/unicode.h"
#include "text/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One gold of the current row: its normalised text in gold_norm. */
struct kvt_gold {
    size_t start, length;
    size_t n_tokens;
    size_t common; /* tokens that are in the prediction too, each as often as in both */
};

/* Memory that scoring reuses from row to row. Zero-initialise; release with kvt_scratch_free. */
struct kvt_scratch {
    struct kvt_span around;            /* the caller's: memory in which texts stand; may be empty */
    struct kvt_buffer lower;           /* qa.c */
    struct kvt_buffer prediction_norm; /* metric.c: of the current row */
    struct kvt_buffer gold_norm;       /* all golds, one after the other */
    struct kvt_gold *golds;            /* where they stand there */
    size_t golds_capacity;
    struct kvt_words words;
    struct kvt_tokens tokens; /* of all golds, one after the other */
    struct kvt_numbers a, b, marks, counts, rows, bounds;
    struct kvt_numbers wanted, n_wanted; /* rouge.c */
    struct kvt_index index;
    uint64_t *bits; /* kvt_scratch_bits */
    size_t n_bits;
};

void kvt_scratch_free(struct kvt_scratch *scratch);

/* What a metric compares. */
struct kvt_comparison {
    struct kvt_span prediction, gold;           /* the scored span, and the gold as it stands */
    struct kvt_span prediction_norm, gold_norm; /* normalised: text/normalize.h */
    size_t prediction_tokens, gold_tokens;      /* of the normalised texts */
    size_t common_tokens; /* tokens of the one that are in the other, each as often as in both */
    const struct kvt_span *classes; /* classification only */
    size_t n_classes;
};

enum kvt_gold_rule {
    KVT_GOLD_BEST, /* the best gold counts, starting at 0 */
    KVT_GOLD_MEAN, /* the mean over all golds */
};

struct kvt_metric {
    const char *name;
    const char *backend; /* which implementation's figures these are */
    const char *help;
    enum kvt_gold_rule golds;
    bool code_line;     /* scores the first line that is not a comment, not the whole span */
    bool needs_classes; /* without all_classes there is no score */
    /* Sets *value to 0..1. Returns -1 with *error set if the gold does not fit the metric. */
    int (*score)(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                 struct kvt_error *error);
    /* Writes members that say why; may be NULL. */
    void (*explain)(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                    struct kvt_writer *writer);
};

extern const struct kvt_metric kvt_metrics[]; /* ends with a NULL name */

/* The metric of that name; where there are several backends, the one named (NULL: the first). NULL
 * if there is none. */
const struct kvt_metric *kvt_metric_find(const char *name, const char *backend);

/* LongBench's first-line rule: leading newlines away (not spaces, not \r), then up to the first
 * newline. *complete (may be NULL): a newline ended the line. */
struct kvt_span kvt_span_first_line(struct kvt_span text, bool *complete);
/* code_sim's choice: leading newlines away, then the first line without a backtick, # and //. */
struct kvt_span kvt_span_code_line(struct kvt_span text);

/* The score of one row. */
struct kvt_score {
    double value;
    double em, f1, contains;    /* of the best gold for each, whatever the metric */
    size_t best;                /* the gold that gave `value`, the first of equals */
    struct kvt_comparison pair; /* prediction and best gold; valid until the next row is scored */
};

/*
 * Scores the span against the golds. Returns -1 with *error set if the row cannot be scored: no
 * gold, no classes for classification, a gold that does not fit.
 */
int kvt_score_row(struct kvt_scratch *scratch, const struct kvt_metric *metric,
                  struct kvt_span span, const struct kvt_span *golds, size_t n_golds,
                  const struct kvt_span *classes, size_t n_classes, struct kvt_score *score,
                  struct kvt_error *error);

#endif
