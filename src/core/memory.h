/*
 * core/memory.h: allocation that cannot fail quietly.
 *
 * A filter that is out of memory cannot go on, so these functions end the process with exit code 3
 * instead of returning NULL. Sizes are checked before they are multiplied. kvt-serve, which must
 * survive a request that is too large, uses its own accounting allocator (engine/kv_cache.h).
 * Everything returned here is released with free().
 */
#ifndef KVT_CORE_MEMORY_H
#define KVT_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *kvt_alloc(size_t size);                     /* uninitialised; size 0 is allowed */
void *kvt_alloc_zero(size_t count, size_t size);  /* zeroed count * size bytes */
void *kvt_alloc_array(size_t count, size_t size); /* uninitialised count * size bytes */
/*
 * Uninitialised count * size bytes for a table that is read here and there: where the system has
 * large pages and the table fills some, it lies in them, and a look-up costs no walk through the
 * page tables.
 */
void *kvt_alloc_table(size_t count, size_t size);
void *kvt_realloc_array(void *old, size_t count, size_t size);
char *kvt_strdup(const char *text);
char *kvt_strndup(const char *text, size_t length); /* copies exactly length bytes, adds NUL */
char *kvt_asprintf(const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 1, 2)))
#endif
    ;

/* Overflow-checked arithmetic on sizes: false when the result does not fit. */
bool kvt_size_add(size_t a, size_t b, size_t *sum);
bool kvt_size_mul(size_t a, size_t b, size_t *product);

/*
 * Makes room for one more element in an array that grows by doubling:
 *     kvt_grow(&items, &capacity, count, sizeof *items);
 *     items[count++] = x;
 */
static inline void kvt_grow(void *array_pointer, size_t *capacity, size_t count, size_t size);

/* Of kvt_grow: count == *capacity or more. */
void kvt_grow_more(void *array_pointer, size_t *capacity, size_t count, size_t size);

static inline void kvt_grow(void *array_pointer, size_t *capacity, size_t count, size_t size)
{
    if (count >= *capacity)
        kvt_grow_more(array_pointer, capacity, count, size);
}

#endif
