/*
 * test/unit/model_fixture.h: writes small random models as GGUF. Weights are whole numbers up to
 * 127 times a power of two, one power for each 32 values, so that F32, F16, BF16 and Q8_0 files of
 * the same seed hold exactly the same numbers.
 */
#ifndef KVT_TEST_MODEL_FIXTURE_H
#define KVT_TEST_MODEL_FIXTURE_H

#include "core/buffer.h"
#include "core/random.h"
#include "token/gguf.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    const char *architecture;
    uint32_t layers, dim, heads, kv_heads, head_dim, hidden, vocabulary, context;
    bool untied, bias;
    uint32_t type; /* of matrices: enum kvt_tensor_type */
    uint64_t seed;
    bool linear_rope;        /* rope scaling by 2 */
    const float *rope_freqs; /* [n_rope_freqs] divisors of the rotary frequencies, or NULL */
    uint32_t n_rope_freqs;
    const char *extra_key; /* one more string key, or NULL */
    const char *extra_value;
};

struct fixture_file {
    struct kvt_buffer keys, entries, data;
    uint64_t n_keys, n_tensors;
    struct kvt_random random;
};

static inline void fixture_u32(struct kvt_buffer *out, uint32_t value)
{
    kvt_buffer_append(out, &value, sizeof value);
}

static inline void fixture_u64(struct kvt_buffer *out, uint64_t value)
{
    kvt_buffer_append(out, &value, sizeof value);
}

static inline void fixture_text(struct kvt_buffer *out, const char *text)
{
    fixture_u64(out, strlen(text));
    kvt_buffer_append(out, text, strlen(text));
}

static inline void fixture_string_key(struct fixture_file *file, const char *key, const char *value)
{
    file->n_keys++;
    fixture_text(&file->keys, key);
    fixture_u32(&file->keys, KVT_GGUF_STRING);
    fixture_text(&file->keys, value);
}

static inline void fixture_key(struct fixture_file *file, const char *architecture, const char *key,
                               uint32_t type, const void *value)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", architecture, key);
    file->n_keys++;
    fixture_text(&file->keys, name);
    fixture_u32(&file->keys, type);
    kvt_buffer_append(&file->keys, value, 4);
}

static inline uint16_t fixture_half(float value) /* exact for the values used here */
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFU) == 0)
        return (uint16_t)(bits >> 16);
    uint32_t exponent = (bits >> 23 & 255U) - 112;
    return (uint16_t)((bits >> 16 & 0x8000U) | exponent << 10 | (bits >> 13 & 1023U));
}

/* A block of 32 values in the file's type. */
static inline void fixture_block(struct kvt_buffer *out, uint32_t type, const int8_t q[32],
                                 float scale)
{
    if (type == KVT_TENSOR_Q8_0) {
        uint16_t half = fixture_half(scale);
        kvt_buffer_append(out, &half, sizeof half);
        kvt_buffer_append(out, q, 32);
        return;
    }
    for (size_t i = 0; i < 32; i++) {
        float value = scale * (float)q[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t half = type == KVT_TENSOR_F16 ? fixture_half(value) : (uint16_t)(bits >> 16);
        if (type == KVT_TENSOR_F32)
            kvt_buffer_append(out, &value, sizeof value);
        else
            kvt_buffer_append(out, &half, sizeof half);
    }
}

static inline void fixture_entry(struct fixture_file *file, const char *name, uint32_t n_in,
                                 uint32_t n_out, uint32_t type)
{
    while (file->data.length % 32 != 0)
        kvt_buffer_byte(&file->data, 0);
    file->n_tensors++;
    fixture_text(&file->entries, name);
    fixture_u32(&file->entries, n_out ? 2 : 1);
    fixture_u64(&file->entries, n_in);
    if (n_out)
        fixture_u64(&file->entries, n_out);
    fixture_u32(&file->entries, type);
    fixture_u64(&file->entries, file->data.length);
}

static inline void fixture_matrix(struct fixture_file *file, const char *name, uint32_t n_in,
                                  uint32_t n_out, uint32_t type)
{
    fixture_entry(file, name, n_in, n_out, type);
    int power = (int)lround(log2(sqrt((double)n_in))) + 6; /* rows of length about 1 */
    for (uint32_t i = 0; i < n_in / 32 * n_out; i++) {
        int8_t q[32];
        for (size_t j = 0; j < 32; j++)
            q[j] = (int8_t)((int)kvt_random_bounded(&file->random, 255) - 127);
        fixture_block(&file->data, type, q,
                      ldexpf(1, -power + (int)kvt_random_bounded(&file->random, 2)));
    }
}

/* Vectors are F32: around `middle`. */
static inline void fixture_vector(struct fixture_file *file, const char *name, uint32_t n,
                                  float middle)
{
    fixture_entry(file, name, n, 0, KVT_TENSOR_F32);
    for (uint32_t i = 0; i < n; i++) {
        float value = middle + (float)((int)kvt_random_bounded(&file->random, 101) - 50) / 256;
        kvt_buffer_append(&file->data, &value, sizeof value);
    }
}

static inline void fixture_layer(struct fixture_file *file, const struct fixture *f, uint32_t layer)
{
    uint32_t q = f->heads * f->head_dim, kv = f->kv_heads * f->head_dim;
    const struct {
        const char *name;
        uint32_t n_in, n_out;
        bool biased;
    } parts[] = {{"attn_q", f->dim, q, true},
                 {"attn_k", f->dim, kv, true},
                 {"attn_v", f->dim, kv, true},
                 {"attn_output", q, f->dim, false},
                 {"ffn_gate", f->dim, f->hidden, false},
                 {"ffn_up", f->dim, f->hidden, false},
                 {"ffn_down", f->hidden, f->dim, false}};
    char name[64];
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", layer);
    fixture_vector(file, name, f->dim, 1);
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", layer);
    fixture_vector(file, name, f->dim, 1);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, parts[i].name);
        fixture_matrix(file, name, parts[i].n_in, parts[i].n_out, f->type);
        snprintf(name, sizeof name, "blk.%u.%s.bias", layer, parts[i].name);
        if (f->bias && parts[i].biased)
            fixture_vector(file, name, parts[i].n_out, 0);
    }
}

