#include "http/pool.h"

#include "core/clock.h"
#include "core/memory.h"
#include "http/arrival.h"
#include "http/ready.h"

#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kvt_pool {
    CURLM *multi;
    struct kvt_ready ready; /* curl's sockets */
    double due; /* when curl wants to be called although no socket is ready; INFINITY: never */
    struct kvt_transfer **owners; /* by socket: whose bytes come there; NULL: nobody's */
    size_t n_owners, owners_capacity;
    struct kvt_transfer *reading; /* the transfer whose socket is being read */
    struct kvt_arrival arrival;   /* of what was there when the reading began */
    size_t delivered;             /* bytes of it that curl has handed over */
    struct curl_slist *post_headers, *get_headers;
    char *cacert;
    char *no_proxy;
    CURL **idle; /* easy handles to use again */
    size_t n_idle, idle_capacity;
    CURL **ended; /* reported by curl, not yet handed to the caller */
    size_t n_ended, ended_capacity;
};

static struct curl_slist *add_header(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);
    if (!longer)
        kvt_die(KVT_SYSTEM, "out of memory");
    return longer;
}

static void make_headers(struct kvt_pool *pool, const char *api_key)
{
    pool->post_headers = add_header(NULL, "Content-Type: application/json");
    pool->post_headers = add_header(pool->post_headers, "Expect:"); /* no 100-continue round trip */
    pool->post_headers =
        add_header(pool->post_headers, "Accept: text/event-stream, application/json");
    pool->get_headers = add_header(NULL, "Accept: */*");
    if (!api_key || !*api_key)
        return;
    char *header = kvt_asprintf("Authorization: Bearer %s", api_key);
    pool->post_headers = add_header(pool->post_headers, header);
    pool->get_headers = add_header(pool->get_headers, header);
    free(header);
}

char *kvt_pool_no_proxy(void)
{
    const char *listed = getenv("no_proxy");
    if (!listed)
        listed = getenv("NO_PROXY");
    return kvt_asprintf("localhost,127.0.0.1,::1%s%s", listed && *listed ? "," : "",
                        listed ? listed : "");
}

/* --- sockets --- */

static struct kvt_transfer *owner_of(const struct kvt_pool *pool, int socket)
{
    return (size_t)socket < pool->n_owners ? pool->owners[socket] : NULL;
}

static void set_owner(struct kvt_pool *pool, int socket, struct kvt_transfer *owner)
{
    while (pool->n_owners <= (size_t)socket) {
        kvt_grow(&pool->owners, &pool->owners_capacity, pool->n_owners, sizeof *pool->owners);
        pool->owners[pool->n_owners++] = NULL;
    }
    pool->owners[socket] = owner;
}

/* curl says what it waits for at a socket. */
static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *unused)
{
    struct kvt_pool *pool = context;
    char *owner = NULL; /* curl's own handles have none */
    (void)unused;
    if (!(what & CURL_POLL_INOUT)) {
        kvt_ready_set(&pool->ready, socket, 0);
        set_owner(pool, socket, NULL);
        return 0;
    }
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
    set_owner(pool, socket, (struct kvt_transfer *)(void *)owner);
    kvt_ready_set(
        &pool->ready, socket,
        (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0)));
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
    struct kvt_pool *pool = context;
    (void)multi;
    pool->due = ms < 0 ? INFINITY : kvt_clock_monotonic() + (double)ms / 1000;
    return 0;
}

static int on_new_socket(void *context, curl_socket_t socket, curlsocktype purpose)
{
    (void)context, (void)purpose;
    kvt_arrival_note(socket);
    return CURL_SOCKOPT_OK;
}

static void open_sockets(struct kvt_pool *pool)
{
    kvt_ready_open(&pool->ready);
    pool->due = INFINITY;
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
}

struct kvt_pool *kvt_pool_open(const struct kvt_pool_options *options, struct kvt_error *error)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        kvt_fail(error, KVT_SYSTEM, "libcurl cannot be initialised");
        return NULL;
    }
    struct kvt_pool *pool = kvt_alloc_zero(1, sizeof *pool);
    pool->multi = curl_multi_init();
    if (!pool->multi)
        kvt_die(KVT_SYSTEM, "out of memory");
    open_sockets(pool);
    curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)(options->connections + 4));
    curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    make_headers(pool, options->api_key);
    pool->cacert = options->cacert ? kvt_strdup(options->cacert) : NULL;
    pool->no_proxy = kvt_pool_no_proxy();
    return pool;
}

