/*
 * study/member.h: members that bin_stats, pair_stats and transition records share.
 */
#ifndef KVT_STUDY_MEMBER_H
#define KVT_STUDY_MEMBER_H

#include "stat/interval.h"
#include "stat/pairing.h"
#include "stream/json.h"
#include "stream/observation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVT_STUDY_FEW = 20 }; /* entries or pairs of a bin below which it is warned */

/* An interval as two members. */
void kvt_study_write_interval(struct kvt_writer *writer, const char *low, const char *high,
                              struct kvt_interval interval);
/* An array of the failure types that the slice's run could not have shown, in byte order. */
void kvt_study_write_unobservable(struct kvt_writer *writer, const struct kvt_observations *table,
                                  const struct kvt_slice *slice);
/* A warning code in an array, if it applies. */
void kvt_study_warn(struct kvt_writer *writer, bool applies, const char *code);

/* Adds one response's flags to the counts. */
void kvt_study_count_flags(uint8_t flags, size_t counts[KVT_FLAG_COUNT]);
/* "flags": {flag: n} of the flags that occur. */
void kvt_study_write_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT]);
/* The warnings that flags give. */
void kvt_study_warn_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT]);

/* qsort order of names (uint32_t); of a sorted table it is byte order. */
int kvt_study_by_name(const void *a, const void *b);

#endif
