/* Sections of the report on evidence and cost: proof of budget, latency and memory. */
#include "render/escape.h"
#include "render/phrase.h"
#include "render/report.h"

#include <math.h>
#include <string.h>

static void proof_row(struct kvt_report *report, const struct kvt_arm *arm)
{
    struct kvt_buffer *out = report->out;
    size_t counts[KVT_PROOF_COUNT], total = kvt_arm_proof(arm, counts);
    double low, high;
    kvt_buffer_text(out, "| ");
    kvt_escape_markdown(out, arm->label, 40);
    kvt_buffer_printf(out, " | %zu |", total);
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++)
        kvt_buffer_printf(out, " %zu |", counts[i]);
    if (arm->tokens)
        kvt_buffer_printf(out, " %.10g tokens |", arm->budget);
    else if (isnan(arm->budget))
        kvt_buffer_text(out, " ? |");
    else
        kvt_buffer_printf(out, " %.3f |", arm->reference ? 1 : arm->budget);
    kvt_arm_range(arm, "kept_ratio_p50", &low, &high);
    if (isnan(low))
        kvt_buffer_text(out, " not reported |\n");
    else
        kvt_buffer_printf(out, " %.3f to %.3f |\n", low, high);
}

static void preflight_lines(struct kvt_report *report)
{
    const json_t *preflight = report->results->preflight;
    const char *text = kvt_json_text(preflight, "text", "");
    if (!*text)
        return;
    kvt_buffer_text(report->out, "Preflight: ");
    kvt_escape_markdown(report->out, text, 600);
    kvt_buffer_text(report->out, ".\n\n");
}

/* Without a second run, the preflight's few repeated questions are all there is. */
static void noise_lines(struct kvt_report *report)
{
    const json_t *preflight = report->results->preflight;
    double asked = kvt_json_number(preflight, "entries", NAN);
    double changed = kvt_json_number(preflight, "aa_changed", NAN);
    kvt_buffer_text(report->out, "Noise floor: ");
    kvt_phrase_noise(report->out, report->study);
    if (!kvt_noise_floor(report->study).known && asked > 0 && changed >= 0)
        kvt_buffer_printf(
            report->out,
            "; the preflight asked %.0f entries twice at full cache, and %.0f answers "
            "differed",
            asked, changed);
    kvt_buffer_text(report->out, ".\n\n");
}

/* One row per flag: its counts per bin, shortest first, and their sum, for each budget. */
static void flag_rows(struct kvt_report *report, const char *flag, const char *meaning)
{
    struct kvt_buffer *out = report->out;
    char path[48];
    snprintf(path, sizeof path, "flags.%s", flag);
    kvt_buffer_printf(out, "| %s |", meaning);
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        if (!kvt_arm_shown(arm))
            continue;
        for (size_t b = 0; b < report->study->n_bins; b++) {
            double n = kvt_cell_stat(kvt_arm_cell(arm, b), path);
            kvt_buffer_printf(out, " %s%.0f", b ? "\xc2\xb7 " : "", n > 0 ? n : 0);
        }
        kvt_buffer_printf(out, " = %.0f |", kvt_arm_sum(arm, path));
    }
    kvt_buffer_byte(out, '\n');
}

/* Requests that do not measure what they seem to (kvt-stream(5), telemetry.flags). */
static void flag_lines(struct kvt_report *report)
{
    static const struct {
        const char *flag, *meaning, *remedy;
    } rows[] = {
        {"prefix_cached", "prompt taken from a prefix cache",
         "Their latencies are left out of the ratios. Switch the server's prefix cache off, or ask "
         "with --bust-prefix-cache."},
        {"retried", "asked more than once", "Their latencies are left out of the ratios."},
        {"prompt_truncated", "prompt shorter than the entry",
         "The server may have cut them without a word: their scores do not belong to the length of "
         "their bin. Raise the server's context size."},
        {"prompt_longer", "prompt longer than the entry",
         "Another chat template or tokenizer than the one the bins were made with."},
    };
    enum { N = sizeof rows / sizeof *rows };
    struct kvt_buffer *out = report->out;
    double counts[N] = {0}, total = 0, measured = 0, cache_known = 0;
    for (size_t i = 0; i < report->study->n_arms; i++) {
        const struct kvt_arm *arm = report->study->arms[i];
        if (!kvt_arm_shown(arm))
            continue;
        for (size_t b = 0; b < arm->n_cells; b++)
            if (kvt_json_get(arm->cells[b].stats, "n_cache_known"))
                measured += fmax(0, kvt_cell_stat(&arm->cells[b], "n_latency"));
        cache_known += kvt_arm_sum(arm, "n_cache_known");
        for (size_t r = 0; r < N; r++) {
            char path[48];
            snprintf(path, sizeof path, "flags.%s", rows[r].flag);
            double n = kvt_arm_sum(arm, path);
            counts[r] += n;
            total += n;
        }
    }
    if (!(measured > 0)) /* imported answers: nobody watched the requests */
        return;
    const char *unseen = cache_known > 0
                             ? ""
                             : " The server says nothing of a prefix cache, so its hits "
                               "cannot be seen here.";
    if (!(total > 0)) {
        kvt_buffer_printf(out, "Contamination: no request is flagged.%s\n\n", unseen);
        return;
    }
    kvt_buffer_text(out,
                    "Contamination: **some requests do not measure what they seem to.** Counts "
                    "per bin, shortest first, and their sum.");
    kvt_buffer_printf(out, "%s\n\n", unseen);
    kvt_report_arm_header(report, "flag");
    for (size_t r = 0; r < N; r++)
        if (counts[r] > 0)
            flag_rows(report, rows[r].flag, rows[r].meaning);
    kvt_buffer_byte(out, '\n');
    for (size_t r = 0; r < N; r++)
        if (counts[r] > 0)
            kvt_buffer_printf(out, "- %.0f requests, %s. %s\n", counts[r], rows[r].meaning,
                              rows[r].remedy);
    kvt_buffer_byte(out, '\n');
}

