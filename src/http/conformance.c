#include "http/conformance.h"

#include "core/memory.h"
#include "http/proof.h"
#include "stream/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 48, STARVED = 4, MAX_TOKENS = 16 };

/* One answer and what it reports. Release with reply_free. */
struct reply {
    struct kvt_exchange exchange;
    struct kvt_report report;
    bool ended;
};

struct session {
    struct kvt_client *client;
    const char *model, *policy;
    char *prompt;
    size_t n_yes, n_all;
};

static void on_done(struct kvt_exchange *exchange, void *context)
{
    (void)exchange;
    ((struct reply *)context)->ended = true;
}

/* Facts of which the last is asked for: enough text to evict from, and an answer that needs it. */
static char *make_prompt(void)
{
    static const char *const names[] = {"anna", "ben",  "carl", "dora",
                                        "emil", "fred", "gina", "hugo"};
    static const char *const things[] = {"cup", "lamp", "book", "coat", "drum", "harp"};
    static const char *const places[] = {"barn",   "tower",  "kitchen", "garden",
                                         "cellar", "chapel", "mill"};
    struct kvt_buffer text = {0};
    for (size_t i = 0; i < 48; i++)
        kvt_buffer_printf(&text, "%s keeps the %s in the %s . ", names[i % 8], things[i % 6],
                          places[i % 7]);
    kvt_buffer_text(&text, "where does hugo keep the book ?");
    return kvt_buffer_take(&text);
}

/* Asks once, with `fields` (JSON members, stolen) on top, and waits. */
static int ask(struct session *session, struct reply *reply, json_t *fields, bool stream,
               struct kvt_error *error)
{
    *reply = (struct reply){0};
    json_t *body = json_pack("{s:s,s:[{s:s,s:s}],s:i,s:i,s:i}", "model", session->model, "messages",
                             "role", "user", "content", session->prompt, "max_tokens", MAX_TOKENS,
                             "temperature", 0, "seed", 0);
    if (fields)
        json_object_update(body, fields);
    json_decref(fields);
    if (stream) {
        json_object_set_new(body, "stream", json_true());
        json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    }
    reply->exchange.done = on_done;
    reply->exchange.context = reply;
    reply->exchange.request.api = KVT_API_CHAT;
    kvt_json_write(&reply->exchange.request.body, body);
    json_decref(body);
    kvt_client_submit(session->client, &reply->exchange);
    while (kvt_client_pending(session->client) > 0)
        if (kvt_client_step(session->client, 1, -1, error) != 0)
            return -1;
    kvt_report_read(&reply->report, reply->exchange.completion.final, NULL);
    return 0;
}

static void reply_free(struct reply *reply)
{
    kvt_exchange_free(&reply->exchange);
}

static bool good(const struct reply *reply)
{
    return reply->ended && !reply->exchange.failure.type;
}

static void say(struct session *session, bool yes, const char *format, ...) KVT_PRINTF(3, 4);

static void say(struct session *session, bool yes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s  ", yes ? "yes" : "no ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    session->n_all++;
    session->n_yes += yes;
}

static bool has_member(const struct reply *reply, const char *name)
{
    const json_t *cache = kvt_json_get(reply->exchange.completion.final, "usage.kv_cache");
    const json_t *value = json_object_get(cache, name);
    return json_is_number(value) || json_is_array(value);
}

static bool same_text(const struct reply *a, const struct reply *b)
{
    const struct kvt_buffer *x = &a->exchange.completion.text, *y = &b->exchange.completion.text;
    return good(a) && good(b) && x->length == y->length &&
           (x->length == 0 || memcmp(x->data, y->data, x->length) == 0);
}

/* The answers themselves, and what is reported of a full cache. */
static void check_report(struct session *session, const struct reply *plain,
                         const struct reply *streamed, const struct reply *again)
{
    static const char *const members[] = {"prompt_tokens",     "kept_tokens", "kept_per_layer",
                                          "uncompressed_tail", "bytes",       "peak_bytes",
                                          "full_bytes"};
    say(session, good(streamed) && streamed->exchange.completion.streamed, "answers as a stream");
    say(session, good(plain) && plain->exchange.completion.finish_reason,
        "answers in one document");
    say(session, kvt_completion_prompt_tokens(&streamed->exchange.completion) > 0,
        "usage.prompt_tokens in a stream (stream_options.include_usage)");
    say(session, kvt_json_get(plain->exchange.completion.final, "usage.kv_cache") != NULL,
        "usage.kv_cache in a document");
    say(session, kvt_json_get(streamed->exchange.completion.final, "usage.kv_cache") != NULL,
        "usage.kv_cache in a stream");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        say(session, has_member(streamed, members[i]), "usage.kv_cache.%s", members[i]);
    struct kvt_run full = {.budget = 1, .unit = "fraction", .reference = true};
    say(session, kvt_report_matches(&streamed->report, &full) == 1,
        "a request without kv_ fields keeps the whole prompt");
    say(session, same_text(streamed, again), "identical requests get identical answers");
    say(session, kvt_completion_cached_tokens(&again->exchange.completion) <= 0,
        "an identical request takes nothing from a prefix cache");
}

