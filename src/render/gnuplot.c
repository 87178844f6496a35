#include "render/gnuplot.h"

#include "core/option.h"
#include "render/escape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The reference is black; then Okabe & Ito's palette, darkest first. No two neighbours share a
 * mark. */
static const struct kvt_mark marks[] = {
    {"#000000", 7, 1},  {"#0072B2", 5, 1}, {"#D55E00", 9, 1}, {"#009E73", 13, 1},
    {"#CC79A7", 11, 1}, {"#E69F00", 4, 1}, {"#56B4E9", 8, 1}, {"#7F7F7F", 12, 1},
};

struct kvt_mark kvt_mark_of(size_t index)
{
    size_t n = sizeof marks / sizeof *marks;
    struct kvt_mark mark = marks[index % n];
    mark.dash = 1 + (int)((index / n) % 4);
    return mark;
}

void kvt_gnuplot_number(struct kvt_buffer *out, double value)
{
    kvt_buffer_byte(out, ' ');
    if (isfinite(
            value)) /* more digits than a picture shows, fewer than libraries of maths differ in */
        kvt_buffer_printf(out, "%.9g", value);
    else
        kvt_buffer_text(out, "NaN");
}

void kvt_grouped_number(double value, char text[32])
{
    char digits[32];
    if (!(fabs(value) < 1e15)) {
        snprintf(text, 32, "?");
        return;
    }
    int n = snprintf(digits, sizeof digits, "%.0f", value), used = 0;
    for (int i = 0; i < n; i++) {
        text[used++] = digits[i];
        if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
            text[used++] = ',';
    }
    text[used] = '\0';
}

static void name_arm(struct kvt_buffer *text, const struct kvt_arm *arm)
{
    kvt_buffer_printf(text, "%s%s", arm->reference ? "" : "budget ", arm->label);
}

void kvt_gnuplot_arm(struct kvt_buffer *out, const struct kvt_arm *arm)
{
    struct kvt_buffer text = {0};
    name_arm(&text, arm);
    kvt_escape_gnuplot(out, kvt_buffer_string(&text), KVT_TEXT_LIMIT);
    kvt_buffer_free(&text);
}

/* "recall · snapkv, compressed after the question · task recall · n = 40 per bin" */
static void describe_study(struct kvt_buffer *out, const struct kvt_study *study)
{
    struct kvt_buffer text = {0};
    const char *after = NULL;
    double low = NAN, high = NAN;
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        double least, most;
        if (!kvt_arm_shown(arm)) /* a second full-cache run may be a sample */
            continue;
        if (!arm->reference && !after)
            after = kvt_json_text(arm->run, "kv.compress_after", NULL);
        kvt_arm_range(arm, "n", &least, &most);
        low = isnan(low) || least < low ? least : low;
        high = isnan(high) || most > high ? most : high;
    }
    kvt_escape_plain(&text, study->model[0] ? study->model : "unnamed model", KVT_TEXT_LIMIT);
    kvt_buffer_text(&text, " \xc2\xb7 ");
    kvt_escape_plain(&text, study->policy[0] ? study->policy : "unnamed policy", KVT_TEXT_LIMIT);
    if (after) {
        kvt_buffer_text(&text, ", compressed after the ");
        kvt_escape_plain(&text, after, KVT_TEXT_LIMIT);
    }
    if (study->task[0]) {
        kvt_buffer_text(&text, " \xc2\xb7 task ");
        kvt_escape_plain(&text, study->task, KVT_TEXT_LIMIT);
    }
    if (low >= 0 && low == high)
        kvt_buffer_printf(&text, " \xc2\xb7 n = %.0f per bin and budget", low);
    else if (low >= 0)
        kvt_buffer_printf(&text, " \xc2\xb7 n = %.0f\xe2\x80\x93%.0f per bin and budget", low,
                          high);
    kvt_escape_gnuplot(out, kvt_buffer_string(&text), 0);
    kvt_buffer_free(&text);
}

