/*
 * engine/kernels_body.h: the code of kernels.h, included by one file for each instruction set. The
 * includer defines KERNELS (the name of the table), KERNELS_NAME, WIDTH (floats of a register),
 * TILE_ROWS and TILE_COLUMNS (the register tile: rows x columns accumulators of 16 floats).
 *
 * Sixteen lanes are WIDTH-wide registers side by side, written out: compilers keep vectors wider
 * than the processor's in memory, which is ten times slower. Every lane is reckoned by itself and
 * sums over lanes have one order, so no result depends on WIDTH.
 */
#include "engine/kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float vector __attribute__((vector_size(4 * WIDTH)));
typedef int32_t int_vector __attribute__((vector_size(4 * WIDTH)));

enum { PARTS = KVT_LANES / WIDTH };
struct lanes {
    vector part[PARTS];
};

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

INLINE void load(struct lanes *to, const float *from)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        memcpy(&to->part[p], from + p * WIDTH, sizeof to->part[p]);
}

INLINE void store(float *to, const struct lanes *from)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        memcpy(to + p * WIDTH, &from->part[p], sizeof from->part[p]);
}

INLINE void fill(struct lanes *to, float value)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        to->part[p] = (vector){0} + value;
}

/* sum += factor * values, lane by lane. */
INLINE void add_product(struct lanes *sum, float factor, const struct lanes *values)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        sum->part[p] += factor * values->part[p];
}

/* The first n < KVT_LANES of them. */
INLINE void store_some(float *to, const struct lanes *from, size_t n)
{
    float all[KVT_LANES];
    store(all, from);
    memcpy(to, all, n * sizeof *to);
}

/* mask ? yes : no, lane by lane. A macro, because vectors as arguments have no stable ABI. */
#define CHOOSE(mask, yes, no)                                                                      \
    ((vector)(((mask) & (int_vector)(yes)) | (~(mask) & (int_vector)(no))))

/* Pairwise, in one fixed order. */
INLINE float sum_of(const struct lanes *values)
{
    float part[KVT_LANES];
    store(part, values);
    for (size_t half = KVT_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
}

INLINE float max_of(const struct lanes *values)
{
    float part[KVT_LANES];
    store(part, values);
    float best = part[0];
    for (size_t i = 1; i < KVT_LANES; i++)
        best = part[i] > best ? part[i] : best;
    return best;
}

/*
 * exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 p(r), p a
 * polynomial of degree 4 fitted for the least relative error (3e-9 in exact arithmetic, 7e-8 in
 * floats). exp(0) is exactly 1.
 */
INLINE void exp_vector(vector *values)
{
    const float lowest = -87.0F, highest = 88.0F, round = 12582912.0F; /* 1.5 * 2^23 */
    const float log2_e = 1.44269504F, ln2_high = 0.693145752F, ln2_low = 1.42860677e-6F;
    vector x = *values;
    vector low = (vector){0} + lowest, high = (vector){0} + highest;
    int_vector vanishes = x < low;
    x = CHOOSE(vanishes, low, x);
    x = CHOOSE(x > high, high, x);
    vector shifted = x * log2_e + round;
    int_vector exponent = (int_vector)shifted;
    vector n = shifted - round;
    vector r = x - n * ln2_high;
    r = r - n * ln2_low;
    vector p = r * 0.00138145324F + 0.00836874638F;
    p = p * r + 0.0416683927F;
    p = p * r + 0.166665211F;
    p = p * r + 0.49999994F;
    p = p * (r * r) + r + 1.0F;
    /* the low bits of `shifted` hold n; its other bits fall out at the top of the shift */
    vector scale = (vector)((exponent + 127) << 23);
    *values = CHOOSE(vanishes, (vector){0}, p * scale);
}

/* One register tile of x * w: rows x columns panels. */
INLINE void matmul_tile(float *y, size_t y_stride, const float *x, size_t x_stride,
                        const float *packed, const float *bias, size_t n_in, size_t n_out,
                        size_t panel, const size_t rows, const size_t columns)
{
    struct lanes sum[TILE_ROWS][4];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++)
        fill(&sum[r][c], 0);
    const float *w = packed + panel * n_in * KVT_LANES;
    for (size_t i = 0; i < n_in; i++) {
        struct lanes column[4];
        UNROLL
        for (size_t c = 0; c < columns; c++)
            load(&column[c], w + (c * n_in + i) * KVT_LANES);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t c = 0; c < columns; c++)
            add_product(&sum[r][c], x[r * x_stride + i], &column[c]);
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++) {
        size_t o = (panel + c) * KVT_LANES, left = n_out - o;
        float *to = y + r * y_stride + o;
        if (left >= KVT_LANES)
            store(to, &sum[r][c]);
        else
            store_some(to, &sum[r][c], left);
        if (bias)
            for (size_t j = 0; j < (left < KVT_LANES ? left : KVT_LANES); j++)
                to[j] += bias[o + j];
    }
}