/* Why a request was not answered, for the line that says so. */
static const char *why(const struct reply *reply)
{
    return good(reply) ? "" : reply->exchange.failure.message;
}

static int check_budgets(struct session *session, const struct reply *full, struct kvt_error *error)
{
    struct reply reply;
    const double budgets[] = {0.5, 0.2};
    for (size_t i = 0; i < 2; i++) {
        struct kvt_run run = {.budget = budgets[i], .unit = "fraction"};
        if (ask(session, &reply,
                json_pack("{s:s,s:f}", "kv_policy", session->policy, "kv_budget", budgets[i]), true,
                error) != 0)
            return -1;
        say(session, good(&reply), "kv_budget %g is taken%s%s", budgets[i],
            good(&reply) ? "" : ": ", why(&reply));
        say(session, kvt_report_matches(&reply.report, &run) == 1,
            "its count matches (kept %.0f of %.0f)", reply.report.kept_tokens,
            reply.report.prompt_tokens);
        if (i == 1)
            say(session, reply.report.bytes < full->report.bytes,
                "its bytes are fewer than a full cache's");
        reply_free(&reply);
    }
    struct kvt_run capacity = {.budget = CAPACITY, .unit = "tokens"};
    if (ask(session, &reply,
            json_pack("{s:s,s:i}", "kv_policy", session->policy, "kv_capacity", CAPACITY), true,
            error) != 0)
        return -1;
    say(session, good(&reply), "kv_capacity %d is taken%s%s", CAPACITY, good(&reply) ? "" : ": ",
        why(&reply));
    say(session, kvt_report_matches(&reply.report, &capacity) == 1, "its count matches (kept %.0f)",
        reply.report.kept_tokens);
    reply_free(&reply);
    if (ask(session, &reply,
            json_pack("{s:s,s:i}", "kv_policy", session->policy, "kv_capacity", STARVED), true,
            error) != 0)
        return -1;
    say(session, good(&reply) && !same_text(&reply, full),
        "a cache of %d entries answers otherwise", STARVED);
    reply_free(&reply);
    return 0;
}

static int check_refusals(struct session *session, const struct reply *full,
                          struct kvt_error *error)
{
    struct reply reply;
    if (ask(session, &reply, json_pack("{s:s,s:f}", "kv_policy", session->policy, "kv_budget", 1.0),
            true, error) != 0)
        return -1;
    say(session, same_text(&reply, full), "kv_budget 1 answers as no budget does");
    reply_free(&reply);
    if (ask(session, &reply, json_pack("{s:s}", "kv_policy", "no-such-policy"), true, error) != 0)
        return -1;
    say(session, reply.exchange.failure.status == 400, "an unknown kv_policy is a 400");
    reply_free(&reply);
    if (ask(session, &reply, json_pack("{s:i}", "kv_no_such_field", 1), true, error) != 0)
        return -1;
    say(session, reply.exchange.failure.status == 400, "an unknown kv_ field is a 400");
    reply_free(&reply);
    return 0;
}

static int check_all(struct session *session, struct kvt_error *error)
{
    struct reply plain, streamed, again;
    int status = ask(session, &plain, NULL, false, error);
    if (status == 0 && plain.exchange.failure.unreachable)
        status = kvt_fail(error, KVT_SYSTEM, "the server cannot be reached: %s",
                          plain.exchange.failure.message);
    else if (status == 0 &&
             (plain.exchange.failure.status == 401 || plain.exchange.failure.status == 403 ||
              plain.exchange.failure.status == 404))
        status = kvt_fail(error, KVT_SYSTEM,
                          "the server answers no request: %s (status %ld). Check the key "
                          "(engine.api_key_env), the base URL and the model (--model)",
                          plain.exchange.failure.message, plain.exchange.failure.status);
    if (status == 0) {
        status = ask(session, &streamed, NULL, true, error);
        if (status == 0 && (status = ask(session, &again, NULL, true, error)) == 0) {
            check_report(session, &plain, &streamed, &again);
            status = check_budgets(session, &streamed, error);
            if (status == 0)
                status = check_refusals(session, &streamed, error);
            reply_free(&again);
        }
        reply_free(&streamed);
    }
    reply_free(&plain);
    return status;
}

int kvt_conformance_run(const struct kvt_client_options *options, const char *text,
                        const char *model, const json_t *tree, struct kvt_error *error)
{
    struct kvt_url url;
    if (!text)
        return kvt_fail(error, KVT_USAGE,
                        "--conformance needs a server: --base-url, BASE_URL or OPENAI_BASE_URL");
    if (kvt_url_parse(&url, text, error) != 0)
        return -1;
    struct kvt_client_options asked = *options;
    asked.lenient = true; /* a refusal is what is looked for */
    struct session session = {.client = kvt_client_open(&asked, &url, 1, error),
                              .model = model,
                              .policy = kvt_json_text(tree, "kv.policy", "snapkv")};
    int status = -1;
    if (session.client) {
        session.prompt = make_prompt();
        status = check_all(&session, error);
        free(session.prompt);
    }
    if (status == 0)
        printf("%zu of %zu parts of the usage.kv_cache protocol\n", session.n_yes, session.n_all);
    kvt_client_close(session.client);
    kvt_url_free(&url);
    return status;
}
