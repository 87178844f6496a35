/*
 * engine/tensor.h: tensors of a GGUF file as 32-bit floats. One row of the table in tensor.c is a
 * type that can be read; adding a quantisation is one function and one row.
 */
#ifndef KVT_ENGINE_TENSOR_H
#define KVT_ENGINE_TENSOR_H

#include "token/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "F16"; NULL for a type that cannot be read here. */
const char *kvt_tensor_type_name(uint32_t type);
/* Row `row` (dims[0] values) of a tensor of a readable type. */
void kvt_tensor_row(const struct kvt_gguf_tensor *tensor, size_t row, float *out);
/* All rows as packed panels (kernels.h), aligned; released with free(). NULL when memory is short.
 */
float *kvt_tensor_pack(const struct kvt_gguf_tensor *tensor);

float kvt_half_to_float(uint16_t half); /* IEEE 754 binary16, exact */

#endif
