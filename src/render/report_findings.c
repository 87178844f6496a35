/* Sections of the report that judge: key findings, setup, limits, future work. */
#include "core/option.h"
#include "render/escape.h"
#include "render/gnuplot.h"
#include "render/phrase.h"
#include "render/report.h"

#include <math.h>
#include <string.h>

static void begin(struct kvt_report *report, const struct kvt_arm *arm)
{
    kvt_buffer_text(report->out, "- Budget ");
    kvt_escape_markdown(report->out, arm->label, 40);
    kvt_buffer_text(report->out, ": ");
}

/* The bins whose p-value at `path` is confirmed: "bins 2 to 4", "no bin". */
static void confirmed(struct kvt_buffer *out, const struct kvt_arm *arm, const char *path,
                      double alpha)
{
    bool set[KVT_BIN_LIMIT];
    for (size_t b = 0; b < arm->n_cells; b++)
        set[b] = kvt_cell_pair(&arm->cells[b], path) <= alpha;
    kvt_phrase_bins(out, set, arm->n_cells);
}

/* The bin with the largest confirmed loss, or -1. */
static long worst_bin(const struct kvt_arm *arm, double alpha)
{
    long worst = -1;
    double lowest = INFINITY;
    for (size_t b = 0; b < arm->n_cells; b++) {
        double delta = kvt_cell_pair(&arm->cells[b], "delta_mean");
        if (kvt_cell_pair(&arm->cells[b], "loss.p_adj") <= alpha && delta < lowest) {
            lowest = delta;
            worst = (long)b;
        }
    }
    return worst;
}

static void loss_finding(struct kvt_report *report, const struct kvt_arm *arm, double alpha)
{
    struct kvt_buffer *out = report->out;
    long worst = worst_bin(arm, alpha);
    begin(report, arm);
    if (worst < 0) {
        double widest = 0;
        for (size_t b = 0; b < arm->n_cells; b++)
            widest = fmax(widest, kvt_cell_pair(&arm->cells[b], "loss_upper_each"));
        kvt_buffer_text(out,
                        "no loss is confirmed in any bin; the data leave room for one of up to ");
        kvt_phrase_amount(out, kvt_phrase_bound(widest));
        kvt_buffer_text(out, " in the bin where they say least.\n");
        return;
    }
    const struct kvt_cell *cell = &arm->cells[worst];
    kvt_buffer_text(out, "a loss is confirmed in ");
    confirmed(out, arm, "loss.p_adj", alpha);
    kvt_buffer_text(out, "; the largest is ");
    kvt_phrase_amount(out, -kvt_cell_pair(cell, "delta_mean"));
    kvt_buffer_text(out, " (95% interval ");
    kvt_phrase_points(out, -kvt_cell_pair(cell, "delta_ci_high"));
    kvt_buffer_text(out, " to ");
    kvt_phrase_points(out, -kvt_cell_pair(cell, "delta_ci_low"));
    kvt_buffer_text(out, ") at ");
    kvt_phrase_bin(out, report->study, (size_t)worst);
    kvt_buffer_text(out, ".\n");
}

/* How the lost answers look: as failures, or as answers like any other. */
static void kind_finding(struct kvt_report *report, const struct kvt_arm *arm, double alpha)
{
    struct kvt_buffer *out = report->out;
    double lost = 0, lift = 0, silent = 0;
    for (size_t b = 0; b < arm->n_cells; b++) {
        const struct kvt_cell *cell = &arm->cells[b];
        lost += fmax(0, kvt_cell_pair(cell, "loss.n10"));
        lift += fmax(0, kvt_cell_pair(cell, "lift.n10"));
        silent += fmax(0, kvt_cell_pair(cell, "silent.n10"));
    }
    if (!(lost > 0))
        return;
    begin(report, arm);
    kvt_buffer_printf(
        out,
        "%.0f answer%s lower than the full cache's, %.0f of them without a failure in "
        "either run; %.0f answer%s where the full cache's did not. ",
        lost, lost == 1 ? " scores" : "s score", silent, lift, lift == 1 ? " fails" : "s fail");
    kvt_buffer_text(out, "More failures are confirmed in ");
    confirmed(out, arm, "lift.p_adj", alpha);
    kvt_buffer_text(out, ", more wrong answers in ");
    confirmed(out, arm, "silent.p_adj", alpha);
    kvt_buffer_text(out, ".\n");
}

