/*
 * text/prediction.h: predictions as others publish them, in one form.
 *
 * Adding a format: a function that takes one row apart, one that reads names, and a row in the
 * table of prediction.c.
 */
#ifndef KVT_TEXT_PREDICTION_H
#define KVT_TEXT_PREDICTION_H

#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One row. Members are owned and may be NULL where a format or a row does not say. */
struct kvt_prediction {
    char *text;      /* NULL: none */
    json_t *answers; /* array of strings */
    json_t *all_classes;
    char *id, *task, *cluster;
    char *variant;      /* of several readings of one answer; only the first one's rows are kept */
    double length;      /* NaN if unknown */
    long max_tokens;    /* 0 if unknown */
    size_t row;         /* within its file, from 1 */
    size_t line;        /* of its file, from 1 */
    const char *source; /* file name; borrowed */
};

struct kvt_predictions {
    struct kvt_prediction *items;
    size_t count, capacity;
};

void kvt_prediction_clear(struct kvt_prediction *prediction);
void kvt_predictions_free(struct kvt_predictions *predictions);

/* What the name of a file, and a settings file beside it, say about a run. */
struct kvt_hints {
    char *policy, *model, *task;
    bool has_budget;
    bool is_share; /* the budget is a share of the prompt, but the name does not say which */
    double budget;
    const char *unit;           /* "fraction" or "tokens" */
    const char *compress_after; /* or NULL */
    double length;              /* of all prompts; NaN if not said */
};

void kvt_hints_free(struct kvt_hints *hints);

struct kvt_prediction_format {
    const char *name;
    const char *help;
    const char *beside; /* name of a settings file in the same directory, or NULL */
    bool csv;
    /* Takes a row apart. Returns 1 if it is one to keep, 0 to pass over, -1 with *error. */
    int (*take)(json_t *row, struct kvt_prediction *prediction, struct kvt_error *error);
    /* `settings`: text of the file beside, or NULL. */
    void (*read_name)(const char *path, const char *settings, struct kvt_hints *hints);
};

extern const struct kvt_prediction_format kvt_prediction_formats[]; /* ends with a NULL name */

/* NULL if there is no format of that name. */
const struct kvt_prediction_format *kvt_prediction_format_find(const char *name);

/* Called for a row that cannot be read. Returning 0 goes on with the next one. */
typedef int (*kvt_bad_row)(void *context, const char *source, size_t line, const char *text,
                           size_t length, const struct kvt_error *error);

/* Reads all rows of one file. `source` must stay valid. Returns -1 with *error if the file as a
 * whole is not in the format, or if `bad` returned -1. */
int kvt_predictions_read(const struct kvt_prediction_format *format, const char *data,
                         size_t length, const char *source, struct kvt_predictions *predictions,
                         kvt_bad_row bad, void *context, struct kvt_error *error);

/* full, FullKV, no_press and their like: no compression. */
bool kvt_policy_is_full(const char *policy);

#endif
