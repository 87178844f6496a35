#include "render/phrase.h"

#include "render/gnuplot.h"

#include <math.h>
#include <string.h>

/* One row per headline of kvt-transition. */
static const struct {
    const char *verdict, *name, *meaning;
} verdicts[] = {
    {"transition_zone", "transition zone",
     "Failures rise while the scores still hold, and the scores collapse at longer contexts"},
    {"abrupt_collapse", "abrupt collapse", "The score collapses within a short range of lengths"},
    {"safe_within", "safe",
     "At every length the loss stays within the margin, as far as the data reach"},
    {"failing", "failing",
     "The model fails visibly (abstentions, malformed or endless answers) more often "
     "than with the full cache"},
    {"silent_loss", "silent loss",
     "Right answers turn into wrong ones that look like any other answer; failures do not account "
     "for it"},
    {"degraded", "degraded", "Answers are lost; how much of it shows as failures is not settled"},
    {"inconclusive", "inconclusive",
     "Too few pairs to confirm a loss or to rule one out: this is not a clean bill"},
    {"no_reference", "no reference", "There is no full-cache run to compare with"},
};

const char *kvt_phrase_verdict(const char *verdict)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdict, verdicts[i].verdict) == 0)
            return verdicts[i].name;
    return verdict;
}

const char *kvt_phrase_meaning(const char *verdict)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdict, verdicts[i].verdict) == 0)
            return verdicts[i].meaning;
    return "";
}

static const struct {
    const char *code, *meaning;
} warnings[] = {
    {"few_pairs", "some bins hold too few pairs to support a claim"},
    {"budget_unproven", "nothing shows that the budget was applied to every request"},
    {"budget_contradicted", "the server's own count contradicts the budget for some requests"},
    {"latency_contaminated", "latencies include retries, waiting or prefix-cache hits"},
    {"prompt_truncated",
     "the server counted far fewer prompt tokens than some entries have: it may have cut them "
     "without a word, and their bin is then not their length"},
    {"prompt_longer", "the server counted far more prompt tokens than some entries have: another "
                      "template or tokenizer than the one the bins were made with"},
    {"missing_rows", "some entries were not answered in both runs"},
    {"duplicate_requests", "some requests came more than once; one of each counts"},
    {"unequal_repeats", "entries were not repeated equally often"},
    {"kept_within_window",
     "the cache kept no more than the observation window: the policy chose nothing"},
    {"noop_suspected",
     "answers equal the full cache's too often: the budget may not have been applied"},
    {"failures_unobservable", "some kinds of failure cannot be seen in these records"},
    {"baseline_floor", "the full cache itself scores nothing in some bins"},
    {"no_control", "no second full-cache run: the noise floor is not measured here"},
    {"infrastructure_failures", "some requests failed for reasons that are not the model's"},
    {"reference_guessed", "no run is marked as the reference; the largest budget was taken for it"},
    {"no_lengths", "prompt lengths are unknown"},
};

const char *kvt_phrase_warning(const char *code)
{
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++)
        if (strcmp(code, warnings[i].code) == 0)
            return warnings[i].meaning;
    return code;
}

/* Halves go away from zero, as in the verdicts' sentences, so that both say the same. */
void kvt_phrase_points(struct kvt_buffer *out, double share)
{
    double points = round(share * 1000) / 10 + 0.0; /* no "-0" */
    if (!isfinite(points))
        kvt_buffer_text(out, "?");
    else
        kvt_buffer_printf(out, points == floor(points) ? "%.0f" : "%.1f", points);
}

double kvt_phrase_bound(double bound)
{
    return ceil(bound * 1000 - 1e-9) / 1000;
}

void kvt_phrase_amount(struct kvt_buffer *out, double share)
{
    kvt_phrase_points(out, share);
    kvt_buffer_text(out, round(share * 1000) == 10 ? " point" : " points");
}

void kvt_phrase_seconds(struct kvt_buffer *out, double seconds)
{
    if (!isfinite(seconds))
        kvt_buffer_text(out, "?");
    else if (seconds < 1)
        kvt_buffer_printf(out, "%.3g ms", 1000 * seconds);
    else
        kvt_buffer_printf(out, "%.*f s", seconds < 10 ? 2 : seconds < 100 ? 1 : 0, seconds);
}

void kvt_phrase_bytes(struct kvt_buffer *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    if (!isfinite(bytes)) {
        kvt_buffer_text(out, "?");
        return;
    }
    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    kvt_buffer_printf(out, "%.3g %s", bytes, units[unit]);
}

void kvt_phrase_bin(struct kvt_buffer *out, const struct kvt_study *study, size_t bin)
{
    if (study->has_lengths && bin < study->n_bins) {
        char length[32];
        kvt_grouped_number(study->bins[bin].centre, length);
        kvt_buffer_printf(out,
                          study->own_lengths ? "a length of about %s (bin %zu)"
                                             : "about %s tokens (bin %zu)",
                          length, bin + 1);
    } else {
        kvt_buffer_printf(out, "bin %zu", bin + 1);
    }
}

/* The bin after the run of set bins that begins at `first`. */
static size_t run_end(const bool *set, size_t n, size_t first)
{
    while (first < n && set[first])
        first++;
    return first;
}

static size_t next_set(const bool *set, size_t n, size_t from)
{
    while (from < n && !set[from])
        from++;
    return from;
}

