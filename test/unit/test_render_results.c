/* render/results, outcome, phrase: how records become studies, and what is said of them. */
#include "render/axis.h"
#include "render/phrase.h"
#include "render/results.h"
#include "stream/json.h"
#include "tap.h"

#include <stdlib.h>

static struct kvt_error error;

static json_t *parse(const char *text)
{
    json_t *value = kvt_json_parse(text, strlen(text), NULL, &error);
    if (!value) {
        printf("Bail out! %s\n", error.text);
        exit(1);
    }
    return value;
}

static int add(struct kvt_results *results, const char *kind, const char *text)
{
    json_t *record = parse(text);
    int status = kvt_results_add(results, kind, record, &error);
    json_decref(record);
    return status;
}

static enum kvt_outcome outcome(const char *text)
{
    json_t *record = parse(text);
    enum kvt_outcome result = kvt_outcome_of(record);
    json_decref(record);
    return result;
}

static void test_outcomes(void)
{
    is_int(outcome("{\"score\":{\"value\":1},\"failure\":null}"), KVT_OUTCOME_CORRECT,
           "full score");
    is_int(outcome("{\"score\":{\"value\":0.999999995},\"failure\":null}"), KVT_OUTCOME_CORRECT,
           "rouge's perfect match");
    is_int(outcome("{\"score\":{\"value\":0.4},\"failure\":null}"), KVT_OUTCOME_PARTLY,
           "partly right");
    is_int(outcome("{\"score\":{\"value\":0},\"failure\":null}"), KVT_OUTCOME_WRONG, "wrong");
    is_int(
        outcome("{\"score\":{\"value\":0.5},\"failure\":{\"failure_type\":\"TRUNCATED\",\"class\":"
                "\"model\"}}"),
        KVT_OUTCOME_OVERLONG, "a failure comes before its score");
    is_int(
        outcome("{\"score\":{\"value\":0},\"failure\":{\"failure_type\":\"ABSTENTION\",\"class\":"
                "\"model\"}}"),
        KVT_OUTCOME_ABSTAINED, "abstained");
    is_int(outcome("{\"score\":{\"value\":0},\"failure\":{\"failure_type\":\"NEW_ONE\",\"class\":"
                   "\"model\"}}"),
           KVT_OUTCOME_MALFORMED, "a failure yet to be named is not a wrong answer");
    is_int(
        outcome("{\"score\":{\"value\":null},\"failure\":{\"failure_type\":\"TIMEOUT\",\"class\":"
                "\"infrastructure\"}}"),
        KVT_OUTCOME_NONE, "infrastructure");
    is_int(outcome("{\"error\":{\"type\":\"TIMEOUT\"}}"), KVT_OUTCOME_NONE,
           "an error before scoring");
    is_int(outcome("{\"error\":null}"), KVT_OUTCOME_UNSCORED, "not yet scored");
}

#define STATS(run, budget, bin, more)                                                              \
    "{\"kind\":\"bin_stats\",\"run_id\":\"" run "\",\"exp_group_id\":\"e\",\"model_name\":\"m\","  \
    "\"task\":\"t\",\"kv_budget\":" budget ",\"budget_unit\":\"fraction\",\"bin_idx\":" bin        \
    "," more "}"
#define REFERENCE "\"reference\":true,\"replicate\":\"a\",\"kv_policy\":\"full\""
#define CONTROL "\"reference\":true,\"replicate\":\"b\",\"kv_policy\":\"full\""
#define SNAPKV "\"reference\":false,\"replicate\":\"a\",\"kv_policy\":\"snapkv\""
#define H2O "\"reference\":false,\"replicate\":\"a\",\"kv_policy\":\"h2o\""

