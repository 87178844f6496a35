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
}

void kvt_added_free(struct kvt_added *added)
{
    for (size_t i = 0; i < added->count; i++)
        free(added->tokens[i].text);
    free(added->tokens);
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

/* The longest token at text[at], or NULL. */
static const struct kvt_added_token *token_at(const struct kvt_added *added, const char *text,
                                              size_t length, size_t at)
{
    unsigned byte = (unsigned char)text[at];
    for (uint32_t i = added->first[byte]; i < added->first[byte + 1]; i++) {
        const struct kvt_added_token *token = &added->tokens[i];
        if (token->length <= length - at && memcmp(text + at, token->text, token->length) == 0)
            return token;
    }
    return NULL;
}

bool kvt_added_next(const struct kvt_added *added, const char *text, size_t length, size_t from,
                    size_t taken, bool ordinary, struct kvt_added_match *match)
{
    if (added->count == 0)
        return false;
    for (size_t at = from; at < length; at++) {
        unsigned byte = (unsigned char)text[at];
        if (added->first[byte] == added->first[byte + 1])
            continue;
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
