/*
 * kvt-transition: one verdict per compressed run: is it safe, and if not, where, how and how sure.
 *
 * In:     run and response lines (after kvt-score); everything else is copied.
 * Out:    every line of the input, then transition lines, then meta. Input transition lines are
 * dropped. Memory: blocking; about 250 bytes per response, texts are not kept.
 */
#include "config/config.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "stat/next.h"
#include "stat/sentence.h"
#include "stat/verdict.h"
#include "stream/number.h"
#include "stream/stage.h"
#include "study.h"

#include <limits.h>
#include <stdio.h>

static struct kvt_stage_options common;
static long next_entries = -1;

static const struct kvt_option options[] = {
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_CONFIG, 0, "method", 0, "parts|zscore",
     "verdict from tested parts, or the legacy z-scores [parts]", "transition.method"},
    {KVT_OPTION_CONFIG, 0, "family", 0, "run|all",
     "family of the error control: each policy and task, or the whole stream [run]",
     "transition.family"},
    {KVT_OPTION_CONFIG, 0, "alpha", 0, "P", "family-wise error of each part [0.05]",
     "transition.alpha"},
    {KVT_OPTION_CONFIG, 0, "delta", 0, "D", "loss that still counts as safe, score units [0.1]",
     "transition.delta"},
    {KVT_OPTION_CONFIG, 0, "collapse", 0, "C",
     "share of the reference score below which a bin has collapsed [0.5]", "transition.collapse"},
    {KVT_OPTION_CONFIG, 0, "permutations", 0, "N", "sign flips of the scan [9999]",
     "transition.permutations"},
    {KVT_OPTION_CONFIG, 0, "seed", 0, "N", "seed of resampling [1]", "seed"},
    {KVT_OPTION_INTEGER, 0, "next", &next_entries, "N",
     "print where N more entries should go (bin, now, add, total) and nothing else", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0}};

static const struct kvt_usage usage = {
    "kvt-transition [-c FILE] [options] [FILE...]",
    "Adds one verdict (transition) per compressed run: where compression stops being safe, and "
    "how.",
    "  kvt-score < responses.jsonl | kvt-stats | kvt-transition | kvt-render report", options};

enum { FEW_PAIRS = 20 };

/* How many examples a bin has, by `bin` lines. */
struct bin_size {
    int bin;
    size_t n_examples;
};

struct program {
    struct kvt_settings settings;
    struct study study;
    struct bin_size *sizes;
    size_t n_sizes, sizes_capacity;
};

/* One transition line in the making. */
struct judged {
    const struct study *study;
    const struct kvt_comparison *item;
    const struct kvt_cells *cells; /* NULL without a reference */
    const struct kvt_procedure *procedure;
    struct kvt_verdict verdict;
    struct kvt_zscore zscore;
    size_t family_cells;
    bool legacy;
    bool failures_observable;
};

static int take_experiment(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                           struct kvt_error *error)
{
    static const char *const sections[] = {"transition", NULL};
    struct program *program = context;
    return kvt_settings_experiment(&program->settings, sections, stage, line, error);
}

