#include "render/axis.h"

#include "render/escape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GRID_COLUMNS = 3, GRID_ROW = 330, GRID_FOOT = 22, GRID_LEFT = 72 };

void kvt_grid_canvas(struct kvt_canvas *canvas, size_t n)
{
    static const int widths[] = {0, 620, 860, 1080};
    size_t rows = (n + GRID_COLUMNS - 1) / GRID_COLUMNS;
    if (rows > 40)
        rows = 40; /* more panels than anyone reads: they overlap rather than ask for gigabytes */
    canvas->width = widths[n < GRID_COLUMNS ? n : GRID_COLUMNS];
    canvas->height = GRID_FOOT + GRID_ROW * (int)rows;
}

void kvt_grid_frame(struct kvt_buffer *out, const struct kvt_canvas *canvas, size_t index, size_t n)
{
    size_t columns = n < GRID_COLUMNS ? n : GRID_COLUMNS;
    double step = (canvas->width - GRID_LEFT) / (double)columns;
    double left = GRID_LEFT + step * (double)(index % columns);
    double top = canvas->head + GRID_ROW * (double)(index / columns);
    kvt_gnuplot_frame(out, canvas, left, canvas->width - (left + step - 18), top + 36,
                      canvas->height - (top + GRID_ROW - 46));
    /* Panels of a row share their axis: numbers stand at the first. */
    kvt_buffer_text(out, index % columns ? "set format y ''\n" : "set format y '%g'\n");
}

/* What the axis of lengths shows; `mean`: that it is the bin's mean, and on which scale. */
static void length_label(struct kvt_buffer *out, const struct kvt_study *study, bool mean)
{
    if (!study->has_lengths)
        kvt_buffer_text(out, "length bin");
    else
        kvt_buffer_printf(out, "context length (%s%s)",
                          study->own_lengths ? "as the rows have it" : "tokens",
                          mean ? ", mean of the bin; log scale" : "");
}

/* How a bin is labelled on an axis: its mean length, its number where lengths are unknown. */
static void bin_label(const struct kvt_study *study, size_t bin, char label[32])
{
    if (study->has_lengths)
        kvt_grouped_number(study->bins[bin].centre, label);
    else
        snprintf(label, 32, "%zu", bin + 1);
}

void kvt_grid_axis(struct kvt_buffer *out, const struct kvt_study *study)
{
    kvt_buffer_printf(out,
                      "set xrange [0.4:%.1f]\nset xtics nomirror norotate noenhanced scale 0 (",
                      (double)study->n_bins + 0.6);
    for (size_t b = 0; b < study->n_bins; b++) {
        char label[32];
        bin_label(study, b, label);
        kvt_buffer_printf(out, "%s'%s' %zu", b ? ", " : "", label, b + 1);
    }
    kvt_buffer_text(out, ")\nset xlabel '");
    length_label(out, study, false);
    kvt_buffer_text(out, "' noenhanced offset 0,0.3 font 'DejaVu Sans,10'\n");
}

/* Smallest distance of two neighbouring centres, as a factor (log axis); 2 with a single bin. */
static double narrowest_step(const struct kvt_study *study)
{
    double narrowest = 2;
    for (size_t b = 1; b < study->n_bins; b++) {
        double step = study->bins[b].centre / study->bins[b - 1].centre;
        if (b == 1 || step < narrowest)
            narrowest = step;
    }
    return narrowest;
}

double kvt_length_position(const struct kvt_study *study, size_t bin, size_t slot, size_t n_slots)
{
    double aside = n_slots > 1 ? (double)slot - (double)(n_slots - 1) / 2 : 0;
    if (n_slots > 1)
        aside *= 0.22 / (double)(n_slots - 1); /* all slots within 22% of the step between bins */
    if (!study->has_lengths)
        return (double)bin + 1 + aside;
    return study->bins[bin].centre * pow(narrowest_step(study), aside);
}

/* Half-way, on the axis's own scale, to the neighbour `bin + 1`; beyond the ends by half a step. */
static double border_after(const struct kvt_study *study, size_t bin)
{
    const struct kvt_length_bin *here = &study->bins[bin];
    if (bin + 1 < study->n_bins) {
        const struct kvt_length_bin *next = &study->bins[bin + 1];
        if (here->high > 0 && next->low >= here->high)
            return sqrt(here->high * next->low);
        return sqrt(here->centre * next->centre);
    }
    double end = here->centre * sqrt(narrowest_step(study));
    return here->high > end ? here->high : end;
}

