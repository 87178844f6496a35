#include "engine/kv_cache.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* One zeroed page (lanes beyond the last entry are read and multiplied by zero), or NULL. */
static float *page_new(struct kvt_kv_cache *cache)
{
    struct kvt_kv_allocator *allocator = cache->allocator;
    size_t held = atomic_fetch_add(&allocator->bytes, cache->page_bytes) + cache->page_bytes;
    float *page = NULL;
    if (allocator->limit == 0 || held <= allocator->limit)
        page = aligned_alloc(KVT_ALIGNMENT, cache->page_bytes);
    if (!page) {
        atomic_fetch_sub(&allocator->bytes, cache->page_bytes);
        return NULL;
    }
    memset(page, 0, cache->page_bytes);
    size_t peak = atomic_load(&allocator->peak);
    while (held > peak && !atomic_compare_exchange_weak(&allocator->peak, &peak, held))
        ;
    size_t bytes = atomic_fetch_add(&cache->bytes, cache->page_bytes) + cache->page_bytes;
    cache->peak = bytes > cache->peak ? bytes : cache->peak;
    return page;
}

static void page_free(struct kvt_kv_cache *cache, float *page)
{
    free(page);
    atomic_fetch_sub(&cache->bytes, cache->page_bytes);
    atomic_fetch_sub(&cache->allocator->bytes, cache->page_bytes);
}

void kvt_kv_open(struct kvt_kv_cache *cache, const struct kvt_kv_shape *shape,
                 struct kvt_kv_allocator *allocator)
{
    *cache = (struct kvt_kv_cache){.shape = *shape, .allocator = allocator};
    cache->value_stride = round_up(shape->head_dim, KVT_LANES);
    size_t floats = shape->head_dim * KVT_LANES + cache->value_stride * KVT_LANES + KVT_LANES;
    cache->page_bytes = round_up(floats * sizeof(float), KVT_ALIGNMENT);
    cache->heads = kvt_alloc_zero(shape->n_layers * shape->n_kv_heads, sizeof *cache->heads);
}

static void drop_pages(struct kvt_kv_cache *cache, struct kvt_kv_head *head, size_t n_pages)
{
    while (head->n_pages > n_pages) {
        head->n_pages--;
        page_free(cache, head->pages[head->n_pages]);
        head->pages[head->n_pages] = NULL;
    }
}

void kvt_kv_close(struct kvt_kv_cache *cache)
{
    if (!cache->heads)
        return;
    for (size_t i = 0; i < cache->shape.n_layers * cache->shape.n_kv_heads; i++) {
        drop_pages(cache, &cache->heads[i], 0);
        free(cache->heads[i].pages);
    }
    free(cache->heads);
    *cache = (struct kvt_kv_cache){0};
}

struct kvt_kv_head *kvt_kv_head(const struct kvt_kv_cache *cache, size_t layer, size_t head)
{
    return &cache->heads[layer * cache->shape.n_kv_heads + head];
}

int kvt_kv_reserve(struct kvt_kv_cache *cache, size_t extra, struct kvt_error *error)
{
    for (size_t i = 0; i < cache->shape.n_layers * cache->shape.n_kv_heads; i++) {
        struct kvt_kv_head *head = &cache->heads[i];
        size_t wanted = (head->count + extra + KVT_LANES - 1) / KVT_LANES;
        if (wanted > head->page_capacity) {
            size_t capacity = wanted + wanted / 2;
            head->pages = kvt_realloc_array(head->pages, capacity, sizeof *head->pages);
            head->page_capacity = capacity;
        }
        while (head->n_pages < wanted) {
            float *page = page_new(cache);
            if (!page)
                return kvt_fail(error, KVT_SYSTEM,
                                "no memory for the KV cache: %zu bytes are held by all requests",
                                atomic_load(&cache->allocator->bytes));
            head->pages[head->n_pages++] = page;
        }
    }
    return 0;
}

static float *value_row(const struct kvt_kv_cache *cache, float *page, size_t slot)
{
    return page + cache->shape.head_dim * KVT_LANES + slot * cache->value_stride;
}

static int32_t *position_slot(const struct kvt_kv_cache *cache, float *page, size_t slot)
{
    return (int32_t *)(void *)(page + (cache->shape.head_dim + cache->value_stride) * KVT_LANES) +
           slot;
}

