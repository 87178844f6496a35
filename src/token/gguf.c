#include "token/gguf_parts.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_NAME = 65535,        /* bytes of a key or tensor name */
    MIN_ENTRY = 8 + 4 + 1,   /* least bytes a metadata entry takes: key length, type, value */
    MIN_TENSOR = 8 + 4 + 12, /* least bytes a tensor entry takes without dimensions */
    DEFAULT_ALIGNMENT = 32,
};

/* A place in the mapped file; every read is checked against the end. */
struct cursor {
    const unsigned char *start;
    size_t at;
    size_t size;
    const char *path;
    struct kvt_error *error;
};

/* Elements and bytes of one block of a tensor type; false for a type this build does not know. */
static bool tensor_block(uint32_t type, uint64_t *elements, uint64_t *bytes)
{
    static const struct {
        uint32_t type, elements, bytes;
    } blocks[] = {
        {KVT_TENSOR_F32, 1, 4},      {KVT_TENSOR_F16, 1, 2},      {KVT_TENSOR_BF16, 1, 2},
        {KVT_TENSOR_Q4_0, 32, 18},   {KVT_TENSOR_Q8_0, 32, 34},   {KVT_TENSOR_Q4_K, 256, 144},
        {KVT_TENSOR_Q5_K, 256, 176}, {KVT_TENSOR_Q6_K, 256, 210},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (blocks[i].type == type) {
            *elements = blocks[i].elements;
            *bytes = blocks[i].bytes;
            return true;
        }
    return false;
}

static int cut_short(struct cursor *cursor, const char *field)
{
    kvt_fail(cursor->error, KVT_DATA, "%s: the file ends inside %s; is it complete?", cursor->path,
             field);
    return -1;
}

static int take(struct cursor *cursor, const char *field, void *out, size_t bytes)
{
    if (bytes > cursor->size - cursor->at)
        return cut_short(cursor, field);
    memcpy(out, cursor->start + cursor->at, bytes);
    cursor->at += bytes;
    return 0;
}

/* A length-prefixed string; *text points into the mapping. */
static int take_string(struct cursor *cursor, const char *field, const char **text, size_t *length)
{
    uint64_t bytes;
    if (take(cursor, field, &bytes, sizeof bytes))
        return -1;
    if (bytes > cursor->size - cursor->at)
        return cut_short(cursor, field);
    *text = (const char *)cursor->start + cursor->at;
    *length = (size_t)bytes;
    cursor->at += *length;
    return 0;
}

/* A key or tensor name: not empty, no NUL inside. The copy is the caller's. */
static char *take_name(struct cursor *cursor, const char *field)
{
    const char *text;
    size_t length;
    if (take_string(cursor, field, &text, &length))
        return NULL;
    if (length == 0 || length > MAX_NAME || memchr(text, '\0', length)) {
        kvt_fail(cursor->error, KVT_DATA, "%s: %s is empty, too long or holds a NUL", cursor->path,
                 field);
        return NULL;
    }
    return kvt_strndup(text, length);
}

static int read_text_array(struct cursor *cursor, struct kvt_gguf_value *value)
{
    if (value->count > (cursor->size - cursor->at) / sizeof(uint64_t))
        return cut_short(cursor, value->key);
    size_t count = (size_t)value->count, begin = cursor->at, total = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text;
        size_t length;
        if (take_string(cursor, value->key, &text, &length))
            return -1;
        total += length + 1; /* fits: the sum of lengths is below the file's size */
    }
    cursor->at = begin;
    value->starts = kvt_alloc_array(count + 1, sizeof *value->starts);
    value->text = kvt_alloc(total);
    size_t to = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = NULL;
        size_t length = 0;
        if (take_string(cursor, value->key, &text, &length))
            return -1;
        value->starts[i] = to;
        memcpy(value->text + to, text, length);
        value->text[to + length] = '\0';
        to += length + 1;
    }
    value->starts[count] = to;
    return 0;
}

