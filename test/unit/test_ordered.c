/* Items taken in order, worked on by several threads, finished in order. */
#include "core/ordered.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { ITEMS = 3000, WINDOW_MOST = 14, THREADS_MOST = 7 };

struct job {
    size_t n_threads, window, drain_every; /* 0: never */
    size_t places[WINDOW_MOST];            /* the item of each place */
    size_t n_taken, n_finished;            /* as counted by take and by finish */
    atomic_size_t finished;                /* for take to look at */
    atomic_int taking, working, finishing, beside[THREADS_MOST];
    atomic_int wrong;    /* two took, two finished, one thread's work met itself */
    int disordered;      /* finished in another order */
    int drained_too_few; /* a drain returned before all was finished, or ended */
    int worked[ITEMS];
};

static void sleep_for(long microseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL);
}

static bool take(struct kvt_ordered *ordered, void *context, size_t place)
{
    struct job *job = context;
    if (atomic_fetch_add(&job->taking, 1) != 0)
        atomic_store(&job->wrong, 1);
    if (job->drain_every && job->n_taken % job->drain_every == 0) {
        kvt_ordered_drain(ordered);
        if (atomic_load(&job->finished) != job->n_taken || atomic_load(&job->working) != 0)
            job->drained_too_few = 1;
    }
    if (job->n_taken - atomic_load(&job->finished) > job->window)
        atomic_store(&job->wrong, 1);
    bool more = job->n_taken < ITEMS;
    if (more)
        job->places[place] = job->n_taken++;
    atomic_fetch_sub(&job->taking, 1);
    return more;
}

static void work(void *context, size_t place, size_t thread)
{
    struct job *job = context;
    size_t item = job->places[place];
    atomic_fetch_add(&job->working, 1);
    if (thread >= job->n_threads || atomic_fetch_add(&job->beside[thread], 1) != 0)
        atomic_store(&job->wrong, 1);
    if (item % 97 == 0)
        sleep_for(300); /* the oldest item is late now and then */
    job->worked[item]++;
    atomic_fetch_sub(&job->beside[thread], 1);
    atomic_fetch_sub(&job->working, 1);
}

static void finish(void *context, size_t place)
{
    struct job *job = context;
    if (atomic_fetch_add(&job->finishing, 1) != 0)
        atomic_store(&job->wrong, 1);
    size_t item = job->places[place];
    if (item != job->n_finished++ || job->worked[item] != 1)
        job->disordered = 1;
    atomic_fetch_add(&job->finished, 1);
    atomic_fetch_sub(&job->finishing, 1);
}

static void run(size_t n_threads, size_t window, size_t drain_every)
{
    struct job *job = calloc(1, sizeof *job);
    job->n_threads = n_threads;
    job->window = window;
    job->drain_every = drain_every;
    kvt_ordered_run(&(struct kvt_ordered_work){n_threads, window, job, take, work, finish});
    char name[100];
    snprintf(name, sizeof name, "%zu threads, window %zu, %s: every item once, in order", n_threads,
             window, drain_every ? "drained" : "never drained");
    ok(job->n_finished == ITEMS && !job->disordered, name);
    ok(!atomic_load(&job->wrong), "one takes, one finishes, each thread works on one");
    ok(!job->drained_too_few, "what was taken is finished after a drain");
    free(job);
}

/* A source that gives its second item only when the first one has come out. */
struct dialogue {
    atomic_int out;
    size_t taken;
    int stuck;
};

static bool take_answer(struct kvt_ordered *ordered, void *context, size_t place)
{
    struct dialogue *dialogue = context;
    (void)ordered, (void)place;
    for (int i = 0; i < 20000 && (size_t)atomic_load(&dialogue->out) < dialogue->taken; i++)
        sleep_for(500);
    dialogue->stuck |= (size_t)atomic_load(&dialogue->out) < dialogue->taken;
    return dialogue->taken++ < 20 && !dialogue->stuck;
}

static void no_work(void *context, size_t place, size_t thread)
{
    (void)context, (void)place, (void)thread;
}

static void finish_answer(void *context, size_t place)
{
    struct dialogue *dialogue = context;
    (void)place;
    atomic_fetch_add(&dialogue->out, 1);
}

static void test_waiting_source(size_t n_threads)
{
    struct dialogue dialogue = {0};
    kvt_ordered_run(&(struct kvt_ordered_work){n_threads, 2 * n_threads, &dialogue, take_answer,
                                               no_work, finish_answer});
    ok(!dialogue.stuck && atomic_load(&dialogue.out) == 20,
       "an item comes out while the next one is waited for");
}

static bool take_nothing(struct kvt_ordered *ordered, void *context, size_t place)
{
    (void)context, (void)place;
    kvt_ordered_drain(ordered);
    return false;
}

int main(void)
{
    static const size_t threads[] = {1, 2, THREADS_MOST};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        run(threads[i], 1, 0);
        run(threads[i], 3, 0);
        run(threads[i], WINDOW_MOST, 0);
        run(threads[i], WINDOW_MOST, 50);
        run(threads[i], 3, 1);
        test_waiting_source(threads[i]);
    }
    int untouched = 0;
    kvt_ordered_run(&(struct kvt_ordered_work){0, 1, &untouched, take_nothing, no_work, finish});
    ok(!untouched, "nothing to take: nothing is done");
    ok(kvt_processors() >= 1, "there is a processor");
    return tap_done();
}
