/* What kvt-import is made of: which run a file is, bins of entries, lines, what is said of rows. */
#include "tap.h"

#include "core/file.h"
#include "dataset/entry_bins.h"
#include "text/import_run.h"
#include "text/import_set.h"
#include "text/lines.h"
#include "text/questions.h"
#include "text/row_notes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "policy budget unit reference", or the error, of a file that is named FILE. */
static const char *described(struct kvt_import_asked asked, struct kvt_hints hints)
{
    static char text[256];
    struct kvt_import_run run;
    struct kvt_error error = {0};
    asked.replicate = "a";
    if (kvt_import_describe(&asked, &hints, "FILE", &run, &error) != 0)
        snprintf(text, sizeof text, "%d: %.200s", (int)error.code, error.text);
    else
        snprintf(text, sizeof text, "%s %g %s%s", run.policy, run.budget, run.unit,
                 run.reference ? " reference" : "");
    return text;
}

#define NOTHING .budget = NAN, .unnamed_budget = NAN
#define ASKED(...) ((struct kvt_import_asked){__VA_ARGS__})
#define NAMED(...) ((struct kvt_hints){__VA_ARGS__})

static void test_describe(void)
{
    char snapkv[] = "snapkv", full[] = "fullkv";
    struct kvt_hints share =
        NAMED(.policy = snapkv, .has_budget = true, .budget = 0.5, .unit = "fraction");
    struct kvt_hints tokens =
        NAMED(.policy = snapkv, .has_budget = true, .budget = 64, .unit = "tokens");
    struct kvt_hints whole =
        NAMED(.policy = full, .has_budget = true, .budget = 1, .unit = "fraction");
    struct kvt_hints unnamed = NAMED(.policy = snapkv);
    is_text(described(ASKED(NOTHING), share), "snapkv 0.5 fraction", "as the name says");
    is_text(described(ASKED(NOTHING), tokens), "snapkv 64 tokens", "a capacity");
    is_text(described(ASKED(NOTHING), whole), "fullkv 1 fraction reference", "a full cache");
    is_text(described(ASKED(NOTHING, .reference = true), share), "snapkv 0.5 fraction reference",
            "a reference by request");
    is_text(described(ASKED(.policy = "h2o", .budget = 32, .unnamed_budget = NAN), share),
            "h2o 32 tokens", "what is asked for wins");
    is_text(described(ASKED(NOTHING, .policy = "full"), tokens), "full 1 fraction reference",
            "a policy that is none has a budget of its own");
    is_text(described(ASKED(.budget = NAN, .unnamed_budget = 0.2), unnamed), "snapkv 0.2 fraction",
            "a budget for names without one");
    is_text(described(ASKED(.budget = NAN, .unnamed_budget = 0.2), tokens), "snapkv 64 tokens",
            "and for those alone");
    is_text(described(ASKED(NOTHING, .unit = "tokens"), whole), "fullkv 1 fraction reference",
            "the unit asked for is not that of a full cache");
    is_text(described(ASKED(.policy = "h2o", .budget = 1, .unnamed_budget = NAN, .unit = "tokens"),
                      share),
            "h2o 1 tokens", "one token is no reference");
    is_text(described(ASKED(NOTHING), NAMED(0)),
            "2: FILE: its name does not tell the policy; give --policy", "no policy");
    ok(strstr(described(ASKED(NOTHING), unnamed), "its name does not tell the budget"),
       "no budget");
    ok(strstr(described(ASKED(NOTHING), NAMED(.policy = snapkv, .is_share = true)),
              "capacity of -1 is a share"),
       "a share that is not named");
    is_text(described(ASKED(.budget = 0, .unnamed_budget = NAN), share),
            "2: --budget: 0 is not a budget", "nothing");
    is_text(described(ASKED(.budget = NAN, .unnamed_budget = INFINITY), unnamed),
            "2: --unnamed-budget: inf is not a budget", "everything");
    ok(strstr(described(ASKED(.budget = 0.5, .unnamed_budget = NAN), whole),
              "keeps the whole cache"),
       "a full cache that keeps a part");
    ok(strstr(described(ASKED(NOTHING, .unit = "fraction"), tokens), "64 is no fraction"),
       "a fraction above 1");
}