void kvt_kv_write(struct kvt_kv_cache *cache, size_t layer, size_t head_index, size_t ahead,
                  const float *key, const float *value, size_t position)
{
    struct kvt_kv_head *head = kvt_kv_head(cache, layer, head_index);
    size_t entry = head->count + ahead, slot = entry % KVT_LANES, dim = cache->shape.head_dim;
    float *page = head->pages[entry / KVT_LANES];
    for (size_t i = 0; i < dim; i++)
        page[i * KVT_LANES + slot] = key[i];
    memcpy(value_row(cache, page, slot), value, dim * sizeof *value);
    *position_slot(cache, page, slot) = (int32_t)position;
}

void kvt_kv_grow(struct kvt_kv_cache *cache, size_t layer, size_t n)
{
    for (size_t h = 0; h < cache->shape.n_kv_heads; h++)
        kvt_kv_head(cache, layer, h)->count += n;
}

static void copy_entry(struct kvt_kv_cache *cache, struct kvt_kv_head *head, size_t to, size_t from)
{
    if (to == from)
        return;
    float *target = head->pages[to / KVT_LANES], *source = head->pages[from / KVT_LANES];
    size_t t = to % KVT_LANES, s = from % KVT_LANES;
    for (size_t i = 0; i < cache->shape.head_dim; i++)
        target[i * KVT_LANES + t] = source[i * KVT_LANES + s];
    memcpy(value_row(cache, target, t), value_row(cache, source, s),
           cache->shape.head_dim * sizeof(float));
    *position_slot(cache, target, t) = *position_slot(cache, source, s);
}

static void shrink(struct kvt_kv_cache *cache, struct kvt_kv_head *head, size_t count)
{
    head->count = count;
    drop_pages(cache, head, (count + KVT_LANES - 1) / KVT_LANES);
}

void kvt_kv_keep(struct kvt_kv_cache *cache, size_t layer, size_t head_index, const size_t *indices,
                 size_t n)
{
    struct kvt_kv_head *head = kvt_kv_head(cache, layer, head_index);
    for (size_t i = 0; i < n; i++)
        copy_entry(cache, head, i, indices[i]); /* indices[i] >= i: nothing is overwritten early */
    shrink(cache, head, n);
}

void kvt_kv_remove(struct kvt_kv_cache *cache, size_t layer, size_t head_index, size_t index)
{
    struct kvt_kv_head *head = kvt_kv_head(cache, layer, head_index);
    copy_entry(cache, head, index, head->count - 1);
    shrink(cache, head, head->count - 1);
}

int32_t kvt_kv_position(const struct kvt_kv_cache *cache, size_t layer, size_t head_index,
                        size_t index)
{
    struct kvt_kv_head *head = kvt_kv_head(cache, layer, head_index);
    return *position_slot(cache, head->pages[index / KVT_LANES], index % KVT_LANES);
}

void kvt_kv_key(const struct kvt_kv_cache *cache, size_t layer, size_t head_index, size_t index,
                float *key)
{
    const float *page = kvt_kv_head(cache, layer, head_index)->pages[index / KVT_LANES];
    for (size_t i = 0; i < cache->shape.head_dim; i++)
        key[i] = page[i * KVT_LANES + index % KVT_LANES];
}

void kvt_kv_replace_key(struct kvt_kv_cache *cache, size_t layer, size_t head_index, size_t index,
                        const float *key)
{
    float *page = kvt_kv_head(cache, layer, head_index)->pages[index / KVT_LANES];
    for (size_t i = 0; i < cache->shape.head_dim; i++)
        page[i * KVT_LANES + index % KVT_LANES] = key[i];
}

float kvt_kv_key_norm2(const struct kvt_kv_cache *cache, size_t layer, size_t head_index,
                       size_t index)
{
    const struct kvt_kv_head *head = kvt_kv_head(cache, layer, head_index);
    const float *page = head->pages[index / KVT_LANES];
    float sum = 0;
    for (size_t i = 0; i < cache->shape.head_dim; i++) {
        float value = page[i * KVT_LANES + index % KVT_LANES];
        sum += value * value;
    }
    return sum;
}

size_t kvt_kv_layer_entries(const struct kvt_kv_cache *cache, size_t layer)
{
    size_t sum = 0;
    for (size_t h = 0; h < cache->shape.n_kv_heads; h++)
        sum += kvt_kv_head(cache, layer, h)->count;
    return sum;
}

size_t kvt_kv_full_bytes(const struct kvt_kv_cache *cache, size_t n)
{
    size_t pages = (n + KVT_LANES - 1) / KVT_LANES;
    return pages * cache->page_bytes * cache->shape.n_layers * cache->shape.n_kv_heads;
}
