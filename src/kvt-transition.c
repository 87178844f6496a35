/*
 * kvt-transition: one verdict per compressed run: is it safe, and if not, where, how and how sure.
 *
 * In:     run and response lines (after kvt-score); everything else is copied.
 * Out:    every line of the input, then transition lines, then meta. Input transition lines are
 *         dropped.
 * Memory: blocking; about 250 bytes per response, texts are not kept.
 */
#include "core/buffer.h"
#include "core/memory.h"
#include "core/option.h"
#include "stat/next.h"
#include "stream/json.h"
#include "stream/stage.h"
#include "study/program.h"
#include "study/record.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvt_stage_options common;
static long next_entries = LONG_MIN; /* not asked for */

static const struct kvt_option options[] = {
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_CONFIG, 0, "method", 0, "parts|zscore",
     "verdict from tested parts, or the legacy z-scores [parts]", "transition.method"},
    {KVT_OPTION_CONFIG, 0, "alpha", 0, "P", "family-wise error of each part [0.05]",
     "transition.alpha"},
    {KVT_OPTION_CONFIG, 0, "delta", 0, "D", "loss that still counts as safe, score units [0.1]",
     "transition.delta"},
    {KVT_OPTION_CONFIG, 0, "collapse", 0, "C",
     "share of the reference score below which a bin has collapsed [0.5]", "transition.collapse"},
    {KVT_OPTION_CONFIG, 0, "permutations", 0, "N", "sign flips of the scan [9999]",
     "transition.permutations"},
    KVT_STUDY_OPTIONS,
    {KVT_OPTION_INTEGER, 0, "next", &next_entries, "N",
     "print where N more entries should go (bin, now, add, total) and nothing else", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0}};

static const struct kvt_usage usage = {
    "kvt-transition [-c FILE] [options] [FILE...]",
    "Adds one verdict (transition) per compressed run: where compression stops being safe, and "
    "how.",
    "  kvt-score < responses.jsonl | kvt-stats | kvt-transition | kvt-render report", options};

/* How many examples a bin has, by `bin` lines. */
struct bin_size {
    int bin;
    size_t n_examples;
};

/* What --next reads: the responses so far, how many entries each bin could give, and whose bins
 * they are. */
struct planner {
    struct kvt_observations table;
    json_t *datasets; /* object: what each dataset_id is called */
    struct bin_size *sizes;
    size_t n_sizes, sizes_capacity;
};

static int take_bin(struct planner *planner, const struct kvt_line *line, struct kvt_error *error)
{
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    long long bin = kvt_json_integer(record, "bin_idx", -1);
    long long n = kvt_json_integer(record, "n_examples", -1);
    if (bin >= 0 && bin < INT_MAX && n >= 0) {
        kvt_grow(&planner->sizes, &planner->sizes_capacity, planner->n_sizes,
                 sizeof *planner->sizes);
        planner->sizes[planner->n_sizes++] = (struct bin_size){(int)bin, (size_t)n};
    }
    json_decref(record);
    return 0;
}

static int take_dataset(struct planner *planner, const struct kvt_line *line,
                        struct kvt_error *error)
{
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    const char *name = kvt_json_text(record, "task", kvt_json_text(record, "name", "?"));
    json_object_set_new(planner->datasets, kvt_json_text(record, "dataset_id", ""),
                        json_string(name));
    json_decref(record);
    return 0;
}

static void add_name(struct kvt_buffer *list, const char *name)
{
    kvt_buffer_printf(list, "%s%s", list->length ? ", " : "", name);
}

/* How many tasks the responses have, and their names as a list. */
static size_t list_tasks(const struct kvt_observations *table, struct kvt_buffer *list)
{
    size_t n = 0;
    bool *seen = kvt_alloc_zero(table->names.count, sizeof *seen);
    for (size_t i = 0; i < table->count; i++) {
        uint32_t task = table->items[i].task;
        if (task == KVT_NO_NAME || seen[task])
            continue;
        seen[task] = true;
        add_name(list, kvt_observations_name(table, task));
        n++;
    }
    free(seen);
    return n;
}

/* Bins of two data sets have nothing but their numbers in common; a plan over both would be none.
 */
static void check_bins(const struct planner *planner)
{
    struct kvt_buffer sets = {0}, tasks = {0};
    const char *id;
    json_t *name;
    size_t n_sets = json_object_size(planner->datasets);
    json_object_foreach(planner->datasets, id, name)
    {
        add_name(&sets, json_string_value(name));
    }
    if (n_sets > 1)
        kvt_die(KVT_DATA,
                "--next: the stream holds %zu data sets (%s), each with bins of its own; give it "
                "one of them at a time",
                n_sets, sets.data);
    size_t n_tasks = list_tasks(&planner->table, &tasks);
    if (n_tasks > 1 && n_sets == 0)
        kvt_die(KVT_DATA,
                "--next: the stream holds %zu tasks (%s), and no dataset line says that they share "
                "their bins; give it one of them at a time",
                n_tasks, tasks.data);
    if (n_tasks > 1)
        kvt_say("--next: the data set's bins hold %zu tasks (%s), which are planned together",
                n_tasks, tasks.data);
    kvt_buffer_free(&sets);
    kvt_buffer_free(&tasks);
}

