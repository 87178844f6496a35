#include "dataset/remote.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/redact.h"
#include "http/failure.h"
#include "http/fetch.h"
#include "stream/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECONDS = 120 };

bool kvt_remote_is_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

struct kvt_remote *kvt_remote_new(const struct kvt_remote_options *options)
{
    struct kvt_remote *remote = kvt_alloc_zero(1, sizeof *remote);
    struct kvt_buffer shown = {0};
    kvt_redact_url(options->url, &shown);
    remote->shown = kvt_buffer_take(&shown);
    remote->options = *options;
    remote->options.url = kvt_strdup(options->url);
    remote->options.model = kvt_strdup(options->model);
    return remote;
}

void kvt_remote_free(struct kvt_remote *remote)
{
    if (!remote)
        return;
    free((char *)(uintptr_t)remote->options.url);
    free((char *)(uintptr_t)remote->options.model);
    free(remote->shown);
    free(remote);
}

/*
 * Does the answer say that the model is being loaded? Then it has been waited for: 1, ask again; -1
 * and *error when that has gone on for too long. 0: it says something else.
 */
static int wait_while_loading(struct kvt_remote *remote, long status, struct kvt_buffer *answer,
                              const struct kvt_retry_asked *asked, struct kvt_error *error)
{
    const struct kvt_remote_options *options = &remote->options;
    struct kvt_failure failure = {0};
    double now = kvt_clock_monotonic();
    if (status < 200 || status > 299)
        kvt_failure_from_body(&failure, status, kvt_buffer_string(answer), answer->length);
    if (!failure.loading || options->load_wait_s <= 0) {
        kvt_loading_end(&remote->loading, remote->shown, now);
        return 0;
    }
    double due = kvt_loading_wait(&remote->loading, remote->shown, options->load_wait_s,
                                  kvt_retry_asked(asked, status), options->backoff_max_s, now);
    if (isnan(due))
        return kvt_fail(error, KVT_SYSTEM,
                        "%s is still loading its model after %g s (engine.request.load_wait_s)",
                        remote->shown, options->load_wait_s);
    kvt_clock_sleep(due - now);
    return 1;
}

/* Posts a body; the status, with the answer as a tree (NULL when it is not JSON). */
static long post(struct kvt_remote *remote, const char *url, const char *body, json_t **answer,
                 struct kvt_error *error)
{
    struct kvt_buffer text = {0};
    struct kvt_retry_asked asked = KVT_RETRY_UNASKED;
    struct kvt_fetch_options options = {
        .body = body, .api_key = remote->options.api_key, .timeout_s = SECONDS, .asked = &asked};
    long status;
    int again;
    *answer = NULL;
    do {
        kvt_buffer_clear(&text);
        status = kvt_fetch(url, &options, &text, error);
        again = status < 0 ? 0 : wait_while_loading(remote, status, &text, &asked, error);
    } while (again > 0);
    if (status >= 200 && status < 300)
        *answer = kvt_json_parse(kvt_buffer_string(&text), text.length, NULL, NULL);
    kvt_buffer_free(&text);
    return again < 0 ? -1 : status;
}

static void add_id(struct kvt_token_ids *ids, int32_t id)
{
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity ? 2 * ids->capacity : 64;
        ids->ids = kvt_realloc_array(ids->ids, ids->capacity, sizeof *ids->ids);
    }
    ids->ids[ids->count++] = id;
}

/* TGI says of each token where in the text it is; those it added itself are nowhere. */
static bool is_added(const json_t *token)
{
    const json_t *start = json_object_get(token, "start"), *stop = json_object_get(token, "stop");
    return json_is_integer(start) && json_is_integer(stop) &&
           json_integer_value(start) == json_integer_value(stop);
}

/* Tokens of a list, numbers or objects with an id; -1 when one is neither. */
static int64_t count_tokens(const json_t *tokens, bool added_too, struct kvt_token_ids *ids)
{
    int64_t count = 0;
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const json_t *token = json_array_get(tokens, i);
        const json_t *id = json_is_object(token) ? json_object_get(token, "id") : token;
        if (!json_is_integer(id))
            return -1;
        if (!added_too && is_added(token))
            continue;
        count++;
        if (ids)
            add_id(ids, (int32_t)json_integer_value(id));
    }
    return count;
}

/*
 * vLLM: {"count":n,"tokens":[…]}; llama.cpp: {"tokens":[…]} of ids or of {"id":…,"piece":…}; TGI:
 * [{"id":…,"start":…,"stop":…},…], always with the tokens a completion starts with. -1: none of
 * them.
 */
static int64_t count_in(const json_t *answer, bool added_too, struct kvt_token_ids *ids)
{
    const json_t *count = json_object_get(answer, "count");
    const json_t *tokens = json_is_array(answer) ? answer : json_object_get(answer, "tokens");
    int64_t n = json_is_array(tokens) ? count_tokens(tokens, added_too, ids) : -1;
    if (json_is_integer(count) && json_integer_value(count) >= 0 && (!ids || n >= 0))
        return json_integer_value(count);
    return n;
}

