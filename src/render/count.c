#include "render/count.h"

#include "stream/json.h"

static void count_outcome(struct kvt_results *results, struct kvt_cell *cell,
                          enum kvt_outcome outcome, bool partly, bool more)
{
    size_t *count =
        outcome == KVT_OUTCOME_UNSCORED ? &results->n_unscored : &cell->outcomes[outcome];
    *count = more ? *count + 1 : *count - 1;
    if (partly)
        cell->n_failed_partly = more ? cell->n_failed_partly + 1 : cell->n_failed_partly - 1;
}

/*
 * Which of several responses to one request counts, as kvt-stats decides it (the least): an answer
 * before a failed one before none at all, then the lower score. The order of lines has no say.
 */
static int standing(enum kvt_outcome outcome)
{
    static const int of[KVT_OUTCOME_COUNT] = {
        [KVT_OUTCOME_WRONG] = 0,     [KVT_OUTCOME_PARTLY] = 1,    [KVT_OUTCOME_CORRECT] = 2,
        [KVT_OUTCOME_ABSTAINED] = 3, [KVT_OUTCOME_MALFORMED] = 4, [KVT_OUTCOME_OVERLONG] = 5,
        [KVT_OUTCOME_NONE] = 6};
    return outcome == KVT_OUTCOME_UNSCORED ? KVT_OUTCOME_COUNT : of[outcome];
}

/* What is kept of a response that was counted, in one integer: where, and as what. */
struct counted {
    size_t arm, bin;
    enum kvt_outcome outcome;
    bool partly; /* a failure whose text earns some score */
};

static json_int_t pack(struct counted counted)
{
    return (json_int_t)counted.arm << 20 | (json_int_t)counted.bin << 8 |
           (json_int_t)(counted.outcome + 1) << 1 | (counted.partly ? 1 : 0);
}

static struct counted unpack(json_int_t packed)
{
    return (struct counted){.arm = (size_t)(packed >> 20),
                            .bin = (size_t)(packed >> 8 & 0xfff),
                            .outcome = (enum kvt_outcome)((int)(packed >> 1 & 0x7f) - 1),
                            .partly = (packed & 1) != 0};
}

static bool earns(enum kvt_outcome outcome, const json_t *record)
{
    return kvt_outcome_failed(outcome) && kvt_json_number(record, "score.value", 0) > 0;
}

bool kvt_count_again(struct kvt_results *results, const char *request_id, const json_t *record)
{
    json_t *seen = json_object_get(results->seen, request_id);
    if (!seen)
        return false;
    enum kvt_outcome outcome = kvt_outcome_of(record);
    struct counted counted = unpack(json_integer_value(seen));
    struct kvt_cell *cell = &results->arms[counted.arm].cells[counted.bin];
    if (standing(outcome) >= standing(counted.outcome))
        return true;
    count_outcome(results, cell, counted.outcome, counted.partly, false);
    counted.outcome = outcome;
    counted.partly = earns(outcome, record);
    count_outcome(results, cell, outcome, counted.partly, true);
    json_integer_set(seen, pack(counted));
    return true;
}

void kvt_count_response(struct kvt_results *results, size_t arm, size_t bin, const json_t *record)
{
    struct counted counted = {.arm = arm, .bin = bin, .outcome = kvt_outcome_of(record)};
    struct kvt_cell *cell = &results->arms[arm].cells[bin];
    counted.partly = earns(counted.outcome, record);
    json_object_set_new(results->seen, kvt_json_text(record, "request_id", ""),
                        json_integer(pack(counted)));
    results->n_responses++;
    cell->n_responses++;
    count_outcome(results, cell, counted.outcome, counted.partly, true);
}