static int take_run(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                    struct kvt_error *error)
{
    struct program *program = context;
    if (kvt_observations_run(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    if (next_entries < 0)
        kvt_stage_copy(stage, line);
    return 0;
}

static int take_response(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                         struct kvt_error *error)
{
    struct program *program = context;
    if (kvt_observations_response(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    if (next_entries < 0)
        kvt_stage_copy(stage, line);
    return 0;
}

static int take_bin(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                    struct kvt_error *error)
{
    struct program *program = context;
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    long long bin = kvt_json_integer(record, "bin_idx", -1);
    long long n = kvt_json_integer(record, "n_examples", -1);
    if (bin >= 0 && bin < INT_MAX && n >= 0) {
        kvt_grow(&program->sizes, &program->sizes_capacity, program->n_sizes,
                 sizeof *program->sizes);
        program->sizes[program->n_sizes++] = (struct bin_size){(int)bin, (size_t)n};
    }
    json_decref(record);
    if (next_entries < 0)
        kvt_stage_copy(stage, line);
    return 0;
}

/* The stream's bin number of a place in the cells, as a member that is null for -1. */
static void member_bin(struct kvt_writer *w, const char *key, const struct kvt_cells *cells,
                       int place)
{
    if (place < 0)
        kvt_member_null(w, key);
    else
        kvt_member_integer(w, key, cells->items[place].coverage.bin);
}

/* What rationale tells bin by bin. */
enum row {
    ROW_BIN,
    ROW_N,
    ROW_TOKEN_MIN,
    ROW_TOKEN_MAX,
    ROW_LOSS_P,
    ROW_LIFT_P,
    ROW_SILENT_P,
    ROW_CHURN_P,
    ROW_REFERENCE,
    ROW_DELTA,
    ROW_RISE,
    ROW_UPPER,
    ROW_RETENTION,
    ROW_RETAINED_P,
    ROW_COLLAPSED_P,
    ROW_CHANGED,
    ROW_FLOOR,
};

static double row_value(const struct kvt_cell *c, enum row row)
{
    switch (row) {
    case ROW_BIN:
        return c->coverage.bin;
    case ROW_N:
        return (double)c->n_pairs;
    case ROW_TOKEN_MIN:
        return c->coverage.tokens_min;
    case ROW_TOKEN_MAX:
        return c->coverage.tokens_max;
    case ROW_LOSS_P:
        return c->loss.p_adj;
    case ROW_LIFT_P:
        return c->lift.p_adj;
    case ROW_SILENT_P:
        return c->silent.p_adj;
    case ROW_CHURN_P:
        return c->churn.p_adj;
    case ROW_REFERENCE:
        return c->ref_mean;
    case ROW_DELTA:
        return c->delta_mean;
    case ROW_RISE:
        return c->n_pairs ? c->run_fail - c->ref_fail : NAN;
    case ROW_UPPER:
        return c->loss_upper;
    case ROW_RETENTION:
        return c->retention;
    case ROW_RETAINED_P:
        return c->p_retained_adj;
    case ROW_COLLAPSED_P:
        return c->p_collapsed_adj;
    case ROW_CHANGED:
        return c->n_pairs ? (double)c->n_changed / (double)c->n_pairs : NAN;
    case ROW_FLOOR:
        return c->floor_n ? (double)c->floor_changed / (double)c->floor_n : NAN;
    }
    return NAN;
}

/* An array with one number per bin. */
static void member_row(struct kvt_writer *w, const char *key, const struct kvt_cells *cells,
                       enum row row)
{
    kvt_write_key(w, key);
    kvt_write_array(w);
    for (size_t b = 0; b < cells->count; b++)
        kvt_write_number(w, row_value(&cells->items[b], row));
    kvt_write_end(w);
}

/* first_bin and bins of a part: where its adjusted p is at most alpha. */
static void part_bins(struct kvt_writer *w, const struct judged *j, enum kvt_part part)
{
    member_bin(w, "first_bin", j->cells, kvt_verdict_first(j->cells, part, j->procedure->alpha));
    kvt_write_key(w, "bins");
    kvt_write_array(w);
    for (size_t b = 0; b < j->cells->count; b++)
        if (kvt_verdict_confirmed(&j->cells->items[b], part, j->procedure->alpha))
            kvt_write_integer(w, j->cells->items[b].coverage.bin);
    kvt_write_end(w);
}

static void write_tested_parts(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "loss");
    kvt_write_object(w);
    part_bins(w, j, KVT_PART_LOSS);
    member_row(w, "p_adj", j->cells, ROW_LOSS_P);
    member_row(w, "delta_mean", j->cells, ROW_DELTA);
    member_row(w, "ref_mean", j->cells, ROW_REFERENCE);
    kvt_member_number(w, "overall_p_adj", j->cells->overall.p_adj);
    kvt_member_bool(w, "overall", v->overall_loss);
    kvt_member_number(w, "pooled_delta", v->pooled_delta);
    study_write_interval(w, "pooled_ci_low", "pooled_ci_high", v->pooled_interval);
    kvt_write_end(w);
    kvt_write_key(w, "lift");
    kvt_write_object(w);
    part_bins(w, j, KVT_PART_LIFT);
    member_row(w, "p_adj", j->cells, ROW_LIFT_P);
    member_row(w, "rise", j->cells, ROW_RISE);
    kvt_member_bool(w, "score_retained", v->retained_failing);
    kvt_write_end(w);
    kvt_write_key(w, "silent");
    kvt_write_object(w);
    part_bins(w, j, KVT_PART_SILENT);
    member_row(w, "p_adj", j->cells, ROW_SILENT_P);
    kvt_member_integer(w, "lost_failing", v->lost_failing);
    kvt_member_integer(w, "lost_silent", v->lost_silent);
    kvt_member_number(w, "failure_share", v->failure_share);
    kvt_member_number(w, "failure_share_upper", v->failure_share_upper);
    kvt_member_bool(w, "failures_observable", j->failures_observable);
    kvt_write_end(w);
    kvt_write_key(w, "churn");
    kvt_write_object(w);
    part_bins(w, j, KVT_PART_CHURN);
    member_row(w, "p_adj", j->cells, ROW_CHURN_P);
    member_row(w, "changed_rate", j->cells, ROW_CHANGED);
    member_row(w, "floor_rate", j->cells, ROW_FLOOR);
    kvt_write_end(w);
}

static void write_safety(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "safe");
    kvt_write_object(w);
    kvt_member_number(w, "bound", v->safe_bound);
    kvt_member_bool(w, "claimed", v->headline == KVT_HEADLINE_SAFE);
    kvt_member_number(w, "pooled_bound", v->pooled_bound);
    member_row(w, "per_bin", j->cells, ROW_UPPER);
    kvt_member_string(w, "blocked_by", v->blocked_by);
    kvt_write_end(w);
    kvt_write_key(w, "collapse");
    kvt_write_object(w);
    member_bin(w, "bin", j->cells, v->collapse_bin);
    member_row(w, "p_collapsed", j->cells, ROW_COLLAPSED_P);
    member_row(w, "p_retained", j->cells, ROW_RETAINED_P);
    member_row(w, "retention", j->cells, ROW_RETENTION);
    kvt_write_key(w, "sensitivity");
    kvt_write_object(w);
    for (int i = 0; i < KVT_SENSITIVITY; i++) {
        char key[KVT_NUMBER_SIZE];
        kvt_number_format(kvt_verdict_sensitivity[i], key);
        member_bin(w, key, j->cells, v->sensitivity[i]);
    }
    kvt_write_end(w);
    kvt_write_end(w);
}

static double step_tokens(bool found, double x)
{
    return found ? round(exp(x)) : NAN;
}

static void write_order(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "order");
    kvt_write_object(w);
    member_bin(w, "bF", j->cells, v->order.first_lift);
    member_bin(w, "bS", j->cells, v->order.first_silent);
    kvt_member_number(w, "z", v->order.z);
    kvt_member_number(w, "z_h", v->order.z_hazard);
    kvt_member_number(w, "type_trend", v->order.z_trend);
    kvt_write_end(w);
    kvt_write_key(w, "abrupt");
    kvt_write_object(w);
    kvt_member_number(w, "p", v->abrupt.p);
    kvt_member_bool(w, "abrupt", v->is_abrupt);
    kvt_member_number(w, "step_tokens", v->abrupt_tokens);
    kvt_member_number(w, "statistic", v->abrupt.tested ? v->abrupt.statistic : NAN);
    kvt_write_end(w);
}

static void write_secondary(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "scan");
    kvt_write_object(w);
    kvt_member_number(w, "p", v->scan_p);
    member_bin(w, "bin_start", j->cells, v->scan_start);
    member_bin(w, "bin_end", j->cells, v->scan_end);
    kvt_write_end(w);
    const struct kvt_fit_step *f = &v->failure_step, *l = &v->loss_step;
    kvt_write_key(w, "length");
    kvt_write_object(w);
    kvt_member_number(w, "failure_step", step_tokens(f->found, f->at));
    kvt_member_number(w, "failure_low", step_tokens(f->found, f->low));
    kvt_member_number(w, "failure_high", step_tokens(f->found, f->high));
    kvt_member_number(w, "loss_step", step_tokens(l->found, l->at));
    kvt_member_number(w, "loss_low", step_tokens(l->found, l->low));
    kvt_member_number(w, "loss_high", step_tokens(l->found, l->high));
    kvt_write_end(w);
    kvt_write_key(w, "lead");
    kvt_write_object(w);
    kvt_member_bool(w, "claimed", v->lead);
    kvt_write_end(w);
    kvt_write_key(w, "min_attainable_p");
    kvt_write_object(w);
    kvt_member_number(w, "loss", v->min_p_loss);
    kvt_member_number(w, "lift", v->min_p_loss);
    kvt_member_number(w, "collapse", v->min_p_collapse);
    kvt_member_number(w, "retained", v->min_p_retained);
    kvt_member_number(w, "zone", fmax(v->min_p_loss, fmax(v->min_p_collapse, v->min_p_retained)));
    kvt_write_end(w);
    kvt_write_key(w, "n_needed");
    kvt_write_object(w);
    kvt_member_number(w, "safe", v->n_safe);
    kvt_member_number(w, "loss", v->n_loss);
    kvt_write_end(w);
}

