#include "render/table.h"

#include "render/escape.h"

#include <string.h>

#define STUDY                                                                                      \
    "run_id", "exp_group_id", "model_name", "task", "kv_policy", "kv_budget", "budget_unit"

static const char *const bin_columns[] = {STUDY,
                                          "reference",
                                          "replicate",
                                          "bin_idx",
                                          "token_min",
                                          "token_max",
                                          "token_mean",
                                          "n",
                                          "n_entries",
                                          "n_scored",
                                          "acc_mean",
                                          "acc_ci_low",
                                          "acc_ci_high",
                                          "acc_std",
                                          "ci",
                                          "fail_rate",
                                          "fail_ci_low",
                                          "fail_ci_high",
                                          "n_failed",
                                          "failures",
                                          "n_infrastructure",
                                          "infrastructure",
                                          "coverage",
                                          "failures_unobservable",
                                          "lat_p50",
                                          "lat_p95",
                                          "ttft_p50",
                                          "ttft_p95",
                                          "itl_p50",
                                          "itl_p95",
                                          "prefill_p50",
                                          "decode_p50",
                                          "n_latency",
                                          "mem_p50",
                                          "mem_p95",
                                          "mem_max",
                                          "mem_source",
                                          "kv_bytes_p50",
                                          "kv_peak_bytes_p50",
                                          "kept_tokens_p50",
                                          "kept_ratio_p50",
                                          "prompt_tokens_p50",
                                          "completion_tokens_p50",
                                          "applied",
                                          "flags",
                                          "n_repeats",
                                          "repeat_disagreement",
                                          "warnings",
                                          NULL};

#define RATIO(name)                                                                                \
    name "=" name ".ratio", name "_low=" name ".ratio_low", name "_high=" name ".ratio_high"

static const char *const pair_columns[] = {STUDY,
                                           "reference_run_id",
                                           "control",
                                           "bin_idx",
                                           "token_min",
                                           "token_max",
                                           "n_pairs",
                                           "n_clusters",
                                           "ref_mean",
                                           "run_mean",
                                           "delta_mean",
                                           "delta_ci_low",
                                           "delta_ci_high",
                                           "loss_upper",
                                           "loss_upper_each",
                                           "loss_n10=loss.n10",
                                           "loss_n01=loss.n01",
                                           "loss_p_raw=loss.p_raw",
                                           "loss_p_adj=loss.p_adj",
                                           "loss_method=loss.method",
                                           "lift_n10=lift.n10",
                                           "lift_n01=lift.n01",
                                           "lift_p_raw=lift.p_raw",
                                           "lift_p_adj=lift.p_adj",
                                           "lift_ref_rate=lift.ref_rate",
                                           "lift_run_rate=lift.run_rate",
                                           "silent_n10=silent.n10",
                                           "silent_n01=silent.n01",
                                           "silent_p_raw=silent.p_raw",
                                           "silent_p_adj=silent.p_adj",
                                           "churn_changed=churn.n_changed",
                                           "churn_rate=churn.changed_rate",
                                           "churn_floor_rate=churn.floor_rate",
                                           "churn_p_adj=churn.p_adj",
                                           "failure_types",
                                           "retention",
                                           "retention_ci_low",
                                           "retention_ci_high",
                                           "p_retained",
                                           "p_collapsed",
                                           "baseline_floor",
                                           RATIO("latency_ratio"),
                                           RATIO("ttft_ratio"),
                                           RATIO("itl_ratio"),
                                           RATIO("kv_bytes_ratio"),
                                           RATIO("kv_peak_ratio"),
                                           "share_generous=attribution.share_generous",
                                           "share_dropped=attribution.share_dropped",
                                           "coverage=coverage.share",
                                           "n_missing=coverage.n_missing",
                                           "flags",
                                           "noop_suspected",
                                           "warnings",
                                           NULL};

static const char *const transition_columns[] = {STUDY,
                                                 "reference_run_id",
                                                 "verdict",
                                                 "transition_bin_start",
                                                 "transition_bin_end",
                                                 "collapse_bin",
                                                 "order",
                                                 "safe_within",
                                                 "noop_suspected",
                                                 "warnings",
                                                 "summary",
                                                 "rationale",
                                                 NULL};

static const char *const run_columns[] = {
    "run_id", "exp_group_id", "kv_policy", "kv_budget",  "budget_unit", "reference", "replicate",
    "kv",     "engine_name",  "base_url",  "model_name", "created_at",  NULL};

