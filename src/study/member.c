#include "study/member.h"

void kvt_study_write_interval(struct kvt_writer *writer, const char *low, const char *high,
                              struct kvt_interval interval)
{
    kvt_member_number(writer, low, interval.low);
    kvt_member_number(writer, high, interval.high);
}

void kvt_study_write_unobservable(struct kvt_writer *writer, const struct kvt_observations *table,
                                  const struct kvt_slice *slice)
{
    uint32_t mask = table->runs[slice->run].unobservable, names[KVT_UNOBSERVABLE];
    size_t n = 0;
    for (size_t i = 0; i < table->n_unobservable; i++)
        if (mask >> i & 1)
            names[n++] = table->unobservable[i];
    for (size_t i = 1; i < n; i++) /* names are numbered in byte order */
        for (size_t j = i; j > 0 && names[j - 1] > names[j]; j--) {
            uint32_t swap = names[j];
            names[j] = names[j - 1];
            names[j - 1] = swap;
        }
    kvt_write_array(writer);
    for (size_t i = 0; i < n; i++)
        kvt_write_string(writer, kvt_observations_name(table, names[i]));
    kvt_write_end(writer);
}

void kvt_study_warn(struct kvt_writer *writer, bool applies, const char *code)
{
    if (applies)
        kvt_write_string(writer, code);
}

void kvt_study_write_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT])
{
    kvt_write_key(writer, "flags");
    kvt_write_object(writer);
    for (int i = 0; i < KVT_FLAG_COUNT; i++)
        if (counts[i])
            kvt_member_integer(writer, kvt_flag_name((enum kvt_flag)i), (long long)counts[i]);
    kvt_write_end(writer);
}

void kvt_study_count_flags(uint8_t flags, size_t counts[KVT_FLAG_COUNT])
{
    for (int i = 0; i < KVT_FLAG_COUNT; i++)
        counts[i] += flags >> i & 1;
}

void kvt_study_warn_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT])
{
    kvt_study_warn(writer, counts[KVT_FLAG_PREFIX_CACHED] || counts[KVT_FLAG_RETRIED],
                   "latency_contaminated");
    kvt_study_warn(writer, counts[KVT_FLAG_PROMPT_TRUNCATED] > 0, "prompt_truncated");
    kvt_study_warn(writer, counts[KVT_FLAG_PROMPT_LONGER] > 0, "prompt_longer");
}

int kvt_study_by_name(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}
