/*
 * engine/kernels.h: the inner loops, in 32-bit floats. One body (kernels_body.h) is compiled once
 * for every instruction set; kvt_kernels() picks the best one the processor has.
 *
 * Invariant: the value of an output element depends on its own inputs only. Every sum runs in one
 * fixed order, given by the input's index, whatever rows or columns are computed beside it: so the
 * logits do not depend on block size, threads or load. Sums over a vector use 16 lanes (index mod
 * 16) on every instruction set; AVX2 and AVX-512 give equal bits, the baseline has no fused
 * multiply-add.
 *
 * "Packed" weights: output columns in panels of 16, panel p holding [n_in][16] values for the
 * outputs 16p..16p+15, the missing ones of the last panel zero.
 */
#ifndef KVT_ENGINE_KERNELS_H
#define KVT_ENGINE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    KVT_LANES = 16,     /* floats of a vector, entries of a cache page, columns of a panel */
    KVT_MAX_ROWS = 8,   /* query rows of one attention tile at most */
    KVT_ALIGNMENT = 64, /* of pages, panels and score rows */
};

/*
 * Attention of n_rows queries over the entries of one KV head. Page p holds the entries
 * 16p..16p+15: keys as [head_dim][16], then values as [16][value_stride].
 */
struct kvt_attend {
    const float *const *pages;
    size_t head_dim;
    size_t value_stride;          /* head_dim rounded up to a multiple of 16 */
    float scale;                  /* of the products, 1/sqrt(head_dim) */
    size_t n_rows;                /* 1..KVT_MAX_ROWS */
    const float *q[KVT_MAX_ROWS]; /* [head_dim] */
    float *out[KVT_MAX_ROWS];     /* [head_dim]; NULL in out[0]: only the weights are wanted */
    size_t visible[KVT_MAX_ROWS]; /* the row sees entries 0..visible-1; at least 1 */
    float *scores; /* [n_rows][stride], aligned; after the call the weights, not yet */
    size_t stride; /* divided by their sum; >= visible rounded up to 16 */
    float inverse[KVT_MAX_ROWS]; /* out: 1 / sum of the row's weights */
};

struct kvt_kernels {
    const char *name; /* "avx512", "avx2", "baseline" */
    size_t rows;      /* rows of a tile that cost least per row */
    /*
     * y[row][o] = sum over i of x[row][i] * w[o][i] (+ bias[o]), for the outputs of the panels
     * first..last-1. bias may be NULL.
     */
    void (*matmul)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t n_rows,
                   const float *packed, const float *bias, size_t n_in, size_t n_out,
                   size_t first_panel, size_t last_panel);
    void (*attend)(struct kvt_attend *attend);
    /* y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x. */
    void (*normalize)(float *y, const float *x, const float *weight, size_t n, float epsilon);
    /* gate[i] = silu(gate[i]) * up[i] */
    void (*gate)(float *gate, const float *up, size_t n);
    /* x[i] += y[i] */
    void (*add)(float *x, const float *y, size_t n);
    /*
     * Rotates the first 2 * n_pairs values of a head: value a_i with b_i by the angle of cosine[i]
     * and sine[i]; a_i, b_i are values i and i + n_pairs (halves) or 2i and 2i + 1.
     */
    void (*rotate)(float *head, const float *cosine, const float *sine, size_t n_pairs,
                   bool halves);
    /* exp of each value; relative error below 3e-7 on [-87, 88], 0 below, exp(88) above. For tests.
     */
    void (*exponential)(float *values, size_t n);
};

/* The best kernels of this processor. */
const struct kvt_kernels *kvt_kernels(void);
/* All kernels this processor can run, best first; NULL beyond the last. For tests. */
const struct kvt_kernels *kvt_kernels_at(size_t index);

#endif
