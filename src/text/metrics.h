/* text/metrics.h: the functions behind the table in metric.c. Only the text room includes this. */
#ifndef KVT_TEXT_METRICS_H
#define KVT_TEXT_METRICS_H

#include "text/metric.h"

#define KVT_METRIC_FUNCTION(name)                                                                  \
    int kvt_metric_##name(struct kvt_scratch *scratch, const struct kvt_comparison *pair,          \
                          double *value, struct kvt_error *error);
#define KVT_EXPLAIN_FUNCTION(name)                                                                 \
    void kvt_explain_##name(struct kvt_scratch *scratch, const struct kvt_comparison *pair,        \
                            struct kvt_writer *writer);

/* qa.c */
KVT_METRIC_FUNCTION(em)
KVT_METRIC_FUNCTION(f1)
KVT_METRIC_FUNCTION(contains)
KVT_METRIC_FUNCTION(string_match)
KVT_EXPLAIN_FUNCTION(f1)
/* rouge.c */
KVT_METRIC_FUNCTION(rouge)
KVT_EXPLAIN_FUNCTION(rouge)
/* choice.c */
KVT_METRIC_FUNCTION(classification)
KVT_METRIC_FUNCTION(retrieval)
KVT_METRIC_FUNCTION(retrieval_zh)
KVT_METRIC_FUNCTION(count)
KVT_EXPLAIN_FUNCTION(classification)
KVT_EXPLAIN_FUNCTION(numbers)
/* code_sim.c */
KVT_METRIC_FUNCTION(code_difflib)
KVT_METRIC_FUNCTION(code_indel)
KVT_EXPLAIN_FUNCTION(code)

/* Fills in `common` of the first n_golds of scratch->golds: their tokens are numbered, and counted
 * in the normalised prediction once for all of them. */
void kvt_count_tokens(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                      size_t n_golds);

/* Room for `count` words of bits, uninitialised; valid until the next call. Owned by the scratch.
 */
uint64_t *kvt_scratch_bits(struct kvt_scratch *scratch, size_t count);

/* Where `needle` first stands in `text` (linear time), or NULL. An empty needle stands at the
 * start. */
const char *kvt_span_find(struct kvt_span text, struct kvt_span needle);

#endif