static int read_array(struct cursor *cursor, struct kvt_gguf_value *value)
{
    if (take(cursor, value->key, &value->element, sizeof value->element) ||
        take(cursor, value->key, &value->count, sizeof value->count))
        return -1;
    if (value->element == KVT_GGUF_STRING)
        return read_text_array(cursor, value);
    size_t size = kvt_gguf_value_size(value->element);
    if (size == 0)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: key %s: array of type %" PRIu32 " is not known", cursor->path,
                        value->key, value->element);
    if (value->count > (cursor->size - cursor->at) / size)
        return cut_short(cursor, value->key);
    value->data = cursor->start + cursor->at;
    cursor->at += (size_t)value->count * size;
    return 0;
}

static int read_value(struct cursor *cursor, struct kvt_gguf_value *value)
{
    value->key = take_name(cursor, "a metadata key");
    if (!value->key || take(cursor, value->key, &value->type, sizeof value->type))
        return -1;
    if (value->type == KVT_GGUF_ARRAY)
        return read_array(cursor, value);
    if (value->type == KVT_GGUF_STRING) {
        const char *text;
        if (take_string(cursor, value->key, &text, &value->length))
            return -1;
        value->text = kvt_strndup(text, value->length);
        return 0;
    }
    size_t size = kvt_gguf_value_size(value->type);
    if (size == 0)
        return kvt_fail(cursor->error, KVT_DATA, "%s: key %s: type %" PRIu32 " is not known",
                        cursor->path, value->key, value->type);
    if (size > cursor->size - cursor->at)
        return cut_short(cursor, value->key);
    value->data = cursor->start + cursor->at;
    cursor->at += size;
    return 0;
}

static int compare_values(const void *a, const void *b)
{
    return strcmp(((const struct kvt_gguf_value *)a)->key, ((const struct kvt_gguf_value *)b)->key);
}

static int read_values(struct cursor *cursor, struct kvt_gguf *gguf, uint64_t count)
{
    if (count > (cursor->size - cursor->at) / MIN_ENTRY)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: the number of metadata keys (%" PRIu64
                        ") is more than the file can hold",
                        cursor->path, count);
    gguf->values = kvt_alloc_zero((size_t)count, sizeof *gguf->values);
    for (; gguf->n_values < count;)
        if (read_value(cursor, &gguf->values[gguf->n_values++]))
            return -1;
    qsort(gguf->values, gguf->n_values, sizeof *gguf->values, compare_values);
    for (size_t i = 1; i < gguf->n_values; i++)
        if (strcmp(gguf->values[i - 1].key, gguf->values[i].key) == 0)
            return kvt_fail(cursor->error, KVT_DATA, "%s: key %s is there twice", cursor->path,
                            gguf->values[i].key);
    return 0;
}

/* Element count and bytes of a tensor from its dimensions. Bytes stay 0 for an unknown type. */
static int measure_tensor(struct cursor *cursor, struct kvt_gguf_tensor *tensor)
{
    uint64_t elements = 1;
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        if (tensor->dims[d] == 0 || elements > (uint64_t)INT64_MAX / tensor->dims[d])
            return kvt_fail(cursor->error, KVT_DATA,
                            "%s: tensor %s: dimension %" PRIu32 " is %" PRIu64
                            ": zero, or the tensor is too large",
                            cursor->path, tensor->name, d, tensor->dims[d]);
        elements *= tensor->dims[d];
    }
    uint64_t per_block, bytes;
    if (!tensor_block(tensor->type, &per_block, &bytes))
        return 0;
    if (tensor->dims[0] % per_block != 0)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: tensor %s: its row length %" PRIu64 " is no multiple of %" PRIu64,
                        cursor->path, tensor->name, tensor->dims[0], per_block);
    uint64_t blocks = elements / per_block;
    if (blocks > cursor->size / bytes)
        return kvt_fail(cursor->error, KVT_DATA, "%s: tensor %s is larger than the file",
                        cursor->path, tensor->name);
    tensor->bytes = (size_t)(blocks * bytes);
    return 0;
}