static void churn_finding(struct kvt_report *report, const struct kvt_arm *arm)
{
    double n = 0, changed = 0, floor_n = 0, floor_changed = 0;
    for (size_t b = 0; b < arm->n_cells; b++) {
        const struct kvt_cell *cell = &arm->cells[b];
        double pairs = kvt_cell_pair(cell, "n_pairs");
        double count = kvt_cell_pair(cell, "churn.n_changed");
        double of_floor = kvt_cell_pair(cell, "churn.floor_n");
        if (pairs > 0 && !isnan(count)) {
            n += pairs;
            changed += count;
        }
        if (of_floor > 0) {
            floor_n += of_floor;
            floor_changed += fmax(0, kvt_cell_pair(cell, "churn.floor_changed"));
        }
    }
    if (!(n > 0))
        return;
    begin(report, arm);
    kvt_phrase_points(report->out, changed / n);
    kvt_buffer_text(report->out,
                    "% of the answers differ, as they are scored, from the full cache's");
    if (floor_n > 0) {
        kvt_buffer_text(report->out, "; two identical full-cache runs differ in ");
        kvt_phrase_points(report->out, floor_changed / floor_n);
        kvt_buffer_byte(report->out, '%');
    } else {
        kvt_buffer_text(report->out,
                        "; how often two full-cache runs differ was not measured here");
    }
    kvt_buffer_text(report->out, ".\n");
}

static void ratio_text(struct kvt_buffer *out, const struct kvt_cell *cell, const char *name)
{
    char low[64], high[64], value[64];
    snprintf(value, sizeof value, "%s.ratio", name);
    snprintf(low, sizeof low, "%s.ratio_low", name);
    snprintf(high, sizeof high, "%s.ratio_high", name);
    kvt_buffer_printf(out, "%.2f times as long as with the full cache", kvt_cell_pair(cell, value));
    if (!isnan(kvt_cell_pair(cell, low)) && !isnan(kvt_cell_pair(cell, high)))
        kvt_buffer_printf(out, " (95%% interval %.2f to %.2f)", kvt_cell_pair(cell, low),
                          kvt_cell_pair(cell, high));
}

/* Latency and cache at the longest bin, where compression is meant to pay. */
static void cost_finding(struct kvt_report *report, const struct kvt_arm *arm)
{
    struct kvt_buffer *out = report->out;
    const struct kvt_arm *reference = kvt_study_reference(report->study);
    for (size_t b = arm->n_cells; b-- > 0;) {
        const struct kvt_cell *cell = &arm->cells[b], *full = kvt_arm_cell(reference, b);
        double held = kvt_cell_stat(cell, "kv_bytes_p50"),
               all = kvt_cell_stat(full, "kv_bytes_p50");
        double peak = kvt_cell_stat(cell, "kv_peak_bytes_p50");
        double peak_all = kvt_cell_stat(full, "kv_peak_bytes_p50");
        if (isnan(kvt_cell_pair(cell, "latency_ratio.ratio")) && !(held > 0 && all > 0))
            continue;
        begin(report, arm);
        kvt_buffer_text(out, "at ");
        kvt_phrase_bin(out, report->study, b);
        const char *separator = "";
        if (!isnan(kvt_cell_pair(cell, "latency_ratio.ratio"))) {
            kvt_buffer_text(out, " an answer takes ");
            ratio_text(out, cell, "latency_ratio");
            separator = ",";
        }
        if (held > 0 && all > 0)
            kvt_buffer_printf(out, "%s the cache held is %.2f of the full one", separator,
                              held / all);
        if (held > 0 && all > 0 && peak > 0 && peak_all > 0)
            kvt_buffer_printf(out, ", the peak %.2f", peak / peak_all);
        kvt_buffer_text(out, ".\n");
        return;
    }
}

