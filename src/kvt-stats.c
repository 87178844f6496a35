/*
 * kvt-stats: scored responses become per-bin statistics and paired tests.
 *
 * In:     run and response lines (after kvt-score); everything else is copied.
 * Out:    every line of the input, then bin_stats, then pair_stats, then meta. Input bin_stats and
 *         pair_stats are dropped.
 * Memory: blocking; about 250 bytes per response, texts are not kept.
 */
#include "config/config.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/random.h"
#include "stat/bootstrap.h"
#include "stat/interval.h"
#include "stat/quantile.h"
#include "stream/stage.h"
#include "study.h"

static struct kvt_stage_options common;

static const struct kvt_option options[] = {
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_CONFIG, 0, "ci", 0, "NAME",
     "interval of means: dispersion-wilson, wilson, percentile, bca, clopper-pearson, t "
     "[dispersion-wilson]",
     "stats.ci"},
    {KVT_OPTION_CONFIG, 0, "alpha", 0, "P", "one minus the confidence level [0.05]", "stats.alpha"},
    {KVT_OPTION_CONFIG, 0, "family", 0, "run|all",
     "family of adjusted p-values: each policy and task, or the whole stream [run]",
     "transition.family"},
    {KVT_OPTION_CONFIG, 0, "resamples", 0, "N", "bootstrap resamples and sign flips [9999]",
     "stats.resamples"},
    {KVT_OPTION_CONFIG, 0, "seed", 0, "N", "seed of resampling [1]", "seed"},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0}};

static const struct kvt_usage usage = {
    "kvt-stats [-c FILE] [options] [FILE...]",
    "Adds statistics per length bin (bin_stats) and paired comparisons with the full cache "
    "(pair_stats).",
    "  kvt-score < responses.jsonl | kvt-stats > stats.jsonl", options};

enum { P95_LEAST = 60, FEW_PAIRS = 20 };

struct program {
    struct kvt_settings settings;
    struct study study;
};

static int take_experiment(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                           struct kvt_error *error)
{
    static const char *const sections[] = {"stats", "transition", NULL};
    struct program *program = context;
    return kvt_settings_experiment(&program->settings, sections, stage, line, error);
}