static void write_z(struct kvt_writer *w, const char *key, const double *z, size_t n)
{
    kvt_write_key(w, key);
    kvt_write_array(w);
    for (size_t b = 0; b < n; b++)
        kvt_write_number(w, z[b]);
    kvt_write_end(w);
}

static void write_legacy(struct kvt_writer *w, const struct judged *j)
{
    kvt_write_key(w, "zscore");
    kvt_write_object(w);
    write_z(w, "std", j->zscore.std, j->cells->count);
    write_z(w, "fail", j->zscore.fail, j->cells->count);
    write_z(w, "acc_drop", j->zscore.drop, j->cells->count);
    member_bin(w, "bin_start", j->cells, j->zscore.zone_start);
    member_bin(w, "bin_end", j->cells, j->zscore.zone_end);
    kvt_member_string(w, "headline_of_parts", kvt_headline_name(j->verdict.headline));
    kvt_write_end(w);
}

/* Share of answers that differ between the two reference runs. */
static void write_floor(struct kvt_writer *w, const struct judged *j)
{
    size_t n = 0, changed = 0;
    for (size_t b = 0; b < j->cells->count; b++) {
        n += j->cells->items[b].floor_n;
        changed += j->cells->items[b].floor_changed;
    }
    kvt_member_number(w, "coverage", j->verdict.coverage);
    kvt_member_number(w, "noise_floor", n ? (double)changed / (double)n : NAN);
}

