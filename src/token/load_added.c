/* The added tokens of a tokenizer.json, and those that its post-processor puts around a text. */
#include "core/memory.h"
#include "token/byte_level.h"
#include "token/load_json.h"

/* Added tokens on their way in: the library numbers them itself, whatever the file says. */
struct adding {
    struct kvt_tokenizer *tokenizer;
    struct kvt_vocabulary seen; /* their texts */
    int64_t next;               /* id of the next text the model does not know */
};

static int32_t model_id(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    if (tokenizer->units == KVT_UNITS_CHARACTERS)
        return kvt_vocabulary_find(&tokenizer->vocabulary, text, length);
    struct kvt_buffer bytes = {0};
    int32_t id = -1;
    if (kvt_byte_level_decode(text, length, &bytes) == 0)
        id = kvt_vocabulary_find(&tokenizer->vocabulary, kvt_buffer_string(&bytes), bytes.length);
    else
        id = kvt_vocabulary_find(&tokenizer->unspelled, text, length);
    kvt_buffer_free(&bytes);
    return id;
}

/*
 * The id of an added token: that of an earlier one with the same text, else the model's, else the
 * next one after the model's vocabulary and all added tokens.
 */
static int32_t added_id(struct adding *adding, const char *text, size_t length)
{
    int32_t id = kvt_vocabulary_find(&adding->seen, text, length);
    if (id >= 0)
        return id;
    id = model_id(adding->tokenizer, text, length);
    if (id < 0)
        id = (int32_t)adding->next;
    if (kvt_vocabulary_set(&adding->seen, id, text, length, KVT_TOKEN_USER, NULL) == 0)
        kvt_vocabulary_index(&adding->seen, id);
    if (id >= adding->next)
        adding->next = (int64_t)id + 1;
    return id < KVT_TOKEN_LIMIT ? id : -1;
}

/* Gives an added token its place in the vocabulary. */
static int place_added(struct kvt_tokenizer *tokenizer, const struct kvt_added_token *token,
                       struct kvt_error *error)
{
    struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    enum kvt_token_kind kind = token->special ? KVT_TOKEN_CONTROL : KVT_TOKEN_USER;
    if (token->id < vocabulary->size && vocabulary->kinds[token->id] != KVT_TOKEN_ABSENT) {
        vocabulary->kinds[token->id] = (uint8_t)kind;
        return 0;
    }
    return kvt_vocabulary_set(vocabulary, token->id, token->text, token->length, kind, error);
}

static int add_added(struct adding *adding, const json_t *value, struct kvt_error *error)
{
    struct kvt_tokenizer *tokenizer = adding->tokenizer;
    const json_t *content = json_object_get(value, "content");
    if (!json_is_string(content))
        return kvt_fail(error, KVT_DATA, "added_tokens: a token without content");
    struct kvt_added_token token = {
        .text = (char *)(uintptr_t)json_string_value(content),
        .length = json_string_length(content),
        .special = kvt_json_bool(value, "special", false),
        .single_word = kvt_json_bool(value, "single_word", false),
        .lstrip = kvt_json_bool(value, "lstrip", false),
        .rstrip = kvt_json_bool(value, "rstrip", false),
    };
    if (token.length == 0)
        return 0;
    token.id = added_id(adding, token.text, token.length);
    if (token.id < 0)
        return kvt_fail(error, KVT_DATA, "added_tokens: too many tokens");
    if (place_added(tokenizer, &token, error) != 0)
        return kvt_fail_context(error, "added_tokens");
    if (!kvt_json_bool(value, "normalized", !token.special)) {
        kvt_added_add(&tokenizer->added, &token);
        return 0;
    }
    struct kvt_buffer buffers[2] = {{0}};
    const char *text = token.text;
    int status = kvt_tokenizer_normalize(tokenizer, buffers, &text, &token.length, error);
    if (status == 0) {
        token.text = (char *)(uintptr_t)text;
        kvt_added_add(&tokenizer->added_normalized, &token);
    }
    kvt_buffer_free(&buffers[0]);
    kvt_buffer_free(&buffers[1]);
    return status;
}

int kvt_load_added(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    struct adding adding = {.tokenizer = tokenizer, .next = (int64_t)tokenizer->n_model_tokens};
    int status = 0;
    for (size_t i = 0; i < json_array_size(value) && status == 0; i++)
        status = add_added(&adding, json_array_get(value, i), error);
    kvt_vocabulary_free(&adding.seen);
    return status;
}

static void add_template_id(struct kvt_tokenizer *tokenizer, int32_t id, bool after)
{
    struct kvt_template_ids *ids = after ? &tokenizer->suffix : &tokenizer->prefix;
    kvt_grow(&ids->ids, &ids->capacity, ids->count, sizeof *ids->ids);
    ids->ids[ids->count++] = id;
}

static int add_template(struct kvt_tokenizer *tokenizer, const json_t *value,
                        struct kvt_error *error)
{
    const json_t *single = json_object_get(value, "single");
    const json_t *tokens = json_object_get(value, "special_tokens");
    bool after = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *piece = json_array_get(single, i);
        after |= json_object_get(piece, "Sequence") != NULL;
        const char *name = kvt_json_text(piece, "SpecialToken.id", NULL);
        if (!name)
            continue;
        const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
        if (!json_is_array(ids))
            return kvt_fail(error, KVT_DATA, "post_processor: special token \"%s\" has no ids",
                            name);
        for (size_t k = 0; k < json_array_size(ids); k++)
            add_template_id(tokenizer, (int32_t)json_integer_value(json_array_get(ids, k)), after);
    }
    return 0;
}

static int add_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    if (kvt_load_is_type(value, "Sequence")) {
        const json_t *list = json_object_get(value, "processors");
        for (size_t i = 0; i < json_array_size(list); i++)
            if (add_post(tokenizer, json_array_get(list, i), error) != 0)
                return -1;
        return 0;
    }
    if (kvt_load_is_type(value, "ByteLevel"))
        return 0; /* only trims offsets */
    if (kvt_load_is_type(value, "TemplateProcessing"))
        return add_template(tokenizer, value, error);
    if (kvt_load_is_type(value, "RobertaProcessing") || kvt_load_is_type(value, "BertProcessing")) {
        static const char *const names[] = {"cls", "sep"};
        for (int i = 0; i < 2; i++) {
            const json_t *id = json_array_get(json_object_get(value, names[i]), 1);
            if (!json_is_integer(id))
                return kvt_load_refuse(error, "post_processor", value);
            add_template_id(tokenizer, (int32_t)json_integer_value(id), i == 1);
        }
        return 0;
    }
    return kvt_load_refuse(error, "post_processor", value);
}

int kvt_load_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    if (value && !json_is_null(value) && add_post(tokenizer, value, error) != 0)
        return -1;
    if (tokenizer->prefix.count) {
        tokenizer->adds_bos = true;
        tokenizer->bos = tokenizer->prefix.ids[0];
    }
    return 0;
}
