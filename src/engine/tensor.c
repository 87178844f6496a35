#include "engine/tensor.h"

#include "core/memory.h"
#include "engine/kernels.h"

#include <stdlib.h>
#include <string.h>

float kvt_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
    uint32_t exponent = (half >> 10) & 31U, fraction = half & 1023U, bits;
    if (exponent == 31) {
        bits = sign | 0x7F800000U | fraction << 13;
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* zero and subnormals: fraction * 2^-24 is exact in a float */
        float value = (float)fraction * 0x1p-24F;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint16_t half_at(const unsigned char *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

/* Each reader turns n values (a whole number of blocks) at data into floats. */
static void read_f32(const unsigned char *data, size_t n, float *out)
{
    memcpy(out, data, n * sizeof *out);
}

static void read_f16(const unsigned char *data, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = kvt_half_to_float(half_at(data + 2 * i));
}

static void read_bf16(const unsigned char *data, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)half_at(data + 2 * i) << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* Q8_0: blocks of a half-precision scale and 32 signed bytes. */
static void read_q8_0(const unsigned char *data, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 32, data += 34) {
        float scale = kvt_half_to_float(half_at(data));
        for (size_t j = 0; j < 32; j++)
            out[i + j] = scale * (float)(int8_t)data[2 + j];
    }
}

/* Q4_0: blocks of a half-precision scale and 16 bytes; low nibbles are values 0-15, high 16-31. */
static void read_q4_0(const unsigned char *data, size_t n, float *out)
{
    for (size_t i = 0; i < n; i += 32, data += 18) {
        float scale = kvt_half_to_float(half_at(data));
        for (size_t j = 0; j < 16; j++) {
            out[i + j] = scale * (float)((data[2 + j] & 15) - 8);
            out[i + j + 16] = scale * (float)((data[2 + j] >> 4) - 8);
        }
    }
}

static const struct reader {
    uint32_t type;
    const char *name;
    void (*read)(const unsigned char *data, size_t n, float *out);
} readers[] = {
    {KVT_TENSOR_F32, "F32", read_f32},    {KVT_TENSOR_F16, "F16", read_f16},
    {KVT_TENSOR_BF16, "BF16", read_bf16}, {KVT_TENSOR_Q8_0, "Q8_0", read_q8_0},
    {KVT_TENSOR_Q4_0, "Q4_0", read_q4_0},
};

static const struct reader *reader_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i].type == type)
            return &readers[i];
    return NULL;
}

const char *kvt_tensor_type_name(uint32_t type)
{
    const struct reader *reader = reader_of(type);
    return reader ? reader->name : NULL;
}

static size_t rows_of(const struct kvt_gguf_tensor *tensor)
{
    return (size_t)(tensor->dims[1] * tensor->dims[2] * tensor->dims[3]);
}

void kvt_tensor_row(const struct kvt_gguf_tensor *tensor, size_t row, float *out)
{
    size_t row_bytes = tensor->bytes / rows_of(tensor);
    const unsigned char *data = tensor->data;
    reader_of(tensor->type)->read(data + row * row_bytes, (size_t)tensor->dims[0], out);
}

float *kvt_tensor_pack(const struct kvt_gguf_tensor *tensor)
{
    size_t n_in = (size_t)tensor->dims[0], n_out = rows_of(tensor);
    size_t panels = (n_out + KVT_LANES - 1) / KVT_LANES, bytes;
    if (!kvt_size_mul(n_in * KVT_LANES * sizeof(float), panels, &bytes))
        return NULL;
    float *packed = aligned_alloc(KVT_ALIGNMENT, bytes);
    float *row = malloc(n_in * sizeof *row);
    if (packed && row) {
        memset(packed, 0, bytes);
        for (size_t o = 0; o < n_out; o++) {
            float *column = packed + (o / KVT_LANES) * n_in * KVT_LANES + o % KVT_LANES;
            kvt_tensor_row(tensor, o, row);
            for (size_t i = 0; i < n_in; i++)
                column[i * KVT_LANES] = row[i];
        }
    } else {
        free(packed);
        packed = NULL;
    }
    free(row);
    return packed;
}
