#include "engine/threads.h"

#include "core/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct kvt_threads *threads;
    size_t number;
    pthread_t thread;
};

struct kvt_threads {
    size_t n_threads;
    struct worker *workers; /* [n_threads], the first is the caller and has no thread */
    size_t n_started;
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    size_t generation; /* counts runs; workers wait for it to change */
    size_t n_busy;     /* workers that have not finished the present run */
    int stop;
    size_t n_tasks;
    void (*task)(void *, size_t, size_t);
    void *context;
    atomic_size_t next;
};

static void take_tasks(struct kvt_threads *threads, size_t thread)
{
    for (;;) {
        size_t index = atomic_fetch_add(&threads->next, 1);
        if (index >= threads->n_tasks)
            return;
        threads->task(threads->context, index, thread);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct kvt_threads *threads = worker->threads;
    size_t seen = 0;
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        while (threads->generation == seen && !threads->stop)
            pthread_cond_wait(&threads->begin, &threads->lock);
        if (threads->stop)
            break;
        seen = threads->generation;
        pthread_mutex_unlock(&threads->lock);
        take_tasks(threads, worker->number);
        pthread_mutex_lock(&threads->lock);
        if (--threads->n_busy == 0)
            pthread_cond_signal(&threads->end);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

struct kvt_threads *kvt_threads_open(size_t n_threads, struct kvt_error *error)
{
    struct kvt_threads *threads = kvt_alloc_zero(1, sizeof *threads);
    threads->n_threads = n_threads ? n_threads : 1;
    threads->workers = kvt_alloc_zero(threads->n_threads, sizeof *threads->workers);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->begin, NULL);
    pthread_cond_init(&threads->end, NULL);
    for (size_t i = 1; i < threads->n_threads; i++) {
        struct worker *worker = &threads->workers[i];
        *worker = (struct worker){.threads = threads, .number = i};
        int status = pthread_create(&worker->thread, NULL, work, worker);
        if (status != 0) {
            kvt_fail(error, KVT_SYSTEM, "cannot start thread %zu of %zu: %s", i + 1, n_threads,
                     strerror(status));
            kvt_threads_close(threads);
            return NULL;
        }
        threads->n_started++;
    }
    return threads;
}

void kvt_threads_close(struct kvt_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->stop = 1;
    pthread_cond_broadcast(&threads->begin);
    pthread_mutex_unlock(&threads->lock);
    for (size_t i = 1; i <= threads->n_started; i++)
        pthread_join(threads->workers[i].thread, NULL);
    pthread_cond_destroy(&threads->end);
    pthread_cond_destroy(&threads->begin);
    pthread_mutex_destroy(&threads->lock);
    free(threads->workers);
    free(threads);
}

size_t kvt_threads_count(const struct kvt_threads *threads)
{
    return threads->n_threads;
}

void kvt_threads_run(struct kvt_threads *threads, size_t n_tasks,
                     void (*task)(void *context, size_t index, size_t thread), void *context)
{
    if (threads->n_started == 0 || n_tasks < 2) {
        for (size_t i = 0; i < n_tasks; i++)
            task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&threads->lock);
    threads->n_tasks = n_tasks;
    threads->task = task;
    threads->context = context;
    atomic_store(&threads->next, 0);
    threads->n_busy = threads->n_started;
    threads->generation++;
    pthread_cond_broadcast(&threads->begin);
    pthread_mutex_unlock(&threads->lock);
    take_tasks(threads, 0);
    pthread_mutex_lock(&threads->lock);
    while (threads->n_busy > 0)
        pthread_cond_wait(&threads->end, &threads->lock);
    pthread_mutex_unlock(&threads->lock);
}
