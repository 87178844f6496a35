/*
 * token/gguf.h: the GGUF container: metadata and tensor directory. Every count, length and offset
 * of the file is checked before it is used. The vocabulary (this room) and the weights (engine/)
 * are read through it. Format: GGUF version 2 and 3, little endian.
 */
#ifndef KVT_TOKEN_GGUF_H
#define KVT_TOKEN_GGUF_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kvt_gguf_type { /* of metadata values */
                     KVT_GGUF_U8 = 0,
                     KVT_GGUF_I8,
                     KVT_GGUF_U16,
                     KVT_GGUF_I16,
                     KVT_GGUF_U32,
                     KVT_GGUF_I32,
                     KVT_GGUF_F32,
                     KVT_GGUF_BOOL,
                     KVT_GGUF_STRING,
                     KVT_GGUF_ARRAY,
                     KVT_GGUF_U64,
                     KVT_GGUF_I64,
                     KVT_GGUF_F64,
};

enum kvt_tensor_type { /* of tensors; only those with a name here can be loaded */
                       KVT_TENSOR_F32 = 0,
                       KVT_TENSOR_F16 = 1,
                       KVT_TENSOR_Q4_0 = 2,
                       KVT_TENSOR_Q8_0 = 8,
                       KVT_TENSOR_Q4_K = 12,
                       KVT_TENSOR_Q5_K = 13,
                       KVT_TENSOR_Q6_K = 14,
                       KVT_TENSOR_BF16 = 30,
};

struct kvt_gguf_tensor {
    char *name;
    uint32_t n_dims;
    uint64_t dims[4]; /* dims[0] = row length, fastest; unused ones are 1 */
    uint32_t type;    /* as in the file; may be one this build cannot load */
    const void *data; /* inside the mapped file; NULL when the type's size is unknown */
    size_t bytes;
};

struct kvt_gguf; /* owns the mapping; everything returned below lives as long as it */

/* Maps and checks the file. NULL and *error (KVT_DATA naming the field, or KVT_SYSTEM) on failure.
 */
struct kvt_gguf *kvt_gguf_open(const char *path, struct kvt_error *error);
void kvt_gguf_close(struct kvt_gguf *gguf); /* NULL is fine */

/* Scalars: true and *value when the key exists with any integer (or float) type that holds it. */
bool kvt_gguf_integer(const struct kvt_gguf *gguf, const char *key, int64_t *value);
bool kvt_gguf_real(const struct kvt_gguf *gguf, const char *key, double *value);
bool kvt_gguf_bool(const struct kvt_gguf *gguf, const char *key, bool *value);
/* NUL-terminated copy owned by gguf, or NULL; *length may be NULL. */
const char *kvt_gguf_string(const struct kvt_gguf *gguf, const char *key, size_t *length);
/* Arrays: element count, or -1 when absent or of another element type (enum kvt_gguf_type). */
int64_t kvt_gguf_array_length(const struct kvt_gguf *gguf, const char *key, int element_type);
const char *kvt_gguf_array_string(const struct kvt_gguf *gguf, const char *key, int64_t index,
                                  size_t *length);
double kvt_gguf_array_number(const struct kvt_gguf *gguf, const char *key, int64_t index);

const struct kvt_gguf_tensor *kvt_gguf_tensor(const struct kvt_gguf *gguf, const char *name);
size_t kvt_gguf_n_tensors(const struct kvt_gguf *gguf);
const struct kvt_gguf_tensor *kvt_gguf_tensor_at(const struct kvt_gguf *gguf, size_t index);

#endif
