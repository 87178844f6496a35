/*
 * engine/kernels_body.h: the code of kernels.h, included by one file for each instruction set. The
 * includer defines KERNELS (the name of the table), KERNELS_NAME, TILE_ROWS and TILE_COLUMNS (the
 * register tile: rows x columns accumulators of 16 floats).
 */
#include "engine/kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(64)));
typedef int32_t int_lanes __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

INLINE void load(lanes *to, const float *from)
{
    memcpy(to, from, sizeof *to);
}

INLINE void store(float *to, const lanes *from)
{
    memcpy(to, from, sizeof *from);
}

/* mask ? yes : no, lane by lane. A macro, because vectors as arguments have no stable ABI. */
#define CHOOSE(mask, yes, no) ((lanes)(((mask) & (int_lanes)(yes)) | (~(mask) & (int_lanes)(no))))

/* Pairwise, in one fixed order. */
INLINE float sum_of(const lanes *values)
{
    float part[KVT_LANES];
    store(part, values);
    for (size_t half = KVT_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
}

INLINE float max_of(const lanes *values)
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
INLINE void exp_lanes(lanes *values)
{
    const float lowest = -87.0F, highest = 88.0F, round = 12582912.0F; /* 1.5 * 2^23 */
    const float log2_e = 1.44269504F, ln2_high = 0.693145752F, ln2_low = 1.42860677e-6F;
    lanes x = *values;
    lanes low = (lanes){0} + lowest, high = (lanes){0} + highest;
    int_lanes vanishes = x < low;
    x = CHOOSE(vanishes, low, x);
    x = CHOOSE(x > high, high, x);
    lanes shifted = x * log2_e + round;
    int_lanes exponent = (int_lanes)shifted;
    lanes n = shifted - round;
    lanes r = x - n * ln2_high;
    r = r - n * ln2_low;
    lanes p = r * 0.00138145324F + 0.00836874638F;
    p = p * r + 0.0416683927F;
    p = p * r + 0.166665211F;
    p = p * r + 0.49999994F;
    p = p * (r * r) + r + 1.0F;
    /* the low bits of `shifted` hold n; its other bits fall out at the top of the shift */
    lanes scale = (lanes)((exponent + 127) << 23);
    *values = CHOOSE(vanishes, (lanes){0}, p * scale);
}

/* One register tile of x * w: rows x columns panels. */
INLINE void matmul_tile(float *y, size_t y_stride, const float *x, size_t x_stride,
                        const float *packed, const float *bias, size_t n_in, size_t n_out,
                        size_t panel, const size_t rows, const size_t columns)
{
    lanes sum[TILE_ROWS][4];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++)
        sum[r][c] = (lanes){0};
    const float *w = packed + panel * n_in * KVT_LANES;
    for (size_t i = 0; i < n_in; i++) {
        lanes column[4];
        UNROLL
        for (size_t c = 0; c < columns; c++)
            load(&column[c], w + (c * n_in + i) * KVT_LANES);
        UNROLL
        for (size_t r = 0; r < rows; r++)
            UNROLL
        for (size_t c = 0; c < columns; c++)
            sum[r][c] += x[r * x_stride + i] * column[c];
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
            memcpy(to, &sum[r][c], left * sizeof *to);
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

/*
 * Products of the rows' queries with the keys of every page they see, scaled; entries a row does
 * not see become minus infinity. `best` collects the largest product of each row.
 */
INLINE void attend_products(struct kvt_attend *a, size_t row, size_t n_pages, lanes *best,
                            const size_t rows)
{
    UNROLL
    for (size_t r = 0; r < rows; r++)
        best[r] = (lanes){0} - INFINITY;
    const int_lanes ramp = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t page = 0; page < n_pages; page++) {
        const float *keys = a->pages[page];
        lanes product[TILE_ROWS];
        UNROLL
        for (size_t r = 0; r < rows; r++)
            product[r] = (lanes){0};
        for (size_t i = 0; i < a->head_dim; i++) {
            lanes key;
            load(&key, keys + i * KVT_LANES);
            UNROLL
            for (size_t r = 0; r < rows; r++)
                product[r] += a->q[row + r][i] * key;
        }
        size_t first = page * KVT_LANES;
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            lanes scaled = product[r] * a->scale;
            size_t visible = a->visible[row + r];
            if (visible < first + KVT_LANES) {
                int32_t seen = visible > first ? (int32_t)(visible - first) : 0;
                scaled = CHOOSE(ramp < seen, scaled, (lanes){0} - INFINITY);
            }
            best[r] = CHOOSE(scaled > best[r], scaled, best[r]);
            store(a->scores + (row + r) * a->stride + first, &scaled);
        }
    }
}

