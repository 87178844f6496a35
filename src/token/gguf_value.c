/* What a container holds, by name. */
#include "token/gguf_parts.h"

#include <math.h>
#include <string.h>

size_t kvt_gguf_value_size(uint32_t type)
{
    static const unsigned char sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof sizes ? sizes[type] : 0;
}

static const struct kvt_gguf_value *find(const struct kvt_gguf *gguf, const char *key)
{
    size_t low = 0, high = gguf->n_values;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, gguf->values[middle].key);
        if (order == 0)
            return &gguf->values[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* One integer of the given type at data (unaligned); false when the type is no integer. */
static bool read_integer(uint32_t type, const unsigned char *data, int64_t *value)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } raw;
    if (type == KVT_GGUF_F32 || type == KVT_GGUF_F64 || type == KVT_GGUF_BOOL ||
        !kvt_gguf_value_size(type))
        return false;
    memcpy(&raw, data, kvt_gguf_value_size(type));
    switch (type) {
    case KVT_GGUF_U8:
        *value = raw.u8;
        return true;
    case KVT_GGUF_I8:
        *value = raw.i8;
        return true;
    case KVT_GGUF_U16:
        *value = raw.u16;
        return true;
    case KVT_GGUF_I16:
        *value = raw.i16;
        return true;
    case KVT_GGUF_U32:
        *value = raw.u32;
        return true;
    case KVT_GGUF_I32:
        *value = raw.i32;
        return true;
    case KVT_GGUF_U64:
        if (raw.u64 > INT64_MAX)
            return false;
        *value = (int64_t)raw.u64;
        return true;
    default:
        *value = raw.i64;
        return true;
    }
}

static bool read_real(uint32_t type, const unsigned char *data, double *value)
{
    if (type == KVT_GGUF_F32) {
        float single;
        memcpy(&single, data, sizeof single);
        *value = (double)single;
        return true;
    }
    if (type == KVT_GGUF_F64) {
        memcpy(value, data, sizeof *value);
        return true;
    }
    int64_t integer;
    if (!read_integer(type, data, &integer))
        return false;
    *value = (double)integer;
    return true;
}

bool kvt_gguf_integer(const struct kvt_gguf *gguf, const char *key, int64_t *value)
{
    const struct kvt_gguf_value *found = find(gguf, key);
    return found && found->data && found->type != KVT_GGUF_ARRAY &&
           read_integer(found->type, found->data, value);
}

bool kvt_gguf_real(const struct kvt_gguf *gguf, const char *key, double *value)
{
    const struct kvt_gguf_value *found = find(gguf, key);
    return found && found->data && found->type != KVT_GGUF_ARRAY &&
           read_real(found->type, found->data, value);
}

bool kvt_gguf_bool(const struct kvt_gguf *gguf, const char *key, bool *value)
{
    const struct kvt_gguf_value *found = find(gguf, key);
    if (!found || found->type != KVT_GGUF_BOOL)
        return false;
    *value = found->data[0] != 0;
    return true;
}

const char *kvt_gguf_string(const struct kvt_gguf *gguf, const char *key, size_t *length)
{
    const struct kvt_gguf_value *found = find(gguf, key);
    if (!found || found->type != KVT_GGUF_STRING)
        return NULL;
    if (length)
        *length = found->length;
    return found->text;
}

static const struct kvt_gguf_value *find_array(const struct kvt_gguf *gguf, const char *key)
{
    const struct kvt_gguf_value *found = find(gguf, key);
    return found && found->type == KVT_GGUF_ARRAY ? found : NULL;
}

int64_t kvt_gguf_array_length(const struct kvt_gguf *gguf, const char *key, int element_type)
{
    const struct kvt_gguf_value *found = find_array(gguf, key);
    if (!found || element_type < 0 || found->element != (uint32_t)element_type)
        return -1;
    return (int64_t)found->count; /* fits: checked against the file's size */
}

const char *kvt_gguf_array_string(const struct kvt_gguf *gguf, const char *key, int64_t index,
                                  size_t *length)
{
    const struct kvt_gguf_value *found = find_array(gguf, key);
    if (!found || !found->starts || index < 0 || (uint64_t)index >= found->count)
        return NULL;
    size_t i = (size_t)index;
    if (length)
        *length = found->starts[i + 1] - found->starts[i] - 1;
    return found->text + found->starts[i];
}

double kvt_gguf_array_number(const struct kvt_gguf *gguf, const char *key, int64_t index)
{
    const struct kvt_gguf_value *found = find_array(gguf, key);
    if (!found || !found->data || index < 0 || (uint64_t)index >= found->count)
        return NAN;
    const unsigned char *at = found->data + (size_t)index * kvt_gguf_value_size(found->element);
    double value;
    if (found->element == KVT_GGUF_BOOL)
        return at[0] != 0;
    return read_real(found->element, at, &value) ? value : NAN;
}

const struct kvt_gguf_tensor *kvt_gguf_tensor(const struct kvt_gguf *gguf, const char *name)
{
    size_t low = 0, high = gguf->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, gguf->by_name[middle]->name);
        if (order == 0)
            return gguf->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t kvt_gguf_n_tensors(const struct kvt_gguf *gguf)
{
    return gguf->n_tensors;
}

const struct kvt_gguf_tensor *kvt_gguf_tensor_at(const struct kvt_gguf *gguf, size_t index)
{
    return index < gguf->n_tensors ? &gguf->tensors[index] : NULL;
}
