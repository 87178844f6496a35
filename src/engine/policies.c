#include "engine/policy.h"

#include <string.h>

extern const struct kvt_policy kvt_policy_full, kvt_policy_snapkv, kvt_policy_streamingllm,
    kvt_policy_streamingllm_rerotated, kvt_policy_h2o, kvt_policy_random, kvt_policy_tova,
    kvt_policy_knorm, kvt_policy_observed;

/* Adding a policy: one file policy_NAME.c, its declaration above and its row here. */
static const struct kvt_policy *const policies[] = {
    &kvt_policy_full,         &kvt_policy_snapkv,
    &kvt_policy_streamingllm, &kvt_policy_streamingllm_rerotated,
    &kvt_policy_h2o,          &kvt_policy_random,
    &kvt_policy_tova,         &kvt_policy_knorm,
    &kvt_policy_observed,
};

enum { N_POLICIES = sizeof policies / sizeof *policies };

const struct kvt_policy *kvt_policy_find(const char *name)
{
    for (size_t i = 0; i < N_POLICIES; i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    return NULL;
}

const struct kvt_policy *kvt_policy_at(size_t index)
{
    return index < N_POLICIES ? policies[index] : NULL;
}

/* Unsigned number in the order of the float; NaN lowest, -0 and 0 the same. */
static uint32_t ordered(float score)
{
    if (!(score == score))
        return 0;
    uint32_t bits;
    score += 0.0F;
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

/* The smallest ordered value among the `kept` largest: radix selection, a byte at a time. */
static uint32_t threshold(const float *scores, size_t n, size_t kept)
{
    uint32_t prefix = 0, mask = 0;
    size_t wanted = kept;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t count[256] = {0};
        for (size_t i = 0; i < n; i++) {
            uint32_t value = ordered(scores[i]);
            if ((value & mask) == prefix)
                count[value >> shift & 255]++;
        }
        uint32_t digit = 255;
        while (count[digit] < wanted)
            wanted -= count[digit--];
        prefix |= digit << shift;
        mask |= 255U << shift;
    }
    return prefix;
}

void kvt_policy_top(const float *scores, size_t n, size_t kept, size_t *indices)
{
    if (kept == 0)
        return;
    uint32_t least = threshold(scores, n, kept);
    size_t above = 0, out = 0;
    for (size_t i = 0; i < n; i++)
        above += ordered(scores[i]) > least;
    size_t equal = kept - above; /* how many of the entries that tie at the threshold are kept */
    for (size_t i = 0; i < n; i++) {
        uint32_t value = ordered(scores[i]);
        if (value > least)
            indices[out++] = i;
        else if (value == least && equal > 0) {
            indices[out++] = i;
            equal--;
        }
    }
}
