#include "http/sweep.h"

#include "core/clock.h"
#include "core/memory.h"
#include "http/address.h"
#include "http/proof.h"
#include "http/warm_up.h"
#include "stream/json.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double TURN_S = 0.2; /* longest wait between looks at *stop */

/* --- opening --- */

/*
 * Offline neither the server nor the model need be named again: their names are part of the
 * identities, and the journal's run records have them. The texts live as long as *run.
 */
static int recall_server(const struct kvt_sweep *sweep, const json_t *tree,
                         struct kvt_grid_options *named, json_t **run, struct kvt_error *error)
{
    struct kvt_buffer record = {0};
    const char *model = getenv("MODEL_NAME");
    bool server_named = kvt_address_base(tree, named->base_url) ||
                        json_object_size(kvt_json_get(tree, "engine.endpoints")) > 0;
    bool model_named = kvt_json_text(tree, "model.name", NULL) || (model && *model);
    *run = NULL;
    if (!sweep->options.offline || (server_named && model_named))
        return 0;
    int found = kvt_journal_first(sweep->journal->path, "run", &record, error);
    if (found > 0)
        *run = kvt_json_parse(record.data, record.length, NULL, error);
    kvt_buffer_free(&record);
    if (!*run)
        return found == 0 ? 0 : -1;
    if (!model_named)
        named->model = kvt_json_text(*run, "model_name", NULL);
    if (server_named)
        return 0;
    named->base_url = kvt_json_text(*run, "base_url", NULL);
    if (!named->engine_name)
        named->engine_name = kvt_json_text(*run, "engine_name", NULL);
    return 0;
}

static int open_grid(struct kvt_sweep *sweep, const json_t *tree, const char *model,
                     const char *exp_group_id, struct kvt_error *error)
{
    struct kvt_grid_options named = {.base_url = sweep->options.base_url,
                                     .engine_name = sweep->options.engine_name,
                                     .salt = sweep->options.salt,
                                     .model = model,
                                     .exp_group_id = exp_group_id};
    json_t *run;
    if (recall_server(sweep, tree, &named, &run, error) != 0)
        return -1;
    int status = kvt_proof_check_settings(kvt_json_get(tree, "engine.kv_report"),
                                          kvt_json_get(tree, "kv.geometry"), error);
    if (status == 0)
        status = kvt_grid_open(&sweep->grid, tree, &named, error);
    json_decref(run);
    return status;
}

/* What was named and yet has no effect. */
static void tell_unused(const struct kvt_sweep *sweep)
{
    const char *base_url = sweep->options.base_url, *model = getenv("MODEL_NAME");
    if (base_url && *base_url && !sweep->grid.base_url_used)
        kvt_say("--base-url is not used: engine.endpoints names a server for every budget");
    if (model && *model && !sweep->options.offline && strcmp(model, sweep->grid.model) != 0 &&
        strcmp(sweep->grid.engine_name, "kvt-serve") != 0)
        kvt_say("MODEL_NAME is not used: the settings name the model %s (model.name)",
                sweep->grid.model);
}

/* Memory seen from outside: a command, the server's gauge. */
static int open_watch(struct kvt_sweep *sweep, const json_t *tree, struct kvt_client_options *asked,
                      struct kvt_error *error)
{
    const char *gauge = kvt_json_text(tree, "engine.gauge", NULL);
    const struct kvt_url *endpoint = &sweep->grid.endpoints[0];
    struct kvt_client_options reader = *asked;
    if (gauge && (asked->concurrency > 1 || sweep->grid.n_endpoints > 1))
        return kvt_fail(error, KVT_USAGE,
                        "engine.gauge counts all requests of one server: it needs --concurrency=1 "
                        "and one endpoint");
    char *metrics = kvt_asprintf("%s/metrics", endpoint->root);
    const char *url = kvt_json_text(tree, "engine.gauge_url", metrics);
    size_t root = strlen(endpoint->root);
    bool same_server = strncmp(url, endpoint->root, root) == 0 && strchr("/?", url[root]);
    if (!same_server) /* the key is the server's, not that of whoever collects its gauges */
        reader.api_key = NULL;
    kvt_watch_open(&sweep->watch, sweep->options.mem_probe, gauge, url, &reader,
                   same_server ? endpoint->credentials : NULL);
    free(metrics);
    asked->before = kvt_watch_before;
    asked->after = kvt_watch_after;
    asked->hook_context = &sweep->watch;
    return 0;
}

