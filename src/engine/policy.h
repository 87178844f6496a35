/*
 * engine/policy.h: what an eviction policy is. One file policy_NAME.c defines one struct kvt_policy
 * and one row of policies.c registers it; nothing else knows its name.
 *
 * A policy sees one KV head of one layer and names the entries to keep. The engine gathers what the
 * policy says it needs, calls it after the prefill, moves the kept entries together and frees the
 * rest.
 */
#ifndef KVT_ENGINE_POLICY_H
#define KVT_ENGINE_POLICY_H

#include "engine/engine.h"
#include "engine/kv_cache.h"

struct kvt_policy_view {
    const struct kvt_kv_cache *cache; /* keys and positions of the entries */
    size_t layer, head;               /* KV head */
    size_t n_heads, group;            /* query heads of the layer; of each KV head */
    size_t n;                         /* entries of this head; entry i is the i-th in the cache */
    /*
     * Where the policy asked for a window of W queries: mean over the last W queries of their
     * softmax attention (over all entries, causal), row for each query head of the LAYER:
     * [n_heads][n]. The query heads of this KV head are rows head * group .. (head + 1) * group
     * - 1.
     */
    const float *window_mean;
    /* Where it asked for sums: over all queries so far, mean over the group's query heads. [n] */
    const double *sums;
    size_t position; /* of the next token */
    const struct kvt_policy_parameters
        *parameters; /* resolved: defaults filled in, window <= kept */
};

struct kvt_policy {
    const char *name;
    const char *summary; /* one line, for /v1/models and the manual */
    /* Last queries to observe, given the resolved parameters; NULL: none. */
    size_t (*window)(const struct kvt_policy_parameters *parameters);
    bool needs_sums; /* wants `sums` */
    /*
     * After compression the i-th kept entry stands at place i, its key rotated again, and later
     * tokens follow. The positions reported stay those of the prompt.
     */
    bool rerotate;
    /*
     * Writes `kept` indices (0 < kept < n), ascending, to `indices`. `scratch` holds n floats.
     * NULL: the policy never drops anything.
     */
    void (*select)(const struct kvt_policy_view *view, size_t kept, float *scratch,
                   size_t *indices);
    /*
     * While decoding: the entry to remove from a head that holds more than `capacity` entries.
     * NULL: the cache grows after compression.
     */
    size_t (*evict)(const struct kvt_policy_view *view, size_t capacity);
};

/* By name; NULL when there is none. */
const struct kvt_policy *kvt_policy_find(const char *name);
/* All of them in order; NULL beyond the last. */
const struct kvt_policy *kvt_policy_at(size_t index);

/*
 * Indices of the `kept` largest scores, ascending. Of equal scores the first ones are taken; NaN
 * counts as less than everything.
 */
void kvt_policy_top(const float *scores, size_t n, size_t kept, size_t *indices);

#endif
