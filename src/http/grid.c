#include "http/grid.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/random.h"
#include "http/address.h"
#include "http/identity.h"
#include "http/placeholder.h"
#include "stream/json.h"
#include "stream/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const FRACTION = "fraction", *const TOKENS = "tokens";

static int add_endpoint(struct kvt_grid *grid, const char *text, size_t *index,
                        struct kvt_error *error)
{
    struct kvt_url url;
    if (kvt_url_parse(&url, text, error) != 0)
        return -1;
    for (size_t i = 0; i < grid->n_endpoints; i++)
        if (strcmp(grid->endpoints[i].base, url.base) == 0 &&
            strcmp(grid->endpoints[i].query, url.query) == 0) {
            kvt_url_free(&url);
            *index = i;
            return 0;
        }
    grid->endpoints =
        kvt_realloc_array(grid->endpoints, grid->n_endpoints + 1, sizeof *grid->endpoints);
    grid->endpoints[grid->n_endpoints] = url;
    *index = grid->n_endpoints++;
    return 0;
}

static json_t *setting(const json_t *tree, const char *path)
{
    json_t *value = kvt_json_get(tree, path);
    return value ? json_incref(value) : json_null();
}

/*
 * What the placeholders stand for in one run. The reference is the policy "full" at budget 1,
 * whatever the unit, and has no window, kernel or compression point: it is the same request in
 * every sweep.
 */
static json_t *placeholder_values(const struct kvt_grid *grid, const json_t *tree,
                                  const struct kvt_run *run)
{
    json_t *values = json_object();
    bool fraction = run->unit == FRACTION;
    json_object_set_new(values, "kv_policy", json_string(run->policy));
    json_object_set_new(values, "kv_budget", fraction ? json_real(run->budget) : json_null());
    json_object_set_new(values, "kv_capacity",
                        fraction ? json_null() : json_integer((json_int_t)run->budget));
    const char *const shared[][2] = {{"kv_window", "kv.window"},
                                     {"kv_kernel", "kv.kernel"},
                                     {"kv_compress_after", "kv.compress_after"}};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        json_object_set_new(values, shared[i][0],
                            run->reference ? json_null() : setting(tree, shared[i][1]));
    json_object_set_new(values, "model", json_string(grid->model));
    return values;
}

static int fill_run(const struct kvt_grid *grid, const json_t *tree, struct kvt_run *run,
                    struct kvt_error *error)
{
    json_t *values = placeholder_values(grid, tree, run);
    run->extra = kvt_placeholder_fill(kvt_json_get(tree, "engine.extra_body"), values, error);
    json_decref(values);
    if (!run->extra)
        return -1;
    kvt_identity_run(grid, run, run->run_id);
    return 0;
}

static int add_run(struct kvt_grid *grid, const json_t *tree,
                   const struct kvt_grid_options *options, const struct kvt_run *model,
                   struct kvt_error *error)
{
    struct kvt_run run = *model;
    const char *url = kvt_address_of(tree, run.budget, run.reference);
    if (!url) {
        url = kvt_address_base(tree, options->base_url);
        grid->base_url_used = true;
    }
    if (!url)
        return kvt_fail(
            error, KVT_USAGE,
            "no server: give --base-url, engine.base_url, BASE_URL or OPENAI_BASE_URL%s",
            json_object_size(kvt_json_get(tree, "engine.endpoints"))
                ? " (engine.endpoints does not name every budget)"
                : "");
    if (add_endpoint(grid, url, &run.endpoint, error) != 0)
        return -1;
    if (!grid->engine_name)
        grid->engine_name = kvt_strdup(grid->endpoints[run.endpoint].host);
    grid->runs = kvt_realloc_array(grid->runs, grid->n_runs + 1, sizeof *grid->runs);
    grid->runs[grid->n_runs++] = run;
    return 0;
}

/*
 * How the noise of identical runs is measured: by whole reference runs beside the first, or by a
 * second one on a few entries of each bin. A deterministic engine has none, so there a sample is
 * enough to assert it.
 */
static int read_replicates(const struct kvt_grid *grid, const json_t *tree, long long *replicates,
                           long long *sample, struct kvt_error *error)
{
    enum { EMBEDDED_SAMPLE = 3 };
    bool embedded = strcmp(grid->engine_name, "kvt-serve") == 0;
    *replicates = kvt_json_integer(tree, "kv.replicates", -1);
    *sample = kvt_json_integer(tree, "kv.noise_sample", -1);
    if (*replicates > 1 && *sample > 0)
        return kvt_fail(error, KVT_USAGE,
                        "kv.noise_sample is for one reference run, and kv.replicates is %lld: "
                        "leave one of them out",
                        *replicates);
    if (*sample < 0)
        *sample = *replicates < 0 && embedded ? EMBEDDED_SAMPLE : 0;
    if (*replicates < 0)
        *replicates = embedded || *sample > 0 ? 1 : 2;
    if (*replicates < 1 || *replicates > 15)
        return kvt_fail(error, KVT_USAGE, "kv.replicates is %lld; it must be 1 to 15", *replicates);
    return 0;
}

