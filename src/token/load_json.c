/*
 * A Hugging Face tokenizer.json with a BPE model. The vocabulary and the merges go straight from
 * the text into the tables (load_tables.c); the small parts are trees. Behaviour as in the library
 * that defines the format, not as its documentation words it.
 */
#include "token/load_json.h"

#include "token/byte_level.h"

#include <stdlib.h>
#include <string.h>

/* Members that must be absent, null, empty or zero for exact results. */
static int check_absent(struct kvt_loading *loading, const char *name)
{
    json_t *value = kvt_cursor_tree(&loading->cursor);
    if (!value)
        return -1;
    bool absent = json_is_null(value) || (json_is_string(value) && !*json_string_value(value)) ||
                  (json_is_number(value) && json_number_value(value) == 0);
    json_decref(value);
    return absent ? 0 : kvt_fail(loading->error, KVT_DATA, "model.%s cannot be done exactly", name);
}

static int read_flag(struct kvt_loading *loading, bool *flag)
{
    json_t *value = kvt_cursor_tree(&loading->cursor);
    if (!value)
        return -1;
    *flag = json_is_true(value);
    json_decref(value);
    return 0;
}

static int check_type(struct kvt_loading *loading)
{
    json_t *value = kvt_cursor_tree(&loading->cursor);
    if (!value)
        return -1;
    const char *name = json_string_value(value);
    int status =
        name && strcmp(name, "BPE") == 0
            ? 0
            : kvt_fail(loading->error, KVT_DATA,
                       "model.type \"%s\" cannot be done exactly; BPE can", name ? name : "");
    json_decref(value);
    return status;
}

static int read_model_member(struct kvt_loading *loading)
{
    struct kvt_tokenizer *tokenizer = loading->tokenizer;
    char key[32];
    snprintf(key, sizeof key, "%s", kvt_buffer_string(&loading->text));
    if (strcmp(key, "type") == 0)
        return check_type(loading);
    if (strcmp(key, "vocab") == 0)
        return kvt_load_vocab(loading);
    if (strcmp(key, "merges") == 0) {
        if (loading->has_vocab)
            return kvt_load_merges(loading);
        loading->merges = loading->cursor.at;
    }
    if (strcmp(key, "dropout") == 0 || strcmp(key, "continuing_subword_prefix") == 0 ||
        strcmp(key, "end_of_word_suffix") == 0)
        return check_absent(loading, key);
    if (strcmp(key, "fuse_unk") == 0)
        return read_flag(loading, &tokenizer->fuse_unknown);
    if (strcmp(key, "byte_fallback") == 0)
        return read_flag(loading, &tokenizer->byte_fallback);
    if (strcmp(key, "ignore_merges") == 0)
        return read_flag(loading, &tokenizer->ignore_merges);
    if (strcmp(key, "unk_token") == 0) {
        json_decref(loading->unknown);
        loading->unknown = kvt_cursor_tree(&loading->cursor);
        return loading->unknown ? 0 : -1;
    }
    return kvt_cursor_skip(&loading->cursor);
}

static int read_model(struct kvt_loading *loading)
{
    struct kvt_cursor *cursor = &loading->cursor;
    bool first = true;
    int more;
    if (kvt_cursor_expect(cursor, '{') != 0)
        return -1;
    while ((more = kvt_cursor_more(cursor, '}', &first)) > 0)
        if (kvt_cursor_key(cursor, &loading->text) != 0 || read_model_member(loading) != 0)
            return -1;
    if (more < 0)
        return -1;
    if (!loading->has_vocab)
        return kvt_fail(loading->error, KVT_DATA, "model has no vocab");
    if (!loading->merges)
        return 0;
    const char *after = cursor->at;
    cursor->at = loading->merges;
    int status = kvt_load_merges(loading);
    cursor->at = after;
    return status;
}

static int read_part(struct kvt_loading *loading, json_t **part)
{
    json_decref(*part);
    *part = kvt_cursor_tree(&loading->cursor);
    return *part ? 0 : -1;
}

static int read_member(struct kvt_loading *loading)
{
    const char *key = kvt_buffer_string(&loading->text);
    if (strcmp(key, "added_tokens") == 0)
        return read_part(loading, &loading->added);
    if (strcmp(key, "normalizer") == 0)
        return read_part(loading, &loading->normalizer);
    if (strcmp(key, "post_processor") == 0)
        return read_part(loading, &loading->post);
    if (strcmp(key, "pre_tokenizer") == 0) {
        if (loading->has_pre)
            return kvt_cursor_fail(&loading->cursor, "a second pre_tokenizer");
        loading->has_pre = true;
        if (read_part(loading, &loading->pre) != 0)
            return -1;
        return kvt_load_pre(loading->tokenizer, loading->pre, loading->error);
    }
    if (strcmp(key, "model") == 0) {
        if (loading->has_vocab)
            return kvt_cursor_fail(&loading->cursor, "a second model");
        if (loading->has_pre)
            return read_model(loading);
        loading->model = loading->cursor.at;
    }
    return kvt_cursor_skip(&loading->cursor);
}

