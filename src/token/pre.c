#include "token/pre.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "token/byte_level.h"
#include "token/internal.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

void kvt_pre_add(struct kvt_pre *pre, const struct kvt_pre_step *step)
{
    kvt_grow(&pre->steps, &pre->capacity, pre->count, sizeof *pre->steps);
    pre->steps[pre->count++] = *step;
}

void kvt_pre_free(struct kvt_pre *pre)
{
    for (size_t i = 0; i < pre->count; i++)
        kvt_regex_free(pre->steps[i].pattern);
    free(pre->steps);
    *pre = (struct kvt_pre){0};
}

void kvt_pieces_free(struct kvt_pieces *pieces)
{
    kvt_buffer_free(&pieces->text);
    kvt_buffer_free(&pieces->spare);
    kvt_regex_end(&pieces->search);
    free(pieces->pieces);
    free(pieces->next);
    *pieces = (struct kvt_pieces){0};
}

static void put(struct kvt_pieces *pieces, size_t start, size_t end, bool first)
{
    if (start == end)
        return;
    kvt_grow(&pieces->next, &pieces->next_capacity, pieces->n_next, sizeof *pieces->next);
    pieces->next[pieces->n_next++] = (struct kvt_piece){start, end, first};
}

static struct kvt_piece *last_put(struct kvt_pieces *pieces, size_t since)
{
    return pieces->n_next > since ? &pieces->next[pieces->n_next - 1] : NULL;
}

/* Matches and what is between them, in order, joined as the behaviour says. */
struct joining {
    struct kvt_pieces *pieces;
    const struct kvt_piece *piece;
    enum kvt_behavior behavior;
    size_t since;        /* pieces of this piece start here */
    bool previous_match; /* kind of the stretch before */
    bool open;           /* MERGED_WITH_NEXT: the last piece put waits for what follows */
};

static void stretch(struct joining *joining, size_t start, size_t end, bool match)
{
    struct kvt_pieces *pieces = joining->pieces;
    struct kvt_piece *last = last_put(pieces, joining->since);
    bool first = joining->piece->first && start == joining->piece->start;
    if (start == end)
        return;
    bool join = false;
    switch (joining->behavior) {
    case KVT_REMOVED:
        if (match)
            return;
        break;
    case KVT_ISOLATED:
        break;
    case KVT_CONTIGUOUS:
        join = last && match == joining->previous_match;
        break;
    case KVT_MERGED_WITH_PREVIOUS:
        join = last && match && !joining->previous_match;
        break;
    case KVT_MERGED_WITH_NEXT:
        join = last && !match && joining->open;
        joining->open = match;
        break;
    }
    if (join)
        last->end = end;
    else
        put(pieces, start, end, first);
    joining->previous_match = match;
}

static int by_pattern(const struct kvt_pre_step *step, const struct kvt_piece *piece,
                      struct kvt_pieces *pieces, struct kvt_error *error)
{
    struct joining joining = {
        .pieces = pieces, .piece = piece, .behavior = step->behavior, .since = pieces->n_next};
    size_t start, end, done = piece->start;
    int status;
    kvt_regex_start(&pieces->search, step->pattern, pieces->text.data + piece->start,
                    piece->end - piece->start);
    while ((status = kvt_regex_next(&pieces->search, &start, &end, error)) > 0) {
        stretch(&joining, done, piece->start + start, step->invert);
        stretch(&joining, piece->start + start, piece->start + end, !step->invert);
        done = piece->start + end;
    }
    stretch(&joining, done, piece->end, step->invert);
    return status;
}

static void by_family(const struct kvt_pre_step *step, const struct kvt_piece *piece,
                      struct kvt_pieces *pieces)
{
    const char *text = pieces->text.data + piece->start;
    size_t length = piece->end - piece->start;
    size_t ends[32];
    for (size_t at = 0; at < length;) {
        size_t count = step->split(text, length, at, ends, sizeof ends / sizeof *ends);
        for (size_t i = 0; i < count; at = ends[i++])
            put(pieces, piece->start + at, piece->start + ends[i], piece->first && at == 0);
    }
}

/*
 * ASCII punctuation counts as such whatever its category ($ + < = > ^ ` | ~ are symbols). For this
 * step the reference has the categories of Unicode 9.
 */
static bool is_punctuation(const char *at, size_t width, uint8_t flags)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    uint32_t cp;
    return flags & KVT_PUNCT && kvt_utf8_decode(at, width, &cp) > 0 &&
           !kvt_unicode_is_later_than_9(cp);
}

