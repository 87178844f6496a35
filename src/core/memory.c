#include "core/memory.h"

#include "core/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *checked(void *pointer, size_t size)
{
    if (!pointer)
        kvt_die(KVT_SYSTEM, "out of memory (%zu bytes asked for)", size);
    return pointer;
}

bool kvt_size_add(size_t a, size_t b, size_t *sum)
{
    if (a > SIZE_MAX - b)
        return false;
    *sum = a + b;
    return true;
}

bool kvt_size_mul(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *product = a * b;
    return true;
}

static size_t product_or_die(size_t count, size_t size)
{
    size_t bytes;
    if (!kvt_size_mul(count, size, &bytes))
        kvt_die(KVT_SYSTEM, "out of memory (%zu elements of %zu bytes asked for)", count, size);
    return bytes;
}

void *kvt_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *kvt_alloc_zero(size_t count, size_t size)
{
    size_t bytes = product_or_die(count, size);
    return checked(calloc(bytes ? bytes : 1, 1), bytes);
}

void *kvt_alloc_array(size_t count, size_t size)
{
    return kvt_alloc(product_or_die(count, size));
}

void *kvt_alloc_table(size_t count, size_t size)
{
    enum { LARGE_PAGE = 2 * 1024 * 1024 };
    size_t bytes = product_or_die(count, size), rounded;
    if (bytes < LARGE_PAGE || !kvt_size_add(bytes, LARGE_PAGE - 1, &rounded))
        return kvt_alloc(bytes);
    rounded -= rounded % LARGE_PAGE;
    void *memory = NULL;
    if (posix_memalign(&memory, LARGE_PAGE, rounded) != 0)
        memory = NULL;
    checked(memory, rounded);
#ifdef MADV_HUGEPAGE
    madvise(memory, rounded, MADV_HUGEPAGE); /* advice: without it all is as right, and slower */
#endif
    return memory;
}

void *kvt_realloc_array(void *old, size_t count, size_t size)
{
    size_t bytes = product_or_die(count, size);
    return checked(realloc(old, bytes ? bytes : 1), bytes);
}

char *kvt_strndup(const char *text, size_t length)
{
    size_t bytes;
    if (!kvt_size_add(length, 1, &bytes))
        kvt_die(KVT_SYSTEM, "out of memory");
    char *copy = kvt_alloc(bytes);
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *kvt_strdup(const char *text)
{
    return kvt_strndup(text, strlen(text));
}

char *kvt_asprintf(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        kvt_die(KVT_SYSTEM, "cannot format a message");
    char *text = kvt_alloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void kvt_grow_more(void *array_pointer, size_t *capacity, size_t count, size_t size)
{
    size_t wanted = *capacity ? *capacity : 8;
    while (wanted <= count)
        wanted = product_or_die(wanted, 2);
    void *old;
    memcpy(&old, array_pointer, sizeof old); /* the caller's pointer may be of any object type */
    void *grown = kvt_realloc_array(old, wanted, size);
    memcpy(array_pointer, &grown, sizeof grown);
    *capacity = wanted;
}
