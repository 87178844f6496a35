/*
 * engine/engine.h: the embedded engine as programs see it: a model, and sessions that hold the KV
 * cache of one request. Kept narrow: the server knows nothing of tensors.
 *
 * All calls on one engine and its sessions come from one thread at a time; the engine shares the
 * work of a call out to its own threads. The same tokens give the same logits, bit for bit,
 * whatever the number of threads, the block size and the other sessions.
 */
#ifndef KVT_ENGINE_ENGINE_H
#define KVT_ENGINE_ENGINE_H

#include "core/error.h"
#include "token/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_engine;
struct kvt_session;
struct kvt_policy; /* engine/policy.h */

struct kvt_engine_options {
    size_t threads;  /* 0: one for each processor */
    size_t context;  /* tokens of a session at most; 0: what the model was made for */
    size_t block;    /* tokens computed together while a prompt is read; 0: 256 */
    size_t kv_limit; /* bytes of all KV caches together at most; 0: no limit */
};

struct kvt_engine_info {
    const char *architecture, *name; /* name: general.name, or "" */
    size_t n_layers, dim, n_heads, n_kv_heads, head_dim, vocabulary, n_parameters;
    size_t model_context; /* the model's own limit */
    size_t context;       /* of a session */
    size_t threads;
    const char *kernels; /* "avx512", "avx2", "baseline" */
};

struct kvt_engine *kvt_engine_open(const char *path, const struct kvt_engine_options *options,
                                   struct kvt_error *error);
void kvt_engine_close(struct kvt_engine *engine); /* after its sessions; NULL is fine */
const struct kvt_engine_info *kvt_engine_info(const struct kvt_engine *engine);
const struct kvt_gguf *kvt_engine_gguf(const struct kvt_engine *engine);
/* What the KV allocator holds for all sessions, now and at most so far. From any thread. */
size_t kvt_engine_kv_bytes(const struct kvt_engine *engine);
size_t kvt_engine_kv_peak(const struct kvt_engine *engine);

/* Parameters of policies. 0 (or the member's own "unset") means the policy's default. */
struct kvt_policy_parameters {
    size_t window; /* last queries whose attention is observed [64] */
    size_t kernel; /* width of the pooling over entries, odd [5] */
    size_t sinks;  /* first entries that stay [4] */
    uint64_t seed; /* of `random` */
};

/*
 * What a session is to do. When `compress_at` tokens are in, every KV head keeps
 *     kept = max(1, (int)(n * (1 - (1 - budget))))      n: entries at that moment, in doubles
 * entries; or min(n, capacity) where capacity > 0. compress_at 0: nothing is ever dropped.
 */
struct kvt_plan {
    const struct kvt_policy *policy; /* NULL: full */
    double budget;                   /* (0, 1]; used when capacity is 0 */
    size_t capacity;                 /* entries per KV head */
    struct kvt_policy_parameters parameters;
    size_t prompt_tokens; /* tokens of the prompt; the report is taken when they are in */
    size_t compress_at;   /* 0..prompt_tokens */
};

/* NULL and *error when memory is short. */
struct kvt_session *kvt_session_open(struct kvt_engine *engine, const struct kvt_plan *plan,
                                     struct kvt_error *error);
void kvt_session_close(struct kvt_session *session); /* NULL is fine */
/*
 * Computes at most one block of the given tokens, compressing when the plan says so. Returns how
 * many were taken (at least 1), or -1 and *error (KVT_DATA: token out of range or context full;
 * KVT_SYSTEM: memory), after which the session can only be closed.
 */
ptrdiff_t kvt_session_feed(struct kvt_session *session, const int32_t *tokens, size_t n,
                           struct kvt_error *error);
/* [vocabulary] logits after the last token; valid until the next call on this session. */
const float *kvt_session_logits(struct kvt_session *session);
size_t kvt_session_position(const struct kvt_session *session); /* tokens fed so far */

/*
 * The state of a session's KV cache, read from the cache and its allocator. The first group is
 * taken once the whole prompt is in (after compression), the rest is as of the call.
 */
struct kvt_kv_report {
    size_t prompt_tokens;
    double kept_tokens; /* entries per KV head, mean over layers and heads, uncompressed tail
                           included */
    size_t n_layers;
    double *kept_per_layer;     /* [n_layers] mean over the layer's heads; owned by the session */
    size_t compressible;        /* entries per KV head when it was compressed; 0: never */
    size_t kept_compressible;   /* entries per KV head right after, the tail not included */
    size_t uncompressed_tail;   /* prompt tokens fed after compression */
    size_t bytes;               /* held then */
    size_t full_bytes;          /* what a full cache of the prompt takes */
    size_t window;              /* window in force, after cutting it to what is kept; 0: none */
    bool window_not_below_kept; /* the window asked for takes all that is kept */
    size_t peak_bytes;          /* the most held for this session so far */
    size_t bytes_now;
    double entries_now; /* per KV head, mean */
};

void kvt_session_report(const struct kvt_session *session, struct kvt_kv_report *report);
/* Positions held by a head, in cache order; returns how many (at most `size` are written). */
size_t kvt_session_positions(const struct kvt_session *session, size_t layer, size_t kv_head,
                             int32_t *positions, size_t size);

#endif
