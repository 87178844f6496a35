/*
 * render/gnuplot.h: the parts every figure is made of. A figure is one gnuplot program that holds
 * its data; the caller chooses terminal and output:
 *
 *     kvt-render plot acc stream.jsonl | gnuplot -e "format='svg'; output_file='acc.svg'" -
 *
 * Only two ways lead from a stream into a program: numbers in data blocks, and text through
 * kvt_escape_gnuplot. Nothing else may be printed from a record.
 */
#ifndef KVT_RENDER_GNUPLOT_H
#define KVT_RENDER_GNUPLOT_H

#include "core/buffer.h"
#include "render/results.h"

#include <stddef.h>

/* Longest text from a stream in a figure, in characters. */
enum { KVT_TEXT_LIMIT = 48 };

/* Sizes are in points of a 1:1 screen; the PNG is drawn at twice that. */
struct kvt_canvas {
    const char *format; /* png, svg or pdf: the default of the program's variable `format` */
    const char *output; /* default of `output_file`; "" is standard output */
    int width, height;
    int head; /* what title, study and key take at the top; set by kvt_key_fit */
};

/* The key of a figure, in rows under its title. Zero-initialise it; kvt_key_draw releases it. */
struct kvt_key {
    struct kvt_buffer entries; /* ", keyentry ..." */
    size_t n, widest;          /* entries, and characters of the longest */
};
/* Adds an entry: `with` is gnuplot's style, `text` is escaped here. */
void kvt_key_add(struct kvt_key *key, const char *with, const char *text);
/* An entry per shown arm; `with` is "linespoints" or "points". */
void kvt_key_arms(struct kvt_key *key, const struct kvt_study *study, const char *with);
/* Sets canvas->head from the key's size; canvas->width must be set, canvas->height grows by it. */
void kvt_key_fit(const struct kvt_key *key, struct kvt_canvas *canvas);
/* Begins the multiplot with title, remark and key, which are drawn once, here. */
void kvt_key_draw(struct kvt_buffer *out, const struct kvt_canvas *canvas, struct kvt_key *key);

/* Colour and mark of the i-th shown arm of a study; the reference is 0. */
struct kvt_mark {
    const char *colour;
    int point; /* gnuplot point type, the same in png, svg and pdf */
    int dash;
};
struct kvt_mark kvt_mark_of(size_t index);

/* Terminal, output, fonts, grid. `title` is our own text; the study is named below it. */
void kvt_gnuplot_begin(struct kvt_buffer *out, const struct kvt_canvas *canvas, const char *name,
                       const char *title, const struct kvt_study *study, const char *remark);

/* The next plot's axes leave this much of the canvas free at each side (points). */
void kvt_gnuplot_frame(struct kvt_buffer *out, const struct kvt_canvas *canvas, double left,
                       double right, double top, double bottom);

/* Name of an arm, quoted: 'budget 0.2', 'full cache'. */
void kvt_gnuplot_arm(struct kvt_buffer *out, const struct kvt_arm *arm);
/* A number of a data block, a space before it; NaN where unknown. */
void kvt_gnuplot_number(struct kvt_buffer *out, double value);
/* "2,411" */
void kvt_grouped_number(double value, char text[32]);

#endif
