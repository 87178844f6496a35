/*
 * engine_parity MODEL.gguf GOLDEN.json: runs every golden run whose policy the engine has and
 * prints TAP: kept indices of each layer and KV head, logits after the prompt, greedy tokens.
 * Golden file: `context` (token ids) and `runs`, each with policy, params, ctx_len (entries at
 * compression), kept, first_logits (after `tail` further tokens), generated. Entries may be swapped
 * only in layers whose own cut margin in the golden file is below 1e-5.
 */
#include "core/error.h"
#include "engine/engine.h"
#include "engine/policy.h"
#include "engine/sampler.h"
#include "stream/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 4096, TAIL = 8 };

static int count, failed;

static void report(int passed, const char *run, const char *what, double figure)
{
    count++;
    failed += !passed;
    printf("%sok %d - %s: %s (%g)\n", passed ? "" : "not ", count, run, what, figure);
}

/* Entries of one head that are not golden's. */
static size_t differences(const struct kvt_session *session, size_t layer, size_t head,
                          const json_t *golden)
{
    int32_t positions[MAX_TOKENS];
    size_t n = kvt_session_positions(session, layer, head, positions, MAX_TOKENS), same = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < json_array_size(golden); j++)
            same += positions[i] == json_integer_value(json_array_get(golden, j));
    size_t larger = n > json_array_size(golden) ? n : json_array_size(golden);
    return larger - same;
}

static void compare_kept(const struct kvt_session *session, const struct kvt_engine_info *info,
                         const json_t *run, const char *name)
{
    size_t wrong = 0, swapped = 0;
    for (size_t layer = 0; layer < info->n_layers; layer++) {
        char key[32];
        snprintf(key, sizeof key, "kept.%zu", layer);
        const json_t *heads = kvt_json_get(run, key);
        double margin = json_number_value(json_array_get(kvt_json_get(run, "kept.margin"), layer));
        for (size_t head = 0; head < info->n_kv_heads; head++) {
            size_t n = differences(session, layer, head, json_array_get(heads, head));
            if (margin < 1e-5)
                swapped += n;
            else
                wrong += n;
        }
    }
    report(wrong == 0, name, "kept entries that differ", (double)wrong);
    printf("# %s: %zu entries differ in layers whose margin is below 1e-5\n", name, swapped);
}

static void feed(struct kvt_session *session, const int32_t *tokens, size_t n)
{
    struct kvt_error error;
    for (size_t at = 0; at < n;) {
        ptrdiff_t taken = kvt_session_feed(session, tokens + at, n - at, &error);
        if (taken < 0)
            kvt_die_error(&error);
        at += (size_t)taken;
    }
}

static void compare_run(struct kvt_engine *engine, const json_t *golden, const json_t *run)
{
    const struct kvt_engine_info *info = kvt_engine_info(engine);
    const char *name = kvt_json_text(run, "policy", "");
    const char *ours = strcmp(name, "streaming") == 0 ? "streamingllm" : name;
    char rotated[64];
    if (kvt_json_bool(run, "rerotate", false)) {
        snprintf(rotated, sizeof rotated, "%s-rerotated", ours);
        name = ours = rotated;
    }
    const struct kvt_policy *policy = kvt_policy_find(ours);
    if (!policy) {
        printf("ok %d - %s # SKIP no such policy here\n", ++count, name);
        return;
    }
    int32_t tokens[MAX_TOKENS];
    const json_t *context = json_object_get(golden, "context");
    for (size_t i = 0; i < json_array_size(context) && i < MAX_TOKENS; i++)
        tokens[i] = (int32_t)json_integer_value(json_array_get(context, i));
    size_t at = (size_t)kvt_json_integer(run, "ctx_len", 0);
    struct kvt_plan plan = {
        .policy = policy,
        .budget = 1 - kvt_json_number(run, "params.ratio", 0),
        .parameters = {.window = (size_t)kvt_json_integer(run, "params.window", 0),
                       .kernel = (size_t)kvt_json_integer(run, "params.kernel", 0),
                       .sinks = (size_t)kvt_json_integer(run, "params.sink", 0)},
        .prompt_tokens = at + TAIL,
        .compress_at = at,
    };
    struct kvt_error error;
    struct kvt_session *session = kvt_session_open(engine, &plan, &error);
    if (!session)
        kvt_die_error(&error);
    feed(session, tokens, at);
    if (policy->select)
        compare_kept(session, info, run, name);
    feed(session, tokens + at, TAIL);
    const float *logits = kvt_session_logits(session);
    const json_t *first = json_object_get(run, "first_logits"),
                 *generated = json_object_get(run, "generated");
    double worst = json_array_size(first) == info->vocabulary ? 0 : INFINITY;
    for (size_t i = 0; i < json_array_size(first); i++)
        worst = fmax(worst, fabs((double)logits[i] - json_number_value(json_array_get(first, i))));
    report(worst <= 1e-3, name, "largest difference of logits after the prompt", worst);
    size_t same = 0;
    for (size_t i = 0; i < json_array_size(generated); i++) {
        int32_t token = kvt_sample(kvt_session_logits(session), info->vocabulary, 0, 1, NULL);
        same += token == json_integer_value(json_array_get(generated, i));
        feed(session, &token, 1);
    }
    report(same > 0 && same == json_array_size(generated), name, "greedy tokens that agree",
           (double)same);
    kvt_session_close(session);
}

int main(int argc, char **argv)
{
    struct kvt_error error;
    kvt_set_program(argv[0]);
    if (argc != 3)
        kvt_die(KVT_USAGE, "usage: engine_parity MODEL.gguf GOLDEN.json");
    struct kvt_engine_options options = {.context = 512};
    struct kvt_engine *engine = kvt_engine_open(argv[1], &options, &error);
    json_t *golden = engine ? kvt_json_load(argv[2], &error) : NULL;
    if (!golden)
        kvt_die_error(&error);
    json_t *run;
    size_t i;
    json_array_foreach(json_object_get(golden, "runs"), i, run) compare_run(engine, golden, run);
    printf("1..%d\n", count);
    json_decref(golden);
    kvt_engine_close(engine);
    return failed ? 1 : 0;
}
