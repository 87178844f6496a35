/*
 * text/failure.h: how an answer failed, as opposed to being wrong. One table of rules, tried in
 * order; the first that holds names the failure. Infrastructure failures are no answer at all and
 * get no score; a model failure keeps the score its text earns. Judged on the span that is scored.
 *
 * Adding a class: one row in failure.c and one test.
 */
#ifndef KVT_TEXT_FAILURE_H
#define KVT_TEXT_FAILURE_H

#include "core/error.h"
#include "text/pattern.h"
#include "text/scored_task.h"
#include "text/unicode.h"
#include "text/words.h"

#include <stdbool.h>
#include <stddef.h>

/* What a task declares, with the settings laid on top and the patterns compiled. */
struct kvt_declared {
    const struct kvt_scored_task *task;
    const char *const *abstentions;          /* NULL-terminated, or NULL */
    const struct kvt_span *abstention_norms; /* the same, normalised (text/normalize.h) */
    struct kvt_pattern *format;              /* or NULL */
    struct kvt_pattern **refusals;
    size_t n_refusals;
    const bool *refusal_opens; /* [256] whether a text that begins so can be one of them */
};

/* One answer, as far as the rules look at it. */
struct kvt_answer {
    const struct kvt_declared *declared;
    const char *error_type;    /* error.type of the record; NULL if there was an answer */
    long long error_status;    /* HTTP status, 0 if unknown */
    const char *finish_reason; /* NULL if unknown */
    struct kvt_span text;      /* the whole answer */
    struct kvt_span span;      /* what of it is scored */
    bool whole_if_empty;       /* code: comments alone leave nothing to score, but are an answer */
    struct kvt_span span_norm; /* normalised (text/normalize.h), a block more can be read */
    bool line_complete;        /* first-line tasks: the line was ended by a newline */
    const struct kvt_span *golds;
    size_t n_golds;
    /* For the rules' use. */
    struct kvt_matcher *matcher;
    struct kvt_numbers *numbers;
    struct kvt_buffer *norm;
};

struct kvt_failure {
    const char *type;
    const char *class; /* "model" or "infrastructure" */
    char message[256];
};

struct kvt_failure_rule {
    const char *type;
    const char *class;
    const char *help;
    /* 1: holds (and failure->message is set), 0: does not, -1: *error is set. */
    int (*test)(const struct kvt_answer *answer, const char *type, struct kvt_failure *failure,
                struct kvt_error *error);
};

extern const struct kvt_failure_rule kvt_failure_rules[]; /* in order; ends with a NULL type */

/* 1 and *failure for an answer that failed to arrive, else 0. */
int kvt_failure_infrastructure(const struct kvt_answer *answer, struct kvt_failure *failure);
/* 1 and *failure if a model rule holds, 0 if none does, -1 with *error set. */
int kvt_failure_model(const struct kvt_answer *answer, struct kvt_failure *failure,
                      struct kvt_error *error);

#endif
