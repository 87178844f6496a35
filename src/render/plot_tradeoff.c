/* The trade-off: what a score costs in cache and in time; a grey line joins the budgets of a bin.
 */
#include "render/axis.h"
#include "render/plot.h"

#include <math.h>
#include <stdio.h>

/* What the score is drawn against: the first quantity of bin_stats that the stream knows. */
struct cost {
    const char *path, *label;
    double scale;
};

static const struct cost cache_costs[] = {
    {"kv_bytes_p50", "KV cache held (MiB, median; log scale)", 1.0 / (1024 * 1024)},
    {"kept_ratio_p50", "share of the entries kept (median; log scale)", 1},
    {"mem_p50", "memory (MiB, median; log scale)", 1.0 / (1024 * 1024)},
};
static const struct cost time_costs[] = {
    {"lat_p50", "latency of the answer (s, median; log scale)", 1},
};

static const struct cost *known(const struct kvt_study *study, const struct cost *costs, size_t n)
{
    for (size_t c = 0; c < n; c++)
        for (size_t i = 0; i < study->n_arms; i++) {
            double low, high;
            kvt_arm_range(study->arms[i], costs[c].path, &low, &high);
            if (low > 0)
                return &costs[c];
        }
    return NULL;
}

/* The point of a cell: what it costs and its score. False where one of them is not known. */
static bool point_of(const struct kvt_arm *arm, size_t bin, const struct cost *cost, double *x,
                     double *y)
{
    const struct kvt_cell *cell = kvt_arm_cell(arm, bin);
    *x = kvt_cell_stat(cell, cost->path) * cost->scale;
    *y = kvt_cell_stat(cell, "acc_mean");
    return kvt_arm_shown(arm) && *x > 0 && !isnan(*y);
}

static bool arm_drawn(const struct kvt_study *study, size_t arm, const struct cost *cost)
{
    double x, y;
    for (size_t b = 0; b < study->n_bins; b++)
        if (point_of(study->arms[arm], b, cost, &x, &y))
            return true;
    return false;
}

static bool bin_drawn(const struct kvt_study *study, size_t bin, const struct cost *cost)
{
    double x, y;
    for (size_t i = 0; i < study->n_arms; i++)
        if (point_of(study->arms[i], bin, cost, &x, &y))
            return true;
    return false;
}

static bool any_drawn(const struct kvt_study *study, const struct cost *cost)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (arm_drawn(study, i, cost))
            return true;
    return false;
}

/* One block an arm: cost, score. One block a bin: the same points along the budgets. */
static void data_blocks(struct kvt_buffer *out, const struct kvt_study *study, const char *name,
                        const struct cost *cost)
{
    size_t slot = 0;
    double x, y;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        kvt_buffer_printf(out, "$%s_arm_%zu << EOD\n", name, slot++);
        for (size_t b = 0; b < study->n_bins; b++) {
            if (!point_of(study->arms[i], b, cost, &x, &y))
                continue;
            kvt_gnuplot_number(out, x);
            kvt_gnuplot_number(out, y);
            kvt_buffer_byte(out, '\n');
        }
        kvt_buffer_text(out, "EOD\n");
    }
    for (size_t b = 0; b < study->n_bins; b++) {
        kvt_buffer_printf(out, "$%s_bin_%zu << EOD\n", name, b);
        for (size_t i = 0; i < study->n_arms; i++) {
            if (!point_of(study->arms[i], b, cost, &x, &y))
                continue;
            char label[32];
            kvt_grouped_number(study->bins[b].centre, label);
            kvt_gnuplot_number(out, x);
            kvt_gnuplot_number(out, y);
            kvt_buffer_printf(out, " \"%s\"\n",
                              study->arms[i]->reference && study->has_lengths ? label : "");
        }
        kvt_buffer_text(out, "EOD\n");
    }
}

/* The least and the most that anything costs. */
static void find_extremes(const struct kvt_study *study, const struct cost *cost, double *least,
                          double *most)
{
    *least = *most = NAN;
    for (size_t i = 0; i < study->n_arms; i++) {
        double low, high;
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        kvt_arm_range(study->arms[i], cost->path, &low, &high);
        if (low > 0 && !(*least <= low * cost->scale))
            *least = low * cost->scale;
        if (high > 0 && !(*most >= high * cost->scale))
            *most = high * cost->scale;
    }
}

/* Ends of a logarithmic axis that holds both, with room for the labels at the right. */
static void widen_range(double least, double most, double *low, double *high)
{
    double room = fmax(pow(most / least, 0.08), 1.08);
    *low = least / room;
    *high = most * pow(room, 1.6);
}

static void add_tic(struct kvt_buffer *list, double at, const char *format)
{
    char label[32];
    snprintf(label, sizeof label, format, at);
    kvt_buffer_printf(list, "%s'%s'", list->length ? ", " : "", label);
    kvt_gnuplot_number(list, at);
}

/* Tics at 1, 2 and 5 times the powers of ten, at the powers alone over more than three decades;
 * returns how many. */
