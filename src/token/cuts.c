#include "token/cuts.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAIR_WORDS = 65536 / 64, /* a bit for each pair of bytes */
    SET_BITS = 19,           /* of the set of neighbours: 64 KiB */
    SET_WORDS = (1 << SET_BITS) / 64,
};

struct kvt_cuts {
    /* Bytes that are neighbours in a key, the second one starting a character. */
    uint64_t adjacent[PAIR_WORDS];
    /* The same, where the key holds only a part of the character on either side. */
    uint64_t parts[PAIR_WORDS];
    /* Neighbours in a key, and what the key holds of them; others may look like members, which
     * costs a cut and no more. Those of two ASCII characters are in `adjacent`. */
    uint64_t neighbours[SET_WORDS];
};

struct character {
    uint32_t bytes; /* in the order of memory */
    size_t width;
};

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes that a first byte asks for. */
static size_t width_of(char c)
{
    unsigned char first = (unsigned char)c;
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static inline struct character character_at(const char *text, size_t length, size_t at)
{
    struct character character = {(unsigned char)text[at], 1};
    size_t most = width_of(text[at]);
    for (; character.width < most && at + character.width < length; character.width++) {
        char next = text[at + character.width];
        if (!continues(next))
            break;
        character.bytes |= (uint32_t)(unsigned char)next << 8 * character.width;
    }
    return character;
}

/* What a key holds of the character that ends at `at`, from `start` on; of width 0 when there are
 * more bytes than it asks for. */
static struct character character_before(const char *key, size_t start, size_t at)
{
    struct character character = {0, at - start};
    size_t most = continues(key[start]) ? 3 : width_of(key[start]);
    if (character.width > most)
        return (struct character){0, 0};
    for (size_t i = 0; i < character.width; i++)
        character.bytes |= (uint32_t)(unsigned char)key[start + i] << 8 * i;
    return character;
}

static size_t pair_bit(char before, char behind)
{
    return (size_t)(unsigned char)before << 8 | (unsigned char)behind;
}

static size_t set_bit(uint32_t before, uint32_t behind)
{
    uint64_t both = (uint64_t)before << 32 | behind;
    both = (both ^ both >> 29) * 0x9e3779b97f4a7c15u;
    return (size_t)(both >> (64 - SET_BITS));
}

static bool has(const uint64_t *bits, size_t bit)
{
    return bits[bit >> 6] >> (bit & 63) & 1;
}

static void add(uint64_t *bits, size_t bit)
{
    bits[bit >> 6] |= UINT64_C(1) << (bit & 63);
}

static bool both_ascii(char before, char behind)
{
    return !(((unsigned char)before | (unsigned char)behind) & 0x80);
}

static void add_key(struct kvt_cuts *cuts, const char *key, size_t length)
{
    size_t start = 0; /* of the character before */
    for (size_t at = 1; at < length; at++) {
        if (continues(key[at]))
            continue;
        size_t pair = pair_bit(key[at - 1], key[at]);
        add(cuts->adjacent, pair);
        if (!both_ascii(key[at - 1], key[at])) {
            struct character before = character_before(key, start, at);
            struct character behind = character_at(key, length, at);
            bool ends = at + behind.width == length && behind.width < width_of(key[at]);
            if (continues(key[start]) || ends)
                add(cuts->parts, pair);
            if (before.width) /* else no such place in a text is cut */
                add(cuts->neighbours, set_bit(before.bytes, behind.bytes));
        }
        start = at;
    }
}

struct kvt_cuts *kvt_cuts_make(const struct kvt_vocabulary *vocabulary)
{
    struct kvt_cuts *cuts = kvt_alloc_zero(1, sizeof *cuts);
    for (int32_t id = 0; id < vocabulary->size; id++) {
        size_t length;
        const char *key = kvt_vocabulary_key(vocabulary, id, &length);
        add_key(cuts, key, length);
    }
    return cuts;
}

void kvt_cuts_free(struct kvt_cuts *cuts)
{
    free(cuts);
}

/* Does a key hold the end of one and the start of the other, or all of them? */
static bool meet_in_parts(const struct kvt_cuts *cuts, struct character before,
                          struct character behind)
{
    for (size_t left = 1; left <= before.width; left++)
        for (size_t right = 1; right <= behind.width; right++)
            if (has(cuts->neighbours, set_bit(before.bytes >> 8 * (before.width - left),
                                              behind.bytes & (uint32_t)kvt_first_bytes(right))))
                return true;
    return false;
}

/* May the text be cut between these two, which meet at text[at]? */
static inline bool is_cut(const struct kvt_cuts *cuts, const char *text, size_t at,
                          struct character before, struct character behind)
{
    size_t pair = pair_bit(text[at - 1], text[at]);
    if (!has(cuts->adjacent, pair))
        return true;
    if (both_ascii(text[at - 1], text[at]) ||
        has(cuts->neighbours, set_bit(before.bytes, behind.bytes)))
        return false;
    return !has(cuts->parts, pair) || !meet_in_parts(cuts, before, behind);
}

/* The last of the ASCII characters from text[at] on between which is no cut; `at` if it is none. */
static size_t last_joined(const struct kvt_cuts *cuts, const char *text, size_t length, size_t at)
{
    while (at + 1 < length && both_ascii(text[at], text[at + 1]) &&
           has(cuts->adjacent, pair_bit(text[at], text[at + 1])))
        at++;
    return at;
}

/* The end of the part that starts at text[at]. */
static inline size_t part_end(const struct kvt_cuts *cuts, const char *text, size_t length,
                              size_t at)
{
    at = last_joined(cuts, text, length, at);
    struct character before = character_at(text, length, at);
    for (;;) {
        size_t end = at + before.width;
        if (end >= length)
            return length;
        if (continues(text[end])) { /* more than the character asked for: not a place for a cut */
            while (end < length && continues(text[end]))
                end++;
            if (end == length)
                return length;
            before = character_at(text, length, end);
            at = end;
            continue;
        }
        struct character behind = character_at(text, length, end);
        if (is_cut(cuts, text, end, before, behind))
            return end;
        before = behind;
        at = end;
        if (before.width == 1) {
            at = last_joined(cuts, text, length, at);
            before.bytes = (unsigned char)text[at];
        }
    }
}

size_t kvt_cuts_split(const struct kvt_cuts *cuts, const char *text, size_t length, size_t at,
                      size_t *ends, size_t most)
{
    size_t count = 0;
    while (count < most && at < length)
        ends[count++] = at = part_end(cuts, text, length, at);
    return count;
}
