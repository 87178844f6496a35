/* When a reported count matches a budget, and what that proves. */
#include "http/proof.h"
#include "tap.h"

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

int main(void)
{
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
