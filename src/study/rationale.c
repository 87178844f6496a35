#include "study/rationale.h"

#include "stream/number.h"
#include "study/member.h"

#include <math.h>

void kvt_study_member_bin(struct kvt_writer *w, const char *key, const struct kvt_cells *cells,
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
    ROW_SILENT_EVEN_P,
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
    case ROW_SILENT_EVEN_P:
        return c->silent_even.p_adj;
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
static void part_bins(struct kvt_writer *w, const struct kvt_judged *j, enum kvt_part part)
{
    kvt_study_member_bin(w, "first_bin", j->cells,
                         kvt_verdict_first(j->cells, part, j->procedure->alpha));
    kvt_write_key(w, "bins");
    kvt_write_array(w);
    for (size_t b = 0; b < j->cells->count; b++)
        if (kvt_verdict_confirmed(&j->cells->items[b], part, j->procedure->alpha))
            kvt_write_integer(w, j->cells->items[b].coverage.bin);
    kvt_write_end(w);
}

static void write_tested_parts(struct kvt_writer *w, const struct kvt_judged *j)
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
    kvt_study_write_interval(w, "pooled_ci_low", "pooled_ci_high", v->pooled_interval);
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

static void write_safety(struct kvt_writer *w, const struct kvt_judged *j)
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
    kvt_study_member_bin(w, "bin", j->cells, v->collapse_bin);
    member_row(w, "p_collapsed", j->cells, ROW_COLLAPSED_P);
    member_row(w, "p_retained", j->cells, ROW_RETAINED_P);
    member_row(w, "retention", j->cells, ROW_RETENTION);
    kvt_write_key(w, "sensitivity");
    kvt_write_object(w);
    for (int i = 0; i < KVT_SENSITIVITY; i++) {
        char key[KVT_NUMBER_SIZE];
        kvt_number_format(kvt_verdict_sensitivity[i], key);
        kvt_study_member_bin(w, key, j->cells, v->sensitivity[i]);
    }
    kvt_write_end(w);
    kvt_write_end(w);
}

static double step_tokens(bool found, double x)
{
    return found ? round(exp(x)) : NAN;
}

static void write_order(struct kvt_writer *w, const struct kvt_judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "order");
    kvt_write_object(w);
    kvt_study_member_bin(w, "bF", j->cells, v->order.first_lift);
    kvt_study_member_bin(w, "bS", j->cells, v->order.first_silent);
    member_row(w, "silent_p_adj", j->cells, ROW_SILENT_EVEN_P);
    kvt_member_number(w, "z", v->order.z);
    kvt_member_number(w, "z_h", v->order.z_hazard);
    kvt_member_number(w, "type_trend", v->order.z_trend);
    kvt_member_number(w, "z_onset", v->order.z_onset);
    kvt_member_bool(w, "two_bins", v->order.two_bins);
    kvt_write_end(w);
    kvt_write_key(w, "abrupt");
    kvt_write_object(w);
    kvt_member_number(w, "p", v->abrupt.p);
    kvt_member_bool(w, "abrupt", v->is_abrupt);
    kvt_member_number(w, "step_tokens", v->abrupt_tokens);
    kvt_member_number(w, "statistic", v->abrupt.tested ? v->abrupt.statistic : NAN);
    kvt_write_end(w);
}

static void write_secondary(struct kvt_writer *w, const struct kvt_judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    kvt_write_key(w, "scan");
    kvt_write_object(w);
    kvt_member_number(w, "p", v->scan_p);
    kvt_study_member_bin(w, "bin_start", j->cells, v->scan_start);
    kvt_study_member_bin(w, "bin_end", j->cells, v->scan_end);
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

static void write_legacy(struct kvt_writer *w, const struct kvt_judged *j)
{
    kvt_write_key(w, "zscore");
    kvt_write_object(w);
    write_z(w, "std", j->zscore.std, j->cells->count);
    write_z(w, "fail", j->zscore.fail, j->cells->count);
    write_z(w, "acc_drop", j->zscore.drop, j->cells->count);
    kvt_study_member_bin(w, "bin_start", j->cells, j->zscore.zone_start);
    kvt_study_member_bin(w, "bin_end", j->cells, j->zscore.zone_end);
    kvt_member_string(w, "headline_of_parts", kvt_headline_name(j->verdict.headline));
    kvt_write_end(w);
}

/* Share of answers that differ between the two reference runs. */
static void write_floor(struct kvt_writer *w, const struct kvt_judged *j)
{
    size_t n = 0, changed = 0;
    for (size_t b = 0; b < j->cells->count; b++) {
        n += j->cells->items[b].floor_n;
        changed += j->cells->items[b].floor_changed;
    }
    kvt_member_number(w, "coverage", j->verdict.coverage);
    kvt_member_number(w, "noise_floor", n ? (double)changed / (double)n : NAN);
}

void kvt_study_write_rationale(struct kvt_writer *w, const struct kvt_judged *j)
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
