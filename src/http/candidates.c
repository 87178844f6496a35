#include "http/candidates.h"

#include "core/memory.h"
#include "stream/json.h"

#include <stdbool.h>
#include <stdlib.h>

void kvt_candidates_add(struct kvt_candidates *candidates, json_t *entry)
{
    struct kvt_candidate candidate = {.bin = kvt_json_integer(entry, "bin_idx", 0),
                                      .token_len = kvt_json_integer(entry, "token_len", 0),
                                      .entry = entry};
    if (!candidates->longest.entry || candidate.token_len > candidates->longest.token_len) {
        json_decref(candidates->longest.entry);
        candidates->longest = candidate;
        json_incref(entry);
    }
    for (size_t i = 0; i < candidates->n; i++)
        if (candidates->items[i].bin == candidate.bin)
            return;
    kvt_grow(&candidates->items, &candidates->capacity, candidates->n, sizeof *candidates->items);
    size_t place = candidates->n++;
    for (; place > 0 && candidates->items[place - 1].token_len > candidate.token_len; place--)
        candidates->items[place] = candidates->items[place - 1];
    candidates->items[place] = candidate;
    json_incref(entry);
}

void kvt_candidates_free(struct kvt_candidates *candidates)
{
    for (size_t i = 0; i < candidates->n; i++)
        json_decref(candidates->items[i].entry);
    json_decref(candidates->longest.entry);
    free(candidates->items);
    *candidates = (struct kvt_candidates){0};
}

size_t kvt_candidates_pick(const struct kvt_candidates *candidates,
                           const struct kvt_candidate **picked, size_t most)
{
    size_t n = candidates->n;
    bool listed = n > 0 && candidates->items[n - 1].entry == candidates->longest.entry;
    size_t all = n + (n > 0 && !listed);
    size_t wanted = all < most ? all : most;
    for (size_t i = 0; i < wanted; i++) {
        size_t place = wanted == 1 ? 0 : i * (all - 1) / (wanted - 1);
        picked[i] = place < n ? &candidates->items[place] : &candidates->longest;
    }
    return wanted;
}
