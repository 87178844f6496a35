#include "engine/state.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_WINDOW = 64, DEFAULT_KERNEL = 5, DEFAULT_SINKS = 4 };

/* How many entries stay, from the plan alone; kvpress's arithmetic, in doubles. */
static size_t kept_of(const struct kvt_plan *plan)
{
    size_t n = plan->compress_at;
    if (plan->capacity > 0)
        return plan->capacity < n ? plan->capacity : n;
    double ratio = 1.0 - plan->budget;
    size_t kept = (size_t)((double)n * (1.0 - ratio));
    kept = kept > 0 ? kept : 1;
    return kept < n ? kept : n;
}

/* Fills in defaults and cuts the window to what is kept. */
static void resolve(struct kvt_session *session)
{
    struct kvt_plan *plan = &session->plan;
    struct kvt_policy_parameters *p = &plan->parameters;
    if (!plan->policy || !plan->policy->select)
        plan->compress_at = 0;
    p->window = p->window ? p->window : DEFAULT_WINDOW;
    p->kernel = p->kernel ? p->kernel : DEFAULT_KERNEL;
    p->sinks = p->sinks ? p->sinks : DEFAULT_SINKS;
    session->capacity = SIZE_MAX;
    if (plan->compress_at == 0)
        return;
    session->kept = kept_of(plan);
    if (plan->policy->evict && (plan->capacity > 0 || session->kept < plan->compress_at))
        session->capacity = plan->capacity > 0 ? plan->capacity : session->kept;
    bool drops = session->kept < plan->compress_at;
    if (!drops || !plan->policy->window)
        return;
    session->window = plan->policy->window(p);
    session->window_not_below_kept = session->window >= session->kept;
    p->window = p->window < session->kept ? p->window : session->kept;
    session->window = plan->policy->window(p);
}

/* Entries whose attention is summed: all until compression, then as many as a head may hold. */
static size_t sums_size_of(const struct kvt_session *session)
{
    const struct kvt_plan *plan = &session->plan;
    size_t context = session->engine->info.context;
    if (!plan->policy || !plan->policy->needs_sums || plan->compress_at == 0)
        return 0;
    if (session->kept >= plan->compress_at && session->capacity == SIZE_MAX)
        return 0;
    if (!plan->policy->evict)
        return plan->compress_at;
    size_t later = session->capacity < context ? session->capacity + 1 : context;
    return later > plan->compress_at ? later : plan->compress_at;
}

struct kvt_session *kvt_session_open(struct kvt_engine *engine, const struct kvt_plan *plan,
                                     struct kvt_error *error)
{
    const struct kvt_model *m = engine->model;
    struct kvt_session *session = calloc(1, sizeof *session);
    if (!session)
        goto failed;
    session->engine = engine;
    session->plan = *plan;
    resolve(session);
    kvt_kv_open(&session->cache, &(struct kvt_kv_shape){m->n_layers, m->n_kv_heads, m->head_dim},
                &engine->allocator);
    session->hidden = calloc(m->dim, sizeof *session->hidden);
    session->logits = calloc(m->vocabulary, sizeof *session->logits);
    session->taken.kept_per_layer = calloc(m->n_layers, sizeof(double));
    session->sums_size = sums_size_of(session);
    if (session->window > 0)
        session->queries =
            calloc(m->n_layers * session->window * m->n_heads * m->head_dim, sizeof(float));
    if (session->sums_size > 0)
        session->sums = calloc(m->n_layers * m->n_kv_heads * session->sums_size, sizeof(double));
    if (session->hidden && session->logits && session->taken.kept_per_layer &&
        (session->window == 0 || session->queries) && (session->sums_size == 0 || session->sums))
        return session;
failed:
    kvt_session_close(session);
    kvt_fail(error, KVT_SYSTEM, "no memory for a session");
    return NULL;
}

void kvt_session_close(struct kvt_session *session)
{
    if (!session)
        return;
    kvt_kv_close(&session->cache);
    free(session->queries);
    free(session->sums);
    free(session->hidden);
    free(session->logits);
    free(session->taken.kept_per_layer);
    free(session);
}

