/*
 * http/journal.h: what was asked and answered, on disk, so that nothing is asked twice.
 *
 * NDJSON, append-only: `run`, `response` and `preflight` records. A record is written whole, and
 * synced before it is shown to anybody. Of several records with one identity the last counts. On
 * opening, a torn last line (a crash in the middle of a write) is cut off with a notice; any other
 * line that is no record is an error naming it. One writer at a time, by a lock on the file.
 */
#ifndef KVT_HTTP_JOURNAL_H
#define KVT_HTTP_JOURNAL_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_journal_slot; /* one place of the index */

struct kvt_journal {
    const char *path;
    int descriptor; /* -1: no journal */
    uint64_t size;
    uint64_t synced;                /* everything before this offset is on disk */
    struct kvt_journal_slot *slots; /* open addressing, power of two */
    size_t n_slots, n_used;
    size_t n_records;
};

/* `path` NULL: no journal, every call below is then harmless. `read_only`: nothing is written or
 * cut. */
int kvt_journal_open(struct kvt_journal *journal, const char *path, bool read_only,
                     struct kvt_error *error);

/*
 * Finds the last record of a kind with this identity (run_id, request_id, probe_id), and reads it
 * into `record`, without newline. 1 found, 0 not, -1 when the file cannot be read.
 */
int kvt_journal_find(struct kvt_journal *journal, const char *kind, const char *id,
                     struct kvt_buffer *record, struct kvt_error *error);

/* Appends one record (no newline in it). It is on disk after the next kvt_journal_sync. */
int kvt_journal_append(struct kvt_journal *journal, const char *kind, const char *id,
                       const struct kvt_buffer *record, struct kvt_error *error);
int kvt_journal_sync(struct kvt_journal *journal, struct kvt_error *error);
int kvt_journal_close(struct kvt_journal *journal, struct kvt_error *error);

#endif
