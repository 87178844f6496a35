#include "stat/sentence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Which cells a phrase speaks of. */
typedef bool (*cell_filter)(const struct kvt_cell *cell, double alpha);

static bool has_loss(const struct kvt_cell *cell, double alpha)
{
    return kvt_verdict_confirmed(cell, KVT_PART_LOSS, alpha);
}

static bool has_lift(const struct kvt_cell *cell, double alpha)
{
    return kvt_verdict_confirmed(cell, KVT_PART_LIFT, alpha);
}

static bool has_silent(const struct kvt_cell *cell, double alpha)
{
    return kvt_verdict_confirmed(cell, KVT_PART_SILENT, alpha);
}

static bool has_collapse(const struct kvt_cell *cell, double alpha)
{
    return cell->p_collapsed_adj <= alpha;
}

static double loss_of(const struct kvt_cell *cell)
{
    return -cell->delta_mean;
}

static double lift_of(const struct kvt_cell *cell)
{
    return cell->run_fail - cell->ref_fail;
}

/* Hundredths: "4.1", or "9" without a decimal that says nothing. */
static void hundredths(struct kvt_buffer *out, double score)
{
    double value = round(score * 1000) / 10 + 0.0; /* no "-0" */
    if (value == floor(value))
        kvt_buffer_printf(out, "%.0f", value);
    else
        kvt_buffer_printf(out, "%.1f", value);
}

/* "4.1 points", "1 point". */
static void points(struct kvt_buffer *out, double score)
{
    hundredths(out, score);
    kvt_buffer_text(out, round(score * 1000) == 10 ? " point" : " points");
}

/* A bound in points, rounded up. */
static double round_up(double bound)
{
    return ceil(bound * 1000 - 1e-9) / 1000;
}

/* Whole number with thousands separators. */
static void whole(struct kvt_buffer *out, double value)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%.0f", value);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            kvt_buffer_byte(out, ',');
        kvt_buffer_byte(out, digits[i]);
    }
}

/* "9 to 24 points" over the cells that pass, or "24 points". */
static void point_range(struct kvt_buffer *out, const struct kvt_sentence *s, cell_filter filter,
                        double (*value)(const struct kvt_cell *))
{
    double low = INFINITY, high = -INFINITY;
    for (size_t b = 0; b < s->cells->count; b++) {
        const struct kvt_cell *cell = &s->cells->items[b];
        if (filter(cell, s->procedure->alpha)) {
            low = fmin(low, value(cell));
            high = fmax(high, value(cell));
        }
    }
    if (round(high * 1000) > round(low * 1000)) {
        hundredths(out, low);
        kvt_buffer_text(out, " to ");
    }
    points(out, high);
}

/* "bin 4", "bins 3-5", "bins 1, 3 and 5". Bin numbers are the stream's, plus one. */
static void bin_list(struct kvt_buffer *out, const struct kvt_sentence *s, cell_filter filter)
{
    size_t n = 0, first = 0, last = 0, seen = 0;
    const struct kvt_cell *cells = s->cells->items;
    for (size_t b = 0; b < s->cells->count; b++) {
        if (filter(&cells[b], s->procedure->alpha)) {
            first = n++ ? first : b;
            last = b;
        }
    }
    /* A bin that has no cell may lie between two that follow each other here. */
    bool unbroken = cells[last].coverage.bin - cells[first].coverage.bin + 1 == (int32_t)n;
    if (n == 1 || (n > 2 && unbroken)) {
        kvt_buffer_printf(out, n == 1 ? "bin %d" : "bins %d-%d", cells[first].coverage.bin + 1,
                          cells[last].coverage.bin + 1);
        return;
    }
    kvt_buffer_text(out, "bins ");
    for (size_t b = 0; b < s->cells->count; b++) {
        if (!filter(&cells[b], s->procedure->alpha))
            continue;
        seen++;
        kvt_buffer_printf(out, "%s%d",
                          seen == 1   ? ""
                          : seen == n ? " and "
                                      : ", ",
                          cells[b].coverage.bin + 1);
    }
}

/* "2,900 tokens", or "a length of 2,900" where it is not tokens that were counted. */
static void length_of(struct kvt_buffer *out, const struct kvt_sentence *s, double length)
{
    if (s->own_lengths)
        kvt_buffer_text(out, "a length of ");
    whole(out, length);
    if (!s->own_lengths)
        kvt_buffer_text(out, " tokens");
}

