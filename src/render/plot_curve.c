/* Figures of one quantity against context length, one curve an arm, one panel a quantity. */
#include "render/axis.h"
#include "render/plot.h"

#include <math.h>
#include <string.h>

/* One curve: where its numbers are in bin_stats. */
struct curve {
    const char *value, *low, *high; /* paths; low and high may be NULL */
    double scale;                   /* what the numbers are multiplied by */
    bool aside; /* arms stand side by side: intervals and equal values stay visible */
};

struct panel {
    const char *label; /* of the y axis */
    struct curve curve;
    const char *range; /* gnuplot's y range */
};

static const char *const no_stats = "the statistics (bin_stats records, by kvt-stats) have no %s";

static bool has_value(const struct kvt_arm *arm, const char *path)
{
    double low, high;
    kvt_arm_range(arm, path, &low, &high);
    return !isnan(low);
}

static bool any_value(const struct kvt_study *study, const char *path)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (kvt_arm_shown(study->arms[i]) && has_value(study->arms[i], path))
            return true;
    return false;
}

static double largest(const struct kvt_study *study, const char *path)
{
    double most = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        double low, high;
        kvt_arm_range(study->arms[i], path, &low, &high);
        if (kvt_arm_shown(study->arms[i]) && high > most)
            most = high;
    }
    return most;
}

static size_t n_shown(const struct kvt_study *study)
{
    size_t n = 0;
    for (size_t i = 0; i < study->n_arms; i++)
        n += kvt_arm_shown(study->arms[i]);
    return n;
}

/* $NAME_SLOT: position, value, low, high; a bin without a value is left out. */
static void data_block(struct kvt_buffer *out, const char *name, const struct kvt_study *study,
                       const struct kvt_arm *arm, size_t slot, const struct curve *curve)
{
    kvt_buffer_printf(out, "$%s_%zu << EOD\n", name, slot);
    for (size_t b = 0; b < study->n_bins; b++) {
        const struct kvt_cell *cell = kvt_arm_cell(arm, b);
        double value = kvt_cell_stat(cell, curve->value) * curve->scale;
        if (isnan(value))
            continue;
        double low = curve->low ? kvt_cell_stat(cell, curve->low) * curve->scale : NAN;
        double high = curve->high ? kvt_cell_stat(cell, curve->high) * curve->scale : NAN;
        kvt_gnuplot_number(out,
                           kvt_length_position(study, b, slot, curve->aside ? n_shown(study) : 1));
        kvt_gnuplot_number(out, value);
        kvt_gnuplot_number(out, isnan(low) ? value : low);
        kvt_gnuplot_number(out, isnan(high) ? value : high);
        kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out, "EOD\n");
}

static void blocks(struct kvt_buffer *out, const char *name, const struct kvt_study *study,
                   const struct curve *curve)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++)
        if (kvt_arm_shown(study->arms[i]))
            data_block(out, name, study, study->arms[i], slot++, curve);
}

/* The elements of a plot command for the curves of one block name. A block without a value is not
 * drawn: gnuplot would complain of it. */
static void elements(struct kvt_buffer *out, const char *name, const struct kvt_study *study,
                     const char *value)
{
    size_t slot = 0;
    const char *separator = "plot ";
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        if (!has_value(study->arms[i], value))
            continue;
        kvt_buffer_printf(
            out,
            "%s$%s_%zu using 1:2:3:4 with yerrorbars pt 0 lw 1.3 lc rgb '%s', "
            "\\\n  $%s_%zu using 1:2 with linespoints dashtype %d lw 1.6 pt %d ps 1.1 "
            "lc rgb '%s'",
            separator, name, slot - 1, mark.colour, name, slot - 1, mark.dash, mark.point,
            mark.colour);
        separator = ", \\\n  ";
    }
}

/* One figure with one panel, the zones shaded. */
static int single(struct kvt_buffer *out, struct kvt_canvas *canvas, const char *name,
                  const char *title, const char *remark, const struct kvt_study *study,
                  const struct panel *panel, struct kvt_error *error)
{
    if (!any_value(study, panel->curve.value))
        return kvt_fail(error, KVT_DATA, no_stats, panel->curve.value);
    struct kvt_key key = {0};
    struct kvt_buffer zones = {0};
    canvas->width = 760;
    canvas->height = remark ? 394 : 376;
    kvt_key_arms(&key, study, "linespoints");
    kvt_gnuplot_zones(&zones, &key, study);
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(out, canvas, name, title, study, remark);
    blocks(out, name, study, &panel->curve);
    kvt_key_draw(out, canvas, &key);
    kvt_gnuplot_frame(out, canvas, 78, 16, canvas->head + 14, remark ? 76 : 58);
    kvt_gnuplot_length_axis(out, study, canvas->width - 94);
    kvt_buffer_append(out, kvt_buffer_string(&zones), zones.length);
    kvt_buffer_printf(out, "set yrange [%s]\nset ylabel '%s' noenhanced offset 0.5,0\n",
                      panel->range, panel->label);
    elements(out, name, study, panel->curve.value);
    kvt_buffer_text(out, "\nunset multiplot\n");
    kvt_buffer_free(&zones);
    return 0;
}

