#include "text/csv.h"

#include "core/memory.h"
#include "text/lines.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void kvt_csv_start(struct kvt_csv *csv, const char *data, size_t length)
{
    *csv = (struct kvt_csv){.at = data, .end = data + length, .ending = 1};
    csv->at += kvt_lines_mark(data, length);
}

static void end_field(struct kvt_csv *csv, size_t start)
{
    kvt_grow(&csv->starts, &csv->capacity, csv->count, sizeof *csv->starts);
    kvt_grow(&csv->lengths, &csv->lengths_capacity, csv->count, sizeof *csv->lengths);
    csv->starts[csv->count] = start;
    csv->lengths[csv->count++] = csv->text.length - start;
    kvt_buffer_byte(&csv->text, '\0');
}

static bool at_line_end(const struct kvt_csv *csv)
{
    return csv->at == csv->end || *csv->at == '\n' ||
           (*csv->at == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n');
}

/* The rest of a field whose opening quote was read. */
static int read_quoted(struct kvt_csv *csv, struct kvt_error *error)
{
    for (;;) {
        const char *quote = memchr(csv->at, '"', (size_t)(csv->end - csv->at));
        if (!quote)
            return kvt_fail(error, KVT_DATA, "a quoted field is not closed");
        for (const char *c = csv->at; c < quote; c++)
            csv->ending += *c == '\n';
        kvt_buffer_append(&csv->text, csv->at, (size_t)(quote - csv->at));
        csv->at = quote + 1;
        if (csv->at == csv->end || *csv->at != '"')
            break;
        kvt_buffer_byte(&csv->text, '"');
        csv->at++;
    }
    if (!at_line_end(csv) && *csv->at != ',')
        return kvt_fail(error, KVT_DATA, "text after the closing quote of a field");
    return 0;
}

int kvt_csv_next(struct kvt_csv *csv, struct kvt_error *error)
{
    csv->count = 0;
    kvt_buffer_clear(&csv->text);
    while (csv->at < csv->end && at_line_end(csv)) { /* empty lines */
        csv->at += *csv->at == '\r' ? 2 : 1;
        csv->ending++;
    }
    csv->line = csv->ending;
    if (csv->at == csv->end)
        return 0;
    for (;;) {
        size_t start = csv->text.length;
        if (csv->at < csv->end && *csv->at == '"') {
            csv->at++;
            if (read_quoted(csv, error) != 0)
                return -1;
        } else {
            const char *from = csv->at;
            while (!at_line_end(csv) && *csv->at != ',')
                csv->at++;
            kvt_buffer_append(&csv->text, from, (size_t)(csv->at - from));
        }
        end_field(csv, start);
        if (at_line_end(csv))
            break;
        csv->at++; /* the comma */
    }
    if (csv->at < csv->end) {
        csv->at += *csv->at == '\r' ? 2 : 1;
        csv->ending++;
    }
    return 1;
}

const char *kvt_csv_field(const struct kvt_csv *csv, size_t index, size_t *length)
{
    *length = csv->lengths[index];
    return csv->text.data + csv->starts[index];
}

void kvt_csv_free(struct kvt_csv *csv)
{
    kvt_buffer_free(&csv->text);
    free(csv->starts);
    free(csv->lengths);
    *csv = (struct kvt_csv){0};
}
