#include "core/memory.h"
#include "stat/quantile.h"
#include "study/bin_view.h"
#include "study/member.h"
#include "study/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* {TYPE: n} of the failures with this outcome, types in byte order. */
static void write_failures(struct kvt_writer *writer, const char *key,
                           const struct kvt_bin_view *view, enum kvt_outcome outcome)
{
    uint32_t *types = kvt_alloc_array(view->n, sizeof *types);
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++)
        if (view->items[i].outcome == outcome && view->items[i].failure != KVT_NO_NAME)
            types[n++] = view->items[i].failure;
    if (n)
        qsort(types, n, sizeof *types, kvt_study_by_name);
    kvt_write_key(writer, key);
    kvt_write_object(writer);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && types[end] == types[i];)
            end++;
        kvt_member_integer(writer, kvt_observations_name(view->table, types[i]),
                           (long long)(end - i));
    }
    kvt_write_end(writer);
    free(types);
}

static void write_scores(struct kvt_writer *writer, struct kvt_bin_view *view, const char *ci,
                         const struct kvt_procedure *procedure)
{
    kvt_member_integer(writer, "n", (long long)view->n);
    kvt_member_integer(writer, "n_entries", (long long)view->n_entries);
    kvt_member_integer(writer, "n_scored", (long long)view->n_scored);
    kvt_member_number(writer, "acc_mean",
                      kvt_quantile_mean(view->entry_scores, view->n_entry_scores));
    kvt_study_write_interval(writer, "acc_ci_low", "acc_ci_high",
                             kvt_bin_mean_interval(view, ci, procedure));
    kvt_member_number(writer, "acc_std", kvt_quantile_sd(view->entry_scores, view->n_entry_scores));
    kvt_member_string(writer, "ci", ci);
    double scored = (double)view->n_scored, failed = (double)view->n_failed;
    kvt_member_number(writer, "fail_rate", view->n_scored ? failed / scored : NAN);
    kvt_study_write_interval(writer, "fail_ci_low", "fail_ci_high",
                             kvt_interval_wilson(failed, scored, procedure->level));
    kvt_member_integer(writer, "n_failed", (long long)view->n_failed);
    write_failures(writer, "failures", view, KVT_OUTCOME_MODEL);
    kvt_member_integer(writer, "n_infrastructure", (long long)view->n_infrastructure);
    write_failures(writer, "infrastructure", view, KVT_OUTCOME_INFRASTRUCTURE);
    kvt_member_number(writer, "coverage", scored / (double)view->n);
    kvt_write_key(writer, "failures_unobservable");
    kvt_study_write_unobservable(writer, view->table, &view->item->slice);
}

static void write_latency(struct kvt_writer *writer, struct kvt_bin_view *view)
{
    const struct kvt_column *c = KVT_BIN_COLUMN(view, latency);
    size_t n = c->n;
    kvt_member_number(writer, "lat_p50", kvt_column_p50(c));
    kvt_member_number(writer, "lat_p95", kvt_column_p95(c));
    c = KVT_BIN_COLUMN(view, ttft);
    kvt_member_number(writer, "ttft_p50", kvt_column_p50(c));
    kvt_member_number(writer, "ttft_p95", kvt_column_p95(c));
    kvt_member_number(writer, "itl_p50", kvt_column_p50(KVT_BIN_COLUMN(view, itl_p50)));
    kvt_member_number(writer, "itl_p95", kvt_column_p50(KVT_BIN_COLUMN(view, itl_p95)));
    kvt_member_number(writer, "prefill_p50", kvt_column_p50(KVT_BIN_COLUMN(view, prefill)));
    kvt_member_number(writer, "decode_p50", kvt_column_p50(KVT_BIN_COLUMN(view, decode)));
    kvt_member_integer(writer, "n_latency", (long long)n);
}

/* Peak memory of the request: what the cache held, else what a process probe saw. */
static void write_memory(struct kvt_writer *writer, struct kvt_bin_view *view)
{
    const char *source = "none";
    struct kvt_column *c = &view->scratch;
    c->n = 0;
    for (size_t i = 0; i < view->n; i++) {
        const struct kvt_observation *item = &view->items[i];
        const char *name = kvt_observations_name(view->table, item->memory_source);
        double value = item->kv_peak;
        if (isnan(value)) {
            value = item->process_memory;
            name = "process";
        }
        if (isnan(value))
            continue;
        name = name ? name : "reported";
        source = c->n == 0 || strcmp(source, name) == 0 ? name : "mixed";
        c->values[c->n++] = value;
    }
    kvt_quantile_sort(c->values, c->n);
    kvt_member_number(writer, "mem_p50", kvt_column_p50(c));
    kvt_member_number(writer, "mem_p95", kvt_column_p95(c));
    kvt_member_number(writer, "mem_max", c->n ? c->values[c->n - 1] : NAN);
    kvt_member_string(writer, "mem_source", source);
    kvt_member_number(writer, "kv_bytes_p50", kvt_column_p50(KVT_BIN_COLUMN(view, kv_bytes)));
    kvt_member_number(writer, "kv_peak_bytes_p50", kvt_column_p50(KVT_BIN_COLUMN(view, kv_peak)));
    kvt_member_number(writer, "kept_tokens_p50", kvt_column_p50(KVT_BIN_COLUMN(view, kept_tokens)));
    kvt_member_number(writer, "kept_ratio_p50", kvt_column_p50(KVT_BIN_COLUMN(view, kept_ratio)));
    kvt_member_number(writer, "prompt_tokens_p50",
                      kvt_column_p50(KVT_BIN_COLUMN(view, prompt_tokens)));
    kvt_member_number(writer, "completion_tokens_p50",
                      kvt_column_p50(KVT_BIN_COLUMN(view, completion_tokens)));
}

