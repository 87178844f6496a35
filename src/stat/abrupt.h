/*
 * stat/abrupt.h: is a loss that grows with length a step, or can a ramp at least half as wide as
 * the tested range explain it?
 */
#ifndef KVT_STAT_ABRUPT_H
#define KVT_STAT_ABRUPT_H

#include "core/random.h"

#include <stdbool.h>
#include <stddef.h>

enum { KVT_ABRUPT_GROUPS = 2048 }; /* longer inputs are averaged to this many neighbours' groups */

struct kvt_abrupt {
    bool tested;            /* false: fewer than 4 points, constant x or d */
    double ramp_x0, ramp_w; /* best ramp: clip((x - x0)/w, 0, 1) */
    double ramp_gain;       /* g^2 of the best ramp */
    double step_at;         /* best step: x > step_at */
    double step_gain;       /* g^2 of the best step */
    double statistic;       /* T = step_gain - ramp_gain */
    double p; /* (1 + #)/(resamples + 1) by wild bootstrap from the ramp fit; NaN if not run */
};

/*
 * x in [0, 1] ascending, d = loss per pair. Each shape u is centred and scaled to unit norm, its
 * gain is g = max(0, u.(d - mean)). Ramps: w in {.5,.6,.8,1,1.5}, x0 in
 * {-.6,-.4,-.2,-.1,0,.1,...,.8}, x0+w > .15; steps at .10,.15,...,.90. resamples = 0 gives the
 * statistic only.
 */
struct kvt_abrupt kvt_abrupt_test(const double *x, const double *d, size_t n,
                                  struct kvt_random *random, size_t resamples);

#endif
