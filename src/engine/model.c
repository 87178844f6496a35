#include "engine/model.h"

#include "core/memory.h"
#include "engine/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 160, MAX_LAYERS = 1024, MAX_HEAD_DIM = 1024, MAX_DIM = 1 << 20 };

/* What the loader carries about: where to put the first error, and the key prefix. */
struct loader {
    struct kvt_model *model;
    const char *path;
    struct kvt_error *error;
};

static const struct architecture {
    const char *name;
    bool halves;
} architectures[] = {{"llama", false}, {"qwen2", true}};

static int read_size(struct loader *loader, const char *suffix, size_t lowest, size_t highest,
                     const size_t *fallback, size_t *value)
{
    char key[MAX_NAME];
    int64_t found;
    snprintf(key, sizeof key, "%s.%s", loader->model->architecture, suffix);
    if (!kvt_gguf_integer(loader->model->gguf, key, &found)) {
        if (!fallback)
            return kvt_fail(loader->error, KVT_DATA, "%s: key %s is missing or not a number",
                            loader->path, key);
        *value = *fallback;
        return 0;
    }
    if (found < (int64_t)lowest || found > (int64_t)highest)
        return kvt_fail(loader->error, KVT_DATA, "%s: key %s is %" PRId64 ", not %zu to %zu",
                        loader->path, key, found, lowest, highest);
    *value = (size_t)found;
    return 0;
}

static double read_real(struct loader *loader, const char *suffix, double fallback)
{
    char key[MAX_NAME];
    double value;
    snprintf(key, sizeof key, "%s.%s", loader->model->architecture, suffix);
    return kvt_gguf_real(loader->model->gguf, key, &value) ? value : fallback;
}

static int read_architecture(struct loader *loader)
{
    struct kvt_model *model = loader->model;
    const char *name = kvt_gguf_string(model->gguf, "general.architecture", NULL);
    if (!name)
        return kvt_fail(loader->error, KVT_DATA, "%s: key general.architecture is missing",
                        loader->path);
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(name, architectures[i].name) == 0) {
            model->architecture = kvt_strdup(name);
            model->halves = architectures[i].halves;
            return 0;
        }
    return kvt_fail(loader->error, KVT_DATA,
                    "%s: architecture \"%.64s\" is not one this engine runs (llama, qwen2)",
                    loader->path, name);
}

static int read_shape(struct loader *loader)
{
    struct kvt_model *m = loader->model;
    if (read_size(loader, "block_count", 1, MAX_LAYERS, NULL, &m->n_layers) ||
        read_size(loader, "embedding_length", 1, MAX_DIM, NULL, &m->dim) ||
        read_size(loader, "feed_forward_length", 1, MAX_DIM, NULL, &m->hidden) ||
        read_size(loader, "attention.head_count", 1, 4096, NULL, &m->n_heads) ||
        read_size(loader, "attention.head_count_kv", 1, 4096, &m->n_heads, &m->n_kv_heads) ||
        read_size(loader, "context_length", 1, 1 << 24, NULL, &m->context))
        return -1;
    size_t value_dim, usual = m->dim / m->n_heads;
    if (read_size(loader, "attention.key_length", 1, MAX_HEAD_DIM, &usual, &m->head_dim) ||
        read_size(loader, "attention.value_length", 1, MAX_HEAD_DIM, &m->head_dim, &value_dim))
        return -1;
    if (value_dim != m->head_dim || m->head_dim < 2 || m->head_dim > MAX_HEAD_DIM)
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: key length %zu and value length %zu must be equal, 2 to %d",
                        loader->path, m->head_dim, value_dim, MAX_HEAD_DIM);
    if (m->n_heads % m->n_kv_heads != 0)
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: attention.head_count %zu is no multiple of head_count_kv %zu",
                        loader->path, m->n_heads, m->n_kv_heads);
    double epsilon = read_real(loader, "attention.layer_norm_rms_epsilon", -1);
    if (!(epsilon >= 0 && epsilon < 1))
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: key %s.attention.layer_norm_rms_epsilon is missing or not in [0, 1)",
                        loader->path, m->architecture);
    m->epsilon = (float)epsilon;
    return 0;
}