static void write_rationale(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_procedure *p = j->procedure;
    kvt_write_key(w, "rationale");
    kvt_write_object(w);
    kvt_member_string(w, "method", j->legacy ? "zscore" : "parts");
    kvt_member_string(w, "family", p->family_all ? "all" : "run");
    kvt_member_integer(w, "family_cells", (long long)j->family_cells);
    kvt_member_number(w, "alpha", p->alpha);
    kvt_member_number(w, "delta", p->delta);
    kvt_member_number(w, "c", p->collapse);
    if (j->cells) {
        kvt_member_integer(w, "n_pairs", (long long)j->cells->n_pairs);
        member_row(w, "n_per_bin", j->cells, ROW_N);
        member_row(w, "bins", j->cells, ROW_BIN);
        member_row(w, "token_min", j->cells, ROW_TOKEN_MIN);
        member_row(w, "token_max", j->cells, ROW_TOKEN_MAX);
        kvt_member_bool(w, "binary", j->cells->binary);
        kvt_member_bool(w, "clusters", j->cells->clustered);
        write_tested_parts(w, j);
        write_safety(w, j);
        write_order(w, j);
        write_secondary(w, j);
        write_floor(w, j);
        if (j->legacy)
            write_legacy(w, j);
    }
    kvt_write_end(w);
}

