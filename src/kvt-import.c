/*
 * kvt-import: published predictions, as a stream.
 *
 * In:     prediction files of other tools.
 * Out:    experiment, dataset, bin, run and response records; no scores: kvt-score gives them.
 * Memory: blocking: all rows.
 */
#include "config/config.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/option.h"
#include "dataset/entry_bins.h"
#include "stream/json.h"
#include "stream/stage.h"
#include "text/import_record.h"
#include "text/import_run.h"
#include "text/import_set.h"
#include "text/prediction.h"
#include "text/questions.h"
#include "text/row_notes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvt_stage_options common;
static const char *format_name, *exp_option, *questions_path;
static struct kvt_import_asked asked = {.replicate = "a", .budget = NAN, .unnamed_budget = NAN};
static long n_bins = 1;
static int dedupe, reference_option;

static const struct kvt_option options[] = {
    {KVT_OPTION_TEXT, 'f', "format", &format_name, "F",
     "longbench, kvpress, lm-eval, kvcache-factory or ruler", 0},
    {KVT_OPTION_TEXT, 't', "task", &asked.task, "T",
     "task of all rows [the rows', the file name's]", 0},
    {KVT_OPTION_TEXT, 'p', "policy", &asked.policy, "P", "eviction policy [the name's]", 0},
    {KVT_OPTION_NUMBER, 'b', "budget", &asked.budget, "B",
     "KV budget [the name's; 1 for a full cache]", 0},
    {KVT_OPTION_NUMBER, 0, "unnamed-budget", &asked.unnamed_budget, "B",
     "KV budget of runs whose name tells none", 0},
    {KVT_OPTION_TEXT, 0, "budget-unit", &asked.unit, "U", "fraction or tokens [fraction up to 1]",
     0},
    {KVT_OPTION_FLAG, 0, "reference", &reference_option, 0,
     "the run is the one others are compared with", 0},
    {KVT_OPTION_TEXT, 0, "replicate", &asked.replicate, "R",
     "a, or b for a second reference run [a]", 0},
    {KVT_OPTION_TEXT, 0, "model", &asked.model, "NAME", "model [the name's]", 0},
    {KVT_OPTION_TEXT, 0, "exp", &exp_option, "NAME", "name of the experiment [import-TASK]", 0},
    {KVT_OPTION_INTEGER, 0, "bins", &n_bins, "N", "length bins (quantiles) [1]", 0},
    {KVT_OPTION_TEXT, 0, "questions", &questions_path, "FILE",
     "question rows or a manifest: ids, golds, lengths, bins", 0},
    {KVT_OPTION_FLAG, 0, "dedupe", &dedupe, 0, "drop rows that came twice", 0},
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-import --format=F [--policy=P --budget=B] [options] FILE...",
    "Turns published predictions into a stream that kvt-score, kvt-stats and kvt-transition take.\n"
    "Each task, policy and budget becomes a run; outputs of several imports can be joined with "
    "cat.",
    "  kvt-import --format=longbench --bins=5 full/qasper.jsonl snapkv-256/qasper.jsonl | "
    "kvt-score",
    options};

struct import {
    struct kvt_stage stage;
    const struct kvt_prediction_format *format;
    struct kvt_settings settings;
    struct kvt_questions questions;
    struct kvt_predictions *files; /* one list of predictions per file */
    size_t n_files;
    struct kvt_import_set set;
    struct kvt_entry_bins *bins; /* of each dataset */
    char date[KVT_DATE_SIZE];
    struct kvt_buffer record;
};

/* --- reading -------------------------------------------------------------------------------------
 */

static int bad_row(void *context, const char *source, size_t line, const char *text, size_t length,
                   const struct kvt_error *error)
{
    struct import *import = context;
    struct kvt_line bad = {.data = text, .length = length, .source = source, .number = line};
    kvt_stage_bad(&import->stage, &bad, error->text); /* ends the process without --skip-bad */
    return 0;
}

