#include "http/warm_up.h"

#include "stream/json.h"

static void ignore_answer(struct kvt_exchange *exchange, void *context)
{
    (void)exchange, (void)context;
}

int kvt_warm_up(struct kvt_client *client, const struct kvt_grid *grid,
                const struct kvt_query_settings *request, const struct kvt_line *line, long long n,
                const volatile sig_atomic_t *stop, struct kvt_error *error)
{
    struct kvt_error bad; /* a bad entry is reported where it is queued */
    json_t *entry = client && n > 0 ? kvt_json_parse(line->data, line->length, NULL, &bad) : NULL;
    struct kvt_query_settings settings = *request;
    settings.nonce = true;
    int status = 0;
    for (long long i = 0; entry && i < n && status == 0 && !(stop && *stop); i++) {
        const struct kvt_run *run = &grid->runs[(size_t)i % grid->n_runs];
        struct kvt_exchange exchange = {.endpoint = run->endpoint, .done = ignore_answer};
        /* Repeats count down from -1, so that no warm-up shares its nonce with a real request. */
        if (kvt_query_build(&exchange.request, &settings, grid, run, entry, (long)(-1 - i), NULL,
                            &bad) != 0)
            break;
        kvt_client_submit(client, &exchange);
        while (status == 0 && kvt_client_pending(client) > 0)
            status = kvt_client_step(client, 0.2, -1, error);
        if (status == 0) /* else the client still holds it, and the process is about to end */
            kvt_exchange_free(&exchange);
    }
    json_decref(entry);
    return status;
}
