/*
 * http/candidates.h: entries spread over length, kept from a stream of unknown size: one per bin,
 * and the longest.
 */
#ifndef KVT_HTTP_CANDIDATES_H
#define KVT_HTTP_CANDIDATES_H

#include <jansson.h>
#include <stddef.h>

struct kvt_candidate {
    long long bin, token_len;
    json_t *entry;
};

/* Zero-initialised: none. Release with kvt_candidates_free. */
struct kvt_candidates {
    struct kvt_candidate *items; /* the first of each bin, in order of length */
    size_t n, capacity;
    struct kvt_candidate longest; /* entry NULL: none yet; may be one of the items */
};

/* Takes a reference of its own where it keeps the entry (an entry record). */
void kvt_candidates_add(struct kvt_candidates *candidates, json_t *entry);
/*
 * Picks up to `most`, spread over length, the shortest bin's and the longest of all among them.
 * Returns how many; they are borrowed.
 */
size_t kvt_candidates_pick(const struct kvt_candidates *candidates,
                           const struct kvt_candidate **picked, size_t most);
void kvt_candidates_free(struct kvt_candidates *candidates);

#endif