static void write_warnings(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_slice *slice = &j->item->slice;
    const struct kvt_run *run = &table->runs[slice->run];
    bool few = false, missing = false, infra = false, unequal = false, floor = false;
    bool within = false, lengths = true;
    size_t applied[KVT_APPLIED_COUNT], flags[KVT_FLAG_COUNT] = {0};
    study_applied(table, slice, applied);
    for (size_t b = 0; j->cells && b < j->cells->count; b++) {
        const struct kvt_cell *cell = &j->cells->items[b];
        few |= cell->n_pairs < FEW_PAIRS;
        missing |= cell->coverage.n_missing > 0;
        infra |= cell->coverage.n_infra_run > 0 || cell->coverage.n_infra_reference > 0;
        unequal |= cell->coverage.n_unequal > 0;
        floor |= cell->baseline_floor;
    }
    for (size_t i = slice->from; i < slice->to; i++) {
        study_count_flags(table->items[i].flags, flags);
        within |= table->items[i].kept_tokens <= run->window;
        lengths &= table->items[i].tokens >= 1;
    }
    if (j->item->reference != KVT_NO_SLICE) { /* what touched the reference touched every pair */
        const struct kvt_slice *full = &j->study->pairing.items[j->item->reference].slice;
        for (size_t i = full->from; i < full->to; i++)
            study_count_flags(table->items[i].flags, flags);
    }
    kvt_write_key(w, "warnings");
    kvt_write_array(w);
    study_warn(w, few, "few_pairs");
    study_warn(w, applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN], "budget_unproven");
    study_warn(w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    study_warn_flags(w, flags);
    study_warn(w, missing, "missing_rows");
    study_warn(w, table->n_duplicates > 0, "duplicate_requests");
    study_warn(w, unequal, "unequal_repeats");
    study_warn(w, within, "kept_within_window");
    study_warn(w, j->cells && j->cells->noop_suspected, "noop_suspected");
    study_warn(w, !j->failures_observable, "failures_unobservable");
    study_warn(w, floor, "baseline_floor");
    study_warn(w, j->cells && j->item->control == KVT_NO_SLICE, "no_control");
    study_warn(w, infra, "infrastructure_failures");
    study_warn(w, table->reference_guessed, "reference_guessed");
    study_warn(w, !lengths, "no_lengths");
    kvt_write_end(w);
}

/* "budget 0.2 snapkv", with the task where the stream has several. */
static char *make_subject(const struct judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_run *run = &table->runs[j->item->slice.run];
    const char *policy = kvt_observations_name(table, run->policy);
    const char *unit = kvt_observations_name(table, run->unit);
    const char *task = kvt_observations_name(table, j->item->slice.task);
    bool several = false;
    for (size_t i = 0; i < j->study->pairing.count; i++)
        several |= j->study->pairing.items[i].slice.task != j->item->slice.task;
    char budget[KVT_NUMBER_SIZE];
    kvt_number_format(run->budget, budget);
    return kvt_asprintf(
        "budget %s%s %s%s%s", budget, unit && strcmp(unit, "tokens") == 0 ? " tokens" : "",
        policy ? policy : "the policy", several && task ? " on " : "", several && task ? task : "");
}

static void write_verdict(struct kvt_writer *w, const struct judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    const char *name = kvt_headline_name(v->headline);
    struct kvt_buffer summary = {0};
    char *subject = make_subject(j);
    if (j->legacy) {
        name =
            kvt_headline_name(v->zone_start >= 0 ? KVT_HEADLINE_ZONE : KVT_HEADLINE_INCONCLUSIVE);
        kvt_buffer_printf(&summary,
                          "At %s the legacy z-score rule %s (it also flags most flat data).",
                          subject, v->zone_start >= 0 ? "flags a zone" : "flags nothing");
    } else {
        struct kvt_sentence sentence = {subject, j->procedure, j->cells, v};
        kvt_sentence_write(&summary, &sentence);
    }
    kvt_member_string(w, "verdict", name);
    member_bin(w, "transition_bin_start", j->cells, v->zone_start);
    member_bin(w, "transition_bin_end", j->cells, v->zone_end);
    member_bin(w, "collapse_bin", j->cells, v->collapse_bin);
    kvt_member_string(w, "order", kvt_order_name(v->order.order));
    kvt_member_number(w, "safe_within", v->safe_bound);
    kvt_member_string(w, "summary", kvt_buffer_string(&summary));
    kvt_member_bool(w, "noop_suspected", j->cells && j->cells->noop_suspected);
    kvt_buffer_free(&summary);
    free(subject);
}

