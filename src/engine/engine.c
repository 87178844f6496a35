#include "engine/state.h"

#include "core/memory.h"
#include "core/ordered.h"

#include <stdlib.h>

enum { DEFAULT_BLOCK = 256, MAX_BLOCK = 4096, MAX_THREADS = 256 };

static float *activations(size_t rows, size_t columns)
{
    return kvt_alloc_zero(rows * columns, sizeof(float));
}

static int allocate_scratch(struct kvt_engine *engine, struct kvt_error *error)
{
    const struct kvt_model *m = engine->model;
    size_t block = engine->block, threads = kvt_threads_count(engine->threads);
    engine->x = activations(block, m->dim);
    engine->h = activations(block, m->dim);
    engine->q = activations(block, m->n_heads * m->head_dim);
    engine->attended = activations(block, m->n_heads * m->head_dim);
    engine->k = activations(block, m->n_kv_heads * m->head_dim);
    engine->v = activations(block, m->n_kv_heads * m->head_dim);
    engine->gate = activations(block, m->hidden);
    engine->up = activations(block, m->hidden);
    engine->cosine = activations(block, m->n_pairs);
    engine->sine = activations(block, m->n_pairs);
    engine->score_stride = (engine->info.context + KVT_LANES) / KVT_LANES * KVT_LANES + KVT_LANES;
    size_t bytes;
    if (!kvt_size_mul(threads * KVT_MAX_ROWS * sizeof(float), engine->score_stride, &bytes) ||
        !(engine->scores = aligned_alloc(KVT_ALIGNMENT, bytes)))
        return kvt_fail(error, KVT_SYSTEM,
                        "no memory for a context of %zu tokens; use a smaller one",
                        engine->info.context);
    return 0;
}

struct kvt_engine *kvt_engine_open(const char *path, const struct kvt_engine_options *options,
                                   struct kvt_error *error)
{
    struct kvt_engine *engine = kvt_alloc_zero(1, sizeof *engine);
    size_t threads = options->threads ? options->threads : kvt_processors();
    engine->kernels = kvt_kernels();
    engine->allocator.limit = options->kv_limit;
    engine->block = options->block ? options->block : DEFAULT_BLOCK;
    engine->block = engine->block < MAX_BLOCK ? engine->block : MAX_BLOCK;
    engine->model = kvt_model_open(path, error);
    if (!engine->model)
        goto failed;
    engine->threads = kvt_threads_open(threads < MAX_THREADS ? threads : MAX_THREADS, error);
    if (!engine->threads)
        goto failed;
    const struct kvt_model *m = engine->model;
    const char *name = kvt_gguf_string(m->gguf, "general.name", NULL);
    engine->info = (struct kvt_engine_info){
        .architecture = m->architecture,
        .name = name ? name : "",
        .n_layers = m->n_layers,
        .dim = m->dim,
        .n_heads = m->n_heads,
        .n_kv_heads = m->n_kv_heads,
        .head_dim = m->head_dim,
        .vocabulary = m->vocabulary,
        .n_parameters = m->n_parameters,
        .model_context = m->context,
        .context = options->context ? options->context : m->context,
        .threads = kvt_threads_count(engine->threads),
        .kernels = engine->kernels->name,
    };
    if (allocate_scratch(engine, error) == 0)
        return engine;
failed:
    kvt_engine_close(engine);
    return NULL;
}

void kvt_engine_close(struct kvt_engine *engine)
{
    if (!engine)
        return;
    kvt_threads_close(engine->threads);
    kvt_model_close(engine->model);
    float *arrays[] = {engine->x,      engine->h,    engine->q,     engine->attended,
                       engine->k,      engine->v,    engine->gate,  engine->up,
                       engine->cosine, engine->sine, engine->scores};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(engine);
}

const struct kvt_engine_info *kvt_engine_info(const struct kvt_engine *engine)
{
    return &engine->info;
}

const struct kvt_gguf *kvt_engine_gguf(const struct kvt_engine *engine)
{
    return engine->model->gguf;
}

size_t kvt_engine_kv_bytes(const struct kvt_engine *engine)
{
    return atomic_load(&engine->allocator.bytes);
}

size_t kvt_engine_kv_peak(const struct kvt_engine *engine)
{
    return atomic_load(&engine->allocator.peak);
}
