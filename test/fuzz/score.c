/*
 * Fuzz target of the text room: hostile predictions, golds, classes, tables and lists. Besides
 * crashes it looks for values outside 0..1 and for texts that are not UTF-8 when they come out.
 * Links the rooms text, stream and core, and the settings table; clang -fsanitize=fuzzer,address.
 */
#include "core/utf8.h"
#include "stream/json.h"
#include "text/answer_row.h"
#include "text/csv.h"
#include "text/declared.h"
#include "text/normalize.h"
#include "text/pylist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kvt_scratch scratch;
static struct kvt_rules *rules;

static void check(int condition)
{
    if (!condition)
        abort();
}

/* Splits at NUL bytes: the prediction, then golds, the last two of them classes too. */
static size_t split(const char *data, size_t size, struct kvt_span *pieces, size_t most)
{
    size_t count = 0;
    while (count < most) {
        const char *end = size ? memchr(data, 0, size) : NULL;
        size_t length = end ? (size_t)(end - data) : size;
        pieces[count++] = (struct kvt_span){data, length};
        if (!end)
            break;
        data += length + 1;
        size -= length + 1;
    }
    return count;
}

static void judge(const struct kvt_rule *rule, const struct kvt_span *pieces, size_t count,
                  struct kvt_span span, struct kvt_span norm)
{
    static struct kvt_buffer buffer;
    static struct kvt_matcher *matcher;
    struct kvt_failure failure;
    struct kvt_error error;
    if (!matcher)
        matcher = kvt_matcher_make();
    struct kvt_answer answer = {.declared = &rule->declared,
                                .finish_reason = "stop",
                                .text = pieces[0],
                                .span = span,
                                .span_norm = norm,
                                .golds = pieces + 1,
                                .n_golds = count - 1,
                                .matcher = matcher,
                                .numbers = &scratch.rows,
                                .norm = &buffer};
    if (kvt_failure_model(&answer, &failure, &error) > 0)
        check(kvt_utf8_valid(failure.message, strlen(failure.message)) == strlen(failure.message) ||
              kvt_utf8_valid(span.data, span.length) < span.length);
}

/* Tables are as large as the tokens that normalising says there are. */
static void check_count(struct kvt_span norm, size_t n_tokens)
{
    size_t n = norm.length > 0;
    for (size_t i = 0; i < norm.length; i++)
        n += norm.data[i] == ' ';
    check(n == n_tokens);
}

/* What stands behind a text makes no difference to it. */
static void check_alone(struct kvt_span text, struct kvt_span norm)
{
    static struct kvt_buffer alone;
    kvt_buffer_clear(&alone);
    kvt_normalize_english(&alone, text.data, text.length);
    check(alone.length == norm.length && memcmp(alone.data, norm.data, norm.length) == 0);
}

static void score(const char *data, size_t size)
{
    struct kvt_span pieces[5];
    size_t count = split(data, size, pieces, 5);
    if (count < 2)
        return;
    scratch.around = (struct kvt_span){data, size};
    for (const struct kvt_metric *metric = kvt_metrics; metric->name; metric++) {
        struct kvt_score result;
        struct kvt_error error;
        struct kvt_span span = metric->code_line ? kvt_span_code_line(pieces[0]) : pieces[0];
        if (kvt_score_row(&scratch, metric, span, pieces + 1, count - 1, pieces + count - 2, 2,
                          &result, &error) != 0)
            continue;
        check(result.value >= 0 && result.value <= 1 && result.f1 >= 0 && result.f1 <= 1);
        struct kvt_span norm = result.pair.prediction_norm;
        check(kvt_utf8_valid(norm.data, norm.length) == norm.length);
        check_alone(span, norm);
        check_count(norm, result.pair.prediction_tokens);
        check_count(result.pair.gold_norm, result.pair.gold_tokens);
        if (kvt_utf8_valid(pieces[0].data, pieces[0].length) == pieces[0].length)
            judge(kvt_rules_find(rules, "recall"), pieces, count, span, norm);
    }
}

static void read_formats(const char *data, size_t size)
{
    struct kvt_error error;
    struct kvt_csv csv;
    kvt_csv_start(&csv, data, size);
    while (kvt_csv_next(&csv, &error) > 0)
        continue;
    kvt_csv_free(&csv);
    json_decref(kvt_pylist_parse(data, size, &error));
    static const char *const made[] = {"score", NULL};
    static struct kvt_answer_row row;
    if (!row.made)
        kvt_answer_row_open(&row, made);
    const int status = kvt_answer_row_read(&row, data, size, &error);
    const size_t length = row.text.length, n_golds = row.n_golds;
    check(kvt_answer_row_read(&row, data, size, &error) == status); /* its shape is known now */
    check(status != 0 || (row.text.length == length && row.n_golds == n_golds));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!rules) {
        struct kvt_error error;
        json_t *none = json_object();
        rules = kvt_rules_make(none, &error);
        json_decref(none);
    }
    char *copy = malloc(size + 1); /* a NUL behind it, as lines have */
    if (size)
        memcpy(copy, data, size);
    copy[size] = '\0';
    score(copy, size);
    read_formats(copy, size);
    free(copy);
    return 0;
}
