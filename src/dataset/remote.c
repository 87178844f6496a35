#include "dataset/remote.h"

#include "core/memory.h"
#include "http/fetch.h"
#include "stream/json.h"

#include <stdlib.h>
#include <string.h>

enum { SECONDS = 120 };

bool kvt_remote_is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

struct kvt_remote *kvt_remote_new(const char *url, const char *model, const char *api_key)
{
    struct kvt_remote *remote = kvt_alloc_zero(1, sizeof *remote);
    remote->url = kvt_strdup(url);
    remote->model = kvt_strdup(model);
    remote->api_key = api_key;
    return remote;
}

void kvt_remote_free(struct kvt_remote *remote)
{
    if (!remote)
        return;
    free(remote->url);
    free(remote->model);
    free(remote);
}

/* Posts a body; the status, with the answer as a tree (NULL when it is not JSON). */
static long post(const struct kvt_remote *remote, const char *url, const struct kvt_buffer *body,
                 json_t **answer, struct kvt_error *error)
{
    struct kvt_buffer text = {0};
    struct kvt_fetch_options options = {
        .body = body->data, .api_key = remote->api_key, .timeout_s = SECONDS};
    *answer = NULL;
    long status = kvt_fetch(url, &options, &text, error);
    if (status >= 200 && status < 300)
        *answer = kvt_json_parse(kvt_buffer_string(&text), text.length, NULL, NULL);
    kvt_buffer_free(&text);
    return status;
}

static void add_ids(const json_t *tokens, struct kvt_token_ids *ids)
{
    for (size_t i = 0; ids && i < json_array_size(tokens); i++) {
        const json_t *token = json_array_get(tokens, i);
        const json_t *id = json_is_object(token) ? json_object_get(token, "id") : token;
        if (ids->count == ids->capacity) {
            ids->capacity = ids->capacity ? 2 * ids->capacity : 64;
            ids->ids = kvt_realloc_array(ids->ids, ids->capacity, sizeof *ids->ids);
        }
        ids->ids[ids->count++] = (int32_t)json_integer_value(id);
    }
}

/* vLLM: {"count":n,"tokens":[…]}; llama.cpp: {"tokens":[…]}; TGI: [{"id":…},…]. -1: none of them.
 */
static int64_t count_in(const json_t *answer, struct kvt_token_ids *ids)
{
    const json_t *count = json_object_get(answer, "count");
    const json_t *tokens = json_is_array(answer) ? answer : json_object_get(answer, "tokens");
    if (json_is_array(tokens))
        add_ids(tokens, ids);
    if (json_is_integer(count))
        return json_integer_value(count);
    return json_is_array(tokens) ? (int64_t)json_array_size(tokens) : -1;
}

int64_t kvt_remote_count(const struct kvt_remote *remote, const char *text, size_t length,
                         bool special, struct kvt_token_ids *ids, struct kvt_error *error)
{
    static const char *const names[] = {"prompt", "content", "inputs"};
    struct kvt_buffer body = {0};
    struct kvt_writer writer;
    json_t *answer;
    kvt_writer_start(&writer, &body);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "model", remote->model);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kvt_write_key(&writer, names[i]);
        kvt_write_string_n(&writer, text, length);
    }
    kvt_member_bool(&writer, "add_special", special);
    kvt_member_bool(&writer, "add_special_tokens", special);
    kvt_write_end(&writer);
    long status = post(remote, remote->url, &body, &answer, error);
    kvt_buffer_free(&body);
    int64_t count = answer ? count_in(answer, ids) : -1;
    json_decref(answer);
    if (status >= 0 && count < 0)
        kvt_fail(
            error, KVT_SYSTEM,
            "%s answered with status %ld and no token count; it should be the /tokenize of vLLM, "
            "kvt-serve, llama.cpp or TGI",
            remote->url, status);
    return count;
}

/* …/tokenize -> …/apply-template */
static char *template_url(const struct kvt_remote *remote)
{
    size_t length = strlen(remote->url);
    const char *slash = strrchr(remote->url, '/');
    return kvt_asprintf("%.*s/apply-template",
                        (int)(slash ? (size_t)(slash - remote->url) : length), remote->url);
}

static int64_t count_templated(const struct kvt_remote *remote, const struct kvt_buffer *body,
                               struct kvt_error *error)
{
    char *url = template_url(remote);
    json_t *answer;
    int64_t count = 0;
    long status = post(remote, url, body, &answer, error);
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

int64_t kvt_remote_count_chat(const struct kvt_remote *remote, const json_t *messages,
                              struct kvt_error *error)
{
    struct kvt_buffer body = {0};
    struct kvt_writer writer;
    json_t *answer;
    kvt_writer_start(&writer, &body);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "model", remote->model);
    kvt_member_json(&writer, "messages", messages);
    kvt_member_bool(&writer, "add_generation_prompt", true);
    kvt_write_end(&writer);
    long status = post(remote, remote->url, &body, &answer, error);
    int64_t count = status < 0 ? -1 : answer ? count_in(answer, NULL) : 0;
    json_decref(answer);
    if (status >= 0 && count <= 0) /* a server that does not look at messages counts nothing */
        count = count_templated(remote, &body, error);
    kvt_buffer_free(&body);
    return count;
}
