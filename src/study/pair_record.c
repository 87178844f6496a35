#include "core/memory.h"
#include "study/member.h"
#include "study/record.h"

#include <math.h>
#include <stdlib.h>

static void write_test(struct kvt_writer *w, const char *key, const struct kvt_test *test,
                       const struct kvt_cell *cell)
{
    kvt_write_key(w, key);
    kvt_write_object(w);
    kvt_member_integer(w, "n10", test->n10);
    kvt_member_integer(w, "n01", test->n01);
    if (test == &cell->loss)
        kvt_member_integer(w, "n_tied", (long long)cell->n_pairs - test->n10 - test->n01);
    kvt_member_number(w, "p_raw", test->p_raw);
    kvt_member_number(w, "p_adj", test->p_adj);
    if (test == &cell->silent)
        kvt_member_number(w, "chance", test->chance);
    kvt_member_string(w, "method", kvt_test_method_name(test->method));
    if (test == &cell->lift) {
        kvt_member_number(w, "ref_rate", cell->n_pairs ? cell->ref_fail : NAN);
        kvt_member_number(w, "run_rate", cell->n_pairs ? cell->run_fail : NAN);
    }
    kvt_write_end(w);
}

static void write_churn(struct kvt_writer *w, const struct kvt_cell *cell)
{
    bool control = cell->floor_n > 0;
    double n = (double)cell->n_pairs, floor_n = (double)cell->floor_n;
    kvt_write_key(w, "churn");
    kvt_write_object(w);
    /* of the entries where one of the two full-cache runs and this one differs from the others in
       being right: how often it is this run, and how often a full-cache run */
    kvt_member_number(w, "n10", control ? (double)cell->churn.n10 : NAN);
    kvt_member_number(w, "n01", control ? (double)cell->churn.n01 : NAN);
    kvt_member_integer(w, "n_changed", (long long)cell->n_changed);
    kvt_member_integer(w, "n_text_changed", (long long)cell->n_text_changed);
    kvt_member_number(w, "changed_rate", n > 0 ? (double)cell->n_changed / n : NAN);
    kvt_member_number(w, "floor_n", control ? floor_n : NAN);
    kvt_member_number(w, "floor_changed", control ? (double)cell->floor_changed : NAN);
    kvt_member_number(w, "floor_rate", control ? (double)cell->floor_changed / floor_n : NAN);
    kvt_member_number(w, "odd_m", control ? (double)(cell->churn.n10 + cell->churn.n01) : NAN);
    kvt_member_number(w, "odd_x", control ? (double)cell->churn.n10 : NAN);
    kvt_member_number(w, "p_raw", cell->churn.p_raw);
    kvt_member_number(w, "p_adj", cell->churn.p_adj);
    kvt_write_end(w);
}

static void write_ratios(struct kvt_writer *w, const struct kvt_cell *cell)
{
    static const char *const names[KVT_RATIO_COUNT] = {"latency_ratio", "ttft_ratio", "itl_ratio",
                                                       "kv_bytes_ratio", "kv_peak_ratio"};
    for (int i = 0; i < KVT_RATIO_COUNT; i++) {
        const struct kvt_log_ratio *ratio = &cell->ratios[i];
        kvt_write_key(w, names[i]);
        if (ratio->n == 0) {
            kvt_write_null(w);
            continue;
        }
        kvt_write_object(w);
        kvt_member_integer(w, "n", (long long)ratio->n);
        kvt_member_number(w, "log_mean", ratio->mean);
        kvt_member_number(w, "log_ci_low", ratio->low);
        kvt_member_number(w, "log_ci_high", ratio->high);
        kvt_member_number(w, "ratio", exp(ratio->mean));
        kvt_member_number(w, "ratio_low", exp(ratio->low));
        kvt_member_number(w, "ratio_high", exp(ratio->high));
        kvt_write_end(w);
    }
}

