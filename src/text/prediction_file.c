/* The rows of a file of predictions, whatever holds them: lines, one array, or a table. */
#include "core/memory.h"
#include "core/utf8.h"
#include "stream/json.h"
#include "text/csv.h"
#include "text/lines.h"
#include "text/prediction.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where rows go, and bad ones. */
struct sink {
    const struct kvt_prediction_format *format;
    struct kvt_predictions *predictions;
    const char *source;
    size_t row;
    char *variant; /* of the first row kept */
    kvt_bad_row bad;
    void *context;
};

/* Takes one row (reference stolen; NULL if it could not be parsed, *error saying why). */
static int add_row(struct sink *sink, json_t *row, size_t line, const char *text, size_t length,
                   struct kvt_error *error)
{
    struct kvt_prediction prediction = {.length = NAN};
    sink->row++;
    int status = -1;
    if (row && !json_is_object(row))
        kvt_fail(error, KVT_DATA, "not an object");
    else if (row)
        status = sink->format->take(row, &prediction, error);
    json_decref(row);
    if (status > 0 && prediction.variant && sink->variant &&
        strcmp(prediction.variant, sink->variant) != 0)
        status = 0;
    if (status > 0 && prediction.variant && !sink->variant)
        sink->variant = kvt_strdup(prediction.variant);
    if (status > 0) {
        struct kvt_predictions *all = sink->predictions;
        prediction.row = sink->row;
        prediction.line = line;
        prediction.source = sink->source;
        kvt_grow(&all->items, &all->capacity, all->count, sizeof *all->items);
        all->items[all->count++] = prediction;
        return 0;
    }
    kvt_prediction_clear(&prediction);
    return status == 0 ? 0 : sink->bad(sink->context, sink->source, line, text, length, error);
}

static int read_lines(struct sink *sink, const char *data, size_t length, struct kvt_error *error)
{
    struct kvt_lines lines;
    struct kvt_span line;
    kvt_lines_start(&lines, data, length);
    while (kvt_lines_next(&lines, &line))
        if (add_row(sink, kvt_json_parse(line.data, line.length, NULL, error), lines.number,
                    line.data, line.length, error) != 0)
            return -1;
    return 0;
}

/* One array of rows, as some tools write instead of lines. */
static int read_array(struct sink *sink, const char *data, size_t length, struct kvt_error *error)
{
    json_t *array = kvt_json_parse(data, length, NULL, error);
    if (!array)
        return kvt_fail_context(error, "%s", sink->source);
    int status = 0;
    for (size_t i = 0; i < json_array_size(array) && status == 0; i++) {
        json_t *row = json_array_get(array, i);
        status = add_row(sink, json_incref(row), 1, "", 0, error);
    }
    json_decref(array);
    return status;
}

/* Columns as members; the cells are texts, an empty one is null: nothing was written there. */
static json_t *object_of(const struct kvt_csv *csv, const json_t *header, struct kvt_error *error)
{
    if (csv->count != json_array_size(header)) {
        kvt_fail(error, KVT_DATA, "%zu fields where the header has %zu", csv->count,
                 json_array_size(header));
        return NULL;
    }
    json_t *row = json_object();
    struct kvt_buffer valid = {0};
    for (size_t i = 0; i < csv->count; i++) {
        size_t length;
        const char *field = kvt_csv_field(csv, i, &length);
        kvt_buffer_clear(&valid);
        kvt_utf8_repair(&valid, field, length);
        json_object_set_new(row, json_string_value(json_array_get(header, i)),
                            length > 0 ? json_stringn(kvt_buffer_string(&valid), valid.length)
                                       : json_null());
    }
    kvt_buffer_free(&valid);
    return row;
}

static bool names_column(const json_t *header, const json_t *name)
{
    for (size_t i = 0; i < json_array_size(header); i++)
        if (json_equal(json_array_get(header, i), name))
            return true;
    return false;
}

static int read_header(struct kvt_csv *csv, json_t *header, const char *source,
                       struct kvt_error *error)
{
    int status = kvt_csv_next(csv, error);
    if (status <= 0)
        return status < 0 ? kvt_fail_context(error, "%s:1", source)
                          : kvt_fail(error, KVT_DATA, "%s: empty", source);
    for (size_t i = 0; i < csv->count; i++) {
        size_t length;
        const char *field = kvt_csv_field(csv, i, &length);
        json_t *name = json_stringn(field, length);
        if (name && length > 0 && names_column(header, name)) {
            json_decref(name);
            return kvt_fail(error, KVT_DATA, "%s:1: column %.60s stands twice", source, field);
        }
        json_array_append_new(header, name ? name : json_string(""));
    }
    return 0;
}

static int read_table(struct sink *sink, const char *data, size_t length, struct kvt_error *error)
{
    struct kvt_csv csv;
    json_t *header = json_array();
    kvt_csv_start(&csv, data, length);
    int status = read_header(&csv, header, sink->source, error), more;
    while (status == 0) {
        const char *start = csv.at;
        more = kvt_csv_next(&csv, error);
        if (more == 0)
            break;
        if (more < 0) { /* nothing after this can be told apart */
            status = kvt_fail_context(error, "%s:%zu", sink->source, csv.line);
            break;
        }
        const char *end = csv.at;
        while (end > start && (end[-1] == '\n' || end[-1] == '\r'))
            end--;
        status = add_row(sink, object_of(&csv, header, error), csv.line, start,
                         (size_t)(end - start), error);
    }
    kvt_csv_free(&csv);
    json_decref(header);
    return status;
}

int kvt_predictions_read(const struct kvt_prediction_format *format, const char *data,
                         size_t length, const char *source, struct kvt_predictions *predictions,
                         kvt_bad_row bad, void *context, struct kvt_error *error)
{
    size_t mark = kvt_lines_mark(data, length), blank = 0;
    data += mark;
    length -= mark;
    struct sink sink = {format, predictions, source, 0, NULL, bad, context};
    while (blank < length && isspace((unsigned char)data[blank]))
        blank++;
    int status;
    if (format->csv)
        status = read_table(&sink, data, length, error);
    else if (blank < length && data[blank] == '[')
        status = read_array(&sink, data, length, error);
    else
        status = read_lines(&sink, data, length, error);
    free(sink.variant);
    return status;
}