static void add_file(struct import *import, const char *path, size_t number)
{
    size_t length;
    char *data = kvt_file_read(path, &length);
    if (!data)
        kvt_die(KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    kvt_sha256_add(&import->stage.input_hash, data, length);
    struct kvt_hints hints = {.length = NAN};
    bool named = strcmp(path, "-") != 0; /* standard input has no name, and nothing beside it */
    char *settings =
        named && import->format->beside ? kvt_file_read_beside(path, import->format->beside) : NULL;
    import->format->read_name(named ? path : "", settings, &hints);
    struct kvt_predictions *rows = &import->files[number];
    struct kvt_error error;
    const char *source = named ? path : "stdin";
    if (kvt_predictions_read(import->format, data, length, source, rows, bad_row, import, &error) !=
        0)
        kvt_die_error(&error);
    if (rows->count == 0)
        kvt_die(KVT_DATA, "%s: no predictions in it", source);
    struct kvt_import_run like;
    if (kvt_import_describe(&asked, &hints, source, &like, &error) != 0)
        kvt_die_error(&error);
    for (size_t i = 0; i < rows->count; i++) {
        struct kvt_prediction *row = &rows->items[i];
        const char *task = kvt_import_task(&asked, row, &hints);
        if (!task)
            kvt_die(KVT_USAGE, "%s: neither its rows nor its name tell the task; give --task",
                    source);
        char *name = kvt_strdup(task);
        free(row->task);
        row->task = name; /* lives as long as the rows */
        if (isnan(row->length))
            row->length = hints.length;
        kvt_import_set_add(&import->set, &like, row);
    }
    kvt_hints_free(&hints);
    free(settings);
    free(data);
}

/* --- pairing and bins ----------------------------------------------------------------------------
 */

static void pair_run(struct import *import, struct kvt_imported_run *run)
{
    const struct kvt_import_dataset *dataset = &import->set.datasets[run->dataset].record;
    struct kvt_error error;
    kvt_pairing_identify(&run->pairing, dataset->id);
    size_t known = kvt_questions_expected(&import->questions, &run->pairing, dataset->task);
    kvt_pairing_mark(&run->pairing, known);
    kvt_row_notes_say(&run->pairing,
                      &(struct kvt_row_context){.task = dataset->task,
                                                .n_questions = known,
                                                .questions = import->questions.count > 0,
                                                .dedupe = dedupe != 0});
    run->record.format = format_name;
    run->record.n_rows = run->pairing.count;
    run->record.n_repeated = kvt_pairing_repeats(&run->pairing, known).certain;
    run->record.joined = import->questions.manifest ? "manifest"
                         : import->questions.count  ? "questions"
                         : run->pairing.with_ids    ? "id"
                                                    : "golds";
    if (dedupe)
        kvt_pairing_dedupe(&run->pairing);
    if (import->questions.count &&
        kvt_questions_join(&import->questions, &run->pairing, &error) != 0)
        kvt_die_error(&error);
    run->record.n_dropped = run->pairing.count - kvt_pairing_kept(&run->pairing);
    for (size_t i = 0; i < run->pairing.count && !import->questions.manifest; i++)
        run->pairing.rows[i].entry_id[0] = '\0'; /* dropping changes occurrences, joining keys */
    kvt_pairing_identify(&run->pairing, dataset->id);
}

/* Rows without golds cannot be scored: bad lines. */
static void check_golds(struct import *import, struct kvt_imported_run *run)
{
    for (size_t i = 0; i < run->pairing.count; i++) {
        struct kvt_paired *row = &run->pairing.rows[i];
        if (row->dropped || json_array_size(row->prediction->answers) > 0)
            continue;
        struct kvt_error error;
        kvt_fail(&error, KVT_DATA, "row %zu has no golds; --questions=FILE gives them",
                 row->prediction->row);
        bad_row(import, row->prediction->source, row->prediction->line, "", 0, &error);
        row->dropped = true;
    }
}

/* Names the rows that cannot be compared: those without a partner in their task's full cache. */
static void note_partners(const struct import *import, const struct kvt_imported_run *run)
{
    const struct kvt_imported_run *full = kvt_import_set_reference(&import->set, run);
    if (full)
        kvt_row_notes_partners(&run->pairing, &full->pairing);
}

/* Bins the entries of a dataset, each once however many runs have it. */
static void make_bins(struct import *import, size_t number)
{
    struct kvt_import_dataset *dataset = &import->set.datasets[number].record;
    struct kvt_entry_bins *bins = &import->bins[number];
    for (size_t r = 0; r < import->set.n_runs; r++) {
        const struct kvt_imported_run *run = &import->set.runs[r];
        for (size_t i = 0; run->dataset == number && i < run->pairing.count; i++) {
            const struct kvt_paired *row = &run->pairing.rows[i];
            if (!row->dropped)
                kvt_entry_bins_add(bins, row->entry_id, row->prediction->length);
        }
    }
    if (bins->n_unknown > 0 && n_bins > 1)
        kvt_die(KVT_DATA, "--bins: %zu rows of %s have no length; --questions=FILE gives it",
                bins->n_unknown, dataset->task);
    kvt_entry_bins_make(bins, (size_t)n_bins);
    for (size_t r = 0; r < import->set.n_runs; r++) {
        struct kvt_imported_run *run = &import->set.runs[r];
        for (size_t i = 0; run->dataset == number && i < run->pairing.count; i++) {
            struct kvt_paired *row = &run->pairing.rows[i];
            if (!row->dropped && row->bin < 0)
                row->bin = (long)kvt_entry_bins_find(bins, row->entry_id);
        }
    }
    dataset->n_entries = bins->count;
}

/* --- records -------------------------------------------------------------------------------------
 */

static void emit(struct import *import, const char *kind)
{
    kvt_stage_emit_buffer(&import->stage, kind, &import->record);
}

static void emit_dataset(struct import *import, size_t number)
{
    const struct kvt_import_dataset *dataset = &import->set.datasets[number].record;
    const struct kvt_length_bins *bins = &import->bins[number].bins;
    kvt_import_write_dataset(&import->record, dataset);
    emit(import, "dataset");
    for (size_t b = 0; b < bins->count; b++) {
        const struct kvt_length_bin *bin = &bins->bins[b];
        kvt_import_write_bin(&import->record, dataset, b, bin->token_min, bin->token_max,
                             bin->n_examples);
        emit(import, "bin");
    }
}

static void emit_experiment(struct import *import, size_t dataset)
{
    const struct kvt_import_run **runs = kvt_alloc_array(import->set.n_runs, sizeof *runs);
    size_t count = 0;
    for (size_t r = 0; r < import->set.n_runs; r++)
        if (import->set.runs[r].dataset == dataset)
            runs[count++] = &import->set.runs[r].record;
    kvt_import_write_experiment(&import->record, &import->set.datasets[dataset].record, runs, count,
                                kvt_settings_tree(&import->settings));
    emit(import, "experiment");
    free(runs);
}

static void emit_all(struct import *import)
{
    for (size_t d = 0; d < import->set.n_datasets; d++) {
        emit_experiment(import, d);
        if (!import->questions.manifest) /* else they stand in the manifest */
            emit_dataset(import, d);
    }
    for (size_t r = 0; r < import->set.n_runs; r++) {
        import->set.runs[r].record.dataset =
            &import->set.datasets[import->set.runs[r].dataset].record;
        kvt_import_write_run(&import->record, &import->set.runs[r].record);
        emit(import, "run");
    }
    for (size_t r = 0; r < import->set.n_runs; r++) {
        const struct kvt_imported_run *run = &import->set.runs[r];
        for (size_t i = 0; i < run->pairing.count; i++) {
            if (run->pairing.rows[i].dropped)
                continue;
            kvt_import_write_response(&import->record, &run->record, &run->pairing.rows[i]);
            emit(import, "response");
        }
    }
}

/* --- the program ---------------------------------------------------------------------------------
 */

/* An option of nothing, as an unset variable of a shell makes it, would name a run of nothing. */
static void check_name(const char *option, const char *name)
{
    if (name && !*name)
        kvt_die(KVT_USAGE, "--%s is empty", option);
}

static void check_options(struct import *import, const struct kvt_arguments *arguments)
{
    check_name("task", asked.task);
    check_name("policy", asked.policy);
    check_name("model", asked.model);
    check_name("exp", exp_option);
    if (!format_name)
        kvt_die(KVT_USAGE,
                "--format is missing: longbench, kvpress, lm-eval, kvcache-factory or ruler");
    import->format = kvt_prediction_format_find(format_name);
    if (!import->format)
        kvt_die(KVT_USAGE,
                "--format: there is no format %s; there are longbench, kvpress, lm-eval, "
                "kvcache-factory and ruler",
                format_name);
    if (asked.unit && strcmp(asked.unit, "fraction") != 0 && strcmp(asked.unit, "tokens") != 0)
        kvt_die(KVT_USAGE, "--budget-unit: %s is neither fraction nor tokens", asked.unit);
    if (strcmp(asked.replicate, "a") != 0 && strcmp(asked.replicate, "b") != 0)
        kvt_die(KVT_USAGE, "--replicate: %s is neither a nor b", asked.replicate);
    if (n_bins < 1 || n_bins > 1000)
        kvt_die(KVT_USAGE, "--bins: %ld is not a number of bins", n_bins);
    if (common.skip_bad && questions_path && kvt_file_same(common.skip_bad, questions_path))
        kvt_die(KVT_USAGE, "--skip-bad=%s would overwrite the questions; name another file",
                common.skip_bad);
    if (arguments->n_files == 0)
        kvt_die(KVT_USAGE, "no prediction file named (- is standard input)");
}

static void read_questions(struct import *import)
{
    size_t length;
    struct kvt_error error;
    char *data = kvt_file_read(questions_path, &length);
    if (!data)
        kvt_die(KVT_SYSTEM, "cannot open %s: %s", questions_path, strerror(errno));
    if (kvt_questions_read(&import->questions, data, length, questions_path, &error) != 0)
        kvt_die_error(&error);
    free(data);
}

static void import_free(struct import *import)
{
    for (size_t i = 0; i < import->set.n_datasets; i++)
        kvt_entry_bins_free(&import->bins[i]);
    for (size_t i = 0; i < import->n_files; i++)
        kvt_predictions_free(&import->files[i]);
    free(import->bins);
    free(import->files);
    kvt_import_set_free(&import->set);
    kvt_questions_free(&import->questions);
    kvt_buffer_free(&import->record);
    kvt_settings_close(&import->settings);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct import import = {0};
    kvt_options_parse(argc, argv, &usage, &arguments);
    asked.reference = reference_option != 0;
    check_options(&import, &arguments);
    kvt_settings_open(&import.settings, common.config, &arguments);
    kvt_clock_date(kvt_clock_created(), import.date);
    import.set = (struct kvt_import_set){
        .exp_group = exp_option, .date = import.date, .n_bins = (size_t)n_bins};
    kvt_stage_open(&import.stage, "kvt-import", &common, &arguments); /* it reads none of them */
    if (questions_path)
        read_questions(&import);
    import.n_files = arguments.n_files;
    import.files = kvt_alloc_zero(import.n_files, sizeof *import.files);
    for (size_t i = 0; i < arguments.n_files; i++)
        add_file(&import, arguments.files[i], i);
    for (size_t r = 0; r < import.set.n_runs; r++) {
        pair_run(&import, &import.set.runs[r]);
        check_golds(&import, &import.set.runs[r]);
        kvt_pairing_share_classes(&import.set.runs[r].pairing);
    }
    for (size_t r = 0; r < import.set.n_runs; r++)
        note_partners(&import, &import.set.runs[r]);
    import.bins = kvt_alloc_zero(import.set.n_datasets, sizeof *import.bins);
    for (size_t d = 0; d < import.set.n_datasets; d++)
        make_bins(&import, d);
    emit_all(&import);
    kvt_stage_close(&import.stage, kvt_settings_given(&import.settings));
    import_free(&import);
    kvt_arguments_free(&arguments);
    return KVT_OK;
}