/* "from 2,900 tokens on", "at every length", or the bins where that would be too much said. */
static void place(struct kvt_buffer *out, const struct kvt_sentence *s, cell_filter filter)
{
    size_t n = 0, first = 0, count = s->cells->count;
    for (size_t b = 0; b < count; b++)
        if (filter(&s->cells->items[b], s->procedure->alpha))
            first = n++ ? first : b;
    double tokens = s->cells->items[first].coverage.tokens_min;
    if (n == count && count > 1) {
        kvt_buffer_text(out, "at every length");
    } else if (first + n == count && !isnan(tokens) && count > 1) {
        kvt_buffer_text(out, "from ");
        length_of(out, s, tokens);
        kvt_buffer_text(out, " on");
    } else {
        kvt_buffer_text(out, "in ");
        bin_list(out, s, filter);
    }
}

static void zone(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    const struct kvt_cell *first = &s->cells->items[s->verdict->zone_start];
    const struct kvt_cell *collapsed = &s->cells->items[s->verdict->collapse_bin];
    bool lengths = !isnan(first->coverage.tokens_min) && !isnan(collapsed->coverage.tokens_min);
    kvt_buffer_text(out, " becomes unstable before it collapses: failures rise from ");
    if (lengths) {
        length_of(out, s, first->coverage.tokens_min);
        kvt_buffer_printf(out, " on (bin %d)", first->coverage.bin + 1);
    } else {
        kvt_buffer_printf(out, "bin %d on", first->coverage.bin + 1);
    }
    kvt_buffer_text(out, " while the score is still retained, and the score falls below ");
    hundredths(out, s->procedure->collapse);
    kvt_buffer_text(out, "% of the full cache's in ");
    bin_list(out, s, has_collapse);
    if (lengths) {
        kvt_buffer_text(out, " (from ");
        length_of(out, s, collapsed->coverage.tokens_min);
        kvt_buffer_text(out, ")");
    }
}

static void collapse(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    kvt_buffer_text(out, " collapses abruptly");
    if (!isnan(s->verdict->abrupt_tokens)) {
        kvt_buffer_text(out, " near ");
        length_of(out, s, s->verdict->abrupt_tokens);
    }
    kvt_buffer_text(out, ": the score falls below ");
    hundredths(out, s->procedure->collapse);
    kvt_buffer_text(out, "% of the full cache's in ");
    bin_list(out, s, has_collapse);
    if (s->verdict->first_loss >= 0) {
        kvt_buffer_text(out, ", losing ");
        point_range(out, s, has_loss, loss_of);
        kvt_buffer_byte(out, ' ');
        place(out, s, has_loss);
    }
}

static void safe(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    kvt_buffer_text(out, " is safe within ");
    points(out, round_up(s->verdict->safe_bound));
    kvt_buffer_text(out, " at every length");
    if (s->verdict->first_loss >= 0) {
        kvt_buffer_text(out, ", though a loss of ");
        point_range(out, s, has_loss, loss_of);
        kvt_buffer_text(out, " is confirmed ");
        place(out, s, has_loss);
    } else if (s->verdict->overall_loss) {
        kvt_buffer_text(out, ", though a loss of ");
        points(out, -s->verdict->pooled_delta);
        kvt_buffer_text(out, " over all lengths together is confirmed");
    }
    if (s->verdict->unproven)
        kvt_buffer_text(out, "; nothing proves that the budget was applied");
}

static void failing(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    kvt_buffer_text(out, " fails more often: failures rise by ");
    point_range(out, s, has_lift, lift_of);
    kvt_buffer_byte(out, ' ');
    place(out, s, has_lift);
    if (s->verdict->first_loss >= 0) {
        kvt_buffer_text(out, ", and the score falls by ");
        point_range(out, s, has_loss, loss_of);
        kvt_buffer_byte(out, ' ');
        place(out, s, has_loss);
    } else {
        kvt_buffer_text(out, ", while no loss of score is confirmed");
    }
    if (s->verdict->collapse_bin >= 0) {
        kvt_buffer_text(out, "; it collapses in ");
        bin_list(out, s, has_collapse);
        kvt_buffer_text(out, ", gradually or in a way the data cannot tell from it");
    }
}

/* " (9.5 over all lengths)" where only some bins are confirmed but the whole is too. */
static void overall(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    size_t n = 0;
    for (size_t b = 0; b < s->cells->count; b++)
        n += has_loss(&s->cells->items[b], s->procedure->alpha);
    if (!s->verdict->overall_loss || n == s->cells->count)
        return;
    kvt_buffer_text(out, " (");
    hundredths(out, -s->verdict->pooled_delta);
    kvt_buffer_text(out, " over all lengths)");
}

static void silent(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    kvt_buffer_text(out, " loses ");
    point_range(out, s, has_loss, loss_of);
    kvt_buffer_byte(out, ' ');
    place(out, s, has_loss);
    overall(out, s);
    kvt_buffer_text(out, ", silently: wrong answers rise in ");
    bin_list(out, s, has_silent);
    kvt_buffer_text(out, ", failures do not");
}

