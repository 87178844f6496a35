#include "render/results.h"

#include "core/memory.h"
#include "stream/contract.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kvt_proof_names[KVT_PROOF_COUNT] = {[KVT_PROOF_PROVEN] = "proven",
                                                      [KVT_PROOF_REPORTED] = "reported",
                                                      [KVT_PROOF_BEHAVIOURAL] = "behavioural",
                                                      [KVT_PROOF_UNPROVEN] = "unproven",
                                                      [KVT_PROOF_CONTRADICTED] = "contradicted"};

void kvt_results_open(struct kvt_results *results)
{
    *results = (struct kvt_results){.records = json_array(),
                                    .datasets = json_array(),
                                    .bins = json_array(),
                                    .entries = json_array(),
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

static int response_add(struct kvt_results *results, const json_t *record, struct kvt_error *error)
{
    const char *run_id = kvt_json_text(record, "run_id", NULL);
    const char *request_id = kvt_json_text(record, "request_id", NULL);
    if (!run_id || !request_id)
        return kvt_fail(error, KVT_DATA, "response record without run_id or request_id");
    size_t bin = 0;
    if (read_bin(record, &bin, error) != 0)
        return -1;
    if (json_object_get(results->seen, request_id))
        return 0;
    struct kvt_arm *arm = arm_of(results, run_id, kvt_json_text(record, "meta.task", ""));
    struct kvt_cell *cell = cell_of(arm, bin);
    json_object_set_new(results->seen, request_id, json_true());
    if (!arm->policy[0])
        arm->policy = intern(results, kvt_json_text(record, "kv_policy", ""));
    if (isnan(arm->budget))
        arm->budget = kvt_json_number(record, "kv_budget", NAN);
    const char *cluster = kvt_json_text(record, "cluster", NULL);
    const char *metric = kvt_json_text(record, "score.metric", NULL);
    if (cluster)
        note_cluster(results, cluster, (json_int_t)bin);
    if (metric)
        json_object_set_new(results->metrics, metric, json_true());
    results->n_responses++;
    cell->n_responses++;
    enum kvt_outcome outcome = kvt_outcome_of(record);
    if (outcome == KVT_OUTCOME_UNSCORED)
        results->n_unscored++;
    else
        cell->outcomes[outcome]++;
    if (kvt_outcome_failed(outcome) && kvt_json_number(record, "score.value", 0) > 0)
        cell->n_failed_partly++;
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
        if (*kind == 'e' && !results->experiment)
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

static void label_arm(struct kvt_arm *arm)
{
    char number[32];
    snprintf(number, sizeof number, "%.10g", arm->budget);
    free(arm->label);
    if (arm->control && kvt_json_integer(arm->run, "sample", 0) > 0)
        arm->label = kvt_strdup("full cache, again (a sample)");
    else if (arm->control)
        arm->label = kvt_strdup("full cache, again");
    else if (arm->reference)
        arm->label = kvt_strdup("full cache");
    else
        arm->label = arm->tokens ? kvt_asprintf("%s token%s", number, arm->budget == 1 ? "" : "s")
                                 : kvt_strdup(number);
}

static bool same_label(const struct kvt_arm *a, const struct kvt_arm *b)
{
    return a->exp_group_id == b->exp_group_id && a->model == b->model && a->task == b->task &&
           a->policy == b->policy && strcmp(a->label, b->label) == 0;
}

/* Runs of one budget (other settings of the policy) are told apart by the head of their ids. */
static void tell_apart(struct kvt_results *results)
{
    bool *shared = kvt_alloc_zero(results->n_arms, sizeof *shared);
    for (size_t i = 0; i < results->n_arms; i++)
        for (size_t k = 0; k < results->n_arms; k++)
            shared[i] |= i != k && same_label(&results->arms[i], &results->arms[k]);
    for (size_t i = 0; i < results->n_arms; i++) {
        struct kvt_arm *arm = &results->arms[i];
        if (!shared[i] || arm->reference)
            continue;
        char *label = kvt_asprintf("%s (run %.12s)", arm->label, arm->run_id);
        free(arm->label);
        arm->label = label;
    }
    free(shared);
}

/* Run records come before or after the records that use them: joined here. */
static void join_runs(struct kvt_results *results)
{
    size_t index;
    json_t *record;
    json_array_foreach(results->records, index, record)
    {
        if (strcmp(kvt_json_text(record, "kind", ""), "run") != 0)
            continue;
        const char *run_id = kvt_json_text(record, "run_id", "");
        for (size_t i = 0; i < results->n_arms; i++)
            if (strcmp(results->arms[i].run_id, run_id) == 0) {
                results->arms[i].run = record;
                describe_arm(results, &results->arms[i], record);
            }
    }
    for (size_t i = 0; i < results->n_arms; i++)
        label_arm(&results->arms[i]);
    tell_apart(results);
}

/* Reference, control, fractions from large to small, then tokens from large to small. */
static int by_budget(const void *left, const void *right)
{
    const struct kvt_arm *a = *(const struct kvt_arm *const *)left;
    const struct kvt_arm *b = *(const struct kvt_arm *const *)right;
    if (a->reference != b->reference)
        return a->reference ? -1 : 1;
    if (a->control != b->control)
        return a->control ? 1 : -1;
    if (a->tokens != b->tokens)
        return a->tokens ? 1 : -1;
    if (a->budget != b->budget)
        return a->budget > b->budget ? -1 : 1;
    return strcmp(a->run_id, b->run_id);
}

static bool same_world(const struct kvt_arm *arm, const struct kvt_study *study)
{
    return arm->exp_group_id == study->exp_group_id && arm->model == study->model &&
           arm->task == study->task;
}

static void study_add(struct kvt_study *study, const struct kvt_arm *arm)
{
    study->arms = kvt_realloc_array(study->arms, study->n_arms + 1, sizeof *study->arms);
    study->arms[study->n_arms++] = arm;
}

/* The run that the statistics compared with, or NULL. */
static const char *named_reference(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        const char *run_id = kvt_json_text(arm->transition, "reference_run_id", NULL);
        for (size_t b = 0; !run_id && b < arm->n_cells; b++)
            run_id = kvt_json_text(arm->cells[b].pair, "reference_run_id", NULL);
        if (run_id)
            return run_id;
    }
    return NULL;
}

/* A study without a reference of its own policy borrows another policy's (the full cache is one).
 */
static void borrow_reference(struct kvt_results *results, struct kvt_study *study)
{
    if (kvt_study_reference(study))
        return;
    const char *run_id = named_reference(study), *policy = NULL;
    for (size_t i = 0; i < results->n_arms; i++) {
        const struct kvt_arm *arm = &results->arms[i];
        if (arm->reference && !arm->control && same_world(arm, study) &&
            (!policy || (run_id && strcmp(arm->run_id, run_id) == 0)))
            policy = arm->policy;
    }
    for (size_t i = 0; policy && i < results->n_arms; i++) {
        const struct kvt_arm *arm = &results->arms[i];
        if (arm->reference && same_world(arm, study) && arm->policy == policy)
            study_add(study, arm);
    }
}

static void measure_bins(struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->n_cells > study->n_bins)
            study->n_bins = study->arms[i]->n_cells;
    study->bins = kvt_alloc_array(study->n_bins, sizeof *study->bins);
    study->has_lengths = study->n_bins > 0;
    for (size_t b = 0; b < study->n_bins; b++) {
        struct kvt_length_bin *bin = &study->bins[b];
        *bin = (struct kvt_length_bin){NAN, NAN, NAN};
        for (size_t i = 0; i < study->n_arms && isnan(bin->centre); i++) {
            const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], b);
            bin->low = kvt_cell_stat(cell, "token_min");
            bin->high = kvt_cell_stat(cell, "token_max");
            bin->centre = kvt_cell_stat(cell, "token_mean");
            if (isnan(bin->centre) && bin->low > 0 && bin->high >= bin->low)
                bin->centre = sqrt(bin->low * bin->high);
        }
        /* Positions on the axis must grow, or the picture would be a knot: bins by number then. */
        if (!(bin->centre > 0) || (b > 0 && !(bin->centre > study->bins[b - 1].centre)))
            study->has_lengths = false;
    }
}

