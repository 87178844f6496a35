/*
 * engine/forward.c: one block of tokens through the model. Work is cut by rows (tokens) where it is
 * independent for each, and by (KV head, rows) in attention; see kernels.h for why the cut does not
 * show in the result.
 */
#include "engine/state.h"

#include "engine/tensor.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = 32,              /* rows of one task */
    ATTENTION_ROWS = 64,     /* query rows of one attention task */
    WORTH_SHARING = 1 << 20, /* multiplications below which waking the threads costs more */
};

struct block {
    struct kvt_session *session;
    struct kvt_engine *engine;
    size_t n; /* tokens */
    size_t layer;
    bool finish;     /* the chunk task ends layer - 1 before it begins layer */
    bool begin;      /* false after the last layer */
    bool whole;      /* rows are not shared out: matrices may be */
    size_t per_head; /* attention tasks of one KV head */
};

struct product {
    struct kvt_engine *engine;
    const struct kvt_matrix *matrix;
    float *y;
    const float *x;
    size_t n_rows, panels_per_task;
};

static void multiply_panels(void *context, size_t index, size_t thread)
{
    (void)thread;
    const struct product *p = context;
    const struct kvt_matrix *m = p->matrix;
    size_t n_panels = (m->n_out + KVT_LANES - 1) / KVT_LANES;
    size_t first = index * p->panels_per_task, last = first + p->panels_per_task;
    p->engine->kernels->matmul(p->y, m->n_out, p->x, m->n_in, p->n_rows, m->packed, m->bias,
                               m->n_in, m->n_out, first, last < n_panels ? last : n_panels);
}

void kvt_multiply(struct kvt_engine *engine, bool shared, const struct kvt_matrix *matrix, float *y,
                  const float *x, size_t n_rows)
{
    size_t n_panels = (matrix->n_out + KVT_LANES - 1) / KVT_LANES;
    struct product product = {engine, matrix, y, x, n_rows, n_panels};
    size_t threads = kvt_threads_count(engine->threads);
    if (!shared || threads == 1 || matrix->n_in * matrix->n_out * n_rows < WORTH_SHARING) {
        multiply_panels(&product, 0, 0);
        return;
    }
    size_t n_tasks = 4 * threads < n_panels ? 4 * threads : n_panels;
    product.panels_per_task = (n_panels + n_tasks - 1) / n_tasks;
    n_tasks = (n_panels + product.panels_per_task - 1) / product.panels_per_task;
    kvt_threads_run(engine->threads, n_tasks, multiply_panels, &product);
}

static void add_rows(const struct block *b, size_t first, size_t last)
{
    struct kvt_engine *e = b->engine;
    size_t dim = e->model->dim;
    for (size_t t = first; t < last; t++)
        e->kernels->add(e->x + t * dim, e->h + t * dim, dim);
}

static void normalize_rows(const struct block *b, const float *weight, size_t first, size_t last)
{
    struct kvt_engine *e = b->engine;
    size_t dim = e->model->dim;
    for (size_t t = first; t < last; t++)
        e->kernels->normalize(e->h + t * dim, e->x + t * dim, weight, dim, e->model->epsilon);
}

/* Queries, keys and values of rows first..last-1; keys and values go into the cache. */
static void begin_rows(const struct block *b, size_t first, size_t last)
{
    struct kvt_engine *e = b->engine;
    const struct kvt_model *m = e->model;
    const struct kvt_layer *layer = &m->layers[b->layer];
    size_t n = last - first, hd = m->head_dim, q_dim = m->n_heads * hd, kv_dim = m->n_kv_heads * hd;
    normalize_rows(b, layer->attention_norm, first, last);
    const float *h = e->h + first * m->dim;
    kvt_multiply(e, b->whole, &layer->q, e->q + first * q_dim, h, n);
    kvt_multiply(e, b->whole, &layer->k, e->k + first * kv_dim, h, n);
    kvt_multiply(e, b->whole, &layer->v, e->v + first * kv_dim, h, n);
    for (size_t t = first; t < last; t++) {
        const float *cosine = e->cosine + t * m->n_pairs, *sine = e->sine + t * m->n_pairs;
        for (size_t i = 0; i < m->n_heads; i++)
            e->kernels->rotate(e->q + t * q_dim + i * hd, cosine, sine, m->n_pairs, m->halves);
        for (size_t i = 0; i < m->n_kv_heads; i++) {
            float *key = e->k + t * kv_dim + i * hd;
            e->kernels->rotate(key, cosine, sine, m->n_pairs, m->halves);
            kvt_kv_write(&b->session->cache, b->layer, i, t, key, e->v + t * kv_dim + i * hd,
                         b->session->position + t);
        }
    }
}

/* What follows attention, to the layer's end. */
static void finish_rows(const struct block *b, const struct kvt_layer *layer, size_t first,
                        size_t last)
{
    struct kvt_engine *e = b->engine;
    const struct kvt_model *m = e->model;
    size_t n = last - first;
    float *h = e->h + first * m->dim;
    float *gate = e->gate + first * m->hidden, *up = e->up + first * m->hidden;
    kvt_multiply(e, b->whole, &layer->o, h, e->attended + first * m->n_heads * m->head_dim, n);
    add_rows(b, first, last);
    normalize_rows(b, layer->feed_norm, first, last);
    kvt_multiply(e, b->whole, &layer->gate, gate, h, n);
    kvt_multiply(e, b->whole, &layer->up, up, h, n);
    e->kernels->gate(gate, up, n * m->hidden);
    kvt_multiply(e, b->whole, &layer->down, h, gate, n);
    add_rows(b, first, last);
}