static int read_tensor(struct cursor *cursor, struct kvt_gguf_tensor *tensor, uint64_t *offset)
{
    tensor->name = take_name(cursor, "a tensor name");
    if (!tensor->name || take(cursor, tensor->name, &tensor->n_dims, sizeof tensor->n_dims))
        return -1;
    if (tensor->n_dims < 1 || tensor->n_dims > 4)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: tensor %s: number of dimensions is %" PRIu32 ", not 1 to 4",
                        cursor->path, tensor->name, tensor->n_dims);
    for (size_t d = 0; d < 4; d++)
        tensor->dims[d] = 1;
    if (take(cursor, tensor->name, tensor->dims, tensor->n_dims * sizeof *tensor->dims) ||
        take(cursor, tensor->name, &tensor->type, sizeof tensor->type) ||
        take(cursor, tensor->name, offset, sizeof *offset))
        return -1;
    return measure_tensor(cursor, tensor);
}

struct extent { /* a tensor's bytes in the data section */
    uint64_t offset;
    const struct kvt_gguf_tensor *tensor;
};

static int compare_extents(const void *a, const void *b)
{
    const struct extent *left = a, *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static int compare_names(const void *a, const void *b)
{
    const struct kvt_gguf_tensor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Alignment, ends and overlaps, then the data pointers. `offsets` run beside gguf->tensors. */
static int place_tensors(struct cursor *cursor, struct kvt_gguf *gguf, const uint64_t *offsets,
                         struct extent *extents, uint64_t alignment)
{
    uint64_t start = (cursor->at + alignment - 1) / alignment * alignment;
    uint64_t room = start < cursor->size ? cursor->size - start : 0;
    for (size_t i = 0; i < gguf->n_tensors; i++) {
        struct kvt_gguf_tensor *tensor = &gguf->tensors[i];
        if (offsets[i] % alignment != 0)
            return kvt_fail(cursor->error, KVT_DATA,
                            "%s: tensor %s: offset %" PRIu64 " is not aligned to %" PRIu64,
                            cursor->path, tensor->name, offsets[i], alignment);
        if (offsets[i] > room || tensor->bytes > room - offsets[i])
            return kvt_fail(cursor->error, KVT_DATA,
                            "%s: tensor %s: offset and size reach past the end of the file; is it "
                            "complete?",
                            cursor->path, tensor->name);
        if (tensor->bytes)
            tensor->data = gguf->map + start + offsets[i];
        extents[i] = (struct extent){offsets[i], tensor};
    }
    qsort(extents, gguf->n_tensors, sizeof *extents, compare_extents);
    for (size_t i = 1; i < gguf->n_tensors; i++)
        if (extents[i].offset < extents[i - 1].offset + extents[i - 1].tensor->bytes ||
            extents[i].offset == extents[i - 1].offset)
            return kvt_fail(cursor->error, KVT_DATA, "%s: tensors %s and %s overlap", cursor->path,
                            extents[i - 1].tensor->name, extents[i].tensor->name);
    return 0;
}

static int read_tensors(struct cursor *cursor, struct kvt_gguf *gguf, uint64_t count,
                        uint64_t alignment)
{
    if (count > (cursor->size - cursor->at) / MIN_TENSOR)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: the number of tensors (%" PRIu64 ") is more than the file can hold",
                        cursor->path, count);
    gguf->tensors = kvt_alloc_zero((size_t)count, sizeof *gguf->tensors);
    gguf->by_name = kvt_alloc_zero((size_t)count, sizeof *gguf->by_name);
    uint64_t *offsets = kvt_alloc_zero((size_t)count, sizeof *offsets);
    struct extent *extents = kvt_alloc_zero((size_t)count, sizeof *extents);
    int result = 0;
    while (result == 0 && gguf->n_tensors < count) {
        size_t i = gguf->n_tensors++;
        gguf->by_name[i] = &gguf->tensors[i];
        result = read_tensor(cursor, &gguf->tensors[i], &offsets[i]);
    }
    if (result == 0)
        result = place_tensors(cursor, gguf, offsets, extents, alignment);
    free(offsets);
    free(extents);
    if (result)
        return -1;
    qsort(gguf->by_name, gguf->n_tensors, sizeof *gguf->by_name, compare_names);
    for (size_t i = 1; i < gguf->n_tensors; i++)
        if (strcmp(gguf->by_name[i - 1]->name, gguf->by_name[i]->name) == 0)
            return kvt_fail(cursor->error, KVT_DATA, "%s: tensor %s is there twice", cursor->path,
                            gguf->by_name[i]->name);
    return 0;
}

static int read_file(struct cursor *cursor, struct kvt_gguf *gguf)
{
    char magic[4];
    uint32_t version;
    int64_t n_tensors, n_values;
    if (take(cursor, "the magic number", magic, sizeof magic))
        return -1;
    if (memcmp(magic, "GGUF", sizeof magic) != 0)
        return kvt_fail(cursor->error, KVT_DATA, "%s: not a GGUF file (magic number)",
                        cursor->path);
    if (take(cursor, "the version", &version, sizeof version))
        return -1;
    if (version != 2 && version != 3)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: GGUF version %" PRIu32 " is not 2 or 3 (or the file is big-endian); "
                        "convert the model again",
                        cursor->path, version);
    if (take(cursor, "the number of tensors", &n_tensors, sizeof n_tensors) ||
        take(cursor, "the number of metadata keys", &n_values, sizeof n_values))
        return -1;
    if (n_tensors < 0 || n_values < 0)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: a negative number of tensors or metadata keys", cursor->path);
    if (read_values(cursor, gguf, (uint64_t)n_values))
        return -1;
    int64_t alignment = DEFAULT_ALIGNMENT;
    kvt_gguf_integer(gguf, "general.alignment", &alignment);
    if (alignment < 8 || alignment > 1 << 20 || (alignment & (alignment - 1)) != 0)
        return kvt_fail(cursor->error, KVT_DATA,
                        "%s: general.alignment is %" PRId64 ", not a power of two from 8 to 2^20",
                        cursor->path, alignment);
    return read_tensors(cursor, gguf, (uint64_t)n_tensors, (uint64_t)alignment);
}

