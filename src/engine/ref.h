/*
 * engine/ref.h: the same model the slow, obvious way: doubles, one token after the other, the whole
 * attention matrix, no cache, no packing. The fast path is tested against it.
 */
#ifndef KVT_ENGINE_REF_H
#define KVT_ENGINE_REF_H

#include "engine/model.h"

#include <stddef.h>
#include <stdint.h>

struct kvt_reference {
    /*
     * Optional: entries dropped from the cache, [n_layers][n_kv_heads][n], nonzero = dropped;
     * queries at positions >= dropped_from do not see them.
     */
    const unsigned char *dropped;
    size_t dropped_from;
    /* Results. */
    double *logits;    /* [n][vocabulary] */
    double *attention; /* [n_layers][n_heads][n][n] row = query, column = entry; may be NULL */
};

void kvt_reference_run(const struct kvt_model *model, const int32_t *tokens, size_t n,
                       struct kvt_reference *reference);

#endif
