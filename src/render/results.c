#include "render/results.h"

#include "core/memory.h"
#include "render/count.h"
#include "render/grouping.h"
#include "render/label.h"
#include "stream/contract.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void kvt_results_open(struct kvt_results *results)
{
    *results = (struct kvt_results){.records = json_array(),
                                    .datasets = json_array(),
                                    .bins = json_array(),
                                    .entries = json_array(),
                                    .idle_runs = json_array(),
                                    .names = json_object(),
                                    .seen = json_object(),
                                    .clusters = json_object(),
                                    .metrics = json_object()};
}

/* One copy of each name, alive as long as the results. NULL counts as "". */
static const char *intern(struct kvt_results *results, const char *text)
{
    if (!text)
        text = "";
    json_t *held = json_object_get(results->names, text);
    if (!held) {
        held = json_string(text);
        json_object_set_new(results->names, text, held);
    }
    return json_string_value(held);
}

/* Finds or makes the arm of a run on a task. */
static struct kvt_arm *arm_of(struct kvt_results *results, const char *run_id, const char *task)
{
    run_id = intern(results, run_id);
    task = intern(results, task);
    for (size_t i = 0; i < results->n_arms; i++)
        if (results->arms[i].run_id == run_id && results->arms[i].task == task)
            return &results->arms[i];
    kvt_grow(&results->arms, &results->arm_capacity, results->n_arms, sizeof *results->arms);
    struct kvt_arm *arm = &results->arms[results->n_arms++];
    *arm = (struct kvt_arm){.run_id = run_id,
                            .task = task,
                            .exp_group_id = "",
                            .model = "",
                            .policy = "",
                            .budget = NAN};
    return arm;
}

/* The record's length bin, or -1: checked before anything is kept of the record. */
static int read_bin(const json_t *record, size_t *bin, struct kvt_error *error)
{
    long long index = kvt_json_integer(record, "bin_idx", -1);
    if (index < 0 || index >= KVT_BIN_LIMIT)
        return kvt_fail(error, KVT_DATA, "bin_idx is missing or not within 0 and %d",
                        KVT_BIN_LIMIT - 1);
    *bin = (size_t)index;
    return 0;
}

static struct kvt_cell *cell_of(struct kvt_arm *arm, size_t bin)
{
    if (bin >= arm->n_cells) {
        arm->cells = kvt_realloc_array(arm->cells, bin + 1, sizeof *arm->cells);
        memset(arm->cells + arm->n_cells, 0, (bin + 1 - arm->n_cells) * sizeof *arm->cells);
        arm->n_cells = bin + 1;
    }
    return &arm->cells[bin];
}

/* What a run, bin_stats, pair_stats or transition record says about its arm. */
static void describe_arm(struct kvt_results *results, struct kvt_arm *arm, const json_t *record)
{
    if (!arm->exp_group_id[0])
        arm->exp_group_id = intern(results, kvt_json_text(record, "exp_group_id", ""));
    if (!arm->model[0])
        arm->model = intern(results, kvt_json_text(record, "model_name", ""));
    if (!arm->policy[0])
        arm->policy = intern(results, kvt_json_text(record, "kv_policy", ""));
    if (isnan(arm->budget))
        arm->budget = kvt_json_number(record, "kv_budget", NAN);
    if (strcmp(kvt_json_text(record, "budget_unit", "fraction"), "tokens") == 0)
        arm->tokens = true;
    if (kvt_json_bool(record, "reference", false)) {
        const char *replicate = kvt_json_text(record, "replicate", "a");
        arm->reference = true;
        arm->control = strcmp(replicate, "a") != 0;
    }
}

static int aggregate_add(struct kvt_results *results, const char *kind, json_t *record,
                         struct kvt_error *error)
{
    const char *run_id = kvt_json_text(record, "run_id", NULL);
    if (!run_id)
        return kvt_fail(error, KVT_DATA, "%s record without run_id", kind);
    bool verdict = strcmp(kind, "transition") == 0;
    size_t bin = 0;
    if (!verdict && read_bin(record, &bin, error) != 0)
        return -1;
    struct kvt_arm *arm = arm_of(results, run_id, kvt_json_text(record, "task", ""));
    json_array_append(results->records, record);
    if (verdict)
        arm->transition = record;
    else if (strcmp(kind, "bin_stats") == 0)
        cell_of(arm, bin)->stats = record;
    else
        cell_of(arm, bin)->pair = record;
    describe_arm(results, arm, record);
    return 0;
}