double *kvt_session_sums(const struct kvt_session *session, size_t layer, size_t head)
{
    size_t n_kv_heads = session->cache.shape.n_kv_heads;
    return session->sums + (layer * n_kv_heads + head) * session->sums_size;
}

bool kvt_session_summing(const struct kvt_session *session)
{
    return session->sums &&
           (session->position < session->plan.compress_at || session->plan.policy->evict);
}

/* Reads the cache once the whole prompt is in. */
static void take_report(struct kvt_session *session)
{
    struct kvt_kv_report *r = &session->taken;
    const struct kvt_kv_cache *cache = &session->cache;
    size_t heads = cache->shape.n_kv_heads, entries = 0;
    r->prompt_tokens = session->position;
    r->n_layers = cache->shape.n_layers;
    for (size_t l = 0; l < r->n_layers; l++) {
        size_t of_layer = kvt_kv_layer_entries(cache, l);
        r->kept_per_layer[l] = (double)of_layer / (double)heads;
        entries += of_layer;
    }
    r->kept_tokens = (double)entries / (double)(heads * r->n_layers);
    r->bytes = atomic_load(&cache->bytes);
    r->full_bytes = kvt_kv_full_bytes(cache, session->position);
    r->compressible = session->plan.compress_at;
    r->uncompressed_tail = r->compressible ? session->position - r->compressible : 0;
    r->window = session->window;
    r->window_not_below_kept = session->window_not_below_kept;
}

/* Tokens of one step: a block, ended by the moment of compression; one where each may evict. */
static size_t step_of(const struct kvt_session *session, size_t n)
{
    size_t step = n < session->engine->block ? n : session->engine->block;
    size_t at = session->plan.compress_at, position = session->position;
    if (position < at)
        return step < at - position ? step : at - position;
    return session->capacity != SIZE_MAX ? 1 : step;
}

ptrdiff_t kvt_session_feed(struct kvt_session *session, const int32_t *tokens, size_t n,
                           struct kvt_error *error)
{
    struct kvt_engine *engine = session->engine;
    if (n == 0)
        return kvt_fail(error, KVT_DATA, "no tokens");
    size_t step = step_of(session, n);
    for (size_t i = 0; i < step; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= engine->model->vocabulary)
            return kvt_fail(error, KVT_DATA, "token %d is not below %zu", (int)tokens[i],
                            engine->model->vocabulary);
    if (step > engine->info.context - session->position)
        return kvt_fail(error, KVT_DATA, "Context size has been exceeded.");
    if (kvt_kv_reserve(&session->cache, step, error))
        return -1;
    kvt_forward(session, tokens, step);
    if (session->position == session->plan.compress_at) {
        if (kvt_compress(session, error))
            return -1;
    } else if (session->position > session->plan.compress_at && session->capacity != SIZE_MAX) {
        kvt_evict(session);
    }
    if (session->position == session->plan.prompt_tokens)
        take_report(session);
    return (ptrdiff_t)step;
}

const float *kvt_session_logits(struct kvt_session *session)
{
    struct kvt_engine *e = session->engine;
    const struct kvt_model *m = e->model;
    e->kernels->normalize(e->h, session->hidden, m->output_norm, m->dim, m->epsilon);
    kvt_multiply(e, true, &m->output, session->logits, e->h, 1);
    return session->logits;
}

size_t kvt_session_position(const struct kvt_session *session)
{
    return session->position;
}

void kvt_session_report(const struct kvt_session *session, struct kvt_kv_report *report)
{
    const struct kvt_kv_cache *cache = &session->cache;
    size_t entries = 0;
    for (size_t l = 0; l < cache->shape.n_layers; l++)
        entries += kvt_kv_layer_entries(cache, l);
    *report = session->taken;
    report->peak_bytes = cache->peak;
    report->bytes_now = atomic_load(&cache->bytes);
    report->entries_now =
        (double)entries / (double)(cache->shape.n_layers * cache->shape.n_kv_heads);
}

size_t kvt_session_positions(const struct kvt_session *session, size_t layer, size_t kv_head,
                             int32_t *positions, size_t size)
{
    size_t count = kvt_kv_head(&session->cache, layer, kv_head)->count;
    for (size_t i = 0; i < count && i < size; i++)
        positions[i] = kvt_kv_position(&session->cache, layer, kv_head, i);
    return count;
}
