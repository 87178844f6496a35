/* text/import_record.h: the records of kvt-import (kvt-stream(5)), written into a buffer. */
#ifndef KVT_TEXT_IMPORT_RECORD_H
#define KVT_TEXT_IMPORT_RECORD_H

#include "core/buffer.h"
#include "text/pairing.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVT_IMPORT_ID_SIZE = 17 };

/* The first 16 hexadecimal digits of the SHA-256 of the texts; the list ends with NULL. */
void kvt_import_id(char id[KVT_IMPORT_ID_SIZE], const char *const *texts);

struct kvt_import_dataset {
    const char *task;
    const char *exp_group;
    const char *date;
    size_t n_entries, n_bins;
    char id[KVT_IMPORT_ID_SIZE];
};

struct kvt_import_run {
    const struct kvt_import_dataset *dataset;
    const char *policy, *model, *unit, *replicate;
    const char *compress_after; /* or NULL */
    double budget;
    bool reference;
    const char *format,
        *joined; /* how rows found their entries: id, golds, questions or manifest */
    size_t n_rows, n_repeated, n_dropped;
    char id[KVT_IMPORT_ID_SIZE];
};

/* Each replaces the buffer's content with one record, without a newline. */
/* `runs`: all of the dataset's; `settings`: the resolved tree. Of its config only what is known of
 * the predictions and what later stages take is written. */
void kvt_import_write_experiment(struct kvt_buffer *out, const struct kvt_import_dataset *dataset,
                                 const struct kvt_import_run *const *runs, size_t n_runs,
                                 const json_t *settings);
void kvt_import_write_dataset(struct kvt_buffer *out, const struct kvt_import_dataset *dataset);
void kvt_import_write_bin(struct kvt_buffer *out, const struct kvt_import_dataset *dataset,
                          size_t index, int64_t shortest, int64_t longest, size_t n_entries);
void kvt_import_write_run(struct kvt_buffer *out, const struct kvt_import_run *run);
void kvt_import_write_response(struct kvt_buffer *out, const struct kvt_import_run *run,
                               const struct kvt_paired *row);

#endif
