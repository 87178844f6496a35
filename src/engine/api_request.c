#include "engine/api.h"

#include "core/memory.h"
#include "core/option.h"
#include "engine/api_field.h"
#include "engine/api_prompt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { COMPLETION_TOKENS = 16 };

/* Features that would change the answer and are not there: refused unless neutral. */
static int refuse_unsupported(const json_t *body, struct kvt_api_error *error)
{
    static const struct {
        const char *name;
        double neutral, also;
    } numbers[] = {{"n", 1, 1},
                   {"best_of", 1, 1},
                   {"presence_penalty", 0, 0},
                   {"frequency_penalty", 0, 0},
                   {"repetition_penalty", 1, 1},
                   {"repeat_penalty", 1, 1},
                   {"min_p", 0, 0},
                   {"top_k", 0, -1},
                   {"min_tokens", 0, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const json_t *member = json_object_get(body, numbers[i].name);
        double value = json_number_value(member);
        if (member && !json_is_null(member) &&
            (!json_is_number(member) || (value != numbers[i].neutral && value != numbers[i].also)))
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, numbers[i].name,
                                "%s is not supported; leave it out", numbers[i].name);
    }
    static const char *const others[] = {
        "tools",   "functions",   "logit_bias",  "suffix",       "echo",
        "grammar", "json_schema", "guided_json", "guided_regex", "guided_choice"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const json_t *member = json_object_get(body, others[i]);
        bool empty = !member || json_is_null(member) || json_is_false(member) ||
                     (json_is_array(member) && json_array_size(member) == 0) ||
                     (json_is_object(member) && json_object_size(member) == 0);
        if (!empty)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, others[i],
                                "%s is not supported; leave it out", others[i]);
    }
    const json_t *format = json_object_get(body, "response_format");
    if (format && !json_is_null(format) && strcmp(kvt_json_text(format, "type", ""), "text") != 0)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "response_format",
                            "response_format other than text is not supported");
    return 0;
}

static int read_stops(const json_t *body, struct kvt_request *request, struct kvt_api_error *error)
{
    json_t *stop = json_object_get(body, "stop");
    if (!stop || json_is_null(stop))
        return 0;
    size_t n = json_is_array(stop) ? json_array_size(stop) : 1;
    if (n > KVT_MAX_STOPS)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "stop", "stop holds more than %d strings",
                            KVT_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_is_array(stop) ? json_array_get(stop, i) : stop;
        if (!json_is_string(text) || json_string_length(text) == 0)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "stop",
                                "stop must be a string or a list of strings, none of them empty");
        request->stop_lengths[i] = json_string_length(text);
        request->stops[i] = kvt_strndup(json_string_value(text), json_string_length(text));
        request->n_stops = i + 1;
    }
    return 0;
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = 0;
    return seed;
}

static int read_sampling(const json_t *body, struct kvt_request *request,
                         struct kvt_api_error *error)
{
    long long seed = -1, top = 0, max_tokens = -1;
    request->temperature = 1;
    request->top_p = 1;
    bool logprobs = false;
    const json_t *options = json_object_get(body, "stream_options");
    if (kvt_field_number(body, "temperature", 0, 100, &request->temperature, error) ||
        kvt_field_number(body, "top_p", 0, 1, &request->top_p, error) ||
        kvt_field_integer(body, "seed", INT64_MIN, INT64_MAX, &seed, error) ||
        kvt_field_integer(body, "max_tokens", 0, INT32_MAX, &max_tokens, error) ||
        kvt_field_integer(body, "max_completion_tokens", 0, INT32_MAX, &max_tokens, error) ||
        kvt_field_bool(body, "stream", &request->stream, error) ||
        kvt_field_bool(body, "ignore_eos", &request->ignore_eos, error) ||
        read_stops(body, request, error))
        return -1;
    if (json_is_object(options) &&
        kvt_field_bool(options, "include_usage", &request->include_usage, error))
        return -1;
    if (request->chat) {
        if (kvt_field_bool(body, "logprobs", &logprobs, error) ||
            kvt_field_integer(body, "top_logprobs", 0, KVT_MAX_TOP, &top, error))
            return -1;
        if (top > 0 && !logprobs)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "top_logprobs",
                                "top_logprobs needs logprobs to be true");
    } else {
        top = -1;
        if (!json_is_false(json_object_get(body, "logprobs")) &&
            kvt_field_integer(body, "logprobs", 0, KVT_MAX_TOP, &top, error))
            return -1;
        logprobs = top >= 0;
    }
    const json_t *given = json_object_get(body, "seed");
    request->seed = given && !json_is_null(given) ? (uint64_t)seed : random_seed();
    request->logprobs = logprobs;
    request->top = top > 0 ? (size_t)top : 0;
    request->max_tokens = max_tokens >= 0 ? (size_t)max_tokens
                          : request->chat ? SIZE_MAX
                                          : COMPLETION_TOKENS;
    return 0;
}

