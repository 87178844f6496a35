#include "http/query.h"

#include "core/memory.h"
#include "http/identity.h"
#include "stream/json.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_TOKENS = 128 };

void kvt_query_read_settings(struct kvt_query_settings *settings, const json_t *tree)
{
    *settings = (struct kvt_query_settings){
        .api = kvt_json_text(tree, "engine.api", NULL),
        .max_tokens_field = kvt_json_text(tree, "engine.request.max_tokens_field", "max_tokens"),
        .max_tokens = kvt_json_integer(tree, "decoding.max_tokens", -1),
        .temperature = kvt_json_number(tree, "decoding.temperature", 0),
        .send_temperature = kvt_json_bool(tree, "engine.request.temperature", true),
        .seed = kvt_json_integer(tree, "decoding.seed", 0),
        .stream = kvt_json_bool(tree, "engine.stream", true),
        .stream_usage = kvt_json_bool(tree, "engine.request.stream_usage", true),
        .nonce = kvt_json_bool(tree, "engine.bust_prefix_cache", false),
    };
}

const char *kvt_api_path(enum kvt_api api)
{
    return api == KVT_API_CHAT ? "/chat/completions" : "/completions";
}

/* The text of a conversation of one user message, for servers asked by completions; else NULL. */
static const char *only_text(const json_t *messages)
{
    if (json_array_size(messages) != 1)
        return NULL;
    return kvt_json_text(json_array_get(messages, 0), "content", NULL);
}

/* Sets messages or prompt in the body, converting between the two where engine.api asks for it. */
static int set_prompt(json_t *body, enum kvt_api *api, const char *wanted, const json_t *entry,
                      struct kvt_error *error)
{
    json_t *messages = json_object_get(entry, "messages");
    json_t *prompt = json_object_get(entry, "prompt");
    bool chat = json_is_array(messages) && json_array_size(messages) > 0;
    if (!chat && !json_is_string(prompt))
        return kvt_fail(
            error, KVT_DATA,
            "the entry has neither messages nor a prompt (kvt-infer's own output has none: "
            "its input, also with --offline, is the manifest that kvt-bin wrote)");
    *api = chat ? KVT_API_CHAT : KVT_API_COMPLETIONS;
    if (wanted)
        *api = strcmp(wanted, "chat") == 0 ? KVT_API_CHAT : KVT_API_COMPLETIONS;
    if (*api == KVT_API_CHAT && chat) {
        json_object_set(body, "messages", messages);
    } else if (*api == KVT_API_CHAT) {
        json_object_set_new(body, "messages",
                            json_pack("[{s:s,s:O}]", "role", "user", "content", prompt));
    } else if (json_is_string(prompt)) {
        json_object_set(body, "prompt", prompt);
    } else {
        const char *text = only_text(messages);
        if (!text)
            return kvt_fail(error, KVT_DATA,
                            "engine.api is completions, but the entry is a conversation; make the "
                            "entries with that setting");
        json_object_set_new(body, "prompt", json_string(text));
    }
    return 0;
}

static void hash_body(struct kvt_query *request, const struct kvt_buffer *text)
{
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_add(&hash, text->data, text->length);
    kvt_sha256_hex(&hash, request->body_sha256);
}

static json_t *prefixed(const char *nonce, const json_t *text)
{
    char *joined = kvt_asprintf("%s%s", nonce, json_string_value(text));
    json_t *value = json_string(joined);
    free(joined);
    return value;
}

/* A copy of the messages whose first text starts with the nonce. */
static json_t *nonce_messages(const char *nonce, const json_t *messages)
{
    json_t *copy = json_deep_copy(messages);
    json_t *first = json_array_get(copy, 0);
    json_t *content = json_object_get(first, "content");
    if (json_is_string(content)) {
        json_object_set_new(first, "content", prefixed(nonce, content));
    } else if (json_is_array(content)) {
        json_t *part = json_array_get(content, 0);
        json_t *text = json_object_get(part, "text");
        if (json_is_string(text))
            json_object_set_new(part, "text", prefixed(nonce, text));
    }
    return copy;
}

/* The nonce comes from the request_id, so that a prompt never shares its beginning with another. */
static void add_nonce(json_t *body, const char *request_id)
{
    char nonce[24];
    snprintf(nonce, sizeof nonce, "[%.12s] ", request_id);
    json_t *prompt = json_object_get(body, "prompt");
    json_t *messages = json_object_get(body, "messages");
    if (json_is_string(prompt))
        json_object_set_new(body, "prompt", prefixed(nonce, prompt));
    else if (json_is_array(messages))
        json_object_set_new(body, "messages", nonce_messages(nonce, messages));
}

/* The setting, else the entry's own cap. */
static int set_max_tokens(struct kvt_query *request, const struct kvt_query_settings *settings,
                          const json_t *entry, struct kvt_error *error)
{
    const json_t *own = kvt_json_get(entry, "meta.max_tokens");
    request->max_tokens = settings->max_tokens;
    if (request->max_tokens > 0)
        return 0;
    request->max_tokens = DEFAULT_MAX_TOKENS;
    if (!own || json_is_null(own))
        return 0;
    request->max_tokens = kvt_json_integer(entry, "meta.max_tokens", 0);
    if (request->max_tokens < 1)
        return kvt_fail(error, KVT_DATA, "meta.max_tokens is not a whole number above 0");
    return 0;
}

int kvt_query_build(struct kvt_query *request, const struct kvt_query_settings *settings,
                    const struct kvt_grid *grid, const struct kvt_run *run, const json_t *entry,
                    long repeat, const json_t *add, struct kvt_error *error)
{
    *request = (struct kvt_query){.seed = settings->seed + repeat};
    if (set_max_tokens(request, settings, entry, error) != 0)
        return -1;
    json_t *body = json_object();
    json_object_set_new(body, "model", json_string(grid->model));
    if (set_prompt(body, &request->api, settings->api, entry, error) != 0) {
        json_decref(body);
        return -1;
    }
    json_object_set_new(body, settings->max_tokens_field, json_integer(request->max_tokens));
    if (settings->send_temperature)
        json_object_set_new(body, "temperature", json_real(settings->temperature));
    json_object_set_new(body, "seed", json_integer(request->seed));
    json_object_update(body, run->extra);
    if (add)
        json_object_update(body, (json_t *)(uintptr_t)add);

    struct kvt_buffer canonical = {0};
    kvt_json_write(&canonical, body);
    hash_body(request, &canonical);
    kvt_identity_request(grid, run, request->body_sha256, repeat, request->request_id);
    if (settings->nonce || settings->stream) {
        if (settings->nonce)
            add_nonce(body, request->request_id);
        if (settings->stream) {
            json_object_set_new(body, "stream", json_true());
            if (settings->stream_usage)
                json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
        }
        kvt_buffer_clear(&canonical);
        kvt_json_write(&canonical, body);
    }
    request->body = canonical;
    json_decref(body);
    return 0;
}

void kvt_query_free(struct kvt_query *request)
{
    kvt_buffer_free(&request->body);
}