static void test_task(void)
{
    char own[] = "longbench_qasper", name[] = "lcc";
    struct kvt_prediction row = {.task = own}, bare = {0};
    struct kvt_hints hints = {.task = name}, none = {0};
    is_text(kvt_import_task(&ASKED(.task = "odd"), &row, &hints), "odd", "the task asked for");
    is_text(kvt_import_task(&ASKED(0), &row, &hints), "qasper", "the row's, in its plain form");
    is_text(kvt_import_task(&ASKED(0), &bare, &hints), "lcc", "the name's");
    ok(!kvt_import_task(&ASKED(0), &bare, &none), "none");
    struct kvt_import_run a = {.policy = "h2o", .budget = 1, .unit = "tokens"}, b = a;
    ok(kvt_import_same_run(&a, &b), "one run");
    b.unit = "fraction";
    ok(!kvt_import_same_run(&a, &b), "another unit");
    b = a;
    b.model = "m";
    ok(!kvt_import_same_run(&a, &b), "another model");
}

static void test_entry_bins(void)
{
    struct kvt_entry_bins entries = {0};
    const double lengths[] = {10, 20, 30, 40, 10};
    const char *const ids[] = {"a", "b", "c", "d", "a"};
    for (size_t i = 0; i < 5; i++)
        kvt_entry_bins_add(&entries, ids[i], lengths[i]);
    kvt_entry_bins_make(&entries, 2);
    is_int(entries.count, 4, "an entry that comes again is one");
    is_int(entries.bins.count, 2, "two bins");
    is_int(kvt_entry_bins_find(&entries, "b"), 0, "the shorter half");
    is_int(kvt_entry_bins_find(&entries, "c"), 1, "the longer half");
    is_int(entries.n_unknown, 0, "all lengths are known");
    kvt_entry_bins_free(&entries);
    kvt_entry_bins_add(&entries, "a", NAN);
    kvt_entry_bins_add(&entries, "b", -1);
    kvt_entry_bins_add(&entries, "c", 1e300);
    kvt_entry_bins_add(&entries, "d", 0);
    is_int(entries.n_unknown, 3, "what is no length is unknown");
    kvt_entry_bins_free(&entries);
    kvt_entry_bins_make(&entries, 3);
    is_int(entries.bins.count, 0, "no entries, no bins");
    kvt_entry_bins_free(&entries);
}

/* "1=a|3=b", the lines with their numbers. */
static const char *lines(const char *text)
{
    static char out[128];
    struct kvt_lines all;
    struct kvt_span line;
    size_t used = 0;
    out[0] = '\0';
    kvt_lines_start(&all, text, strlen(text));
    while (kvt_lines_next(&all, &line))
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%zu=%.*s", used ? "|" : "",
                                 all.number, (int)line.length, line.data);
    return out;
}

static void test_lines(void)
{
    is_text(lines("a\nb\n"), "1=a|2=b", "lines");
    is_text(lines("a\n\n \t\r\nb"), "1=a|4=b", "blank ones count; the last has no end");
    is_text(lines("\xef\xbb\xbf"
                  "a\r\n"),
            "1=a\r", "a byte order mark is none of the first line; CR is white space of JSON");
    is_text(lines(""), "", "nothing");
    is_text(lines("\xef\xbb\xbf"), "", "nothing but a mark");
    is_text(lines("\xef\xbb"), "1=\xef\xbb", "half of one is text");
}

static void test_file(void)
{
    char folder[] = "/tmp/kvt-unit.XXXXXX", path[64];
    size_t length = 0;
    if (!ok(mkdtemp(folder) != NULL, "a folder"))
        return;
    snprintf(path, sizeof path, "%s/a", folder);
    FILE *file = fopen(path, "wb");
    fwrite("x\0y", 1, 3, file);
    fclose(file);
    char *text = kvt_file_read(path, &length);
    ok(text && length == 3 && memcmp(text, "x\0y", 4) == 0, "all bytes, and a NUL behind them");
    free(text);
    snprintf(path, sizeof path, "%s/none", folder);
    ok(!kvt_file_read(path, &length), "a file that is not there");
    text = kvt_file_read_beside(path, "a");
    is_text(text ? text : "", "x", "a file beside another");
    free(text);
    ok(!kvt_file_read(folder, &length), "a directory is no file");
    snprintf(path, sizeof path, "%s/a", folder);
    unlink(path);
    rmdir(folder);
}

/* Rows of two files, of which the second says the first one's second row again, and one without
 * classes. */
