/*
 * http/appender.h: a file that is appended to by a thread of its own, which writes and syncs.
 *
 * Neither a write nor a sync may keep the caller waiting: it reads the network, and both take
 * milliseconds while the disk is busy (a write too, when its page is just on its way to the disk).
 * Offsets count bytes from the start of the file.
 */
#ifndef KVT_HTTP_APPENDER_H
#define KVT_HTTP_APPENDER_H

#include "core/buffer.h"
#include "core/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_appender {
    const char *path; /* for messages */
    int descriptor;   /* borrowed; opened with O_APPEND */
    pthread_t thread; /* started by the first bytes that are to be synced */
    bool threaded;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool stop;
    struct kvt_buffer added, writing; /* not yet taken by the thread; not yet synced by it */
    uint64_t added_at, writing_at;    /* where they stand in the file */
    uint64_t wanted;                  /* sync at least to here */
    uint64_t synced;                  /* all before this offset is on disk */
    int write_errno, sync_errno;      /* of what failed */
    void (*wake)(void *context);
    void *wake_context;
};

/* `size`: of the file as it is. `path` is kept. */
void kvt_appender_open(struct kvt_appender *appender, int descriptor, const char *path,
                       uint64_t size);
/* Puts bytes at the end, in memory; they reach the file with the next sync. */
void kvt_appender_add(struct kvt_appender *appender, const void *bytes, size_t length);
/*
 * Appends to `out` the `length` bytes at `offset`, which were added by one call, if they may not be
 * in the file yet. False: they are in the file.
 */
bool kvt_appender_held(struct kvt_appender *appender, uint64_t offset, size_t length,
                       struct kvt_buffer *out);
/*
 * Has everything added so far written and synced, and does not wait; `wake`, if set, is called when
 * it is. -1 with code KVT_SYSTEM when an earlier write or sync failed, or no thread can be started.
 */
int kvt_appender_start_sync(struct kvt_appender *appender, struct kvt_error *error);
/* Sets or clears (NULL) the function called after each sync, on the appender's thread. */
void kvt_appender_on_sync(struct kvt_appender *appender, void (*wake)(void *context),
                          void *context);
/* The offset up to which all is on disk. */
uint64_t kvt_appender_synced(struct kvt_appender *appender);
/* -1 once a write or a sync has failed: nothing further will ever be on disk. */
int kvt_appender_check(struct kvt_appender *appender, struct kvt_error *error);
/* Syncs and waits. */
int kvt_appender_sync(struct kvt_appender *appender, struct kvt_error *error);
/* Syncs, ends the thread and releases what the appender owns; the descriptor stays open. */
int kvt_appender_close(struct kvt_appender *appender, struct kvt_error *error);

#endif
