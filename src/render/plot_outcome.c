/* The figure of outcomes: stacked bars, a panel an arm, a bar a bin. */
#include "render/axis.h"
#include "render/plot.h"

#include <math.h>

/* Requests asked in a bin: the most any arm of the study has there. */
static size_t asked(const struct kvt_study *study, size_t bin)
{
    size_t most = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], bin);
        if (cell && cell->n_responses > most)
            most = cell->n_responses;
    }
    return most;
}

static bool arm_has(const struct kvt_arm *arm, size_t outcome)
{
    for (size_t b = 0; b < arm->n_cells; b++)
        if (arm->cells[b].outcomes[outcome])
            return true;
    return false;
}

static bool outcome_seen(const struct kvt_study *study, size_t outcome)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (kvt_arm_shown(study->arms[i]) && arm_has(study->arms[i], outcome))
            return true;
    return false;
}

/* $SLOT_OUTCOME: bin, low, high of its piece of the bar; and its percentage where there is room. */
static void data_blocks(struct kvt_buffer *out, const struct kvt_study *study,
                        const struct kvt_arm *arm, size_t slot)
{
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++) {
        if (!arm_has(arm, o))
            continue;
        kvt_buffer_printf(out, "$outcomes_%zu_%zu << EOD\n", slot, o);
        for (size_t b = 0; b < study->n_bins; b++) {
            const struct kvt_cell *cell = kvt_arm_cell(arm, b);
            size_t n = asked(study, b), below = 0;
            if (!cell || n == 0 || cell->outcomes[o] == 0)
                continue;
            for (size_t lower = 0; lower < o; lower++)
                below += cell->outcomes[lower];
            double low = (double)below / (double)n;
            double share = (double)cell->outcomes[o] / (double)n;
            kvt_buffer_printf(out, "%zu", b + 1);
            kvt_gnuplot_number(out, low);
            kvt_gnuplot_number(out, low + share);
            if (share >= 0.06)
                kvt_buffer_printf(out, " %.0f\n", 100 * share);
            else
                kvt_buffer_text(out, " \"\"\n");
        }
        kvt_buffer_text(out, "EOD\n");
    }
}

/* A bracket over the transition zone, above the bars. */
static void bracket(struct kvt_buffer *out, const struct kvt_study *study,
                    const struct kvt_arm *arm)
{
    long long first = kvt_json_integer(arm->transition, "transition_bin_start", -1);
    long long last = kvt_json_integer(arm->transition, "transition_bin_end", -1);
    kvt_buffer_text(out, "unset arrow\nunset label 5\n");
    if (first < 0 || last < first || (size_t)last >= study->n_bins)
        return;
    kvt_buffer_printf(out,
                      "set arrow from %lld.58,1.035 to %lld.42,1.035 nohead lw 2 lc rgb '#444444'\n"
                      "set label 5 'transition zone' at %.2f,1.08 center noenhanced font "
                      "'DejaVu Sans,9'\n",
                      first, last + 1, (double)(first + last) / 2 + 1);
}

static void panel(struct kvt_buffer *out, const struct kvt_study *study, const struct kvt_arm *arm,
                  size_t slot)
{
    bracket(out, study, arm);
    kvt_buffer_text(out, "set label 4 ");
    kvt_gnuplot_arm(out, arm);
    kvt_buffer_text(out, " at graph 0.5,graph 1.06 center noenhanced font 'DejaVu Sans,12'\n");
    kvt_buffer_text(out, "plot -1 notitle");
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++) {
        const struct kvt_outcome_style *style = &kvt_outcome_styles[o];
        if (!arm_has(arm, o))
            continue;
        kvt_buffer_printf(
            out,
            ", \\\n  $outcomes_%zu_%zu using 1:2:($1-0.4):($1+0.4):2:3 with boxxyerror "
            "fc rgb '%s' fillstyle solid 1 noborder, \\\n"
            "  $outcomes_%zu_%zu using 1:(($2+$3)/2):4 with labels noenhanced font "
            "'DejaVu Sans,9' tc rgb '%s'",
            slot, o, style->colour, slot, o, style->ink);
    }
    kvt_buffer_byte(out, '\n');
}

static void key_entries(struct kvt_key *key, const struct kvt_study *study)
{
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++) {
        char with[96];
        snprintf(with, sizeof with, "boxes fillstyle solid 1 noborder lc rgb '%s'",
                 kvt_outcome_styles[o].colour);
        if (outcome_seen(study, o))
            kvt_key_add(key, with, kvt_outcome_styles[o].label);
    }
}

static bool any_missing(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        for (size_t b = 0; b < study->n_bins && kvt_arm_shown(study->arms[i]); b++) {
            const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], b);
            if ((cell ? cell->n_responses : 0) < asked(study, b))
                return true;
        }
    return false;
}

int kvt_plot_outcomes(struct kvt_buffer *out, struct kvt_canvas *canvas,
                      const struct kvt_study *study, struct kvt_error *error)
{
    size_t n = 0, slot = 0;
    bool seen = false;
    for (size_t o = 0; o < KVT_OUTCOME_COUNT; o++)
        seen = seen || outcome_seen(study, o);
    for (size_t i = 0; i < study->n_arms; i++)
        n += kvt_arm_shown(study->arms[i]);
    if (!seen || n == 0)
        return kvt_fail(error, KVT_DATA,
                        "the stream has no scored responses (kvt-score scores them)");
    struct kvt_key key = {0};
    key_entries(&key, study);
    kvt_grid_canvas(canvas, n);
    kvt_key_fit(&key, canvas);
    kvt_gnuplot_begin(out, canvas, "outcomes", "What became of the requests", study,
                      any_missing(study) ? "Numbers are percentages of the requests asked in the "
                                           "bin; white: no record."
                                         : "Numbers are percentages of the requests in the bin.");
    for (size_t i = 0; i < study->n_arms; i++)
        if (kvt_arm_shown(study->arms[i]))
            data_blocks(out, study, study->arms[i], slot++);
    kvt_key_draw(out, canvas, &key);
    kvt_buffer_text(out,
                    "set yrange [0:1.12]\nset ytics nomirror 0,0.2,1\nset border 2\nunset grid\n");
    slot = 0;
    for (size_t i = 0; i < study->n_arms; i++) {
        if (!kvt_arm_shown(study->arms[i]))
            continue;
        kvt_grid_frame(out, canvas, slot, n);
        kvt_grid_axis(out, study);
        kvt_buffer_printf(out, "set ylabel '%s' noenhanced\n",
                          slot % 3 ? "" : "share of the requests");
        panel(out, study, study->arms[i], slot++);
    }
    kvt_buffer_text(out, "unset multiplot\n");
    return 0;
}