static void note_cluster(struct kvt_results *results, const char *key, json_int_t bin)
{
    json_t *first = json_object_get(results->clusters, key);
    if (!first)
        json_object_set_new(results->clusters, key, json_integer(bin));
    else if (json_integer_value(first) != bin)
        json_integer_set(first, -1);
}

static void note_metric(struct kvt_results *results, const char *task, const char *metric)
{
    json_t *names = json_object_get(results->metrics, task);
    if (!names) {
        names = json_object();
        json_object_set_new(results->metrics, task, names);
    }
    json_object_set_new(names, metric, json_true());
}

static int response_add(struct kvt_results *results, const json_t *record, struct kvt_error *error)
{
    const char *run_id = kvt_json_text(record, "run_id", NULL);
    const char *request_id = kvt_json_text(record, "request_id", NULL);
    if (!run_id || !request_id)
        return kvt_fail(error, KVT_DATA, "response record without run_id or request_id");
    size_t bin = 0;
    if (read_bin(record, &bin, error) != 0)
        return -1;
    if (kvt_count_again(results, request_id, record))
        return 0;
    struct kvt_arm *arm = arm_of(results, run_id, kvt_json_text(record, "meta.task", ""));
    cell_of(arm, bin);
    results->last_arm = (size_t)(arm - results->arms);
    kvt_count_response(results, results->last_arm, bin, record);
    if (!arm->policy[0])
        arm->policy = intern(results, kvt_json_text(record, "kv_policy", ""));
    if (isnan(arm->budget))
        arm->budget = kvt_json_number(record, "kv_budget", NAN);
    const char *cluster = kvt_json_text(record, "cluster", NULL);
    const char *metric = kvt_json_text(record, "score.metric", NULL);
    if (cluster)
        note_cluster(results, cluster, (json_int_t)bin);
    if (metric)
        note_metric(results, arm->task, metric);
    return 0;
}

/* Entries without their long members. A replayed entry replaces itself. */
static void entry_add(struct kvt_results *results, const json_t *record)
{
    static const char *const kept[] = {"entry_id", "dataset_id", "example_id", "bin_idx",
                                       "rank",     "token_len",  "cluster",    "prompt_sha256"};
    json_t *entry = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *value = json_object_get(record, kept[i]);
        if (value)
            json_object_set(entry, kept[i], value);
    }
    json_array_append_new(results->entries, entry);
}

/* Order of two records by a text member. */
static int by_member(const void *left, const void *right, const char *name)
{
    return strcmp(kvt_json_text(*(const json_t *const *)left, name, ""),
                  kvt_json_text(*(const json_t *const *)right, name, ""));
}

int kvt_results_add(struct kvt_results *results, const char *kind, json_t *record,
                    struct kvt_error *error)
{
    if (strcmp(kind, "response") == 0)
        return response_add(results, record, error);
    if (strcmp(kind, "bin_stats") == 0 || strcmp(kind, "pair_stats") == 0 ||
        strcmp(kind, "transition") == 0)
        return aggregate_add(results, kind, record, error);
    if (strcmp(kind, "entry") == 0) {
        if (results->keep_entries)
            entry_add(results, record);
    } else if (strcmp(kind, "dataset") == 0) {
        if (kvt_contract_manifest(record, error) != 0)
            return -1;
        json_array_append(results->datasets, record);
    } else if (strcmp(kind, "bin") == 0) {
        json_array_append(results->bins, record);
    } else if (strcmp(kind, "experiment") == 0 || strcmp(kind, "run") == 0) {
        json_array_append(results->records, record);
        if (*kind == 'e' &&
            (!results->experiment || by_member(&record, &results->experiment, "exp_group_id") < 0))
            results->experiment = record;
    } else if (strcmp(kind, "preflight") == 0) {
        json_decref(results->preflight); /* a journal holds one per setting, the newest last */
        results->preflight = json_incref(record);
    } else if (strcmp(kind, "meta") == 0 &&
               strcmp(kvt_json_text(record, "stage", ""), "kvt-score") == 0) {
        json_decref(results->scored); /* a stream scored again has several, the newest last */
        results->scored = json_incref(record);
    }
    return 0;
}

static int by_run_id(const void *left, const void *right)
{
    return by_member(left, right, "run_id");
}

/* Keeps the runs that no arm has, each once. */
static void find_idle_runs(struct kvt_results *results, json_t **runs, size_t n)
{
    if (n)
        qsort(runs, n, sizeof *runs, by_run_id);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_run_id(&runs[i - 1], &runs[i]) != 0)
            json_array_append(results->idle_runs, runs[i]);
}

