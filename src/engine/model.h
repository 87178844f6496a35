/*
 * engine/model.h: a Llama-style decoder read from a GGUF file: shape, rotary angles and packed
 * weights. Inside the engine only; programs see engine.h.
 *
 *     x = embedding[token]
 *     each layer:  x += Wo attention(rope(Wq n(x)), rope(Wk n(x)), Wv n(x))     n: RMSNorm
 *                  x += Wdown (silu(Wgate n(x)) * Wup n(x))
 *     logits = Woutput n(x)
 */
#ifndef KVT_ENGINE_MODEL_H
#define KVT_ENGINE_MODEL_H

#include "core/error.h"
#include "token/gguf.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_matrix {
    const struct kvt_gguf_tensor *tensor; /* as in the file: dims {n_in, n_out} */
    float *packed;                        /* panels of 16 outputs, see kernels.h */
    float *bias;                          /* [n_out] or NULL */
    size_t n_in, n_out;
};

struct kvt_layer {
    float *attention_norm, *feed_norm; /* [dim] */
    struct kvt_matrix q, k, v, o, gate, up, down;
};

struct kvt_model {
    struct kvt_gguf *gguf; /* owned */
    char *architecture;
    size_t n_layers, dim, n_heads, n_kv_heads, head_dim, hidden, vocabulary, context;
    float epsilon;
    bool halves;                             /* RoPE pairs (i, i + n_pairs), else (2i, 2i + 1) */
    size_t n_pairs;                          /* rotated pairs of a head */
    double *frequency;                       /* [n_pairs] radians per position */
    const struct kvt_gguf_tensor *embedding; /* dims {dim, vocabulary} */
    float *output_norm;
    struct kvt_matrix output; /* the embedding's own tensor when the file has no output matrix */
    struct kvt_layer *layers;
    size_t n_parameters;
};

/* NULL and *error, naming the key or tensor, when the file is not a model this engine runs exactly.
 */
struct kvt_model *kvt_model_open(const char *path, struct kvt_error *error);
void kvt_model_close(struct kvt_model *model); /* NULL is fine */

/* cosine and sine [n_pairs] of a position. */
void kvt_model_angles(const struct kvt_model *model, size_t position, float *cosine, float *sine);

#endif