/* All kv_ fields there are. */
static const char *const kv_fields[] = {"kv_policy", "kv_budget", "kv_capacity",       "kv_window",
                                        "kv_kernel", "kv_sinks",  "kv_compress_after", "kv_seed"};

static int refuse_unknown_kv(json_t *body, struct kvt_api_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value)
    {
        if (strncmp(name, "kv_", 3) != 0)
            continue;
        size_t n = sizeof kv_fields / sizeof *kv_fields, nearest = 0, best = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            size_t distance = kvt_spelling_distance(name, kv_fields[i]);
            if (distance < best) {
                best = distance;
                nearest = i;
            }
        }
        if (best > 0)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, name,
                                "unknown field %.60s (the nearest known one is %s)", name,
                                kv_fields[nearest]);
    }
    return 0;
}

static int read_policy(const json_t *body, struct kvt_plan *plan, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, "kv_policy");
    plan->policy = kvt_policy_find("full");
    if (!member || json_is_null(member))
        return 0;
    const struct kvt_policy *policy =
        json_is_string(member) ? kvt_policy_find(json_string_value(member)) : NULL;
    if (!policy) {
        char names[256] = "";
        for (size_t i = 0; (policy = kvt_policy_at(i)) != NULL; i++) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", policy->name);
        }
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_policy", "kv_policy must be one of %s",
                            names);
    }
    plan->policy = policy;
    return 0;
}

static int read_compress_after(const json_t *body, struct kvt_request *request,
                               struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, "kv_compress_after");
    if (!member || json_is_null(member))
        return 0;
    static const char *const names[] = {"question", "context", "prompt"};
    for (size_t i = 0; i < 3 && json_is_string(member); i++)
        if (strcmp(json_string_value(member), names[i]) == 0) {
            request->compress_after = (enum kvt_compress_after)i;
            return 0;
        }
    return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_compress_after",
                        "kv_compress_after must be question, context or prompt");
}

static int read_kv(json_t *body, struct kvt_request *request, struct kvt_api_error *error)
{
    struct kvt_plan *plan = &request->plan;
    long long capacity = 0, window = 0, kernel = 0, sinks = 0;
    const json_t *seed = json_object_get(body, "seed");
    long long kv_seed = json_is_integer(seed) ? json_integer_value(seed) : 0;
    plan->budget = 1;
    if (refuse_unknown_kv(body, error) || read_policy(body, plan, error) ||
        kvt_field_number(body, "kv_budget", 0, 1, &plan->budget, error) ||
        kvt_field_integer(body, "kv_capacity", 1, INT32_MAX, &capacity, error) ||
        kvt_field_integer(body, "kv_window", 1, 65536, &window, error) ||
        kvt_field_integer(body, "kv_kernel", 1, 65535, &kernel, error) ||
        kvt_field_integer(body, "kv_sinks", 1, INT32_MAX, &sinks, error) ||
        kvt_field_integer(body, "kv_seed", INT64_MIN, INT64_MAX, &kv_seed, error) ||
        read_compress_after(body, request, error))
        return -1;
    const json_t *budget = json_object_get(body, "kv_budget");
    if (!(plan->budget > 0))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_budget", "kv_budget must be above 0");
    if (capacity > 0 && budget && !json_is_null(budget))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_capacity",
                            "kv_budget and kv_capacity exclude each other");
    if (!plan->policy->select && (plan->budget < 1 || capacity > 0))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_policy",
                            "%s needs a kv_policy that evicts; \"full\" keeps everything",
                            capacity > 0 ? "kv_capacity" : "kv_budget below 1");
    if (kernel % 2 == 0 && kernel != 0)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "kv_kernel", "kv_kernel must be odd");
    plan->capacity = (size_t)capacity;
    plan->parameters = (struct kvt_policy_parameters){.window = (size_t)window,
                                                      .kernel = (size_t)kernel,
                                                      .sinks = (size_t)sinks,
                                                      .seed = (uint64_t)kv_seed};
    return 0;
}

