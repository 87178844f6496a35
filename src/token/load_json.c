/*
 * A Hugging Face tokenizer.json with a BPE model. The vocabulary and the merges go straight from
 * the text into the tables; the small parts are trees (load_parts.c). Behaviour as in the library
 * that defines the format, not as its documentation words it.
 */
#include "token/load_json.h"

#include "core/memory.h"
#include "stream/json.h"
#include "token/ascii.h"
#include "token/cursor.h"

#include <stdlib.h>
#include <string.h>

/*
 * Look-ups go to all of the tables' memory and wait for it most of the time, so they are made for
 * many tokens or merges at once, and what they will touch is fetched before.
 */
enum { BLOCK = 64 };

/* A merge as the bytes of its two sides, in `spelled`. */
struct sides {
    size_t start, left, length;
    const char *at; /* behind it in the file */
    int32_t ids[3]; /* left, right, joined */
};

struct loading {
    struct kvt_tokenizer *tokenizer;
    struct kvt_cursor cursor;
    struct kvt_error *error;
    json_t *added, *normalizer, *pre, *post, *unknown;
    const char *model, *merges; /* where they start, when they come before what they need */
    bool has_pre, has_vocab;
    struct kvt_buffer text, spelled;
    struct sides sides[BLOCK];
    int32_t unindexed[BLOCK]; /* tokens whose keys are not yet indexed */
    size_t n_sides, n_unindexed;
};

static void index_tokens(struct loading *loading)
{
    for (size_t i = 0; i < loading->n_unindexed; i++)
        kvt_vocabulary_index(&loading->tokenizer->vocabulary, loading->unindexed[i]);
    loading->n_unindexed = 0;
}

static int set_token(struct loading *loading, int64_t id)
{
    struct kvt_tokenizer *tokenizer = loading->tokenizer;
    struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    const struct kvt_buffer *key = &loading->text;
    bool usable = true;
    if (tokenizer->units == KVT_UNITS_BYTES) {
        kvt_buffer_clear(&loading->spelled);
        usable = kvt_byte_level_decode(key->data, key->length, &loading->spelled) == 0;
        if (usable)
            key = &loading->spelled;
    }
    if (kvt_vocabulary_set(vocabulary, id, key->data, key->length, KVT_TOKEN_NORMAL,
                           loading->error) != 0)
        return kvt_fail_context(loading->error, "model.vocab");
    tokenizer->n_model_tokens++;
    if (usable && key->length > 0) {
        kvt_vocabulary_expect(vocabulary, key->data, key->length);
        loading->unindexed[loading->n_unindexed++] = (int32_t)id;
        if (loading->n_unindexed == BLOCK)
            index_tokens(loading);
    }
    if (!usable && kvt_vocabulary_set(&tokenizer->unspelled, id, key->data, key->length,
                                      KVT_TOKEN_NORMAL, loading->error) == 0)
        kvt_vocabulary_index(&tokenizer->unspelled, (int32_t)id);
    return 0;
}

static int read_vocab(struct loading *loading)
{
    struct kvt_cursor *cursor = &loading->cursor;
    bool first = true;
    int more;
    int64_t id;
    size_t rest = (size_t)(cursor->end - cursor->at);
    size_t guess = kvt_count_byte(cursor->at, rest, ':');
    kvt_vocabulary_reserve(&loading->tokenizer->vocabulary, guess < rest / 6 ? guess : rest / 6,
                           rest / 8);
    if (kvt_cursor_expect(cursor, '{') != 0)
        return -1;
    while ((more = kvt_cursor_more(cursor, '}', &first)) > 0)
        if (kvt_cursor_key(cursor, &loading->text) != 0 || kvt_cursor_integer(cursor, &id) != 0 ||
            set_token(loading, id) != 0)
            return -1;
    index_tokens(loading);
    loading->has_vocab = true;
    return more;
}

/* Appends the text of one side to `spelled`, as bytes. */
static int add_side(struct loading *loading, const char *text, size_t length)
{
    if (loading->tokenizer->units == KVT_UNITS_CHARACTERS)
        kvt_buffer_append(&loading->spelled, text, length);
    else if (kvt_byte_level_decode(text, length, &loading->spelled) != 0)
        return kvt_cursor_fail(&loading->cursor, "a merge of a token that is not spelled in bytes");
    return 0;
}

/* The next merge of the file, to be looked up later. */
static int read_merge(struct loading *loading)
{
    struct kvt_cursor *cursor = &loading->cursor;
    struct kvt_buffer *text = &loading->text, *spelled = &loading->spelled;
    kvt_buffer_clear(text);
    size_t middle, right;
    if (kvt_cursor_peek(cursor) == '[') {
        cursor->at++;
        if (kvt_cursor_string(cursor, text) != 0)
            return -1;
        middle = right = text->length;
        if (kvt_cursor_expect(cursor, ',') != 0 || kvt_cursor_string(cursor, text) != 0 ||
            kvt_cursor_expect(cursor, ']') != 0)
            return -1;
    } else {
        if (kvt_cursor_string(cursor, text) != 0)
            return -1;
        const char *space = memchr(text->data, ' ', text->length);
        if (!space || memchr(space + 1, ' ', text->length - (size_t)(space + 1 - text->data)))
            return kvt_cursor_fail(cursor, "a merge that is not two tokens and a space");
        middle = (size_t)(space - text->data);
        right = middle + 1;
    }
    struct sides *sides = &loading->sides[loading->n_sides++];
    sides->start = spelled->length;
    if (add_side(loading, text->data, middle) != 0)
        return -1;
    sides->left = spelled->length - sides->start;
    if (add_side(loading, text->data + right, text->length - right) != 0)
        return -1;
    sides->length = spelled->length - sides->start;
    sides->at = cursor->at;
    return 0;
}

