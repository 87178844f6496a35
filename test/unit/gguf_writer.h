/* test/unit/gguf_writer.h: writes small GGUF files without tensors, for tests of vocabularies. */
#ifndef KVT_TEST_GGUF_WRITER_H
#define KVT_TEST_GGUF_WRITER_H

#include "core/buffer.h"
#include "token/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gguf_writer {
    struct kvt_buffer body;
    uint64_t n_keys;
};

static inline void gguf_raw(struct gguf_writer *writer, const void *data, size_t length)
{
    kvt_buffer_append(&writer->body, data, length);
}

static inline void gguf_u32(struct gguf_writer *writer, uint32_t value)
{
    gguf_raw(writer, &value, sizeof value);
}

static inline void gguf_text(struct gguf_writer *writer, const char *text)
{
    uint64_t length = strlen(text);
    gguf_raw(writer, &length, sizeof length);
    gguf_raw(writer, text, length);
}

static inline void gguf_key(struct gguf_writer *writer, const char *key, uint32_t type)
{
    writer->n_keys++;
    gguf_text(writer, key);
    gguf_u32(writer, type);
}

static inline void gguf_string(struct gguf_writer *writer, const char *key, const char *value)
{
    gguf_key(writer, key, KVT_GGUF_STRING);
    gguf_text(writer, value);
}

static inline void gguf_integer(struct gguf_writer *writer, const char *key, uint32_t value)
{
    gguf_key(writer, key, KVT_GGUF_U32);
    gguf_u32(writer, value);
}

static inline void gguf_flag(struct gguf_writer *writer, const char *key, int value)
{
    char byte = (char)value;
    gguf_key(writer, key, KVT_GGUF_BOOL);
    gguf_raw(writer, &byte, 1);
}

static inline void gguf_array(struct gguf_writer *writer, const char *key, uint32_t type,
                              uint64_t count)
{
    gguf_key(writer, key, KVT_GGUF_ARRAY);
    gguf_u32(writer, type);
    gguf_raw(writer, &count, sizeof count);
}

static inline void gguf_strings(struct gguf_writer *writer, const char *key,
                                const char *const *texts, size_t count)
{
    gguf_array(writer, key, KVT_GGUF_STRING, count);
    for (size_t i = 0; i < count; i++)
        gguf_text(writer, texts[i]);
}

static inline void gguf_i32s(struct gguf_writer *writer, const char *key, const int32_t *values,
                             size_t count)
{
    gguf_array(writer, key, KVT_GGUF_I32, count);
    gguf_raw(writer, values, count * sizeof *values);
}

static inline void gguf_f32s(struct gguf_writer *writer, const char *key, const float *values,
                             size_t count)
{
    gguf_array(writer, key, KVT_GGUF_F32, count);
    gguf_raw(writer, values, count * sizeof *values);
}

/* Writes the file and empties the writer. */
static inline void gguf_save(struct gguf_writer *writer, const char *path)
{
    FILE *file = fopen(path, "wb");
    uint32_t version = 3;
    uint64_t n_tensors = 0;
    char padding[32] = {0};
    if (!file || fwrite("GGUF", 1, 4, file) != 4 || fwrite(&version, 4, 1, file) != 1 ||
        fwrite(&n_tensors, 8, 1, file) != 1 || fwrite(&writer->n_keys, 8, 1, file) != 1 ||
        fwrite(writer->body.data, 1, writer->body.length, file) != writer->body.length ||
        fwrite(padding, 1, sizeof padding, file) != sizeof padding || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    kvt_buffer_free(&writer->body);
    writer->n_keys = 0;
}

#endif
