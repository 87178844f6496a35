/*
 * engine/policy_snapkv.c: SnapKV (Li et al. 2024, arXiv:2404.14469) with the formula of NVIDIA's
 * kvpress: the attention of the last `window` queries to the entries before the window, averaged
 * over the queries, smoothed over neighbouring entries by an average pool of width `kernel` (zeros
 * beyond the ends counted), averaged over the query heads of the KV head. The window itself always
 * stays.
 *
 * The softmax runs over all entries, window included, and is not normalised again.
 */
#include "engine/policy.h"

#include <math.h>

static size_t window_of(const struct kvt_policy_parameters *parameters)
{
    return parameters->window;
}

/* Adds the pooled row to scores. */
static void add_pooled(const float *row, size_t n, size_t kernel, float *scores)
{
    size_t half = kernel / 2;
    for (size_t i = 0; i < n; i++) {
        size_t first = i > half ? i - half : 0, last = i + half < n ? i + half : n - 1;
        float sum = 0;
        for (size_t j = first; j <= last; j++)
            sum += row[j];
        scores[i] += sum / (float)kernel;
    }
}

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scores,
                           size_t *indices)
{
    size_t window = view->parameters->window, scored = view->n - window;
    for (size_t i = 0; i < view->n; i++)
        scores[i] = i < scored ? 0 : INFINITY;
    for (size_t g = 0; g < view->group; g++)
        add_pooled(view->window_mean + (view->head * view->group + g) * view->n, scored,
                   view->parameters->kernel, scores);
    kvt_policy_top(scores, view->n, kept, indices);
}

const struct kvt_policy kvt_policy_snapkv = {
    .name = "snapkv",
    .summary = "attention of the last queries, pooled; the window stays",
    .window = window_of,
    .select = select_entries,
};