void kvt_report_findings(struct kvt_report *report)
{
    bool any = false;
    kvt_buffer_text(report->out, "## Key findings\n\n");
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        double alpha = kvt_json_number(arm->transition, "rationale.alpha", 0.05);
        bool paired = false;
        for (size_t b = 0; b < arm->n_cells; b++)
            paired = paired || kvt_cell_pair(&arm->cells[b], "n_pairs") > 0;
        if (arm->reference || !paired)
            continue;
        any = true;
        loss_finding(report, arm, alpha);
        kind_finding(report, arm, alpha);
        churn_finding(report, arm);
        cost_finding(report, arm);
    }
    if (!any)
        kvt_buffer_text(report->out, "- There are no pairs of a compressed and a full-cache run to "
                                     "compare.\n");
    kvt_buffer_byte(report->out, '\n');
}

static void setup_text(struct kvt_report *report, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    kvt_buffer_printf(report->out, "| %s | ", name);
    kvt_escape_markdown(report->out, text, 200);
    kvt_buffer_text(report->out, " |\n");
}

static void setup_value(struct kvt_report *report, const char *name, const json_t *value)
{
    struct kvt_buffer text = {0};
    if (json_is_string(value))
        kvt_buffer_text(&text, json_string_value(value));
    else if (value && !json_is_null(value))
        kvt_json_write(&text, value);
    setup_text(report, name, kvt_buffer_string(&text));
    kvt_buffer_free(&text);
}

/* A row for each record that has the member. */
static void setup_each(struct kvt_report *report, const char *name, const json_t *records,
                       const char *member)
{
    for (size_t i = 0; i < json_array_size(records); i++)
        setup_value(report, name, json_object_get(json_array_get(records, i), member));
}

void kvt_report_setup(struct kvt_report *report)
{
    const json_t *experiment = kvt_results_experiment(report->results, report->study);
    json_t *datasets = kvt_results_datasets(report->results, report->study->task);
    const json_t *run = NULL;
    for (size_t i = 0; i < report->study->n_arms; i++)
        if (!run || !report->study->arms[i]->reference)
            run = report->study->arms[i]->run ? report->study->arms[i]->run : run;
    kvt_buffer_text(report->out, "## Setup\n\n| | |\n|---|---|\n");
    setup_text(report, "experiment", report->study->exp_group_id);
    setup_text(report, "model", report->study->model);
    setup_text(report, "policy", report->study->policy);
    setup_value(report, "policy settings", json_object_get(run, "kv"));
    setup_text(report, "task", report->study->task);
    setup_value(report, "engine", json_object_get(run, "engine_name"));
    setup_value(report, "server", json_object_get(run, "base_url"));
    setup_each(report, "questions", datasets, "name");
    setup_each(report, "questions, SHA-256", datasets, "source_sha256");
    setup_value(report, "responses, SHA-256",
                json_object_get(report->results->scored, "input_sha256"));
    setup_each(report, "tokenizer", datasets, "tokenizer");
    setup_each(report, "prompt template", datasets, "template");
    /* the experiment's own, not the defaults of what it does not tell (an import) */
    setup_value(report, "decoding", kvt_json_get(experiment, "config.decoding"));
    setup_value(report, "entries per bin", kvt_json_get(experiment, "config.dataset.n_per_bin"));
    setup_value(report, "seed", json_object_get(experiment, "seed"));
    setup_value(report, "created", json_object_get(experiment, "created_at"));
    setup_value(report, "commit", json_object_get(experiment, "git_hash"));
    setup_value(report, "notes", json_object_get(experiment, "notes"));
    setup_text(report, "rendered by", "kvt-render " KVT_VERSION);
    kvt_buffer_byte(report->out, '\n');
    json_decref(datasets);
}

/* Lengths that were not counted by a tokenizer (kvt-import). */
static void own_length_limit(struct kvt_report *report)
{
    if (report->study->own_lengths)
        kvt_buffer_text(report->out,
                        "- Lengths are those the predictions came with, in their own unit (words "
                        "in LongBench's English tasks), not tokens of the model.\n");
}

