/* The vocabulary and the merges of a tokenizer.json. */
#include "token/ascii.h"
#include "token/byte_level.h"
#include "token/load_json.h"

#include <string.h>

static void index_tokens(struct kvt_loading *loading)
{
    for (size_t i = 0; i < loading->n_unindexed; i++)
        kvt_vocabulary_index(&loading->tokenizer->vocabulary, loading->unindexed[i]);
    loading->n_unindexed = 0;
}

static int set_token(struct kvt_loading *loading, int64_t id)
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
        if (loading->n_unindexed == KVT_LOAD_BLOCK)
            index_tokens(loading);
    }
    if (!usable && kvt_vocabulary_set(&tokenizer->unspelled, id, key->data, key->length,
                                      KVT_TOKEN_NORMAL, loading->error) == 0)
        kvt_vocabulary_index(&tokenizer->unspelled, (int32_t)id);
    return 0;
}

int kvt_load_vocab(struct kvt_loading *loading)
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
static int add_side(struct kvt_loading *loading, const char *text, size_t length)
{
    if (loading->tokenizer->units == KVT_UNITS_CHARACTERS)
        kvt_buffer_append(&loading->spelled, text, length);
    else if (kvt_byte_level_decode(text, length, &loading->spelled) != 0)
        return kvt_cursor_fail(&loading->cursor, "a merge of a token that is not spelled in bytes");
    return 0;
}

/* The next merge of the file, to be looked up later. */
static int read_merge(struct kvt_loading *loading)
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
    struct kvt_load_sides *sides = &loading->sides[loading->n_sides++];
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

static int add_merges(struct kvt_loading *loading, uint32_t *rank)
{
    const struct kvt_vocabulary *vocabulary = &loading->tokenizer->vocabulary;
    struct kvt_merges *merges = &loading->tokenizer->merges;
    const char *bytes = kvt_buffer_string(&loading->spelled);
    for (size_t i = 0; i < loading->n_sides; i++) {
        const struct kvt_load_sides *sides = &loading->sides[i];
        const char *start = bytes + sides->start;
        kvt_vocabulary_expect(vocabulary, start, sides->left);
        kvt_vocabulary_expect(vocabulary, start + sides->left, sides->length - sides->left);
        kvt_vocabulary_expect(vocabulary, start, sides->length);
    }
    for (size_t i = 0; i < loading->n_sides; i++) {
        struct kvt_load_sides *sides = &loading->sides[i];
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

int kvt_load_merges(struct kvt_loading *loading)
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
            (loading->n_sides == KVT_LOAD_BLOCK && add_merges(loading, &rank) != 0))
            return -1;
    return more < 0 ? -1 : add_merges(loading, &rank);
}
