#include "http/client.h"

#include "core/clock.h"
#include "core/memory.h"
#include "http/attempt.h"
#include "http/loading.h"
#include "http/refusal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* After [DONE] a server may keep the connection open; it is given this long to end the answer. */
static const double DONE_GRACE_S = 0.5;

struct endpoint {
    const struct kvt_url *url;
    size_t flying;
    bool alive;    /* an HTTP answer of some kind has come */
    bool answered; /* and one that shows that it takes our requests */
    struct kvt_loading loading;
    struct kvt_exchange *first, *last; /* queued, waiting and flying, in order of submission */
};

struct kvt_client {
    struct kvt_client_options options;
    struct kvt_pool *pool;
    struct endpoint *endpoints;
    size_t n_endpoints;
    size_t pending, flying;
    size_t lingering; /* answers whose [DONE] has come and whose connection is still open */
    double next_send; /* rate limit */
    bool held;
    bool fatal;
    struct kvt_error error;
};

struct kvt_client *kvt_client_open(const struct kvt_client_options *options,
                                   const struct kvt_url *endpoints, size_t n_endpoints,
                                   struct kvt_error *error)
{
    struct kvt_pool_options pool_options = {
        .api_key = options->api_key,
        .cacert = options->cacert,
        .connections = options->concurrency * n_endpoints,
    };
    struct kvt_pool *pool = kvt_pool_open(&pool_options, error);
    if (!pool)
        return NULL;
    struct kvt_client *client = kvt_alloc_zero(1, sizeof *client);
    client->options = *options;
    client->pool = pool;
    client->endpoints = kvt_alloc_zero(n_endpoints, sizeof *client->endpoints);
    client->n_endpoints = n_endpoints;
    for (size_t i = 0; i < n_endpoints; i++)
        client->endpoints[i].url = &endpoints[i];
    return client;
}

void kvt_client_wake(void *client)
{
    kvt_pool_wake(((struct kvt_client *)client)->pool);
}

size_t kvt_client_pending(const struct kvt_client *client)
{
    return client->pending;
}

size_t kvt_client_flying(const struct kvt_client *client)
{
    return client->flying;
}

static void link_first(struct endpoint *endpoint, struct kvt_exchange *exchange)
{
    exchange->previous = NULL;
    exchange->next = endpoint->first;
    if (endpoint->first)
        endpoint->first->previous = exchange;
    else
        endpoint->last = exchange;
    endpoint->first = exchange;
}

static void link_last(struct endpoint *endpoint, struct kvt_exchange *exchange)
{
    exchange->next = NULL;
    exchange->previous = endpoint->last;
    if (endpoint->last)
        endpoint->last->next = exchange;
    else
        endpoint->first = exchange;
    endpoint->last = exchange;
}

static void unlink_exchange(struct endpoint *endpoint, struct kvt_exchange *exchange)
{
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        endpoint->first = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    else
        endpoint->last = exchange->previous;
    exchange->next = exchange->previous = NULL;
}

static struct endpoint *take(struct kvt_client *client, struct kvt_exchange *exchange)
{
    struct endpoint *endpoint = &client->endpoints[exchange->endpoint];
    exchange->client = client;
    exchange->state = KVT_QUEUED;
    exchange->url = kvt_url_join(endpoint->url, kvt_api_path(exchange->request.api));
    client->pending++;
    return endpoint;
}

void kvt_client_submit(struct kvt_client *client, struct kvt_exchange *exchange)
{
    link_last(take(client, exchange), exchange);
}

void kvt_client_submit_next(struct kvt_client *client, struct kvt_exchange *exchange)
{
    link_first(take(client, exchange), exchange);
}

static bool on_bytes(void *context, const char *bytes, size_t length, double now)
{
    struct kvt_exchange *exchange = context;
    bool was_done = exchange->done_at > 0;
    bool more = kvt_attempt_bytes(exchange, bytes, length, now);
    if (!was_done && exchange->done_at > 0)
        exchange->client->lingering++;
    return more;
}

