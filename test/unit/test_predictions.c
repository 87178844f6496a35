/* Reading published predictions: CSV, Python's and NumPy's lists, names of files, repeated rows. */
#include "tap.h"

#include "core/buffer.h"
#include "stream/json.h"
#include "text/csv.h"
#include "text/pairing.h"
#include "text/prediction.h"
#include "text/pylist.h"

#include <stdlib.h>

/* The records as "a|b|c" lines, or "error". */
static const char *csv(const char *text)
{
    static struct kvt_buffer out;
    struct kvt_csv reader;
    struct kvt_error error;
    int status;
    kvt_buffer_clear(&out);
    kvt_csv_start(&reader, text, strlen(text));
    while ((status = kvt_csv_next(&reader, &error)) > 0) {
        for (size_t i = 0; i < reader.count; i++) {
            size_t length;
            const char *field = kvt_csv_field(&reader, i, &length);
            kvt_buffer_text(&out, i ? "|" : "");
            kvt_buffer_append(&out, field, length);
        }
        kvt_buffer_printf(&out, " @%zu\n", reader.line);
    }
    if (status < 0)
        kvt_buffer_printf(&out, "error @%zu: %s", reader.line, error.text);
    kvt_csv_free(&reader);
    return kvt_buffer_string(&out);
}

static void test_csv(void)
{
    is_text(csv("a,b\n1,2\n"), "a|b @1\n1|2 @2\n", "records");
    is_text(csv("a,\"b,\"\"c\"\"\nd\"\r\n,x"), "a|b,\"c\"\nd @1\n|x @3\n",
            "quotes, commas and line ends in fields; lines counted through them");
    is_text(csv("\xef\xbb\xbf"
                "a\n\n\nb\n"),
            "a @1\nb @4\n", "byte order mark, empty lines");
    is_text(csv("a,\"\",\n"), "a|| @1\n", "empty fields");
    is_text(csv("a\rb\n"), "a\rb @1\n", "a carriage return alone is text");
    is_text(csv("a\n\"b"), "a @1\nerror @2: a quoted field is not closed", "an open quote");
    is_text(csv("\"a\"b\n"), "error @1: text after the closing quote of a field",
            "text after a quote");
    is_text(csv(""), "", "nothing");
}

static const char *pylist(const char *text)
{
    static struct kvt_buffer out;
    struct kvt_error error;
    kvt_buffer_clear(&out);
    json_t *list = kvt_pylist_parse(text, strlen(text), &error);
    if (list)
        kvt_json_write(&out, list);
    else
        kvt_buffer_text(&out, error.text);
    json_decref(list);
    return out.data;
}

static void test_pylist(void)
{
    is_text(pylist("['a', 'b']"), "[\"a\",\"b\"]", "Python");
    is_text(pylist("['a' 'b'\n 'c']"), "[\"a\",\"b\",\"c\"]", "NumPy, over two lines");
    is_text(pylist("[\"it's\" 'x, y']"), "[\"it's\",\"x, y\"]", "both quotes; a comma inside");
    is_text(pylist("['a\\n\\'\\\\\\xe9\\u4e2d']"), "[\"a\\n'\\\\\xc3\xa9\xe4\xb8\xad\"]",
            "escapes");
    is_text(pylist(" [] "), "[]", "empty");
    is_text(pylist("['a' ... 'z']"), "a list that was shortened when it was written (...)",
            "shortened");
    is_text(pylist("[1, 2]"), "a list of something else than texts", "numbers");
    is_text(pylist("['a'"), "a list without its closing bracket", "not closed");
    is_text(pylist("['a'] b"), "text after a list", "more after it");
    is_text(pylist("['a\\q']"), "a list with a text that is not closed, or an unknown escape",
            "unknown escape");
    is_text(pylist("['\xff']"), "[\"\xef\xbf\xbd\"]", "ill-formed UTF-8");
}

/* "policy budget unit model task after" of a path. */
static const char *names(const char *format, const char *path, const char *settings)
{
    static char text[256];
    const struct kvt_prediction_format *found = kvt_prediction_format_find(format);
    struct kvt_hints hints = {.length = NAN};
    found->read_name(path, settings, &hints);
    snprintf(text, sizeof text, "%s %g %s %s %s %s", hints.policy ? hints.policy : "-",
             hints.has_budget ? hints.budget : -1, hints.unit ? hints.unit : "-",
             hints.model ? hints.model : "-", hints.task ? hints.task : "-",
             hints.compress_after ? hints.compress_after : "-");
    kvt_hints_free(&hints);
    return text;
}