static inline void fixture_keys(struct fixture_file *file, const struct fixture *f)
{
    float epsilon = 1e-5F, base = 10000, factor = 2;
    char scaling[128];
    fixture_string_key(file, "general.architecture", f->architecture);
    if (f->linear_rope) {
        snprintf(scaling, sizeof scaling, "%s.rope.scaling.type", f->architecture);
        fixture_string_key(file, scaling, "linear");
        fixture_key(file, f->architecture, "rope.scaling.factor", KVT_GGUF_F32, &factor);
    }
    if (f->extra_key)
        fixture_string_key(file, f->extra_key, f->extra_value);
    const struct {
        const char *name;
        const uint32_t *value;
    } sizes[] = {{"block_count", &f->layers},
                 {"embedding_length", &f->dim},
                 {"feed_forward_length", &f->hidden},
                 {"attention.head_count", &f->heads},
                 {"attention.head_count_kv", &f->kv_heads},
                 {"attention.key_length", &f->head_dim},
                 {"attention.value_length", &f->head_dim},
                 {"rope.dimension_count", &f->head_dim},
                 {"context_length", &f->context}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        fixture_key(file, f->architecture, sizes[i].name, KVT_GGUF_U32, sizes[i].value);
    fixture_key(file, f->architecture, "attention.layer_norm_rms_epsilon", KVT_GGUF_F32, &epsilon);
    fixture_key(file, f->architecture, "rope.freq_base", KVT_GGUF_F32, &base);
}

static inline void fixture_bytes(const struct fixture *f, struct kvt_buffer *out)
{
    struct fixture_file file = {0};
    kvt_random_seed(&file.random, f->seed);
    fixture_keys(&file, f);
    fixture_matrix(&file, "token_embd.weight", f->dim, f->vocabulary, f->type);
    fixture_vector(&file, "output_norm.weight", f->dim, 1);
    if (f->untied)
        fixture_matrix(&file, "output.weight", f->dim, f->vocabulary, f->type);
    for (uint32_t layer = 0; layer < f->layers; layer++)
        fixture_layer(&file, f, layer);
    if (f->rope_freqs) {
        fixture_entry(&file, "rope_freqs.weight", f->n_rope_freqs, 0, KVT_TENSOR_F32);
        kvt_buffer_append(&file.data, f->rope_freqs, f->n_rope_freqs * sizeof *f->rope_freqs);
    }
    kvt_buffer_text(out, "GGUF");
    fixture_u32(out, 3);
    fixture_u64(out, file.n_tensors);
    fixture_u64(out, file.n_keys);
    kvt_buffer_append(out, file.keys.data, file.keys.length);
    kvt_buffer_append(out, file.entries.data, file.entries.length);
    while (out->length % 32 != 0)
        kvt_buffer_byte(out, 0);
    kvt_buffer_append(out, file.data.data, file.data.length);
    kvt_buffer_free(&file.keys);
    kvt_buffer_free(&file.entries);
    kvt_buffer_free(&file.data);
}

static inline void fixture_save(const struct kvt_buffer *bytes, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes->data, 1, bytes->length, file) != bytes->length ||
        fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static inline void fixture_write(const struct fixture *f, const char *path)
{
    struct kvt_buffer bytes = {0};
    fixture_bytes(f, &bytes);
    fixture_save(&bytes, path);
    kvt_buffer_free(&bytes);
}

/* A path of its own for this process and name. */
static inline const char *fixture_path(const char *name)
{
    static char path[512];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/kvt-%ld-%s.gguf", folder ? folder : "/tmp", (long)getpid(),
             name);
    return path;
}

#endif
