#include "token/added.h"

#include "core/memory.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

void kvt_added_add(struct kvt_added *added, const struct kvt_added_token *token)
{
    if (token->length == 0)
        return;
    kvt_grow(&added->tokens, &added->capacity, added->count, sizeof *added->tokens);
    struct kvt_added_token *copy = &added->tokens[added->count++];
    *copy = *token;
    copy->text = kvt_strndup(token->text, token->length);
}

/* By first byte, then the longest first, then by bytes and id, so that repetitions are neighbours.
 */
static int in_order(const void *left, const void *right)
{
    const struct kvt_added_token *a = left, *b = right;
    unsigned char first_a = (unsigned char)a->text[0], first_b = (unsigned char)b->text[0];
    if (first_a != first_b)
        return first_a < first_b ? -1 : 1;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    int order = memcmp(a->text, b->text, a->length);
    if (order != 0)
        return order;
    return (a->id > b->id) - (a->id < b->id);
}

static unsigned pair_at(const char *text)
{
    return (unsigned)(unsigned char)text[0] << 8 | (unsigned char)text[1];
}

static void add_pair(uint8_t *bits, unsigned pair)
{
    bits[pair >> 3] |= (uint8_t)(1u << (pair & 7));
}

static bool has_pair(const uint8_t *bits, unsigned pair)
{
    return bits[pair >> 3] >> (pair & 7) & 1;
}

static void add_pairs(struct kvt_added *added, const struct kvt_added_token *token)
{
    if (token->length == 1)
        memset(added->starts + 32 * (unsigned char)token->text[0], 0xff, 32);
    else
        add_pair(added->starts, pair_at(token->text));
    for (size_t at = 0; at + 1 < token->length; at++)
        add_pair(added->pairs, pair_at(token->text + at));
}

/* The look-ups by text and the lengths to try, from the sorted tokens. */
static void make_index(struct kvt_added *added)
{
    size_t n_lengths = 0;
    added->starts = kvt_alloc_zero(65536 / 8, 1);
    added->pairs = kvt_alloc_zero(65536 / 8, 1);
    added->lengths = kvt_alloc_array(added->count, sizeof *added->lengths);
    for (unsigned byte = 0; byte < 256; byte++) {
        added->first_length[byte] = (uint32_t)n_lengths;
        for (uint32_t i = added->first[byte]; i < added->first[byte + 1]; i++) {
            const struct kvt_added_token *token = &added->tokens[i];
            add_pairs(added, token);
            if (kvt_vocabulary_set(&added->places, (int64_t)i, token->text, token->length,
                                   KVT_TOKEN_USER, NULL) == 0)
                kvt_vocabulary_index(&added->places, (int32_t)i);
            if (i == added->first[byte] || added->tokens[i - 1].length != token->length)
                added->lengths[n_lengths++] = (uint32_t)token->length;
        }
    }
    added->first_length[256] = (uint32_t)n_lengths;
}

void kvt_added_finish(struct kvt_added *added)
{
    if (added->count)
        qsort(added->tokens, added->count, sizeof *added->tokens, in_order);
    size_t kept = 0;
    for (size_t i = 0; i < added->count; i++) {
        struct kvt_added_token *token = &added->tokens[i];
        if (kept > 0 && added->tokens[kept - 1].length == token->length &&
            memcmp(added->tokens[kept - 1].text, token->text, token->length) == 0)
            free(token->text);
        else
            added->tokens[kept++] = *token;
    }
    added->count = kept;
    size_t at = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        added->first[byte] = (uint32_t)at;
        while (at < kept && (unsigned char)added->tokens[at].text[0] == byte)
            at++;
    }
    added->first[256] = (uint32_t)kept;
    added->only_first = kept ? (unsigned char)added->tokens[0].text[0] : -1;
    for (size_t i = 0; i < kept; i++) {
        int byte = (unsigned char)added->tokens[i].text[0];
        added->is_first[byte] = true;
        if (byte != added->only_first)
            added->only_first = -1;
    }
    make_index(added);
}