int kvt_plot_accuracy(struct kvt_buffer *out, struct kvt_canvas *canvas,
                      const struct kvt_study *study, struct kvt_error *error)
{
    static const struct panel panel = {.label = "score (bin mean, 95% interval)",
                                       .curve = {"acc_mean", "acc_ci_low", "acc_ci_high", 1, true},
                                       .range = "-0.02:1.02"};
    return single(out, canvas, "acc", "Accuracy against context length", NULL, study, &panel,
                  error);
}

int kvt_plot_failures(struct kvt_buffer *out, struct kvt_canvas *canvas,
                      const struct kvt_study *study, struct kvt_error *error)
{
    static const struct panel panel = {
        .label = "failed answers (share, 95% interval)",
        .curve = {"fail_rate", "fail_ci_low", "fail_ci_high", 1, true},
        .range = "-0.02:1.02"};
    return single(
        out, canvas, "failrate", "Model failures against context length",
        "Abstentions, malformed, endless and empty answers; wrong answers are not failures. "
        "Infrastructure failures are not counted.",
        study, &panel, error);
}

int kvt_plot_deviation(struct kvt_buffer *out, struct kvt_canvas *canvas,
                       const struct kvt_study *study, struct kvt_error *error)
{
    static const struct panel panel = {.label = "standard deviation of the score",
                                       .curve = {"acc_std", NULL, NULL, 1, false},
                                       .range = "0:0.6"};
    return single(
        out, canvas, "std", "Spread of the score against context length",
        "For 0/1 scores the spread is arithmetic of the mean, \xe2\x88\x9a(p(1\xe2\x88\x92p)"
        "): it rises and falls with it and is no sign of instability of its own.",
        study, &panel, error);
}

/* The frame, the axes and the label of the i-th of n panels side by side. */
static void panel_axes(struct kvt_buffer *out, const struct kvt_canvas *canvas,
                       const struct kvt_study *study, const struct panel *panel, size_t i, size_t n)
{
    double step = (canvas->width - 8) / (double)n, left = step * (double)i + 76;
    double right = canvas->width - step * (double)(i + 1) + 8;
    kvt_gnuplot_frame(out, canvas, left, right, canvas->head + 14, 78);
    kvt_gnuplot_length_axis(out, study, canvas->width - left - right);
    kvt_buffer_printf(out, "set yrange [%s]\nset ylabel '%s' noenhanced offset 0.5,0\n",
                      panel->range, panel->label);
}

static void panel_canvas(struct kvt_canvas *canvas, size_t n)
{
    canvas->width = n == 1 ? 760 : n == 2 ? 960 : 1180;
    canvas->height = 386;
}

