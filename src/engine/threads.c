#include "engine/threads.h"

#include "core/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    struct kvt_threads *threads;
    size_t number;
    pthread_t thread;
};

struct run {
    uint32_t generation; /* counts runs */
    uint32_t n_tasks;
    void (*task)(void *, size_t, size_t);
    void *context;
};

struct kvt_threads {
    size_t n_threads;
    struct worker *workers; /* [n_threads], the first is the caller and has no thread */
    size_t n_started;
    pthread_mutex_t lock; /* of run and stop */
    pthread_cond_t begin, end;
    struct run run;
    int stop;
    /*
     * generation << 32 | next task. A thread that wakes up late finds another generation here and
     * takes nothing, so a run need not wait for threads that never began: it ends when its tasks
     * are done.
     */
    atomic_uint_fast64_t ticket;
    atomic_size_t n_done;
};

static void take_tasks(struct kvt_threads *threads, const struct run *run, size_t thread)
{
    uint_fast64_t ticket = atomic_load(&threads->ticket);
    while (ticket >> 32 == run->generation && (uint32_t)ticket < run->n_tasks) {
        if (!atomic_compare_exchange_weak(&threads->ticket, &ticket, ticket + 1))
            continue;
        run->task(run->context, (uint32_t)ticket, thread);
        if (atomic_fetch_add(&threads->n_done, 1) + 1 == run->n_tasks && thread > 0) {
            pthread_mutex_lock(&threads->lock);
            pthread_cond_signal(&threads->end);
            pthread_mutex_unlock(&threads->lock);
        }
        ticket = atomic_load(&threads->ticket);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct kvt_threads *threads = worker->threads;
    struct run run = {0};
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        while (threads->run.generation == run.generation && !threads->stop)
            pthread_cond_wait(&threads->begin, &threads->lock);
        if (threads->stop)
            break;
        run = threads->run;
        pthread_mutex_unlock(&threads->lock);
        take_tasks(threads, &run, worker->number);
        pthread_mutex_lock(&threads->lock);
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
    if (threads->n_started == 0 || n_tasks < 2 || n_tasks > UINT32_MAX / 2) {
        for (size_t i = 0; i < n_tasks; i++)
            task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&threads->lock);
    struct run run = {threads->run.generation + 1, (uint32_t)n_tasks, task, context};
    threads->run = run;
    atomic_store(&threads->n_done, 0);
    atomic_store(&threads->ticket, (uint_fast64_t)run.generation << 32);
    pthread_cond_broadcast(&threads->begin);
    pthread_mutex_unlock(&threads->lock);
    take_tasks(threads, &run, 0);
    if (atomic_load(&threads->n_done) == n_tasks)
        return;
    pthread_mutex_lock(&threads->lock);
    while (atomic_load(&threads->n_done) < n_tasks)
        pthread_cond_wait(&threads->end, &threads->lock);
    pthread_mutex_unlock(&threads->lock);
}