void kvt_report_proof(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_text(out, "## Was the budget applied?\n\n| budget | requests |");
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++)
        kvt_buffer_printf(out, " %s |", kvt_proof_names[i]);
    kvt_buffer_text(out, " asked for | share kept (bin medians) |\n|---|---:|");
    for (size_t i = 0; i < KVT_PROOF_COUNT + 2; i++)
        kvt_buffer_text(out, "---:|");
    kvt_buffer_byte(out, '\n');
    for (size_t i = 0; i < report->study->n_arms; i++)
        proof_row(report, report->study->arms[i]);
    kvt_buffer_text(
        out, "\n*Proven*: the server's own count of cache entries matches the budget, and starving "
             "the cache changed the model's behaviour in a preflight probe. *Reported*: the count "
             "alone. *Behavioural*: the probe alone. *Unproven*: neither; the figures may then "
             "describe a full cache.\n\n");
    preflight_lines(report);
    noise_lines(report);
    flag_lines(report);
}

/* " 212 ms (p95 240 ms) |" */
static void seconds_cell(struct kvt_buffer *out, double median, double high)
{
    kvt_buffer_byte(out, ' ');
    kvt_phrase_seconds(out, median);
    if (!isnan(high)) {
        kvt_buffer_text(out, " (");
        kvt_phrase_seconds(out, high);
        kvt_buffer_byte(out, ')');
    }
    kvt_buffer_text(out, " |");
}

static bool known(const struct kvt_report *report, const char *path)
{
    for (size_t i = 0; i < report->study->n_arms; i++) {
        double low, high;
        kvt_arm_range(report->study->arms[i], path, &low, &high);
        if (!isnan(low))
            return true;
    }
    return false;
}

static void time_table(struct kvt_report *report, const char *what, const char *median,
                       const char *high)
{
    if (!known(report, median))
        return;
    kvt_buffer_printf(report->out, "%s, median (95th percentile from 60 values on):\n\n", what);
    kvt_report_arm_header(report, "bin");
    for (size_t b = 0; b < report->study->n_bins; b++) {
        kvt_report_bin(report, b);
        for (size_t i = 0; i < report->study->n_arms; i++) {
            const struct kvt_cell *cell = kvt_arm_cell(report->study->arms[i], b);
            if (kvt_arm_shown(report->study->arms[i]))
                seconds_cell(report->out, kvt_cell_stat(cell, median), kvt_cell_stat(cell, high));
        }
        kvt_buffer_byte(report->out, '\n');
    }
    kvt_buffer_byte(report->out, '\n');
}

static void cache_table(struct kvt_report *report)
{
    struct kvt_buffer *out = report->out;
    kvt_buffer_text(out, "KV cache of a request, median: held after compression / peak:\n\n");
    kvt_report_arm_header(report, "bin");
    for (size_t b = 0; b < report->study->n_bins; b++) {
        kvt_report_bin(report, b);
        for (size_t i = 0; i < report->study->n_arms; i++) {
            const struct kvt_cell *cell = kvt_arm_cell(report->study->arms[i], b);
            if (!kvt_arm_shown(report->study->arms[i]))
                continue;
            kvt_buffer_byte(out, ' ');
            kvt_phrase_bytes(out, kvt_cell_stat(cell, "kv_bytes_p50"));
            kvt_buffer_text(out, " / ");
            kvt_phrase_bytes(out, kvt_cell_stat(cell, "kv_peak_bytes_p50"));
            kvt_buffer_text(out, " |");
        }
        kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out,
                    "\nThe peak decides whether a request fits: a prompt is prefilled whole before "
                    "it is compressed.\n\n");
}

bool kvt_report_has_costs(const struct kvt_report *report)
{
    static const char *const names[] = {"lat_p50", "ttft_p50",     "itl_p50",
                                        "mem_p95", "kv_bytes_p50", "kept_ratio_p50"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (known(report, names[i]))
            return true;
    return false;
}

void kvt_report_costs(struct kvt_report *report)
{
    kvt_buffer_text(report->out, "## Latency and memory\n\n");
    if (!kvt_report_has_costs(report)) {
        kvt_buffer_text(report->out, "The records hold neither latencies nor memory figures.\n\n");
        return;
    }
    kvt_report_figure(report, "latency");
    time_table(report, "Whole answer", "lat_p50", "lat_p95");
    time_table(report, "First token", "ttft_p50", "ttft_p95");
    time_table(report, "Between tokens", "itl_p50", "itl_p95");
    kvt_report_figure(report, "memory");
    if (known(report, "kv_bytes_p50"))
        cache_table(report);
    const char *source = kvt_study_text(report->study, "mem_source");
    if (source) {
        kvt_buffer_text(report->out, "Source of the memory figures: ");
        kvt_escape_markdown(report->out, source, 40);
        kvt_buffer_text(report->out, ".\n\n");
    }
    kvt_report_figure(report, "tradeoff");
}