INLINE void matmul_panels(float *y, size_t y_stride, const float *x, size_t x_stride, size_t n_rows,
                          const float *packed, const float *bias, size_t n_in, size_t n_out,
                          size_t panel, const size_t columns)
{
    size_t row = 0;
    for (; row + TILE_ROWS <= n_rows; row += TILE_ROWS)
        matmul_tile(y + row * y_stride, y_stride, x + row * x_stride, x_stride, packed, bias, n_in,
                    n_out, panel, TILE_ROWS, columns);
    for (; row < n_rows; row++)
        matmul_tile(y + row * y_stride, y_stride, x + row * x_stride, x_stride, packed, bias, n_in,
                    n_out, panel, 1, columns);
}

/* One row: four panels at a time, so that four chains of additions run side by side. */
INLINE void matmul_row(float *y, const float *x, const float *packed, const float *bias,
                       size_t n_in, size_t n_out, size_t first, size_t last)
{
    size_t panel = first;
    for (; panel + 4 <= last; panel += 4)
        matmul_tile(y, 0, x, 0, packed, bias, n_in, n_out, panel, 1, 4);
    for (; panel < last; panel++)
        matmul_tile(y, 0, x, 0, packed, bias, n_in, n_out, panel, 1, 1);
}

static void matmul(float *y, size_t y_stride, const float *x, size_t x_stride, size_t n_rows,
                   const float *packed, const float *bias, size_t n_in, size_t n_out, size_t first,
                   size_t last)
{
    if (n_rows < TILE_ROWS) {
        for (size_t row = 0; row < n_rows; row++)
            matmul_row(y + row * y_stride, x + row * x_stride, packed, bias, n_in, n_out, first,
                       last);
        return;
    }
    size_t panel = first;
    for (; panel + TILE_COLUMNS <= last; panel += TILE_COLUMNS)
        matmul_panels(y, y_stride, x, x_stride, n_rows, packed, bias, n_in, n_out, panel,
                      TILE_COLUMNS);
    for (; panel < last; panel++)
        matmul_panels(y, y_stride, x, x_stride, n_rows, packed, bias, n_in, n_out, panel, 1);
}

/* Scales a page's products; of its entries, the first of which is `first`, those from `visible` on
 * become minus infinity. */
INLINE void scale_visible(struct lanes *product, float scale, size_t first, size_t visible)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        product->part[p] = product->part[p] * scale;
    if (visible >= first + KVT_LANES)
        return;
    int32_t seen = visible > first ? (int32_t)(visible - first) : 0;
    UNROLL
    for (size_t p = 0; p < PARTS; p++) {
        int_vector place = {0};
        for (size_t i = 0; i < WIDTH; i++)
            place[i] = (int32_t)(p * WIDTH + i);
        product->part[p] = CHOOSE(place < seen, product->part[p], (vector){0} - INFINITY);
    }
}

/* best = max(best, values), lane by lane. */
INLINE void larger(struct lanes *best, const struct lanes *values)
{
    UNROLL
    for (size_t p = 0; p < PARTS; p++)
        best->part[p] = CHOOSE(values->part[p] > best->part[p], values->part[p], best->part[p]);
}

/*
 * Products of the rows' queries with the keys of every page they see, scaled; entries a row does
 * not see become minus infinity. `best` collects the largest product of each row.
 */
