/*
 * engine/policy_tova.c: TOVA (Oren et al. 2024, arXiv:2401.06104) with the formula of NVIDIA's
 * kvpress: the attention of the last query, averaged over all query heads of the layer, so that all
 * KV heads of a layer keep the same entries. The last entry always stays. Applied once, after the
 * prefill.
 */
#include "engine/policy.h"

#include <math.h>

static size_t window_of(const struct kvt_policy_parameters *parameters)
{
    (void)parameters;
    return 1;
}

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scores,
                           size_t *indices)
{
    for (size_t i = 0; i + 1 < view->n; i++) {
        float sum = 0;
        for (size_t h = 0; h < view->n_heads; h++)
            sum += view->window_mean[h * view->n + i];
        scores[i] = sum / (float)view->n_heads;
    }
    scores[view->n - 1] = INFINITY;
    kvt_policy_top(scores, view->n, kept, indices);
}

const struct kvt_policy kvt_policy_tova = {
    .name = "tova",
    .summary = "attention of the last query, one choice for all heads of a layer",
    .window = window_of,
    .select = select_entries,
};