static int read_members(struct kvt_loading *loading)
{
    struct kvt_cursor *cursor = &loading->cursor;
    bool first = true;
    int more;
    if (kvt_cursor_expect(cursor, '{') != 0)
        return -1;
    while ((more = kvt_cursor_more(cursor, '}', &first)) > 0)
        if (kvt_cursor_key(cursor, &loading->text) != 0 || read_member(loading) != 0)
            return -1;
    if (more < 0)
        return -1;
    if (kvt_cursor_peek(cursor) != '\0' || cursor->at != cursor->end)
        return kvt_cursor_fail(cursor, "text after the object");
    if (loading->has_vocab)
        return 0;
    if (!loading->model)
        return kvt_fail(loading->error, KVT_DATA, "no model; is this a tokenizer.json?");
    cursor->at = loading->model; /* it came before the pre_tokenizer, or there is none */
    return read_model(loading);
}

/* The ids of single bytes: of the byte itself, or of its token <0xXX>. */
static void set_byte_ids(struct kvt_tokenizer *tokenizer)
{
    for (int byte = 0; byte < 256; byte++) {
        char name[8] = {(char)byte};
        size_t length = 1;
        if (tokenizer->units == KVT_UNITS_CHARACTERS)
            length = (size_t)snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
        int32_t id = kvt_vocabulary_find(&tokenizer->vocabulary, name, length);
        tokenizer->byte_ids[byte] = id;
        if (id >= 0 && tokenizer->units == KVT_UNITS_CHARACTERS && tokenizer->byte_fallback)
            tokenizer->vocabulary.kinds[id] = KVT_TOKEN_BYTE;
    }
}

static int set_unknown(struct kvt_loading *loading)
{
    struct kvt_tokenizer *tokenizer = loading->tokenizer;
    const char *name = json_string_value(loading->unknown);
    if (!name || !*name)
        return 0;
    struct kvt_buffer bytes = {0};
    const char *key = name;
    size_t length = strlen(name);
    if (tokenizer->units == KVT_UNITS_BYTES && kvt_byte_level_decode(name, length, &bytes) == 0) {
        key = kvt_buffer_string(&bytes);
        length = bytes.length;
    }
    tokenizer->unknown = kvt_vocabulary_find(&tokenizer->vocabulary, key, length);
    kvt_buffer_free(&bytes);
    bool needed = tokenizer->units == KVT_UNITS_CHARACTERS && !tokenizer->byte_fallback;
    for (int byte = 0; byte < 256 && !needed; byte++)
        needed = tokenizer->byte_ids[byte] < 0;
    if (tokenizer->unknown < 0 && needed)
        return kvt_fail(loading->error, KVT_DATA, "model.unk_token \"%s\" is not in the vocabulary",
                        name);
    return 0;
}

static int load(struct kvt_loading *loading)
{
    struct kvt_tokenizer *tokenizer = loading->tokenizer;
    tokenizer->units = KVT_UNITS_CHARACTERS;
    if (read_members(loading) != 0)
        return -1;
    set_byte_ids(tokenizer);
    if (set_unknown(loading) != 0 ||
        kvt_load_normalizer(tokenizer, loading->normalizer, loading->error) != 0 ||
        kvt_load_added(tokenizer, loading->added, loading->error) != 0 ||
        kvt_load_post(tokenizer, loading->post, loading->error) != 0 ||
        kvt_load_config(tokenizer, tokenizer->path, loading->error) != 0)
        return -1;
    kvt_tokenizer_finish(tokenizer);
    kvt_tokenizer_mark_ends(tokenizer);
    return 0;
}

struct kvt_tokenizer *kvt_tokenizer_from_json(const char *path, struct kvt_error *error)
{
    struct kvt_error ignored = {KVT_OK, ""};
    struct kvt_loading loading = {.error = error ? error : &ignored};
    struct kvt_buffer file = {0};
    if (kvt_cursor_read_file(path, &file, error) != 0) {
        kvt_buffer_free(&file);
        return NULL;
    }
    loading.tokenizer = kvt_tokenizer_new(path);
    loading.cursor =
        (struct kvt_cursor){file.data, file.data, file.data + file.length, loading.error};
    int status = load(&loading);
    if (status != 0) {
        kvt_fail_context(loading.error, "%s", path);
        kvt_tokenizer_free(loading.tokenizer);
    }
    json_decref(loading.added);
    json_decref(loading.normalizer);
    json_decref(loading.pre);
    json_decref(loading.post);
    json_decref(loading.unknown);
    kvt_buffer_free(&loading.text);
    kvt_buffer_free(&loading.spelled);
    kvt_buffer_free(&file);
    return status == 0 ? loading.tokenizer : NULL;
}
