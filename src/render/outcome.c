#include "render/outcome.h"

#include <string.h>

/* Okabe & Ito, "Color Universal Design" (2008); the lighter green is a tint of its bluish green. */
const struct kvt_outcome_style kvt_outcome_styles[KVT_OUTCOME_COUNT] = {
    [KVT_OUTCOME_CORRECT] = {"correct", "correct", "#009E73", "#FFFFFF"},
    [KVT_OUTCOME_PARTLY] = {"partly", "partly right", "#99D8C7", "#000000"},
    [KVT_OUTCOME_WRONG] = {"wrong", "wrong", "#D55E00", "#FFFFFF"},
    [KVT_OUTCOME_ABSTAINED] = {"abstained", "abstained", "#56B4E9", "#000000"},
    [KVT_OUTCOME_MALFORMED] = {"malformed", "malformed", "#F0E442", "#000000"},
    [KVT_OUTCOME_OVERLONG] = {"over_length", "over length", "#CC79A7", "#000000"},
    [KVT_OUTCOME_NONE] = {"no_answer", "no answer (infrastructure)", "#BBBBBB", "#000000"},
};

/* One row per failure type that is not simply malformed. */
static const struct {
    const char *type;
    enum kvt_outcome outcome;
} of_type[] = {
    {"ABSTENTION", KVT_OUTCOME_ABSTAINED},
    {"REFUSAL", KVT_OUTCOME_ABSTAINED},
    {"TRUNCATED", KVT_OUTCOME_OVERLONG},
};

bool kvt_outcome_failed(enum kvt_outcome outcome)
{
    return outcome == KVT_OUTCOME_ABSTAINED || outcome == KVT_OUTCOME_MALFORMED ||
           outcome == KVT_OUTCOME_OVERLONG;
}

enum kvt_outcome kvt_outcome_of(const json_t *response)
{
    const json_t *failure = json_object_get(response, "failure");
    const json_t *score = json_object_get(response, "score");
    if (json_is_object(failure)) {
        if (strcmp(kvt_json_text(failure, "class", "model"), "infrastructure") == 0)
            return KVT_OUTCOME_NONE;
        const char *type = kvt_json_text(failure, "failure_type", "");
        for (size_t i = 0; i < sizeof of_type / sizeof *of_type; i++)
            if (strcmp(type, of_type[i].type) == 0)
                return of_type[i].outcome;
        return KVT_OUTCOME_MALFORMED;
    }
    if (!json_is_object(score))
        return json_is_object(json_object_get(response, "error")) ? KVT_OUTCOME_NONE
                                                                  : KVT_OUTCOME_UNSCORED;
    const json_t *value = json_object_get(score, "value");
    if (!json_is_number(value))
        return KVT_OUTCOME_NONE;
    /* LongBench's rouge gives a perfect match .999999995 (2pr/(p+r+1e-8)). */
    if (json_number_value(value) >= 1 - 1e-6)
        return KVT_OUTCOME_CORRECT;
    return json_number_value(value) > 0 ? KVT_OUTCOME_PARTLY : KVT_OUTCOME_WRONG;
}
