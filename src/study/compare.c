#include "study/compare.h"

#include "core/buffer.h"
#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

char *kvt_compare_name(const struct kvt_observations *table, const struct kvt_comparison *item)
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

void kvt_compare_applied(const struct kvt_observations *table, const struct kvt_slice *slice,
                         size_t counts[KVT_APPLIED_COUNT])
{
    memset(counts, 0, KVT_APPLIED_COUNT * sizeof *counts);
    for (size_t i = slice->from; i < slice->to; i++)
        counts[table->items[i].applied]++;
}

enum { NOOP_PAIRS = 20 };

/* Every text is the reference's, and nothing shows that the budget was applied. */
static bool is_noop(const struct kvt_observations *table, const struct kvt_comparison *item,
                    const struct kvt_cells *cells)
{
    size_t applied[KVT_APPLIED_COUNT];
    kvt_compare_applied(table, &item->slice, applied);
    return !item->is_control && cells->n_pairs >= NOOP_PAIRS &&
           cells->n_same_text == cells->n_pairs && applied[KVT_APPLIED_PROVEN] == 0 &&
           applied[KVT_APPLIED_REPORTED] == 0;
}

void kvt_compare_make(struct kvt_compared *study, const struct kvt_procedure *procedure)
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
        char *name = kvt_compare_name(&study->table, item);
        kvt_pairing_pairs(&study->table, &study->pairing, i, &pairs);
        kvt_cells_make(&pairs, procedure, name, cells);
        cells->comparison = i;
        cells->study = item->study;
        cells->control = item->is_control;
        cells->noop_suspected = is_noop(&study->table, item, cells);
        kvt_pairs_free(&pairs);
        free(name);
    }
    kvt_cells_adjust(study->cells, study->n_cells, procedure);
}

void kvt_compare_free(struct kvt_compared *study)
{
    for (size_t i = 0; i < study->n_cells; i++)
        kvt_cells_free(&study->cells[i]);
    free(study->cells);
    kvt_pairing_free(&study->pairing);
    kvt_observations_free(&study->table);
}

bool kvt_compare_failures_hidden(const struct kvt_observations *table, const struct kvt_run *run)
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
