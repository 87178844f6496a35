#include "text/tokens.h"

#include "text/kernels.h"

#include <stdlib.h>

void kvt_tokens_start(struct kvt_tokens *tokens, struct kvt_span prediction, size_t n_prediction,
                      size_t n_golds)
{
    kvt_text_kernels()->tokens_start(tokens, prediction, n_prediction, n_golds);
}

void kvt_tokens_add(struct kvt_tokens *tokens, struct kvt_span gold)
{
    kvt_text_kernels()->tokens_add(tokens, gold);
}

void kvt_tokens_count(struct kvt_tokens *tokens)
{
    kvt_text_kernels()->tokens_count(tokens);
}

static size_t common_at_places(struct kvt_tokens *tokens, size_t gold)
{
    const uint32_t first = gold > 0 ? tokens->ends.data[gold - 1] : 0,
                   end = tokens->ends.data[gold];
    const uint32_t *places = tokens->places.data;
    size_t common = 0;
    for (uint32_t i = first; i < end; i++) {
        struct kvt_token_slot *slot = &tokens->slots[places[i]];
        common += slot->used < slot->count;
        slot->used += slot->used < slot->count;
    }
    for (uint32_t i = first; i < end; i++)
        tokens->slots[places[i]].used = 0;
    return common;
}

size_t kvt_tokens_common(struct kvt_tokens *tokens, size_t gold)
{
    return tokens->is_short ? tokens->common.data[gold] : common_at_places(tokens, gold);
}

void kvt_tokens_free(struct kvt_tokens *tokens)
{
    free(tokens->slots);
    free(tokens->common.data);
    free(tokens->places.data);
    free(tokens->ends.data);
    *tokens = (struct kvt_tokens){0};
}
