#include "text/kernels.h"

extern const struct kvt_text_kernels kvt_text_kernels_baseline;
#if defined(__x86_64__)
extern const struct kvt_text_kernels kvt_text_kernels_avx2;
#endif

const struct kvt_text_kernels *kvt_text_kernels_at(size_t index)
{
    const struct kvt_text_kernels *all[3] = {NULL};
    size_t n = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
        all[n++] = &kvt_text_kernels_avx2;
#endif
    all[n++] = &kvt_text_kernels_baseline;
    return index < n ? all[index] : NULL;
}

const struct kvt_text_kernels *kvt_text_kernels(void)
{
    static const struct kvt_text_kernels *best; /* the same whoever asks first */
    const struct kvt_text_kernels *known = __atomic_load_n(&best, __ATOMIC_RELAXED);
    if (!known) {
        known = kvt_text_kernels_at(0);
        __atomic_store_n(&best, known, __ATOMIC_RELAXED);
    }
    return known;
}
