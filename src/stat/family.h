/*
 * stat/family.h: many tests at once. Discrete step-down min-P for exact binomial cells and Holm for
 * everything else; both hold the family-wise error under any dependence between the cells (here all
 * budgets share one reference run).
 */
#ifndef KVT_STAT_FAMILY_H
#define KVT_STAT_FAMILY_H

#include <stddef.h>

/*
 * One cell: x of m discordant pairs point the tested way, each by `chance` if nothing is at work;
 * m = 0 gives p = 1. A cell of another test has m < 0, its p-value (NaN: outside the family) and
 * the smallest p it could have had, `floor`.
 */
struct kvt_family_cell {
    long x, m;
    double chance;
    double p, floor;
};

/* P(Bin(m, chance) >= x): the exact one-sided sign (McNemar) test for chance = 1/2. */
double kvt_family_binomial_p(struct kvt_family_cell cell);
/*
 * Step-down min-P with the attainable p-values of each cell (Westfall, Troendle & Pennello 2010):
 * with p sorted ascending, adjusted p at step j is the running maximum of min(1, sum over cells not
 * yet passed of the largest attainable tail of that cell <= p_j). Attainability is judged with a
 * relative tolerance of 1e-9. A cell with m < 0 attains every p from its floor up, which makes the
 * procedure Holm's where no cell is discrete. `raw` may be NULL.
 */
void kvt_family_step_down(const struct kvt_family_cell *cells, size_t n, double *raw,
                          double *adjusted);
/* Holm (1979). NaN entries are outside the family and stay NaN. `adjusted` may equal `p`. */
void kvt_family_holm(const double *p, size_t n, double *adjusted);

#endif
