/*
 * render/plot.h: the figures by name. Adding one: a function of this form in a file of its own and
 * a row in plot.c.
 */
#ifndef KVT_RENDER_PLOT_H
#define KVT_RENDER_PLOT_H

#include "core/error.h"
#include "render/gnuplot.h"

/* Appends the whole program. Returns 0, or -1 when the stream lacks what the figure shows. */
typedef int (*kvt_plot_writer)(struct kvt_buffer *out, struct kvt_canvas *canvas,
                               const struct kvt_study *study, struct kvt_error *error);

struct kvt_plot {
    const char *name;    /* of the artefact: "acc" */
    const char *file;    /* of the picture, without its extension: "acc_vs_len" */
    const char *caption; /* one line, for the report and for --help */
    kvt_plot_writer write;
};

/* All figures in the order of the report; ends with a NULL name. */
extern const struct kvt_plot kvt_plots[];
const struct kvt_plot *kvt_plot_find(const char *name);

/*
 * The figure's program. A stream with statistics but without what this figure shows (a server that
 * reports no memory) gives a picture that says so, and *missing the reason; a stream without
 * statistics is an error.
 */
int kvt_plot_draw(struct kvt_buffer *out, const struct kvt_plot *plot, struct kvt_canvas *canvas,
                  const struct kvt_study *study, bool *missing, struct kvt_error *error);

/* plot_curve.c: one quantity against length, one curve an arm */
int kvt_plot_accuracy(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                      struct kvt_error *);
int kvt_plot_deviation(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                       struct kvt_error *);
int kvt_plot_failures(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                      struct kvt_error *);
int kvt_plot_latency(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                     struct kvt_error *);
int kvt_plot_memory(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                    struct kvt_error *);
/* plot_outcome.c, plot_paired.c, plot_tradeoff.c */
int kvt_plot_outcomes(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                      struct kvt_error *);
int kvt_plot_paired(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                    struct kvt_error *);
int kvt_plot_tradeoff(struct kvt_buffer *, struct kvt_canvas *, const struct kvt_study *,
                      struct kvt_error *);

#endif
