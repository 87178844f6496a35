#include "token/vocabulary.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t word_at(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

uint64_t kvt_token_hash(const char *data, size_t length)
{
    uint64_t hash = length * 0xff51afd7ed558ccdu;
    for (; length >= 8; data += 8, length -= 8)
        hash = mix(hash, word_at(data));
    uint64_t tail = 0;
    memcpy(&tail, data, length);
    return mix(mix(hash, tail), 0x2545f4914f6cdd1du);
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find_short(const struct kvt_vocabulary *vocabulary, struct kvt_short key)
{
    const struct kvt_short *shorts = vocabulary->shorts;
    size_t mask = vocabulary->n_short_slots - 1, at = kvt_vocabulary_short_slot(vocabulary, key);
    while (shorts[at].high && (shorts[at].low != key.low || shorts[at].high != key.high))
        at = (at + 1) & mask;
    return at;
}

static void rehash_short(struct kvt_vocabulary *vocabulary, size_t n_slots)
{
    struct kvt_short *old = vocabulary->shorts;
    int32_t *old_ids = vocabulary->short_ids;
    size_t n_old = vocabulary->n_short_slots;
    vocabulary->shorts = kvt_alloc_table(n_slots, sizeof *vocabulary->shorts);
    memset(vocabulary->shorts, 0, n_slots * sizeof *vocabulary->shorts);
    vocabulary->short_ids = kvt_alloc_array(n_slots, sizeof *vocabulary->short_ids);
    vocabulary->n_short_slots = n_slots;
    for (size_t i = 0; i < n_old; i++) {
        if (!old[i].high)
            continue;
        size_t at = find_short(vocabulary, old[i]);
        vocabulary->shorts[at] = old[i];
        vocabulary->short_ids[at] = old_ids[i];
    }
    free(old);
    free(old_ids);
}

static void make_room(struct kvt_vocabulary *vocabulary, size_t count)
{
    if (count <= vocabulary->capacity)
        return;
    vocabulary->starts = kvt_realloc_array(vocabulary->starts, count, sizeof(uint32_t));
    vocabulary->lengths = kvt_realloc_array(vocabulary->lengths, count, sizeof(uint32_t));
    vocabulary->kinds = kvt_realloc_array(vocabulary->kinds, count, 1);
    vocabulary->found = kvt_realloc_array(vocabulary->found, count, 1);
    vocabulary->capacity = count;
}

void kvt_vocabulary_reserve(struct kvt_vocabulary *vocabulary, size_t count, size_t key_bytes)
{
    make_room(vocabulary, count);
    if (key_bytes > vocabulary->keys_capacity) {
        vocabulary->keys = kvt_realloc_array(vocabulary->keys, key_bytes, 1);
        vocabulary->keys_capacity = key_bytes;
    }
    size_t n_slots = 1024;
    while (n_slots / 3 < count / 2) /* up to two thirds full */
        n_slots *= 2;
    if (n_slots > vocabulary->n_short_slots)
        rehash_short(vocabulary, n_slots);
}

static void extend(struct kvt_vocabulary *vocabulary, int32_t size)
{
    size_t needed = (size_t)size;
    if (needed > vocabulary->capacity)
        make_room(vocabulary, needed + needed / 2);
    for (size_t id = (size_t)vocabulary->size; id < needed; id++) {
        vocabulary->starts[id] = 0;
        vocabulary->lengths[id] = 0;
        vocabulary->kinds[id] = KVT_TOKEN_ABSENT;
        vocabulary->found[id] = 0;
    }
    if (size > vocabulary->size)
        vocabulary->size = size;
}

int kvt_vocabulary_set(struct kvt_vocabulary *vocabulary, int64_t id, const char *key,
                       size_t length, enum kvt_token_kind kind, struct kvt_error *error)
{
    if (id < 0 || id >= KVT_TOKEN_LIMIT)
        return kvt_fail(error, KVT_DATA, "token id %lld is out of range", (long long)id);
    if (length > UINT32_MAX / 2 || vocabulary->keys_length > UINT32_MAX / 2)
        return kvt_fail(error, KVT_DATA, "the vocabulary's strings are longer than 2 GiB");
    if (id >= vocabulary->size)
        extend(vocabulary, (int32_t)id + 1);
    else if (vocabulary->kinds[id] != KVT_TOKEN_ABSENT)
        return kvt_fail(error, KVT_DATA, "two tokens have the id %lld", (long long)id);
    if (length > vocabulary->keys_capacity - vocabulary->keys_length) {
        size_t capacity = 2 * (vocabulary->keys_length + length) + 1024;
        vocabulary->keys = kvt_realloc_array(vocabulary->keys, capacity, 1);
        vocabulary->keys_capacity = capacity;
    }
    vocabulary->starts[id] = (uint32_t)vocabulary->keys_length;
    vocabulary->lengths[id] = (uint32_t)length;
    vocabulary->kinds[id] = (uint8_t)kind;
    if (length)
        memcpy(vocabulary->keys + vocabulary->keys_length, key, length);
    vocabulary->keys_length += length;
    return 0;
}

const char *kvt_vocabulary_key(const struct kvt_vocabulary *vocabulary, int32_t id, size_t *length)
{
    *length = vocabulary->lengths[id];
    return vocabulary->keys ? vocabulary->keys + vocabulary->starts[id] : "";
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct kvt_vocabulary_slot *slot_of(const struct kvt_vocabulary *vocabulary, const char *key,
                                           size_t length, uint64_t hash)
{
    size_t mask = vocabulary->n_slots - 1;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        struct kvt_vocabulary_slot *slot = &vocabulary->slots[at];
        if (slot->id < 0 || (slot->tag == tag && slot->length == length &&
                             memcmp(vocabulary->keys + slot->start, key, length) == 0))
            return slot;
    }
}

static void rehash(struct kvt_vocabulary *vocabulary, size_t n_slots)
{
    struct kvt_vocabulary_slot *old = vocabulary->slots;
    size_t n_old = vocabulary->n_slots;
    vocabulary->slots = kvt_alloc_array(n_slots, sizeof *vocabulary->slots);
    memset(vocabulary->slots, 0xff, n_slots * sizeof *vocabulary->slots);
    vocabulary->n_slots = n_slots;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].id < 0)
            continue;
        const char *key = vocabulary->keys + old[i].start;
        *slot_of(vocabulary, key, old[i].length, kvt_token_hash(key, old[i].length)) = old[i];
    }
    free(old);
}