static int add_reference(struct kvt_grid *grid, const json_t *tree,
                         const struct kvt_grid_options *options, struct kvt_error *error)
{
    struct kvt_run run = {
        .policy = "full", .budget = 1, .unit = FRACTION, .reference = true, .replicate = 'a'};
    if (add_run(grid, tree, options, &run, error) != 0)
        return -1;
    long long replicates, sample;
    if (read_replicates(grid, tree, &replicates, &sample, error) != 0)
        return -1;
    for (long long i = 1; i < replicates; i++) {
        run.replicate = (char)('a' + i);
        if (add_run(grid, tree, options, &run, error) != 0)
            return -1;
    }
    if (sample == 0)
        return 0;
    run.replicate = 'b';
    run.sample = sample;
    return add_run(grid, tree, options, &run, error);
}

static int check_budget(double budget, const char *unit, struct kvt_error *error)
{
    if (unit == FRACTION && !(budget > 0 && budget <= 1))
        return kvt_fail(
            error, KVT_USAGE,
            "kv.budgets: %g is no fraction in (0, 1] (kv.budget_unit tokens counts tokens)",
            budget);
    if (unit == TOKENS && !(budget >= 1 && budget < 1e9 && budget == floor(budget)))
        return kvt_fail(error, KVT_USAGE,
                        "kv.budgets: %g is no whole number of tokens (kv.budget_unit is tokens)",
                        budget);
    return 0;
}

