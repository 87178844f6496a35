/* engine/sampler.h: from logits to a token. */
#ifndef KVT_ENGINE_SAMPLER_H
#define KVT_ENGINE_SAMPLER_H

#include "core/random.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Temperature 0: the token with the largest logit, the lowest id of equal ones. Above 0: a token
 * with probability softmax(logits / temperature), restricted to the smallest set of most likely
 * tokens whose probability reaches top_p (1: all). NaN logits are never chosen (token 0 if all
 * are).
 */
int32_t kvt_sample(const float *logits, size_t n, double temperature, double top_p,
                   struct kvt_random *random);

/* Natural logarithm of softmax(logits)[token], in doubles. */
double kvt_log_probability(const float *logits, size_t n, int32_t token);
/* The `wanted` most likely tokens, most likely first, the lower id first of equal ones. Returns how
 * many. */
size_t kvt_most_likely(const float *logits, size_t n, size_t wanted, int32_t *tokens);

#endif
