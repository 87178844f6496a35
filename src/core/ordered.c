#include "core/ordered.h"

#include "core/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct thread {
    struct kvt_ordered *ordered;
    size_t number;
    pthread_t id;
};

/* Items are counted; item n has place n % window. finished <= taken <= finished + window. */
struct kvt_ordered {
    const struct kvt_ordered_work *work;
    pthread_mutex_t lock;         /* of all that follows */
    pthread_cond_t free, drained; /* free: somebody may take */
    size_t taken, finished;
    bool *worked; /* [window]: worked on, not finished */
    bool taking, finishing, ended;
    struct thread *threads; /* [n_threads]; the first is the caller */
    size_t n_started;       /* of the others; the caller's alone */
};

/* Takes the next item as soon as there is a free place and nobody else takes. The lock is held. */
static bool take(struct kvt_ordered *ordered, size_t *place)
{
    const struct kvt_ordered_work *work = ordered->work;
    while (!ordered->ended &&
           (ordered->taking || ordered->taken - ordered->finished == work->window))
        pthread_cond_wait(&ordered->free, &ordered->lock);
    if (ordered->ended)
        return false;
    ordered->taking = true;
    *place = ordered->taken % work->window;
    pthread_mutex_unlock(&ordered->lock);
    bool more = work->take(ordered, work->context, *place);
    pthread_mutex_lock(&ordered->lock);
    ordered->taking = false;
    if (more) {
        ordered->taken++;
        pthread_cond_signal(&ordered->free);
    } else {
        ordered->ended = true;
        pthread_cond_broadcast(&ordered->free);
    }
    return more;
}

/* Finishes all items from the oldest on that were worked on, unless somebody is about it: that
 * thread looks again before it leaves. The lock is held. */
static void finish(struct kvt_ordered *ordered)
{
    const struct kvt_ordered_work *work = ordered->work;
    if (ordered->finishing)
        return;
    ordered->finishing = true;
    for (size_t place; ordered->worked[place = ordered->finished % work->window];) {
        ordered->worked[place] = false;
        pthread_mutex_unlock(&ordered->lock);
        work->finish(work->context, place);
        pthread_mutex_lock(&ordered->lock);
        ordered->finished++;
        pthread_cond_signal(&ordered->free);
        pthread_cond_signal(&ordered->drained);
    }
    ordered->finishing = false;
}

static void *run(void *argument);

static void start_others(struct kvt_ordered *ordered)
{
    size_t wanted = ordered->work->n_threads;
    for (size_t i = 1; i < wanted; i++) {
        struct thread *thread = &ordered->threads[i];
        *thread = (struct thread){.ordered = ordered, .number = i};
        if (pthread_create(&thread->id, NULL, run, thread) != 0)
            break;
        ordered->n_started++;
    }
}

static void *run(void *argument)
{
    struct thread *thread = argument;
    struct kvt_ordered *ordered = thread->ordered;
    size_t place, n_taken = 0; /* by this thread */
    pthread_mutex_lock(&ordered->lock);
    while (take(ordered, &place)) {
        pthread_mutex_unlock(&ordered->lock);
        if (thread->number == 0 && ++n_taken == 2)
            start_others(ordered);
        ordered->work->work(ordered->work->context, place, thread->number);
        pthread_mutex_lock(&ordered->lock);
        ordered->worked[place] = true;
        finish(ordered);
    }
    pthread_mutex_unlock(&ordered->lock);
    return NULL;
}

void kvt_ordered_run(const struct kvt_ordered_work *work)
{
    size_t n_threads = work->n_threads ? work->n_threads : 1;
    struct kvt_ordered ordered = {.work = work};
    ordered.worked = kvt_alloc_zero(work->window, sizeof *ordered.worked);
    ordered.threads = kvt_alloc_zero(n_threads, sizeof *ordered.threads);
    ordered.threads[0].ordered = &ordered;
    pthread_mutex_init(&ordered.lock, NULL);
    pthread_cond_init(&ordered.free, NULL);
    pthread_cond_init(&ordered.drained, NULL);
    run(&ordered.threads[0]);
    for (size_t i = 1; i <= ordered.n_started; i++)
        pthread_join(ordered.threads[i].id, NULL);
    pthread_cond_destroy(&ordered.drained);
    pthread_cond_destroy(&ordered.free);
    pthread_mutex_destroy(&ordered.lock);
    free(ordered.threads);
    free(ordered.worked);
}

void kvt_ordered_drain(struct kvt_ordered *ordered)
{
    pthread_mutex_lock(&ordered->lock);
    while (ordered->finished < ordered->taken)
        pthread_cond_wait(&ordered->drained, &ordered->lock);
    pthread_mutex_unlock(&ordered->lock);
}

size_t kvt_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}
