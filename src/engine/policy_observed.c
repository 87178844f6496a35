/*
 * engine/policy_observed.c: ObservedAttention, NVIDIA kvpress's reading of H2O: the attention an
 * entry has received, divided by the number of queries that could see it. No entry is protected,
 * and nothing is evicted while decoding; policy_h2o.c is the original.
 */
#include "engine/policy.h"

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scores,
                           size_t *indices)
{
    for (size_t i = 0; i < view->n; i++)
        scores[i] = (float)(view->sums[i] / (double)(view->n - i));
    kvt_policy_top(scores, view->n, kept, indices);
}

const struct kvt_policy kvt_policy_observed = {
    .name = "observed",
    .summary = "mean attention received from the queries that see the entry",
    .needs_sums = true,
    .select = select_entries,
};