void kvt_added_free(struct kvt_added *added)
{
    for (size_t i = 0; i < added->count; i++)
        free(added->tokens[i].text);
    free(added->tokens);
    free(added->starts);
    free(added->pairs);
    free(added->lengths);
    kvt_vocabulary_free(&added->places);
    *added = (struct kvt_added){0};
}

/* Start of the character that ends at text[end], end > 0. */
static size_t character_before(const char *text, size_t end)
{
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && ((unsigned char)text[start] & 0xc0) == 0x80)
        start--;
    return start;
}

static uint8_t flags_at(const char *text, size_t length, size_t at, size_t *width)
{
    uint8_t flags;
    *width = kvt_unicode_next((const unsigned char *)text + at, length - at, &flags);
    return flags;
}

static bool is_single_word(const char *text, size_t length, size_t start, size_t end)
{
    size_t width;
    if (start > 0) {
        size_t before = character_before(text, start);
        if (flags_at(text, start, before, &width) & KVT_WORD)
            return false;
    }
    return end == length || !(flags_at(text, length, end, &width) & KVT_WORD);
}

static size_t spaces_before(const char *text, size_t start)
{
    size_t width;
    while (start > 0) {
        size_t before = character_before(text, start);
        if (!(flags_at(text, start, before, &width) & KVT_SPACE))
            break;
        start = before;
    }
    return start;
}

static size_t spaces_after(const char *text, size_t length, size_t end)
{
    size_t width;
    while (end < length && (flags_at(text, length, end, &width) & KVT_SPACE))
        end += width;
    return end;
}

/* How many bytes from text[at] on may be a token, `most` at most: no pair of them is in none. */
static size_t reach(const struct kvt_added *added, const char *text, size_t at, size_t most)
{
    size_t count = 1;
    while (count < most && has_pair(added->pairs, pair_at(text + at + count - 1)))
        count++;
    return count;
}

/* The longest token at text[at], or NULL; some token starts with that byte. */
static const struct kvt_added_token *token_at(const struct kvt_added *added, const char *text,
                                              size_t length, size_t at)
{
    unsigned byte = (unsigned char)text[at];
    size_t longest = added->lengths[added->first_length[byte]];
    size_t most = reach(added, text, at, longest < length - at ? longest : length - at);
    for (uint32_t i = added->first_length[byte]; i < added->first_length[byte + 1]; i++) {
        if (added->lengths[i] > most)
            continue;
        int32_t place = kvt_vocabulary_find(&added->places, text + at, added->lengths[i]);
        if (place >= 0)
            return &added->tokens[place];
    }
    return NULL;
}

/* Can a token start at text[at], a first byte of one? */
static bool may_start(const struct kvt_added *added, const char *text, size_t length, size_t at)
{
    return at + 1 == length || has_pair(added->starts, pair_at(text + at));
}

/* The next place from `at` on where a token can start, or `length`. */
static size_t next_start(const struct kvt_added *added, const char *text, size_t length, size_t at)
{
    for (; at < length; at++) {
        if (added->only_first >= 0) {
            const char *found = memchr(text + at, added->only_first, length - at);
            at = found ? (size_t)(found - text) : length;
        } else {
            while (at < length && !added->is_first[(unsigned char)text[at]])
                at++;
        }
        if (at == length || may_start(added, text, length, at))
            break;
    }
    return at;
}

bool kvt_added_next(const struct kvt_added *added, const char *text, size_t length, size_t from,
                    size_t taken, bool ordinary, struct kvt_added_match *match)
{
    if (added->count == 0)
        return false;
    for (size_t at = from; at < length; at++) {
        at = next_start(added, text, length, at);
        if (at == length)
            break;
        const struct kvt_added_token *token = token_at(added, text, length, at);
        if (!token)
            continue;
        size_t end = at + token->length;
        /* A token passed over still hides those that overlap it. */
        if ((ordinary && token->special) ||
            (token->single_word && !is_single_word(text, length, at, end))) {
            at = end - 1;
            continue;
        }
        *match = (struct kvt_added_match){at, end, end, token->id};
        if (token->lstrip) {
            size_t start = spaces_before(text, at);
            match->start = start > taken ? start : taken;
        }
        if (token->rstrip)
            match->end = spaces_after(text, length, end);
        return true;
    }
    return false;
}