void kvt_phrase_bins(struct kvt_buffer *out, const bool *set, size_t n)
{
    size_t count = 0;
    for (size_t b = 0; b < n; b++)
        count += set[b];
    if (count == 0) {
        kvt_buffer_text(out, "no bin");
        return;
    }
    kvt_buffer_text(out, count == 1 ? "bin " : "bins ");
    for (size_t first = next_set(set, n, 0); first < n;) {
        size_t end = run_end(set, n, first), next = next_set(set, n, end);
        kvt_buffer_printf(out, "%zu", first + 1);
        if (end - first == 2)
            kvt_buffer_printf(out, next < n ? ", %zu" : " and %zu", end);
        else if (end - first > 2)
            kvt_buffer_printf(out, " to %zu", end);
        if (next < n)
            kvt_buffer_text(out,
                            run_end(set, n, next) < n && next_set(set, n, run_end(set, n, next)) < n
                                ? ", "
                                : " and ");
        first = next;
    }
}

void kvt_phrase_safe(struct kvt_buffer *out, const struct kvt_arm *arm)
{
    const char *verdict = kvt_json_text(arm->transition, "verdict", "");
    double safe = kvt_json_number(arm->transition, "safe_within", NAN);
    double alpha = kvt_json_number(arm->transition, "rationale.alpha", 0.05);
    if (isnan(safe))
        return;
    if (strcmp(verdict, "safe_within") == 0)
        kvt_buffer_text(out, "It loses at most ");
    else if (strcmp(verdict, "inconclusive") == 0)
        kvt_buffer_text(out, "The data do not rule out a loss of up to ");
    else
        return; /* a bound on a loss that is there says nothing worth a sentence */
    kvt_phrase_amount(out, kvt_phrase_bound(safe));
    kvt_buffer_printf(out, " at any length tested (%.10g%% confidence).", 100 * (1 - alpha));
}

void kvt_phrase_proof(struct kvt_buffer *out, const struct kvt_arm *arm)
{
    size_t counts[KVT_PROOF_COUNT], total = kvt_arm_proof(arm, counts);
    double low, high;
    const char *separator = "";
    if (total == 0) {
        kvt_buffer_text(out, "no evidence recorded");
        return;
    }
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        kvt_buffer_printf(out, "%s%zu of %zu %s", separator, counts[i], total, kvt_proof_names[i]);
        separator = ", ";
    }
    kvt_arm_range(arm, "kept_ratio_p50", &low, &high);
    if (isnan(low))
        return;
    kvt_buffer_printf(out, high - low < 0.0005 ? "; kept share %.3f" : "; kept share %.3f to %.3f",
                      low, high);
}

struct kvt_noise kvt_noise_floor(const struct kvt_study *study)
{
    struct kvt_noise noise = {0};
    const struct kvt_arm *control = kvt_study_control(study);
    for (size_t b = 0; control && b < control->n_cells; b++) {
        const struct kvt_cell *cell = &control->cells[b];
        double n = kvt_cell_pair(cell, "n_pairs"), changed = kvt_cell_pair(cell, "churn.n_changed");
        if (!(n > 0) || isnan(changed))
            continue;
        noise.known = noise.scores_known = true;
        noise.n += n;
        noise.changed += changed;
        noise.texts += kvt_cell_pair(cell, "churn.n_text_changed");
        noise.lower += kvt_cell_pair(cell, "loss.n10");
        noise.higher += kvt_cell_pair(cell, "loss.n01");
    }
    if (noise.known) {
        noise.entries = kvt_arm_sum(kvt_study_reference(study), "n_entries");
        return noise;
    }
    noise.texts = NAN;
    /* Without the control's own records, each compressed run carries the floor of its bins. */
    for (size_t i = 0; i < study->n_arms && !noise.known; i++)
        for (size_t b = 0; b < study->arms[i]->n_cells; b++) {
            const struct kvt_cell *cell = &study->arms[i]->cells[b];
            double n = kvt_cell_pair(cell, "churn.floor_n");
            if (!(n > 0))
                continue;
            noise.known = true;
            noise.n += n;
            noise.changed += kvt_cell_pair(cell, "churn.floor_changed");
        }
    return noise;
}

void kvt_phrase_noise(struct kvt_buffer *out, const struct kvt_study *study)
{
    struct kvt_noise noise = kvt_noise_floor(study);
    if (!noise.known) {
        kvt_buffer_text(out, kvt_study_reference(study) ? "not measured (one full-cache run)"
                                                        : "not measured (no full-cache run)");
        return;
    }
    kvt_phrase_points(out, (isnan(noise.texts) ? noise.changed : noise.texts) / noise.n);
    kvt_buffer_printf(out, "%% of the %s", isnan(noise.texts) ? "answers" : "texts");
    if (noise.scores_known) {
        kvt_buffer_text(out, " and ");
        kvt_phrase_points(out, (noise.lower + noise.higher) / noise.n);
        kvt_buffer_text(out, "% of the scores");
    }
    kvt_buffer_printf(out, " differ between identical full-cache runs (%.0f", noise.n);
    if (noise.entries > noise.n)
        kvt_buffer_printf(out, " of %.0f", noise.entries);
    kvt_buffer_printf(out, " entries asked twice)");
}
