/* Sections of the report on what the answers were worth: accuracy, outcomes, pairs, failures. */
#include "render/escape.h"
#include "render/phrase.h"
#include "render/report.h"

#include <math.h>
#include <string.h>

/* "0.95 [0.83, 0.99]" */
static void interval(struct kvt_buffer *out, double value, double low, double high)
{
    if (isnan(value)) {
        kvt_buffer_text(out, " \xe2\x80\x93 |");
        return;
    }
    kvt_buffer_printf(out, " %.3f", value);
    if (!isnan(low) && !isnan(high))
        kvt_buffer_printf(out, " [%.2f, %.2f]", low, high);
    kvt_buffer_text(out, " |");
}

static void interval_table(struct kvt_report *report, const char *value, const char *low,
                           const char *high)
{
    kvt_report_arm_header(report, "bin");
    for (size_t b = 0; b < report->study->n_bins; b++) {
        kvt_report_bin(report, b);
        for (size_t i = 0; i < report->study->n_arms; i++) {
            const struct kvt_cell *cell = kvt_arm_cell(report->study->arms[i], b);
            if (kvt_arm_shown(report->study->arms[i]))
                interval(report->out, kvt_cell_stat(cell, value), kvt_cell_stat(cell, low),
                         kvt_cell_stat(cell, high));
        }
        kvt_buffer_byte(report->out, '\n');
    }
    kvt_buffer_byte(report->out, '\n');
}

void kvt_report_accuracy(struct kvt_report *report)
{
    const char *metric;
    json_t *unused;
    kvt_buffer_text(report->out, "## Accuracy against length\n\n");
    kvt_report_figure(report, "acc");
    kvt_buffer_text(report->out, "Mean score per bin with its 95% interval");
    const char *name = kvt_study_text(report->study, "ci");
    if (name) {
        kvt_buffer_text(report->out, " (");
        kvt_escape_markdown(report->out, name, 40);
        kvt_buffer_byte(report->out, ')');
    }
    const char *separator = "; metric: ";
    json_object_foreach(json_object_get(report->results->metrics, report->study->task), metric,
                        unused)
    {
        kvt_buffer_text(report->out, separator);
        kvt_escape_markdown(report->out, metric, 40);
        separator = ", ";
    }
    kvt_buffer_text(report->out, ".\n\n");
    interval_table(report, "acc_mean", "acc_ci_low", "acc_ci_high");
    kvt_report_figure(report, "std");
    kvt_buffer_text(
        report->out,
        "The standard deviation of 0/1 scores is arithmetic of their mean, "
        "\xe2\x88\x9a(p(1\xe2\x88\x92p)): it is shown because it is often asked for, and "
        "carries no evidence of its own.\n\n");
}

static bool outcome_shown(const struct kvt_report *report, size_t outcome)
{
    if (outcome == KVT_OUTCOME_CORRECT || outcome == KVT_OUTCOME_WRONG)
        return true;
    for (size_t i = 0; i < report->study->n_arms; i++)
        for (size_t b = 0; b < report->study->arms[i]->n_cells; b++)
            if (report->study->arms[i]->cells[b].outcomes[outcome])
                return true;
    return false;
}

static void outcome_row(struct kvt_report *report, const struct kvt_arm *arm, size_t bin)
{
    struct kvt_buffer *out = report->out;
    const struct kvt_cell *cell = kvt_arm_cell(arm, bin);
    if (!cell || cell->n_responses == 0)
        return;
    kvt_buffer_text(out, "| ");
    kvt_escape_markdown(out, arm->label, 40);
    kvt_buffer_text(out, " ");
    kvt_report_bin(report, bin);
    kvt_buffer_printf(out, " %zu |", cell->n_responses);
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
        if (outcome_shown(report, o))
            kvt_buffer_printf(out, " %zu |", cell->outcomes[o]);
    kvt_buffer_byte(out, '\n');
}

