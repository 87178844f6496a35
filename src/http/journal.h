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
#include "http/appender.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_journal_slot; /* one place of the index */

struct kvt_journal {
    const char *path;
    int descriptor; /* -1: no journal */
    uint64_t size;
    struct kvt_journal_slot *slots; /* open addressing, power of two */
    size_t n_slots, n_used;
    size_t n_records;
    struct kvt_appender appender; /* the file's writer; unused without a journal */
};

/* `path` NULL: no journal, every call below is then harmless. `read_only`: nothing is written or
 * cut. `skip_bad`: lines that are no records stay where they are, counted in a notice, instead of
 * being an error. */
int kvt_journal_open(struct kvt_journal *journal, const char *path, bool read_only, bool skip_bad,
                     struct kvt_error *error);

/*
 * Finds the last record of a kind with this identity (run_id, request_id, probe_id), and reads it
 * into `record`, without newline. 1 found, 0 not, -1 when the file cannot be read.
 */
int kvt_journal_find(struct kvt_journal *journal, const char *kind, const char *id,
                     struct kvt_buffer *record, struct kvt_error *error);

/* Reads the first record of a kind in the file at `path` into `record`. 1 found, 0 not, -1 on
 * error. */
int kvt_journal_first(const char *path, const char *kind, struct kvt_buffer *record,
                      struct kvt_error *error);

/*
 * Appends one record (no newline in it), and does not wait for the disk: the record is found from
 * now on, is written with the next sync, and is on disk once kvt_journal_synced has passed its end.
 */
void kvt_journal_append(struct kvt_journal *journal, const char *kind, const char *id,
                        const struct kvt_buffer *record);
/*
 * Asks for everything appended so far to be written and synced, and does not wait; `wake` of the
 * journal, if set, is called when it is. -1 when an earlier write or sync failed.
 */
int kvt_journal_start_sync(struct kvt_journal *journal, struct kvt_error *error);
/* Sets or clears (NULL) the function called after each sync, on the journal's thread. */
void kvt_journal_on_sync(struct kvt_journal *journal, void (*wake)(void *context), void *context);
/* The offset up to which all is on disk. */
uint64_t kvt_journal_synced(struct kvt_journal *journal);
/* Returns -1 once a write or a sync has failed: nothing further will ever be on disk. */
int kvt_journal_check(struct kvt_journal *journal, struct kvt_error *error);
/* Syncs and waits. */
int kvt_journal_sync(struct kvt_journal *journal, struct kvt_error *error);
int kvt_journal_close(struct kvt_journal *journal, struct kvt_error *error);

#endif
