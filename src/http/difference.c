#include "http/difference.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void kvt_difference_add(struct kvt_difference *difference, const struct kvt_completion *x,
                        const struct kvt_completion *y)
{
    difference->n++;
    bool differs = false;
    if (x->text.length != y->text.length ||
        (x->text.length && memcmp(x->text.data, y->text.data, x->text.length) != 0) ||
        x->reasoning.length != y->reasoning.length ||
        (x->reasoning.length &&
         memcmp(x->reasoning.data, y->reasoning.data, x->reasoning.length) != 0))
        differs = true;
    difference->texts += differs;
    /* Once the texts part, later tokens have other contexts: then only the first is compared. */
    size_t n = x->n_logprobs < y->n_logprobs ? x->n_logprobs : y->n_logprobs;
    if (differs && n > 1)
        n = 1;
    for (size_t i = 0; i < n; i++) {
        double gap = fabs(x->logprobs[i] - y->logprobs[i]);
        if (isnan(difference->logprob_gap) || gap > difference->logprob_gap)
            difference->logprob_gap = gap;
    }
}

/* Where identical runs already differ, one more changed answer is no evidence: two are asked for.
 */
enum kvt_evidence kvt_difference_weigh(const struct kvt_difference *noise,
                                       const struct kvt_difference *starved)
{
    if (starved->n == 0 || noise->n == 0)
        return KVT_EVIDENCE_NONE;
    bool texts = starved->texts >= noise->texts + (noise->texts ? 2 : 1);
    bool logprobs = !isnan(starved->logprob_gap) && !isnan(noise->logprob_gap) &&
                    starved->logprob_gap > 2 * noise->logprob_gap + 1e-3;
    if (texts || logprobs)
        return KVT_EVIDENCE_CHANGED;
    return starved->texts == 0 ? KVT_EVIDENCE_UNCHANGED : KVT_EVIDENCE_NONE;
}
