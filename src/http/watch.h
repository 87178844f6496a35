/*
 * http/watch.h: memory seen from outside while a request runs: a command's number (--mem-probe) and
 * the server's own gauge of KV use (engine.gauge).
 */
#ifndef KVT_HTTP_WATCH_H
#define KVT_HTTP_WATCH_H

#include "http/client.h"
#include "http/command.h"
#include "http/gauge.h"
#include "http/sampler.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct kvt_watch {
    struct kvt_sampler *memory, *gauge; /* NULL: not asked for */
    struct kvt_command *command;
    char *gauge_name;
    char *gauge_url;
    struct kvt_fetch_options *fetch;
    pthread_mutex_t lock;
    struct kvt_gauge_reading reading; /* the last one that found something */
    size_t n_watched;                 /* requests so far */
    bool memory_seen;                 /* the command gave a number for one of them */
};

/*
 * `command` and `gauge_name` may be NULL. `gauge_url`: where the gauge is read. The options' key,
 * credentials and certificates are used for it and must outlive the watch.
 */
void kvt_watch_open(struct kvt_watch *watch, const char *command, const char *gauge_name,
                    const char *gauge_url, const struct kvt_client_options *options,
                    const char *credentials);
/* Client hooks; `context` is the watch. They fill exchange->observed. */
void kvt_watch_before(struct kvt_exchange *exchange, void *context);
void kvt_watch_after(struct kvt_exchange *exchange, void *context);
/* Says what was to be measured and never was, so that empty members have a reason. */
void kvt_watch_tell(const struct kvt_watch *watch);
void kvt_watch_close(struct kvt_watch *watch);

#endif