static void emit_transition(struct kvt_stage *stage, const struct judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    struct kvt_buffer record = {0};
    struct kvt_writer w;
    kvt_writer_start(&w, &record);
    kvt_write_object(&w);
    kvt_member_string(&w, "kind", "transition");
    kvt_observations_write_names(&w, table, &table->runs[j->item->slice.run], j->item->slice.task);
    uint32_t reference = KVT_NO_NAME;
    if (j->item->reference != KVT_NO_SLICE)
        reference = table->runs[j->study->pairing.items[j->item->reference].slice.run].id;
    kvt_member_string(&w, "reference_run_id", kvt_observations_name(table, reference));
    write_verdict(&w, j);
    write_warnings(&w, j);
    write_rationale(&w, j);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "transition", &record);
    kvt_buffer_free(&record);
}

static size_t family_cells(const struct study *study, const struct kvt_cells *cells, bool all)
{
    size_t n = 0;
    for (size_t i = 0; i < study->n_cells; i++)
        for (size_t b = 0; b < study->cells[i].count; b++)
            n += !study->cells[i].control && study->cells[i].items[b].n_pairs > 0 &&
                 (all || study->cells[i].study == cells->study);
    return n;
}

/* Judges one comparison with a reference; returns whether its bound was safe. */
static bool judge(struct kvt_stage *stage, struct judged *j, bool larger_blocked)
{
    struct kvt_pairs pairs;
    const struct kvt_pairing *pairing = &j->study->pairing;
    char *name = study_name(&j->study->table, j->item);
    kvt_pairing_pairs(&j->study->table, pairing, j->cells->comparison, &pairs);
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_slice *reference = &pairing->items[j->item->reference].slice;
    j->failures_observable = !study_failures_hidden(table, &table->runs[j->item->slice.run]) &&
                             !study_failures_hidden(table, &table->runs[reference->run]);
    j->family_cells = family_cells(j->study, j->cells, j->procedure->family_all);
    size_t applied[KVT_APPLIED_COUNT];
    study_applied(&j->study->table, &j->item->slice, applied);
    struct kvt_verdict_context context = {.family_cells = j->family_cells,
                                          .failures_observable = j->failures_observable,
                                          .larger_blocked = larger_blocked,
                                          .unproven = !applied[KVT_APPLIED_PROVEN] &&
                                                      !applied[KVT_APPLIED_REPORTED] &&
                                                      !applied[KVT_APPLIED_BEHAVIOURAL],
                                          .name = name};
    kvt_verdict_make(j->cells, &pairs, j->procedure, &context, &j->verdict);
    if (j->legacy) {
        kvt_zscore_make(j->cells, &pairs, j->procedure->collapse, &j->zscore);
        j->verdict.zone_start = j->zscore.zone_start;
        j->verdict.zone_end = j->zscore.zone_end;
    }
    emit_transition(stage, j);
    if (j->legacy)
        kvt_zscore_free(&j->zscore);
    kvt_pairs_free(&pairs);
    free(name);
    return j->verdict.bound_safe;
}