static int take_run(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                    struct kvt_error *error)
{
    struct program *program = context;
    if (kvt_observations_run(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    kvt_stage_copy(stage, line);
    return 0;
}

static int take_response(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                         struct kvt_error *error)
{
    struct program *program = context;
    if (kvt_observations_response(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    kvt_stage_copy(stage, line);
    return 0;
}

/* A column of one bin, without its unknown values. */
struct column {
    double *values;
    size_t n;
};

/* The responses of one run and task in one bin. */
struct bin_view {
    const struct kvt_observations *table;
    const struct kvt_comparison *item;
    const struct kvt_run *run;
    const struct kvt_observation *items;
    size_t n;
    struct column scratch;
    double *entry_scores; /* mean score of each entry that has one */
    size_t n_entries, n_entry_scores, n_scored, n_failed, n_infrastructure;
    size_t n_repeats, n_repeated, n_disagree;
    size_t n_within_window, flags[KVT_FLAG_COUNT];
    bool unequal;
};

static void take_entry(struct bin_view *view, const struct kvt_observation *items, size_t n)
{
    double sum = 0, first_score = NAN;
    size_t scored = 0;
    bool differ = false;
    int first_outcome = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(items[i].score))
            continue;
        if (scored && (items[i].score != first_score || items[i].outcome != first_outcome))
            differ = true;
        if (!scored) {
            first_score = items[i].score;
            first_outcome = items[i].outcome;
        }
        sum += items[i].score;
        scored++;
    }
    if (scored)
        view->entry_scores[view->n_entry_scores++] = sum / (double)scored;
    view->n_repeated += scored > 1;
    view->n_disagree += differ;
    view->unequal |= view->n_entries > 0 && n != view->n_repeats;
    view->n_repeats = n > view->n_repeats ? n : view->n_repeats;
    view->n_entries++;
}

static void count_view(struct bin_view *view)
{
    for (size_t i = 0, end; i < view->n; i = end) {
        for (end = i; end < view->n && view->items[end].entry == view->items[i].entry;)
            end++;
        take_entry(view, view->items + i, end - i);
    }
    for (size_t i = 0; i < view->n; i++) {
        const struct kvt_observation *item = &view->items[i];
        bool scored = !isnan(item->score), lost = item->outcome == KVT_OUTCOME_INFRASTRUCTURE;
        view->n_infrastructure += lost;
        view->n_scored += scored;
        view->n_failed += scored && item->outcome == KVT_OUTCOME_MODEL;
        study_count_flags(item->flags, view->flags);
        view->n_within_window += !view->run->reference && item->kept_tokens <= view->run->window;
    }
}

/* Loads one member of every response into the scratch column, sorted. */
static const struct column *column(struct bin_view *view, size_t offset)
{
    view->scratch.n = 0;
    for (size_t i = 0; i < view->n; i++) {
        double value = *(const double *)(const void *)((const char *)&view->items[i] + offset);
        if (!isnan(value))
            view->scratch.values[view->scratch.n++] = value;
    }
    kvt_quantile_sort(view->scratch.values, view->scratch.n);
    return &view->scratch;
}
#define COLUMN(view, member) column(view, offsetof(struct kvt_observation, member))

static double p50(const struct column *c)
{
    return kvt_quantile_type7(c->values, c->n, 0.5);
}

/* With fewer values the 95th percentile is little more than the largest one. */
static double p95(const struct column *c)
{
    return c->n >= P95_LEAST ? kvt_quantile_type7(c->values, c->n, 0.95) : NAN;
}

static struct kvt_interval mean_interval(const struct bin_view *view, const char *method,
                                         const struct kvt_procedure *procedure)
{
    const double *scores = view->entry_scores;
    size_t n = view->n_entry_scores;
    struct kvt_interval none = {NAN, NAN};
    double sum = 0;
    bool binary = true;
    for (size_t i = 0; i < n; i++) {
        sum += scores[i];
        binary &= scores[i] == 0 || scores[i] == 1;
    }
    if (n == 0)
        return none;
    if (strcmp(method, "wilson") == 0)
        return kvt_interval_wilson(sum, (double)n, procedure->level);
    if (strcmp(method, "clopper-pearson") == 0)
        return binary ? kvt_interval_clopper_pearson((long)sum, (long)n, procedure->level) : none;
    if (strcmp(method, "t") == 0)
        return kvt_interval_t(scores, n, procedure->level);
    if (strcmp(method, "percentile") != 0 && strcmp(method, "bca") != 0)
        return kvt_interval_dispersion_wilson(scores, n, procedure->level);
    if (!(kvt_quantile_sd(scores, n) > 0))
        return none; /* resampling constant data says nothing */
    double *means = kvt_alloc_array(procedure->resamples, sizeof *means);
    double *sorted = kvt_alloc_array(n, sizeof *sorted); /* the entry order must not matter */
    memcpy(sorted, scores, n * sizeof *sorted);
    kvt_quantile_sort(sorted, n);
    char *name = study_name(view->table, view->item), *purpose;
    purpose = kvt_asprintf("%s/%d/ci", name, view->items[0].bin);
    struct kvt_random random;
    kvt_random_stream(&random, procedure->seed, purpose);
    kvt_bootstrap_means(sorted, n, &random, means, procedure->resamples);
    kvt_quantile_sort(means, procedure->resamples);
    struct kvt_interval interval =
        strcmp(method, "bca") == 0
            ? kvt_bootstrap_bca(means, procedure->resamples,
                                kvt_bootstrap_bias(means, procedure->resamples, sum / (double)n),
                                kvt_bootstrap_acceleration(sorted, n), procedure->level)
            : kvt_bootstrap_percentile(means, procedure->resamples, procedure->level);
    free(purpose);
    free(name);
    free(sorted);
    free(means);
    return interval;
}

static int by_failure(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* {TYPE: n} of the failures with this outcome, types in byte order. */
static void write_failures(struct kvt_writer *writer, const char *key, const struct bin_view *view,
                           enum kvt_outcome outcome)
{
    uint32_t *types = kvt_alloc_array(view->n, sizeof *types);
    size_t n = 0;
    for (size_t i = 0; i < view->n; i++)
        if (view->items[i].outcome == outcome && view->items[i].failure != KVT_NO_NAME)
            types[n++] = view->items[i].failure;
    if (n)
        qsort(types, n, sizeof *types, by_failure);
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

static void write_scores(struct kvt_writer *writer, struct bin_view *view, const char *ci,
                         const struct kvt_procedure *procedure)
{
    kvt_member_integer(writer, "n", (long long)view->n);
    kvt_member_integer(writer, "n_entries", (long long)view->n_entries);
    kvt_member_integer(writer, "n_scored", (long long)view->n_scored);
    kvt_member_number(writer, "acc_mean",
                      kvt_quantile_mean(view->entry_scores, view->n_entry_scores));
    study_write_interval(writer, "acc_ci_low", "acc_ci_high", mean_interval(view, ci, procedure));
    kvt_member_number(writer, "acc_std", kvt_quantile_sd(view->entry_scores, view->n_entry_scores));
    kvt_member_string(writer, "ci", ci);
    double scored = (double)view->n_scored, failed = (double)view->n_failed;
    kvt_member_number(writer, "fail_rate", view->n_scored ? failed / scored : NAN);
    study_write_interval(writer, "fail_ci_low", "fail_ci_high",
                         kvt_interval_wilson(failed, scored, procedure->level));
    kvt_member_integer(writer, "n_failed", (long long)view->n_failed);
    write_failures(writer, "failures", view, KVT_OUTCOME_MODEL);
    kvt_member_integer(writer, "n_infrastructure", (long long)view->n_infrastructure);
    write_failures(writer, "infrastructure", view, KVT_OUTCOME_INFRASTRUCTURE);
    kvt_member_number(writer, "coverage", scored / (double)view->n);
    kvt_write_key(writer, "failures_unobservable");
    study_write_unobservable(writer, view->table, &view->item->slice);
}

static void write_latency(struct kvt_writer *writer, struct bin_view *view)
{
    const struct column *c = COLUMN(view, latency);
    size_t n = c->n;
    kvt_member_number(writer, "lat_p50", p50(c));
    kvt_member_number(writer, "lat_p95", p95(c));
    c = COLUMN(view, ttft);
    kvt_member_number(writer, "ttft_p50", p50(c));
    kvt_member_number(writer, "ttft_p95", p95(c));
    kvt_member_number(writer, "itl_p50", p50(COLUMN(view, itl_p50)));
    kvt_member_number(writer, "itl_p95", p50(COLUMN(view, itl_p95)));
    kvt_member_number(writer, "prefill_p50", p50(COLUMN(view, prefill)));
    kvt_member_number(writer, "decode_p50", p50(COLUMN(view, decode)));
    kvt_member_integer(writer, "n_latency", (long long)n);
}

/* Peak memory of the request: what the cache held, else what a process probe saw. */
static void write_memory(struct kvt_writer *writer, struct bin_view *view)
{
    const char *source = "none";
    struct column *c = &view->scratch;
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
    kvt_member_number(writer, "mem_p50", p50(c));
    kvt_member_number(writer, "mem_p95", p95(c));
    kvt_member_number(writer, "mem_max", c->n ? c->values[c->n - 1] : NAN);
    kvt_member_string(writer, "mem_source", source);
    kvt_member_number(writer, "kv_bytes_p50", p50(COLUMN(view, kv_bytes)));
    kvt_member_number(writer, "kv_peak_bytes_p50", p50(COLUMN(view, kv_peak)));
    kvt_member_number(writer, "kept_tokens_p50", p50(COLUMN(view, kept_tokens)));
    kvt_member_number(writer, "kept_ratio_p50", p50(COLUMN(view, kept_ratio)));
    kvt_member_number(writer, "prompt_tokens_p50", p50(COLUMN(view, prompt_tokens)));
    kvt_member_number(writer, "completion_tokens_p50", p50(COLUMN(view, completion_tokens)));
}

static void write_applied(struct kvt_writer *writer, const struct bin_view *view,
                          size_t counts[KVT_APPLIED_COUNT])
{
    struct kvt_slice slice = {.from = (size_t)(view->items - view->table->items)};
    slice.to = slice.from + view->n;
    study_applied(view->table, &slice, counts);
    kvt_write_key(writer, "applied");
    kvt_write_object(writer);
    for (int i = 1; i < KVT_APPLIED_COUNT; i++)
        if (counts[i])
            kvt_member_integer(writer, kvt_applied_name((enum kvt_applied)i), (long long)counts[i]);
    kvt_write_end(writer);
}

static void emit_bin(struct kvt_stage *stage, struct bin_view *view, const char *ci,
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
    const struct column *tokens = COLUMN(view, tokens);
    kvt_member_number(&w, "token_min", tokens->n ? tokens->values[0] : NAN);
    kvt_member_number(&w, "token_max", tokens->n ? tokens->values[tokens->n - 1] : NAN);
    kvt_member_number(&w, "token_mean", kvt_quantile_mean(tokens->values, tokens->n));
    write_scores(&w, view, ci, procedure);
    write_latency(&w, view);
    write_memory(&w, view);
    write_applied(&w, view, applied);
    study_write_flags(&w, view->flags);
    kvt_member_integer(&w, "n_repeats", (long long)view->n_repeats);
    kvt_member_number(&w, "repeat_disagreement",
                      view->n_repeated ? (double)view->n_disagree / (double)view->n_repeated : NAN);
    kvt_write_key(&w, "warnings");
    kvt_write_array(&w);
    study_warn(&w, view->n_entry_scores < FEW_PAIRS, "few_entries");
    study_warn(&w, view->n_infrastructure > 0, "infrastructure_failures");
    study_warn(&w,
               !view->run->reference &&
                   (applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN]),
               "budget_unproven");
    study_warn(&w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    study_warn_flags(&w, view->flags);
    study_warn(&w, view->n_within_window > 0, "kept_within_window");
    study_warn(&w, view->unequal, "unequal_repeats");
    study_warn(&w, study_failures_hidden(view->table, view->run), "failures_unobservable");
    study_warn(&w, view->table->n_duplicates > 0, "duplicate_requests");
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "bin_stats", &record);
    kvt_buffer_free(&record);
}

static void emit_bins(struct kvt_stage *stage, const struct study *study, const char *ci,
                      const struct kvt_procedure *procedure)
{
    const struct kvt_observations *table = &study->table;
    for (size_t c = 0; c < study->pairing.count; c++) {
        const struct kvt_comparison *item = &study->pairing.items[c];
        for (size_t from = item->slice.from, to; from < item->slice.to; from = to) {
            for (to = from; to < item->slice.to && table->items[to].bin == table->items[from].bin;)
                to++;
            size_t n = to - from;
            struct bin_view view = {.table = table,
                                    .item = item,
                                    .run = &table->runs[item->slice.run],
                                    .items = table->items + from,
                                    .n = n};
            view.scratch.values = kvt_alloc_array(n, sizeof(double));
            view.entry_scores = kvt_alloc_array(n, sizeof(double));
            count_view(&view);
            emit_bin(stage, &view, ci, procedure);
            free(view.scratch.values);
            free(view.entry_scores);
        }
    }
}

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
        qsort(types, count, sizeof *types, by_failure);
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

static void write_pair_warnings(struct kvt_writer *w, const struct study *study,
                                const struct kvt_cells *cells, const struct kvt_cell *cell,
                                const size_t flags[KVT_FLAG_COUNT])
{
    const struct kvt_comparison *item = &study->pairing.items[cells->comparison];
    size_t applied[KVT_APPLIED_COUNT];
    study_applied(&study->table, &item->slice, applied);
    kvt_write_key(w, "warnings");
    kvt_write_array(w);
    study_warn(w, cell->n_pairs < FEW_PAIRS, "few_pairs");
    study_warn(w,
               !cells->control && (applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN]),
               "budget_unproven");
    study_warn(w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    study_warn_flags(w, flags);
    study_warn(w, cell->coverage.n_missing > 0, "missing_rows");
    study_warn(w, cell->coverage.n_infra_reference || cell->coverage.n_infra_run,
               "infrastructure_failures");
    study_warn(w, cell->coverage.n_unequal > 0, "unequal_repeats");
    study_warn(w, cell->baseline_floor, "baseline_floor");
    study_warn(w, !cells->control && item->control == KVT_NO_SLICE, "no_control");
    study_warn(w, cells->noop_suspected, "noop_suspected");
    study_warn(w, study->table.n_duplicates > 0, "duplicate_requests");
    study_warn(w, study->table.reference_guessed, "reference_guessed");
    kvt_write_end(w);
}

static void emit_pair(struct kvt_stage *stage, const struct study *study,
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
    study_write_interval(&w, "delta_ci_low", "delta_ci_high", cell->delta);
    kvt_member_number(&w, "loss_upper", cell->loss_upper);
    kvt_member_number(&w, "loss_upper_each", cell->loss_upper_each);
    write_test(&w, "loss", &cell->loss, cell);
    write_test(&w, "lift", &cell->lift, cell);
    write_test(&w, "silent", &cell->silent, cell);
    write_churn(&w, cell);
    write_failure_types(&w, table, pairs, cell->n_pairs);
    kvt_member_number(&w, "retention", cell->retention);
    study_write_interval(&w, "retention_ci_low", "retention_ci_high", cell->retention_interval);
    kvt_member_number(&w, "p_retained", cell->p_retained);
    kvt_member_number(&w, "p_collapsed", cell->p_collapsed);
    kvt_member_bool(&w, "baseline_floor", cell->baseline_floor);
    write_ratios(&w, cell);
    write_attribution(&w, cell);
    write_coverage(&w, cell);
    size_t flags[KVT_FLAG_COUNT] = {0};
    for (size_t i = 0; i < cell->n_pairs; i++)
        study_count_flags(pairs[i].flags, flags);
    study_write_flags(&w, flags);
    kvt_member_bool(&w, "noop_suspected", cells->noop_suspected);
    write_pair_warnings(&w, study, cells, cell, flags);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "pair_stats", &record);
    kvt_buffer_free(&record);
}

static void emit_pairs(struct kvt_stage *stage, const struct study *study)
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

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct kvt_stage stage;
    struct program program = {0};
    static const struct kvt_route routes[] = {{"experiment", take_experiment},
                                              {"run", take_run},
                                              {"response", take_response},
                                              {"bin_stats", NULL},
                                              {"pair_stats", NULL},
                                              {NULL, NULL}};
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_settings_open(&program.settings, common.config, &arguments);
    kvt_stage_open(&stage, "kvt-stats", &common, &arguments);
    kvt_stage_run(&stage, routes, &program);

    const json_t *tree = kvt_settings_tree(&program.settings);
    struct kvt_procedure procedure = study_procedure(tree);
    study_make(&program.study, &procedure);
    emit_bins(&stage, &program.study, kvt_json_text(tree, "stats.ci", "dispersion-wilson"),
              &procedure);
    emit_pairs(&stage, &program.study);

    kvt_stage_close(&stage, program.settings.options);
    bool nothing = program.study.table.count == 0;
    study_free(&program.study);
    kvt_settings_close(&program.settings);
    kvt_arguments_free(&arguments);
    if (nothing)
        kvt_die(KVT_DATA, "no response line in the input");
    return KVT_OK;
}
