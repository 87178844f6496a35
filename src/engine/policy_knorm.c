/*
 * engine/policy_knorm.c: Knorm (Devoto et al. 2024, arXiv:2406.11430): keeps the entries whose keys
 * have the smallest L2 norm.
 */
#include "engine/policy.h"

#include <math.h>

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scores,
                           size_t *indices)
{
    for (size_t i = 0; i < view->n; i++)
        scores[i] = -sqrtf(kvt_kv_key_norm2(view->cache, view->layer, view->head, i));
    kvt_policy_top(scores, view->n, kept, indices);
}

const struct kvt_policy kvt_policy_knorm = {
    .name = "knorm",
    .summary = "keys of the smallest norm",
    .select = select_entries,
};
