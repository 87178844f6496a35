/*
 * engine/kv_cache.h: the keys and values of one request, per layer and KV head, in pages of 16
 * entries. Heads may hold different entries and different numbers of them. Dropping entries moves
 * the kept ones together and frees the pages left over: what the allocator counts is what is held.
 *
 * A page: keys [head_dim][16], values [16][value_stride], positions [16] (the entry's place in the
 * prompt; keys are already rotated, positions are for policies and reports).
 */
#ifndef KVT_ENGINE_KV_CACHE_H
#define KVT_ENGINE_KV_CACHE_H

#include "core/error.h"
#include "engine/kernels.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Counts the bytes of all pages handed out and not yet freed; shared by all requests of a server.
 */
struct kvt_kv_allocator {
    atomic_size_t bytes;
    atomic_size_t peak;
    size_t limit; /* bytes at most, 0 for no limit */
};

struct kvt_kv_shape {
    size_t n_layers, n_kv_heads, head_dim;
};

struct kvt_kv_head {
    float **pages; /* NULL beyond n_pages */
    size_t n_pages;
    size_t page_capacity;
    size_t count; /* entries */
};

struct kvt_kv_cache {
    struct kvt_kv_shape shape;
    size_t value_stride;
    size_t page_bytes;
    struct kvt_kv_allocator *allocator;
    atomic_size_t bytes; /* of this cache's pages; layers may shrink at the same time */
    size_t peak;
    struct kvt_kv_head *heads; /* [layer][kv head] */
};

void kvt_kv_open(struct kvt_kv_cache *cache, const struct kvt_kv_shape *shape,
                 struct kvt_kv_allocator *allocator);
void kvt_kv_close(struct kvt_kv_cache *cache); /* frees every page */

struct kvt_kv_head *kvt_kv_head(const struct kvt_kv_cache *cache, size_t layer, size_t head);

/*
 * Makes room for `extra` more entries in every head. Returns 0, or -1 and *error (KVT_SYSTEM) when
 * memory or the limit does not allow it; the cache is then as it was but for pages of room.
 */
int kvt_kv_reserve(struct kvt_kv_cache *cache, size_t extra, struct kvt_error *error);
/*
 * Writes one entry into room that was reserved, `ahead` places after a head's last entry; it counts
 * once kvt_kv_grow has been called. Different entries may be written by different threads.
 */
void kvt_kv_write(struct kvt_kv_cache *cache, size_t layer, size_t head, size_t ahead,
                  const float *key, const float *value, size_t position);
/* The n entries written after the last one of every head of a layer now count. */
void kvt_kv_grow(struct kvt_kv_cache *cache, size_t layer, size_t n);
/* Keeps the n entries whose indices are given in ascending order; frees what is left over. */
void kvt_kv_keep(struct kvt_kv_cache *cache, size_t layer, size_t head, const size_t *indices,
                 size_t n);
/* Removes one entry; the last entry takes its place, so the order of entries changes. */
void kvt_kv_remove(struct kvt_kv_cache *cache, size_t layer, size_t head, size_t index);

int32_t kvt_kv_position(const struct kvt_kv_cache *cache, size_t layer, size_t head, size_t index);
/* An entry's key: [head_dim], out of the page and into it. */
void kvt_kv_key(const struct kvt_kv_cache *cache, size_t layer, size_t head, size_t index,
                float *key);
void kvt_kv_replace_key(struct kvt_kv_cache *cache, size_t layer, size_t head, size_t index,
                        const float *key);
/* Squared L2 norm of an entry's key. */
float kvt_kv_key_norm2(const struct kvt_kv_cache *cache, size_t layer, size_t head, size_t index);

/* Entries of all heads of a layer. */
size_t kvt_kv_layer_entries(const struct kvt_kv_cache *cache, size_t layer);
/* Bytes a cache of this shape takes when every head holds n entries. */
size_t kvt_kv_full_bytes(const struct kvt_kv_cache *cache, size_t n);

#endif
