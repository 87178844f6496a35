/*
 * text/import_set.h: the datasets and runs that the files of one import make. A task is a dataset,
 * whatever the run; a policy and budget (and model) on one task is a run, of however many files.
 */
#ifndef KVT_TEXT_IMPORT_SET_H
#define KVT_TEXT_IMPORT_SET_H

#include "text/import_record.h"
#include "text/pairing.h"
#include "text/prediction.h"

#include <stddef.h>

struct kvt_imported_dataset {
    struct kvt_import_dataset record;
    char *exp_group; /* owned text of the record */
};

struct kvt_imported_run {
    size_t dataset; /* index */
    struct kvt_import_run record;
    struct kvt_pairing pairing; /* its rows, in the order of the files */
    char *policy, *model;       /* owned texts of the record */
};

struct kvt_import_set {
    /* Of all records; borrowed. */
    const char *exp_group; /* or NULL: import-TASK */
    const char *date;
    size_t n_bins;
    /* What there is. */
    struct kvt_imported_dataset *datasets;
    size_t n_datasets, datasets_capacity;
    struct kvt_imported_run *runs;
    size_t n_runs, runs_capacity;
};

/* Adds a row, whose task is known, to the run described by `like` on that task. The row stays the
 * caller's, as long as the set; of `like` copies are taken. */
void kvt_import_set_add(struct kvt_import_set *set, const struct kvt_import_run *like,
                        struct kvt_prediction *row);
/* The run's full cache: the first run of its task and model that is a reference; NULL if there is
 * none, or if it is one itself. */
const struct kvt_imported_run *kvt_import_set_reference(const struct kvt_import_set *set,
                                                        const struct kvt_imported_run *run);
void kvt_import_set_free(struct kvt_import_set *set);

#endif
