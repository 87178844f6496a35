#include "engine/api_server.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "engine/api_send.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 512,
    LARGE_BODY = 1 << 20,
    IDLE_SECONDS = 120, /* before a silent connection is closed */
    BODIES_AT_ONCE = 8, /* all bodies together hold at most this many times max_body */
};

struct kvt_server {
    const struct kvt_service *service;
    struct kvt_queue *queue;
    size_t max_body;
    bool verbose;
    unsigned asked_port;
    struct MHD_Daemon *daemon;
    atomic_int draining;
    atomic_size_t n_exchanges, bodies_held;
};

/* One HTTP request. */
struct exchange {
    struct kvt_server *server;
    struct kvt_buffer body;
    size_t reserved; /* of bodies_held */
    double begun;
};

static enum MHD_Result refuse(struct MHD_Connection *connection, int status, const char *type,
                              const char *message)
{
    struct kvt_api_error error;
    kvt_api_fail(&error, status, type, NULL, "%s", message);
    return kvt_send_error(connection, &error);
}

/*
 * Reads the request. A large body may grow tenfold as a tree of JSON, so such are read one at a
 * time.
 */
static int parse(const struct exchange *exchange, bool chat, struct kvt_request *request,
                 struct kvt_api_error *error)
{
    static pthread_mutex_t large_body = PTHREAD_MUTEX_INITIALIZER;
    bool large = exchange->body.length > LARGE_BODY;
    if (large)
        pthread_mutex_lock(&large_body);
    int result = kvt_request_parse(exchange->server->service, chat, exchange->body.data,
                                   exchange->body.length, request, error);
    if (large)
        pthread_mutex_unlock(&large_body);
    return result;
}

static enum MHD_Result complete(struct MHD_Connection *connection, const struct exchange *exchange,
                                bool chat)
{
    struct kvt_request request;
    struct kvt_api_error error;
    if (parse(exchange, chat, &request, &error)) {
        kvt_request_free(&request);
        return kvt_send_error(connection, &error);
    }
    bool streamed = request.stream;
    struct kvt_job *job = kvt_job_submit(exchange->server->queue, &request, &error);
    kvt_request_free(&request);
    if (!job)
        return kvt_send_error(connection, &error);
    return kvt_send_job(connection, job, streamed);
}

static enum MHD_Result chat_completions(struct MHD_Connection *connection,
                                        struct exchange *exchange)
{
    return complete(connection, exchange, true);
}

static enum MHD_Result completions(struct MHD_Connection *connection, struct exchange *exchange)
{
    return complete(connection, exchange, false);
}

static enum MHD_Result tokenize(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct kvt_buffer body = {0};
    struct kvt_api_error error;
    if (kvt_tokenize(exchange->server->service, exchange->body.data, exchange->body.length, &body,
                     &error)) {
        kvt_buffer_free(&body);
        return kvt_send_error(connection, &error);
    }
    return kvt_send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result models(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct kvt_buffer body = {0};
    kvt_reply_models(&body, exchange->server->service);
    return kvt_send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result health(struct MHD_Connection *connection, struct exchange *exchange)
{
    (void)exchange;
    struct kvt_buffer body = {0};
    kvt_buffer_text(&body, "{\"status\":\"ok\"}");
    return kvt_send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result metrics(struct MHD_Connection *connection, struct exchange *exchange)
{
    struct kvt_buffer body = {0};
    kvt_queue_metrics(exchange->server->queue, &body);
    return kvt_send_buffer(connection, MHD_HTTP_OK, &body, "text/plain; version=0.0.4");
}

static const struct endpoint {
    const char *path;
    const char *method;
    enum MHD_Result (*answer)(struct MHD_Connection *, struct exchange *);
} endpoints[] = {
    {"/v1/chat/completions", "POST", chat_completions},
    {"/chat/completions", "POST", chat_completions},
    {"/v1/completions", "POST", completions},
    {"/completions", "POST", completions},
    {"/tokenize", "POST", tokenize},
    {"/v1/models", "GET", models},
    {"/models", "GET", models},
    {"/health", "GET", health},
    {"/metrics", "GET", metrics},
};

static enum MHD_Result dispatch(struct MHD_Connection *connection, struct exchange *exchange,
                                const char *url, const char *method)
{
    bool known = false;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (strcmp(url, endpoints[i].path) != 0)
            continue;
        known = true;
        if (strcmp(method, endpoints[i].method) == 0)
            return endpoints[i].answer(connection, exchange);
    }
    if (known)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "invalid_request_error",
                      "the path does not take this method");
    return refuse(connection, MHD_HTTP_NOT_FOUND, "not_found_error",
                  "no such path; see /v1/models, /v1/chat/completions, /v1/completions, /tokenize, "
                  "/health, /metrics");
}

/* The first call for a request: its headers are there, its body is not. */
static enum MHD_Result begin(struct kvt_server *server, struct MHD_Connection *connection,
                             void **state)
{
    struct exchange *exchange = kvt_alloc_zero(1, sizeof *exchange);
    *state = exchange;
    exchange->server = server;
    exchange->begun = kvt_clock_monotonic();
    atomic_fetch_add(&server->n_exchanges, 1);
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > (unsigned long long)server->max_body)
        return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "invalid_request_error",
                      "the body is longer than --max-body allows");
    return MHD_YES;
}

