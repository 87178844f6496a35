/* The paired figure: answers lost and gained against the full cache, entry by entry. */
#include "render/axis.h"
#include "render/plot.h"

#include <math.h>

static bool is_compared(const struct kvt_arm *arm)
{
    return !arm->reference && !arm->control;
}

static bool has_pairs(const struct kvt_arm *arm)
{
    for (size_t b = 0; b < arm->n_cells; b++)
        if (kvt_cell_pair(&arm->cells[b], "n_pairs") > 0)
            return true;
    return false;
}

/* bin, lost %, gained %, net loss with its interval, upper bound of the bin; all in points */
static void data_block(struct kvt_buffer *out, const struct kvt_study *study,
                       const struct kvt_arm *arm, size_t slot, double alpha)
{
    kvt_buffer_printf(out, "$paired_%zu << EOD\n", slot);
    for (size_t b = 0; b < study->n_bins; b++) {
        const struct kvt_cell *cell = kvt_arm_cell(arm, b);
        double n = kvt_cell_pair(cell, "n_pairs"), p = kvt_cell_pair(cell, "loss.p_adj");
        if (!(n > 0))
            continue;
        kvt_buffer_printf(out, "%zu", b + 1);
        kvt_gnuplot_number(out, 100 * kvt_cell_pair(cell, "loss.n10") / n);
        kvt_gnuplot_number(out, -100 * kvt_cell_pair(cell, "loss.n01") / n);
        kvt_gnuplot_number(out, -100 * kvt_cell_pair(cell, "delta_mean"));
        kvt_gnuplot_number(out, -100 * kvt_cell_pair(cell, "delta_ci_high"));
        kvt_gnuplot_number(out, -100 * kvt_cell_pair(cell, "delta_ci_low"));
        kvt_gnuplot_number(out, 100 * kvt_cell_pair(cell, "loss_upper_each"));
        kvt_buffer_text(out, p <= alpha ? " \"\xe2\x9c\xb1\"\n" : " \"\"\n"); /* heavy asterisk */
    }
    kvt_buffer_text(out, "EOD\n");
}

/* Ends of the common y axis, on multiples of 10 points. */
static void find_range(const struct kvt_study *study, double *low, double *high)
{
    *low = -5;
    *high = 15;
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        for (size_t b = 0; is_compared(arm) && b < arm->n_cells; b++) {
            const struct kvt_cell *cell = &arm->cells[b];
            double n = kvt_cell_pair(cell, "n_pairs");
            if (!(n > 0)) /* anything is possible there: nothing is drawn */
                continue;
            *high = fmax(*high, 100 * kvt_cell_pair(cell, "loss_upper_each"));
            *high = fmax(*high, -100 * kvt_cell_pair(cell, "delta_ci_low"));
            *low = fmin(*low, -100 * kvt_cell_pair(cell, "delta_ci_high"));
            *low = fmin(*low, -100 * kvt_cell_pair(cell, "loss.n01") / n);
            *high = fmax(*high, 100 * kvt_cell_pair(cell, "loss.n10") / n);
        }
    }
    *low = fmax(-110, 10 * floor(*low / 10));
    *high = fmin(110, 10 * ceil((*high + 6) / 10));
}

