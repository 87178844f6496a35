/*
 * text/answer_row.h: of a response line, the members that scoring reads, without parsing the rest.
 */
#ifndef KVT_TEXT_ANSWER_ROW_H
#define KVT_TEXT_ANSWER_ROW_H

#include "core/buffer.h"
#include "core/error.h"
#include "stream/shape.h"
#include "stream/string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVT_ANSWER_NAME = 128 }; /* longer names are cut; none is known */

/* Open with kvt_answer_row_open, release with kvt_answer_row_free. Spans are valid until the next
 * row is read. */
struct kvt_answer_row {
    struct kvt_span text; /* empty if the response has none */
    struct kvt_span *golds, *classes;
    size_t n_golds, n_classes;
    char task[KVT_ANSWER_NAME];          /* meta.task, else meta.dataset; "" if neither is there */
    char finish_reason[KVT_ANSWER_NAME]; /* "" if unknown */
    char error_type[KVT_ANSWER_NAME];    /* "" if the answer arrived */
    long long error_status;
    bool scored_before; /* the line has members that are made */
    bool has_response;  /* the member is there and not null */
    size_t close;       /* place of the line's closing brace */

    unsigned seen;           /* members read so far */
    const char *const *made; /* borrowed */
    size_t golds_capacity, classes_capacity;
    struct kvt_buffer room, numbers;
    struct kvt_shape line, meta, response, error; /* of the rows before */
};

/* `made`: names of members that the reader of the rows makes itself, NULL-terminated; kept. */
void kvt_answer_row_open(struct kvt_answer_row *row, const char *const *made);
/* A member that is read and stands twice is an error. Returns -1 with *error naming the member. */
int kvt_answer_row_read(struct kvt_answer_row *row, const char *line, size_t length,
                        struct kvt_error *error);
void kvt_answer_row_free(struct kvt_answer_row *row);

#endif
