/*
 * engine/api_server.h: the OpenAI-compatible API over HTTP (libmicrohttpd): requests in, jobs to
 * the queue, answers out.
 *
 * Every connection has a thread that parses its request and waits; one thread owns the engine
 * (engine/api_queue.h). A client that goes away is noticed while it is waited for, and its job
 * ends.
 */
#ifndef KVT_ENGINE_API_SERVER_H
#define KVT_ENGINE_API_SERVER_H

#include "core/error.h"
#include "engine/api_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_server; /* opaque */

struct kvt_server_options {
    const char *host; /* address to listen on, IPv4 or IPv6, or localhost */
    uint16_t port;    /* 0: a free one */
    size_t max_body;  /* bytes of the longest body; all together hold a few times that */
    bool verbose;     /* a line on standard error for each request */
};

/*
 * Listens, and answers from then on, by threads of its own. Service and queue are borrowed and
 * outlive the server. NULL and *error: KVT_USAGE when the host is no address, KVT_SYSTEM when it
 * cannot be listened on.
 */
struct kvt_server *kvt_server_open(const struct kvt_service *service, struct kvt_queue *queue,
                                   const struct kvt_server_options *options,
                                   struct kvt_error *error);
/* The port it listens on. */
unsigned kvt_server_port(const struct kvt_server *server);
/* From now on connections are refused, and requests on those that stand are answered by 503. */
void kvt_server_refuse(struct kvt_server *server);
/* Is a request under way? */
bool kvt_server_busy(struct kvt_server *server);
/* Ends the threads, after kvt_queue_stop and before kvt_queue_close: they release their jobs. */
void kvt_server_close(struct kvt_server *server);

#endif
