/* When a reported count matches a budget, what that proves, and when answers have changed. */
#include "http/difference.h"
#include "http/proof.h"
#include "tap.h"

#include <string.h>

static struct kvt_report report(double prompt, double kept, double tail)
{
    return (struct kvt_report){.prompt_tokens = prompt,
                               .kept_tokens = kept,
                               .uncompressed_tail = tail,
                               .bytes = NAN,
                               .peak_bytes = NAN,
                               .full_bytes = NAN,
                               .source = "reported"};
}

static int matches(double prompt, double kept, double tail, const char *unit, double budget)
{
    struct kvt_report counted = report(prompt, kept, tail);
    struct kvt_run run = {.unit = unit, .budget = budget};
    return kvt_report_matches(&counted, &run);
}

static const char *judged(double prompt, double kept, int reference, enum kvt_evidence evidence)
{
    struct kvt_report counted = report(prompt, kept, 0);
    struct kvt_run run = {.unit = "fraction", .budget = reference ? 1 : .2, .reference = reference};
    return kvt_proof_judge(&counted, &run, evidence);
}

/* How far answers with these texts and log probabilities of their two tokens are apart. */
static struct kvt_difference apart(const char *x, const char *y, double x0, double y0, double y1)
{
    struct kvt_difference difference = {.logprob_gap = NAN};
    double one[] = {x0, -1}, other[] = {y0, y1};
    struct kvt_completion a = {.logprobs = one, .n_logprobs = 2};
    struct kvt_completion b = {.logprobs = other, .n_logprobs = 2};
    kvt_buffer_text(&a.text, x);
    kvt_buffer_text(&b.text, y);
    kvt_difference_add(&difference, &a, &b);
    kvt_buffer_free(&a.text);
    kvt_buffer_free(&b.text);
    return difference;
}

static enum kvt_evidence weighed(size_t noisy, double noise_gap, size_t changed, double gap)
{
    struct kvt_difference noise = {3, noisy, noise_gap}, starved = {3, changed, gap};
    return kvt_difference_weigh(&noise, &starved);
}

static void test_difference(void)
{
    struct kvt_difference same = apart("yes", "yes", -2, -2.5, -4);
    struct kvt_difference other = apart("yes", "yea", -2, -2.5, -4);
    is_int((long)same.texts, 0, "equal texts");
    is_near(same.logprob_gap, 3, 1e-12, "whose log probabilities are compared token by token");
    is_int((long)other.texts, 1, "other texts");
    is_near(other.logprob_gap, 0.5, 1e-12, "of which only the first token has one context");
    is_int(weighed(0, NAN, 1, NAN), KVT_EVIDENCE_CHANGED, "one changed answer is evidence");
    is_int(weighed(1, NAN, 2, NAN), KVT_EVIDENCE_NONE, "but not where identical runs differ");
    is_int(weighed(1, NAN, 3, NAN), KVT_EVIDENCE_CHANGED, "then two more are");
    is_int(weighed(0, 0.1, 0, 0.3), KVT_EVIDENCE_CHANGED, "log probabilities see more");
    is_int(weighed(0, 0.1, 0, 0.2), KVT_EVIDENCE_UNCHANGED, "beyond twice the noise");
    struct kvt_difference none = {.logprob_gap = NAN};
    is_int(kvt_difference_weigh(&same, &none), KVT_EVIDENCE_NONE, "no answers, no evidence");
}

int main(void)
{
    test_difference();
    is_int(matches(1000, 200, 0, "fraction", .2), 1, "kept 0.200 at budget 0.2");
    is_int(matches(1000, 220, 0, "fraction", .2), 1, "kept 0.220 is within 0.02");
    is_int(matches(1000, 221, 0, "fraction", .2), 0, "kept 0.221 is not");
    is_int(matches(1000, 225, 5, "fraction", .2), 1, "a tail of 5 widens the tolerance");
    is_int(matches(1000, 1000, 0, "fraction", .2), 0, "a full cache is no match");
    is_int(matches(1000, 1200, 0, "fraction", 1), 0, "more than the prompt is no match");
    is_int(matches(1000, (double)NAN, 0, "fraction", .2), -1, "nothing reported");
    is_int(matches(1000, 98, 2, "tokens", 96), 1, "capacity and tail");
    is_int(matches(1000, 96, 2, "tokens", 96), 1,
           "a policy that goes on evicting holds its capacity");
    is_int(matches(1000, 100, 2, "tokens", 96), 0, "more than capacity and tail");
    is_int(matches(1000, 90, 2, "tokens", 96), 0, "less than the capacity");
    is_int(matches(80, 80, 2, "tokens", 96), 1, "a prompt shorter than the capacity stays whole");
    is_text(judged(1000, 200, 0, KVT_EVIDENCE_CHANGED), "proven", "count and changed answers");
    is_text(judged(1000, 200, 0, KVT_EVIDENCE_NONE), "reported", "a count alone");
    is_text(judged(1000, 200, 0, KVT_EVIDENCE_UNCHANGED), "contradicted",
            "a count, but nothing changes");
    is_text(judged(1000, (double)NAN, 0, KVT_EVIDENCE_CHANGED), "behavioural",
            "changed answers alone");
    is_text(judged(1000, (double)NAN, 0, KVT_EVIDENCE_NONE), "unproven", "neither");
    is_text(judged(1000, 1000, 0, KVT_EVIDENCE_CHANGED), "contradicted",
            "the count of a full cache");
    is_text(judged(1000, 1000, 1, KVT_EVIDENCE_NONE), "proven",
            "the reference needs only a full count");
    is_text(judged(1000, 900, 1, KVT_EVIDENCE_CHANGED), "contradicted",
            "a reference that is not full");
    return tap_done();
}
