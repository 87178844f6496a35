/* The trade-off: what a score costs in cache and in time; a grey line joins the budgets of a bin.
 */
#include "render/axis.h"
#include "render/plot.h"

#include <math.h>

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

/* One block an arm: cost, score. One block a bin: the same points along the budgets. */
static void data_blocks(struct kvt_buffer *out, const struct kvt_study *study, const char *name,
                        const struct cost *cost)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        kvt_buffer_printf(out, "$%s_arm_%zu << EOD\n", name, slot++);
        for (size_t b = 0; b < study->n_bins; b++) {
            const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], b);
            double x = kvt_cell_stat(cell, cost->path) * cost->scale;
            double y = kvt_cell_stat(cell, "acc_mean");
            if (!(x > 0) || isnan(y))
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
            const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], b);
            double x = kvt_cell_stat(cell, cost->path) * cost->scale;
            double y = kvt_cell_stat(cell, "acc_mean");
            if (!kvt_arm_shown(study->arms[i]) || !(x > 0) || isnan(y))
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

/* Ends of a logarithmic axis that holds a cost, with room for the labels at the right. */
static void find_range(const struct kvt_study *study, const struct cost *cost, double *low,
                       double *high)
{
    *low = *high = NAN;
    for (size_t i = 0; i < study->n_arms; i++) {
        double least, most;
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        kvt_arm_range(study->arms[i], cost->path, &least, &most);
        if (least > 0 && !(*low <= least * cost->scale))
            *low = least * cost->scale;
        if (most > 0 && !(*high >= most * cost->scale))
            *high = most * cost->scale;
    }
    double room = fmax(pow(*high / *low, 0.08), 1.08);
    *low /= room;
    *high *= pow(room, 1.6);
}

/* Tics at 1, 2 and 5 times the powers of ten; at the powers alone over more than three decades. */
static void cost_axis(struct kvt_buffer *out, const struct kvt_study *study,
                      const struct cost *cost)
{
    static const double steps[] = {1, 2, 5};
    double low, high;
    find_range(study, cost, &low, &high);
    size_t n_steps = high / low > 1000 ? 1 : 3;
    const char *separator = "";
    kvt_buffer_text(out, "set xrange [");
    kvt_gnuplot_number(out, low);
    kvt_buffer_text(out, " :");
    kvt_gnuplot_number(out, high);
    kvt_buffer_text(out, " ]\nset xtics nomirror (");
    for (double decade = floor(log10(low)); decade <= log10(high); decade++)
        for (size_t i = 0; i < n_steps; i++) {
            double at = steps[i] * pow(10, decade);
            if (at < low || at > high)
                continue;
            kvt_buffer_printf(out, "%s'%.6g'", separator, at);
            kvt_gnuplot_number(out, at);
            separator = ", ";
        }
    kvt_buffer_printf(out, ")\nset xlabel '%s' noenhanced\n", cost->label);
}

static void panel(struct kvt_buffer *out, const struct kvt_study *study, const char *name)
{
    size_t slot = 0;
    kvt_buffer_text(out, "plot -1 notitle");
    for (size_t b = 0; b < study->n_bins; b++)
        kvt_buffer_printf(out,
                          ", \\\n  $%s_bin_%zu using 1:2 with lines lw 1 lc rgb '#AAAAAA', \\\n"
                          "  $%s_bin_%zu using 1:2:3 with labels noenhanced left offset -0.4,0.9 "
                          "rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555'",
                          name, b, name, b);
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot);
        kvt_buffer_printf(
            out, ", \\\n  $%s_arm_%zu using 1:2 with points pt %d ps 1.3 lw 1.5 lc rgb '%s'", name,
            slot++, mark.point, mark.colour);
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
        panel(out, study, names[c]);
        left += step;
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}
