#include "token/cache.h"

#include "core/memory.h"
#include "token/vocabulary.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = 1 << KVT_CACHE_BITS, LONG_SLOTS = 1 << 12 };

_Static_assert(sizeof(struct kvt_cache_line) == 64, "a set is a line of memory");

bool kvt_cache_use(struct kvt_cache *cache, bool ids)
{
    if (cache->lines && ids == (cache->ids != NULL))
        return false;
    kvt_cache_free(cache);
    const size_t line = sizeof *cache->lines;
    cache->memory = kvt_alloc_zero(LINES + 1, line);
    char *start = cache->memory;
    cache->lines = (void *)(start + (line - (uintptr_t)start % line) % line);
    cache->longs = kvt_alloc_zero(LONG_SLOTS, sizeof *cache->longs);
    cache->ids = ids ? kvt_alloc_array(LINES, sizeof *cache->ids) : NULL;
    return true;
}

void kvt_cache_free(struct kvt_cache *cache)
{
    free(cache->memory);
    free(cache->ids);
    free(cache->longs);
    *cache = (struct kvt_cache){0};
}

void kvt_cache_put(struct kvt_cache *cache, struct kvt_short key, size_t count, const int32_t *ids)
{
    if (count > 15 || (cache->ids && count > KVT_CACHE_IDS))
        return;
    size_t place = kvt_cache_line_of(key);
    struct kvt_cache_line *line = &cache->lines[place];
    memmove(line->keys + 1, line->keys, (KVT_CACHE_WAYS - 1) * sizeof *line->keys);
    line->keys[0] = (struct kvt_short){key.low, key.high | (uint64_t)count << 60};
    if (!cache->ids)
        return;
    int32_t(*kept)[KVT_CACHE_IDS] = cache->ids[place].ids;
    memmove(kept + 1, kept, (KVT_CACHE_WAYS - 1) * sizeof *kept);
    if (count)
        memcpy(kept[0], ids, count * sizeof *ids);
}

static struct kvt_cached_long *long_slot(const struct kvt_cache *cache, const char *text,
                                         size_t length)
{
    return &cache->longs[(size_t)kvt_token_hash(text, length) & (LONG_SLOTS - 1)];
}

const struct kvt_cached_long *kvt_cache_find_long(const struct kvt_cache *cache, const char *text,
                                                  size_t length)
{
    const struct kvt_cached_long *slot = long_slot(cache, text, length);
    bool found = slot->length == length && memcmp(slot->key, text, length) == 0;
    return found && (!cache->ids || slot->count <= KVT_CACHE_LONG_IDS) ? slot : NULL;
}

void kvt_cache_put_long(struct kvt_cache *cache, const char *text, size_t length, size_t count,
                        const int32_t *ids)
{
    struct kvt_cached_long *slot = long_slot(cache, text, length);
    slot->length = (uint8_t)length;
    slot->count = (uint32_t)count; /* a piece has no more tokens than bytes */
    memcpy(slot->key, text, length);
    if (cache->ids && count && count <= KVT_CACHE_LONG_IDS)
        memcpy(slot->ids, ids, count * sizeof *ids);
}