static void chunk_task(void *context, size_t index, size_t thread)
{
    (void)thread;
    const struct block *b = context;
    size_t first = b->whole ? 0 : index * CHUNK;
    size_t last = b->whole || first + CHUNK > b->n ? b->n : first + CHUNK;
    if (b->finish)
        finish_rows(b, &b->engine->model->layers[b->layer - 1], first, last);
    if (b->begin)
        begin_rows(b, first, last);
}

static void run_chunks(struct block *b)
{
    if (b->whole)
        chunk_task(b, 0, 0);
    else
        kvt_threads_run(b->engine->threads, (b->n + CHUNK - 1) / CHUNK, chunk_task, b);
}

/* Adds a tile's attention, the mean over the query heads of a group, to the head's sums. */
static void add_sums(const struct kvt_attend *attend, size_t group, double *sums)
{
    for (size_t r = 0; r < attend->n_rows; r++) {
        const float *weights = attend->scores + r * attend->stride;
        float factor = attend->inverse[r] / (float)group;
        for (size_t i = 0; i < attend->visible[r]; i++)
            sums[i] += (double)(weights[i] * factor);
    }
}

/* Attention rows first..last-1 of one KV head; row = token * group + query head of the group. */
static void attend_rows(const struct block *b, size_t head, size_t first, size_t last,
                        size_t thread, double *sums)
{
    struct kvt_engine *e = b->engine;
    const struct kvt_model *m = e->model;
    const struct kvt_kv_head *entries = kvt_kv_head(&b->session->cache, b->layer, head);
    size_t group = m->n_heads / m->n_kv_heads, hd = m->head_dim, before = entries->count - b->n;
    struct kvt_attend attend = {
        .pages = (const float *const *)entries->pages,
        .head_dim = hd,
        .value_stride = b->session->cache.value_stride,
        .scale = 1.0F / sqrtf((float)hd),
        .scores = e->scores + thread * KVT_MAX_ROWS * e->score_stride,
        .stride = e->score_stride,
    };
    for (size_t row = first; row < last; row += attend.n_rows) {
        attend.n_rows = last - row < KVT_MAX_ROWS ? last - row : KVT_MAX_ROWS;
        for (size_t r = 0; r < attend.n_rows; r++) {
            size_t t = (row + r) / group, query_head = head * group + (row + r) % group;
            attend.q[r] = e->q + (t * m->n_heads + query_head) * hd;
            attend.out[r] = e->attended + (t * m->n_heads + query_head) * hd;
            attend.visible[r] = before + t + 1;
        }
        e->kernels->attend(&attend);
        if (sums)
            add_sums(&attend, group, sums);
    }
}

static void attention_task(void *context, size_t index, size_t thread)
{
    const struct block *b = context;
    const struct kvt_model *m = b->engine->model;
    size_t n_rows = b->n * (m->n_heads / m->n_kv_heads);
    size_t head = index / b->per_head, part = index % b->per_head;
    if (b->per_head == 1) {
        attend_rows(b, head, 0, n_rows, thread,
                    kvt_session_summing(b->session) ? kvt_session_sums(b->session, b->layer, head)
                                                    : NULL);
        return;
    }
    /* the last rows see most: they are dealt out first */
    size_t first = (b->per_head - 1 - part) * ATTENTION_ROWS, last = first + ATTENTION_ROWS;
    attend_rows(b, head, first, last < n_rows ? last : n_rows, thread, NULL);
}

static void run_attention(struct block *b)
{
    const struct kvt_model *m = b->engine->model;
    size_t n_rows = b->n * (m->n_heads / m->n_kv_heads);
    /* sums are added in the order of the queries, so a head's rows then stay together */
    bool summing = kvt_session_summing(b->session);
    b->per_head = summing ? 1 : (n_rows + ATTENTION_ROWS - 1) / ATTENTION_ROWS;
    size_t work = n_rows * m->n_kv_heads * m->head_dim *
                  kvt_kv_layer_entries(&b->session->cache, b->layer) / m->n_kv_heads;
    size_t n_tasks = m->n_kv_heads * b->per_head;
    if (work >= WORTH_SHARING) {
        kvt_threads_run(b->engine->threads, n_tasks, attention_task, b);
        return;
    }
    for (size_t i = 0; i < n_tasks; i++)
        attention_task(b, i, 0);
}

/* Queries that the policy will look back at. */
static void save_queries(const struct block *b)
{
    struct kvt_session *s = b->session;
    const struct kvt_model *m = b->engine->model;
    size_t row = m->n_heads * m->head_dim, first = s->plan.compress_at - s->window;
    for (size_t t = 0; t < b->n; t++) {
        size_t position = s->position + t;
        if (position >= first && position < s->plan.compress_at)
            memcpy(s->queries + (b->layer * s->window + position - first) * row,
                   b->engine->q + t * row, row * sizeof(float));
    }
}

void kvt_forward(struct kvt_session *session, const int32_t *tokens, size_t n)
{
    struct kvt_engine *e = session->engine;
    const struct kvt_model *m = e->model;
    for (size_t t = 0; t < n; t++) {
        kvt_tensor_row(m->embedding, (size_t)tokens[t], e->x + t * m->dim);
        kvt_model_angles(m, session->position - session->moved + t, e->cosine + t * m->n_pairs,
                         e->sine + t * m->n_pairs);
    }
    struct block b = {
        .session = session, .engine = e, .n = n, .begin = true, .whole = n < 2 * CHUNK};
    for (b.layer = 0; b.layer < m->n_layers; b.layer++) {
        run_chunks(&b);
        kvt_kv_grow(&session->cache, b.layer, n);
        if (session->queries)
            save_queries(&b);
        run_attention(&b);
        b.finish = true;
    }
    b.begin = false;
    run_chunks(&b);
    memcpy(session->hidden, e->x + (n - 1) * m->dim, m->dim * sizeof(float));
    session->position += n;
}
