#include "text/words.h"

#include "core/error.h"
#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

static uint64_t mix(uint64_t hash, uint64_t chunk)
{
    hash = (hash ^ chunk) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
}

/* Fewer than eight bytes, all of them, as one number; pieces may overlap. */
static uint64_t short_chunk(const char *data, size_t length)
{
    if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, data, 4);
        memcpy(&last, data + length - 4, 4);
        return (uint64_t)last << 32 | first;
    }
    if (length == 0)
        return 0;
    return (uint64_t)(unsigned char)data[0] | (uint64_t)(unsigned char)data[length / 2] << 8 |
           (uint64_t)(unsigned char)data[length - 1] << 16;
}

/* Multiply and fold, eight bytes at a time. */
uint64_t kvt_words_hash(const char *data, size_t length)
{
    uint64_t hash = length * 0x9e3779b97f4a7c15u, chunk;
    if (length < 8)
        return mix(hash, short_chunk(data, length));
    for (size_t at = 0; at + 8 < length; at += 8) {
        memcpy(&chunk, data + at, 8);
        hash = mix(hash, chunk);
    }
    memcpy(&chunk, data + length - 8, 8);
    return mix(hash, chunk);
}

void kvt_words_clear(struct kvt_words *words)
{
    words->count = 0;
    if (++words->epoch == 0) { /* wrapped: old slots must not come alive again */
        for (size_t i = 0; i < words->capacity; i++)
            words->slots[i].epoch = 0;
        words->epoch = 1;
    }
}

/* The slot of the word, or the free slot where it belongs. */
static struct kvt_word_slot *slot_of(const struct kvt_words *words, uint64_t hash, const char *data,
                                     size_t length)
{
    size_t mask = words->capacity - 1;
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        struct kvt_word_slot *slot = &words->slots[at];
        if (slot->epoch != words->epoch ||
            (slot->hash == hash && slot->length == length && memcmp(slot->data, data, length) == 0))
            return slot;
    }
}

static void grow(struct kvt_words *words)
{
    struct kvt_words bigger = {.count = words->count, .epoch = 1};
    bigger.capacity = words->capacity ? words->capacity * 2 : FIRST_CAPACITY;
    bigger.slots = kvt_alloc_zero(bigger.capacity, sizeof *bigger.slots);
    for (size_t i = 0; i < words->capacity; i++) {
        const struct kvt_word_slot *old = &words->slots[i];
        if (old->epoch != words->epoch)
            continue;
        struct kvt_word_slot *slot = slot_of(&bigger, old->hash, old->data, old->length);
        *slot = *old;
        slot->epoch = bigger.epoch;
    }
    free(words->slots);
    *words = bigger;
}

uint32_t kvt_words_add(struct kvt_words *words, const char *data, size_t length)
{
    if (words->epoch == 0)
        words->epoch = 1;
    if ((size_t)words->count * 2 >= words->capacity)
        grow(words);
    uint64_t hash = kvt_words_hash(data, length);
    struct kvt_word_slot *slot = slot_of(words, hash, data, length);
    if (slot->epoch != words->epoch) {
        if (words->count == KVT_WORD_UNKNOWN - 1)
            kvt_die(KVT_SYSTEM, "more than %lu different words on one line",
                    (unsigned long)words->count);
        *slot = (struct kvt_word_slot){hash, data, length, words->count++, words->epoch};
    }
    return slot->id;
}

uint32_t kvt_words_find(const struct kvt_words *words, const char *data, size_t length)
{
    if (words->count == 0)
        return KVT_WORD_UNKNOWN;
    const struct kvt_word_slot *slot = slot_of(words, kvt_words_hash(data, length), data, length);
    return slot->epoch == words->epoch ? slot->id : KVT_WORD_UNKNOWN;
}

void kvt_words_free(struct kvt_words *words)
{
    free(words->slots);
    *words = (struct kvt_words){0};
}

void kvt_numbers_add(struct kvt_numbers *numbers, uint32_t value)
{
    if (numbers->count == numbers->capacity)
        kvt_grow(&numbers->data, &numbers->capacity, numbers->count, sizeof *numbers->data);
    numbers->data[numbers->count++] = value;
}

void kvt_numbers_reserve(struct kvt_numbers *numbers, size_t count)
{
    while (numbers->capacity < count)
        kvt_grow(&numbers->data, &numbers->capacity, numbers->capacity, sizeof *numbers->data);
}

void kvt_numbers_zero(struct kvt_numbers *numbers, size_t count)
{
    kvt_numbers_reserve(numbers, count);
    numbers->count = count;
    if (count)
        memset(numbers->data, 0, count * sizeof *numbers->data);
}

void kvt_index_build(struct kvt_index *index, const uint32_t *sequence, size_t length,
                     uint32_t n_symbols)
{
    if (index->count.count < n_symbols) {
        kvt_numbers_zero(&index->count, n_symbols);
        kvt_numbers_zero(&index->start, n_symbols);
    }
    if (index->positions.count < length)
        kvt_numbers_zero(&index->positions, length);
    uint32_t *start = index->start.data, *count = index->count.data;
    for (size_t j = 0; j < length; j++)
        count[sequence[j]]++;
    uint32_t used = 0;
    for (size_t j = 0; j < length; j++) { /* room for each number where it first stands ... */
        uint32_t s = sequence[j];
        if (count[s] == 0)
            continue;
        start[s] = used;
        used += count[s];
        count[s] = 0; /* ... and counted again while filling */
    }
    for (size_t j = 0; j < length; j++)
        index->positions.data[start[sequence[j]] + count[sequence[j]]++] = (uint32_t)j;
}

void kvt_index_clear(struct kvt_index *index, const uint32_t *sequence, size_t length)
{
    for (size_t j = 0; j < length; j++)
        index->count.data[sequence[j]] = 0;
}

void kvt_index_free(struct kvt_index *index)
{
    free(index->start.data);
    free(index->count.data);
    free(index->positions.data);
    *index = (struct kvt_index){0};
}
