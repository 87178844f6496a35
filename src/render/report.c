#include "render/report.h"

#include "render/escape.h"
#include "render/gnuplot.h"
#include "render/phrase.h"
#include "render/plot.h"

#include <math.h>
#include <string.h>

void kvt_report_figure(struct kvt_report *report, const char *name)
{
    const struct kvt_plot *plot = kvt_plot_find(name);
    if (!report->first || !plot)
        return;
    kvt_buffer_printf(report->out, "![%s](<", plot->caption);
    for (const char *at = report->plots; *at; at++) /* of the command line: kept within <> */
        if (!strchr("<>\r\n", *at))
            kvt_buffer_byte(report->out, *at);
    kvt_buffer_printf(report->out, "/%s.png>)\n\n", plot->file);
}

void kvt_report_bin(struct kvt_report *report, size_t bin)
{
    const struct kvt_study *study = report->study;
    kvt_buffer_printf(report->out, "| %zu", bin + 1);
    if (!isnan(study->bins[bin].low)) {
        char low[32], high[32];
        kvt_grouped_number(study->bins[bin].low, low);
        kvt_grouped_number(study->bins[bin].high, high);
        kvt_buffer_printf(report->out, " (%s%s\xe2\x80\x93%s%s)",
                          study->own_lengths ? "length " : "", low, high,
                          study->own_lengths ? "" : " tokens");
    }
    kvt_buffer_text(report->out, " |");
}

void kvt_report_arm_header(struct kvt_report *report, const char *first)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_printf(out, "| %s |", first);
    for (size_t i = 0; i < report->study->n_arms; i++)
        if (kvt_arm_shown(report->study->arms[i])) {
            kvt_buffer_text(out, report->study->arms[i]->reference ? " " : " budget ");
            kvt_escape_markdown(out, report->study->arms[i]->label, 40);
            kvt_buffer_text(out, " |");
        }
    kvt_buffer_text(out, "\n|---|");
    for (size_t i = 0; i < report->study->n_arms; i++)
        if (kvt_arm_shown(report->study->arms[i]))
            kvt_buffer_text(out, "---:|");
    kvt_buffer_byte(out, '\n');
}

static void verdict_lines(struct kvt_report *report, const struct kvt_arm *arm)
{
    struct kvt_buffer *out = report->out;
    const char *verdict = kvt_json_text(arm->transition, "verdict", "");
    const char *meaning = kvt_phrase_meaning(verdict);
    kvt_buffer_text(out, "- **Budget ");
    kvt_escape_markdown(out, arm->label, 40);
    kvt_buffer_text(out, ": ");
    kvt_escape_markdown(out, kvt_phrase_verdict(verdict), 60);
    kvt_buffer_text(out, ".**");
    if (*meaning)
        kvt_buffer_printf(out, " %s.", meaning);
    kvt_buffer_byte(out, ' ');
    kvt_escape_markdown(out, kvt_json_text(arm->transition, "summary", ""), 0);
    kvt_buffer_byte(out, ' ');
    kvt_phrase_safe(out, arm);
    while (out->length && out->data[out->length - 1] == ' ')
        out->length--;
    kvt_buffer_byte(out, '\n');
    size_t index;
    json_t *code;
    json_array_foreach(json_object_get(arm->transition, "warnings"), index, code)
    {
        kvt_buffer_text(out, "  - Note: ");
        kvt_escape_markdown(
            out, kvt_phrase_warning(json_is_string(code) ? json_string_value(code) : "?"), 0);
        kvt_buffer_text(out, ".\n");
    }
}

static void zone_lines(struct kvt_report *report, const struct kvt_arm *arm)
{
    struct kvt_buffer *out = report->out;
    long long first = kvt_json_integer(arm->transition, "transition_bin_start", -1);
    long long last = kvt_json_integer(arm->transition, "transition_bin_end", -1);
    long long collapse = kvt_json_integer(arm->transition, "collapse_bin", -1);
    if (first >= 0 && last >= first && last < KVT_BIN_LIMIT) {
        kvt_buffer_text(out, "  - Transition zone: from ");
        kvt_phrase_bin(out, report->study, (size_t)first);
        kvt_buffer_text(out, " to ");
        kvt_phrase_bin(out, report->study, (size_t)last);
        kvt_buffer_text(out, ".\n");
    }
    if (collapse >= 0 && collapse < KVT_BIN_LIMIT) {
        kvt_buffer_text(out, "  - Collapsed from ");
        kvt_phrase_bin(out, report->study, (size_t)collapse);
        kvt_buffer_printf(out, " on (less than %.10g%% of the full cache's score is left).\n",
                          100 * kvt_json_number(arm->transition, "rationale.c", 0.5));
    }
}

void kvt_report_verdict(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    bool any = false;
    kvt_buffer_text(out, "## Verdict\n\n");
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        if (!arm->transition)
            continue;
        any = true;
        verdict_lines(report, arm);
        zone_lines(report, arm);
    }
    if (!any)
        kvt_buffer_text(out,
                        "The stream holds no verdict: it has not been through kvt-transition.\n");
    kvt_buffer_byte(out, '\n');
}

/* "SnapKV on recall, task recall" */
static void title(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    const struct kvt_study *study = report->study;
    kvt_buffer_text(out, "# KV cache compression: ");
    kvt_escape_markdown(out, study->policy[0] ? study->policy : "unnamed policy", 80);
    kvt_buffer_text(out, " on ");
    kvt_escape_markdown(out, study->model[0] ? study->model : "an unnamed model", 80);
    if (study->task[0]) {
        kvt_buffer_text(out, ", task ");
        kvt_escape_markdown(out, study->task, 80);
    }
    if (study->namesake) {
        kvt_buffer_text(out, ", experiment ");
        kvt_escape_markdown(out, study->exp_group_id, 80);
    }
    kvt_buffer_text(out, "\n\n");
}

int kvt_report_write(struct kvt_buffer *out, const struct kvt_results *results,
                     const json_t *settings, const char *plots, struct kvt_error *error)
{
    static void (*const sections[])(struct kvt_report *) = {
        kvt_report_verdict, kvt_report_proof,    kvt_report_accuracy, kvt_report_outcomes,
        kvt_report_pairs,   kvt_report_failures, kvt_report_costs,    kvt_report_findings,
        kvt_report_setup,   kvt_report_limits};
    if (kvt_results_check(results, error) != 0)
        return -1;
    for (size_t s = 0; s < results->n_studies; s++) {
        struct kvt_report report = {.out = out,
                                    .results = results,
                                    .study = &results->studies[s],
                                    .settings = settings,
                                    .plots = plots,
                                    .first = s == 0};
        if (s > 0)
            kvt_buffer_text(out, "\n---\n\n");
        title(&report);
        for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
            sections[i](&report);
    }
    return 0;
}