void kvt_gnuplot_begin(struct kvt_buffer *out, const struct kvt_canvas *canvas, const char *name,
                       const char *title, const struct kvt_study *study, const char *remark)
{
    kvt_buffer_printf(
        out,
        "# Figure \"%s\", made by kvt-render %s: a gnuplot program with its data inside.\n"
        "# Variables: format (png, svg or pdf), output_file (empty: standard output):\n"
        "#     gnuplot -e \"format='svg'; output_file='%s.svg'\" THIS_FILE\n",
        name, KVT_VERSION, name);
    kvt_buffer_text(out, "if (!exists('format')) format = ");
    kvt_escape_gnuplot(out, canvas->format, 0);
    kvt_buffer_text(out, "\nif (!exists('output_file')) output_file = ");
    kvt_escape_gnuplot(out, canvas->output, 0);
    kvt_buffer_text(out, "\nset encoding utf8\n");
    kvt_buffer_printf(
        out,
        "if (format eq 'png') { set terminal pngcairo noenhanced size %d,%d font "
        "'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }\n",
        2 * canvas->width, 2 * canvas->height);
    kvt_buffer_printf(out,
                      "if (format eq 'svg') { set terminal svg noenhanced size %d,%d font "
                      "'DejaVu Sans,11' background 'white' }\n",
                      canvas->width, canvas->height);
    kvt_buffer_printf(out,
                      "if (format eq 'pdf') { set terminal pdfcairo noenhanced size %.2fin,%.2fin "
                      "font 'DejaVu Sans,11' }\n",
                      canvas->width / 96.0, canvas->height / 96.0);
    kvt_buffer_text(out, "if (strlen(output_file)) { set output output_file }\n"
                         "set datafile missing 'NaN'\n"
                         "set style fill solid 1.0 noborder\n"
                         "set label 1 ");
    kvt_escape_gnuplot(out, title, 0);
    kvt_buffer_printf(out,
                      " at screen %.4f,screen %.4f left noenhanced font 'DejaVu Sans,14'\n"
                      "set label 2 ",
                      12.0 / canvas->width, 1 - 22.0 / canvas->height);
    describe_study(out, study);
    kvt_buffer_printf(out,
                      " at screen %.4f,screen %.4f left noenhanced font 'DejaVu Sans,9.5' "
                      "textcolor rgb '#555555'\n",
                      12.0 / canvas->width, 1 - 45.0 / canvas->height);
    if (remark) {
        kvt_buffer_text(out, "set label 3 ");
        kvt_escape_gnuplot(out, remark, 0);
        kvt_buffer_printf(out,
                          " at screen %.4f,screen %.4f left noenhanced font 'DejaVu Sans,8.5' "
                          "textcolor rgb '#555555'\n",
                          12.0 / canvas->width, 11.0 / canvas->height);
    }
}

void kvt_gnuplot_frame(struct kvt_buffer *out, const struct kvt_canvas *canvas, double left,
                       double right, double top, double bottom)
{
    double width = canvas->width, height = canvas->height;
    kvt_buffer_printf(out,
                      "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                      "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                      left / width, 1 - right / width, 1 - top / height, bottom / height);
}

void kvt_key_add(struct kvt_key *key, const char *with, const char *text)
{
    size_t before = key->entries.length;
    kvt_buffer_printf(&key->entries, ", \\\n  keyentry with %s title ", with);
    size_t start = key->entries.length;
    kvt_escape_gnuplot(&key->entries, text, KVT_TEXT_LIMIT);
    size_t width = key->entries.length - start; /* bytes: never less than characters */
    kvt_buffer_text(&key->entries, " noenhanced");
    key->n += key->entries.length > before;
    if (width > key->widest)
        key->widest = width;
}

void kvt_key_arms(struct kvt_key *key, const struct kvt_study *study, const char *with)
{
    size_t slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        struct kvt_mark mark = kvt_mark_of(slot++);
        struct kvt_buffer text = {0};
        char style[128];
        snprintf(style, sizeof style, "%s dashtype %d lw 1.6 pt %d ps 1.1 lc rgb '%s'", with,
                 mark.dash, mark.point, mark.colour);
        name_arm(&text, study->arms[i]);
        kvt_key_add(key, style, kvt_buffer_string(&text));
        kvt_buffer_free(&text);
    }
}

enum { KEY_TOP = 58, KEY_ROW = 17, KEY_ROWS = 60, KEY_SAMPLE = 52 };

/* Columns that fit the canvas, as gnuplot measures a key of 10-point text. */
static size_t key_columns(const struct kvt_key *key, const struct kvt_canvas *canvas)
{
    double columns = (canvas->width - 16) / (KEY_SAMPLE + 8.7 * (double)key->widest);
    return columns < 1 ? 1 : (size_t)columns;
}

void kvt_key_fit(const struct kvt_key *key, struct kvt_canvas *canvas)
{
    size_t columns = key_columns(key, canvas), rows = (key->n + columns - 1) / columns;
    if (rows > KEY_ROWS)
        rows = KEY_ROWS; /* more budgets than colours: the key is cut by the figure */
    canvas->head = KEY_TOP + KEY_ROW * (int)rows;
    canvas->height += canvas->head;
}

void kvt_key_draw(struct kvt_buffer *out, const struct kvt_canvas *canvas, struct kvt_key *key)
{
    kvt_gnuplot_frame(out, canvas, 4, 4, 4, 4);
    kvt_buffer_printf(
        out,
        "set multiplot\nunset border\nunset tics\nunset grid\n"
        "set key at screen %.4f,screen %.4f left top horizontal maxcols %zu Left reverse "
        "noenhanced samplen 2 width 1 font 'DejaVu Sans,10'\n"
        "plot [0:1] [0:1] -1 notitle%s\n"
        "unset key\nunset label 1\nunset label 2\nunset label 3\n"
        "set border 3 lc rgb '#444444' lw 0.8\n"
        "set xtics nomirror out scale 0.6 textcolor rgb '#222222'\n"
        "set ytics nomirror out scale 0.6 textcolor rgb '#222222'\n"
        "set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7\n",
        8.0 / canvas->width, 1 - (double)KEY_TOP / canvas->height, key_columns(key, canvas),
        kvt_buffer_string(&key->entries));
    kvt_buffer_free(&key->entries);
}
