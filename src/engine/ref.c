#include "engine/ref.h"

#include "core/memory.h"
#include "engine/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *vector_of(size_t n)
{
    return kvt_alloc_zero(n, sizeof(double));
}

/* y = W x + bias, straight from the file's tensor. */
static void multiply(const struct kvt_matrix *matrix, const double *x, double *y)
{
    float *row = kvt_alloc_array(matrix->n_in, sizeof *row);
    for (size_t o = 0; o < matrix->n_out; o++) {
        kvt_tensor_row(matrix->tensor, o, row);
        y[o] = matrix->bias ? (double)matrix->bias[o] : 0;
        for (size_t i = 0; i < matrix->n_in; i++)
            y[o] += (double)row[i] * x[i];
    }
    free(row);
}

static void normalize(const double *x, const float *weight, size_t n, double epsilon, double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / (double)n + epsilon) * (double)weight[i];
}

static void rotate(const struct kvt_model *m, double *head, size_t position)
{
    for (size_t i = 0; i < m->n_pairs; i++) {
        size_t first = m->halves ? i : 2 * i, second = m->halves ? i + m->n_pairs : 2 * i + 1;
        double angle = (double)position * m->frequency[i];
        double a = head[first], b = head[second];
        head[first] = a * cos(angle) - b * sin(angle);
        head[second] = b * cos(angle) + a * sin(angle);
    }
}

static int is_dropped(const struct kvt_reference *ref, const struct kvt_model *m, size_t layer,
                      size_t kv_head, size_t n, size_t query, size_t entry)
{
    return ref->dropped && query >= ref->dropped_from && entry < ref->dropped_from &&
           ref->dropped[(layer * m->n_kv_heads + kv_head) * n + entry];
}

/* One query head of one token over all entries it sees; result [head_dim]. */
static void attend(const struct kvt_model *m, struct kvt_reference *ref, size_t layer, size_t head,
                   size_t t, size_t n, const double *q, const double *keys, const double *values,
                   double *result)
{
    size_t hd = m->head_dim, kv_dim = m->n_kv_heads * hd,
           kv_head = head / (m->n_heads / m->n_kv_heads);
    double *weight = vector_of(n), best = -INFINITY, sum = 0;
    for (size_t e = 0; e <= t; e++) {
        weight[e] = -INFINITY;
        if (is_dropped(ref, m, layer, kv_head, n, t, e))
            continue;
        weight[e] = 0;
        for (size_t i = 0; i < hd; i++)
            weight[e] += q[i] * keys[e * kv_dim + kv_head * hd + i];
        weight[e] /= sqrt((double)hd);
        best = fmax(best, weight[e]);
    }
    for (size_t e = 0; e <= t; e++) {
        weight[e] = exp(weight[e] - best);
        sum += weight[e];
    }
    memset(result, 0, hd * sizeof *result);
    for (size_t e = 0; e <= t; e++) {
        weight[e] /= sum;
        for (size_t i = 0; i < hd; i++)
            result[i] += weight[e] * values[e * kv_dim + kv_head * hd + i];
    }
    if (ref->attention)
        memcpy(ref->attention + ((layer * m->n_heads + head) * n + t) * n, weight,
               n * sizeof *weight);
    free(weight);
}

static void attention(const struct kvt_model *m, struct kvt_reference *ref, size_t index, size_t n,
                      double *x)
{
    const struct kvt_layer *layer = &m->layers[index];
    size_t hd = m->head_dim, q_dim = m->n_heads * hd, kv_dim = m->n_kv_heads * hd;
    double *normal = vector_of(m->dim), *q = vector_of(q_dim), *attended = vector_of(q_dim);
    double *keys = vector_of(n * kv_dim), *values = vector_of(n * kv_dim);
    for (size_t t = 0; t < n; t++) {
        normalize(x + t * m->dim, layer->attention_norm, m->dim, (double)m->epsilon, normal);
        multiply(&layer->q, normal, q);
        multiply(&layer->k, normal, keys + t * kv_dim);
        multiply(&layer->v, normal, values + t * kv_dim);
        for (size_t h = 0; h < m->n_heads; h++)
            rotate(m, q + h * hd, t);
        for (size_t h = 0; h < m->n_kv_heads; h++)
            rotate(m, keys + t * kv_dim + h * hd, t);
        for (size_t h = 0; h < m->n_heads; h++)
            attend(m, ref, index, h, t, n, q + h * hd, keys, values, attended + h * hd);
        multiply(&layer->o, attended, normal);
        for (size_t i = 0; i < m->dim; i++)
            x[t * m->dim + i] += normal[i];
    }
    free(normal);
    free(q);
    free(attended);
    free(keys);
    free(values);
}

static void feed_forward(const struct kvt_model *m, const struct kvt_layer *layer, double *x)
{
    double *normal = vector_of(m->dim), *gate = vector_of(m->hidden), *up = vector_of(m->hidden);
    normalize(x, layer->feed_norm, m->dim, (double)m->epsilon, normal);
    multiply(&layer->gate, normal, gate);
    multiply(&layer->up, normal, up);
    for (size_t i = 0; i < m->hidden; i++)
        gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
    multiply(&layer->down, gate, normal);
    for (size_t i = 0; i < m->dim; i++)
        x[i] += normal[i];
    free(normal);
    free(gate);
    free(up);
}

void kvt_reference_run(const struct kvt_model *m, const int32_t *tokens, size_t n,
                       struct kvt_reference *reference)
{
    double *x = vector_of(n * m->dim);
    float *row = kvt_alloc_array(m->dim, sizeof *row);
    for (size_t t = 0; t < n; t++) {
        kvt_tensor_row(m->embedding, (size_t)tokens[t], row);
        for (size_t i = 0; i < m->dim; i++)
            x[t * m->dim + i] = (double)row[i];
    }
    for (size_t layer = 0; layer < m->n_layers; layer++) {
        attention(m, reference, layer, n, x);
        for (size_t t = 0; t < n; t++)
            feed_forward(m, &m->layers[layer], x + t * m->dim);
    }
    for (size_t t = 0; t < n; t++) {
        normalize(x + t * m->dim, m->output_norm, m->dim, (double)m->epsilon, x + t * m->dim);
        multiply(&m->output, x + t * m->dim, reference->logits + t * m->vocabulary);
    }
    free(row);
    free(x);
}