static void on_end(void *context);

static void send_now(struct kvt_client *client, struct kvt_exchange *exchange, double now)
{
    struct endpoint *endpoint = &client->endpoints[exchange->endpoint];
    const struct kvt_retry_policy *retry = &client->options.retry;
    if (exchange->tries == 0)
        exchange->first_start = now;
    kvt_attempt_reset(exchange);
    double left = retry->deadline_s - (now - exchange->first_start);
    exchange->tries++;
    exchange->state = KVT_FLYING;
    exchange->started_wall = kvt_clock_wall();
    exchange->in_flight = ++endpoint->flying;
    client->flying++;
    exchange->transfer = (struct kvt_transfer){
        .url = exchange->url,
        .body = exchange->request.body.data,
        .body_length = exchange->request.body.length,
        .credentials = endpoint->url->credentials,
        .timeout_s = left < retry->timeout_s ? left : retry->timeout_s,
        .data = on_bytes,
        .done = on_end,
        .context = exchange,
    };
    exchange->observed = (struct kvt_observed){NAN, NAN, NAN, NAN};
    if (client->options.before)
        client->options.before(exchange, client->options.hook_context);
    kvt_pool_start(client->pool, &exchange->transfer);
}

/* --- between attempts --- */

/* True when the failure concerns every request alike, so that asking on would only collect
 * failures. `last`: the request is not asked again. */
static bool stops_stage(struct kvt_client *client, const struct kvt_exchange *exchange, bool last)
{
    const struct endpoint *endpoint = &client->endpoints[exchange->endpoint];
    if (client->options.lenient || client->held)
        return false;
    struct kvt_refusal refusal = {.where = endpoint->url->base,
                                  .failure = &exchange->failure,
                                  .options = &client->options,
                                  .alive = endpoint->alive,
                                  .answered = endpoint->answered,
                                  .last = last,
                                  .verify_failed = exchange->transfer.verify_failed};
    if (!client->fatal)
        client->fatal = kvt_refusal_of_all(&refusal, &client->error);
    return client->fatal;
}

static void finish_exchange(struct kvt_client *client, struct kvt_exchange *exchange)
{
    unlink_exchange(&client->endpoints[exchange->endpoint], exchange);
    client->pending--;
    kvt_buffer_free(&exchange->document);
    kvt_sse_free(&exchange->sse);
    exchange->sse = (struct kvt_sse){0};
    exchange->done(exchange, exchange->context);
}

/* Seconds the server asks us to wait, NAN without. */
static double asked_wait(const struct kvt_exchange *exchange)
{
    return kvt_retry_asked(&exchange->transfer.asked, exchange->failure.status);
}

/* Plans another attempt; false when there is none to be had. */
static bool plan_retry(struct kvt_client *client, struct kvt_exchange *exchange, double now)
{
    const struct kvt_retry_policy *retry = &client->options.retry;
    if (!exchange->failure.retryable || exchange->tries >= retry->max_attempts)
        return false;
    double wait =
        kvt_retry_wait(retry, exchange->tries, asked_wait(exchange), exchange->request.request_id);
    if (now + wait - exchange->first_start >= retry->deadline_s)
        return false;
    exchange->earlier = exchange->failure;
    exchange->state = KVT_WAITING;
    exchange->waiting_since = now;
    exchange->due = now + wait;
    return true;
}

/* The same for a server that loads its model: neither attempts nor the deadline count until it has.
 */
static bool plan_load_wait(struct kvt_client *client, struct kvt_exchange *exchange, double now)
{
    struct endpoint *endpoint = &client->endpoints[exchange->endpoint];
    double due =
        kvt_loading_wait(&endpoint->loading, endpoint->url->base, client->options.load_wait_s,
                         asked_wait(exchange), client->options.retry.backoff_max_s, now);
    if (isnan(due))
        return false;
    exchange->tries = 0;
    exchange->earlier = (struct kvt_failure){0};
    exchange->state = KVT_WAITING;
    exchange->waiting_since = now;
    exchange->due = due;
    return true;
}

