/* text/kernels_avx2.c: the kernels for x86-64 processors with AVX2. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif
#define KVT_BITS_AVX2
#define KERNELS kvt_text_kernels_avx2
#define KERNELS_NAME "avx2"
#include "text/kernels_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int kvt_text_kernels_avx2_is_for_x86; /* a translation unit may not be empty */
#endif