void kvt_report_outcomes(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_text(out, "## Outcomes\n\n");
    if (report->results->n_responses == 0) {
        kvt_buffer_text(out, "The stream holds no responses, only statistics.\n\n");
        return;
    }
    kvt_report_figure(report, "outcomes");
    kvt_buffer_text(out, "What became of every request. A wrong answer is the silent kind of loss: "
                         "nothing about it says that it is wrong.\n\n| budget | bin | requests |");
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
        if (outcome_shown(report, o))
            kvt_buffer_printf(out, " %s |", kvt_outcome_styles[o].label);
    kvt_buffer_text(out, "\n|---|---|---:|");
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
        if (outcome_shown(report, o))
            kvt_buffer_text(out, "---:|");
    kvt_buffer_byte(out, '\n');
    for (size_t i = 0; i < report->study->n_arms; i++)
        for (size_t b = 0; b < report->study->n_bins && kvt_arm_shown(report->study->arms[i]); b++)
            outcome_row(report, report->study->arms[i], b);
    kvt_buffer_byte(out, '\n');
}

/* "<0.001", "0.032"; bold when confirmed. */
static void p_value(struct kvt_buffer *out, double p, double alpha)
{
    const char *mark = p <= alpha ? "**" : "";
    if (isnan(p))
        kvt_buffer_text(out, " \xe2\x80\x93 |");
    else if (p < 0.001)
        kvt_buffer_printf(out, " %s&lt;0.001%s |", mark, mark);
    else
        kvt_buffer_printf(out, " %s%.3f%s |", mark, p, mark);
}

static void pair_row(struct kvt_report *report, const struct kvt_cell *cell, size_t bin,
                     double alpha)
{
    struct kvt_buffer *out = report->out;
    kvt_report_bin(report, bin);
    kvt_buffer_printf(out, " %.0f | %.0f / %.0f |", kvt_cell_pair(cell, "n_pairs"),
                      kvt_cell_pair(cell, "loss.n10"), kvt_cell_pair(cell, "loss.n01"));
    kvt_buffer_text(out, " ");
    kvt_phrase_points(out, kvt_cell_pair(cell, "delta_mean"));
    kvt_buffer_text(out, " [");
    kvt_phrase_points(out, kvt_cell_pair(cell, "delta_ci_low"));
    kvt_buffer_text(out, ", ");
    kvt_phrase_points(out, kvt_cell_pair(cell, "delta_ci_high"));
    kvt_buffer_text(out, "] | ");
    kvt_phrase_points(out, kvt_phrase_bound(kvt_cell_pair(cell, "loss_upper")));
    kvt_buffer_text(out, " |");
    p_value(out, kvt_cell_pair(cell, "loss.p_adj"), alpha);
    p_value(out, kvt_cell_pair(cell, "lift.p_adj"), alpha);
    p_value(out, kvt_cell_pair(cell, "silent.p_adj"), alpha);
    double retention = kvt_cell_pair(cell, "retention");
    if (isnan(retention))
        kvt_buffer_text(out, " \xe2\x80\x93 | ");
    else
        kvt_buffer_printf(out, " %.2f | ", retention);
    kvt_phrase_points(out, kvt_cell_pair(cell, "churn.changed_rate"));
    kvt_buffer_text(out, "% |\n");
}

void kvt_report_pairs(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_text(out, "## Against the full cache, entry by entry\n\n");
    kvt_report_figure(report, "paired");
    kvt_buffer_text(
        out, "Each compressed answer is compared with the full cache's answer to the same entry. "
             "Bounds hold for all bins of the budget together; p-values are corrected over the "
             "family of bins and budgets, and bold where the claim is confirmed.\n\n");
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        double alpha = kvt_json_number(arm->transition, "rationale.alpha", 0.05);
        bool headed = false;
        for (size_t b = 0; b < report->study->n_bins && !arm->control; b++) {
            const struct kvt_cell *cell = kvt_arm_cell(arm, b);
            if (!(kvt_cell_pair(cell, "n_pairs") > 0))
                continue;
            if (!headed) {
                kvt_buffer_text(out, "Budget ");
                kvt_escape_markdown(out, arm->label, 40);
                kvt_buffer_text(
                    out,
                    ":\n\n| bin | pairs | scores lower / higher | change, points [95%] | loss at "
                    "most | p loss | p failures rise | p wrong answers rise | retention | answers "
                    "changed |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
                headed = true;
            }
            pair_row(report, cell, b, alpha);
        }
        if (headed)
            kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out, "The answers behind these numbers, side by side: `sqlite3 -box "
                         "kv_transition.sqlite 'SELECT * FROM lost_answers'`.\n\n");
}