static void test_studies(void)
{
    struct kvt_results results;
    kvt_results_open(&results);
    /* smallest budget first, references last: the order of the stream must not matter */
    add(&results, "bin_stats",
        STATS("s2", "0.2", "0", SNAPKV ",\"n\":40,\"applied\":{\"proven\":39,\"unproven\":1}"));
    add(&results, "bin_stats",
        STATS("s2", "0.2", "1",
              SNAPKV ",\"n\":40,\"kept_ratio_p50\":0.21,\"applied\":{\"proven\":40}"));
    add(&results, "bin_stats", STATS("h5", "0.5", "0", H2O));
    add(&results, "bin_stats", STATS("s5", "0.5", "0", SNAPKV));
    add(&results, "bin_stats", STATS("rb", "1", "0", CONTROL));
    add(&results, "bin_stats",
        STATS("ra", "1", "0", REFERENCE ",\"token_min\":90,\"token_max\":110,\"token_mean\":100"));
    add(&results, "bin_stats",
        STATS("ra", "1", "1", REFERENCE ",\"token_min\":380,\"token_max\":420,\"token_mean\":400"));
    kvt_results_finish(&results);
    is_int(results.n_studies, 2, "one study a policy; the full cache is lent to both");
    const struct kvt_study *h2o = &results.studies[0], *snapkv = &results.studies[1];
    is_text(h2o->policy, "h2o", "studies are in order of their names");
    is_text(snapkv->policy, "snapkv", "snapkv after it");
    is_int(snapkv->n_arms, 4, "reference, control and two budgets");
    is_text(snapkv->arms[0]->label, "full cache", "the reference comes first");
    is_text(snapkv->arms[1]->label, "full cache, again", "then its control");
    is_text(snapkv->arms[2]->label, "0.5", "then budgets from large");
    is_text(snapkv->arms[3]->label, "0.2", "to small");
    ok(kvt_study_reference(h2o) == kvt_study_reference(snapkv), "both studies have one reference");
    ok(!kvt_arm_shown(snapkv->arms[1]), "the control is not drawn");
    ok(snapkv->has_lengths, "lengths come from the reference");
    size_t counts[KVT_PROOF_COUNT];
    is_int(kvt_arm_proof(snapkv->arms[3], counts), 80, "proof is summed over bins");
    is_int(counts[KVT_PROOF_PROVEN], 79, "proven");
    is_int(counts[KVT_PROOF_UNPROVEN], 1, "unproven");
    double low, high;
    kvt_arm_range(snapkv->arms[3], "kept_ratio_p50", &low, &high);
    ok(low == 0.21 && high == 0.21, "a bin without a value does not count in a range");
    kvt_arm_range(snapkv->arms[2], "kept_ratio_p50", &low, &high);
    ok(isnan(low) && isnan(high), "unknown is not zero");
    ok(isnan(kvt_cell_stat(kvt_arm_cell(snapkv->arms[2], 7), "n")),
       "nor is a bin that is not there");
    kvt_length_borders(snapkv, 0, &low, &high);
    is_near(high, sqrt(110.0 * 380.0), 1e-12, "a border is half-way between bins on the log axis");
    is_near(kvt_length_position(snapkv, 1, 0, 1), 400, 1e-12, "a bin stands at its mean length");
    is_near(kvt_length_position(snapkv, 1, 0, 3) * kvt_length_position(snapkv, 1, 2, 3), 160000,
            1e-9, "slots stand symmetric around it");
    kvt_results_close(&results);
}

static void test_hostile(void)
{
    struct kvt_results results;
    kvt_results_open(&results);
    is_int(add(&results, "bin_stats", STATS("r", "1", "1000000000", REFERENCE)), -1,
           "a huge bin_idx is refused");
    is_int(add(&results, "bin_stats", STATS("r", "1", "-1", REFERENCE)), -1,
           "so is a negative one");
    is_int(add(&results, "response", "{\"run_id\":\"r\"}"), -1, "a response needs its request_id");
    is_int(add(&results, "transition", "{\"verdict\":\"failing\"}"), -1, "a verdict needs its run");
    is_int(add(&results, "bin_stats",
               "{\"run_id\":\"r\",\"bin_idx\":0,\"kv_budget\":\"x\",\"reference\":7,\"task\":[]}"),
           0, "members of the wrong type count as unknown");
    is_int(add(&results, "weather", "{\"run_id\":\"r\"}"), 0, "unknown kinds are ignored");
    kvt_results_finish(&results);
    is_int(results.n_studies, 1, "what is left is a study");
    kvt_results_close(&results);
    kvt_results_open(&results);
    kvt_results_finish(&results);
    is_int(results.n_studies, 0, "an empty stream has none");
    kvt_results_close(&results);
}