INLINE void attend_products(struct kvt_attend *a, size_t row, size_t n_pages, struct lanes *best,
                            const size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        fill(&best[r], -INFINITY);
    for (size_t page = 0; page < n_pages; page++) {
        const float *keys = a->pages[page];
        struct lanes product[TILE_ROWS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            fill(&product[r], 0);
        for (size_t i = 0; i < a->head_dim; i++) {
            struct lanes key;
            load(&key, keys + i * KVT_LANES);
            UNROLL
            for (size_t r = 0; r < rows; r++)
                add_product(&product[r], a->q[row + r][i], &key);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            scale_visible(&product[r], a->scale, page * KVT_LANES, a->visible[row + r]);
            larger(&best[r], &product[r]);
            store(a->scores + (row + r) * a->stride + page * KVT_LANES, &product[r]);
        }
    }
}

/* Softmax without the division: the sum's inverse is kept for the end. */
INLINE void attend_weights(struct kvt_attend *a, size_t row, size_t n_pages,
                           const struct lanes *best)
{
    float *scores = a->scores + row * a->stride;
    float top = max_of(best);
    struct lanes sum;
    fill(&sum, 0);
    for (size_t page = 0; page < n_pages; page++) {
        struct lanes weight;
        load(&weight, scores + page * KVT_LANES);
        UNROLL
        for (size_t p = 0; p < PARTS; p++) {
            weight.part[p] = weight.part[p] - top;
            exp_vector(&weight.part[p]);
            sum.part[p] += weight.part[p];
        }
        store(scores + page * KVT_LANES, &weight);
    }
    a->inverse[row] = 1.0F / sum_of(&sum);
}

/* Weighted sum of the values, 16 * columns of their components at a time. */
INLINE void attend_values(struct kvt_attend *a, size_t row, size_t n_entries, size_t column,
                          const size_t rows, const size_t columns)
{
    struct lanes sum[TILE_ROWS][TILE_COLUMNS];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++)
        fill(&sum[r][c], 0);
    const float *weights = a->scores + row * a->stride;
    for (size_t page = 0; page * KVT_LANES < n_entries; page++) {
        const float *values = a->pages[page] + (a->head_dim * KVT_LANES) + column;
        size_t first = page * KVT_LANES, left = n_entries - first;
        size_t n = left < KVT_LANES ? left : KVT_LANES;
        for (size_t j = 0; j < n; j++) {
            struct lanes value[TILE_COLUMNS];
            UNROLL
            for (size_t c = 0; c < columns; c++)
                load(&value[c], values + j * a->value_stride + c * KVT_LANES);
            UNROLL
            for (size_t r = 0; r < rows; r++)
                UNROLL
            for (size_t c = 0; c < columns; c++)
                add_product(&sum[r][c], weights[r * a->stride + first + j], &value[c]);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++) {
        size_t at = column + c * KVT_LANES, left = a->head_dim - at;
        UNROLL
        for (size_t p = 0; p < PARTS; p++)
            sum[r][c].part[p] = sum[r][c].part[p] * a->inverse[row + r];
        if (left >= KVT_LANES)
            store(a->out[row + r] + at, &sum[r][c]);
        else
            store_some(a->out[row + r] + at, &sum[r][c], left);
    }
}

INLINE void attend_rows(struct kvt_attend *a, size_t row, const size_t rows)
{
    size_t n_entries = 0;
    for (size_t r = 0; r < rows; r++)
        n_entries = a->visible[row + r] > n_entries ? a->visible[row + r] : n_entries;
    size_t n_pages = (n_entries + KVT_LANES - 1) / KVT_LANES;
    struct lanes best[TILE_ROWS];
    attend_products(a, row, n_pages, best, rows);
    for (size_t r = 0; r < rows; r++)
        attend_weights(a, row + r, n_pages, &best[r]);
    if (!a->out[0])
        return;
    size_t column = 0;
    for (; column + TILE_COLUMNS * KVT_LANES <= a->value_stride; column += TILE_COLUMNS * KVT_LANES)
        attend_values(a, row, n_entries, column, rows, TILE_COLUMNS);
    for (; column < a->value_stride; column += KVT_LANES)
        attend_values(a, row, n_entries, column, rows, 1);
}

static void attend(struct kvt_attend *a)
{
    size_t row = 0;
    for (; row + TILE_ROWS <= a->n_rows; row += TILE_ROWS)
        attend_rows(a, row, TILE_ROWS);
    for (; row < a->n_rows; row++)
        attend_rows(a, row, 1);
}

static void normalize(float *y, const float *x, const float *weight, size_t n, float epsilon)
{
    struct lanes squares;
    fill(&squares, 0);
    size_t i = 0;
    for (; i + KVT_LANES <= n; i += KVT_LANES) {
        struct lanes value;
        load(&value, x + i);
        UNROLL
        for (size_t p = 0; p < PARTS; p++)
            squares.part[p] += value.part[p] * value.part[p];
    }
    float sum = sum_of(&squares);
    for (; i < n; i++)
        sum += x[i] * x[i];
    float factor = 1.0F / sqrtf(sum / (float)n + epsilon);
    for (i = 0; i < n; i++)
        y[i] = x[i] * factor * weight[i];
}

/* silu(x) = x / (1 + exp(-x)), times the other branch. */
INLINE void gate_vector(vector *gate, const vector *up)
{
    vector down = (vector){0} - *gate;
    exp_vector(&down);
    *gate = *gate / (1.0F + down) * *up;
}

static void gate_up(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        size_t bytes = (n - i < WIDTH ? n - i : WIDTH) * sizeof *gate;
        vector left = {0}, right = {0};
        memcpy(&left, gate + i, bytes);
        memcpy(&right, up + i, bytes);
        gate_vector(&left, &right);
        memcpy(gate + i, &left, bytes);
    }
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

static void rotate(float *head, const float *cosine, const float *sine, size_t n_pairs, bool halves)
{
    size_t first = halves ? 1 : 2, second = halves ? n_pairs : 1;
    for (size_t i = 0; i < n_pairs; i++) {
        float *a = head + i * first, *b = a + second;
        float old_a = *a, old_b = *b;
        *a = old_a * cosine[i] - old_b * sine[i];
        *b = old_b * cosine[i] + old_a * sine[i];
    }
}

static void exponential(float *values, size_t n)
{
    for (size_t i = 0; i < n; i += WIDTH) {
        size_t bytes = (n - i < WIDTH ? n - i : WIDTH) * sizeof *values;
        vector part = {0};
        memcpy(&part, values + i, bytes);
        exp_vector(&part);
        memcpy(values + i, &part, bytes);
    }
}

const struct kvt_kernels KERNELS = {
    .name = KERNELS_NAME,
    .rows = TILE_ROWS,
    .matmul = matmul,
    .attend = attend,
    .normalize = normalize,
    .gate = gate_up,
    .add = add,
    .rotate = rotate,
    .exponential = exponential,
};
