#include "core/buffer.h"

#include "core/error.h"
#include "core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kvt_buffer_grow(struct kvt_buffer *buffer, size_t extra)
{
    size_t needed;
    if (!kvt_size_add(buffer->length, extra, &needed) || needed > SIZE_MAX / 2 - 1)
        kvt_die(KVT_SYSTEM, "out of memory (a buffer of more than %zu bytes)", SIZE_MAX / 2);
    needed++; /* the NUL */
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = kvt_realloc_array(buffer->data, capacity, 1);
    buffer->capacity = capacity;
}

void kvt_buffer_printf(struct kvt_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        kvt_die(KVT_SYSTEM, "cannot format text");
    kvt_buffer_reserve(buffer, (size_t)length);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    va_end(again);
    buffer->length += (size_t)length;
}

void kvt_buffer_drop(struct kvt_buffer *buffer, size_t length)
{
    if (length >= buffer->length) {
        kvt_buffer_clear(buffer);
        return;
    }
    memmove(buffer->data, buffer->data + length, buffer->length - length + 1);
    buffer->length -= length;
}

const char *kvt_buffer_string(struct kvt_buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

char *kvt_buffer_take(struct kvt_buffer *buffer)
{
    char *data = buffer->data ? buffer->data : kvt_strdup("");
    *buffer = (struct kvt_buffer){0};
    return data;
}

void kvt_buffer_free(struct kvt_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct kvt_buffer){0};
}
