/*
 * render/table.h: CSV tables (RFC 4180 quoting, one header line, LF). Adding a table or a column: a
 * row in table.c.
 */
#ifndef KVT_RENDER_TABLE_H
#define KVT_RENDER_TABLE_H

#include "core/buffer.h"
#include "render/results.h"

struct kvt_table {
    const char *name;
    const char *help;
    bool per_response; /* rows are written while the stream is read, by kvt_table_response */
    void (*write)(struct kvt_buffer *out, const struct kvt_table *table,
                  const struct kvt_results *results);
    const char *kind;           /* tables of one record kind: which */
    const char *const *columns; /* "path" or "header=path"; NULL-terminated */
};

/* Ends with a NULL name. */
extern const struct kvt_table kvt_tables[];
const struct kvt_table *kvt_table_find(const char *name);

/* The header line, and the row of one record. */
void kvt_table_header(struct kvt_buffer *out, const struct kvt_table *table);
void kvt_table_row(struct kvt_buffer *out, const struct kvt_table *table, const json_t *record);

/*
 * Returns 0, or -1 when the stream lacks the records the table is made of; the error names the
 * stage that makes them. A table that has them and no rows (nothing failed) is no error.
 */
int kvt_table_check(const struct kvt_table *table, const struct kvt_results *results,
                    struct kvt_error *error);

/* One value as a CSV field: text as it is, null empty, objects and arrays as JSON. */
void kvt_table_value(struct kvt_buffer *out, const json_t *value);

#endif
