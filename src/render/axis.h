/*
 * render/axis.h: where things are in a figure: panels on the canvas, bins on the length axis,
 * shaded zones.
 */
#ifndef KVT_RENDER_AXIS_H
#define KVT_RENDER_AXIS_H

#include "render/gnuplot.h"

/*
 * A grid of small panels, three in a row, one an arm: sets the canvas's width, and the height that
 * the panels take (before kvt_key_fit); then frames the i-th panel.
 */
void kvt_grid_canvas(struct kvt_canvas *canvas, size_t n);
void kvt_grid_frame(struct kvt_buffer *out, const struct kvt_canvas *canvas, size_t index,
                    size_t n);
/* The x axis of a grid's panels: bins side by side, labelled with their mean tokens. */
void kvt_grid_axis(struct kvt_buffer *out, const struct kvt_study *study);

/*
 * The x axis: context length in tokens, logarithmic, a tick at every bin's centre; the number of
 * the bin where lengths are unknown.
 */
void kvt_gnuplot_length_axis(struct kvt_buffer *out, const struct kvt_study *study, double width);
/* Place of a bin on that axis. `slot` of `n_slots` moves it aside, so that bars do not overlap. */
double kvt_length_position(const struct kvt_study *study, size_t bin, size_t slot, size_t n_slots);
/* Borders of a bin on that axis. */
void kvt_length_borders(const struct kvt_study *study, size_t bin, double *left, double *right);

/* Shades each arm's transition zone, marks where it collapsed, and adds both to the key. */
void kvt_gnuplot_zones(struct kvt_buffer *out, struct kvt_key *key, const struct kvt_study *study);

#endif