int kvt_plot_latency(struct kvt_buffer *out, struct kvt_canvas *canvas,
                     const struct kvt_study *study, struct kvt_error *error)
{
    static const struct {
        const char *what, *value, *high;
    } quantities[] = {{"whole answer", "lat_p50", "lat_p95"},
                      {"first token", "ttft_p50", "ttft_p95"},
                      {"between tokens", "itl_p50", "itl_p95"}};
    struct panel list[3];
    char labels[3][64];
    size_t n = 0;
    bool whiskers = false;
    for (size_t i = 0; i < 3; i++) {
        double most = largest(study, quantities[i].value);
        if (!(most > 0))
            continue;
        bool milli = most < 1;
        snprintf(labels[n], sizeof labels[n], "%s (%s, median)", quantities[i].what,
                 milli ? "ms" : "s");
        list[n] = (struct panel){
            .label = labels[n],
            .curve = {quantities[i].value, NULL, quantities[i].high, milli ? 1000 : 1, false},
            .range = "0:*"};
        whiskers = whiskers || any_value(study, quantities[i].high);
        n++;
    }
    if (n == 0)
        return kvt_fail(error, KVT_DATA, no_stats, "lat_p50");
    struct kvt_key key = {0};
    panel_canvas(canvas, n);
    kvt_key_arms(&key, study, "linespoints");
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(out, canvas, "latency", "Latency against context length", study,
                      whiskers ? "Whiskers reach to the 95th percentile." : NULL);
    for (size_t i = 0; i < n; i++) {
        char block[32];
        snprintf(block, sizeof block, "latency%zu", i);
        blocks(out, block, study, &list[i].curve);
    }
    kvt_key_draw(out, canvas, &key);
    for (size_t i = 0; i < n; i++) {
        char block[32];
        snprintf(block, sizeof block, "latency%zu", i);
        panel_axes(out, canvas, study, &list[i], i, n);
        elements(out, block, study, list[i].curve.value);
        kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}

/* The share of the cache that each fraction promises, as dotted lines. */
static void promised_shares(struct kvt_buffer *out, const struct kvt_study *study)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        if (!kvt_arm_shown(arm))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        if (arm->tokens || !(arm->budget > 0) || arm->budget > 1)
            continue;
        kvt_buffer_text(out, "set arrow from graph 0,first");
        kvt_gnuplot_number(out, arm->budget);
        kvt_buffer_text(out, " to graph 1,first");
        kvt_gnuplot_number(out, arm->budget);
        kvt_buffer_printf(out, " nohead back dashtype 3 lw 1.2 lc rgb '%s'\n", mark.colour);
    }
}

/* Peak bytes: dotted and open, in the same colours. */
static void peak_elements(struct kvt_buffer *out, const struct kvt_study *study)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        if (study->arms[i]->reference || !has_value(study->arms[i], "kv_peak_bytes_p50"))
            continue; /* the full cache holds what it held at its peak */
        kvt_buffer_printf(out,
                          ", \\\n  $peak_%zu using 1:2 with linespoints dashtype 3 lw 1.2 pt %d ps "
                          "1.7 lc rgb '%s'",
                          slot - 1, mark.point % 2 ? mark.point - 1 : mark.point, mark.colour);
    }
}

int kvt_plot_memory(struct kvt_buffer *out, struct kvt_canvas *canvas,
                    const struct kvt_study *study, struct kvt_error *error)
{
    const double mib = 1.0 / (1024 * 1024);
    bool cache = any_value(study, "kv_bytes_p50"), share = any_value(study, "kept_ratio_p50");
    const char *held = cache ? "kv_bytes_p50" : "mem_p50";
    if (!any_value(study, held))
        return kvt_fail(error, KVT_DATA, no_stats, "kv_bytes_p50 or mem_p50");
    bool peak = cache && any_value(study, "kv_peak_bytes_p50");
    struct panel list[2] = {
        {.label = cache ? "KV cache per request (MiB, median)" : "memory (MiB, median)",
         .curve = {held, NULL, NULL, mib, false},
         .range = "0:*"},
        {.label = "share of the entries kept (median)",
         .curve = {"kept_ratio_p50", NULL, NULL, 1, false},
         .range = largest(study, "kept_ratio_p50") > 1.05 ? "0:*" : "0:1.05"}};
    size_t n = share ? 2 : 1;
    struct kvt_key key = {0};
    panel_canvas(canvas, n);
    kvt_key_arms(&key, study, "linespoints");
    if (peak)
        kvt_key_add(&key, "linespoints dashtype 3 lw 1.2 pt 6 ps 1.5 lc rgb '#555555'",
                    "open marks: peak of the request");
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(
        out, canvas, "memory",
        cache ? "KV cache against context length" : "Memory against context length", study,
        share ? "Left: held after compression, and the peak. Right: kept entries over "
                "prompt tokens, as the server counts them; dotted: the budget asked for."
              : NULL);
    blocks(out, "memory0", study, &list[0].curve);
    if (peak)
        blocks(out, "peak", study, &(struct curve){"kv_peak_bytes_p50", NULL, NULL, mib, true});
    if (share)
        blocks(out, "memory1", study, &list[1].curve);
    kvt_key_draw(out, canvas, &key);
    panel_axes(out, canvas, study, &list[0], 0, n);
    elements(out, "memory0", study, list[0].curve.value);
    if (peak)
        peak_elements(out, study);
    kvt_buffer_byte(out, '\n');
    if (share) {
        panel_axes(out, canvas, study, &list[1], 1, n);
        promised_shares(out, study);
        elements(out, "memory1", study, list[1].curve.value);
        kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}
