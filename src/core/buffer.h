/*
 * core/buffer.h: a growing byte buffer. `data` is always NUL-terminated after the first append
 * (the NUL is not counted in `length`), so text can be used as a C string. Zero-initialise it
 * (`struct kvt_buffer b = {0};`) and release it with kvt_buffer_free.
 */
#ifndef KVT_CORE_BUFFER_H
#define KVT_CORE_BUFFER_H

#include <stddef.h>
#include <string.h>

struct kvt_buffer {
    char *data; /* NULL until something was appended */
    size_t length;
    size_t capacity;
};

void kvt_buffer_grow(struct kvt_buffer *buffer, size_t extra); /* of the functions below */

/* Room for extra more bytes. */
static inline void kvt_buffer_reserve(struct kvt_buffer *buffer, size_t extra)
{
    if (extra >= buffer->capacity - buffer->length)
        kvt_buffer_grow(buffer, extra);
}

/* Length 0, memory kept. */
static inline void kvt_buffer_clear(struct kvt_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

static inline void kvt_buffer_append(struct kvt_buffer *buffer, const void *data, size_t length)
{
    kvt_buffer_reserve(buffer, length);
    if (length) /* cppcheck takes bytes that are written while `length` is computed for unset */
        /* cppcheck-suppress uninitvar */
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

static inline void kvt_buffer_byte(struct kvt_buffer *buffer, char byte)
{
    kvt_buffer_append(buffer, &byte, 1);
}

static inline void kvt_buffer_text(struct kvt_buffer *buffer, const char *text)
{
    kvt_buffer_append(buffer, text, strlen(text));
}

void kvt_buffer_printf(struct kvt_buffer *buffer, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void kvt_buffer_drop(struct kvt_buffer *buffer, size_t length); /* removes the first bytes */
const char *kvt_buffer_string(struct kvt_buffer *buffer);       /* never NULL */
char *kvt_buffer_take(struct kvt_buffer *buffer);               /* caller owns; buffer is empty */
void kvt_buffer_free(struct kvt_buffer *buffer);

#endif
