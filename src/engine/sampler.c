#include "engine/sampler.h"

#include "core/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int32_t largest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best] || isnan(logits[best]))
            best = i;
    return (int32_t)best;
}

struct candidate {
    float logit;
    int32_t token;
};

/* Larger logit first, then lower id; NaN last. */
static int by_logit(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    bool left_nan = isnan(left->logit), right_nan = isnan(right->logit);
    if (left_nan != right_nan)
        return left_nan ? 1 : -1;
    if (!left_nan && left->logit != right->logit)
        return left->logit > right->logit ? -1 : 1;
    return (left->token > right->token) - (left->token < right->token);
}

int32_t kvt_sample(const float *logits, size_t n, double temperature, double top_p,
                   struct kvt_random *random)
{
    if (!(temperature > 0))
        return largest(logits, n);
    struct candidate *candidates = kvt_alloc_array(n, sizeof *candidates);
    double *weights = kvt_alloc_array(n, sizeof *weights), total = 0;
    for (size_t i = 0; i < n; i++)
        candidates[i] = (struct candidate){logits[i], (int32_t)i};
    if (top_p < 1)
        qsort(candidates, n, sizeof *candidates, by_logit);
    double best = (double)logits[largest(logits, n)];
    for (size_t i = 0; i < n; i++) {
        double weight = exp(((double)candidates[i].logit - best) / temperature);
        weights[i] = isfinite(weight) ? weight : 0;
        total += weights[i];
    }
    size_t used = n;
    if (top_p < 1) {
        double reached = 0;
        for (used = 0; used < n && (used == 0 || reached < top_p * total); used++)
            reached += weights[used];
        total = reached;
    }
    double target = kvt_random_double(random) * total, sum = 0;
    size_t chosen = 0;
    for (size_t i = 0; i < used; i++) {
        if (weights[i] > 0)
            chosen = i;
        sum += weights[i];
        if (sum > target)
            break;
    }
    int32_t token = candidates[chosen].token;
    free(candidates);
    free(weights);
    return token;
}

double kvt_log_probability(const float *logits, size_t n, int32_t token)
{
    double best = (double)logits[largest(logits, n)], sum = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(logits[i]))
            sum += exp((double)logits[i] - best);
    return (double)logits[token] - best - log(sum > 0 ? sum : 1); /* 0: all are NaN */
}

size_t kvt_most_likely(const float *logits, size_t n, size_t wanted, int32_t *tokens)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) { /* insertion into a short sorted list */
        if (isnan(logits[i]))
            continue;
        size_t at = count;
        while (at > 0 && logits[tokens[at - 1]] < logits[i])
            at--;
        if (at >= wanted)
            continue;
        count = count < wanted ? count + 1 : wanted;
        for (size_t j = count - 1; j > at; j--)
            tokens[j] = tokens[j - 1];
        tokens[at] = (int32_t)i;
    }
    return count;
}