static int add_merges(struct loading *loading, uint32_t *rank)
{
    const struct kvt_vocabulary *vocabulary = &loading->tokenizer->vocabulary;
    struct kvt_merges *merges = &loading->tokenizer->merges;
    const char *bytes = kvt_buffer_string(&loading->spelled);
    for (size_t i = 0; i < loading->n_sides; i++) {
        const struct sides *sides = &loading->sides[i];
        const char *start = bytes + sides->start;
        kvt_vocabulary_expect(vocabulary, start, sides->left);
        kvt_vocabulary_expect(vocabulary, start + sides->left, sides->length - sides->left);
        kvt_vocabulary_expect(vocabulary, start, sides->length);
    }
    for (size_t i = 0; i < loading->n_sides; i++) {
        struct sides *sides = &loading->sides[i];
        const char *start = bytes + sides->start;
        sides->ids[0] = kvt_vocabulary_find(vocabulary, start, sides->left);
        sides->ids[1] =
            kvt_vocabulary_find(vocabulary, start + sides->left, sides->length - sides->left);
        sides->ids[2] = kvt_vocabulary_find(vocabulary, start, sides->length);
        if (sides->ids[0] < 0 || sides->ids[1] < 0 || sides->ids[2] < 0) {
            loading->cursor.at = sides->at;
            return kvt_cursor_fail(&loading->cursor,
                                   "a merge of tokens that are not in the vocabulary");
        }
        kvt_merges_expect(merges, sides->ids[0], sides->ids[1]);
    }
    for (size_t i = 0; i < loading->n_sides; i++) {
        const int32_t *ids = loading->sides[i].ids;
        kvt_merges_add(merges, ids[0], ids[1], (*rank)++, ids[2], true);
    }
    loading->n_sides = 0;
    kvt_buffer_clear(&loading->spelled);
    return 0;
}

static int read_merges(struct loading *loading)
{
    struct kvt_cursor *cursor = &loading->cursor;
    bool first = true;
    int more;
    uint32_t rank = 0;
    if (kvt_cursor_expect(cursor, '[') != 0)
        return -1;
    size_t rest = (size_t)(cursor->end - cursor->at);
    size_t strings = kvt_count_byte(cursor->at, rest, '"') / 2;
    kvt_merges_reserve(&loading->tokenizer->merges,
                       kvt_cursor_peek(cursor) == '[' ? strings / 2 : strings);
    kvt_buffer_clear(&loading->spelled);
    while ((more = kvt_cursor_more(cursor, ']', &first)) > 0)
        if (read_merge(loading) != 0 ||
            (loading->n_sides == BLOCK && add_merges(loading, &rank) != 0))
            return -1;
    return more < 0 ? -1 : add_merges(loading, &rank);
}

/* Members that must be absent, null, empty or zero for exact results. */
static int check_absent(struct loading *loading, const char *name)
{
    json_t *value = kvt_cursor_tree(&loading->cursor);
    if (!value)
        return -1;
    bool absent = json_is_null(value) || (json_is_string(value) && !*json_string_value(value)) ||
                  (json_is_number(value) && json_number_value(value) == 0);
    json_decref(value);
    return absent ? 0 : kvt_fail(loading->error, KVT_DATA, "model.%s cannot be done exactly", name);
}

static int read_flag(struct loading *loading, bool *flag)
{
    json_t *value = kvt_cursor_tree(&loading->cursor);
    if (!value)
        return -1;
    *flag = json_is_true(value);
    json_decref(value);
    return 0;
}

static int check_type(struct loading *loading)
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

static int read_model_member(struct loading *loading)
{
    struct kvt_tokenizer *tokenizer = loading->tokenizer;
    char key[32];
    snprintf(key, sizeof key, "%s", kvt_buffer_string(&loading->text));
    if (strcmp(key, "type") == 0)
        return check_type(loading);
    if (strcmp(key, "vocab") == 0)
        return read_vocab(loading);
    if (strcmp(key, "merges") == 0) {
        if (loading->has_vocab)
            return read_merges(loading);
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

static int read_model(struct loading *loading)
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
    int status = read_merges(loading);
    cursor->at = after;
    return status;
}

static int read_part(struct loading *loading, json_t **part)
{
    json_decref(*part);
    *part = kvt_cursor_tree(&loading->cursor);
    return *part ? 0 : -1;
}

static int read_member(struct loading *loading)
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

static int read_members(struct loading *loading)
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

static int set_unknown(struct loading *loading)
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

static int load(struct loading *loading)
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
    struct loading loading = {.error = error ? error : &ignored};
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
