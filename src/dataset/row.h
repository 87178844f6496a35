/*
 * dataset/row.h: one question: a row of LongBench's format (_id, input, context, answers, dataset,
 * length, language, all_classes), with `cluster` and any other members.
 */
#ifndef KVT_DATASET_ROW_H
#define KVT_DATASET_ROW_H

#include "core/error.h"

#include <jansson.h>
#include <stddef.h>

struct kvt_row {
    json_t *object; /* owns everything below */
    char *id_text;  /* of an id that is a number in the file */
    const char *id;
    const char *input, *context;
    const json_t *answers;
    const char *task;    /* "" when the row has none */
    const char *cluster; /* NULL when the row has none */
    char *cluster_text;
    size_t replaced; /* pieces of text that JSON or SQLite cannot carry, now U+FFFD */
};

/* Parses and checks; -1 and *error naming the member. */
int kvt_row_parse(struct kvt_row *row, const char *line, size_t length, struct kvt_error *error);
void kvt_row_free(struct kvt_row *row);

/* Is it a member this header names (and so not an extra one that goes to meta as it is)? */
int kvt_row_is_own_member(const char *name);

#endif