static int open_client(struct kvt_sweep *sweep, const json_t *tree,
                       struct kvt_client_options *asked, struct kvt_error *error)
{
    if (open_watch(sweep, tree, asked, error) != 0)
        return -1;
    sweep->client = kvt_client_open(asked, sweep->grid.endpoints, sweep->grid.n_endpoints, error);
    if (!sweep->client) {
        kvt_watch_close(&sweep->watch);
        return -1;
    }
    kvt_journal_on_sync(sweep->journal, kvt_client_wake, sweep->client);
    return 0;
}

static void open_window(struct kvt_sweep *sweep, const struct kvt_client_options *asked)
{
    const json_t *tree = sweep->tree;
    bool temperature = kvt_json_bool(tree, "engine.request.temperature", true);
    sweep->window = (struct kvt_window){
        .stage = sweep->stage,
        .grid = &sweep->grid,
        .client = sweep->client,
        .journal = sweep->journal,
        .record = {.kv_report = kvt_json_get(tree, "engine.kv_report"),
                   .geometry = kvt_json_get(tree, "kv.geometry"),
                   .temperature =
                       temperature ? kvt_json_number(tree, "decoding.temperature", 0) : NAN,
                   .evidence = sweep->preflight.evidence,
                   .gauge = sweep->watch.gauge ? &sweep->watch.reading : NULL,
                   .secret = asked->api_key,
                   .nonce = kvt_json_bool(tree, "engine.bust_prefix_cache", false)},
        .retry_failed = sweep->options.retry_failed,
        .latency_probe = kvt_json_integer(tree, "engine.latency_probe", 0),
        .capacity = asked->concurrency * sweep->grid.n_endpoints + 2,
        .created = kvt_clock_created(),
    };
    kvt_query_read_settings(&sweep->window.request, tree);
    kvt_window_open(&sweep->window);
}

/* Releases the client with what serves it. */
static void close_client(struct kvt_sweep *sweep)
{
    kvt_journal_on_sync(sweep->journal, NULL, NULL);
    kvt_client_close(sweep->client);
    if (sweep->client) {
        kvt_watch_tell(&sweep->watch);
        kvt_watch_close(&sweep->watch);
    }
    sweep->client = NULL;
}

int kvt_sweep_open(struct kvt_sweep *sweep, const json_t *tree, const char *model,
                   const char *exp_group_id, struct kvt_error *error)
{
    struct kvt_client_options asked;
    sweep->tree = tree;
    if (open_grid(sweep, tree, model, exp_group_id, error) != 0)
        return -1;
    tell_unused(sweep);
    int status = kvt_client_read_options(&asked, tree, error);
    asked.cacert = sweep->options.cacert;
    if (status == 0 && !sweep->options.offline)
        status = open_client(sweep, tree, &asked, error);
    if (status == 0 &&
        kvt_preflight_recall(&sweep->preflight, &sweep->grid, tree, sweep->journal, error) < 0) {
        close_client(sweep);
        status = -1;
    }
    if (status != 0) {
        kvt_grid_close(&sweep->grid);
        return -1;
    }
    open_window(sweep, &asked);
    kvt_progress_open(&sweep->progress);
    sweep->open = true;
    return 0;
}

void kvt_sweep_close(struct kvt_sweep *sweep)
{
    if (!sweep->open)
        return;
    sweep->n_asked += sweep->window.tally.asked;
    sweep->n_failed += sweep->window.tally.failed;
    close_client(sweep);
    kvt_preflight_free(&sweep->preflight);
    kvt_window_close(&sweep->window);
    kvt_grid_close(&sweep->grid);
    sweep->open = false;
}

/* --- asking --- */

