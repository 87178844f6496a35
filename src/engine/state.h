/* engine/state.h: the inside of engines and sessions, for engine.c, forward.c and session.c only.
 */
#ifndef KVT_ENGINE_STATE_H
#define KVT_ENGINE_STATE_H

#include "engine/engine.h"
#include "engine/kernels.h"
#include "engine/kv_cache.h"
#include "engine/model.h"
#include "engine/policy.h"
#include "engine/threads.h"

struct kvt_engine {
    struct kvt_model *model;
    struct kvt_threads *threads;
    const struct kvt_kernels *kernels;
    struct kvt_kv_allocator allocator;
    struct kvt_engine_info info;
    size_t block;
    /* Activations of one block, rows of `block` tokens; used by whichever session is being fed. */
    float *x;             /* [block][dim] the residual stream */
    float *h;             /* [block][dim] normalised, then a branch's result */
    float *q, *attended;  /* [block][n_heads * head_dim] */
    float *k, *v;         /* [block][n_kv_heads * head_dim] */
    float *gate, *up;     /* [block][hidden] */
    float *cosine, *sine; /* [block][n_pairs] */
    float *scores;        /* [threads][KVT_MAX_ROWS][score_stride] */
    size_t score_stride;
};

struct kvt_session {
    struct kvt_engine *engine;
    struct kvt_plan plan; /* parameters resolved */
    struct kvt_kv_cache cache;
    size_t position; /* tokens fed */
    size_t moved;    /* places by which the next token stands before `position`, see rerotate */
    size_t kept;     /* entries per head right after compression, known from the start */
    size_t capacity; /* entries per head while decoding, for policies that evict; SIZE_MAX: any */
    size_t window;   /* last queries before compress_at that are kept for the policy */
    float *queries;  /* [n_layers][window][n_heads * head_dim], rotated */
    double *sums;    /* [n_layers][n_kv_heads][sums_size] attention received by each entry */
    size_t sums_size;
    float *hidden; /* [dim] the last token's residual stream, before the output norm */
    float *logits; /* [vocabulary] */
    bool window_not_below_kept;
    struct kvt_kv_report taken; /* the first group of the report, once the prompt is in */
};

/* Computes n tokens (1..block) after those already in; the cache has room for them. */
void kvt_forward(struct kvt_session *session, const int32_t *tokens, size_t n);
/* y[row][..] = x[row][..] * matrix for n_rows rows; shared out to the threads when it is worth it.
 */
void kvt_multiply(struct kvt_engine *engine, bool shared, const struct kvt_matrix *matrix, float *y,
                  const float *x, size_t n_rows);
/* The attention sums of a head. */
double *kvt_session_sums(const struct kvt_session *session, size_t layer, size_t head);
/* Whether attention is being summed at this moment. */
bool kvt_session_summing(const struct kvt_session *session);

/* Drops what the plan says, in all layers. Returns 0, or -1 and *error. */
int kvt_compress(struct kvt_session *session, struct kvt_error *error);
/* After a token, for policies that evict while decoding. */
void kvt_evict(struct kvt_session *session);

#endif
