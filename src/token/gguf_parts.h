/* token/gguf_parts.h: what gguf.c reads and gguf_value.c is asked for. */
#ifndef KVT_TOKEN_GGUF_PARTS_H
#define KVT_TOKEN_GGUF_PARTS_H

#include "token/gguf.h"

#include <stddef.h>
#include <stdint.h>

struct kvt_gguf_value {
    char *key;
    uint32_t type;
    uint32_t element;          /* of an array */
    uint64_t count;            /* of an array */
    const unsigned char *data; /* scalar or numeric array, inside the mapping, unaligned */
    char *text;                /* string, or the texts of a string array one after the other */
    size_t length;             /* of a string */
    size_t *starts; /* string array: count + 1 places in text, each text NUL-terminated */
};

struct kvt_gguf {
    unsigned char *map;
    size_t size;
    struct kvt_gguf_value *values; /* sorted by key */
    size_t n_values;
    struct kvt_gguf_tensor *tensors; /* in file order */
    size_t n_tensors;
    const struct kvt_gguf_tensor **by_name;
};

/* Bytes of a value of this type; 0 where they differ or there is no such type. */
size_t kvt_gguf_value_size(uint32_t type);

#endif
