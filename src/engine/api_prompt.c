#include "engine/api_prompt.h"

#include "core/memory.h"
#include "engine/api_field.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MESSAGES = 4096 };

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
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "messages",
                                "a content part must be {\"type\":\"text\",\"text\":...}");
        kvt_buffer_append(text, json_string_value(words), json_string_length(words));
        if (i == 0)
            *first_part = json_string_length(words);
    }
    if (!json_is_array(content) || *n_parts == 0)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "messages",
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
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "messages",
                            "messages must be a list of 1 to %d messages", MAX_MESSAGES);
    out->messages = kvt_alloc_zero(n, sizeof *out->messages);
    out->texts = kvt_alloc_zero(n, sizeof *out->texts);
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *message = json_array_get(list, i);
        const char *role = kvt_json_text(message, "role", NULL);
        size_t n_parts, first_part;
        if (!role)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "messages", "message %zu has no role",
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

int kvt_api_encode_chat(const struct kvt_service *service, const json_t *list,
                        struct kvt_chat_prompt *prompt, struct kvt_api_error *error)
{
    struct conversation conversation = {0};
    struct kvt_error reason;
    int result = read_messages(list, &conversation, error);
    if (result == 0 && kvt_chat_encode(service->chat, service->tokenizer, conversation.messages,
                                       conversation.n, prompt, &reason))
        result = kvt_api_fail(error, 400, KVT_BAD_REQUEST, "messages", "%s", reason.text);
    free_conversation(&conversation);
    return result;
}

int kvt_api_encode_text(const struct kvt_service *service, const json_t *text, unsigned flags,
                        struct kvt_token_ids *ids, struct kvt_api_error *error)
{
    struct kvt_error reason;
    if (kvt_tokenizer_encode(service->tokenizer, json_string_value(text), json_string_length(text),
                             flags, ids, &reason))
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "prompt", "%s", reason.text);
    return 0;
}

int kvt_api_encode_prompt(const struct kvt_service *service, const json_t *prompt,
                          struct kvt_token_ids *ids, struct kvt_api_error *error)
{
    if (json_is_array(prompt) && json_array_size(prompt) == 1 &&
        !json_is_integer(json_array_get(prompt, 0)))
        prompt = json_array_get(prompt, 0);
    if (json_is_string(prompt))
        return kvt_api_encode_text(service, prompt, KVT_ENCODE_SPECIAL, ids, error);
    size_t n = json_array_size(prompt);
    if (!json_is_array(prompt) || n == 0)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "prompt",
                            "prompt must be one string or one list of token ids");
    ids->ids = kvt_alloc_array(n, sizeof *ids->ids);
    ids->capacity = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(prompt, i);
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value >= (json_int_t)service->info->vocabulary)
            return kvt_api_fail(error, 400, KVT_BAD_REQUEST, "prompt",
                                "prompt: element %zu is not a token id below %zu", i,
                                service->info->vocabulary);
        ids->ids[ids->count++] = (int32_t)value;
    }
    return 0;
}