static void size_limit(struct kvt_report *report)
{
    double least = NAN;
    for (size_t i = 0; i < report->study->n_arms; i++) {
        double low, high;
        if (!kvt_arm_shown(report->study->arms[i]))
            continue;
        kvt_arm_range(report->study->arms[i], "n_scored", &low, &high);
        if (!isnan(low) && (isnan(least) || low < least))
            least = low;
    }
    if (!(least >= 1))
        return;
    kvt_buffer_printf(report->out,
                      "- The smallest cell holds %.0f scored answer%s. Even a run without a single "
                      "loss leaves room for one of ",
                      least, least == 1 ? "" : "s");
    kvt_phrase_amount(report->out, kvt_phrase_bound(1 - pow(0.05, 1 / least)));
    kvt_buffer_text(report->out, " there (95% confidence, one bin).\n");
}

/* Names that a bin_stats record lists as unobservable, each once. */
static void blind_limit(struct kvt_report *report)
{
    json_t *names = json_object(), *name;
    for (size_t i = 0; i < report->study->n_arms; i++)
        for (size_t b = 0; b < report->study->arms[i]->n_cells; b++) {
            size_t index;
            json_array_foreach(
                kvt_json_get(report->study->arms[i]->cells[b].stats, "failures_unobservable"),
                index, name)
            {
                if (json_is_string(name))
                    json_object_set_new(names, json_string_value(name), json_true());
            }
        }
    const char *key, *separator =
                         "- These failures cannot be seen in the records, and are not counted as "
                         "absent: ";
    bool any = json_object_size(names) > 0;
    json_object_foreach(names, key, name)
    {
        kvt_buffer_text(report->out, separator);
        kvt_escape_markdown(report->out, key, 60);
        separator = ", ";
    }
    if (any)
        kvt_buffer_text(report->out, ".\n");
    json_decref(names);
}

/* Medians of 0 between tokens are what the client could see, not how fast the engine is. */
static void read_limit(struct kvt_report *report)
{
    for (size_t i = 0; i < report->study->n_arms; i++) {
        double low, high;
        kvt_arm_range(report->study->arms[i], "itl_p50", &low, &high);
        if (!kvt_arm_shown(report->study->arms[i]) || !(low <= 0))
            continue;
        kvt_buffer_text(report->out,
                        "- A time between tokens of 0 ms means that several tokens came in one "
                        "read, so that nothing is known of the time between them.\n");
        return;
    }
}

void kvt_report_limits(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    double infrastructure = 0;
    kvt_buffer_text(out, "## Limits\n\n");
    if (kvt_results_ladder(report->results))
        kvt_buffer_text(
            out, "- The same questions are asked at several lengths, so bins differ in length "
                 "(and in what fills it), not in what is asked. Entries of one question are "
                 "not independent of each other across bins.\n");
    else
        kvt_buffer_text(
            out, "- Length is not the only thing that changes from bin to bin: longer entries "
                 "are other questions on other texts. A change over length may come from "
                 "either. The comparison with the full cache within a bin is not affected.\n");
    own_length_limit(report);
    size_limit(report);
    blind_limit(report);
    for (size_t i = 0; i < report->study->n_arms; i++)
        infrastructure += kvt_arm_sum(report->study->arms[i], "n_infrastructure");
    if (infrastructure > 0)
        kvt_buffer_printf(
            out,
            "- %.0f requests got no answer (time-outs, server errors). They are left out of "
            "scores and pairs; if they are not random, the rest is a selection.\n",
            infrastructure);
    if (kvt_study_reference(report->study) && !kvt_study_control(report->study))
        kvt_buffer_text(
            out, "- There is one full-cache run. Unless the engine is deterministic, part of "
                 "the changed answers may be noise.\n");
    kvt_buffer_text(out,
                    "- One model, one policy and one task: nothing here says how others behave.\n");
    if (kvt_report_has_costs(report))
        kvt_buffer_text(out, "- Latencies are those of this machine and this load.\n");
    read_limit(report);
    kvt_buffer_text(out, "\n## Future work\n\n"
                         "- Other policies and other models on the same entries.\n"
                         "- More tasks, with longer answers and other metrics.\n"
                         "- More entries near the lengths where losses begin.\n"
                         "- A budget that adapts to the prompt instead of a fixed one.\n");
}
