/*
 * tokenizer_config.json, which stands beside a published tokenizer.json. Hugging Face's classes for
 * Llama, Code Llama and Gemma build the template around a text anew from its add_bos_token and
 * add_eos_token, whatever the post_processor says: DeepSeek-V3's says nothing, and the model gets a
 * BOS all the same. Other classes leave the post_processor alone.
 */
#include "core/memory.h"
#include "stream/json.h"
#include "token/cursor.h"
#include "token/load_json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FILE_NAME[] = "tokenizer.json", CONFIG_NAME[] = "tokenizer_config.json";

/* The file beside one that is named as published ones are; NULL if there is none. Caller frees. */
static char *config_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    if (strcmp(path + folder, FILE_NAME) != 0)
        return NULL;
    char *beside = kvt_asprintf("%.*s%s", (int)folder, path, CONFIG_NAME);
    if (access(beside, F_OK) == 0)
        return beside;
    free(beside);
    return NULL;
}

static bool builds_template(const json_t *config)
{
    static const char *const classes[] = {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"};
    const char *name = kvt_json_text(config, "tokenizer_class", "");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        size_t length = strlen(classes[i]);
        if (strncmp(name, classes[i], length) == 0 &&
            (!name[length] || strcmp(name + length, "Fast") == 0))
            return true;
    }
    return false;
}

/* The id of config's special token (a text, or an object with one): -1 if it names none that the
 * tokenizer has. */
static int32_t special_id(const struct kvt_tokenizer *tokenizer, const json_t *config,
                          const char *member)
{
    const json_t *value = json_object_get(config, member);
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
    if (!json_is_string(text))
        return -1;
    const struct kvt_added *const lists[] = {&tokenizer->added, &tokenizer->added_normalized};
    size_t length = json_string_length(text);
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < lists[list]->count; i++) {
            const struct kvt_added_token *token = &lists[list]->tokens[i];
            if (token->length == length &&
                memcmp(token->text, json_string_value(text), length) == 0)
                return token->id;
        }
    return kvt_vocabulary_find(&tokenizer->vocabulary, json_string_value(text), length);
}

/* Makes an end of the template [token] or []. */
static int set_end(struct kvt_tokenizer *tokenizer, struct kvt_template_ids *end, bool add,
                   const json_t *config, const char *member, struct kvt_error *error)
{
    int32_t id = special_id(tokenizer, config, member);
    bool same = end->count == add && (!add || end->ids[0] == id);
    tokenizer->ends_by_config |= !same;
    end->count = 0;
    if (!add)
        return 0;
    if (id < 0)
        return kvt_fail(error, KVT_DATA, "add_%.3s_token is true, but there is no %s", member,
                        member);
    kvt_grow(&end->ids, &end->capacity, end->count, sizeof *end->ids);
    end->ids[end->count++] = id;
    return 0;
}

static int apply(struct kvt_tokenizer *tokenizer, const json_t *config, struct kvt_error *error)
{
    const json_t *bos = json_object_get(config, "add_bos_token");
    const json_t *eos = json_object_get(config, "add_eos_token");
    if (!builds_template(config) || !(json_is_boolean(bos) || json_is_boolean(eos)))
        return 0;
    bool add_bos = !json_is_false(bos), add_eos = json_is_true(eos); /* the classes' defaults */
    if (set_end(tokenizer, &tokenizer->prefix, add_bos, config, "bos_token", error) != 0 ||
        set_end(tokenizer, &tokenizer->suffix, add_eos, config, "eos_token", error) != 0)
        return -1;
    tokenizer->adds_bos = add_bos;
    int32_t id = special_id(tokenizer, config, "bos_token");
    if (id >= 0)
        tokenizer->bos = id;
    return 0;
}

static bool is_wanted(const char *key)
{
    static const char *const wanted[] = {"tokenizer_class", "add_bos_token", "add_eos_token",
                                         "bos_token", "eos_token"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strcmp(key, wanted[i]) == 0)
            return true;
    return false;
}

/* The members that count; the rest is passed over, for it may hold integers of thirty digits
 * (model_max_length), which no tree can. */
static int read_members(struct kvt_cursor *cursor, json_t *config)
{
    struct kvt_buffer key = {0};
    bool first = true;
    int more = -1, status = kvt_cursor_expect(cursor, '{');
    while (status == 0 && (more = kvt_cursor_more(cursor, '}', &first)) > 0) {
        status = kvt_cursor_key(cursor, &key);
        if (status == 0 && !is_wanted(kvt_buffer_string(&key))) {
            status = kvt_cursor_skip(cursor);
        } else if (status == 0) {
            json_t *value = kvt_cursor_tree(cursor);
            status = value ? json_object_set_new(config, kvt_buffer_string(&key), value) : -1;
        }
    }
    kvt_buffer_free(&key);
    return more == 0 ? status : -1;
}

static int read_config(const char *path, json_t *config, struct kvt_error *error)
{
    struct kvt_buffer text = {0};
    int status = kvt_cursor_read_file(path, &text, error);
    if (status == 0) {
        struct kvt_cursor cursor = {text.data, text.data, text.data + text.length, error};
        status = read_members(&cursor, config);
    }
    kvt_buffer_free(&text);
    return status;
}

int kvt_load_config(struct kvt_tokenizer *tokenizer, const char *path, struct kvt_error *error)
{
    char *beside = config_path(path);
    if (!beside)
        return 0;
    json_t *config = json_object();
    int status = read_config(beside, config, error);
    if (status == 0)
        status = apply(tokenizer, config, error);
    if (status != 0)
        kvt_fail_context(error, "%s beside it", CONFIG_NAME);
    json_decref(config);
    free(beside);
    return status;
}
