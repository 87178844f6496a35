/*
 * kvt-render: a whole stream in, one artefact out: a report, a figure, a table, a summary.
 *
 * Memory: per group; see kvt-render.1.
 */
#include "config/config.h"
#include "core/memory.h"
#include "core/option.h"
#include "render/manifest.h"
#include "render/plot.h"
#include "render/report.h"
#include "render/results.h"
#include "render/summary.h"
#include "render/table.h"
#include "stream/stage.h"

#include <stdlib.h>
#include <string.h>

/* What the command line asks for. */
struct request {
    const char *artefact, *name;
    const struct kvt_plot *plot;
    const struct kvt_table *table;
    const char *format, *output, *plots, *run, *model, *policy, *task;
    struct kvt_stage_options common;
};

/* A row of `table requests` that waits until it is known which studies are wanted. */
struct held_row {
    size_t arm; /* index in results.arms */
    size_t end; /* of its bytes in `held`; they begin where the row before ends */
};

struct render {
    struct request request;
    struct kvt_buffer held;
    struct held_row *rows;
    size_t n_rows, row_capacity;
    struct kvt_results results;
    struct kvt_settings settings;
    struct kvt_buffer out;
};

static const char *const artefacts[] = {"report", "brief", "summary", "manifest", "plot", "table"};

static void list_names(char *text, size_t size, bool plots)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; plots ? kvt_plots[i].name != NULL : kvt_tables[i].name != NULL; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                         plots ? kvt_plots[i].name : kvt_tables[i].name);
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
}

/* Takes the artefact, and its name if it has one, from the front of the operands. */
static void take_artefact(struct request *request, struct kvt_arguments *operands)
{
    if (operands->n_files == 0)
        kvt_die(KVT_USAGE,
                "no artefact named: report, brief, summary, manifest, plot NAME or table "
                "NAME (--help)");
    request->artefact = operands->files[0];
    bool known = false;
    for (size_t i = 0; i < sizeof artefacts / sizeof *artefacts; i++)
        known = known || strcmp(request->artefact, artefacts[i]) == 0;
    if (!known)
        kvt_die(KVT_USAGE,
                "'%s' is not an artefact: report, brief, summary, manifest, plot NAME or "
                "table NAME",
                request->artefact);
    size_t taken = 1;
    bool plot = strcmp(request->artefact, "plot") == 0;
    if (plot || strcmp(request->artefact, "table") == 0) {
        char names[256];
        list_names(names, sizeof names, plot);
        if (operands->n_files < 2)
            kvt_die(KVT_USAGE, "which %s? %s", request->artefact, names);
        request->name = operands->files[1];
        if (plot)
            request->plot = kvt_plot_find(request->name);
        else
            request->table = kvt_table_find(request->name);
        if (!request->plot && !request->table)
            kvt_die(KVT_USAGE, "'%s' is not a %s: %s", request->name, request->artefact, names);
        taken = 2;
    }
    operands->files += taken;
    operands->n_files -= taken;
}

static bool chooses(const struct request *request)
{
    return request->model || request->policy || request->task;
}

/* A row of `table requests`: printed at once, or held where studies are to be chosen. */
static void take_row(struct render *render, const json_t *record)
{
    struct kvt_buffer *out = chooses(&render->request) ? &render->held : &render->out;
    if (out == &render->out)
        kvt_buffer_clear(out);
    if (render->results.n_responses == 1)
        kvt_table_header(out, render->request.table);
    kvt_table_row(out, render->request.table, record);
    if (out == &render->out) {
        fwrite(out->data, 1, out->length, stdout);
        return;
    }
    kvt_grow(&render->rows, &render->row_capacity, render->n_rows, sizeof *render->rows);
    render->rows[render->n_rows++] = (struct held_row){render->results.last_arm, out->length};
}

