#include "render/summary.h"

#include "core/utf8.h"
#include "render/plot.h"
#include "render/pretty.h"
#include "render/table.h"
#include "render/phrase.h"

#include <math.h>
#include <string.h>

static json_t *number(double value)
{
    if (!isfinite(value))
        return json_null();
    if (value == floor(value) && fabs(value) < 1e15)
        return json_integer((json_int_t)value);
    return json_real(value);
}

/* Copies members of a record that are there; "to=from" renames. */
static void copy(json_t *to, const json_t *from, const char *const *paths)
{
    for (; from && *paths; paths++) {
        const char *equals = strchr(*paths, '=');
        json_t *value = kvt_json_get(from, equals ? equals + 1 : *paths);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*paths, "="), *paths);
        if (value)
            json_object_set(to, name, value);
    }
}

static json_t *cell_summary(const struct kvt_cell *cell, size_t bin)
{
    static const char *const stats[] = {
        "n",        "n_scored",  "acc_mean",     "acc_ci_low",        "acc_ci_high",
        "acc_std",  "fail_rate", "fail_ci_low",  "fail_ci_high",      "lat_p50",
        "ttft_p50", "itl_p50",   "kv_bytes_p50", "kv_peak_bytes_p50", "kept_ratio_p50",
        "flags",    NULL};
    static const char *const pair[] = {"n_pairs",
                                       "delta_mean",
                                       "delta_ci_low",
                                       "delta_ci_high",
                                       "loss_upper",
                                       "loss_p_adj=loss.p_adj",
                                       "lift_p_adj=lift.p_adj",
                                       "silent_p_adj=silent.p_adj",
                                       "changed_rate=churn.changed_rate",
                                       "retention",
                                       "latency_ratio=latency_ratio.ratio",
                                       NULL};
    json_t *summary = json_object();
    json_object_set_new(summary, "bin_idx", json_integer((json_int_t)bin));
    copy(summary, cell->stats, stats);
    copy(summary, cell->pair, pair);
    if (cell->n_responses) {
        json_t *outcomes = json_object();
        for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
            json_object_set_new(outcomes, kvt_outcome_styles[o].name,
                                json_integer((json_int_t)cell->outcomes[o]));
        json_object_set_new(summary, "outcomes", outcomes);
    }
    return summary;
}

static json_t *arm_proof(const struct kvt_arm *arm)
{
    size_t counts[KVT_PROOF_COUNT], total = kvt_arm_proof(arm, counts);
    double low, high;
    json_t *proof = json_object();
    json_object_set_new(proof, "n", json_integer((json_int_t)total));
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++)
        json_object_set_new(proof, kvt_proof_names[i], json_integer((json_int_t)counts[i]));
    kvt_arm_range(arm, "kept_ratio_p50", &low, &high);
    json_object_set_new(proof, "kept_ratio_low", number(low));
    json_object_set_new(proof, "kept_ratio_high", number(high));
    return proof;
}

static json_t *arm_summary(const struct kvt_arm *arm)
{
    static const char *const verdict[] = {"verdict",
                                          "summary",
                                          "safe_within",
                                          "transition_bin_start",
                                          "transition_bin_end",
                                          "collapse_bin",
                                          "order",
                                          "warnings",
                                          NULL};
    json_t *summary = json_object(), *bins = json_array();
    json_object_set_new(summary, "run_id", json_string(arm->run_id));
    json_object_set_new(summary, "label", json_string(arm->label));
    json_object_set_new(summary, "kv_budget", number(arm->budget));
    json_object_set_new(summary, "budget_unit", json_string(arm->tokens ? "tokens" : "fraction"));
    json_object_set_new(summary, "reference", json_boolean(arm->reference));
    json_object_set_new(summary, "control", json_boolean(arm->control));
    copy(summary, arm->transition, verdict);
    json_object_set_new(summary, "proof", arm_proof(arm));
    for (size_t b = 0; b < arm->n_cells; b++)
        if (arm->cells[b].stats || arm->cells[b].n_responses)
            json_array_append_new(bins, cell_summary(&arm->cells[b], b));
    json_object_set_new(summary, "bins", bins);
    return summary;
}

