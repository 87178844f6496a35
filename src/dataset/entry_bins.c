#include "dataset/entry_bins.h"

#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>

void kvt_entry_bins_add(struct kvt_entry_bins *entries, const char *id, double length)
{
    if (!entries->places)
        entries->places = json_object();
    if (json_object_get(entries->places, id))
        return;
    bool known = length >= 0 && length < 1e15;
    entries->n_unknown += !known;
    kvt_grow(&entries->lengths, &entries->capacity, entries->count, sizeof *entries->lengths);
    entries->lengths[entries->count] = known ? (int64_t)length : 0;
    json_object_set_new(entries->places, id, json_integer((json_int_t)entries->count++));
}

void kvt_entry_bins_make(struct kvt_entry_bins *entries, size_t n_bins)
{
    if (entries->count == 0)
        return;
    entries->bin_of = kvt_alloc_array(entries->count, sizeof *entries->bin_of);
    kvt_bins_make(&entries->bins, entries->lengths, entries->count, n_bins, entries->bin_of);
}

size_t kvt_entry_bins_find(const struct kvt_entry_bins *entries, const char *id)
{
    return entries->bin_of[json_integer_value(json_object_get(entries->places, id))];
}

void kvt_entry_bins_free(struct kvt_entry_bins *entries)
{
    kvt_bins_free(&entries->bins);
    json_decref(entries->places);
    free(entries->lengths);
    free(entries->bin_of);
    *entries = (struct kvt_entry_bins){0};
}
