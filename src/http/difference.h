/*
 * http/difference.h: how far answers to the same questions differ, and whether starving the cache
 * moved them further than asking again does. Pure.
 */
#ifndef KVT_HTTP_DIFFERENCE_H
#define KVT_HTTP_DIFFERENCE_H

#include "http/completion.h"
#include "http/proof.h"

#include <stddef.h>

/* Start with {.logprob_gap = NAN}. */
struct kvt_difference {
    size_t n;           /* entries of which both answers came */
    size_t texts;       /* answers that differ */
    double logprob_gap; /* largest difference of log probabilities, NAN without any */
};

/* Adds one entry's two answers. */
void kvt_difference_add(struct kvt_difference *difference, const struct kvt_completion *x,
                        const struct kvt_completion *y);
/* Starved answers against the noise of two identical runs. */
enum kvt_evidence kvt_difference_weigh(const struct kvt_difference *noise,
                                       const struct kvt_difference *starved);

#endif
