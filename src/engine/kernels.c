#include "engine/kernels.h"

extern const struct kvt_kernels kvt_kernels_baseline;
#if defined(__x86_64__)
extern const struct kvt_kernels kvt_kernels_avx2, kvt_kernels_avx512;

static bool runs_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
}

static bool runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

const struct kvt_kernels *kvt_kernels_at(size_t index)
{
    const struct kvt_kernels *all[4] = {NULL};
    size_t n = 0;
#if defined(__x86_64__)
    if (runs_avx512())
        all[n++] = &kvt_kernels_avx512;
    if (runs_avx2())
        all[n++] = &kvt_kernels_avx2;
#endif
    all[n++] = &kvt_kernels_baseline;
    return index < n ? all[index] : NULL;
}

const struct kvt_kernels *kvt_kernels(void)
{
    return kvt_kernels_at(0);
}