void kvt_length_borders(const struct kvt_study *study, size_t bin, double *left, double *right)
{
    if (!study->has_lengths) {
        *left = (double)bin + 0.5;
        *right = (double)bin + 1.5;
        return;
    }
    *right = border_after(study, bin);
    if (bin > 0) {
        *left = border_after(study, bin - 1);
    } else {
        const struct kvt_length_bin *first = &study->bins[0];
        *left = first->centre / sqrt(narrowest_step(study));
        if (first->low > 0 && first->low < *left)
            *left = first->low;
    }
}

/* Tick labels lie flat only if every two neighbours leave room for about seven characters. */
static bool labels_fit(const struct kvt_study *study, double low, double high, double width)
{
    for (size_t b = 1; study->has_lengths && b < study->n_bins; b++) {
        double gap = log(study->bins[b].centre / study->bins[b - 1].centre) / log(high / low);
        if (gap * width < 52)
            return false;
    }
    return true;
}

void kvt_gnuplot_length_axis(struct kvt_buffer *out, const struct kvt_study *study, double width)
{
    double low, high, unused;
    kvt_length_borders(study, 0, &low, &unused);
    kvt_length_borders(study, study->n_bins - 1, &unused, &high);
    kvt_buffer_text(out, study->has_lengths ? "set logscale x\n" : "unset logscale x\n");
    kvt_buffer_text(out, "set xrange [");
    kvt_gnuplot_number(out, low);
    kvt_buffer_text(out, " :");
    kvt_gnuplot_number(out, high);
    kvt_buffer_text(out, " ]\nset xtics nomirror ");
    kvt_buffer_text(out, labels_fit(study, low, high, width) ? "norotate" : "rotate by -40 left");
    kvt_buffer_text(out, " noenhanced (");
    for (size_t b = 0; b < study->n_bins; b++) {
        char label[32];
        bin_label(study, b, label);
        kvt_buffer_printf(out, "%s'%s'", b ? ", " : "", label);
        kvt_gnuplot_number(out, kvt_length_position(study, b, 0, 1));
    }
    kvt_buffer_text(out, ")\nset xlabel '");
    length_label(out, study, width >= 420);
    kvt_buffer_text(out, "' noenhanced\n");
}

/* A record's bin index, if it is one of the study's bins; -1 otherwise. */
static long bin_member(const json_t *record, const char *key, const struct kvt_study *study)
{
    long long bin = kvt_json_integer(record, key, -1);
    return bin >= 0 && (size_t)bin < study->n_bins ? (long)bin : -1;
}

static void shade(struct kvt_buffer *out, const struct kvt_study *study, long first, long last,
                  const char *colour)
{
    double left, right, unused;
    kvt_length_borders(study, (size_t)first, &left, &unused);
    kvt_length_borders(study, (size_t)last, &unused, &right);
    kvt_buffer_text(out, "set object rectangle from");
    kvt_gnuplot_number(out, left);
    kvt_buffer_text(out, ",graph 0 to");
    kvt_gnuplot_number(out, right);
    kvt_buffer_printf(
        out, ",graph 1 behind fillstyle transparent solid 0.13 noborder fc rgb '%s'\n", colour);
}

static void rule(struct kvt_buffer *out, double x, const char *colour)
{
    kvt_buffer_text(out, "set arrow from");
    kvt_gnuplot_number(out, x);
    kvt_buffer_text(out, ",graph 0 to");
    kvt_gnuplot_number(out, x);
    kvt_buffer_printf(out, ",graph 1 nohead back dashtype 2 lw 1.2 lc rgb '%s'\n", colour);
}

static void note(struct kvt_key *key, const char *with, const char *what, const struct kvt_arm *arm)
{
    struct kvt_buffer text = {0};
    kvt_buffer_printf(&text, "%s, %s", what, arm->label);
    kvt_key_add(key, with, kvt_buffer_string(&text));
    kvt_buffer_free(&text);
}

void kvt_gnuplot_zones(struct kvt_buffer *out, struct kvt_key *key, const struct kvt_study *study)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        if (!kvt_arm_shown(arm))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        long first = bin_member(arm->transition, "transition_bin_start", study);
        long last = bin_member(arm->transition, "transition_bin_end", study);
        long collapse = bin_member(arm->transition, "collapse_bin", study);
        char with[96];
        if (first >= 0 && last >= first) {
            shade(out, study, first, last, mark.colour);
            snprintf(with, sizeof with,
                     "boxes fillstyle transparent solid 0.13 noborder lc rgb '%s'", mark.colour);
            note(key, with, "transition zone", arm);
        }
        if (collapse >= 0) {
            double left, unused;
            kvt_length_borders(study, (size_t)collapse, &left, &unused);
            rule(out, left, mark.colour);
            snprintf(with, sizeof with, "lines dashtype 2 lw 1.2 lc rgb '%s'", mark.colour);
            note(key, with, "collapsed beyond", arm);
        }
    }
}
