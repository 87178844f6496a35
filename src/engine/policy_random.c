/*
 * engine/policy_random.c: keeps a uniform random subset, of its own for every layer and KV head:
 * the floor any policy should beat. The same seed and prompt length give the same subset.
 */
#include "core/random.h"
#include "engine/policy.h"

#include <stdio.h>

/* Selection sampling: entry i is kept with probability (still wanted) / (still to come). */
static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scratch,
                           size_t *indices)
{
    (void)scratch;
    char purpose[96];
    snprintf(purpose, sizeof purpose, "kv-random %zu %zu %zu", view->n, view->layer, view->head);
    struct kvt_random random;
    kvt_random_stream(&random, view->parameters->seed, purpose);
    size_t out = 0;
    for (size_t i = 0; out < kept; i++)
        if (kvt_random_bounded(&random, (uint32_t)(view->n - i)) < kept - out)
            indices[out++] = i;
}

const struct kvt_policy kvt_policy_random = {
    .name = "random",
    .summary = "a random subset, seeded",
    .select = select_entries,
};
