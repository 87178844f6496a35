/*
 * kvt-serve: the embedded engine behind an OpenAI-compatible HTTP API.
 *
 * In:     HTTP requests; a GGUF model. Out: answers, with usage.kv_cache read from the KV cache.
 * Memory: the model, and for each request in work the cache entries it holds (bounded by
 * --parallel,
 *         --context and --kv-limit); bodies are bounded by --max-body.
 *
 * Every connection has a thread that parses its request and waits; one thread owns the engine
 * (engine/api_queue.h). A client that goes away is noticed while it is waited for, and its job
 * ends.
 */
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "engine/api_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS = 512,
    LARGE_BODY = 1 << 20,
    IDLE_SECONDS = 120, /* before a silent connection is closed */
    BODIES_AT_ONCE = 8, /* all bodies together hold at most this many times --max-body */
};
static const double look_again = 0.05; /* seconds between looks whether the client is still there */

static const char *model_path, *host = "127.0.0.1", *alias;
static int die_with_parent;
static long port = 8080, ready_fd = -1, threads, parallel = 4, queue_length = 1024, context_length;
static long max_body = 16L << 20, kv_limit;
static int verbose;

static const struct kvt_option options[] = {
    {KVT_OPTION_TEXT, 'm', "model", &model_path, "FILE",
     "GGUF model (llama or qwen2; F32, F16, BF16, Q8_0, Q4_0)", 0},
    {KVT_OPTION_TEXT, 0, "host", &host, "ADDRESS", "address to listen on [127.0.0.1]", 0},
    {KVT_OPTION_INTEGER, 'p', "port", &port, "N", "port; 0 takes a free one [8080]", 0},
    {KVT_OPTION_FLAG, 0, "die-with-parent", &die_with_parent, 0,
     "drain and stop when the process that started this one is gone", 0},
    {KVT_OPTION_INTEGER, 0, "ready-fd", &ready_fd, "N",
     "write the port and a newline to this descriptor when listening", 0},
    {KVT_OPTION_TEXT, 0, "alias", &alias, "NAME", "model name in answers [the file's name]", 0},
    {KVT_OPTION_INTEGER, 0, "threads", &threads, "N",
     "threads of the engine [one for each processor]", 0},
    {KVT_OPTION_INTEGER, 0, "parallel", &parallel, "N", "requests worked on at a time [4]", 0},
    {KVT_OPTION_INTEGER, 0, "queue", &queue_length, "N",
     "requests that may wait before others get 503 [1024]", 0},
    {KVT_OPTION_INTEGER, 0, "context", &context_length, "N",
     "tokens of a request, prompt and answer [the model's]", 0},
    {KVT_OPTION_INTEGER, 0, "max-body", &max_body, "BYTES", "longest request body [16777216]", 0},
    {KVT_OPTION_INTEGER, 0, "kv-limit", &kv_limit, "BYTES",
     "KV caches of all requests together; 0: no limit [0]", 0},
    {KVT_OPTION_FLAG, 0, "verbose", &verbose, 0, "one line on stderr for each request", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-serve --model FILE.gguf [options]",
    "Answers /v1/chat/completions, /v1/completions, /v1/models, /tokenize, /health and /metrics.\n"
    "Requests may carry kv_policy, kv_budget or kv_capacity, kv_window, kv_kernel and\n"
    "kv_compress_after; answers say in usage.kv_cache what the KV cache then held.",
    "  kvt-serve --model examples/recall/recall.gguf --port 8080", options};

/* One HTTP request. */
struct exchange {
    struct kvt_buffer body;
    size_t reserved; /* of bodies_held */
    double begun;
    const char *url;
};

/* A streamed answer. */
struct stream {
    struct kvt_job *job;
    int client;
    size_t n_sent;
    bool first_sent, last_sent;
    struct kvt_buffer out;
    size_t out_at;
};

static struct kvt_service service;
static struct kvt_queue *queue;
static atomic_int draining;
static atomic_size_t n_exchanges, bodies_held;

static enum MHD_Result send_buffer(struct MHD_Connection *connection, unsigned status,
                                   struct kvt_buffer *body, const char *type)
{
    size_t length = body->length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, kvt_buffer_take(body), MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_error(struct MHD_Connection *connection,
                                  const struct kvt_api_error *error)
{
    struct kvt_buffer body = {0};
    kvt_reply_error(&body, error);
    return send_buffer(connection, (unsigned)error->status, &body, "application/json");
}

static enum MHD_Result refuse(struct MHD_Connection *connection, int status, const char *type,
                              const char *message)
{
    struct kvt_api_error error;
    kvt_api_fail(&error, status, type, NULL, "%s", message);
    return send_error(connection, &error);
}

static int client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* The client has closed its end, or the connection is broken. */
static bool client_gone(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Waits for more than `seen` pieces or the end; false when the client has gone. */
static bool wait_for(struct kvt_job *job, int client, size_t seen)
{
    while (!kvt_job_wait(job, seen, look_again))
        if (client_gone(client))
            return false;
    return true;
}

/* Turns what is new in the job into events. */
static void collect_events(struct stream *stream)
{
    struct kvt_job_view view;
    kvt_job_lock(stream->job, &view);
    if (!stream->first_sent) {
        kvt_reply_first(&stream->out, &view);
        stream->first_sent = true;
    }
    while (stream->n_sent < view.n_pieces)
        kvt_reply_piece(&stream->out, &view, stream->n_sent++);
    if (view.outcome) {
        kvt_reply_last(&stream->out, &view);
        stream->last_sent = true;
    }
    kvt_job_unlock(stream->job);
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t size)
{
    (void)position;
    struct stream *stream = context;
    if (stream->out_at == stream->out.length) {
        if (stream->last_sent)
            return MHD_CONTENT_READER_END_OF_STREAM;
        kvt_buffer_clear(&stream->out);
        stream->out_at = 0;
        if (!wait_for(stream->job, stream->client, stream->n_sent))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        collect_events(stream);
    }
    size_t left = stream->out.length - stream->out_at, n = left < size ? left : size;
    memcpy(to, stream->out.data + stream->out_at, n);
    stream->out_at += n;
    return (ssize_t)n;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    kvt_job_release(stream->job);
    kvt_buffer_free(&stream->out);
    free(stream);
}

static enum MHD_Result send_stream(struct MHD_Connection *connection, struct kvt_job *job)
{
    struct stream *stream = kvt_alloc_zero(1, sizeof *stream);
    stream->job = job;
    stream->client = client_of(connection);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 16384, read_stream, stream, free_stream);
    if (!response) {
        free_stream(stream);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_whole(struct MHD_Connection *connection, struct kvt_job *job)
{
    struct kvt_job_view view;
    struct kvt_buffer body = {0};
    if (!wait_for(job, client_of(connection), SIZE_MAX - 1)) {
        kvt_job_release(job);
        return MHD_NO;
    }
    unsigned status = MHD_HTTP_OK;
    kvt_job_lock(job, &view);
    if (view.outcome->finish_reason) {
        kvt_reply_whole(&body, &view);
    } else {
        status = (unsigned)view.outcome->error.status;
        kvt_reply_error(&body, &view.outcome->error);
    }
    kvt_job_unlock(job);
    kvt_job_release(job);
    return send_buffer(connection, status, &body, "application/json");
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
    int result = kvt_request_parse(&service, chat, exchange->body.data, exchange->body.length,
                                   request, error);
    if (large)
        pthread_mutex_unlock(&large_body);
    return result;
}

/*
 * A completion. The status line waits for the first token, so that what fails before it has an HTTP
 * status of its own, in streams too.
 */
static enum MHD_Result complete(struct MHD_Connection *connection, const struct exchange *exchange,
                                bool chat)
{
    struct kvt_request request;
    struct kvt_api_error error;
    if (parse(exchange, chat, &request, &error)) {
        kvt_request_free(&request);
        return send_error(connection, &error);
    }
    bool streamed = request.stream;
    struct kvt_job *job = kvt_job_submit(queue, &request, &error);
    kvt_request_free(&request);
    if (!job)
        return send_error(connection, &error);
    if (!wait_for(job, client_of(connection), 0)) {
        kvt_job_release(job);
        return MHD_NO;
    }
    struct kvt_job_view view;
    kvt_job_lock(job, &view);
    bool failed = view.outcome && !view.outcome->finish_reason;
    kvt_job_unlock(job);
    return streamed && !failed ? send_stream(connection, job) : send_whole(connection, job);
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
    if (kvt_tokenize(&service, exchange->body.data, exchange->body.length, &body, &error)) {
        kvt_buffer_free(&body);
        return send_error(connection, &error);
    }
    return send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result models(struct MHD_Connection *connection, struct exchange *exchange)
{
    (void)exchange;
    struct kvt_buffer body = {0};
    kvt_reply_models(&body, &service);
    return send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result health(struct MHD_Connection *connection, struct exchange *exchange)
{
    (void)exchange;
    struct kvt_buffer body = {0};
    kvt_buffer_text(&body, "{\"status\":\"ok\"}");
    return send_buffer(connection, MHD_HTTP_OK, &body, "application/json");
}

static enum MHD_Result metrics(struct MHD_Connection *connection, struct exchange *exchange)
{
    (void)exchange;
    struct kvt_buffer body = {0};
    kvt_queue_metrics(queue, &body);
    return send_buffer(connection, MHD_HTTP_OK, &body, "text/plain; version=0.0.4");
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
static enum MHD_Result begin(struct MHD_Connection *connection, void **state)
{
    struct exchange *exchange = kvt_alloc_zero(1, sizeof *exchange);
    *state = exchange;
    exchange->begun = kvt_clock_monotonic();
    atomic_fetch_add(&n_exchanges, 1);
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > (unsigned long long)max_body)
        return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "invalid_request_error",
                      "the body is longer than --max-body allows");
    return MHD_YES;
}

/* Takes a piece of the body; MHD_NO closes the connection of a client that sends without end. */
static enum MHD_Result receive(struct exchange *exchange, const char *data, size_t *length)
{
    size_t held = atomic_fetch_add(&bodies_held, *length) + *length;
    exchange->reserved += *length;
    if (exchange->reserved > (size_t)max_body || held > BODIES_AT_ONCE * (size_t)max_body)
        return MHD_NO;
    kvt_buffer_append(&exchange->body, data, *length);
    *length = 0;
    return MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *length, void **state)
{
    (void)context;
    (void)version;
    if (!*state)
        return begin(connection, state);
    struct exchange *exchange = *state;
    if (*length > 0)
        return receive(exchange, data, length);
    if (atomic_load(&draining))
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable_error",
                      "the server is shutting down");
    if (verbose)
        kvt_say("%s %s %zu bytes", method, url, exchange->body.length);
    return dispatch(connection, exchange, url, method);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    struct exchange *exchange = *state;
    if (!exchange)
        return;
    if (verbose)
        kvt_say("done in %.3f s%s", kvt_clock_monotonic() - exchange->begun,
                code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : ", the client has gone");
    atomic_fetch_sub(&bodies_held, exchange->reserved);
    kvt_buffer_free(&exchange->body);
    free(exchange);
    *state = NULL;
    atomic_fetch_sub(&n_exchanges, 1);
}

/* "models/recall.gguf" -> "recall". */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".gguf") == 0)
        length -= 5;
    return kvt_strndup(base, length);
}

static void check_options(const struct kvt_arguments *arguments)
{
    static const struct {
        const char *name;
        const long *value;
        long lowest, highest;
    } bounds[] = {
        {"port", &port, 0, 65535},
        {"threads", &threads, 0, 256},
        {"parallel", &parallel, 1, 1024},
        {"queue", &queue_length, 1, 1000000},
        {"context", &context_length, 0, 1L << 24},
        {"max-body", &max_body, 1024, 1L << 32},
        {"kv-limit", &kv_limit, 0, LONG_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (*bounds[i].value < bounds[i].lowest || *bounds[i].value > bounds[i].highest)
            kvt_die(KVT_USAGE, "--%s must be from %ld to %ld", bounds[i].name, bounds[i].lowest,
                    bounds[i].highest);
    if (arguments->n_files > 0)
        kvt_die(KVT_USAGE, "unexpected argument %s; the model is given by --model",
                arguments->files[0]);
    if (!model_path)
        kvt_die(KVT_USAGE, "--model FILE.gguf is needed");
}

static void load_model(void)
{
    struct kvt_error error;
    service.tokenizer = kvt_tokenizer_load(model_path, &error);
    if (!service.tokenizer)
        kvt_die_error(&error);
    struct kvt_engine_options wanted = {.threads = (size_t)threads,
                                        .context = (size_t)context_length,
                                        .kv_limit = (size_t)kv_limit};
    service.engine = kvt_engine_open(model_path, &wanted, &error);
    if (!service.engine)
        kvt_die_error(&error);
    service.info = kvt_engine_info(service.engine);
    if ((size_t)kvt_tokenizer_size(service.tokenizer) != service.info->vocabulary)
        kvt_die(KVT_DATA, "%s: the vocabulary has %d tokens, the embedding %zu", model_path,
                (int)kvt_tokenizer_size(service.tokenizer), service.info->vocabulary);
    service.chat = kvt_chat_from_gguf(kvt_engine_gguf(service.engine), &error);
    if (!service.chat)
        kvt_die_error(&error);
    if (service.info->context > service.info->model_context)
        kvt_say("context %zu is more than the %zu tokens the model was made for",
                service.info->context, service.info->model_context);
    service.created = (long long)kvt_clock_wall();
}

static struct MHD_Daemon *listen_on(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const struct sockaddr *address = (const struct sockaddr *)&v4;
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        address = (const struct sockaddr *)&v6;
        flags |= MHD_USE_IPv6;
    } else if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                         &v4.sin_addr) != 1) {
        kvt_die(KVT_USAGE, "--host %s is not an IP address", host);
    }
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, (uint16_t)port, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR,
                         address, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (!daemon)
        kvt_die(KVT_SYSTEM,
                "cannot listen on %s port %ld: %s; is it in use? (--port 0 takes a free one)", host,
                port, strerror(errno));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (info && info->port)
        port = info->port;
    return daemon;
}