/* Failure types seen in any shown arm, as keys. New reference. */
static json_t *types_seen(const struct kvt_report *report, const char *counts)
{
    json_t *seen = json_object();
    for (size_t i = 0; i < report->study->n_arms; i++)
        for (size_t b = 0; b < report->study->arms[i]->n_cells; b++) {
            const char *type;
            json_t *n;
            json_object_foreach(kvt_json_get(report->study->arms[i]->cells[b].stats, counts), type,
                                n)
            {
                json_object_set_new(seen, type, json_true());
            }
        }
    return seen;
}

static void type_rows(struct kvt_report *report, const char *counts, const char *class)
{
    json_t *types = types_seen(report, counts), *unused;
    const char *type;
    json_object_foreach(types, type, unused)
    {
        kvt_buffer_text(report->out, "| ");
        kvt_escape_markdown(report->out, type, 60);
        kvt_buffer_printf(report->out, " (%s) |", class);
        for (size_t i = 0; i < report->study->n_arms; i++) {
            const struct kvt_arm *arm = report->study->arms[i];
            if (!kvt_arm_shown(arm))
                continue;
            double sum = 0;
            kvt_buffer_text(report->out, " ");
            for (size_t b = 0; b < report->study->n_bins; b++) {
                const struct kvt_cell *cell = kvt_arm_cell(arm, b);
                const json_t *of_cell = cell ? kvt_json_get(cell->stats, counts) : NULL;
                const json_t *n = json_object_get(of_cell, type);
                double count = json_is_number(n) ? json_number_value(n) : 0;
                kvt_buffer_printf(report->out, "%s%.0f", b ? " \xc2\xb7 " : "", count);
                sum += count;
            }
            kvt_buffer_printf(report->out, " = %.0f |", sum);
        }
        kvt_buffer_byte(report->out, '\n');
    }
    json_decref(types);
}

/* A failure keeps the score its text earns: what failed against what was right, all bins. */
static void failed_by_correct(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_text(
        out, "Failed or not against right or not, all lengths. A failure keeps the score its text "
             "earns, and an answer of full score is no failure.\n\n"
             "| budget | failed, score 0 | failed, partly right | not failed, score 0 | not "
             "failed, partly right | not failed, right |\n|---|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        size_t of[KVT_OUTCOME_COUNT] = {0}, failed = 0, partly = 0;
        if (!kvt_arm_shown(arm))
            continue;
        for (size_t b = 0; b < arm->n_cells; b++) {
            partly += arm->cells[b].n_failed_partly;
            for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++) {
                of[o] += arm->cells[b].outcomes[o];
                failed += kvt_outcome_failed((enum kvt_outcome)o) ? arm->cells[b].outcomes[o] : 0;
            }
        }
        kvt_buffer_text(out, "| ");
        kvt_escape_markdown(out, arm->label, 40);
        kvt_buffer_printf(out, " | %zu | %zu | %zu | %zu | %zu |\n", failed - partly, partly,
                          of[KVT_OUTCOME_WRONG], of[KVT_OUTCOME_PARTLY], of[KVT_OUTCOME_CORRECT]);
    }
    kvt_buffer_byte(out, '\n');
}

void kvt_report_failures(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    double total = 0;
    kvt_buffer_text(out, "## Failures by type\n\n");
    kvt_report_figure(report, "failrate");
    for (size_t i = 0; i < report->study->n_arms; i++)
        total += kvt_arm_sum(report->study->arms[i], "n_failed") +
                 kvt_arm_sum(report->study->arms[i], "n_infrastructure");
    if (total > 0) {
        kvt_buffer_text(out, "Counts per bin, shortest first, and their sum.\n\n");
        kvt_report_arm_header(report, "failure");
        type_rows(report, "failures", "model");
        type_rows(report, "infrastructure", "infrastructure, not counted against the model");
        kvt_buffer_byte(out, '\n');
        if (report->results->n_responses > 0)
            failed_by_correct(report);
    } else {
        kvt_buffer_text(out, "No failure was recorded.\n\n");
    }
    kvt_buffer_text(out, "Share of failed answers with its 95% interval (Wilson):\n\n");
    interval_table(report, "fail_rate", "fail_ci_low", "fail_ci_high");
}
