/*
 * study.h: what kvt-stats and kvt-transition share: settings as numbers, and all comparisons of a
 * table with their cells. Static functions, because each program is one file.
 */
#ifndef KVT_STUDY_H
#define KVT_STUDY_H

#include "config/config.h"
#include "core/memory.h"
#include "stat/cell.h"
#include "stat/pairing.h"
#include "stream/observation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads stats.* and transition.*; ends the process with exit 2 on a value outside its domain. */
static inline struct kvt_procedure study_procedure(const json_t *tree)
{
    struct kvt_procedure p = {
        .level = 1 - kvt_json_number(tree, "stats.alpha", 0.05),
        .alpha = kvt_json_number(tree, "transition.alpha", 0.05),
        .delta = kvt_json_number(tree, "transition.delta", 0.1),
        .collapse = kvt_json_number(tree, "transition.collapse", 0.5),
        .seed = (uint64_t)kvt_json_integer(tree, "seed", 1),
        .family_all = strcmp(kvt_json_text(tree, "transition.family", "run"), "all") == 0};
    long long resamples = kvt_json_integer(tree, "stats.resamples", 9999);
    long long permutations = kvt_json_integer(tree, "transition.permutations", 9999);
    if (!(p.level > 0 && p.level < 1 && p.alpha > 0 && p.alpha < 1))
        kvt_die(KVT_USAGE, "stats.alpha and transition.alpha must lie between 0 and 1");
    if (!(p.delta > 0 && p.delta <= 1 && p.collapse > 0 && p.collapse < 1))
        kvt_die(KVT_USAGE, "transition.delta and transition.collapse must lie between 0 and 1");
    if (resamples < 99 || resamples > 10000000 || permutations < 99 || permutations > 10000000)
        kvt_die(KVT_USAGE, "stats.resamples and transition.permutations must be 99 to 10000000");
    p.resamples = (size_t)resamples;
    p.permutations = (size_t)permutations;
    return p;
}

struct study {
    struct kvt_observations table;
    struct kvt_pairing pairing;
    struct kvt_cells *cells; /* one per comparison that has a reference and is not one */
    size_t n_cells;
};

/* A name for random streams: the same for the same comparison in any stream. Caller frees. */
static inline char *study_name(const struct kvt_observations *table,
                               const struct kvt_comparison *item)
{
    const struct kvt_run *run = &table->runs[item->slice.run];
    const char *parts[] = {
        kvt_observations_name(table, run->group), kvt_observations_name(table, run->model),
        kvt_observations_name(table, item->slice.task), kvt_observations_name(table, run->policy),
        kvt_observations_name(table, run->unit)};
    struct kvt_buffer name = {0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        kvt_buffer_printf(&name, "%.64s/", parts[i] ? parts[i] : "");
    kvt_buffer_printf(&name, "%.17g", run->budget);
    return kvt_buffer_take(&name);
}

/* How many responses of a slice carry each state of proof. */
static inline void study_applied(const struct kvt_observations *table,
                                 const struct kvt_slice *slice, size_t counts[KVT_APPLIED_COUNT])
{
    memset(counts, 0, KVT_APPLIED_COUNT * sizeof *counts);
    for (size_t i = slice->from; i < slice->to; i++)
        counts[table->items[i].applied]++;
}

/* A warning code in an array, if it applies. */
static inline void study_warn(struct kvt_writer *writer, bool applies, const char *code)
{
    if (applies)
        kvt_write_string(writer, code);
}

/* {flag: n} of the flags that occur. */
static inline void study_write_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT])
{
    kvt_write_key(writer, "flags");
    kvt_write_object(writer);
    for (int i = 0; i < KVT_FLAG_COUNT; i++)
        if (counts[i])
            kvt_member_integer(writer, kvt_flag_name((enum kvt_flag)i), (long long)counts[i]);
    kvt_write_end(writer);
}

