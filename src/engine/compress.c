/*
 * engine/compress.c: the moment a policy is asked. Layers are independent tasks; everything a
 * policy sees is computed for one layer by one thread, in a fixed order.
 */
#include "engine/state.h"

#include "core/memory.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct compression {
    struct kvt_session *session;
    atomic_int failed; /* memory was short */
};

static struct kvt_policy_view view_of(const struct kvt_session *session, size_t layer, size_t head)
{
    const struct kvt_model *m = session->engine->model;
    return (struct kvt_policy_view){
        .cache = &session->cache,
        .layer = layer,
        .head = head,
        .n_heads = m->n_heads,
        .group = m->n_heads / m->n_kv_heads,
        .n = kvt_kv_head(&session->cache, layer, head)->count,
        .sums = session->sums ? kvt_session_sums(session, layer, head) : NULL,
        .position = session->position,
        .parameters = &session->plan.parameters,
    };
}

/*
 * Mean attention of the saved queries, for every query head: mean [n_heads][n]. The queries are
 * those of the last `window` tokens, query w sees all entries but the window - 1 - w last ones.
 */
static void observe(const struct kvt_session *s, size_t layer, size_t thread, float *mean)
{
    struct kvt_engine *e = s->engine;
    const struct kvt_model *m = e->model;
    size_t hd = m->head_dim, group = m->n_heads / m->n_kv_heads, window = s->window;
    for (size_t head = 0; head < m->n_heads; head++) {
        const struct kvt_kv_head *entries = kvt_kv_head(&s->cache, layer, head / group);
        size_t n = entries->count;
        float *row = mean + head * n;
        struct kvt_attend attend = {
            .pages = (const float *const *)entries->pages,
            .head_dim = hd,
            .value_stride = s->cache.value_stride,
            .scale = 1.0F / sqrtf((float)hd),
            .scores = e->scores + thread * KVT_MAX_ROWS * e->score_stride,
            .stride = e->score_stride,
        };
        memset(row, 0, n * sizeof *row);
        for (size_t w = 0; w < window; w += attend.n_rows) {
            attend.n_rows = window - w < KVT_MAX_ROWS ? window - w : KVT_MAX_ROWS;
            for (size_t r = 0; r < attend.n_rows; r++) {
                attend.q[r] = s->queries + ((layer * window + w + r) * m->n_heads + head) * hd;
                attend.visible[r] = n - window + w + r + 1;
            }
            e->kernels->attend(&attend);
            for (size_t r = 0; r < attend.n_rows; r++)
                for (size_t i = 0; i < attend.visible[r]; i++)
                    row[i] += attend.scores[r * attend.stride + i] * attend.inverse[r];
        }
        for (size_t i = 0; i < n; i++)
            row[i] /= (float)window;
    }
}

static void keep(struct kvt_session *session, size_t layer, size_t head, const size_t *indices)
{
    kvt_kv_keep(&session->cache, layer, head, indices, session->kept);
    if (!session->sums)
        return;
    double *sums = kvt_session_sums(session, layer, head);
    for (size_t i = 0; i < session->kept; i++)
        sums[i] = sums[indices[i]];
    for (size_t i = session->kept; i < session->sums_size; i++)
        sums[i] = 0;
}

/* Turns the key of kept entry i from its place in the prompt to place i. */
static void rotate_again(struct kvt_session *session, size_t layer, size_t head, float *room)
{
    const struct kvt_model *m = session->engine->model;
    float *key = room, *cosine = key + m->head_dim, *sine = cosine + m->n_pairs;
    for (size_t i = 0; i < session->kept; i++) {
        size_t place = (size_t)kvt_kv_position(&session->cache, layer, head, i);
        if (place == i)
            continue;
        kvt_model_angles(m, place - i, cosine, sine); /* place >= i: entries are in order */
        for (size_t p = 0; p < m->n_pairs; p++)
            sine[p] = -sine[p];
        kvt_kv_key(&session->cache, layer, head, i, key);
        session->engine->kernels->rotate(key, cosine, sine, m->n_pairs, m->halves);
        kvt_kv_replace_key(&session->cache, layer, head, i, key);
    }
}

static void compress_layer(void *context, size_t layer, size_t thread)
{
    struct compression *compression = context;
    struct kvt_session *session = compression->session;
    const struct kvt_model *m = session->engine->model;
    size_t n = session->plan.compress_at;
    size_t *indices = malloc(n * sizeof *indices);
    float *scratch = malloc(n * sizeof *scratch);
    float *mean = session->window > 0 ? malloc(m->n_heads * n * sizeof *mean) : NULL;
    float *room = malloc((m->head_dim + 2 * m->n_pairs) * sizeof *room);
    if (indices && scratch && room && (mean || session->window == 0)) {
        if (mean)
            observe(session, layer, thread, mean);
        for (size_t head = 0; head < m->n_kv_heads; head++) {
            struct kvt_policy_view view = view_of(session, layer, head);
            view.window_mean = mean;
            session->plan.policy->select(&view, session->kept, scratch, indices);
            keep(session, layer, head, indices);
            if (session->plan.policy->rerotate)
                rotate_again(session, layer, head, room);
        }
    } else {
        atomic_store(&compression->failed, 1);
    }
    free(indices);
    free(scratch);
    free(mean);
    free(room);
}

int kvt_compress(struct kvt_session *session, struct kvt_error *error)
{
    if (session->kept < session->plan.compress_at) {
        struct compression compression = {.session = session};
        kvt_threads_run(session->engine->threads, session->engine->model->n_layers, compress_layer,
                        &compression);
        if (atomic_load(&compression.failed))
            return kvt_fail(error, KVT_SYSTEM, "no memory to compress the KV cache");
        if (session->plan.policy->rerotate)
            session->moved = session->plan.compress_at - session->kept;
    }
    session->taken.kept_compressible = kvt_kv_head(&session->cache, 0, 0)->count;
    free(session->queries);
    session->queries = NULL;
    return 0;
}

void kvt_evict(struct kvt_session *session)
{
    const struct kvt_model *m = session->engine->model;
    for (size_t layer = 0; layer < m->n_layers; layer++)
        for (size_t head = 0; head < m->n_kv_heads; head++) {
            struct kvt_kv_head *entries = kvt_kv_head(&session->cache, layer, head);
            while (entries->count > session->capacity) {
                struct kvt_policy_view view = view_of(session, layer, head);
                double *sums = session->sums ? kvt_session_sums(session, layer, head) : NULL;
                size_t index = session->plan.policy->evict(&view, session->capacity);
                size_t last = entries->count - 1;
                kvt_kv_remove(&session->cache, layer, head, index);
                if (sums) {
                    sums[index] = sums[last];
                    sums[last] = 0;
                }
            }
        }
}