static void degraded(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    if (s->verdict->first_loss < 0) {
        kvt_buffer_text(out, " loses ");
        points(out, -s->verdict->pooled_delta);
        kvt_buffer_text(out, " over all lengths together; at which lengths, and how, the data "
                             "cannot tell");
        return;
    }
    kvt_buffer_text(out, " loses ");
    point_range(out, s, has_loss, loss_of);
    kvt_buffer_byte(out, ' ');
    place(out, s, has_loss);
    overall(out, s);
    if (!s->verdict->failures_observable) {
        kvt_buffer_text(
            out, "; whether by failures or by wrong answers cannot be told, as some failures "
                 "cannot be seen");
    } else if (s->verdict->first_silent >= 0) {
        kvt_buffer_text(out, ": wrong answers rise in ");
        bin_list(out, s, has_silent);
        kvt_buffer_text(out, ", and up to ");
        hundredths(out, ceil(s->verdict->failure_share_upper * 100) / 100);
        kvt_buffer_text(out, "% of the lost answers may be failures");
    } else {
        kvt_buffer_text(out, "; whether by failures or by wrong answers the data cannot tell");
    }
}

/* "with 5 pairs per bin", or "in the smallest bin" where the bins differ. */
static void bin_size(struct kvt_buffer *out, const struct kvt_cells *cells)
{
    size_t least = cells->count ? cells->items[0].n_units : 0, most = least;
    for (size_t b = 1; b < cells->count; b++) {
        size_t n = cells->items[b].n_units;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    kvt_buffer_printf(out, " with %zu %s%s %s", least, cells->clustered ? "cluster" : "pair",
                      least == 1 ? "" : "s", least < most ? "in the smallest bin" : "per bin");
}

static void inconclusive(struct kvt_buffer *out, const struct kvt_sentence *s)
{
    const struct kvt_verdict *v = s->verdict;
    if (s->cells->n_pairs == 0) {
        kvt_buffer_text(out, " cannot be judged: no entry was scored in both runs");
        return;
    }
    if (s->cells->noop_suspected) {
        kvt_buffer_text(out, " answers exactly as the full cache does, and nothing shows that the "
                             "budget was applied: no verdict");
        return;
    }
    if (v->blocked_by && strcmp(v->blocked_by, "baseline") == 0) {
        kvt_buffer_text(out, " cannot be judged: where the full cache itself scores only ");
        points(out, v->ref_low);
        kvt_buffer_text(out, ", a loss within ");
        hundredths(out, s->procedure->delta);
        kvt_buffer_text(out, " says nothing");
        return;
    }
    kvt_buffer_text(out, " cannot be judged: no loss is confirmed, but a loss of up to ");
    points(out, fmin(1, round_up(v->safe_bound)));
    kvt_buffer_text(out, " at some length is not excluded");
    bin_size(out, s->cells);
    if (v->blocked_by)
        kvt_buffer_text(out, strcmp(v->blocked_by, "coverage") == 0
                                 ? "; it is not called safe because too few requests were answered"
                                 : "; it is not called safe because a larger budget was not");
    else if (!isnan(v->n_safe)) {
        kvt_buffer_text(out, "; about ");
        whole(out, v->n_safe);
        kvt_buffer_text(out, " per bin would show it safe within ");
        points(out, s->procedure->delta);
        kvt_buffer_text(out, " if nothing is lost beyond what was seen");
    }
}

void kvt_sentence_write(struct kvt_buffer *out, const struct kvt_sentence *sentence)
{
    kvt_buffer_text(out, "At ");
    kvt_buffer_text(out, sentence->subject);
    switch (sentence->verdict->headline) {
    case KVT_HEADLINE_ZONE:
        zone(out, sentence);
        break;
    case KVT_HEADLINE_ABRUPT:
        collapse(out, sentence);
        break;
    case KVT_HEADLINE_SAFE:
        safe(out, sentence);
        break;
    case KVT_HEADLINE_FAILING:
        failing(out, sentence);
        break;
    case KVT_HEADLINE_SILENT:
        silent(out, sentence);
        break;
    case KVT_HEADLINE_DEGRADED:
        degraded(out, sentence);
        break;
    case KVT_HEADLINE_INCONCLUSIVE:
        inconclusive(out, sentence);
        break;
    case KVT_HEADLINE_NO_REFERENCE:
        kvt_buffer_text(out,
                        " cannot be judged: the stream has no reference run of this experiment "
                        "and model");
        break;
    }
    kvt_buffer_byte(out, '.');
}
