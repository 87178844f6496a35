/*
 * http/sampler.h: a number that is sampled while requests are under way, on a thread of its own,
 * because a probe (nvidia-smi, a scrape) takes its time and the client must not wait for it.
 */
#ifndef KVT_HTTP_SAMPLER_H
#define KVT_HTTP_SAMPLER_H

struct kvt_sampler; /* opaque */

/* Called on the sampler's thread; returns the value, or NAN. */
typedef double (*kvt_probe)(void *context);

/* `cancel` (NULL: none) makes a probe under way return soon; any thread may call it. */
struct kvt_sampler *kvt_sampler_open(kvt_probe probe, void (*cancel)(void *context), void *context,
                                     double interval_s);
/* One more request is under way: sampling begins at once if it was idle. */
void kvt_sampler_begin(struct kvt_sampler *sampler);
void kvt_sampler_end(struct kvt_sampler *sampler);

struct kvt_samples {
    int n;
    double largest, last; /* NAN without samples */
};
/* What was sampled wholly between two monotonic times. */
struct kvt_samples kvt_sampler_between(struct kvt_sampler *sampler, double from, double to);
/* A probe under way has half a second to end before it is cancelled. NULL is allowed. */
void kvt_sampler_close(struct kvt_sampler *sampler);

#endif