/* Rotary frequencies: base^(-2i/d), divided by a linear scale and by rope_freqs where present. */
static int read_rope(struct loader *loader)
{
    struct kvt_model *m = loader->model;
    size_t dims;
    if (read_size(loader, "rope.dimension_count", 2, m->head_dim, &m->head_dim, &dims))
        return -1;
    double base = read_real(loader, "rope.freq_base", 10000), factor = 1;
    char key[MAX_NAME];
    snprintf(key, sizeof key, "%s.rope.scaling.type", m->architecture);
    const char *scaling = kvt_gguf_string(m->gguf, key, NULL);
    if (scaling && strcmp(scaling, "linear") == 0)
        factor = read_real(loader, "rope.scaling.factor", 1);
    else if (scaling && strcmp(scaling, "none") != 0)
        return kvt_fail(loader->error, KVT_DATA, "%s: %s \"%.32s\" is not supported", loader->path,
                        key, scaling);
    if (dims % 2 != 0 || !(base > 1) || !(factor > 0) || isinf(base) || isinf(factor))
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: rope.dimension_count must be even, rope.freq_base above 1 and "
                        "rope.scaling.factor above 0",
                        loader->path);
    m->n_pairs = dims / 2;
    m->frequency = kvt_alloc_array(m->n_pairs, sizeof *m->frequency);
    for (size_t i = 0; i < m->n_pairs; i++)
        m->frequency[i] = pow(base, -2.0 * (double)i / (double)dims) / factor;
    const struct kvt_gguf_tensor *divisors = kvt_gguf_tensor(m->gguf, "rope_freqs.weight");
    if (!divisors)
        return 0;
    if (divisors->type != KVT_TENSOR_F32 || divisors->n_dims != 1 ||
        divisors->dims[0] != m->n_pairs)
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: tensor rope_freqs.weight is not %zu F32 values", loader->path,
                        m->n_pairs);
    float *values = kvt_alloc_array(m->n_pairs, sizeof *values);
    kvt_tensor_row(divisors, 0, values);
    bool positive = true;
    for (size_t i = 0; i < m->n_pairs; i++) {
        positive = positive && values[i] > 0 && !isinf(values[i]);
        m->frequency[i] /= (double)values[i];
    }
    free(values);
    if (!positive)
        return kvt_fail(loader->error, KVT_DATA,
                        "%s: tensor rope_freqs.weight holds a value that is not above 0",
                        loader->path);
    return 0;
}

/* Finds a tensor and holds it to its shape. */
static const struct kvt_gguf_tensor *find_tensor(struct loader *loader, const char *name,
                                                 size_t n_in, size_t n_out)
{
    const struct kvt_gguf_tensor *tensor = kvt_gguf_tensor(loader->model->gguf, name);
    if (!tensor) {
        kvt_fail(loader->error, KVT_DATA, "%s: tensor %s is missing", loader->path, name);
        return NULL;
    }
    if (tensor->dims[0] != n_in || tensor->dims[1] != n_out || tensor->dims[2] != 1 ||
        tensor->dims[3] != 1) {
        kvt_fail(loader->error, KVT_DATA,
                 "%s: tensor %s is %" PRIu64 " x %" PRIu64 ", the model's keys say %zu x %zu",
                 loader->path, name, tensor->dims[0], tensor->dims[1], n_in, n_out);
        return NULL;
    }
    if (!kvt_tensor_type_name(tensor->type)) {
        kvt_fail(loader->error, KVT_DATA,
                 "%s: tensor %s has type %" PRIu32 ", which this engine cannot read; convert the "
                 "model to F16 or Q8_0",
                 loader->path, name, tensor->type);
        return NULL;
    }
    return tensor;
}

static int load_vector(struct loader *loader, const char *name, size_t n, float **vector)
{
    const struct kvt_gguf_tensor *tensor = find_tensor(loader, name, n, 1);
    if (!tensor)
        return -1;
    *vector = kvt_alloc_array(n, sizeof **vector);
    kvt_tensor_row(tensor, 0, *vector);
    loader->model->n_parameters += n;
    return 0;
}

static int load_matrix(struct loader *loader, const char *name, size_t n_in, size_t n_out,
                       struct kvt_matrix *matrix)
{
    matrix->tensor = find_tensor(loader, name, n_in, n_out);
    if (!matrix->tensor)
        return -1;
    matrix->n_in = n_in;
    matrix->n_out = n_out;
    matrix->packed = kvt_tensor_pack(matrix->tensor);
    if (!matrix->packed)
        return kvt_fail(loader->error, KVT_SYSTEM, "%s: no memory for tensor %s", loader->path,
                        name);
    loader->model->n_parameters += n_in * n_out;
    return 0;
}

