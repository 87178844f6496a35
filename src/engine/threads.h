/*
 * engine/threads.h: a few threads that share out numbered tasks. Which thread takes which task is
 * left to chance, so tasks write to places of their own and results never depend on it.
 */
#ifndef KVT_ENGINE_THREADS_H
#define KVT_ENGINE_THREADS_H

#include "core/error.h"

#include <stddef.h>

struct kvt_threads;

/* n_threads counts the caller, so 1 starts no thread. NULL and *error when threads cannot start. */
struct kvt_threads *kvt_threads_open(size_t n_threads, struct kvt_error *error);
void kvt_threads_close(struct kvt_threads *threads); /* NULL is fine */
size_t kvt_threads_count(const struct kvt_threads *threads);

/*
 * Calls task(context, index, thread) for every index below n_tasks, thread being 0..n_threads-1;
 * the caller works too, and returns when all are done. One run at a time; no run inside a task.
 */
void kvt_threads_run(struct kvt_threads *threads, size_t n_tasks,
                     void (*task)(void *context, size_t index, size_t thread), void *context);

#endif