static void panel(struct kvt_buffer *out, const struct kvt_arm *arm, size_t slot, double delta)
{
    kvt_buffer_text(out, "set label 4 ");
    kvt_gnuplot_arm(out, arm);
    kvt_buffer_text(out, " at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'\n");
    if (!has_pairs(arm)) {
        kvt_buffer_text(out, "set label 5 'no pairs' at graph 0.5,graph 0.75 center noenhanced\n"
                             "plot 0 with lines lw 1 lc rgb '#444444'\nunset label 5\n");
        return;
    }
    kvt_buffer_printf(out,
                      "plot $paired_%zu using 1:(0):($1-0.3):($1+0.3):(0):2 with boxxyerror fc rgb "
                      "'#E8A27A' fillstyle solid 1 noborder, \\\n"
                      "  $paired_%zu using 1:(0):($1-0.3):($1+0.3):3:(0) with boxxyerror fc rgb "
                      "'#8FCFBB' fillstyle solid 1 noborder, \\\n"
                      "  0 with lines lw 1 lc rgb '#444444', \\\n"
                      "  $paired_%zu using ($1-0.3):7:(0.6):(0) with vectors nohead lw 2.2 lc rgb "
                      "'#0072B2', \\\n"
                      "  $paired_%zu using 1:4:5:6 with yerrorbars pt 13 ps 1.2 lw 1.6 lc rgb "
                      "'#000000', \\\n"
                      "  $paired_%zu using 1:7:8 with labels noenhanced offset 0,0.6 tc rgb "
                      "'#000000'",
                      slot, slot, slot, slot, slot);
    if (!isnan(delta))
        kvt_buffer_printf(out, ", \\\n  %.10g with lines dashtype 2 lw 1.2 lc rgb '#7F3F98'",
                          100 * delta);
    kvt_buffer_byte(out, '\n');
}

static void key_entries(struct kvt_key *key, double delta)
{
    char text[64];
    kvt_key_add(key, "boxes fillstyle solid 1 noborder lc rgb '#E8A27A'", "score fell");
    kvt_key_add(key, "boxes fillstyle solid 1 noborder lc rgb '#8FCFBB'", "score rose");
    kvt_key_add(key, "yerrorbars pt 13 ps 1.2 lw 1.6 lc rgb '#000000'", "mean loss, 95% interval");
    kvt_key_add(key, "lines lw 2.2 lc rgb '#0072B2'", "upper bound, 95%");
    snprintf(text, sizeof text, "safe below (%.10g points)", 100 * delta);
    if (!isnan(delta))
        kvt_key_add(key, "lines dashtype 2 lw 1.2 lc rgb '#7F3F98'", text);
}

/* A number of the verdicts' rationale, the same for all budgets of a study. */
static double of_rationale(const struct kvt_study *study, const char *path, double fallback)
{
    for (size_t i = 0; i < study->n_arms; i++) {
        double value = kvt_json_number(study->arms[i]->transition, path, NAN);
        if (!isnan(value))
            return value;
    }
    return fallback;
}

int kvt_plot_paired(struct kvt_buffer *out, struct kvt_canvas *canvas,
                    const struct kvt_study *study, struct kvt_error *error)
{
    size_t n = 0, slot = 0;
    bool any = false;
    double low, high, alpha = of_rationale(study, "rationale.alpha", 0.05);
    double delta = of_rationale(study, "rationale.delta", NAN);
    for (size_t i = 0; i < study->n_arms; i++) {
        any = any || (is_compared(study->arms[i]) && has_pairs(study->arms[i]));
        n += is_compared(study->arms[i]);
    }
    if (!any)
        return kvt_fail(error, KVT_DATA,
                        "there are no pairs (pair_stats records, by kvt-stats) of a compressed and "
                        "a full-cache run");
    struct kvt_key key = {0};
    key_entries(&key, delta);
    kvt_grid_canvas(canvas, n);
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(
        out, canvas, "paired", "Answers lost and gained against the full cache", study,
        "Bars: share of the entries. \xe2\x9c\xb1: loss confirmed, corrected over bins and "
        "budgets.");
    for (size_t i = 0; i < study->n_arms; i++)
        if (is_compared(study->arms[i]))
            data_block(out, study, study->arms[i], slot++, alpha);
    find_range(study, &low, &high);
    kvt_key_draw(out, canvas, &key);
    kvt_buffer_printf(out, "set yrange [%.0f:%.0f]\nset border 2\n", low, high);
    slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!is_compared(study->arms[i]))
            continue;
        kvt_grid_frame(out, canvas, slot, n);
        kvt_grid_axis(out, study);
        kvt_buffer_printf(out, "set ylabel '%s' noenhanced\n",
                          slot % 3 ? "" : "points of score lost");
        panel(out, study->arms[i], slot++, delta);
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}