static json_t *noise_summary(const struct kvt_study *study)
{
    struct kvt_noise noise = kvt_noise_floor(study);
    if (!noise.known)
        return json_null();
    json_t *summary = json_object();
    json_object_set_new(summary, "n", number(noise.n));
    json_object_set_new(summary, "answers_changed", number(noise.changed));
    json_object_set_new(summary, "texts_changed",
                        number(isnan(noise.texts) ? noise.changed : noise.texts));
    json_object_set_new(summary, "n_entries", number(noise.entries));
    json_object_set_new(summary, "scores_lower",
                        noise.scores_known ? number(noise.lower) : json_null());
    json_object_set_new(summary, "scores_higher",
                        noise.scores_known ? number(noise.higher) : json_null());
    return summary;
}

/* What an experiment's record says of it. */
static void copy_experiment(json_t *to, const json_t *experiment)
{
    static const char *const members[] = {"exp_group_id", "created_at", "git_hash",
                                          "notes",        "seed",       NULL};
    copy(to, experiment, members);
}

/* A study of another experiment than the document's says itself when and from what it was made. */
static json_t *study_summary(const struct kvt_results *results, const struct kvt_study *study)
{
    const json_t *experiment = kvt_results_experiment(results, study);
    json_t *summary = json_object(), *bins = json_array(), *runs = json_array();
    json_object_set_new(summary, "exp_group_id", json_string(study->exp_group_id));
    if (experiment != kvt_results_experiment(results, &results->studies[0]))
        copy_experiment(summary, experiment);
    json_object_set_new(summary, "model_name", json_string(study->model));
    json_object_set_new(summary, "kv_policy", json_string(study->policy));
    json_object_set_new(summary, "task", study->task[0] ? json_string(study->task) : json_null());
    for (size_t b = 0; b < study->n_bins; b++) {
        json_t *bin = json_object();
        json_object_set_new(bin, "bin_idx", json_integer((json_int_t)b));
        json_object_set_new(bin, "token_min", number(study->bins[b].low));
        json_object_set_new(bin, "token_max", number(study->bins[b].high));
        json_object_set_new(bin, "token_mean", number(study->bins[b].centre));
        json_array_append_new(bins, bin);
    }
    json_object_set_new(summary, "bins", bins);
    json_object_set_new(summary, "noise_floor", noise_summary(study));
    for (size_t i = 0; i < study->n_arms; i++)
        json_array_append_new(runs, arm_summary(study->arms[i]));
    json_object_set_new(summary, "runs", runs);
    return summary;
}

/* Where the recipe puts what it makes, as seen from the summary. */
static json_t *artefacts(const char *plots)
{
    static const char *const files[] = {"report.md", "manifest.jsonl", "manifest.json",
                                        "stream.jsonl", "kv_transition.sqlite"};
    static const char *const names[] = {"report", "entries", "manifest", "stream", "database"};
    json_t *list = json_object(), *figures = json_object(), *tables = json_object();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        json_object_set_new(list, names[i], json_string(files[i]));
    struct kvt_buffer folder = {0}; /* of the command line: any bytes */
    kvt_utf8_repair(&folder, plots, strlen(plots));
    for (const struct kvt_plot *plot = kvt_plots; plot->name; plot++)
        json_object_set_new(figures, plot->name,
                            json_sprintf("%s/%s.png", kvt_buffer_string(&folder), plot->file));
    kvt_buffer_free(&folder);
    for (const struct kvt_table *table = kvt_tables; table->name; table++)
        json_object_set_new(tables, table->name, json_sprintf("tables/%s.csv", table->name));
    json_object_set_new(list, "plots", figures);
    json_object_set_new(list, "tables", tables);
    return list;
}

int kvt_summary_write(struct kvt_buffer *out, const struct kvt_results *results, const char *plots,
                      struct kvt_error *error)
{
    if (kvt_results_check(results, error) != 0)
        return -1;
    json_t *document = json_object(), *studies = json_array();
    json_object_set_new(document, "summary_form", json_integer(KVT_SUMMARY_FORM));
    copy_experiment(document, kvt_results_experiment(results, &results->studies[0]));
    for (size_t i = 0; i < results->n_studies; i++)
        json_array_append_new(studies, study_summary(results, &results->studies[i]));
    json_object_set_new(document, "studies", studies);
    json_object_set_new(document, "artefacts", artefacts(plots));
    kvt_pretty_write(out, document);
    json_decref(document);
    return 0;
}
