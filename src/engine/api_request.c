#include "engine/api.h"

#include "core/memory.h"
#include "core/option.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { MAX_MESSAGES = 4096, COMPLETION_TOKENS = 16 };

static const char bad_request[] = "invalid_request_error";

int kvt_api_fail(struct kvt_api_error *error, int status, const char *type, const char *param,
                 const char *format, ...)
{
    *error = (struct kvt_api_error){.status = status};
    snprintf(error->type, sizeof error->type, "%s", type);
    snprintf(error->param, sizeof error->param, "%s", param ? param : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return -1;
}

/* Members that are absent or null leave the value as it is. */
static int read_number(const json_t *body, const char *name, double lowest, double highest,
                       double *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    double number = json_number_value(member);
    if (!json_is_number(member) || !(number >= lowest && number <= highest))
        return kvt_api_fail(error, 400, bad_request, name, "%s must be a number from %g to %g",
                            name, lowest, highest);
    *value = number;
    return 0;
}

static int read_integer(const json_t *body, const char *name, long long lowest, long long highest,
                        long long *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    double real = json_is_real(member) ? json_real_value(member) : 0;
    bool whole = json_is_integer(member) ||
                 (json_is_real(member) && real == floor(real) && fabs(real) < 9e15);
    long long number = json_is_integer(member) ? json_integer_value(member)
                       : whole                 ? (long long)real
                                               : 0;
    if (!whole || number < lowest || number > highest)
        return kvt_api_fail(error, 400, bad_request, name,
                            "%s must be a whole number from %lld to %lld", name, lowest, highest);
    *value = number;
    return 0;
}

static int read_bool(const json_t *body, const char *name, bool *value, struct kvt_api_error *error)
{
    const json_t *member = json_object_get(body, name);
    if (!member || json_is_null(member))
        return 0;
    if (!json_is_boolean(member))
        return kvt_api_fail(error, 400, bad_request, name, "%s must be true or false", name);
    *value = json_is_true(member);
    return 0;
}

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
            return kvt_api_fail(error, 400, bad_request, numbers[i].name,
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
            return kvt_api_fail(error, 400, bad_request, others[i],
                                "%s is not supported; leave it out", others[i]);
    }
    const json_t *format = json_object_get(body, "response_format");
    if (format && !json_is_null(format) && strcmp(kvt_json_text(format, "type", ""), "text") != 0)
        return kvt_api_fail(error, 400, bad_request, "response_format",
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
        return kvt_api_fail(error, 400, bad_request, "stop", "stop holds more than %d strings",
                            KVT_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_is_array(stop) ? json_array_get(stop, i) : stop;
        if (!json_is_string(text) || json_string_length(text) == 0)
            return kvt_api_fail(error, 400, bad_request, "stop",
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
    if (read_number(body, "temperature", 0, 100, &request->temperature, error) ||
        read_number(body, "top_p", 0, 1, &request->top_p, error) ||
        read_integer(body, "seed", INT64_MIN, INT64_MAX, &seed, error) ||
        read_integer(body, "max_tokens", 0, INT32_MAX, &max_tokens, error) ||
        read_integer(body, "max_completion_tokens", 0, INT32_MAX, &max_tokens, error) ||
        read_bool(body, "stream", &request->stream, error) ||
        read_bool(body, "ignore_eos", &request->ignore_eos, error) ||
        read_stops(body, request, error))
        return -1;
    if (json_is_object(options) &&
        read_bool(options, "include_usage", &request->include_usage, error))
        return -1;
    if (request->chat) {
        if (read_bool(body, "logprobs", &logprobs, error) ||
            read_integer(body, "top_logprobs", 0, KVT_MAX_TOP, &top, error))
            return -1;
        if (top > 0 && !logprobs)
            return kvt_api_fail(error, 400, bad_request, "top_logprobs",
                                "top_logprobs needs logprobs to be true");
    } else {
        top = -1;
        if (!json_is_false(json_object_get(body, "logprobs")) &&
            read_integer(body, "logprobs", 0, KVT_MAX_TOP, &top, error))
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
            return kvt_api_fail(error, 400, bad_request, name,
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
        return kvt_api_fail(error, 400, bad_request, "kv_policy", "kv_policy must be one of %s",
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
    return kvt_api_fail(error, 400, bad_request, "kv_compress_after",
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
        read_number(body, "kv_budget", 0, 1, &plan->budget, error) ||
        read_integer(body, "kv_capacity", 1, INT32_MAX, &capacity, error) ||
        read_integer(body, "kv_window", 1, 65536, &window, error) ||
        read_integer(body, "kv_kernel", 1, 65535, &kernel, error) ||
        read_integer(body, "kv_sinks", 1, INT32_MAX, &sinks, error) ||
        read_integer(body, "kv_seed", INT64_MIN, INT64_MAX, &kv_seed, error) ||
        read_compress_after(body, request, error))
        return -1;
    const json_t *budget = json_object_get(body, "kv_budget");
    if (!(plan->budget > 0))
        return kvt_api_fail(error, 400, bad_request, "kv_budget", "kv_budget must be above 0");
    if (capacity > 0 && budget && !json_is_null(budget))
        return kvt_api_fail(error, 400, bad_request, "kv_capacity",
                            "kv_budget and kv_capacity exclude each other");
    if (!plan->policy->select && (plan->budget < 1 || capacity > 0))
        return kvt_api_fail(error, 400, bad_request, "kv_policy",
                            "%s needs a kv_policy that evicts; \"full\" keeps everything",
                            capacity > 0 ? "kv_capacity" : "kv_budget below 1");
    if (kernel % 2 == 0 && kernel != 0)
        return kvt_api_fail(error, 400, bad_request, "kv_kernel", "kv_kernel must be odd");
    plan->capacity = (size_t)capacity;
    plan->parameters = (struct kvt_policy_parameters){.window = (size_t)window,
                                                      .kernel = (size_t)kernel,
                                                      .sinks = (size_t)sinks,
                                                      .seed = (uint64_t)kv_seed};
    return 0;
}

/* Content of one message: a string, or text parts that are joined. */
static int read_content(const json_t *content, struct kvt_buffer *text, size_t *first_part,
                        size_t *n_parts, struct kvt_api_error *error)
{
    *n_parts = 1;
    *first_part = 0;
    if (!content || json_is_null(content))
        return 0;
    if (json_is_string(content)) {
        kvt_buffer_append(text, json_string_value(content), json_string_length(content));
        return 0;
    }
    *n_parts = json_array_size(content);
    for (size_t i = 0; i < *n_parts; i++) {
        const json_t *part = json_array_get(content, i), *words = json_object_get(part, "text");
        if (strcmp(kvt_json_text(part, "type", ""), "text") != 0 || !json_is_string(words))
            return kvt_api_fail(error, 400, bad_request, "messages",
                                "a content part must be {\"type\":\"text\",\"text\":...}");
        kvt_buffer_append(text, json_string_value(words), json_string_length(words));
        if (i == 0)
            *first_part = json_string_length(words);
    }
    if (!json_is_array(content) || *n_parts == 0)
        return kvt_api_fail(error, 400, bad_request, "messages",
                            "content must be a string or a list of text parts");
    return 0;
}

struct conversation {
    struct kvt_chat_message *messages;
    struct kvt_buffer *texts;
    size_t n;
};

static void free_conversation(struct conversation *conversation)
{
    for (size_t i = 0; i < conversation->n; i++)
        kvt_buffer_free(&conversation->texts[i]);
    free(conversation->texts);
    free(conversation->messages);
}

static int read_messages(const json_t *list, struct conversation *out, struct kvt_api_error *error)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0 || n > MAX_MESSAGES)
        return kvt_api_fail(error, 400, bad_request, "messages",
                            "messages must be a list of 1 to %d messages", MAX_MESSAGES);
    out->messages = kvt_alloc_zero(n, sizeof *out->messages);
    out->texts = kvt_alloc_zero(n, sizeof *out->texts);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *message = json_array_get(list, i);
        const char *role = kvt_json_text(message, "role", NULL);
        size_t n_parts, first_part;
        if (!role)
            return kvt_api_fail(error, 400, bad_request, "messages", "message %zu has no role",
                                i + 1);
        if (read_content(json_object_get(message, "content"), &out->texts[i], &first_part, &n_parts,
                         error))
            return -1;
        if (strcmp(role, "developer") == 0)
            role = "system";
        out->messages[i] = (struct kvt_chat_message){
            .role = role,
            .text = kvt_buffer_string(&out->texts[i]),
            .length = out->texts[i].length,
            .context_length = n_parts == 2 ? first_part : 0,
        };
    }
    return 0;
}

static int encode_chat(const struct kvt_service *service, const json_t *list,
                       struct kvt_chat_prompt *prompt, struct kvt_api_error *error)
{
    struct conversation conversation = {0};
    struct kvt_error reason;
    int result = read_messages(list, &conversation, error);
    if (result == 0 && kvt_chat_encode(service->chat, service->tokenizer, conversation.messages,
                                       conversation.n, prompt, &reason))
        result = kvt_api_fail(error, 400, bad_request, "messages", "%s", reason.text);
    free_conversation(&conversation);
    return result;
}

static int encode_text(const struct kvt_service *service, const json_t *text, unsigned flags,
                       struct kvt_token_ids *ids, struct kvt_api_error *error)
{
    struct kvt_error reason;
    if (kvt_tokenizer_encode(service->tokenizer, json_string_value(text), json_string_length(text),
                             flags, ids, &reason))
        return kvt_api_fail(error, 400, bad_request, "prompt", "%s", reason.text);
    return 0;
}

/* prompt: a string, a list of token ids, or a list that holds just one of these. */
static int read_prompt(const struct kvt_service *service, const json_t *prompt,
                       struct kvt_token_ids *ids, struct kvt_api_error *error)
{
    if (json_is_array(prompt) && json_array_size(prompt) == 1 &&
        !json_is_integer(json_array_get(prompt, 0)))
        prompt = json_array_get(prompt, 0);
    if (json_is_string(prompt))
        return encode_text(service, prompt, KVT_ENCODE_SPECIAL, ids, error);
    size_t n = json_array_size(prompt);
    if (!json_is_array(prompt) || n == 0)
        return kvt_api_fail(error, 400, bad_request, "prompt",
                            "prompt must be one string or one list of token ids");
    ids->ids = kvt_alloc_array(n, sizeof *ids->ids);
    ids->capacity = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(prompt, i);
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value >= (json_int_t)service->info->vocabulary)
            return kvt_api_fail(error, 400, bad_request, "prompt",
                                "prompt: element %zu is not a token id below %zu", i,
                                service->info->vocabulary);
        ids->ids[ids->count++] = (int32_t)value;
    }
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
                error, 400, bad_request, "kv_compress_after",
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
        int result = encode_chat(service, json_object_get(body, "messages"), &prompt, error);
        request->prompt = prompt.tokens;
        context_end = prompt.context_end;
        question_end = prompt.question_end;
        if (result)
            return -1;
    } else if (read_prompt(service, json_object_get(body, "prompt"), &request->prompt, error)) {
        return -1;
    }
    size_t n = request->prompt.count, context = service->info->context;
    if (n == 0)
        return kvt_api_fail(error, 400, bad_request, request->chat ? "messages" : "prompt",
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

static json_t *parse_body(const char *body, size_t length, struct kvt_api_error *error)
{
    struct kvt_error reason;
    json_t *tree = kvt_json_parse(body, length, NULL, &reason);
    if (tree && json_is_object(tree))
        return tree;
    kvt_api_fail(error, 400, bad_request, NULL, "the body is not a JSON object%s%s",
                 tree ? "" : ": ", tree ? "" : reason.text);
    json_decref(tree);
    return NULL;
}

int kvt_request_parse(const struct kvt_service *service, bool chat, const char *body, size_t length,
                      struct kvt_request *request, struct kvt_api_error *error)
{
    *request = (struct kvt_request){.chat = chat};
    json_t *tree = parse_body(body, length, error);
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

static void write_tokens(const struct kvt_service *service, const struct kvt_token_ids *ids,
                         bool counted, struct kvt_buffer *out)
{
    struct kvt_writer writer;
    kvt_writer_start(&writer, out);
    kvt_write_object(&writer);
    if (counted) {
        kvt_member_integer(&writer, "count", (long long)ids->count);
        kvt_member_integer(&writer, "max_model_len", (long long)service->info->context);
    }
    kvt_write_key(&writer, "tokens");
    kvt_write_array(&writer);
    for (size_t i = 0; i < ids->count; i++)
        kvt_write_integer(&writer, ids->ids[i]);
    kvt_write_end(&writer);
    kvt_write_end(&writer);
}

static int tokenize_tree(const struct kvt_service *service, const json_t *tree,
                         struct kvt_token_ids *ids, struct kvt_api_error *error)
{
    const json_t *content = json_object_get(tree, "content"),
                 *prompt = json_object_get(tree, "prompt");
    const json_t *messages = json_object_get(tree, "messages");
    bool special = !content; /* the defaults of the two servers whose forms these are */
    if (read_bool(tree, content ? "add_special" : "add_special_tokens", &special, error))
        return -1;
    unsigned flags = special ? KVT_ENCODE_SPECIAL : 0;
    if (json_is_string(content))
        return encode_text(service, content, flags, ids, error);
    if (json_is_string(prompt))
        return encode_text(service, prompt, flags, ids, error);
    if (!messages)
        return kvt_api_fail(error, 400, bad_request, NULL,
                            "one of prompt, content (strings) or messages is needed");
    bool generation = true;
    struct kvt_chat_prompt chat = {0};
    if (read_bool(tree, "add_generation_prompt", &generation, error))
        return -1;
    int result = encode_chat(service, messages, &chat, error);
    *ids = chat.tokens;
    if (result == 0 && !generation)
        ids->count = chat.question_end;
    return result;
}

int kvt_tokenize(const struct kvt_service *service, const char *body, size_t length,
                 struct kvt_buffer *out, struct kvt_api_error *error)
{
    json_t *tree = parse_body(body, length, error);
    if (!tree)
        return -1;
    struct kvt_token_ids ids = {0};
    int result = tokenize_tree(service, tree, &ids, error);
    if (result == 0)
        write_tokens(service, &ids, !json_object_get(tree, "content"), out);
    kvt_token_ids_free(&ids);
    json_decref(tree);
    return result;
}