static const char *const request_columns[] = {"request_id",
                                              "run_id",
                                              "entry_id",
                                              "bin_idx",
                                              "token_len",
                                              "task=meta.task",
                                              "cluster",
                                              "kv_policy",
                                              "kv_budget",
                                              "repeat",
                                              "prompt_tokens=request.prompt_tokens",
                                              "completion_tokens=response.completion_tokens",
                                              "finish_reason=response.finish_reason",
                                              "latency_s=telemetry.latency_s",
                                              "ttfb_s=telemetry.ttfb_s",
                                              "ttft_s=telemetry.ttft_s",
                                              "prefill_s=telemetry.prefill_s",
                                              "decode_s=telemetry.decode_s",
                                              "itl_p50_s=telemetry.itl_p50_s",
                                              "attempts=telemetry.attempts",
                                              "cached_tokens=telemetry.cached_tokens",
                                              "peak_mem_mb=telemetry.peak_mem_mb",
                                              "kept_tokens=telemetry.kv.kept_tokens",
                                              "kv_bytes=telemetry.kv.bytes",
                                              "kv_peak_bytes=telemetry.kv.peak_bytes",
                                              "kv_full_bytes=telemetry.kv.full_bytes",
                                              "kv_source=telemetry.kv.source",
                                              "applied=telemetry.kv.applied",
                                              "metric=score.metric",
                                              "value=score.value",
                                              "em=score.em",
                                              "f1=score.f1",
                                              "failure_type=failure.failure_type",
                                              "failure_class=failure.class",
                                              "error_type=error.type",
                                              "error_message=error.message",
                                              "pred_norm=score.pred_norm",
                                              "gold_norm=score.gold_norm",
                                              "text=response.text",
                                              NULL};

static const char *const outcome_columns[] = {
    STUDY,    "reference", "replicate", "bin_idx",   "token_mean",  "n",         "correct",
    "partly", "wrong",     "abstained", "malformed", "over_length", "no_answer", NULL};

static const char *const failure_columns[] = {
    STUDY, "bin_idx", "class", "failure_type", "n", "n_of", "paired_n10", "paired_n01", NULL};

static const char *path_of(const char *column)
{
    const char *equals = strchr(column, '=');
    return equals ? equals + 1 : column;
}

void kvt_table_value(struct kvt_buffer *out, const json_t *value)
{
    if (!value || json_is_null(value))
        return;
    if (json_is_string(value)) {
        kvt_escape_csv(out, json_string_value(value));
        return;
    }
    struct kvt_buffer text = {0};
    kvt_json_write(&text, value);
    kvt_escape_csv(out, kvt_buffer_string(&text));
    kvt_buffer_free(&text);
}

void kvt_table_header(struct kvt_buffer *out, const struct kvt_table *table)
{
    for (const char *const *column = table->columns; *column; column++) {
        if (column != table->columns)
            kvt_buffer_byte(out, ',');
        kvt_buffer_append(out, *column, strcspn(*column, "="));
    }
    kvt_buffer_byte(out, '\n');
}

void kvt_table_row(struct kvt_buffer *out, const struct kvt_table *table, const json_t *record)
{
    for (const char *const *column = table->columns; *column; column++) {
        if (column != table->columns)
            kvt_buffer_byte(out, ',');
        kvt_table_value(out, kvt_json_get(record, path_of(*column)));
    }
    kvt_buffer_byte(out, '\n');
}

static const json_t *record_of(const struct kvt_arm *arm, const struct kvt_cell *cell,
                               const char *kind)
{
    if (strcmp(kind, "transition") == 0)
        return arm->transition;
    if (strcmp(kind, "run") == 0)
        return arm->run;
    if (!cell)
        return NULL;
    return strcmp(kind, "bin_stats") == 0 ? cell->stats : cell->pair;
}

/*
 * Are the rows of arm `index` of a study those of an arm before it? A reference that two policies
 * share is in both their studies; a run of several tasks has an arm for each, but one record.
 */
static bool written_before(const struct kvt_results *results, const struct kvt_table *table,
                           size_t study, size_t index)
{
    const struct kvt_arm *arm = results->studies[study].arms[index];
    bool per_run = table->kind && strcmp(table->kind, "run") == 0;
    for (size_t s = 0; s <= study; s++)
        for (size_t i = 0; i < (s < study ? results->studies[s].n_arms : index); i++) {
            const struct kvt_arm *earlier = results->studies[s].arms[i];
            if (earlier == arm || (per_run && earlier->run_id == arm->run_id))
                return true;
        }
    return false;
}

/* Calls `visit` for every arm of every study, in order, once. */
static void
each_arm(struct kvt_buffer *out, const struct kvt_table *table, const struct kvt_results *results,
         void (*visit)(struct kvt_buffer *, const struct kvt_table *, const struct kvt_arm *))
{
    kvt_table_header(out, table);
    for (size_t s = 0; s < results->n_studies; s++)
        for (size_t i = 0; i < results->studies[s].n_arms; i++)
            if (!written_before(results, table, s, i))
                visit(out, table, results->studies[s].arms[i]);
}

static void arm_records(struct kvt_buffer *out, const struct kvt_table *table,
                        const struct kvt_arm *arm)
{
    const json_t *record = record_of(arm, NULL, table->kind);
    if (record)
        kvt_table_row(out, table, record);
    for (size_t b = 0; !record && b < arm->n_cells; b++) {
        const json_t *row = record_of(arm, &arm->cells[b], table->kind);
        if (row)
            kvt_table_row(out, table, row);
    }
}