static void write_applied(struct kvt_writer *writer, const struct kvt_bin_view *view,
                          size_t counts[KVT_APPLIED_COUNT])
{
    struct kvt_slice slice = {.from = (size_t)(view->items - view->table->items)};
    slice.to = slice.from + view->n;
    kvt_compare_applied(view->table, &slice, counts);
    kvt_write_key(writer, "applied");
    kvt_write_object(writer);
    for (int i = 1; i < KVT_APPLIED_COUNT; i++)
        if (counts[i])
            kvt_member_integer(writer, kvt_applied_name((enum kvt_applied)i), (long long)counts[i]);
    kvt_write_end(writer);
}

static void emit_bin(struct kvt_stage *stage, struct kvt_bin_view *view, const char *ci,
                     const struct kvt_procedure *procedure)
{
    struct kvt_buffer record = {0};
    struct kvt_writer w;
    size_t applied[KVT_APPLIED_COUNT];
    kvt_writer_start(&w, &record);
    kvt_write_object(&w);
    kvt_member_string(&w, "kind", "bin_stats");
    kvt_observations_write_names(&w, view->table, view->run, view->item->slice.task);
    kvt_member_bool(&w, "reference", view->run->reference);
    kvt_member_string(&w, "replicate", kvt_observations_name(view->table, view->run->replicate));
    kvt_member_integer(&w, "bin_idx", view->items[0].bin);
    const struct kvt_column *tokens = KVT_BIN_COLUMN(view, tokens);
    kvt_member_number(&w, "token_min", tokens->n ? tokens->values[0] : NAN);
    kvt_member_number(&w, "token_max", tokens->n ? tokens->values[tokens->n - 1] : NAN);
    kvt_member_number(&w, "token_mean", kvt_quantile_mean(tokens->values, tokens->n));
    write_scores(&w, view, ci, procedure);
    write_latency(&w, view);
    write_memory(&w, view);
    write_applied(&w, view, applied);
    kvt_study_write_flags(&w, view->flags);
    kvt_member_integer(&w, "n_cache_known", (long long)view->n_cache_known);
    kvt_member_integer(&w, "n_repeats", (long long)view->n_repeats);
    kvt_member_number(&w, "repeat_disagreement",
                      view->n_repeated ? (double)view->n_disagree / (double)view->n_repeated : NAN);
    kvt_write_key(&w, "warnings");
    kvt_write_array(&w);
    kvt_study_warn(&w, view->n_entry_scores < KVT_STUDY_FEW, "few_entries");
    kvt_study_warn(&w, view->n_infrastructure > 0, "infrastructure_failures");
    kvt_study_warn(&w,
                   !view->run->reference &&
                       (applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN]),
                   "budget_unproven");
    kvt_study_warn(&w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    kvt_study_warn_flags(&w, view->flags);
    kvt_study_warn(&w, view->n_within_window > 0, "kept_within_window");
    kvt_study_warn(&w, view->unequal, "unequal_repeats");
    kvt_study_warn(&w, kvt_compare_failures_hidden(view->table, view->run),
                   "failures_unobservable");
    kvt_study_warn(&w, view->table->n_duplicates > 0, "duplicate_requests");
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "bin_stats", &record);
    kvt_buffer_free(&record);
}

void kvt_study_emit_bins(struct kvt_stage *stage, const struct kvt_compared *study, const char *ci,
                         const struct kvt_procedure *procedure)
{
    const struct kvt_observations *table = &study->table;
    for (size_t c = 0; c < study->pairing.count; c++) {
        const struct kvt_comparison *item = &study->pairing.items[c];
        for (size_t from = item->slice.from, to; from < item->slice.to; from = to) {
            for (to = from; to < item->slice.to && table->items[to].bin == table->items[from].bin;)
                to++;
            size_t n = to - from;
            struct kvt_bin_view view = {.table = table,
                                        .item = item,
                                        .run = &table->runs[item->slice.run],
                                        .items = table->items + from,
                                        .n = n};
            view.scratch.values = kvt_alloc_array(n, sizeof(double));
            view.entry_scores = kvt_alloc_array(n, sizeof(double));
            kvt_bin_view_count(&view);
            emit_bin(stage, &view, ci, procedure);
            free(view.scratch.values);
            free(view.entry_scores);
        }
    }
}
