/* engine/policy_full.c: keeps everything; the reference every budget is compared with. */
#include "engine/policy.h"

const struct kvt_policy kvt_policy_full = {
    .name = "full",
    .summary = "keeps every entry",
};
