/*
 * text/import_run.h: which run a file of predictions is, from what its name and the settings beside
 * it say and what was asked for on the command line, which wins.
 */
#ifndef KVT_TEXT_IMPORT_RUN_H
#define KVT_TEXT_IMPORT_RUN_H

#include "core/error.h"
#include "text/import_record.h"
#include "text/prediction.h"

#include <stdbool.h>

/* What is asked for of every file; NULL and NaN leave it to the names. */
struct kvt_import_asked {
    const char *task, *policy, *model, *unit; /* unit: fraction or tokens */
    const char *replicate;                    /* a or b */
    double budget;                            /* of all files */
    double unnamed_budget; /* of those whose name tells none; a full cache needs none */
    bool reference;
};

/*
 * Fills *run, whose texts are those of `asked` and `hints`: policy, model, budget and its unit,
 * reference, replicate, compress_after; the rest is 0. `source` names the file in messages. Returns
 * -1 with *error (KVT_USAGE) if policy or budget are not told, or if they contradict each other: a
 * budget that is not above 0, a fraction above 1, a full cache that keeps a part.
 */
int kvt_import_describe(const struct kvt_import_asked *asked, const struct kvt_hints *hints,
                        const char *source, struct kvt_import_run *run, struct kvt_error *error);

/* The task of a row: the one asked for, else the row's own, else the name's; without "longbench_"
 * (lm-evaluation-harness), so that names agree between tools. Borrowed; NULL if none tells. */
const char *kvt_import_task(const struct kvt_import_asked *asked, const struct kvt_prediction *row,
                            const struct kvt_hints *hints);

/* Whether rows of one belong to the other: policy, budget, unit and model are the same. */
bool kvt_import_same_run(const struct kvt_import_run *a, const struct kvt_import_run *b);
/* Whether they can be compared: of one model, or both of an unnamed one. */
bool kvt_import_same_model(const struct kvt_import_run *a, const struct kvt_import_run *b);

#endif