static size_t round_tics(struct kvt_buffer *list, double low, double high)
{
    static const double steps[] = {1, 2, 5};
    size_t n_steps = high / low > 1000 ? 1 : 3, n = 0;
    for (double decade = floor(log10(low)); decade <= log10(high); decade++)
        for (size_t i = 0; i < n_steps; i++) {
            double at = steps[i] * pow(10, decade);
            if (at < low || at > high)
                continue;
            add_tic(list, at, "%.6g");
            n++;
        }
    return n;
}

static void cost_axis(struct kvt_buffer *out, const struct kvt_study *study,
                      const struct cost *cost)
{
    double low, high, least, most;
    struct kvt_buffer tics = {0};
    find_extremes(study, cost, &least, &most);
    widen_range(least, most, &low, &high);
    if (round_tics(&tics, low, high) == 0) { /* costs that are all but equal */
        add_tic(&tics, least, "%.3g");
        if (most > least * 1.04)
            add_tic(&tics, most, "%.3g");
    }
    kvt_buffer_text(out, "set xrange [");
    kvt_gnuplot_number(out, low);
    kvt_buffer_text(out, " :");
    kvt_gnuplot_number(out, high);
    kvt_buffer_printf(out, " ]\nset xtics nomirror (%s)\nset xlabel '%s' noenhanced\n",
                      kvt_buffer_string(&tics), cost->label);
    kvt_buffer_free(&tics);
}

/* A block without points is not drawn: gnuplot would complain of it. */
static void panel(struct kvt_buffer *out, const struct kvt_study *study, const char *name,
                  const struct cost *cost)
{
    size_t slot = 0;
    kvt_buffer_text(out, "plot -1 notitle");
    for (size_t b = 0; b < study->n_bins; b++)
        if (bin_drawn(study, b, cost))
            kvt_buffer_printf(
                out,
                ", \\\n  $%s_bin_%zu using 1:2 with lines lw 1 lc rgb '#AAAAAA', \\\n"
                "  $%s_bin_%zu using 1:2:3 with labels noenhanced left offset -0.4,0.9 "
                "rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555'",
                name, b, name, b);
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        if (!arm_drawn(study, i, cost))
            continue;
        kvt_buffer_printf(
            out, ", \\\n  $%s_arm_%zu using 1:2 with points pt %d ps 1.3 lw 1.5 lc rgb '%s'", name,
            slot - 1, mark.point, mark.colour);
    }
    kvt_buffer_byte(out, '\n');
}

int kvt_plot_tradeoff(struct kvt_buffer *out, struct kvt_canvas *canvas,
                      const struct kvt_study *study, struct kvt_error *error)
{
    const struct cost *costs[2] = {
        known(study, cache_costs, sizeof cache_costs / sizeof *cache_costs),
        known(study, time_costs, sizeof time_costs / sizeof *time_costs)};
    static const char *const names[2] = {"cache", "time"};
    size_t n = 0;
    for (size_t c = 0; c < 2; c++)
        n += costs[c] != NULL;
    if (n == 0)
        return kvt_fail(
            error, KVT_DATA,
            "the statistics (bin_stats records, by kvt-stats) have neither KV bytes nor latencies");
    n = 0;
    for (size_t c = 0; c < 2; c++) {
        costs[c] = costs[c] && any_drawn(study, costs[c]) ? costs[c] : NULL;
        n += costs[c] != NULL;
    }
    if (n == 0)
        return kvt_fail(error, KVT_DATA,
                        "the statistics (bin_stats records, by kvt-stats) have no acc_mean where "
                        "costs are known");
    canvas->width = n == 2 ? 980 : 760;
    canvas->height = 410;
    struct kvt_key key = {0};
    kvt_key_arms(&key, study, "points");
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(
        out, canvas, "tradeoff", "Score against cost", study,
        study->has_lengths && study->own_lengths
            ? "A grey line joins the budgets of one length bin; its mean length stands at "
              "the full cache."
        : study->has_lengths
            ? "A grey line joins the budgets of one length bin; its mean tokens stand at "
              "the full cache."
            : "A grey line joins the budgets of one length bin.");
    for (size_t c = 0; c < 2; c++)
        if (costs[c])
            data_blocks(out, study, names[c], costs[c]);
    kvt_key_draw(out, canvas, &key);
    kvt_buffer_text(out, "set logscale x\nset yrange [-0.02:1.16]\nset ytics nomirror 0,0.2,1\n"
                         "set ylabel 'score (bin mean)' noenhanced offset 0.5,0\n");
    double step = (canvas->width - 8) / (double)n, left = 76;
    for (size_t c = 0; c < 2; c++) {
        if (!costs[c])
            continue;
        kvt_gnuplot_frame(out, canvas, left, canvas->width - (left + step - 88), canvas->head + 12,
                          78);
        cost_axis(out, study, costs[c]);
        panel(out, study, names[c], costs[c]);
        left += step;
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}