static void test_names(void)
{
    is_text(names("longbench", "x/full/qasper.jsonl", NULL), "full 1 fraction - qasper -", "full");
    is_text(names("longbench", "SnapKV-1024/qasper.jsonl", NULL), "snapkv 1024 tokens - qasper -",
            "a capacity");
    is_text(names("longbench", "h2o_0.5/lcc.jsonl", NULL), "h2o 0.5 fraction - lcc -", "a share");
    is_text(names("longbench", "llama2-7b-chat-4k/lcc.jsonl", NULL), "- -1 - - lcc -",
            "a model's name is no policy");
    is_text(names("longbench", "qasper.jsonl", NULL), "- -1 - - qasper -", "a bare file");
    is_text(names("kvpress", "r/ruler__4096__a--b__expected_attention__0.80/predictions.csv", NULL),
            "expected_attention 0.2 fraction a/b - context", "kvpress's directory");
    is_text(names("kvpress", "ruler__4096__a--b__snapkv__0.5__compressed_questions.csv", NULL),
            "snapkv 0.5 fraction a/b - question", "its older file");
    is_text(names("kvpress", "r/longbench__qasper__m__no_press__0.00/predictions.csv", NULL),
            "no_press 1 fraction m qasper context", "no press");
    is_text(
        names("kvpress", "x/1/predictions.csv",
              "data_dir: 'qasper'\nmodel: a/b  # c\npress_name: knorm\ncompression_ratio: 0.25\n"
              "query_aware: true\n"),
        "knorm 0.75 fraction a/b qasper question", "its settings");
    is_text(names("kvpress", "x/1/predictions.csv", "data_dir: null\npress_name: null\n"),
            "- -1 - - - context", "settings of null");
    is_text(names("lm-eval", "samples_longbench_qasper_2025-01-31T10-00-00.1.jsonl", NULL),
            "- -1 - - longbench_qasper -", "lm-eval");
    is_text(names("lm-eval", "snapkv-64/a__b/samples_qasper_2025-01-31T10-00-00.1.jsonl", NULL),
            "snapkv 64 tokens a/b qasper -", "its directory of the model, below one of the run");
    is_text(names("lm-eval", "a__b/snapkv-64/samples_qasper_2025-01-31T10-00-00.1.jsonl", NULL),
            "snapkv 64 tokens - qasper -", "the run's own directory is no model");
    is_text(names("kvcache-factory", "results/m_x_128/qasper/SnapKV.json", NULL),
            "snapkv 128 tokens m_x qasper -", "KVCache-Factory");
    is_text(names("kvcache-factory", "m_128/4096/vt/FullKV.json", NULL), "fullkv 1 fraction m vt -",
            "its RULER, full cache");
    is_text(names("ruler", "8192/pred/vt.jsonl", NULL), "- -1 - - vt -", "RULER");
    is_text(names("ruler", "h2o-0.5/8192/pred/niah_single_1-12.jsonl", NULL),
            "h2o 0.5 fraction - niah_single_1 -", "a part of its answers");
    is_text(names("ruler", "8192/pred/-1.jsonl", NULL), "- -1 - - -1 -", "no task before it");
}

static struct kvt_predictions rows_of(const char *text)
{
    struct kvt_predictions rows = {0};
    struct kvt_error error;
    kvt_predictions_read(&kvt_prediction_formats[0], text, strlen(text), "x", &rows, NULL, NULL,
                         &error);
    return rows;
}

static struct kvt_pairing pairing_of(struct kvt_predictions *rows)
{
    struct kvt_pairing pairing = {0};
    pairing.count = rows->count;
    pairing.rows = calloc(rows->count, sizeof *pairing.rows);
    for (size_t i = 0; i < rows->count; i++)
        pairing.rows[i].prediction = &rows->items[i];
    kvt_pairing_identify(&pairing, "d");
    return pairing;
}

static size_t kept(const struct kvt_pairing *pairing)
{
    size_t n = 0;
    for (size_t i = 0; i < pairing->count; i++)
        n += !pairing->rows[i].dropped;
    return n;
}

#define ROW(pred, gold, length)                                                                    \
    "{\"pred\":\"" pred "\",\"answers\":[\"" gold "\"],\"length\":" length "}\n"

static void test_repeats(void)
{
    struct kvt_predictions rows =
        rows_of(ROW("a", "x", "1") ROW("b", "x", "2") ROW("a", "x", "1") ROW("c", "x", "2"));
    struct kvt_pairing pairing = pairing_of(&rows);
    struct kvt_repeats repeats = kvt_pairing_repeats(&pairing, 0);
    ok(repeats.rows == 2 && repeats.same_text == 1 && repeats.certain == 1,
       "unknown benchmark: a repeated key with the same text");
    is_int(kvt_pairing_repeats(&pairing, 4).certain, 0,
           "as many rows as questions: none is certain");
    is_int(kvt_pairing_repeats(&pairing, 3).certain, 1, "one row more than questions: one is");
    is_int(kvt_pairing_repeats(&pairing, 1).certain, 2, "no more than there are repeated keys");
    ok(strcmp(pairing.rows[0].entry_id, pairing.rows[2].entry_id) != 0,
       "a repeated row is an entry of its own");
    kvt_pairing_mark(&pairing, 3);
    kvt_pairing_dedupe(&pairing);
    ok(kept(&pairing) == 3 && pairing.rows[2].dropped, "dropped: the one with the same text");
    struct kvt_predictions shifted =
        rows_of(ROW("z", "y", "9") ROW("b", "x", "2") ROW("a", "x", "1"));
    struct kvt_pairing other = pairing_of(&shifted);
    ok(strcmp(other.rows[1].entry_id, pairing.rows[1].entry_id) == 0 &&
           strcmp(other.rows[2].entry_id, pairing.rows[0].entry_id) == 0,
       "rows of a shifted file have the same entries");
    kvt_pairing_free(&other);
    kvt_predictions_free(&shifted);
    kvt_pairing_free(&pairing);
    kvt_predictions_free(&rows);
}

int main(void)
{
    test_csv();
    test_pylist();
    test_names();
    test_repeats();
    return tap_done();
}
