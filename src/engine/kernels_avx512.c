/* engine/kernels_avx512.c: the kernels for x86-64 processors with AVX-512 (F, VL, BW, DQ). */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))),    \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#endif
#define KERNELS kvt_kernels_avx512
#define KERNELS_NAME "avx512"
#define WIDTH 16
#define TILE_ROWS 8
#define TILE_COLUMNS 2
#include "engine/kernels_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int kvt_kernels_avx512_is_for_x86; /* a translation unit may not be empty */
#endif