/* Characters of one kind apart from the rest. */
static void by_character(const struct kvt_pre_step *step, const struct kvt_piece *piece,
                         struct kvt_pieces *pieces)
{
    bool digits = step->kind == KVT_PRE_DIGITS;
    struct joining joining = {.pieces = pieces, .piece = piece, .since = pieces->n_next};
    joining.behavior = !digits ? step->behavior : step->single ? KVT_ISOLATED : KVT_CONTIGUOUS;
    size_t plain = piece->start;
    for (size_t at = piece->start; at < piece->end;) {
        const char *text = pieces->text.data + at;
        uint8_t flags;
        size_t width = kvt_unicode_next((const unsigned char *)text, piece->end - at, &flags);
        if (digits ? (flags & KVT_NUMBER) != 0 : is_punctuation(text, width, flags)) {
            stretch(&joining, plain, at, false);
            stretch(&joining, at, at + width, true);
            plain = at + width;
        }
        at += width;
    }
    stretch(&joining, plain, piece->end, false);
}

/* Steps that change the text write it anew into `spare`. */
static void spell_bytes(const struct kvt_pre_step *step, const struct kvt_piece *piece,
                        struct kvt_pieces *pieces)
{
    const char *text = pieces->text.data + piece->start;
    size_t start = pieces->spare.length;
    if (step->prefix_space && *text != ' ')
        kvt_buffer_byte(&pieces->spare, ' ');
    if (step->plain)
        kvt_buffer_append(&pieces->spare, text, piece->end - piece->start);
    else
        kvt_byte_level_encode(text, piece->end - piece->start, &pieces->spare);
    put(pieces, start, pieces->spare.length, piece->first);
}

static bool is_visible_space(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, KVT_VISIBLE_SPACE, 3) == 0;
}

static void metaspace(const struct kvt_pre_step *step, const struct kvt_piece *piece,
                      struct kvt_pieces *pieces)
{
    const char *text = pieces->text.data + piece->start;
    size_t length = piece->end - piece->start, start = pieces->spare.length;
    bool wanted =
        step->prepend == KVT_PREPEND_ALWAYS || (step->prepend == KVT_PREPEND_FIRST && piece->first);
    if (wanted && *text != ' ' && !is_visible_space(text, length))
        kvt_buffer_text(&pieces->spare, KVT_VISIBLE_SPACE);
    for (size_t at = 0; at < length; at++) {
        if (text[at] == ' ')
            kvt_buffer_text(&pieces->spare, KVT_VISIBLE_SPACE);
        else
            kvt_buffer_byte(&pieces->spare, text[at]);
    }
    size_t end = pieces->spare.length;
    bool first = piece->first;
    for (size_t at = start + 1; step->cut && at < end; at++) {
        if (!is_visible_space(pieces->spare.data + at, end - at))
            continue;
        put(pieces, start, at, first);
        start = at;
        first = false;
    }
    put(pieces, start, end, first);
}

/* The pieces just put take the place of the old ones. */
static void take_next(struct kvt_pieces *pieces)
{
    struct kvt_piece *old = pieces->pieces;
    size_t old_capacity = pieces->capacity;
    pieces->pieces = pieces->next;
    pieces->count = pieces->n_next;
    pieces->capacity = pieces->next_capacity;
    pieces->next = old;
    pieces->next_capacity = old_capacity;
}

static int run_step(const struct kvt_pre_step *step, struct kvt_pieces *pieces,
                    struct kvt_error *error)
{
    bool rewrites = step->kind == KVT_PRE_BYTES || step->kind == KVT_PRE_METASPACE;
    pieces->n_next = 0;
    kvt_buffer_clear(&pieces->spare);
    for (size_t i = 0; i < pieces->count; i++) {
        const struct kvt_piece *piece = &pieces->pieces[i];
        switch (step->kind) {
        case KVT_PRE_FAMILY:
            by_family(step, piece, pieces);
            break;
        case KVT_PRE_PATTERN:
            if (by_pattern(step, piece, pieces, error) != 0)
                return -1;
            break;
        case KVT_PRE_DIGITS:
        case KVT_PRE_PUNCTUATION:
            by_character(step, piece, pieces);
            break;
        case KVT_PRE_BYTES:
            spell_bytes(step, piece, pieces);
            break;
        case KVT_PRE_METASPACE:
            metaspace(step, piece, pieces);
            break;
        }
    }
    take_next(pieces);
    if (rewrites) {
        struct kvt_buffer text = pieces->text;
        pieces->text = pieces->spare;
        pieces->spare = text;
    }
    return 0;
}

int kvt_pre_run(const struct kvt_pre *pre, const char *text, size_t length, bool first,
                struct kvt_pieces *pieces, struct kvt_error *error)
{
    kvt_buffer_clear(&pieces->text);
    kvt_buffer_append(&pieces->text, text, length);
    pieces->n_next = 0;
    pieces->spelled = false;
    put(pieces, 0, length, first);
    take_next(pieces);
    for (size_t i = 0; i < pre->count; i++) {
        if (run_step(&pre->steps[i], pieces, error) != 0)
            return -1;
        pieces->spelled |= pre->steps[i].kind == KVT_PRE_BYTES && !pre->steps[i].plain;
    }
    return 0;
}
