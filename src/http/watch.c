#include "http/watch.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/redact.h"
#include "http/fetch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double MEMORY_INTERVAL_S = 0.1, GAUGE_INTERVAL_S = 0.02;

/* Reads the gauge once; also the probe of the sampler's thread. */
static double scrape(void *context)
{
    struct kvt_watch *watch = context;
    struct kvt_buffer text = {0};
    struct kvt_error ignored;
    struct kvt_gauge_reading reading = {.value = NAN};
    if (kvt_fetch(watch->gauge_url, watch->fetch, &text, &ignored) == 200)
        kvt_gauge_read(&reading, kvt_buffer_string(&text), text.length, watch->gauge_name);
    kvt_buffer_free(&text);
    if (reading.name) {
        pthread_mutex_lock(&watch->lock);
        watch->reading = reading;
        pthread_mutex_unlock(&watch->lock);
    }
    return reading.value;
}

void kvt_watch_open(struct kvt_watch *watch, const char *command, const char *gauge_name,
                    const char *gauge_url, const struct kvt_client_options *options,
                    const char *credentials)
{
    *watch = (struct kvt_watch){.reading = {.value = NAN}};
    pthread_mutex_init(&watch->lock, NULL);
    if (command) {
        watch->command = kvt_command_new(command);
        watch->memory =
            kvt_sampler_open(kvt_command_run, kvt_command_end, watch->command, MEMORY_INTERVAL_S);
    }
    if (gauge_name) {
        watch->gauge_name = kvt_strdup(gauge_name);
        watch->gauge_url = kvt_strdup(gauge_url);
        watch->fetch = kvt_alloc_zero(1, sizeof *watch->fetch);
        *watch->fetch = (struct kvt_fetch_options){.api_key = options->api_key,
                                                   .cacert = options->cacert,
                                                   .credentials = credentials,
                                                   .timeout_s = 5};
        watch->gauge = kvt_sampler_open(scrape, NULL, watch, GAUGE_INTERVAL_S);
    }
}

void kvt_watch_before(struct kvt_exchange *exchange, void *context)
{
    struct kvt_watch *watch = context;
    if (watch->gauge) {
        /* Nothing else is under way (the gauge asks for concurrency 1), so waiting disturbs no one.
         */
        exchange->observed.gauge_before = scrape(watch);
        kvt_sampler_begin(watch->gauge);
    }
    if (watch->memory)
        kvt_sampler_begin(watch->memory);
}

void kvt_watch_after(struct kvt_exchange *exchange, void *context)
{
    struct kvt_watch *watch = context;
    watch->n_watched++;
    if (watch->gauge) {
        struct kvt_samples samples =
            kvt_sampler_between(watch->gauge, exchange->start, exchange->end);
        exchange->observed.gauge_last = samples.last;
        exchange->observed.gauge_peak = samples.largest;
        kvt_sampler_end(watch->gauge);
    }
    if (watch->memory) {
        exchange->observed.peak_mem_mb =
            kvt_sampler_between(watch->memory, exchange->start, exchange->end).largest;
        watch->memory_seen |= !isnan(exchange->observed.peak_mem_mb);
        kvt_sampler_end(watch->memory);
    }
}

void kvt_watch_tell(const struct kvt_watch *watch)
{
    if (watch->n_watched == 0)
        return;
    if (watch->gauge && !watch->reading.name) {
        struct kvt_buffer shown = {0};
        kvt_redact_url(watch->gauge_url, &shown);
        kvt_say("engine.gauge: no gauge %s was found at %s, so no bytes were measured",
                strcmp(watch->gauge_name, "auto") == 0 ? "that is known" : watch->gauge_name,
                kvt_buffer_string(&shown));
        kvt_buffer_free(&shown);
    }
    if (watch->memory && !watch->memory_seen)
        kvt_say("--mem-probe: the command never ended well with a number while a request ran");
}

void kvt_watch_close(struct kvt_watch *watch)
{
    kvt_sampler_close(watch->memory);
    kvt_sampler_close(watch->gauge);
    pthread_mutex_destroy(&watch->lock);
    kvt_command_free(watch->command);
    free(watch->gauge_name);
    free(watch->gauge_url);
    free(watch->fetch);
    *watch = (struct kvt_watch){0};
}