/* blk.N.PART.weight, and blk.N.PART.bias where the file has one. */
static int load_part(struct loader *loader, size_t layer, const char *part, size_t n_in,
                     size_t n_out, struct kvt_matrix *matrix)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, part);
    if (load_matrix(loader, name, n_in, n_out, matrix))
        return -1;
    snprintf(name, sizeof name, "blk.%zu.%s.bias", layer, part);
    if (!kvt_gguf_tensor(loader->model->gguf, name))
        return 0;
    return load_vector(loader, name, n_out, &matrix->bias);
}

static int load_layer(struct loader *loader, size_t index)
{
    const struct kvt_model *m = loader->model;
    struct kvt_layer *layer = &loader->model->layers[index];
    size_t q_dim = m->n_heads * m->head_dim, kv_dim = m->n_kv_heads * m->head_dim;
    char attention_norm[MAX_NAME], feed_norm[MAX_NAME];
    snprintf(attention_norm, sizeof attention_norm, "blk.%zu.attn_norm.weight", index);
    snprintf(feed_norm, sizeof feed_norm, "blk.%zu.ffn_norm.weight", index);
    if (load_vector(loader, attention_norm, m->dim, &layer->attention_norm) ||
        load_vector(loader, feed_norm, m->dim, &layer->feed_norm) ||
        load_part(loader, index, "attn_q", m->dim, q_dim, &layer->q) ||
        load_part(loader, index, "attn_k", m->dim, kv_dim, &layer->k) ||
        load_part(loader, index, "attn_v", m->dim, kv_dim, &layer->v) ||
        load_part(loader, index, "attn_output", q_dim, m->dim, &layer->o) ||
        load_part(loader, index, "ffn_gate", m->dim, m->hidden, &layer->gate) ||
        load_part(loader, index, "ffn_up", m->dim, m->hidden, &layer->up) ||
        load_part(loader, index, "ffn_down", m->hidden, m->dim, &layer->down))
        return -1;
    return 0;
}

static int load_ends(struct loader *loader)
{
    struct kvt_model *m = loader->model;
    const struct kvt_gguf_tensor *embedding = kvt_gguf_tensor(m->gguf, "token_embd.weight");
    if (!embedding || embedding->dims[1] > INT32_MAX)
        return kvt_fail(loader->error, KVT_DATA, "%s: tensor token_embd.weight is missing",
                        loader->path);
    m->vocabulary = (size_t)embedding->dims[1];
    m->embedding = find_tensor(loader, "token_embd.weight", m->dim, m->vocabulary);
    bool tied = !kvt_gguf_tensor(m->gguf, "output.weight");
    if (!m->embedding || load_vector(loader, "output_norm.weight", m->dim, &m->output_norm) ||
        load_matrix(loader, tied ? "token_embd.weight" : "output.weight", m->dim, m->vocabulary,
                    &m->output))
        return -1;
    if (!tied)
        m->n_parameters += m->dim * m->vocabulary;
    return 0;
}

struct kvt_model *kvt_model_open(const char *path, struct kvt_error *error)
{
    struct kvt_model *model = kvt_alloc_zero(1, sizeof *model);
    struct loader loader = {model, path, error};
    model->gguf = kvt_gguf_open(path, error);
    if (!model->gguf || read_architecture(&loader) || read_shape(&loader) || read_rope(&loader) ||
        load_ends(&loader))
        goto failed;
    model->layers = kvt_alloc_zero(model->n_layers, sizeof *model->layers);
    for (size_t i = 0; i < model->n_layers; i++)
        if (load_layer(&loader, i))
            goto failed;
    return model;
failed:
    kvt_model_close(model);
    return NULL;
}

static void free_matrix(struct kvt_matrix *matrix)
{
    free(matrix->packed);
    free(matrix->bias);
}

void kvt_model_close(struct kvt_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; model->layers && i < model->n_layers; i++) {
        struct kvt_layer *layer = &model->layers[i];
        struct kvt_matrix *parts[] = {&layer->q,    &layer->k,  &layer->v,   &layer->o,
                                      &layer->gate, &layer->up, &layer->down};
        for (size_t j = 0; j < sizeof parts / sizeof *parts; j++)
            free_matrix(parts[j]);
        free(layer->attention_norm);
        free(layer->feed_norm);
    }
    free(model->layers);
    free_matrix(&model->output);
    free(model->output_norm);
    free(model->frequency);
    free(model->architecture);
    kvt_gguf_close(model->gguf);
    free(model);
}

void kvt_model_angles(const struct kvt_model *model, size_t position, float *cosine, float *sine)
{
    for (size_t i = 0; i < model->n_pairs; i++) {
        double angle = (double)position * model->frequency[i];
        cosine[i] = (float)cos(angle);
        sine[i] = (float)sin(angle);
    }
}
