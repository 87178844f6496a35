/*
 * text/csv.h: comma-separated values (RFC 4180, as Python's csv and pandas write them): fields in
 * quotes hold commas, quotes (doubled) and line ends; records end with LF or CRLF.
 */
#ifndef KVT_TEXT_CSV_H
#define KVT_TEXT_CSV_H

#include "core/buffer.h"
#include "core/error.h"

#include <stddef.h>

struct kvt_csv {
    const char *at, *end;
    size_t line;            /* on which the current record begins, from 1 */
    size_t ending;          /* on which it ends */
    struct kvt_buffer text; /* the fields of the current record, each ended by a NUL */
    size_t *starts;         /* where each field begins in text */
    size_t *lengths;
    size_t count, capacity, lengths_capacity;
};

/* The data are borrowed; a byte order mark at the start is passed over. */
void kvt_csv_start(struct kvt_csv *csv, const char *data, size_t length);
/* 1 and the next record (empty lines are passed over), 0 at the end, -1 with *error set when a
 * quote is not closed or text follows a closing one. */
int kvt_csv_next(struct kvt_csv *csv, struct kvt_error *error);
/* The field, valid until the next record. index < csv->count. */
const char *kvt_csv_field(const struct kvt_csv *csv, size_t index, size_t *length);
void kvt_csv_free(struct kvt_csv *csv);

#endif