static int take_line(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                     struct kvt_error *error)
{
    struct render *render = context;
    (void)stage;
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    size_t before = render->results.n_responses;
    int status = kvt_results_add(&render->results, line->kind, record, error);
    if (status == 0 && strcmp(line->kind, "experiment") == 0)
        status = kvt_settings_stream(&render->settings, json_object_get(record, "config"), error);
    if (status == 0 && render->results.n_responses > before && render->request.table &&
        render->request.table->per_response)
        take_row(render, record);
    json_decref(record);
    return status;
}

static bool wanted(const struct request *request, const struct kvt_study *study)
{
    return (!request->model || strcmp(request->model, study->model) == 0) &&
           (!request->policy || strcmp(request->policy, study->policy) == 0) &&
           (!request->task || strcmp(request->task, study->task) == 0);
}

/* The same of a run without responses, which has no task. */
static bool wanted_run(const struct request *request, const json_t *run)
{
    return (!request->model || strcmp(request->model, kvt_json_text(run, "model_name", "")) == 0) &&
           (!request->policy ||
            strcmp(request->policy, kvt_json_text(run, "kv_policy", "")) == 0) &&
           !request->task;
}

/* Drops the studies that --model, --policy and --task do not name. */
static void select_studies(struct render *render)
{
    struct kvt_results *results = &render->results;
    size_t kept = 0;
    for (size_t i = 0; i < results->n_studies; i++) {
        struct kvt_study study = results->studies[i];
        if (!wanted(&render->request, &study)) {
            kvt_study_free(&study);
            continue;
        }
        results->studies[kept++] = study;
    }
    for (size_t i = json_array_size(results->idle_runs); i-- > 0;)
        if (!wanted_run(&render->request, json_array_get(results->idle_runs, i)))
            json_array_remove(results->idle_runs, i);
    if (kept == 0 && results->n_studies > 0)
        kvt_die(KVT_DATA, "no study of the stream has this --model, --policy and --task");
    results->n_studies = kept;
}

static bool in_a_study(const struct kvt_results *results, size_t arm)
{
    for (size_t s = 0; s < results->n_studies; s++)
        for (size_t i = 0; i < results->studies[s].n_arms; i++)
            if (results->studies[s].arms[i] == &results->arms[arm])
                return true;
    return false;
}

/* The held rows whose study was chosen; the header stands before the first row. */
static void release_rows(struct render *render)
{
    kvt_table_header(&render->out, render->request.table);
    size_t from = render->out.length;
    for (size_t i = 0; i < render->n_rows; from = render->rows[i++].end)
        if (in_a_study(&render->results, render->rows[i].arm))
            kvt_buffer_append(&render->out, render->held.data + from, render->rows[i].end - from);
}

static void draw(struct render *render)
{
    const struct request *request = &render->request;
    struct kvt_error error;
    struct kvt_canvas canvas = {.format = request->format ? request->format : "png",
                                .output = request->output ? request->output : ""};
    if (kvt_results_check(&render->results, &error) != 0)
        kvt_die_error(&error);
    if (render->results.n_studies > 1)
        kvt_say(
            "the stream has %zu studies; drawing the first (--model, --policy and --task choose)",
            render->results.n_studies);
    bool missing;
    if (kvt_plot_draw(&render->out, request->plot, &canvas, &render->results.studies[0], &missing,
                      &error) != 0)
        kvt_die_error(&error);
    if (missing)
        kvt_say("plot %s: %s", request->name, error.text);
}

static void write_artefact(struct render *render)
{
    const struct request *request = &render->request;
    struct kvt_results *results = &render->results;
    const json_t *settings = kvt_settings_tree(&render->settings);
    struct kvt_error error;
    int status = 0;
    kvt_buffer_clear(&render->out);
    if (request->table && kvt_table_check(request->table, results, &error) != 0)
        kvt_die_error(&error);
    if (request->plot)
        draw(render);
    else if (request->table && request->table->per_response && chooses(request))
        release_rows(render);
    else if (request->table && !request->table->per_response)
        request->table->write(&render->out, request->table, results);
    else if (strcmp(request->artefact, "manifest") == 0)
        status = kvt_manifest_write(&render->out, results, &error);
    else if (strcmp(request->artefact, "summary") == 0)
        status = kvt_summary_write(&render->out, results, request->plots, &error);
    else if (strcmp(request->artefact, "brief") == 0)
        status = kvt_brief_write(&render->out, results, request->run, &error);
    else if (strcmp(request->artefact, "report") == 0)
        status = kvt_report_write(&render->out, results, settings, request->plots, &error);
    if (status != 0)
        kvt_die_error(&error);
    if (render->out.length)
        fwrite(render->out.data, 1, render->out.length, stdout);
}