/* Run records come before or after the records that use them: joined here. */
static void join_runs(struct kvt_results *results)
{
    size_t index, n_idle = 0;
    json_t *record, **idle = kvt_alloc_array(json_array_size(results->records), sizeof *idle);
    json_array_foreach(results->records, index, record)
    {
        if (strcmp(kvt_json_text(record, "kind", ""), "run") != 0)
            continue;
        const char *run_id = kvt_json_text(record, "run_id", "");
        bool named = false;
        for (size_t i = 0; i < results->n_arms; i++)
            if (strcmp(results->arms[i].run_id, run_id) == 0) {
                results->arms[i].run = record;
                describe_arm(results, &results->arms[i], record);
                named = true;
            }
        if (!named)
            idle[n_idle++] = record;
    }
    find_idle_runs(results, idle, n_idle);
    free(idle);
    kvt_arms_label(results);
}

static int by_task(const void *left, const void *right)
{
    int order = by_member(left, right, "task");
    return order ? order : by_member(left, right, "dataset_id");
}

/* The order of the lines is no order of the datasets. */
static void sort_datasets(struct kvt_results *results)
{
    size_t n = json_array_size(results->datasets), index;
    json_t *record, *sorted = json_array(), **list = kvt_alloc_array(n, sizeof *list);
    json_array_foreach(results->datasets, index, record)
    {
        list[index] = record;
    }
    if (n)
        qsort(list, n, sizeof *list, by_task);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || by_task(&list[i - 1], &list[i]) != 0)
            json_array_append(sorted, list[i]);
    free(list);
    json_decref(results->datasets);
    results->datasets = sorted;
}

const json_t *kvt_results_experiment(const struct kvt_results *results,
                                     const struct kvt_study *study)
{
    size_t index;
    json_t *record;
    if (!study->exp_group_id[0])
        return results->experiment;
    json_array_foreach(results->records, index, record)
    {
        if (strcmp(kvt_json_text(record, "kind", ""), "experiment") == 0 &&
            strcmp(kvt_json_text(record, "exp_group_id", ""), study->exp_group_id) == 0)
            return record;
    }
    return NULL;
}

json_t *kvt_results_datasets(const struct kvt_results *results, const char *task)
{
    size_t index;
    json_t *record, *found = json_array();
    json_array_foreach(results->datasets, index, record)
    {
        if (strcmp(kvt_json_text(record, "task", ""), task) == 0)
            json_array_append(found, record);
    }
    if (json_array_size(found) == 0)
        json_array_extend(found, results->datasets);
    return found;
}

bool kvt_results_own_lengths(const struct kvt_results *results, const char *task)
{
    json_t *datasets = kvt_results_datasets(results, task);
    const json_t *first = json_array_get(datasets, 0);
    bool own = strcmp(kvt_json_text(first, "tokenizer.name", ""), KVT_OWN_LENGTH) == 0;
    json_decref(datasets);
    return own;
}

void kvt_results_finish(struct kvt_results *results)
{
    sort_datasets(results);
    join_runs(results);
    kvt_studies_group(results);
}

int kvt_results_check(const struct kvt_results *results, struct kvt_error *error)
{
    if (results->n_studies > 0)
        return 0;
    return kvt_fail(error, KVT_DATA,
                    "the stream has neither responses (response records, by kvt-infer or "
                    "kvt-import) nor statistics (bin_stats records, by kvt-stats)");
}

void kvt_results_close(struct kvt_results *results)
{
    for (size_t i = 0; i < results->n_studies; i++)
        kvt_study_free(&results->studies[i]);
    for (size_t i = 0; i < results->n_arms; i++) {
        free(results->arms[i].cells);
        free(results->arms[i].label);
    }
    free(results->studies);
    free(results->arms);
    json_decref(results->records);
    json_decref(results->datasets);
    json_decref(results->bins);
    json_decref(results->entries);
    json_decref(results->idle_runs);
    json_decref(results->preflight);
    json_decref(results->scored);
    json_decref(results->names);
    json_decref(results->seen);
    json_decref(results->clusters);
    json_decref(results->metrics);
    *results = (struct kvt_results){0};
}

bool kvt_results_ladder(const struct kvt_results *results)
{
    size_t n = 0, spanning = 0;
    const char *key;
    json_t *bin;
    json_object_foreach(results->clusters, key, bin)
    {
        n++;
        spanning += json_integer_value(bin) < 0;
    }
    return n > 0 && 2 * spanning > n;
}