static void announce(void)
{
    kvt_say("%s (%s, %zu parameters) on http://%s%s%s:%ld, context %zu, %zu threads, %s",
            service.model_name, service.info->architecture, service.info->n_parameters,
            strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", port,
            service.info->context, service.info->threads, service.info->kernels);
    if (ready_fd < 0)
        return;
    char line[16];
    int length = snprintf(line, sizeof line, "%ld\n", port);
    if (write((int)ready_fd, line, (size_t)length) != length)
        kvt_say("cannot write to descriptor %ld: %s", ready_fd, strerror(errno));
    close((int)ready_fd);
}

/* No new requests; those at work are finished, unless a second signal comes. */
static void drain(struct MHD_Daemon *daemon, const sigset_t *signals)
{
    atomic_store(&draining, 1);
    int listener = MHD_quiesce_daemon(daemon);
    if (listener != -1)
        close(listener);
    struct timespec moment = {.tv_nsec = 10000000};
    while (atomic_load(&n_exchanges) > 0 && sigtimedwait(signals, NULL, &moment) < 0)
        ;
    kvt_queue_stop(queue); /* cancels what a second signal left over */
    MHD_stop_daemon(daemon);
    kvt_queue_close(queue);
}

/* A recipe that is killed outright leaves no engine behind: the kernel sends the SIGTERM that
 * drains. */
static void watch_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        kvt_die(KVT_SYSTEM, "--die-with-parent: %s", strerror(errno));
    if (getppid() != parent) /* it went before we asked */
        raise(SIGTERM);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct kvt_error error;
    sigset_t signals;
    pid_t parent = getppid();
    kvt_options_parse(argc, argv, &usage, &arguments);
    check_options(&arguments);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* in every thread: main waits for them */
    if (die_with_parent)
        watch_parent(parent);
    load_model();
    char *name = name_of(model_path);
    service.model_name = alias ? alias : name;
    struct kvt_queue_options limits = {.slots = (size_t)parallel, .waiting = (size_t)queue_length};
    queue = kvt_queue_open(&service, &limits, &error);
    if (!queue)
        kvt_die_error(&error);
    struct MHD_Daemon *daemon = listen_on();
    announce();
    int received;
    sigwait(&signals, &received);
    drain(daemon, &signals);
    kvt_engine_close(service.engine);
    kvt_chat_free(service.chat);
    kvt_tokenizer_free(service.tokenizer);
    kvt_arguments_free(&arguments);
    free(name);
    return KVT_OK;
}
