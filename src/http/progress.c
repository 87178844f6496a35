#include "http/progress.h"

#include "core/clock.h"
#include "core/error.h"
#include "stream/number.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void kvt_progress_open(struct kvt_progress *progress)
{
    *progress =
        (struct kvt_progress){.on = isatty(STDERR_FILENO) != 0, .start = kvt_clock_monotonic()};
}

static void add_runs(struct kvt_buffer *out, const struct kvt_grid *grid,
                     const struct kvt_tally *tally, size_t entries)
{
    for (size_t i = 0; i < grid->n_runs; i++) {
        const struct kvt_run *run = &grid->runs[i];
        char budget[KVT_NUMBER_SIZE];
        kvt_number_format(run->budget, budget);
        kvt_buffer_printf(out, "  %s%s %zu", run->reference ? "full" : budget,
                          run->replicate == 'b' ? "(b)" : "", tally->run_done[i]);
        if (!run->sample) /* how many a sample has is known at the end */
            kvt_buffer_printf(out, "/%zu", entries * (size_t)grid->repeats);
    }
}

void kvt_progress_show(struct kvt_progress *progress, const struct kvt_grid *grid,
                       const struct kvt_tally *tally, size_t entries)
{
    if (!progress->on)
        return;
    double now = kvt_clock_monotonic();
    if (now < progress->next)
        return;
    progress->next = now + 0.2;
    struct kvt_buffer line = {0}, failures = {0};
    add_runs(&line, grid, tally, entries);
    double elapsed = now - progress->start;
    if (tally->asked && elapsed > 0) {
        double rate = (double)tally->asked / elapsed;
        size_t all = 0, done = tally->missing;
        for (size_t i = 0; i < grid->n_runs; i++) {
            if (grid->runs[i].sample)
                continue;
            all += entries * (size_t)grid->repeats;
            done += tally->run_done[i];
        }
        kvt_buffer_printf(&line, "  %.3g/s", rate);
        if (all > done)
            kvt_buffer_printf(&line, ", %.0f s left", (double)(all - done) / rate);
    }
    kvt_tally_failures(tally, &failures);
    if (failures.length)
        kvt_buffer_printf(&line, "  failed: %s", failures.data);
    kvt_status_draw(kvt_buffer_string(&line));
    kvt_buffer_free(&line);
    kvt_buffer_free(&failures);
}

void kvt_progress_summary(struct kvt_progress *progress, const struct kvt_grid *grid,
                          const struct kvt_tally *tally, size_t entries)
{
    struct kvt_buffer line = {0}, failures = {0};
    size_t sampled = 0, repeated = 0;
    for (size_t i = 0; i < grid->n_runs; i++) {
        sampled += grid->runs[i].sample > 0;
        repeated += grid->runs[i].sample > 0 ? tally->run_done[i] : 0;
    }
    kvt_buffer_printf(&line, "%zu entries at %zu runs", entries, grid->n_runs - sampled);
    if (sampled)
        kvt_buffer_printf(&line, ", %zu of them twice", repeated / (size_t)grid->repeats);
    kvt_buffer_printf(&line, ": %zu asked, %zu from the journal", tally->asked, tally->replayed);
    kvt_tally_failures(tally, &failures);
    if (failures.length)
        kvt_buffer_printf(&line, ", failed: %s", failures.data);
    if (tally->missing)
        kvt_buffer_printf(&line, ", %zu not in the journal", tally->missing);
    if (tally->flagged)
        kvt_buffer_printf(&line, ", %zu flagged", tally->flagged);
    if (tally->contradicted)
        kvt_buffer_printf(&line, ", %zu whose budget was NOT applied", tally->contradicted);
    struct rusage used = {0};
    getrusage(RUSAGE_SELF, &used); /* ru_maxrss is in KiB on Linux */
    kvt_say("%s; %.1f s, %ld MiB", line.data, kvt_clock_monotonic() - progress->start,
            used.ru_maxrss / 1024);
    kvt_buffer_free(&line);
    kvt_buffer_free(&failures);
}
