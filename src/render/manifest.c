#include "render/manifest.h"

#include "core/memory.h"
#include "render/pretty.h"

#include <stdlib.h>
#include <string.h>

/* Copies members that are there; the rest becomes null, so that the document has one form. */
static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        if (value)
            json_object_set(to, *names, value);
        else
            json_object_set_new(to, *names, json_null());
    }
}

static int by_rank(const void *left, const void *right)
{
    const json_t *a = *(const json_t *const *)left, *b = *(const json_t *const *)right;
    long long rank_a = kvt_json_integer(a, "rank", 0), rank_b = kvt_json_integer(b, "rank", 0);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    return strcmp(kvt_json_text(a, "entry_id", ""), kvt_json_text(b, "entry_id", ""));
}

static bool belongs(const json_t *record, const char *dataset_id, long long bin)
{
    return strcmp(kvt_json_text(record, "dataset_id", ""), dataset_id) == 0 &&
           (bin < 0 || kvt_json_integer(record, "bin_idx", -1) == bin);
}

/* The entries of a bin in their frozen order, each once. New reference. */
static json_t *bin_entries(const struct kvt_results *results, const char *dataset_id, long long bin)
{
    static const char *const members[] = {"entry_id", "example_id",    "rank", "token_len",
                                          "cluster",  "prompt_sha256", NULL};
    size_t n = 0, index;
    json_t *record, *list = json_array();
    const json_t **found = kvt_alloc_array(json_array_size(results->entries), sizeof *found);
    json_array_foreach(results->entries, index, record)
    {
        if (belongs(record, dataset_id, bin))
            found[n++] = record;
    }
    qsort(found, n, sizeof *found, by_rank);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && strcmp(kvt_json_text(found[i], "entry_id", ""),
                            kvt_json_text(found[i - 1], "entry_id", "")) == 0)
            continue; /* manifest and stream read together */
        json_t *entry = json_object();
        copy_members(entry, found[i], members);
        json_array_append_new(list, entry);
    }
    free(found);
    return list;
}

/* Bins of a dataset, by number; a replayed bin counts once. New reference. */
static json_t *dataset_bins(const struct kvt_results *results, const char *dataset_id)
{
    static const char *const members[] = {"bin_idx",    "bin_id",     "token_min", "token_max",
                                          "n_examples", "n_selected", NULL};
    json_t *list = json_array();
    for (long long b = 0; b < KVT_BIN_LIMIT; b++) {
        size_t index;
        json_t *record;
        json_array_foreach(results->bins, index, record)
        {
            if (!belongs(record, dataset_id, b))
                continue;
            json_t *bin = json_object();
            copy_members(bin, record, members);
            json_object_set_new(bin, "entries", bin_entries(results, dataset_id, b));
            json_array_append_new(list, bin);
            break;
        }
    }
    return list;
}

static bool listed(const json_t *datasets, const char *dataset_id)
{
    size_t index;
    json_t *dataset;
    json_array_foreach(datasets, index, dataset)
    {
        if (strcmp(kvt_json_text(dataset, "dataset_id", ""), dataset_id) == 0)
            return true;
    }
    return false;
}

int kvt_manifest_write(struct kvt_buffer *out, const struct kvt_results *results,
                       struct kvt_error *error)
{
    static const char *const members[] = {
        "dataset_id",    "name",      "task",     "created_at",       "n_examples",
        "source_sha256", "tokenizer", "template", "manifest_version", NULL};
    if (json_array_size(results->datasets) == 0)
        return kvt_fail(error, KVT_DATA,
                        "the stream has no dataset record: give the output of kvt-bin");
    json_t *document = json_object(), *datasets = json_array(), *record;
    size_t index;
    json_object_set_new(document, "manifest_form", json_integer(KVT_MANIFEST_FORM));
    json_object_set_new(document, "exp_group_id",
                        json_string(kvt_json_text(results->experiment, "exp_group_id", "")));
    json_object_set_new(document, "seed",
                        json_integer(kvt_json_integer(results->experiment, "seed", 0)));
    json_array_foreach(results->datasets, index, record)
    {
        const char *dataset_id = kvt_json_text(record, "dataset_id", "");
        if (listed(datasets, dataset_id))
            continue;
        json_t *dataset = json_object();
        copy_members(dataset, record, members);
        json_object_set_new(dataset, "bins", dataset_bins(results, dataset_id));
        json_array_append_new(datasets, dataset);
    }
    json_object_set_new(document, "datasets", datasets);
    kvt_pretty_write(out, document);
    json_decref(document);
    return 0;
}