static int add_budgets(struct kvt_grid *grid, const json_t *tree,
                       const struct kvt_grid_options *options, struct kvt_error *error)
{
    const json_t *budgets = kvt_json_get(tree, "kv.budgets");
    const char *unit =
        strcmp(kvt_json_text(tree, "kv.budget_unit", FRACTION), TOKENS) == 0 ? TOKENS : FRACTION;
    const char *policy = kvt_json_text(tree, "kv.policy", "full");
    size_t n = json_array_size(budgets);
    bool has_reference = false;
    for (size_t i = 0; i < n; i++)
        if (unit == FRACTION && json_number_value(json_array_get(budgets, i)) == 1)
            has_reference = true;
    if (!has_reference && add_reference(grid, tree, options, error) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        double budget = json_number_value(json_array_get(budgets, i));
        if (check_budget(budget, unit, error) != 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (json_number_value(json_array_get(budgets, j)) == budget)
                return kvt_fail(error, KVT_USAGE, "kv.budgets names %g twice", budget);
        if (unit == FRACTION && budget == 1) {
            if (add_reference(grid, tree, options, error) != 0)
                return -1;
            continue;
        }
        struct kvt_run run = {.policy = policy, .budget = budget, .unit = unit, .replicate = 'a'};
        if (add_run(grid, tree, options, &run, error) != 0)
            return -1;
    }
    return 0;
}

/* Each key must be a budget, each value a URL; a budget that is not asked for is only told. */
static int check_endpoints(const struct kvt_grid *grid, const json_t *tree, struct kvt_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(kvt_json_get(tree, "engine.endpoints"), key, value)
    {
        char *end;
        double budget = strtod(key, &end);
        bool number = end != key && *end == '\0';
        bool known = strcmp(key, "full") == 0 || strcmp(key, "reference") == 0;
        if (!number && !known)
            return kvt_fail(error, KVT_USAGE,
                            "engine.endpoints: \"%s\" is no budget (a number, full or reference)",
                            key);
        if (!json_is_string(value))
            return kvt_fail(error, KVT_USAGE, "engine.endpoints: the URL of %s is not a string",
                            key);
        for (size_t i = 0; i < grid->n_runs; i++)
            known = known || grid->runs[i].budget == budget;
        if (!known)
            kvt_say("engine.endpoints names a server for budget %s, which kv.budgets does not "
                    "hold; it is not used",
                    key);
    }
    return 0;
}

/* A sweep whose budgets never reach the server is the same run under several labels. */
static int check_channel(struct kvt_grid *grid, const json_t *tree, struct kvt_error *error)
{
    const json_t *extra = kvt_json_get(tree, "engine.extra_body");
    grid->per_request =
        kvt_placeholder_uses(extra, "kv_budget") || kvt_placeholder_uses(extra, "kv_capacity");
    for (size_t i = 0; i < grid->n_runs; i++)
        for (size_t j = 0; j < i; j++) {
            const struct kvt_run *a = &grid->runs[i], *b = &grid->runs[j];
            bool same_budget = a->budget == b->budget && a->unit == b->unit;
            if (!same_budget && a->endpoint == b->endpoint && json_equal(a->extra, b->extra))
                return kvt_fail(
                    error, KVT_USAGE,
                    "nothing tells budget %g from budget %g at the server: put {kv_budget} (or "
                    "{kv_capacity}) into engine.extra_body, or give each budget a server of its "
                    "own in "
                    "engine.endpoints",
                    a->budget, b->budget);
        }
    return 0;
}

int kvt_grid_open(struct kvt_grid *grid, const json_t *tree, const struct kvt_grid_options *options,
                  struct kvt_error *error)
{
    *grid = (struct kvt_grid){
        .model =
            kvt_strdup(options->model ? options->model : kvt_json_text(tree, "model.name", "")),
        .salt = kvt_strdup(options->salt ? options->salt : ""),
        .seed = (uint64_t)kvt_json_integer(tree, "seed", 1),
        .repeats = (long)kvt_json_integer(tree, "decoding.repeats", 1),
        .kv = json_object(),
    };
    if (options->engine_name && *options->engine_name)
        grid->engine_name = kvt_strdup(options->engine_name);
    static const char *const members[] = {"window", "kernel", "compress_after"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set_new(grid->kv, members[i], setting(kvt_json_get(tree, "kv"), members[i]));
    if (grid->repeats < 1 || grid->repeats > 10000) {
        kvt_fail(error, KVT_USAGE, "decoding.repeats is %ld; it must be 1 to 10000", grid->repeats);
        goto fail;
    }
    if (kvt_address_check_secrets(tree, error) != 0 || add_budgets(grid, tree, options, error) != 0)
        goto fail;
    const char *group = options->exp_group_id;
    if (!group)
        group = kvt_json_text(tree, "output.exp_group_id", NULL);
    grid->exp_group_id = group ? kvt_strdup(group) : kvt_identity_group(grid, tree);
    for (size_t i = 0; i < grid->n_runs; i++)
        if (fill_run(grid, tree, &grid->runs[i], error) != 0)
            goto fail;
    if (check_endpoints(grid, tree, error) == 0 && check_channel(grid, tree, error) == 0)
        return 0;
fail:
    kvt_grid_close(grid);
    return -1;
}

void kvt_run_free(struct kvt_run *run)
{
    json_decref(run->extra);
    run->extra = NULL;
}

void kvt_grid_close(struct kvt_grid *grid)
{
    for (size_t i = 0; i < grid->n_runs; i++)
        kvt_run_free(&grid->runs[i]);
    for (size_t i = 0; i < grid->n_endpoints; i++)
        kvt_url_free(&grid->endpoints[i]);
    free(grid->runs);
    free(grid->endpoints);
    free(grid->exp_group_id);
    free(grid->engine_name);
    free(grid->salt);
    free(grid->model);
    json_decref(grid->kv);
    *grid = (struct kvt_grid){0};
}

int kvt_grid_probe_run(const struct kvt_grid *grid, const json_t *tree, double budget,
                       const char *unit, struct kvt_run *run, struct kvt_error *error)
{
    *run = (struct kvt_run){.policy = kvt_json_text(tree, "kv.policy", "full"),
                            .budget = budget,
                            .unit = strcmp(unit, TOKENS) == 0 ? TOKENS : FRACTION,
                            .replicate = 'p'};
    for (size_t i = 0; i < grid->n_runs; i++)
        if (!grid->runs[i].reference)
            run->endpoint = grid->runs[i].endpoint;
    return fill_run(grid, tree, run, error);
}

void kvt_grid_run_record(const struct kvt_grid *grid, const struct kvt_run *run, double created,
                         struct kvt_buffer *out)
{
    char date[KVT_DATE_SIZE];
    kvt_clock_date(created, date);
    struct kvt_writer writer;
    kvt_writer_start(&writer, out);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "kind", "run");
    kvt_member_string(&writer, "run_id", run->run_id);
    kvt_member_string(&writer, "exp_group_id", grid->exp_group_id);
    kvt_member_string(&writer, "kv_policy", run->policy);
    kvt_member_number(&writer, "kv_budget", run->budget);
    kvt_member_string(&writer, "budget_unit", run->unit);
    kvt_member_bool(&writer, "reference", run->reference);
    kvt_member_string(&writer, "replicate", (char[]){run->replicate, '\0'});
    if (run->sample)
        kvt_member_integer(&writer, "sample", run->sample);
    kvt_write_key(&writer, "kv");
    if (run->reference) {
        kvt_write_object(&writer);
        kvt_write_end(&writer);
    } else {
        kvt_write_json(&writer, grid->kv);
    }
    kvt_member_string(&writer, "engine_name", grid->engine_name);
    kvt_member_string(&writer, "base_url", grid->endpoints[run->endpoint].base);
    kvt_member_string(&writer, "model_name", grid->model);
    kvt_member_string(&writer, "created_at", date);
    kvt_write_end(&writer);
}

void kvt_grid_order(const struct kvt_grid *grid, const char *entry_id, size_t *order)
{
    size_t n = grid->n_runs * (size_t)grid->repeats;
    char purpose[160];
    snprintf(purpose, sizeof purpose, "interleave:%.140s", entry_id);
    struct kvt_random random;
    kvt_random_stream(&random, grid->seed, purpose);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) { /* Fisher-Yates */
        size_t j = kvt_random_bounded(&random, (uint32_t)i);
        size_t held = order[i - 1];
        order[i - 1] = order[j];
        order[j] = held;
    }
}
