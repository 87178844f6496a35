/*
 * text/scored_task.h: what is known about a task: its metric, the span that is scored, and what its
 * answers promise (that they end, what an abstention says, what form they have). Only what a task
 * declares can be a failure. A row in the table of scored_task.c, or in the setting scoring.tasks,
 * adds a task.
 */
#ifndef KVT_TEXT_SCORED_TASK_H
#define KVT_TEXT_SCORED_TASK_H

#include <stdbool.h>
#include <stddef.h>

struct kvt_scored_task {
    const char *name;   /* a "*" at the end stands for any ending */
    const char *metric; /* kvt_metric_find */
    bool first_line;  /* only the first line counts: the prompt shows examples and the model goes on
                       */
    bool answers_end; /* a good answer is shorter than the cap, so the cap cuts only bad ones */
    bool english;     /* em, f1 and contains mean something */
    const char *const
        *abstentions;    /* NULL-terminated, or NULL: what an answer says that gives up */
    const char *format;  /* PCRE2 pattern that a well-formed answer matches, or NULL */
    const char *refused; /* why the task is not scored, or NULL */
    size_t n_questions;  /* of the published benchmark; 0 if that varies */
};

extern const struct kvt_scored_task kvt_scored_tasks[]; /* ends with a NULL name */

/*
 * The task of that name; "longbench_qasper", "qasper_e" and "longbench_qasper_e" are qasper. A name
 * that is not in the table (or NULL) gets kvt_scored_task_other: F1, and no declarations.
 */
const struct kvt_scored_task *kvt_scored_task_find(const char *name);
extern const struct kvt_scored_task kvt_scored_task_other;

#endif