#define RESPONSE(id, bin, cluster)                                                                 \
    "{\"request_id\":\"" id "\",\"run_id\":\"r\",\"bin_idx\":" bin ",\"cluster\":" cluster         \
    ",\"meta\":{\"task\":\"t\"},\"score\":{\"metric\":\"em\",\"value\":1},\"failure\":null}"

static void test_responses(void)
{
    struct kvt_results results;
    kvt_results_open(&results);
    add(&results, "response", RESPONSE("a", "0", "\"q1\""));
    add(&results, "response", RESPONSE("b", "1", "\"q1\""));
    add(&results, "response", RESPONSE("b", "1", "\"q1\""));
    add(&results, "response", RESPONSE("c", "1", "\"q2\""));
    is_int(results.n_responses, 3, "a request counts once");
    is_int(results.arms[0].cells[1].outcomes[KVT_OUTCOME_CORRECT], 2, "in its bin");
    ok(!kvt_results_ladder(&results), "half of the questions at several lengths are no ladder");
    add(&results, "response", RESPONSE("d", "0", "\"q2\""));
    ok(kvt_results_ladder(&results), "all of them are");
    kvt_results_finish(&results);
    kvt_results_close(&results);
}

static void test_phrases(void)
{
    struct kvt_buffer out = {0};
#define SAYS(call, expected, name)                                                                 \
    do {                                                                                           \
        kvt_buffer_clear(&out);                                                                    \
        call;                                                                                      \
        is_text(kvt_buffer_string(&out), expected, name);                                          \
    } while (0)
    SAYS(kvt_phrase_points(&out, 0.425), "42.5", "points have one decimal");
    SAYS(kvt_phrase_points(&out, -0.00001), "0", "no minus zero");
    SAYS(kvt_phrase_points(&out, NAN), "?", "unknown points");
    SAYS(kvt_phrase_seconds(&out, 0.0123), "12.3 ms", "milliseconds");
    SAYS(kvt_phrase_seconds(&out, 12.34), "12.3 s", "seconds");
    SAYS(kvt_phrase_bytes(&out, 1048576), "1 MiB", "a mebibyte");
    SAYS(kvt_phrase_bytes(&out, 473088), "462 KiB", "kibibytes");
    bool set[7] = {false, true, true, true, false, true, true};
    SAYS(kvt_phrase_bins(&out, set, 7), "bins 2 to 4 and 6 and 7", "runs of bins");
    SAYS(kvt_phrase_bins(&out, set, 6), "bins 2 to 4 and 6", "a run and a bin");
    SAYS(kvt_phrase_bins(&out, set, 2), "bin 2", "one bin");
    SAYS(kvt_phrase_bins(&out, set, 1), "no bin", "none");
    bool odd[6] = {true, false, true, false, true, false};
    SAYS(kvt_phrase_bins(&out, odd, 6), "bins 1, 3 and 5", "single bins");
    char text[32];
    kvt_grouped_number(1234567, text);
    is_text(text, "1,234,567", "thousands are grouped");
    kvt_grouped_number(-999, text);
    is_text(text, "-999", "and only they");
    kvt_grouped_number(NAN, text);
    is_text(text, "?", "unknown number");
    is_text(kvt_phrase_verdict("silent_loss"), "silent loss", "a verdict's name");
    is_text(kvt_phrase_verdict("new_verdict"), "new_verdict", "an unknown verdict keeps its own");
    kvt_buffer_free(&out);
}

int main(void)
{
    test_outcomes();
    test_studies();
    test_hostile();
    test_responses();
    test_phrases();
    return tap_done();
}