/*
 * When the bytes arrived that curl hands over for this transfer. What the kernel says holds for the
 * bytes that were there when the reading began; curl may go on to read what came meanwhile, and may
 * serve other transfers on the way: that has just arrived. The framing of chunks is not handed
 * over, so an event of a second read can be taken for one of the first, which is early by no more
 * than the first took to be read. The kernel is not believed against what is known: its stamps are
 * of another clock, which may have been set.
 */
static double arrived(const struct kvt_transfer *transfer, size_t length)
{
    struct kvt_pool *pool = transfer->pool;
    double now = kvt_clock_monotonic();
    if (transfer != pool->reading || pool->delivered >= pool->arrival.length)
        return now;
    pool->delivered += length;
    double least = transfer->start;
    if (transfer->first_byte > least)
        least = transfer->first_byte;
    if (transfer->last_byte > least)
        least = transfer->last_byte;
    return pool->arrival.time >= least && pool->arrival.time <= now ? pool->arrival.time : now;
}

static size_t on_data(char *bytes, size_t size, size_t count, void *context)
{
    struct kvt_transfer *transfer = context;
    size_t length = size * count;
    transfer->last_byte = arrived(transfer, length);
    return transfer->data(transfer->context, bytes, length, transfer->last_byte) ? length : 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct kvt_transfer *transfer = context;
    size_t length = size * count;
    double time = arrived(transfer, length);
    if (transfer->first_byte == 0)
        transfer->first_byte = time;
    kvt_retry_header(&transfer->asked, line, length, kvt_clock_wall());
    return length;
}

/* Called when a connection is up and the request is about to be written. */
static int on_send(void *context, char *peer, char *local, int peer_port, int local_port)
{
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    struct kvt_transfer *transfer = context;
    transfer->sent++;
    transfer->start = kvt_clock_monotonic();
    return CURL_PREREQFUNC_OK;
}

static void set_up(struct kvt_pool *pool, CURL *easy, struct kvt_transfer *transfer)
{
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, pool->no_proxy);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "kv-transition");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
    if (transfer->timeout_s > 0) {
        double ms = ceil(transfer->timeout_s * 1000);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms < 2e9 ? (long)ms : 2000000000L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms < 15000 ? (long)ms : 15000L);
    }
    if (transfer->body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_length);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, pool->post_headers);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, pool->get_headers);
    }
    if (transfer->credentials)
        curl_easy_setopt(easy, CURLOPT_USERPWD, transfer->credentials);
    if (pool->cacert)
        curl_easy_setopt(easy, CURLOPT_CAINFO, pool->cacert);
}

void kvt_pool_start(struct kvt_pool *pool, struct kvt_transfer *transfer)
{
    CURL *easy = pool->n_idle ? pool->idle[--pool->n_idle] : curl_easy_init();
    if (!easy)
        kvt_die(KVT_SYSTEM, "out of memory");
    transfer->easy = easy;
    transfer->pool = pool;
    transfer->end = KVT_TRANSFER_FAILED;
    transfer->status = 0;
    transfer->first_byte = transfer->last_byte = 0;
    transfer->asked = KVT_RETRY_UNASKED;
    transfer->sent = 0;
    transfer->verify_failed = false;
    transfer->message[0] = '\0';
    set_up(pool, easy, transfer);
    transfer->start = kvt_clock_monotonic();
    CURLMcode code = curl_multi_add_handle(pool->multi, easy);
    if (code != CURLM_OK)
        kvt_die(KVT_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
}

/* Takes the handle out of the multi and keeps it for another transfer. */
static void put_away(struct kvt_pool *pool, struct kvt_transfer *transfer)
{
    CURL *easy = transfer->easy;
    transfer->easy = NULL;
    curl_multi_remove_handle(pool->multi, easy);
    curl_easy_reset(easy); /* no pointer into the transfer survives it */
    kvt_grow(&pool->idle, &pool->idle_capacity, pool->n_idle, sizeof(CURL *));
    pool->idle[pool->n_idle++] = easy;
}

void kvt_pool_cancel(struct kvt_pool *pool, struct kvt_transfer *transfer)
{
    if (!transfer->easy)
        return;
    for (size_t i = 0; i < pool->n_ended; i++)
        if (pool->ended[i] == transfer->easy)
            pool->ended[i] = NULL;
    put_away(pool, transfer);
}

static enum kvt_transfer_end end_of(const struct kvt_transfer *transfer, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return KVT_TRANSFER_COMPLETE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return KVT_TRANSFER_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return transfer->sent ? KVT_TRANSFER_TIMEOUT : KVT_TRANSFER_UNREACHABLE;
    case CURLE_WRITE_ERROR:
        return KVT_TRANSFER_STOPPED;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        return KVT_TRANSFER_CUT;
    default:
        return KVT_TRANSFER_FAILED;
    }
}