bool kvt_results_own_lengths(const struct kvt_results *results)
{
    const json_t *first = json_array_get(results->datasets, 0);
    return strcmp(kvt_json_text(first, "tokenizer.name", ""), KVT_OWN_LENGTH) == 0;
}

static struct kvt_study *study_of(struct kvt_results *results, const struct kvt_arm *arm)
{
    for (size_t i = 0; i < results->n_studies; i++)
        if (same_world(arm, &results->studies[i]) && results->studies[i].policy == arm->policy)
            return &results->studies[i];
    kvt_grow(&results->studies, &results->study_capacity, results->n_studies,
             sizeof *results->studies);
    struct kvt_study *study = &results->studies[results->n_studies++];
    *study = (struct kvt_study){.exp_group_id = arm->exp_group_id,
                                .model = arm->model,
                                .policy = arm->policy,
                                .task = arm->task,
                                .own_lengths = kvt_results_own_lengths(results)};
    return study;
}

static bool has_compressed(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (!study->arms[i]->reference)
            return true;
    return false;
}

/* Is the study nothing but a reference that compressed arms of another study use? */
static bool is_lent(const struct kvt_results *results, const struct kvt_study *study)
{
    if (has_compressed(study))
        return false;
    for (size_t i = 0; i < results->n_studies; i++)
        if (same_world(study->arms[0], &results->studies[i]) &&
            has_compressed(&results->studies[i]))
            return true;
    return false;
}