static void write_attribution(struct kvt_writer *w, const struct kvt_cell *cell)
{
    const struct kvt_attribution *a = &cell->attribution;
    kvt_write_key(w, "attribution");
    kvt_write_object(w);
    kvt_member_number(w, "drop", a->drop);
    kvt_member_number(w, "drop_failures_right", a->drop_failures_right);
    kvt_member_number(w, "drop_without_failed", a->drop_without_failed);
    kvt_member_number(w, "share_generous", a->share_generous);
    kvt_member_number(w, "share_dropped", a->share_dropped);
    kvt_member_number(w, "drop_infra_low", a->drop_infra_low);
    kvt_member_number(w, "drop_infra_high", a->drop_infra_high);
    kvt_write_end(w);
}

static void write_coverage(struct kvt_writer *w, const struct kvt_cell *cell)
{
    const struct kvt_coverage *c = &cell->coverage;
    kvt_write_key(w, "coverage");
    kvt_write_object(w);
    kvt_member_integer(w, "n_reference", (long long)c->n_reference);
    kvt_member_integer(w, "n_run", (long long)c->n_run);
    kvt_member_integer(w, "n_missing", (long long)c->n_missing);
    kvt_member_integer(w, "n_infrastructure_reference", (long long)c->n_infra_reference);
    kvt_member_integer(w, "n_infrastructure_run", (long long)c->n_infra_run);
    kvt_member_number(w, "share",
                      c->n_reference ? (double)cell->n_pairs / (double)c->n_reference : NAN);
    kvt_write_end(w);
}

/* {TYPE: {n10, n01}}: pairs where only the compressed run, or only the reference, has that failure.
 */
static void write_failure_types(struct kvt_writer *w, const struct kvt_observations *table,
                                const struct kvt_pair *pairs, size_t n)
{
    uint32_t *types = kvt_alloc_array(2 * n, sizeof *types);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].type1 != KVT_NO_NAME)
            types[count++] = pairs[i].type1;
        if (pairs[i].typek != KVT_NO_NAME)
            types[count++] = pairs[i].typek;
    }
    if (count)
        qsort(types, count, sizeof *types, kvt_study_by_name);
    kvt_write_key(w, "failure_types");
    kvt_write_object(w);
    for (size_t t = 0; t < count; t++) {
        if (t && types[t] == types[t - 1])
            continue;
        long n10 = 0, n01 = 0;
        for (size_t i = 0; i < n; i++) {
            n10 += pairs[i].typek == types[t] && pairs[i].type1 != types[t];
            n01 += pairs[i].type1 == types[t] && pairs[i].typek != types[t];
        }
        kvt_write_key(w, kvt_observations_name(table, types[t]));
        kvt_write_object(w);
        kvt_member_integer(w, "n10", n10);
        kvt_member_integer(w, "n01", n01);
        kvt_write_end(w);
    }
    kvt_write_end(w);
    free(types);
}

static void write_pair_warnings(struct kvt_writer *w, const struct kvt_compared *study,
                                const struct kvt_cells *cells, const struct kvt_cell *cell,
                                const size_t flags[KVT_FLAG_COUNT])
{
    const struct kvt_comparison *item = &study->pairing.items[cells->comparison];
    size_t applied[KVT_APPLIED_COUNT];
    kvt_compare_applied(&study->table, &item->slice, applied);
    kvt_write_key(w, "warnings");
    kvt_write_array(w);
    kvt_study_warn(w, cell->n_pairs < KVT_STUDY_FEW, "few_pairs");
    kvt_study_warn(
        w, !cells->control && (applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN]),
        "budget_unproven");
    kvt_study_warn(w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    kvt_study_warn_flags(w, flags);
    bool sampled = study->table.runs[item->slice.run].sampled;
    kvt_study_warn(w, cell->coverage.n_missing > 0 && !sampled, "missing_rows");
    kvt_study_warn(w, cell->coverage.n_infra_reference || cell->coverage.n_infra_run,
                   "infrastructure_failures");
    kvt_study_warn(w, cell->coverage.n_unequal > 0, "unequal_repeats");
    kvt_study_warn(w, cell->baseline_floor, "baseline_floor");
    kvt_study_warn(w, !cells->control && item->control == KVT_NO_SLICE, "no_control");
    kvt_study_warn(w, cells->noop_suspected, "noop_suspected");
    kvt_study_warn(w, study->table.n_duplicates > 0, "duplicate_requests");
    kvt_study_warn(w, study->table.reference_guessed, "reference_guessed");
    kvt_write_end(w);
}

