/*
 * text/kernels.h: the inner loops of scoring, written once (kernels_body.h) and compiled for every
 * instruction set; kvt_text_kernels() is the best one that the processor has. All give the same
 * bytes.
 */
#ifndef KVT_TEXT_KERNELS_H
#define KVT_TEXT_KERNELS_H

#include "core/buffer.h"
#include "text/tokens.h"

#include <stddef.h>

struct kvt_text_kernels {
    const char *name;
    /* As kvt_normalize_english_within. */
    size_t (*normalize_english)(struct kvt_buffer *out, const char *text, size_t length,
                                size_t readable);
    /* As kvt_tokens_start, kvt_tokens_add and kvt_tokens_count. */
    void (*tokens_start)(struct kvt_tokens *tokens, struct kvt_span prediction, size_t n_prediction,
                         size_t n_golds);
    void (*tokens_add)(struct kvt_tokens *tokens, struct kvt_span gold);
    void (*tokens_count)(struct kvt_tokens *tokens);
};

const struct kvt_text_kernels *kvt_text_kernels(void);
/* All that this processor runs, the best first, for tests; NULL beyond the last. */
const struct kvt_text_kernels *kvt_text_kernels_at(size_t index);

#endif