static bool index_short(struct kvt_vocabulary *vocabulary, int32_t id, struct kvt_short key)
{
    if (3 * (vocabulary->n_shorts + 1) > 2 * vocabulary->n_short_slots)
        rehash_short(vocabulary, vocabulary->n_short_slots ? 2 * vocabulary->n_short_slots : 1024);
    size_t at = find_short(vocabulary, key);
    if (vocabulary->shorts[at].high)
        return false;
    vocabulary->shorts[at] = key;
    vocabulary->short_ids[at] = id;
    vocabulary->n_shorts++;
    return true;
}

static bool index_long(struct kvt_vocabulary *vocabulary, int32_t id, const char *key,
                       size_t length)
{
    if (2 * (vocabulary->n_long + 1) > vocabulary->n_slots)
        rehash(vocabulary, vocabulary->n_slots ? 2 * vocabulary->n_slots : 1024);
    uint64_t hash = kvt_token_hash(key, length);
    struct kvt_vocabulary_slot *slot = slot_of(vocabulary, key, length, hash);
    if (slot->id >= 0)
        return false;
    *slot = (struct kvt_vocabulary_slot){id, (uint32_t)(hash >> 32), vocabulary->starts[id],
                                         vocabulary->lengths[id]};
    vocabulary->n_long++;
    return true;
}

bool kvt_vocabulary_index(struct kvt_vocabulary *vocabulary, int32_t id)
{
    size_t length;
    const char *key = kvt_vocabulary_key(vocabulary, id, &length);
    if (length == 0)
        return true;
    bool found = length <= KVT_SHORT ? index_short(vocabulary, id, kvt_short_of(key, length))
                                     : index_long(vocabulary, id, key, length);
    vocabulary->found[id] = found;
    if (found && length > vocabulary->longest)
        vocabulary->longest = length;
    return found;
}

void kvt_vocabulary_expect(const struct kvt_vocabulary *vocabulary, const char *key, size_t length)
{
    if (length > KVT_SHORT || !vocabulary->n_short_slots)
        return;
    size_t at = kvt_vocabulary_short_slot(vocabulary, kvt_short_of(key, length));
    __builtin_prefetch(&vocabulary->shorts[at]);
    __builtin_prefetch(&vocabulary->short_ids[at]);
}

int32_t kvt_vocabulary_find(const struct kvt_vocabulary *vocabulary, const char *key, size_t length)
{
    if (length > vocabulary->longest || length == 0)
        return -1;
    if (length > KVT_SHORT)
        return slot_of(vocabulary, key, length, kvt_token_hash(key, length))->id;
    if (vocabulary->n_short_slots == 0)
        return -1;
    size_t at = find_short(vocabulary, kvt_short_of(key, length));
    return vocabulary->shorts[at].high ? vocabulary->short_ids[at] : -1;
}

void kvt_vocabulary_free(struct kvt_vocabulary *vocabulary)
{
    free(vocabulary->starts);
    free(vocabulary->lengths);
    free(vocabulary->kinds);
    free(vocabulary->keys);
    free(vocabulary->found);
    free(vocabulary->shorts);
    free(vocabulary->short_ids);
    free(vocabulary->slots);
    *vocabulary = (struct kvt_vocabulary){0};
}