void kvt_study_free(struct kvt_study *study)
{
    free(study->arms);
    free(study->bins);
}

static int by_name(const void *left, const void *right)
{
    const struct kvt_study *a = left, *b = right;
    int order = strcmp(a->exp_group_id, b->exp_group_id);
    order = order ? order : strcmp(a->model, b->model);
    order = order ? order : strcmp(a->task, b->task);
    return order ? order : strcmp(a->policy, b->policy);
}

void kvt_results_finish(struct kvt_results *results)
{
    join_runs(results);
    for (size_t i = 0; i < results->n_arms; i++)
        study_add(study_of(results, &results->arms[i]), &results->arms[i]);
    for (size_t i = 0; i < results->n_studies; i++)
        borrow_reference(results, &results->studies[i]);
    size_t kept = 0;
    for (size_t i = 0; i < results->n_studies; i++) {
        struct kvt_study study = results->studies[i];
        if (is_lent(results, &study)) {
            kvt_study_free(&study);
            results->studies[i].n_arms = 0; /* nothing there for the is_lent of the next */
            continue;
        }
        qsort(study.arms, study.n_arms, sizeof *study.arms, by_budget);
        measure_bins(&study);
        results->studies[kept++] = study;
    }
    results->n_studies = kept;
    if (kept)
        qsort(results->studies, kept, sizeof *results->studies, by_name);
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

const struct kvt_cell *kvt_arm_cell(const struct kvt_arm *arm, size_t bin)
{
    return arm && bin < arm->n_cells ? &arm->cells[bin] : NULL;
}

double kvt_cell_stat(const struct kvt_cell *cell, const char *path)
{
    return cell && cell->stats ? kvt_json_number(cell->stats, path, NAN) : NAN;
}

double kvt_cell_pair(const struct kvt_cell *cell, const char *path)
{
    return cell && cell->pair ? kvt_json_number(cell->pair, path, NAN) : NAN;
}

double kvt_arm_sum(const struct kvt_arm *arm, const char *path)
{
    double sum = 0;
    for (size_t b = 0; b < arm->n_cells; b++) {
        double value = kvt_cell_stat(&arm->cells[b], path);
        if (!isnan(value))
            sum += value;
    }
    return sum;
}

const char *kvt_study_text(const struct kvt_study *study, const char *path)
{
    const char *text = NULL;
    for (size_t i = 0; i < study->n_arms && !text; i++)
        for (size_t b = 0; b < study->arms[i]->n_cells && !text; b++)
            text = kvt_json_text(study->arms[i]->cells[b].stats, path, NULL);
    return text;
}

size_t kvt_arm_proof(const struct kvt_arm *arm, size_t counts[KVT_PROOF_COUNT])
{
    size_t total = 0;
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++) {
        char path[32];
        snprintf(path, sizeof path, "applied.%s", kvt_proof_names[i]);
        double sum = kvt_arm_sum(arm, path);
        counts[i] = sum > 0 && sum < 1e15 ? (size_t)sum : 0;
        total += counts[i];
    }
    return total;
}

void kvt_arm_range(const struct kvt_arm *arm, const char *path, double *low, double *high)
{
    *low = *high = NAN;
    for (size_t b = 0; b < arm->n_cells; b++) {
        double value = kvt_cell_stat(&arm->cells[b], path);
        if (isnan(value))
            continue;
        if (isnan(*low) || value < *low)
            *low = value;
        if (isnan(*high) || value > *high)
            *high = value;
    }
}

bool kvt_arm_shown(const struct kvt_arm *arm)
{
    return !arm->control;
}

const struct kvt_arm *kvt_study_reference(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->reference && !study->arms[i]->control)
            return study->arms[i];
    return NULL;
}

const struct kvt_arm *kvt_study_control(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->control)
            return study->arms[i];
    return NULL;
}