/* Where the prompt is compressed, in tokens; the last token is fed after that unless all of it is
 * in. */
static int place_compression(struct kvt_request *request, size_t context_end, size_t question_end,
                             struct kvt_api_error *error)
{
    size_t n = request->prompt.count;
    request->plan.prompt_tokens = n;
    switch (request->compress_after) {
    case KVT_AFTER_CONTEXT:
        if (context_end == 0)
            return kvt_api_fail(
                error, 400, KVT_BAD_REQUEST, "kv_compress_after",
                "kv_compress_after \"context\" needs the last user message as two text "
                "parts, the first of them the context");
        request->plan.compress_at = context_end < n ? context_end : n - 1;
        break;
    case KVT_AFTER_QUESTION:
        request->plan.compress_at = question_end < n ? question_end : n - 1;
        break;
    case KVT_AFTER_PROMPT:
        request->plan.compress_at = n;
        break;
    }
    return 0;
}

static int read_tokens(const struct kvt_service *service, const json_t *body,
                       struct kvt_request *request, struct kvt_api_error *error)
{
    size_t context_end = 0, question_end = SIZE_MAX;
    if (request->chat) {
        struct kvt_chat_prompt prompt = {0};
        int result =
            kvt_api_encode_chat(service, json_object_get(body, "messages"), &prompt, error);
        request->prompt = prompt.tokens;
        context_end = prompt.context_end;
        question_end = prompt.question_end;
        if (result)
            return -1;
    } else if (kvt_api_encode_prompt(service, json_object_get(body, "prompt"), &request->prompt,
                                     error)) {
        return -1;
    }
    size_t n = request->prompt.count, context = service->info->context;
    if (n == 0)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, request->chat ? "messages" : "prompt",
                            "the prompt has no tokens");
    if (n >= context) {
        kvt_api_fail(error, 400, "exceed_context_size_error", NULL,
                     "request (%zu tokens) exceeds the available context size (%zu tokens), try "
                     "increasing it",
                     n, context);
        error->n_prompt = n;
        error->n_context = context;
        return -1;
    }
    if (request->max_tokens > context - n)
        request->max_tokens = context - n;
    return place_compression(request, context_end, question_end, error);
}

int kvt_request_parse(const struct kvt_service *service, bool chat, const char *body, size_t length,
                      struct kvt_request *request, struct kvt_api_error *error)
{
    *request = (struct kvt_request){.chat = chat};
    json_t *tree = kvt_field_body(body, length, error);
    if (!tree)
        return -1;
    int result = -1;
    if (refuse_unsupported(tree, error) == 0 && read_sampling(tree, request, error) == 0 &&
        read_kv(tree, request, error) == 0 && read_tokens(service, tree, request, error) == 0)
        result = 0;
    json_decref(tree);
    return result;
}

void kvt_request_free(struct kvt_request *request)
{
    kvt_token_ids_free(&request->prompt);
    for (size_t i = 0; i < request->n_stops; i++)
        free(request->stops[i]);
    *request = (struct kvt_request){0};
}