static void emit_transitions(struct kvt_stage *stage, const struct study *study,
                             const struct kvt_procedure *procedure, bool legacy)
{
    size_t next = 0;
    bool blocked = false;
    size_t blocked_study = 0;
    for (size_t i = 0; i < study->pairing.count; i++) {
        const struct kvt_comparison *item = &study->pairing.items[i];
        struct judged j = {.study = study, .item = item, .procedure = procedure};
        const struct kvt_cells *cells = NULL;
        if (next < study->n_cells && study->cells[next].comparison == i)
            cells = &study->cells[next++];
        if (item->is_reference || item->is_control)
            continue;
        if (item->study != blocked_study) {
            blocked_study = item->study;
            blocked = false;
        }
        j.cells = cells;
        j.legacy = legacy && cells;
        if (cells) {
            blocked |= !judge(stage, &j, blocked);
            continue;
        }
        j.failures_observable = true;
        j.verdict = (struct kvt_verdict){.headline = KVT_HEADLINE_NO_REFERENCE,
                                         .zone_start = -1,
                                         .zone_end = -1,
                                         .collapse_bin = -1,
                                         .safe_bound = NAN};
        emit_transition(stage, &j);
    }
}

static size_t bin_limit(const struct program *program, int bin)
{
    size_t limit = SIZE_MAX;
    for (size_t i = 0; i < program->n_sizes; i++)
        if (program->sizes[i].bin == bin && program->sizes[i].n_examples < limit)
            limit = program->sizes[i].n_examples;
    return limit;
}

static void print_next(struct program *program)
{
    struct kvt_observations *table = &program->study.table;
    kvt_observations_sort(table);
    struct kvt_next_glance *glances = kvt_alloc_array(table->count, sizeof *glances);
    size_t n = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct kvt_observation *item = &table->items[i];
        if (!isnan(item->score))
            glances[n++] = (struct kvt_next_glance){item->bin, item->entry, item->score,
                                                    item->outcome == KVT_OUTCOME_MODEL};
    }
    struct kvt_next_bin *bins;
    size_t n_bins = kvt_next_count(glances, n, &bins);
    for (size_t b = 0; b < n_bins; b++)
        bins[b].limit = bin_limit(program, bins[b].bin);
    kvt_next_plan(bins, n_bins, (size_t)next_entries);
    for (size_t b = 0; b < n_bins; b++)
        printf("%d\t%zu\t%zu\t%zu\n", bins[b].bin, bins[b].n, bins[b].add, bins[b].n + bins[b].add);
    free(bins);
    free(glances);
}

/* --next: nothing of the stream is copied. */
static void plan_next(struct kvt_stage *stage, struct program *program)
{
    struct kvt_line line;
    struct kvt_error error;
    while (kvt_stage_next(stage, &line)) {
        int status = 0;
        if (strcmp(line.kind, "response") == 0)
            status = take_response(stage, &line, program, &error);
        else if (strcmp(line.kind, "bin") == 0)
            status = take_bin(stage, &line, program, &error);
        if (status != 0)
            kvt_stage_bad(stage, &line, error.text);
    }
    print_next(program);
    stage->no_meta = true;
}

static void give_verdicts(struct kvt_stage *stage, struct program *program)
{
    static const struct kvt_route routes[] = {{"experiment", take_experiment},
                                              {"run", take_run},
                                              {"response", take_response},
                                              {"transition", NULL},
                                              {NULL, NULL}};
    kvt_stage_run(stage, routes, program);
    const json_t *tree = kvt_settings_tree(&program->settings);
    struct kvt_procedure procedure = study_procedure(tree);
    bool legacy = strcmp(kvt_json_text(tree, "transition.method", "parts"), "zscore") == 0;
    study_make(&program->study, &procedure);
    emit_transitions(stage, &program->study, &procedure, legacy);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct kvt_stage stage;
    struct program program = {0};
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_settings_open(&program.settings, common.config, &arguments);
    kvt_stage_open(&stage, "kvt-transition", &common, &arguments);
    if (next_entries >= 0)
        plan_next(&stage, &program);
    else
        give_verdicts(&stage, &program);

    kvt_stage_close(&stage, program.settings.options);
    bool nothing = program.study.table.count == 0;
    free(program.sizes);
    study_free(&program.study);
    kvt_settings_close(&program.settings);
    kvt_arguments_free(&arguments);
    if (nothing)
        kvt_die(KVT_DATA, "no response line in the input");
    return KVT_OK;
}