/* Softmax without the division: the sum's inverse is kept for the end. */
INLINE void attend_weights(struct kvt_attend *a, size_t row, size_t n_pages, const lanes *best)
{
    float *scores = a->scores + row * a->stride;
    float top = max_of(best);
    lanes sum = {0};
    for (size_t page = 0; page < n_pages; page++) {
        lanes weight;
        load(&weight, scores + page * KVT_LANES);
        weight = weight - top;
        exp_lanes(&weight);
        sum += weight;
        store(scores + page * KVT_LANES, &weight);
    }
    a->inverse[row] = 1.0F / sum_of(&sum);
}

/* Weighted sum of the values, 16 * columns of their components at a time. */
INLINE void attend_values(struct kvt_attend *a, size_t row, size_t n_entries, size_t column,
                          const size_t rows, const size_t columns)
{
    lanes sum[TILE_ROWS][TILE_COLUMNS];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++)
        sum[r][c] = (lanes){0};
    const float *weights = a->scores + row * a->stride;
    for (size_t page = 0; page * KVT_LANES < n_entries; page++) {
        const float *values = a->pages[page] + (a->head_dim * KVT_LANES) + column;
        size_t first = page * KVT_LANES, left = n_entries - first;
        size_t n = left < KVT_LANES ? left : KVT_LANES;
        for (size_t j = 0; j < n; j++) {
            lanes value[TILE_COLUMNS];
            UNROLL
            for (size_t c = 0; c < columns; c++)
                load(&value[c], values + j * a->value_stride + c * KVT_LANES);
            UNROLL
            for (size_t r = 0; r < rows; r++)
                UNROLL
            for (size_t c = 0; c < columns; c++)
                sum[r][c] += weights[r * a->stride + first + j] * value[c];
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
    for (size_t c = 0; c < columns; c++) {
        lanes result = sum[r][c] * a->inverse[row + r];
        size_t at = column + c * KVT_LANES, left = a->head_dim - at;
        memcpy(a->out[row + r] + at, &result,
               (left < KVT_LANES ? left : KVT_LANES) * sizeof(float));
    }
}

INLINE void attend_rows(struct kvt_attend *a, size_t row, const size_t rows)
{
    size_t n_entries = 0;
    for (size_t r = 0; r < rows; r++)
        n_entries = a->visible[row + r] > n_entries ? a->visible[row + r] : n_entries;
    size_t n_pages = (n_entries + KVT_LANES - 1) / KVT_LANES;
    lanes best[TILE_ROWS];
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
    lanes squares = {0};
    size_t i = 0;
    for (; i + KVT_LANES <= n; i += KVT_LANES) {
        lanes value;
        load(&value, x + i);
        squares += value * value;
    }
    float sum = sum_of(&squares);
    for (; i < n; i++)
        sum += x[i] * x[i];
    float factor = 1.0F / sqrtf(sum / (float)n + epsilon);
    for (i = 0; i < n; i++)
        y[i] = x[i] * factor * weight[i];
}

/* silu(x) = x / (1 + exp(-x)), times the other branch. */
INLINE void gate_lanes(lanes *gate, const lanes *up)
{
    lanes down = (lanes){0} - *gate;
    exp_lanes(&down);
    *gate = *gate / (1.0F + down) * *up;
}

static void gate_up(float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += KVT_LANES) {
        size_t bytes = (n - i < KVT_LANES ? n - i : KVT_LANES) * sizeof *gate;
        lanes left = {0}, right = {0};
        memcpy(&left, gate + i, bytes);
        memcpy(&right, up + i, bytes);
        gate_lanes(&left, &right);
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
    for (size_t i = 0; i < n; i += KVT_LANES) {
        size_t bytes = (n - i < KVT_LANES ? n - i : KVT_LANES) * sizeof *values;
        lanes part = {0};
        memcpy(&part, values + i, bytes);
        exp_lanes(&part);
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