static bool plan_again(struct kvt_client *client, struct kvt_exchange *exchange, double now)
{
    bool loading = exchange->failure.loading && client->options.load_wait_s > 0;
    return loading ? plan_load_wait(client, exchange, now) : plan_retry(client, exchange, now);
}

/* An attempt that the deadline cut short before anything came says nothing of the server; the one
 * before it does. */
static void judge(struct kvt_exchange *exchange, const struct kvt_retry_policy *retry)
{
    const struct kvt_transfer *transfer = &exchange->transfer;
    kvt_attempt_judge(exchange);
    if (transfer->end == KVT_TRANSFER_TIMEOUT && transfer->status == 0 &&
        transfer->timeout_s < retry->timeout_s && exchange->earlier.type)
        exchange->failure = exchange->earlier;
}

static void settle(struct kvt_exchange *exchange)
{
    struct kvt_client *client = exchange->client;
    struct endpoint *endpoint = &client->endpoints[exchange->endpoint];
    struct kvt_transfer *transfer = &exchange->transfer;
    endpoint->flying--;
    client->flying--;
    if (exchange->done_at > 0)
        client->lingering--;
    if (transfer->status > 0)
        endpoint->alive = true;
    exchange->attempts += transfer->sent > 0 ? transfer->sent : 1;
    exchange->start = transfer->start;
    exchange->first_byte = transfer->first_byte;
    exchange->end = transfer->last_byte;
    if (client->options.after)
        client->options.after(exchange, client->options.hook_context);
    judge(exchange, &client->options.retry);
    kvt_failure_redact(&exchange->failure, client->options.api_key);
    if (transfer->status > 0 && !exchange->failure.loading)
        kvt_loading_end(&endpoint->loading, endpoint->url->base, kvt_clock_monotonic());
    if (!exchange->failure.type) {
        endpoint->answered = true;
        finish_exchange(client, exchange);
        return;
    }
    double now = kvt_clock_monotonic();
    bool again = !client->held && plan_again(client, exchange, now);
    if (stops_stage(client, exchange, !again) || again)
        return;
    /* A server that answers with a refusal is there all the same. */
    if (exchange->failure.status == 400 || exchange->failure.status == 422)
        endpoint->answered = true;
    if (client->held && exchange->failure.retryable) { /* interrupted: not this request's own end */
        unlink_exchange(endpoint, exchange);
        client->pending--;
        return;
    }
    finish_exchange(client, exchange);
}

static void on_end(void *context)
{
    settle(context);
}

/* --- the loop --- */

/* The next exchange that may be sent at `now`; *due becomes the earliest time of any that waits. */
static struct kvt_exchange *next_to_send(struct endpoint *endpoint, double now, double *due)
{
    for (struct kvt_exchange *exchange = endpoint->first; exchange; exchange = exchange->next) {
        if (exchange->state == KVT_QUEUED)
            return exchange;
        if (exchange->state == KVT_WAITING) {
            if (exchange->due <= now)
                return exchange;
            if (exchange->due < *due)
                *due = exchange->due;
        }
    }
    return NULL;
}

/* Others held the line for so long that no time is left for another attempt. */
static bool deadline_passed(const struct kvt_client *client, const struct kvt_exchange *exchange,
                            double now)
{
    return exchange->tries > 0 && now - exchange->first_start >= client->options.retry.deadline_s;
}

