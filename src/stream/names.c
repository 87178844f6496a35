#include "stream/names.h"

#include "core/error.h"
#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

uint64_t kvt_names_hash(const char *text, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, then a finaliser: low bits are used */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

/* Builds the table anew; n_slots is a power of two above twice the count. */
static void rehash(struct kvt_names *names, size_t n_slots)
{
    free(names->slots);
    names->slots = kvt_alloc_array(n_slots, sizeof *names->slots);
    names->n_slots = n_slots;
    memset(names->slots, 0xff, n_slots * sizeof *names->slots);
    for (size_t i = 0; i < names->count; i++) {
        size_t slot = kvt_names_hash(names->texts[i], strlen(names->texts[i])) & (n_slots - 1);
        while (names->slots[slot] != KVT_NO_NAME)
            slot = (slot + 1) & (n_slots - 1);
        names->slots[slot] = (uint32_t)i;
    }
}

uint32_t kvt_names_intern(struct kvt_names *names, const char *text, size_t length)
{
    if (names->count * 2 >= names->n_slots)
        rehash(names, names->n_slots ? names->n_slots * 2 : 64);
    size_t slot = kvt_names_hash(text, length) & (names->n_slots - 1);
    for (; names->slots[slot] != KVT_NO_NAME; slot = (slot + 1) & (names->n_slots - 1)) {
        const char *other = names->texts[names->slots[slot]];
        if (strlen(other) == length && memcmp(other, text, length) == 0)
            return names->slots[slot];
    }
    if (names->count >= KVT_NO_NAME)
        kvt_die(KVT_SYSTEM, "too many different names in the stream");
    kvt_grow(&names->texts, &names->capacity, names->count, sizeof *names->texts);
    names->texts[names->count] = kvt_strndup(text, length);
    names->slots[slot] = (uint32_t)names->count;
    return (uint32_t)names->count++;
}

const char *kvt_names_text(const struct kvt_names *names, uint32_t name)
{
    return name < names->count ? names->texts[name] : NULL;
}

int kvt_names_compare(const struct kvt_names *names, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    if (a == KVT_NO_NAME || b == KVT_NO_NAME)
        return a == KVT_NO_NAME ? -1 : 1;
    return strcmp(names->texts[a], names->texts[b]);
}

struct place {
    char *text;
    uint32_t old;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->text, ((const struct place *)b)->text);
}

void kvt_names_sort(struct kvt_names *names, uint32_t *rank)
{
    size_t n = names->count;
    struct place *places = kvt_alloc_array(n, sizeof *places);
    for (size_t i = 0; i < n; i++)
        places[i] = (struct place){names->texts[i], (uint32_t)i};
    qsort(places, n, sizeof *places, by_text);
    for (size_t i = 0; i < n; i++) {
        names->texts[i] = places[i].text;
        rank[places[i].old] = (uint32_t)i;
    }
    rehash(names, names->n_slots ? names->n_slots : 64);
    free(places);
}

void kvt_names_free(struct kvt_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
    free(names->slots);
    *names = (struct kvt_names){0};
}
