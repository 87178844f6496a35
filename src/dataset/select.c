#include "dataset/select.h"

#include <string.h>

static size_t wanted_of(const json_t *n_per_bin, size_t bin)
{
    const json_t *value = json_is_array(n_per_bin) ? json_array_get(n_per_bin, bin) : n_per_bin;
    return (size_t)json_integer_value(value);
}

int kvt_select_first(struct kvt_examples *examples, const struct kvt_length_bins *bins,
                     const json_t *n_per_bin, size_t n_bins, struct kvt_error *error)
{
    if (json_is_array(n_per_bin) && json_array_size(n_per_bin) != n_bins)
        return kvt_fail(error, KVT_USAGE, "dataset.n_per_bin lists %zu numbers for %zu bins",
                        json_array_size(n_per_bin), n_bins);
    for (size_t i = 0; i < examples->count; i++) {
        struct kvt_example *example = &examples->items[i];
        example->selected =
            example->rank < wanted_of(n_per_bin, bins->bins[example->bin_idx].asked);
    }
    return 0;
}

int kvt_select_pinned(struct kvt_examples *examples, const json_t *ids, struct kvt_error *error)
{
    for (size_t k = 0; k < json_array_size(ids); k++) {
        const char *id = json_string_value(json_array_get(ids, k));
        bool found = false;
        for (size_t i = 0; i < examples->count; i++) {
            if (strcmp(examples->items[i].id, id) != 0)
                continue;
            examples->items[i].selected = true;
            found = true;
        }
        if (!found)
            return kvt_fail(error, KVT_DATA, "dataset.ids names %s, and no row has that id", id);
    }
    return 0;
}
