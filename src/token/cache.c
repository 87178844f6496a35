#include "token/cache.h"

#include "core/memory.h"

#include <stdlib.h>

enum { LINES = 1 << KVT_CACHE_BITS };

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
    cache->ids = ids ? kvt_alloc_array(LINES, sizeof *cache->ids) : NULL;
    return true;
}

void kvt_cache_free(struct kvt_cache *cache)
{
    free(cache->memory);
    free(cache->ids);
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
