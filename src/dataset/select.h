/*
 * dataset/select.h: which of the binned examples become entries: so many of each bin, or those
 * named.
 */
#ifndef KVT_DATASET_SELECT_H
#define KVT_DATASET_SELECT_H

#include "core/error.h"
#include "dataset/bins.h"
#include "dataset/examples.h"

#include <jansson.h>
#include <stddef.h>

/*
 * Selects the first of each bin's order: `n_per_bin` (dataset.n_per_bin) is their number, or a list
 * of one for each of the `n_bins` bins that were asked for, of which empty ones were dropped. -1
 * and *error (KVT_USAGE) when the list has another length.
 */
int kvt_select_first(struct kvt_examples *examples, const struct kvt_length_bins *bins,
                     const json_t *n_per_bin, size_t n_bins, struct kvt_error *error);

/* Selects the examples of these ids (dataset.ids, texts). -1 and *error (KVT_DATA) when no row has
 * one of them. */
int kvt_select_pinned(struct kvt_examples *examples, const json_t *ids, struct kvt_error *error);

#endif
