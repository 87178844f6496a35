/*
 * stat/distribution.h: distribution functions and their inverses. Relative error <= 1e-12 in the
 * tested range (normal |z| <= 37, t with df >= 1, beta with a, b up to 1e6). NaN outside a domain.
 */
#ifndef KVT_STAT_DISTRIBUTION_H
#define KVT_STAT_DISTRIBUTION_H

double kvt_distribution_normal_cdf(double z);
double kvt_distribution_normal_quantile(double p); /* -inf at 0, inf at 1 */

/* Student t, real df > 0. sf = P(T > t), accurate in the far tail. */
double kvt_distribution_t_cdf(double t, double df);
double kvt_distribution_t_sf(double t, double df);
double kvt_distribution_t_quantile(double p, double df);

/* Regularised incomplete beta I_x(a, b), a, b > 0, and its inverse in x. */
double kvt_distribution_beta_cdf(double x, double a, double b);
double kvt_distribution_beta_quantile(double p, double a, double b);

/* P(Bin(n, p) >= k): 1 for k <= 0, 0 for k > n. Through the incomplete beta, stable to n = 1e6. */
double kvt_distribution_binomial_upper(long k, long n, double p);
double kvt_distribution_binomial_lower(long k, long n, double p); /* P(Bin(n, p) <= k) */

#endif