/* Takes a piece of the body; MHD_NO closes the connection of a client that sends without end. */
static enum MHD_Result receive(struct exchange *exchange, const char *data, size_t *length)
{
    struct kvt_server *server = exchange->server;
    size_t held = atomic_fetch_add(&server->bodies_held, *length) + *length;
    exchange->reserved += *length;
    if (exchange->reserved > server->max_body || held > BODIES_AT_ONCE * server->max_body)
        return MHD_NO;
    kvt_buffer_append(&exchange->body, data, *length);
    *length = 0;
    return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *length, void **state)
{
    struct kvt_server *server = context;
    (void)version;
    if (!*state)
        return begin(server, connection, state);
    struct exchange *exchange = *state;
    if (*length > 0)
        return receive(exchange, data, length);
    if (atomic_load(&server->draining))
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable_error",
                      "the server is shutting down");
    if (server->verbose)
        kvt_say("%s %s %zu bytes", method, url, exchange->body.length);
    return dispatch(connection, exchange, url, method);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct kvt_server *server = context;
    (void)connection;
    struct exchange *exchange = *state;
    if (!exchange)
        return;
    if (server->verbose)
        kvt_say("done in %.3f s%s", kvt_clock_monotonic() - exchange->begun,
                code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : ", the client has gone");
    atomic_fetch_sub(&server->bodies_held, exchange->reserved);
    kvt_buffer_free(&exchange->body);
    free(exchange);
    *state = NULL;
    atomic_fetch_sub(&server->n_exchanges, 1);
}

struct kvt_server *kvt_server_open(const struct kvt_service *service, struct kvt_queue *queue,
                                   const struct kvt_server_options *options,
                                   struct kvt_error *error)
{
    const char *host = options->host;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    const struct sockaddr *address = (const struct sockaddr *)&v4;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        address = (const struct sockaddr *)&v6;
        flags |= MHD_USE_IPv6;
    } else if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                         &v4.sin_addr) != 1) {
        kvt_fail(error, KVT_USAGE, "--host %s is not an IP address", host);
        return NULL;
    }
    struct kvt_server *server = kvt_alloc_zero(1, sizeof *server);
    server->service = service;
    server->queue = queue;
    server->max_body = options->max_body;
    server->verbose = options->verbose;
    server->asked_port = options->port;
    server->daemon =
        MHD_start_daemon(flags, options->port, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR,
                         address, MHD_OPTION_NOTIFY_COMPLETED, completed, server,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (server->daemon)
        return server;
    kvt_fail(error, KVT_SYSTEM,
             "cannot listen on %s port %u: %s; is it in use? (--port 0 takes a free one)", host,
             (unsigned)options->port, strerror(errno));
    free(server);
    return NULL;
}

unsigned kvt_server_port(const struct kvt_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info && info->port ? info->port : server->asked_port;
}

void kvt_server_refuse(struct kvt_server *server)
{
    atomic_store(&server->draining, 1);
    int listener = MHD_quiesce_daemon(server->daemon);
    if (listener != -1)
        close(listener);
}

bool kvt_server_busy(struct kvt_server *server)
{
    return atomic_load(&server->n_exchanges) > 0;
}

void kvt_server_close(struct kvt_server *server)
{
    MHD_stop_daemon(server->daemon);
    free(server);
}