static void emit_pair(struct kvt_stage *stage, const struct kvt_compared *study,
                      const struct kvt_cells *cells, const struct kvt_cell *cell,
                      const struct kvt_pair *pairs)
{
    const struct kvt_observations *table = &study->table;
    const struct kvt_comparison *item = &study->pairing.items[cells->comparison];
    const struct kvt_slice *reference = &study->pairing.items[item->reference].slice;
    struct kvt_buffer record = {0};
    struct kvt_writer w;
    kvt_writer_start(&w, &record);
    kvt_write_object(&w);
    kvt_member_string(&w, "kind", "pair_stats");
    kvt_observations_write_names(&w, table, &table->runs[item->slice.run], item->slice.task);
    kvt_member_string(&w, "reference_run_id",
                      kvt_observations_name(table, table->runs[reference->run].id));
    kvt_member_bool(&w, "control", cells->control);
    kvt_member_integer(&w, "bin_idx", cell->coverage.bin);
    kvt_member_number(&w, "token_min", cell->coverage.tokens_min);
    kvt_member_number(&w, "token_max", cell->coverage.tokens_max);
    kvt_member_integer(&w, "n_pairs", (long long)cell->n_pairs);
    kvt_member_number(&w, "n_clusters", cells->clustered ? (double)cell->n_units : NAN);
    kvt_member_number(&w, "ref_mean", cell->ref_mean);
    kvt_member_number(&w, "run_mean", cell->run_mean);
    kvt_member_number(&w, "delta_mean", cell->delta_mean);
    kvt_study_write_interval(&w, "delta_ci_low", "delta_ci_high", cell->delta);
    kvt_member_number(&w, "loss_upper", cell->loss_upper);
    kvt_member_number(&w, "loss_upper_each", cell->loss_upper_each);
    write_test(&w, "loss", &cell->loss, cell);
    write_test(&w, "lift", &cell->lift, cell);
    write_test(&w, "silent", &cell->silent, cell);
    write_churn(&w, cell);
    write_failure_types(&w, table, pairs, cell->n_pairs);
    kvt_member_number(&w, "retention", cell->retention);
    kvt_study_write_interval(&w, "retention_ci_low", "retention_ci_high", cell->retention_interval);
    kvt_member_number(&w, "p_retained", cell->p_retained);
    kvt_member_number(&w, "p_collapsed", cell->p_collapsed);
    kvt_member_bool(&w, "baseline_floor", cell->baseline_floor);
    write_ratios(&w, cell);
    write_attribution(&w, cell);
    write_coverage(&w, cell);
    size_t flags[KVT_FLAG_COUNT] = {0};
    for (size_t i = 0; i < cell->n_pairs; i++)
        kvt_study_count_flags(pairs[i].flags, flags);
    kvt_study_write_flags(&w, flags);
    kvt_member_bool(&w, "noop_suspected", cells->noop_suspected);
    write_pair_warnings(&w, study, cells, cell, flags);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "pair_stats", &record);
    kvt_buffer_free(&record);
}

void kvt_study_emit_pairs(struct kvt_stage *stage, const struct kvt_compared *study)
{
    for (size_t c = 0; c < study->n_cells; c++) {
        const struct kvt_cells *cells = &study->cells[c];
        struct kvt_pairs pairs;
        kvt_pairing_pairs(&study->table, &study->pairing, cells->comparison, &pairs);
        size_t from = 0;
        for (size_t b = 0; b < cells->count; b++) {
            emit_pair(stage, study, cells, &cells->items[b], pairs.items + from);
            from += cells->items[b].n_pairs;
        }
        kvt_pairs_free(&pairs);
    }
}
