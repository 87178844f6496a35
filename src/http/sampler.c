#include "http/sampler.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { KEPT = 1 << 14 }; /* samples; at ten a second, the last 27 minutes */

static const double GRACE_S = 0.5; /* for a probe under way at the end */

struct kvt_sampler {
    kvt_probe probe;
    void (*cancel)(void *context); /* or NULL */
    void *context;
    double interval_s;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int active;
    bool stop, stopped;
    size_t n; /* samples ever taken; a ring */
    struct sample {
        double begun, ended, value;
    } ring[KEPT];
};

/* Waits until the flag, one of the sampler's own, is set, but no longer than that many seconds. */
static void wait_for(struct kvt_sampler *sampler, const bool *flag, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = (double)until.tv_sec + (double)until.tv_nsec * 1e-9 + seconds;
    until.tv_sec = (time_t)whole;
    until.tv_nsec = (long)((whole - (double)until.tv_sec) * 1e9);
    while (!*flag && pthread_cond_timedwait(&sampler->changed, &sampler->lock, &until) != ETIMEDOUT)
        continue;
}

static void *run(void *argument)
{
    struct kvt_sampler *sampler = argument;
    pthread_mutex_lock(&sampler->lock);
    while (!sampler->stop) {
        if (sampler->active == 0) {
            pthread_cond_wait(&sampler->changed, &sampler->lock);
            continue;
        }
        pthread_mutex_unlock(&sampler->lock);
        double begun = kvt_clock_monotonic();
        double value = sampler->probe(sampler->context);
        double ended = kvt_clock_monotonic();
        pthread_mutex_lock(&sampler->lock);
        if (!isnan(value))
            sampler->ring[sampler->n++ % KEPT] = (struct sample){begun, ended, value};
        wait_for(sampler, &sampler->stop, sampler->interval_s);
    }
    sampler->stopped = true;
    pthread_cond_broadcast(&sampler->changed);
    pthread_mutex_unlock(&sampler->lock);
    return NULL;
}

struct kvt_sampler *kvt_sampler_open(kvt_probe probe, void (*cancel)(void *), void *context,
                                     double interval_s)
{
    struct kvt_sampler *sampler = kvt_alloc_zero(1, sizeof *sampler);
    sampler->probe = probe;
    sampler->cancel = cancel;
    sampler->context = context;
    sampler->interval_s = interval_s;
    pthread_mutex_init(&sampler->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    /* Signals are for the main thread: its waits must end when one comes. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&sampler->thread, NULL, run, sampler) != 0)
        kvt_die(KVT_SYSTEM, "cannot start a thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sampler;
}

void kvt_sampler_begin(struct kvt_sampler *sampler)
{
    pthread_mutex_lock(&sampler->lock);
    sampler->active++;
    pthread_cond_signal(&sampler->changed);
    pthread_mutex_unlock(&sampler->lock);
}

void kvt_sampler_end(struct kvt_sampler *sampler)
{
    pthread_mutex_lock(&sampler->lock);
    sampler->active--;
    pthread_mutex_unlock(&sampler->lock);
}

struct kvt_samples kvt_sampler_between(struct kvt_sampler *sampler, double from, double to)
{
    struct kvt_samples samples = {0, NAN, NAN};
    pthread_mutex_lock(&sampler->lock);
    size_t oldest = sampler->n > KEPT ? sampler->n - KEPT : 0;
    for (size_t i = sampler->n; i-- > oldest;) {
        const struct sample *sample = &sampler->ring[i % KEPT];
        if (sample->begun < from)
            break;
        if (sample->ended > to)
            continue;
        if (samples.n++ == 0)
            samples.last = sample->value;
        if (isnan(samples.largest) || sample->value > samples.largest)
            samples.largest = sample->value;
    }
    pthread_mutex_unlock(&sampler->lock);
    return samples;
}

void kvt_sampler_close(struct kvt_sampler *sampler)
{
    if (!sampler)
        return;
    pthread_mutex_lock(&sampler->lock);
    sampler->stop = true;
    pthread_cond_broadcast(&sampler->changed);
    wait_for(sampler, &sampler->stopped, GRACE_S);
    bool hangs = !sampler->stopped;
    pthread_mutex_unlock(&sampler->lock);
    if (hangs && sampler->cancel)
        sampler->cancel(sampler->context);
    pthread_join(sampler->thread, NULL);
    pthread_cond_destroy(&sampler->changed);
    pthread_mutex_destroy(&sampler->lock);
    free(sampler);
}
