/*
 * token/cache.h: pieces seen before and how many tokens they are, or which. Four short pieces share
 * a line of memory; a new one takes the place of the oldest of the four its hash allows. A longer
 * one has one place, where it takes that of any other.
 */
#ifndef KVT_TOKEN_CACHE_H
#define KVT_TOKEN_CACHE_H

#include "core/bits.h"
#include "token/short.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KVT_CACHE_WAYS = 4,
    KVT_CACHE_BITS = 13, /* 2^13 lines: 512 KiB */
    KVT_CACHE_IDS = 3,   /* pieces of more tokens are kept without their ids, or not at all */
};

/* What short.h leaves of the last byte of a piece holds the number of its tokens. */
struct kvt_cache_line {
    struct kvt_short keys[KVT_CACHE_WAYS]; /* of length 0: none; the newest first */
};

struct kvt_cache_ids {
    int32_t ids[KVT_CACHE_WAYS][KVT_CACHE_IDS];
};

enum {
    KVT_CACHE_LONG = 63, /* bytes of the longest piece that is kept */
    KVT_CACHE_LONG_IDS = 8,
};

struct kvt_cached_long {
    uint8_t length; /* 0: empty */
    char key[KVT_CACHE_LONG];
    uint32_t count;
    int32_t ids[KVT_CACHE_LONG_IDS]; /* when ids are kept and these are all */
};

/* Zero-initialise; it holds nothing until kvt_cache_use. */
struct kvt_cache {
    struct kvt_cache_line *lines; /* starts on a line of memory */
    struct kvt_cache_ids *ids;    /* NULL: only numbers are kept */
    void *memory;
    struct kvt_cached_long *longs;
};

/* Makes the cache ready for numbers, or for ids; going from one to the other forgets all. True when
 * the cache is empty after that. */
bool kvt_cache_use(struct kvt_cache *cache, bool ids);
void kvt_cache_free(struct kvt_cache *cache);

static inline size_t kvt_cache_line_of(struct kvt_short key)
{
    return (size_t)(kvt_short_hash(key) >> (64 - KVT_CACHE_BITS));
}

#if defined(__SSE2__)
/* All ones in the four numbers of a place that holds the key, whatever its count. */
static inline __m128i kvt_cache_alike(const struct kvt_short *kept, __m128i key)
{
    const __m128i no_count = _mm_set_epi32(INT32_MAX >> 3, -1, -1, -1);
    const __m128i all = _mm_load_si128((const __m128i *)(const void *)kept);
    return _mm_cmpeq_epi32(_mm_and_si128(all, no_count), key);
}
#endif

/* The place of the key in the line, or KVT_CACHE_WAYS. Without branches: which it is is chance. */
static inline unsigned kvt_cache_find(const struct kvt_cache_line *line, struct kvt_short key)
{
#if defined(__SSE2__)
    const __m128i wanted = _mm_set_epi64x((int64_t)key.high, (int64_t)key.low);
    const __m128i first = _mm_packs_epi32(kvt_cache_alike(&line->keys[0], wanted),
                                          kvt_cache_alike(&line->keys[1], wanted));
    const __m128i second = _mm_packs_epi32(kvt_cache_alike(&line->keys[2], wanted),
                                           kvt_cache_alike(&line->keys[3], wanted));
    unsigned fours = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(first, second)); /* by place */
    fours &= fours >> 2;
    fours &= fours >> 1 & 0x1111;
    return kvt_bits_lowest(fours | UINT32_C(1) << 4 * KVT_CACHE_WAYS) / 4;
#else
    unsigned way = KVT_CACHE_WAYS;
    for (unsigned i = 0; i < KVT_CACHE_WAYS; i++)
        way = ((line->keys[i].low ^ key.low) | (line->keys[i].high ^ key.high) << 4) == 0 ? i : way;
    return way;
#endif
}
_Static_assert(KVT_CACHE_WAYS == 4, "a line is looked up as a whole");

/* Tokens of the piece at this place. */
static inline unsigned kvt_cache_count(const struct kvt_cache_line *line, unsigned way)
{
    return (unsigned)(line->keys[way].high >> 60);
}

/* Keeps a piece of `count` tokens; `ids` are those, when ids are kept. */
void kvt_cache_put(struct kvt_cache *cache, struct kvt_short key, size_t count, const int32_t *ids);

/* The same for pieces of more than KVT_SHORT bytes and no more than KVT_CACHE_LONG: the piece, or
 * NULL when it is not there or lacks the ids that are asked for. */
const struct kvt_cached_long *kvt_cache_find_long(const struct kvt_cache *cache, const char *text,
                                                  size_t length);
void kvt_cache_put_long(struct kvt_cache *cache, const char *text, size_t length, size_t count,
                        const int32_t *ids);

#endif