static void write_records(struct kvt_buffer *out, const struct kvt_table *table,
                          const struct kvt_results *results)
{
    each_arm(out, table, results, arm_records);
}

/* Runs that answered nothing are in no study: their rows come last. */
static void write_runs(struct kvt_buffer *out, const struct kvt_table *table,
                       const struct kvt_results *results)
{
    size_t index;
    json_t *run;
    write_records(out, table, results);
    json_array_foreach(results->idle_runs, index, run)
    {
        kvt_table_row(out, table, run);
    }
}

/* The members STUDY names, of an arm. New reference. */
static json_t *arm_members(const struct kvt_arm *arm)
{
    json_t *row = json_object();
    json_object_set_new(row, "run_id", json_string(arm->run_id));
    json_object_set_new(row, "exp_group_id", json_string(arm->exp_group_id));
    json_object_set_new(row, "model_name", json_string(arm->model));
    json_object_set_new(row, "task", arm->task[0] ? json_string(arm->task) : json_null());
    json_object_set_new(row, "kv_policy", json_string(arm->policy));
    json_t *budget = json_real(arm->budget); /* NULL for NaN */
    json_object_set_new(row, "kv_budget", budget ? budget : json_null());
    json_object_set_new(row, "budget_unit", json_string(arm->tokens ? "tokens" : "fraction"));
    json_object_set_new(row, "reference", json_boolean(arm->reference));
    return row;
}

static void arm_outcomes(struct kvt_buffer *out, const struct kvt_table *table,
                         const struct kvt_arm *arm)
{
    for (size_t b = 0; b < arm->n_cells; b++) {
        const struct kvt_cell *cell = &arm->cells[b];
        if (cell->n_responses == 0)
            continue;
        json_t *row = arm_members(arm);
        json_object_set_new(row, "bin_idx", json_integer((json_int_t)b));
        json_object_set_new(row, "n", json_integer((json_int_t)cell->n_responses));
        if (cell->stats) {
            json_object_set(row, "replicate", json_object_get(cell->stats, "replicate"));
            json_object_set(row, "token_mean", json_object_get(cell->stats, "token_mean"));
        }
        for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
            json_object_set_new(row, kvt_outcome_styles[o].name,
                                json_integer((json_int_t)cell->outcomes[o]));
        kvt_table_row(out, table, row);
        json_decref(row);
    }
}

static void write_outcomes(struct kvt_buffer *out, const struct kvt_table *table,
                           const struct kvt_results *results)
{
    each_arm(out, table, results, arm_outcomes);
}

static void failure_rows(struct kvt_buffer *out, const struct kvt_table *table,
                         const struct kvt_arm *arm, size_t bin, const char *class,
                         const char *counts, const char *of)
{
    const struct kvt_cell *cell = &arm->cells[bin];
    const json_t *types = kvt_json_get(cell->stats, counts);
    const char *type;
    json_t *n;
    json_object_foreach((json_t *)(uintptr_t)types, type, n)
    {
        json_t *row = arm_members(arm);
        const json_t *paired = json_object_get(kvt_json_get(cell->pair, "failure_types"), type);
        json_object_set_new(row, "bin_idx", json_integer((json_int_t)bin));
        json_object_set_new(row, "class", json_string(class));
        json_object_set_new(row, "failure_type", json_string(type));
        json_object_set(row, "n", n);
        json_object_set(row, "n_of", kvt_json_get(cell->stats, of));
        json_object_set(row, "paired_n10", json_object_get(paired, "n10"));
        json_object_set(row, "paired_n01", json_object_get(paired, "n01"));
        kvt_table_row(out, table, row);
        json_decref(row);
    }
}

static void arm_failures(struct kvt_buffer *out, const struct kvt_table *table,
                         const struct kvt_arm *arm)
{
    for (size_t b = 0; b < arm->n_cells; b++) {
        failure_rows(out, table, arm, b, "model", "failures", "n_scored");
        failure_rows(out, table, arm, b, "infrastructure", "infrastructure", "n");
    }
}

static void write_failures(struct kvt_buffer *out, const struct kvt_table *table,
                           const struct kvt_results *results)
{
    each_arm(out, table, results, arm_failures);
}

const struct kvt_table kvt_tables[] = {
    {"bins", "statistics per budget and bin (bin_stats)", false, write_records, "bin_stats",
     bin_columns},
    {"pairs", "comparisons with the full cache (pair_stats)", false, write_records, "pair_stats",
     pair_columns},
    {"outcomes", "what became of the requests, per budget and bin", false, write_outcomes, NULL,
     outcome_columns},
    {"failures", "failures by type, per budget and bin", false, write_failures, NULL,
     failure_columns},
    {"transitions", "the verdicts", false, write_records, "transition", transition_columns},
    {"runs", "the runs", false, write_runs, "run", run_columns},
    {"requests", "one row per request", true, NULL, "response", request_columns},
    {0},
};

const struct kvt_table *kvt_table_find(const char *name)
{
    for (const struct kvt_table *table = kvt_tables; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}
