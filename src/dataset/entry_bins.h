/*
 * dataset/entry_bins.h: length bins of entries that are known by their ids and come several times,
 * in as many runs as there are: each counts once.
 */
#ifndef KVT_DATASET_ENTRY_BINS_H
#define KVT_DATASET_ENTRY_BINS_H

#include "dataset/bins.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Starts as {0}. */
struct kvt_entry_bins {
    struct kvt_length_bins bins; /* once made */
    size_t count;                /* entries */
    size_t n_unknown;            /* of those, how many have no length */
    /* Its own. */
    json_t *places; /* id -> index of the entry */
    int64_t *lengths;
    size_t capacity;
    size_t *bin_of;
};

/* Adds an entry, unless it is there. A length that is NaN, below 0 or beyond 10^15 is unknown, and
 * counts as 0. */
void kvt_entry_bins_add(struct kvt_entry_bins *entries, const char *id, double length);
/* Makes n_bins bins (> 0) of what was added, by quantiles; none of no entries. Once. */
void kvt_entry_bins_make(struct kvt_entry_bins *entries, size_t n_bins);
/* The bin of an entry that was added, after the bins were made. */
size_t kvt_entry_bins_find(const struct kvt_entry_bins *entries, const char *id);
void kvt_entry_bins_free(struct kvt_entry_bins *entries);

#endif