int kvt_sweep_preflight(struct kvt_sweep *sweep, const struct kvt_candidates *candidates,
                        struct kvt_error *error)
{
    kvt_preflight_free(&sweep->preflight);
    int status =
        kvt_preflight_ensure(&sweep->preflight, sweep->client, &sweep->grid, sweep->tree,
                             candidates, sweep->journal, kvt_clock_created(), sweep->stop, error);
    if (status == 0)
        sweep->window.record.evidence = sweep->preflight.evidence;
    return status;
}

int kvt_sweep_begin(struct kvt_sweep *sweep, const struct kvt_line *line, struct kvt_error *error)
{
    if (kvt_warm_up(sweep->client, &sweep->grid, &sweep->window.request, line,
                    kvt_json_integer(sweep->tree, "engine.warmup", 0), sweep->stop, error) != 0)
        return -1;
    return kvt_window_runs(&sweep->window, sweep->preflight.record, error);
}

int kvt_sweep_entry(struct kvt_sweep *sweep, const struct kvt_line *line, struct kvt_error *error)
{
    int status = kvt_window_entry(&sweep->window, line, error);
    if (status == 0)
        sweep->n_entries++;
    return status;
}

static size_t expected(const struct kvt_sweep *sweep)
{
    return sweep->n_expected > sweep->n_entries ? sweep->n_expected : sweep->n_entries;
}

/* One turn of the loop; `input`: descriptor whose readability ends the wait, or -1. */
static int turn(struct kvt_sweep *sweep, double wait, int input, struct kvt_error *error)
{
    if (*sweep->stop)
        return 1;
    if (sweep->client && kvt_client_step(sweep->client, wait, input, error) != 0)
        return -1;
    if (kvt_window_flush(&sweep->window, error) != 0)
        return -1;
    kvt_progress_show(&sweep->progress, &sweep->grid, &sweep->window.tally, expected(sweep));
    return 0;
}

/* Would reading a line wait? Then answers under way are not kept waiting with it. */
static bool input_ready(const struct kvt_sweep *sweep)
{
    if (sweep->stage->reader.n_files > 0)
        return true;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

int kvt_sweep_make_room(struct kvt_sweep *sweep, struct kvt_error *error)
{
    int status = 0;
    if (!sweep->open)
        return 0;
    while (status == 0 && kvt_window_full(&sweep->window))
        status = turn(sweep, TURN_S, -1, error);
    while (status == 0 && sweep->client && kvt_client_pending(sweep->client) > 0 &&
           !input_ready(sweep))
        status = turn(sweep, TURN_S, STDIN_FILENO, error);
    return status == 0 ? turn(sweep, 0, -1, error) : status;
}

int kvt_sweep_drain(struct kvt_sweep *sweep, struct kvt_error *error)
{
    int status = 0;
    while (status == 0 && sweep->open && !kvt_window_empty(&sweep->window))
        status = turn(sweep, TURN_S, -1, error);
    return status;
}

/* --- the end --- */

void kvt_sweep_summary(struct kvt_sweep *sweep)
{
    kvt_progress_summary(&sweep->progress, &sweep->grid, &sweep->window.tally, sweep->n_entries);
}

/* Waits for the answers that are under way. */
static int land(struct kvt_sweep *sweep, struct kvt_error *error)
{
    size_t flying = kvt_client_flying(sweep->client);
    if (flying)
        kvt_say("interrupted: waiting for %zu answers under way (again to stop at once)", flying);
    while (kvt_client_flying(sweep->client) > 0)
        if (kvt_client_step(sweep->client, TURN_S, -1, error) != 0 ||
            kvt_window_flush(&sweep->window, error) != 0)
            return -1;
    return kvt_window_finish(&sweep->window, error);
}

int kvt_sweep_wind_down(struct kvt_sweep *sweep, struct kvt_error *error)
{
    if (!sweep->open || !sweep->client)
        return 0;
    size_t left = kvt_client_hold(sweep->client);
    if (land(sweep, error) != 0)
        return -1;
    if (sweep->n_entries == 0) {
        kvt_say("interrupted before the first entry; the same command begins again");
    } else {
        kvt_sweep_summary(sweep);
        kvt_say("interrupted with at least %zu requests to go%s", left,
                sweep->journal->path ? "; the same command goes on from the journal" : "");
    }
    kvt_watch_close(&sweep->watch);
    return 0;
}