/* Maps the whole file read-only. Returns 0, or -1 and *error. */
static int map_file(struct kvt_gguf *gguf, const char *path, struct kvt_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return kvt_fail(error, KVT_SYSTEM, "%s: %s", path, strerror(errno));
    struct stat status;
    int result = 0;
    if (fstat(file, &status) != 0)
        result = kvt_fail(error, KVT_SYSTEM, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode) || status.st_size <= 0)
        result =
            kvt_fail(error, KVT_DATA, "%s: not a GGUF file (empty, or not a regular file)", path);
    else {
        gguf->size = (size_t)status.st_size;
        void *map = mmap(NULL, gguf->size, PROT_READ, MAP_PRIVATE, file, 0);
        if (map == MAP_FAILED)
            result = kvt_fail(error, KVT_SYSTEM, "%s: cannot map: %s", path, strerror(errno));
        else
            gguf->map = map;
    }
    close(file);
    return result;
}

struct kvt_gguf *kvt_gguf_open(const char *path, struct kvt_error *error)
{
    const uint16_t one = 1;
    unsigned char low;
    memcpy(&low, &one, 1);
    if (low != 1) {
        kvt_fail(error, KVT_SYSTEM, "GGUF files are read on little-endian machines only");
        return NULL;
    }
    struct kvt_gguf *gguf = kvt_alloc_zero(1, sizeof *gguf);
    if (map_file(gguf, path, error) == 0) {
        struct cursor cursor = {gguf->map, 0, gguf->size, path, error};
        if (read_file(&cursor, gguf) == 0)
            return gguf;
    }
    kvt_gguf_close(gguf);
    return NULL;
}

void kvt_gguf_close(struct kvt_gguf *gguf)
{
    if (!gguf)
        return;
    for (size_t i = 0; i < gguf->n_values; i++) {
        free(gguf->values[i].key);
        free(gguf->values[i].text);
        free(gguf->values[i].starts);
    }
    for (size_t i = 0; i < gguf->n_tensors; i++)
        free(gguf->tensors[i].name);
    free(gguf->values);
    free(gguf->tensors);
    free(gguf->by_name);
    if (gguf->map)
        munmap(gguf->map, gguf->size);
    free(gguf);
}
