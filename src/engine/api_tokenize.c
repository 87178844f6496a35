#include "engine/api.h"

#include "engine/api_field.h"
#include "engine/api_prompt.h"

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
    if (kvt_field_bool(tree, content ? "add_special" : "add_special_tokens", &special, error))
        return -1;
    unsigned flags = special ? KVT_ENCODE_SPECIAL : 0;
    if (json_is_string(content))
        return kvt_api_encode_text(service, content, flags, ids, error);
    if (json_is_string(prompt))
        return kvt_api_encode_text(service, prompt, flags, ids, error);
    if (!messages)
        return kvt_api_fail(error, 400, KVT_BAD_REQUEST, NULL,
                            "one of prompt, content (strings) or messages is needed");
    bool generation = true;
    struct kvt_chat_prompt chat = {0};
    if (kvt_field_bool(tree, "add_generation_prompt", &generation, error))
        return -1;
    int result = kvt_api_encode_chat(service, messages, &chat, error);
    *ids = chat.tokens;
    if (result == 0 && !generation)
        ids->count = chat.question_end;
    return result;
}

int kvt_tokenize(const struct kvt_service *service, const char *body, size_t length,
                 struct kvt_buffer *out, struct kvt_api_error *error)
{
    json_t *tree = kvt_field_body(body, length, error);
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