static size_t bin_limit(const struct planner *planner, int bin)
{
    size_t limit = SIZE_MAX;
    for (size_t i = 0; i < planner->n_sizes; i++)
        if (planner->sizes[i].bin == bin && planner->sizes[i].n_examples < limit)
            limit = planner->sizes[i].n_examples;
    return limit;
}

/* Puts a bin without entries in its place, unless it is there. */
static size_t add_empty_bin(struct kvt_next_bin **bins, size_t n, int bin)
{
    size_t at = 0;
    while (at < n && (*bins)[at].bin < bin)
        at++;
    if (at < n && (*bins)[at].bin == bin)
        return n;
    *bins = kvt_realloc_array(*bins, n + 1, sizeof **bins);
    memmove(*bins + at + 1, *bins + at, (n - at) * sizeof **bins);
    (*bins)[at] = (struct kvt_next_bin){.bin = bin};
    return n + 1;
}

static void print_next(struct planner *planner)
{
    struct kvt_observations *table = &planner->table;
    kvt_observations_sort(table);
    check_bins(planner);
    struct kvt_next_glance *glances = kvt_alloc_array(table->count, sizeof *glances);
    size_t n = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct kvt_observation *item = &table->items[i];
        if (!isnan(item->score))
            glances[n++] = (struct kvt_next_glance){item->bin, item->entry, item->score,
                                                    item->outcome == KVT_OUTCOME_MODEL};
    }
    struct kvt_next_bin *bins;
    size_t n_bins = kvt_next_count(glances, n, &bins);
    for (size_t i = 0; i < table->count; i++) /* a bin where every request was lost is one too */
        if (isnan(table->items[i].score))
            n_bins = add_empty_bin(&bins, n_bins, table->items[i].bin);
    for (size_t b = 0; b < n_bins; b++)
        bins[b].limit = bin_limit(planner, bins[b].bin);
    kvt_next_plan(bins, n_bins, (size_t)next_entries);
    for (size_t b = 0; b < n_bins; b++)
        printf("%d\t%zu\t%zu\t%zu\n", bins[b].bin, bins[b].n, bins[b].add, bins[b].n + bins[b].add);
    free(bins);
    free(glances);
}

/* --next: nothing of the stream is copied; no verdict is looked at. */
static int plan_next(struct kvt_stage *stage)
{
    struct planner planner = {.datasets = json_object()};
    struct kvt_line line;
    struct kvt_error error;
    while (kvt_stage_next(stage, &line)) {
        int status = 0;
        if (strcmp(line.kind, "response") == 0)
            status = kvt_observations_response(&planner.table, line.data, line.length, &error);
        else if (strcmp(line.kind, "bin") == 0)
            status = take_bin(&planner, &line, &error);
        else if (strcmp(line.kind, "dataset") == 0)
            status = take_dataset(&planner, &line, &error);
        if (status != 0)
            kvt_stage_bad(stage, &line, error.text);
    }
    print_next(&planner);
    stage->no_meta = true;
    kvt_stage_close(stage, NULL);
    bool nothing = planner.table.count == 0;
    free(planner.sizes);
    json_decref(planner.datasets);
    kvt_observations_free(&planner.table);
    if (nothing)
        kvt_die(KVT_DATA, "no response line in the input");
    return KVT_OK;
}

int main(int argc, char **argv)
{
    static const char *const sections[] = {"transition", NULL};
    struct kvt_arguments arguments;
    struct kvt_study_program program = {.sections = sections, .made = {"transition"}};
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_study_open(&program, "kvt-transition", &common, &arguments);
    if (next_entries != LONG_MIN && next_entries < 0)
        kvt_die(KVT_USAGE, "--next: %ld is not a number of entries", next_entries);
    if (next_entries >= 0) {
        int status = plan_next(&program.stage);
        kvt_settings_close(&program.settings);
        kvt_arguments_free(&arguments);
        return status;
    }
    kvt_study_run(&program);
    const char *method =
        kvt_json_text(kvt_settings_tree(&program.settings), "transition.method", "parts");
    kvt_study_emit_transitions(&program.stage, &program.study, &program.procedure,
                               strcmp(method, "zscore") == 0);
    kvt_arguments_free(&arguments);
    return kvt_study_close(&program);
}