int main(int argc, char **argv)
{
    struct render render = {.request.plots = "plots"};
    struct request *request = &render.request;
    const struct kvt_option options[] = {
        {KVT_OPTION_TEXT, 'c', "config", &request->common.config, "FILE",
         "settings (JSON) [the stream's]", 0},
        {KVT_OPTION_TEXT, 0, "skip-bad", &request->common.skip_bad, "FILE",
         "set bad lines aside in FILE instead of stopping", 0},
        {KVT_OPTION_TEXT, 0, "format", &request->format, "F", "plot: png, svg or pdf [png]", 0},
        {KVT_OPTION_TEXT, 0, "output", &request->output, "FILE",
         "plot: picture the program writes [its standard output]", 0},
        {KVT_OPTION_TEXT, 0, "plots", &request->plots, "DIR",
         "report, summary: folder of the pictures, as seen from there [plots]", 0},
        {KVT_OPTION_TEXT, 0, "run", &request->run, "DIR",
         "brief: where the artefacts are [not said]", 0},
        {KVT_OPTION_TEXT, 0, "model", &request->model, "NAME", "only studies of this model", 0},
        {KVT_OPTION_TEXT, 0, "policy", &request->policy, "NAME", "only studies of this policy", 0},
        {KVT_OPTION_TEXT, 0, "task", &request->task, "NAME", "only studies of this task", 0},
        {.type = KVT_OPTION_END}};
    const struct kvt_usage usage = {
        .synopsis = "kvt-render [options] ARTEFACT [FILE...]",
        .purpose =
            "Reads a whole stream and prints one artefact:\n"
            "  report      the findings, in Markdown\n"
            "  brief       the findings in ten lines, for a terminal\n"
            "  summary     the findings as JSON\n"
            "  manifest    the question set as one portable JSON document\n"
            "  plot NAME   a gnuplot program with its data inside: acc, outcomes, paired,\n"
            "              failrate, std, latency, memory, tradeoff\n"
            "  table NAME  CSV: bins, pairs, outcomes, failures, transitions, runs, requests",
        .example = "  kvt-render report < stream.jsonl > report.md\n"
                   "  kvt-render plot acc < stream.jsonl | gnuplot > acc.png",
        .options = options};
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    struct kvt_arguments operands = arguments;
    take_artefact(request, &operands);
    if (request->format && strcmp(request->format, "png") != 0 &&
        strcmp(request->format, "svg") != 0 && strcmp(request->format, "pdf") != 0)
        kvt_die(KVT_USAGE, "--format is png, svg or pdf, not '%s'", request->format);

    kvt_results_open(&render.results);
    render.results.keep_entries = strcmp(request->artefact, "manifest") == 0;
    kvt_settings_open(&render.settings, request->common.config, &arguments);
    request->common.no_meta = 1; /* what is printed is no stream */
    struct kvt_stage stage;
    struct kvt_line line;
    struct kvt_error error;
    kvt_stage_open(&stage, "kvt-render", &request->common, &operands);
    while (kvt_stage_next(&stage, &line))
        if (line.kind[0] && take_line(&stage, &line, &render, &error) != 0)
            kvt_stage_bad(&stage, &line, error.text);
    kvt_results_finish(&render.results);
    select_studies(&render);
    write_artefact(&render);
    kvt_stage_close(&stage, NULL);
    kvt_results_close(&render.results);
    kvt_settings_close(&render.settings);
    kvt_buffer_free(&render.out);
    kvt_buffer_free(&render.held);
    free(render.rows);
    kvt_arguments_free(&arguments);
    return KVT_OK;
}
