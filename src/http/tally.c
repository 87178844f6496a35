#include "http/tally.h"

#include "core/memory.h"
#include "http/failure.h"
#include "stream/scan.h"

#include <stdlib.h>
#include <string.h>

void kvt_tally_open(struct kvt_tally *tally, size_t n_runs)
{
    tally->run_done = kvt_alloc_zero(n_runs, sizeof *tally->run_done);
    tally->run_failed = kvt_alloc_zero(n_runs, sizeof *tally->run_failed);
}

void kvt_tally_close(struct kvt_tally *tally)
{
    free(tally->run_done);
    free(tally->run_failed);
}

static void count_failure(struct kvt_tally *tally, const char *type)
{
    if (strcmp(type, KVT_TIMEOUT) == 0)
        tally->timeout++;
    else if (strcmp(type, KVT_RATE_LIMITED) == 0)
        tally->rate_limited++;
    else if (strcmp(type, KVT_STREAM_CUT) == 0)
        tally->stream_cut++;
    else if (strcmp(type, KVT_CONTEXT_OVERFLOW) == 0)
        tally->overflow++;
    else
        tally->engine_error++;
    tally->failed++;
}

void kvt_tally_record(struct kvt_tally *tally, size_t run, const struct kvt_buffer *record)
{
    struct kvt_member error, type, telemetry, flags, kv, applied;
    tally->run_done[run]++;
    if (kvt_scan_find(record->data, record->length, "error", &error) && error.value[0] == '{' &&
        kvt_scan_find(error.value, error.value_length, "type", &type) && type.value_length > 2) {
        char *text = kvt_strndup(type.value + 1, type.value_length - 2);
        count_failure(tally, text);
        free(text);
        tally->run_failed[run]++;
    }
    if (!kvt_scan_find(record->data, record->length, "telemetry", &telemetry))
        return;
    if (kvt_scan_find(telemetry.value, telemetry.value_length, "flags", &flags) &&
        flags.value_length > 2)
        tally->flagged++;
    if (kvt_scan_find(telemetry.value, telemetry.value_length, "kv", &kv) &&
        kvt_scan_find(kv.value, kv.value_length, "applied", &applied) &&
        strncmp(applied.value, "\"contradicted\"", 14) == 0)
        tally->contradicted++;
}

void kvt_tally_failures(const struct kvt_tally *tally, struct kvt_buffer *out)
{
    const struct {
        size_t n;
        const char *name;
    } counts[] = {{tally->timeout, KVT_TIMEOUT},
                  {tally->rate_limited, KVT_RATE_LIMITED},
                  {tally->engine_error, KVT_ENGINE_ERROR},
                  {tally->stream_cut, KVT_STREAM_CUT},
                  {tally->overflow, KVT_CONTEXT_OVERFLOW}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].n)
            kvt_buffer_printf(out, "%s%zu %s", out->length ? ", " : "", counts[i].n,
                              counts[i].name);
}