static void finish(struct kvt_transfer *transfer, CURLcode code)
{
    transfer->end = end_of(transfer, code);
    transfer->verify_failed = code == CURLE_PEER_FAILED_VERIFICATION;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->status);
    if (transfer->last_byte == 0)
        transfer->last_byte = kvt_clock_monotonic();
    if (code != CURLE_OK && !transfer->message[0]) {
        strncpy(transfer->message, curl_easy_strerror(code), sizeof transfer->message - 1);
        transfer->message[sizeof transfer->message - 1] = '\0';
    }
}

/*
 * All that curl reports is noted first, because `done` may start and cancel transfers. Returns how
 * many transfers ended.
 */
static size_t hand_over(struct kvt_pool *pool)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *pointer;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
        finish((struct kvt_transfer *)(void *)pointer, message->data.result);
        kvt_grow(&pool->ended, &pool->ended_capacity, pool->n_ended, sizeof(CURL *));
        pool->ended[pool->n_ended++] = message->easy_handle;
    }
    for (size_t i = 0; i < pool->n_ended; i++) {
        if (!pool->ended[i])
            continue;
        char *pointer;
        curl_easy_getinfo(pool->ended[i], CURLINFO_PRIVATE, &pointer);
        struct kvt_transfer *transfer = (struct kvt_transfer *)(void *)pointer;
        put_away(pool, transfer);
        transfer->done(transfer->context);
    }
    size_t ended = pool->n_ended;
    pool->n_ended = 0;
    return ended;
}

/* Lets curl do what is to be done at a socket, or (CURL_SOCKET_TIMEOUT) because of the time. */
static void act(struct kvt_pool *pool, curl_socket_t socket, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(pool->multi, socket, events, &running);
    if (code != CURLM_OK)
        kvt_die(KVT_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
}

static void run_timer(struct kvt_pool *pool)
{
    if (pool->due > kvt_clock_monotonic())
        return;
    pool->due = INFINITY; /* curl sets it anew */
    act(pool, CURL_SOCKET_TIMEOUT, 0);
}

static void serve(struct kvt_pool *pool, const struct pollfd *found)
{
    int events = 0;
    if (found->revents & (POLLIN | POLLHUP))
        events |= CURL_CSELECT_IN;
    if (found->revents & POLLOUT)
        events |= CURL_CSELECT_OUT;
    if (found->revents & (POLLERR | POLLNVAL))
        events |= CURL_CSELECT_ERR;
    if (found->revents & POLLNVAL) /* closed, and curl did not say so */
        kvt_ready_set(&pool->ready, found->fd, 0);
    /* Looked at right before it is read: what comes later must not be taken for earlier. */
    pool->reading = owner_of(pool, found->fd);
    pool->delivered = 0;
    pool->arrival = (struct kvt_arrival){0, 0};
    if (pool->reading && (found->revents & POLLIN))
        pool->arrival = kvt_arrival_last(found->fd);
    act(pool, found->fd, events); /* curl knows whether it still waits for this socket */
    pool->reading = NULL;
}

void kvt_pool_step(struct kvt_pool *pool, double wait, int extra)
{
    run_timer(pool);
    if (hand_over(pool) > 0)
        return; /* whoever waited for a place may be sent now */
    double left = pool->due - kvt_clock_monotonic();
    double ms = ceil(1000 * (left < wait ? left : wait));
    size_t n = kvt_ready_wait(&pool->ready, ms <= 0 ? 0 : ms < 60000 ? (int)ms : 60000, extra);
    for (size_t i = 0; i < n; i++)
        serve(pool, &pool->ready.found[i]);
    run_timer(pool);
    hand_over(pool);
}

void kvt_pool_wake(struct kvt_pool *pool)
{
    kvt_ready_wake(&pool->ready);
}

void kvt_pool_close(struct kvt_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->n_idle; i++)
        curl_easy_cleanup(pool->idle[i]);
    curl_multi_cleanup(pool->multi);
    kvt_ready_close(&pool->ready);
    free(pool->owners);
    curl_slist_free_all(pool->post_headers);
    curl_slist_free_all(pool->get_headers);
    free(pool->idle);
    free(pool->ended);
    free(pool->cacert);
    free(pool->no_proxy);
    free(pool);
    curl_global_cleanup();
}
