#include "render/plot.h"

#include "render/escape.h"

#include <string.h>

const struct kvt_plot kvt_plots[] = {
    {"acc", "acc_vs_len", "mean score against context length, with 95% intervals",
     kvt_plot_accuracy},
    {"outcomes", "outcomes", "what became of every request, per budget and length bin",
     kvt_plot_outcomes},
    {"paired", "paired", "answers lost and gained against the full cache, per length bin",
     kvt_plot_paired},
    {"failrate", "failrate_vs_len", "model failures against context length, with 95% intervals",
     kvt_plot_failures},
    {"std", "std_vs_len", "standard deviation of the score against context length",
     kvt_plot_deviation},
    {"latency", "latency_vs_len", "latency against context length", kvt_plot_latency},
    {"memory", "memory", "KV cache held and share kept against context length", kvt_plot_memory},
    {"tradeoff", "tradeoff", "score against KV cache held and against latency", kvt_plot_tradeoff},
    {0},
};

const struct kvt_plot *kvt_plot_find(const char *name)
{
    for (const struct kvt_plot *plot = kvt_plots; plot->name; plot++)
        if (strcmp(plot->name, name) == 0)
            return plot;
    return NULL;
}

static bool has_statistics(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        for (size_t b = 0; b < study->arms[i]->n_cells; b++)
            if (study->arms[i]->cells[b].stats)
                return true;
    return false;
}

static void draw_reason(struct kvt_buffer *out, const struct kvt_plot *plot,
                        struct kvt_canvas *canvas, const struct kvt_study *study,
                        const char *reason)
{
    struct kvt_key key = {0};
    canvas->width = 760;
    canvas->height = 180;
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(out, canvas, plot->name, "Nothing to draw", study, NULL);
    kvt_buffer_text(out, "set label 3 ");
    kvt_escape_gnuplot(out, reason, 100);
    kvt_buffer_text(out, " at screen 0.5,screen 0.4 center noenhanced font 'DejaVu Sans,9.5'\n");
    kvt_key_draw(out, canvas, &key);
    kvt_buffer_text(out, "unset multiplot\n");
}

int kvt_plot_draw(struct kvt_buffer *out, const struct kvt_plot *plot, struct kvt_canvas *canvas,
                  const struct kvt_study *study, bool *missing, struct kvt_error *error)
{
    *missing = plot->write(out, canvas, study, error) != 0;
    if (!*missing)
        return 0;
    if (!has_statistics(study))
        return -1;
    kvt_buffer_clear(out);
    draw_reason(out, plot, canvas, study, error->text);
    return 0;
}