/* A text of which every token is nowhere: the server does not know places, and so not what it
 * added. */
static bool is_unplaced(const json_t *answer, size_t length)
{
    for (size_t i = 0; i < json_array_size(answer); i++)
        if (!is_added(json_array_get(answer, i)))
            return false;
    return length > 0 && json_array_size(answer) > 0;
}

/* The text under the name each of the servers knows; unlike the streams, with U+0000 as it is. */
static char *text_body(const struct kvt_remote *remote, const char *text, size_t length,
                       bool special)
{
    static const char *const names[] = {"prompt", "content", "inputs"};
    json_t *body = json_object();
    json_object_set_new(body, "model", json_string(remote->options.model));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_set_new(body, names[i], json_stringn(text, length));
    json_object_set_new(body, "add_special", json_boolean(special));
    json_object_set_new(body, "add_special_tokens", json_boolean(special));
    char *written = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return written;
}

int64_t kvt_remote_count(struct kvt_remote *remote, const char *text, size_t length, bool special,
                         struct kvt_token_ids *ids, struct kvt_error *error)
{
    json_t *answer;
    char *body = text_body(remote, text, length, special);
    if (!body)
        return kvt_fail(error, KVT_DATA, "the text cannot be sent: it is not UTF-8");
    long status = post(remote, remote->options.url, body, &answer, error);
    free(body);
    int64_t count = answer ? count_in(answer, special, ids) : -1;
    bool unplaced = !special && is_unplaced(answer, length);
    json_decref(answer);
    if (unplaced)
        return kvt_fail(error, KVT_SYSTEM,
                        "%s does not say which tokens it added to the text; count with --special, "
                        "or with the tokenizer's file",
                        remote->shown);
    if (status >= 0 && count < 0)
        kvt_fail(
            error, KVT_SYSTEM,
            "%s answered with status %ld and no token count; it should be the /tokenize of vLLM, "
            "kvt-serve, llama.cpp or TGI",
            remote->shown, status);
    return count;
}

/* …/tokenize?QUERY -> …/NAME?QUERY */
static char *url_beside(const struct kvt_remote *remote, const char *name)
{
    size_t path = strcspn(remote->options.url, "?#"), folder = path;
    const char *scheme = strstr(remote->options.url, "://");
    size_t authority = scheme ? (size_t)(scheme - remote->options.url) + 3 : 0;
    while (folder > authority && remote->options.url[folder] != '/')
        folder--;
    if (folder == authority) /* no path: the whole of it is the host */
        folder = path;
    return kvt_asprintf("%.*s/%s%s", (int)folder, remote->options.url, name,
                        remote->options.url + path);
}

/* llama.cpp: the text of the prompt, then its tokens. */
static int64_t count_templated(struct kvt_remote *remote, const struct kvt_buffer *body,
                               struct kvt_error *error)
{
    char *url = url_beside(remote, "apply-template");
    json_t *answer;
    int64_t count = 0;
    long status = post(remote, url, body->data, &answer, error);
    const json_t *prompt = json_object_get(answer, "prompt");
    if (status < 0)
        count = -1;
    else if (json_is_string(prompt))
        count = kvt_remote_count(remote, json_string_value(prompt), json_string_length(prompt),
                                 true, NULL, error);
    json_decref(answer);
    free(url);
    return count;
}

/* TGI: {"tokenize_response":[…],"templated_text":…}, the template's tokens among them. */
static int64_t count_chat_tokens(struct kvt_remote *remote, const struct kvt_buffer *body,
                                 struct kvt_error *error)
{
    char *url = url_beside(remote, "chat_tokenize");
    json_t *answer;
    long status = post(remote, url, body->data, &answer, error);
    const json_t *tokens = json_object_get(answer, "tokenize_response");
    int64_t count = json_is_array(tokens) ? count_tokens(tokens, true, NULL) : 0;
    json_decref(answer);
    free(url);
    return status < 0 ? -1 : count > 0 ? count : 0;
}

int64_t kvt_remote_count_chat(struct kvt_remote *remote, const json_t *messages,
                              struct kvt_error *error)
{
    struct kvt_buffer body = {0};
    struct kvt_writer writer;
    json_t *answer;
    kvt_writer_start(&writer, &body);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "model", remote->options.model);
    kvt_member_json(&writer, "messages", messages);
    kvt_member_bool(&writer, "add_generation_prompt", true);
    kvt_write_end(&writer);
    long status = post(remote, remote->options.url, body.data, &answer, error);
    int64_t count = status < 0 ? -1 : answer ? count_in(answer, true, NULL) : 0;
    json_decref(answer);
    if (status >= 0 && count <= 0) /* a server that does not look at messages counts nothing */
        count = count_templated(remote, &body, error);
    if (count == 0)
        count = count_chat_tokens(remote, &body, error);
    kvt_buffer_free(&body);
    return count;
}
