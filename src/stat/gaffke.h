/*
 * stat/gaffke.h: Gaffke's upper confidence bound on the mean of differences in [-1, 1] (Gaffke
 * 2005; Learned-Miller & Thomas 2020). Deterministic and independent of order; equals
 * Clopper-Pearson for differences 0 and 1. That it is valid for every distribution is a conjecture;
 * measured coverage stands in the man page of kvt-transition.
 */
#ifndef KVT_STAT_GAFFKE_H
#define KVT_STAT_GAFFKE_H

#include <stddef.h>

/* P(Q > 0), Q = sum E_i (d_i - m) + E_0 (1 - m) with iid exponential E. 1 for n = 0. */
double kvt_gaffke_tail(const double *d, size_t n, double m);
/* The m with P(Q > 0) = alpha: E[d] is below it with confidence 1 - alpha. 1 for n = 0. */
double kvt_gaffke_upper(const double *d, size_t n, double alpha);

#endif