/* Sends all that may be sent now; returns when the next one may be. */
static double send_ready(struct kvt_client *client, double now)
{
    double due = INFINITY;
    if (client->held)
        return due;
    double spacing = client->options.rpm > 0 ? 60 / client->options.rpm : 0;
    for (size_t i = 0; i < client->n_endpoints; i++) {
        struct endpoint *endpoint = &client->endpoints[i];
        /* One request is enough to see that the model is loaded. */
        size_t most = endpoint->loading.since > 0 ? 1 : client->options.concurrency;
        while (endpoint->flying < most) {
            if (endpoint->loading.due > now) {
                due = fmin(due, endpoint->loading.due);
                break;
            }
            struct kvt_exchange *exchange = next_to_send(endpoint, now, &due);
            if (!exchange)
                break;
            if (client->next_send > now) {
                if (client->next_send < due)
                    due = client->next_send;
                break;
            }
            if (exchange->state == KVT_WAITING)
                exchange->wait_s += now - exchange->waiting_since;
            if (deadline_passed(client, exchange, now)) {
                if (stops_stage(client, exchange, true))
                    return due;
                finish_exchange(client, exchange);
                continue;
            }
            client->next_send = now + spacing;
            send_now(client, exchange, now);
        }
    }
    return due;
}

/* Ends answers whose [DONE] came long ago although the server keeps the connection open. */
static double end_finished(struct kvt_client *client, double now)
{
    double due = INFINITY;
    for (size_t i = 0; client->lingering && i < client->n_endpoints; i++) {
        struct kvt_exchange *next;
        for (struct kvt_exchange *exchange = client->endpoints[i].first; exchange;
             exchange = next) {
            next = exchange->next;
            if (exchange->state != KVT_FLYING || exchange->done_at == 0)
                continue;
            double until = exchange->done_at + DONE_GRACE_S;
            if (until > now) {
                due = until < due ? until : due;
                continue;
            }
            kvt_pool_cancel(client->pool, &exchange->transfer);
            exchange->transfer.end = KVT_TRANSFER_COMPLETE;
            exchange->transfer.status = 200;
            settle(exchange);
        }
    }
    return due;
}

int kvt_client_step(struct kvt_client *client, double wait, int extra, struct kvt_error *error)
{
    double now = kvt_clock_monotonic();
    double due = end_finished(client, now);
    double send_due = send_ready(client, now);
    if (send_due < due)
        due = send_due;
    if (due - now < wait)
        wait = due > now ? due - now : 0;
    if (!client->fatal)
        kvt_pool_step(client->pool, wait, extra);
    if (!client->fatal)
        return 0;
    *error = client->error;
    return -1;
}

size_t kvt_client_hold(struct kvt_client *client)
{
    client->held = true;
    size_t given_up = 0;
    for (size_t i = 0; i < client->n_endpoints; i++) {
        struct endpoint *endpoint = &client->endpoints[i];
        struct kvt_exchange *next;
        for (struct kvt_exchange *exchange = endpoint->first; exchange; exchange = next) {
            next = exchange->next;
            if (exchange->state == KVT_FLYING)
                continue;
            unlink_exchange(endpoint, exchange);
            client->pending--;
            given_up++;
        }
    }
    return given_up;
}

void kvt_client_abandon(struct kvt_client *client)
{
    client->held = true;
    for (size_t i = 0; i < client->n_endpoints; i++) {
        struct endpoint *endpoint = &client->endpoints[i];
        while (endpoint->first) {
            kvt_pool_cancel(client->pool, &endpoint->first->transfer);
            unlink_exchange(endpoint, endpoint->first);
        }
        endpoint->flying = 0;
    }
    client->pending = client->flying = client->lingering = 0;
}

void kvt_client_close(struct kvt_client *client)
{
    if (!client)
        return;
    kvt_client_abandon(client);
    kvt_pool_close(client->pool);
    free(client->endpoints);
    free(client);
}

void kvt_exchange_free(struct kvt_exchange *exchange)
{
    kvt_query_free(&exchange->request);
    kvt_completion_free(&exchange->completion);
    kvt_sse_free(&exchange->sse);
    kvt_buffer_free(&exchange->document);
    free(exchange->url);
    exchange->url = NULL;
}
