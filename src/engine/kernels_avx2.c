/* engine/kernels_avx2.c: the kernels for x86-64 processors with AVX2 and FMA. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define KERNELS kvt_kernels_avx2
#define KERNELS_NAME "avx2"
#define WIDTH 8
#define TILE_ROWS 4
#define TILE_COLUMNS 1
#include "engine/kernels_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int kvt_kernels_avx2_is_for_x86; /* a translation unit may not be empty */
#endif