static inline void study_count_flags(uint8_t flags, size_t counts[KVT_FLAG_COUNT])
{
    for (int i = 0; i < KVT_FLAG_COUNT; i++)
        counts[i] += flags >> i & 1;
}

/* The warnings that flags give. */
static inline void study_warn_flags(struct kvt_writer *writer, const size_t counts[KVT_FLAG_COUNT])
{
    study_warn(writer, counts[KVT_FLAG_PREFIX_CACHED] || counts[KVT_FLAG_RETRIED],
               "latency_contaminated");
    study_warn(writer, counts[KVT_FLAG_PROMPT_TRUNCATED] > 0, "prompt_truncated");
    study_warn(writer, counts[KVT_FLAG_PROMPT_LONGER] > 0, "prompt_longer");
}

enum { STUDY_NOOP_PAIRS = 20 };

/* Every text is the reference's, and nothing shows that the budget was applied. */
static inline bool study_noop(const struct kvt_observations *table,
                              const struct kvt_comparison *item, const struct kvt_cells *cells)
{
    size_t applied[KVT_APPLIED_COUNT];
    study_applied(table, &item->slice, applied);
    return !item->is_control && cells->n_pairs >= STUDY_NOOP_PAIRS &&
           cells->n_same_text == cells->n_pairs && applied[KVT_APPLIED_PROVEN] == 0 &&
           applied[KVT_APPLIED_REPORTED] == 0;
}

/* Sorts the table and computes every comparison's cells. */
static inline void study_make(struct study *study, const struct kvt_procedure *procedure)
{
    kvt_observations_sort(&study->table);
    kvt_pairing_make(&study->table, &study->pairing);
    study->cells = kvt_alloc_zero(study->pairing.count, sizeof *study->cells);
    for (size_t i = 0; i < study->pairing.count; i++) {
        const struct kvt_comparison *item = &study->pairing.items[i];
        if (item->is_reference || item->reference == KVT_NO_SLICE)
            continue;
        struct kvt_pairs pairs;
        struct kvt_cells *cells = &study->cells[study->n_cells++];
        char *name = study_name(&study->table, item);
        kvt_pairing_pairs(&study->table, &study->pairing, i, &pairs);
        kvt_cells_make(&pairs, procedure, name, cells);
        cells->comparison = i;
        cells->study = item->study;
        cells->control = item->is_control;
        cells->noop_suspected = study_noop(&study->table, item, cells);
        kvt_pairs_free(&pairs);
        free(name);
    }
    kvt_cells_adjust(study->cells, study->n_cells, procedure);
}

static inline void study_free(struct study *study)
{
    for (size_t i = 0; i < study->n_cells; i++)
        kvt_cells_free(&study->cells[i]);
    free(study->cells);
    kvt_pairing_free(&study->pairing);
    kvt_observations_free(&study->table);
}

/* An interval as two members. */
static inline void study_write_interval(struct kvt_writer *writer, const char *low,
                                        const char *high, struct kvt_interval interval)
{
    kvt_member_number(writer, low, interval.low);
    kvt_member_number(writer, high, interval.high);
}

static inline void study_write_unobservable(struct kvt_writer *writer,
                                            const struct kvt_observations *table,
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

/* Some model failures of the run cannot be seen. Lost requests are no model failures. */
static inline bool study_failures_hidden(const struct kvt_observations *table,
                                         const struct kvt_run *run)
{
    static const char *const infrastructure[] = {"TIMEOUT", "RATE_LIMITED", "ENGINE_ERROR",
                                                 "STREAM_CUT", "CONTEXT_OVERFLOW"};
    for (size_t i = 0; i < table->n_unobservable; i++) {
        const char *name = kvt_observations_name(table, table->unobservable[i]);
        bool lost = false;
        for (size_t j = 0; j < sizeof infrastructure / sizeof *infrastructure; j++)
            lost |= strcmp(name, infrastructure[j]) == 0;
        if ((run->unobservable >> i & 1) && !lost)
            return true;
    }
    return false;
}

#endif