static void test_rows(void)
{
    static const char first[] = "{\"pred\":\"a\",\"answers\":[\"x\"],\"all_classes\":[\"k\"]}\n"
                                "{\"pred\":\"b\",\"answers\":[\"y\"],\"all_classes\":[\"l\"]}\n";
    static const char second[] = "{\"pred\":\"b\",\"answers\":[\"y\"],\"all_classes\":[\"m\"]}\n"
                                 "{\"pred\":\"c\",\"answers\":[\"z\"]}\n";
    struct kvt_predictions rows[2] = {0};
    struct kvt_pairing pairing = {0};
    struct kvt_error error;
    const struct kvt_prediction_format *format = kvt_prediction_format_find("longbench");
    kvt_predictions_read(format, first, sizeof first - 1, "f", &rows[0], NULL, NULL, &error);
    kvt_predictions_read(format, second, sizeof second - 1, "g", &rows[1], NULL, NULL, &error);
    pairing.rows = calloc(4, sizeof *pairing.rows);
    for (; pairing.count < 4; pairing.count++)
        pairing.rows[pairing.count].prediction = &rows[pairing.count / 2].items[pairing.count % 2];
    kvt_pairing_number(&pairing);
    struct kvt_buffer text = {0};
    kvt_row_notes_repeats(&pairing, &text);
    is_text(kvt_buffer_string(&text), "1 of g (as 2 of f)", "a repeated row, with both files");
    kvt_buffer_clear(&text);
    kvt_pairing_identify(&pairing, "d");
    struct kvt_pairing one = {.rows = &pairing.rows[1], .count = 1};
    is_int(kvt_row_notes_unpaired(&one, &pairing, &text), 0, "a row that the other run has");
    is_int(kvt_row_notes_unpaired(&pairing, &one, &text), 2, "two that it has not");
    is_text(kvt_buffer_string(&text), "row 1, 2 of g", "the repeated one aside");
    kvt_buffer_free(&text);
    struct kvt_questions questions = {0};
    is_int(kvt_questions_expected(&questions, &pairing, "qasper"), 200,
           "the benchmark's questions");
    is_int(kvt_questions_expected(&questions, &pairing, "qasper_e"), 0, "none known");
    questions.count = 3;
    is_int(kvt_questions_expected(&questions, &pairing, "qasper"), 3,
           "the questions that rows without ids are joined with");
    questions.manifest = true;
    is_int(kvt_questions_expected(&questions, &pairing, "qasper"), 200,
           "a manifest has a selection of them");
    is_int(kvt_pairing_kept(&pairing), 4, "rows kept");
    pairing.rows[2].dropped = true;
    is_int(kvt_pairing_kept(&pairing), 3, "without the dropped one");
    kvt_pairing_share_classes(&pairing);
    is_text(json_string_value(json_array_get(pairing.rows[0].prediction->all_classes, 0)), "l",
            "the classes of a file's last row are those of all its rows");
    ok(!pairing.rows[2].prediction->all_classes, "also if it has none");
    kvt_pairing_free(&pairing);
    kvt_predictions_free(&rows[0]);
    kvt_predictions_free(&rows[1]);
}

static void test_set(void)
{
    struct kvt_import_set set = {.date = "2026-01-01T00:00:00Z", .n_bins = 1};
    char qasper[] = "qasper", lcc[] = "lcc";
    struct kvt_prediction rows[] = {{.task = qasper}, {.task = lcc}, {.task = qasper}};
    struct kvt_import_run full = {
        .policy = "full", .budget = 1, .unit = "fraction", .reference = true, .replicate = "a"};
    struct kvt_import_run cut = {.policy = "h2o", .budget = 64, .unit = "tokens", .replicate = "a"};
    struct kvt_import_run other = cut;
    other.model = "m";
    kvt_import_set_add(&set, &cut, &rows[0]);
    kvt_import_set_add(&set, &cut, &rows[1]);
    kvt_import_set_add(&set, &full, &rows[0]);
    kvt_import_set_add(&set, &cut, &rows[2]);
    kvt_import_set_add(&set, &other, &rows[2]);
    is_int(set.n_datasets, 2, "a dataset for each task");
    is_text(set.datasets[1].record.exp_group, "import-lcc", "an experiment for each");
    is_int(set.n_runs, 4, "a run for each policy, budget and model on a task");
    is_int(set.runs[0].pairing.count, 2, "which has all its rows");
    ok(strcmp(set.runs[0].record.id, set.runs[1].record.id) != 0, "runs have ids of their own");
    ok(kvt_import_set_reference(&set, &set.runs[0]) == &set.runs[2], "the full cache of a run");
    ok(!kvt_import_set_reference(&set, &set.runs[1]), "none on the other task");
    ok(!kvt_import_set_reference(&set, &set.runs[2]), "none of a full cache");
    ok(!kvt_import_set_reference(&set, &set.runs[3]), "none of another model");
    kvt_import_set_free(&set);
}

int main(void)
{
    test_describe();
    test_task();
    test_entry_bins();
    test_lines();
    test_file();
    test_rows();
    test_set();
    return tap_done();
}
