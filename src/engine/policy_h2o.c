/*
 * engine/policy_h2o.c: H2O, heavy hitters (Zhang et al. 2023, arXiv:2306.14048), following the
 * authors' cache for Hugging Face models:
 *
 * - Every entry's score is the attention it has received, summed over all queries so far.
 * - The prompt is read with full causal attention (in blocks; the result is that of one pass). Then
 *   each KV head keeps `kept` entries: the kept/2 with the largest scores among those before the
 *   recent part, and the recent part, the last kept - kept/2.
 * - After that every further token (rest of the prompt, then the answer) is fed alone: it attends,
 * its attention is added to the scores, and a head that now holds more than its capacity drops the
 * entry with the smallest score among those that are not recent. The cache no longer grows.
 * - With grouped queries the score is the mean over the query heads of the KV head.
 *
 * Of equal scores the earlier entry stays. A budget of 1 drops nothing while decoding either.
 */
#include "engine/policy.h"

#include <math.h>

static size_t recent_of(size_t capacity)
{
    return capacity - capacity / 2;
}

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scores,
                           size_t *indices)
{
    size_t recent = recent_of(kept), old = view->n - recent;
    for (size_t i = 0; i < view->n; i++)
        scores[i] = i < old ? (float)view->sums[i] : INFINITY;
    kvt_policy_top(scores, view->n, kept, indices);
}

static size_t evict(const struct kvt_policy_view *view, size_t capacity)
{
    size_t first_recent =
        view->position > recent_of(capacity) ? view->position - recent_of(capacity) : 0;
    size_t worst = view->n;
    int32_t worst_position = 0;
    for (size_t i = 0; i < view->n; i++) {
        int32_t position = kvt_kv_position(view->cache, view->layer, view->head, i);
        if ((size_t)position >= first_recent)
            continue;
        if (worst == view->n || view->sums[i] < view->sums[worst] ||
            (!(view->sums[i] > view->sums[worst]) && position > worst_position)) {
            worst = i;
            worst_position = position;
        }
    }
    return worst < view->n ? worst : 0;
}

const struct kvt_policy kvt_policy_h2o = {
    .name = "h2o",
    .summary = "attention received so far, and the most recent entries; evicts while decoding too",
    .needs_sums = true,
    .select = select_entries,
    .evict = evict,
};
