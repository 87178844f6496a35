#include "stream/observation.h"

#include "core/memory.h"
#include "stream/json.h"
#include "stream/scan.h"
#include "stream/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *kvt_observations_name(const struct kvt_observations *table, uint32_t name)
{
    return kvt_names_text(&table->names, name);
}

void kvt_observations_free(struct kvt_observations *table)
{
    kvt_names_free(&table->names);
    free(table->items);
    free(table->runs);
    free(table->run_of_name);
    *table = (struct kvt_observations){0};
}

/* Scans an object member; `each` gets its members. A null or absent object has none. */
typedef int (*member_reader)(struct kvt_observations *table, struct kvt_observation *item,
                             const struct kvt_member *member, struct kvt_error *error);

static int read_object(struct kvt_observations *table, struct kvt_observation *item,
                       const struct kvt_member *object, const char *name, member_reader each,
                       struct kvt_error *error)
{
    struct kvt_scan scan;
    struct kvt_member member;
    if (kvt_value_is_null(object))
        return 0;
    kvt_scan_start(&scan, object->value, object->value_length);
    while (kvt_scan_next(&scan, &member))
        if (each(table, item, &member, error) != 0)
            return -1;
    return scan.bad ? kvt_fail(error, KVT_DATA, "%s is not an object", name) : 0;
}

/* One row per number that is copied as it is. */
struct number_row {
    const char *key;
    size_t offset;
};
#define ROW(key, member)                                                                           \
    {                                                                                              \
        key, offsetof(struct kvt_observation, member)                                              \
    }

/* Returns 1 when a row took the member, 0 when none has that key, -1 on a bad number. */
static int read_rows(const struct number_row *rows, struct kvt_observation *item,
                     const struct kvt_member *member, struct kvt_error *error)
{
    for (; rows->key; rows++)
        if (kvt_value_of(member, rows->key))
            return kvt_value_number(member, (double *)(void *)((char *)item + rows->offset),
                                    rows->key, error)
                       ? -1
                       : 1;
    return 0;
}

static const char *const applied_names[KVT_APPLIED_COUNT] = {
    "unknown", "proven", "reported", "behavioural", "unproven", "contradicted"};

const char *kvt_applied_name(enum kvt_applied applied)
{
    return applied_names[applied];
}

static const char *const flag_names[KVT_FLAG_COUNT] = {[KVT_FLAG_PREFIX_CACHED] = "prefix_cached",
                                                       [KVT_FLAG_RETRIED] = "retried",
                                                       [KVT_FLAG_PROMPT_TRUNCATED] =
                                                           "prompt_truncated",
                                                       [KVT_FLAG_PROMPT_LONGER] = "prompt_longer"};

const char *kvt_flag_name(enum kvt_flag flag)
{
    return flag_names[flag];
}

bool kvt_observation_contaminated(const struct kvt_observation *item)
{
    return (item->flags & (1U << KVT_FLAG_PREFIX_CACHED | 1U << KVT_FLAG_RETRIED)) != 0;
}

static void raise_flag(struct kvt_observation *item, enum kvt_flag flag)
{
    item->flags = (uint8_t)(item->flags | 1U << flag);
}

/* Names this table does not know are other people's: they stay on the record. */
static int read_flags(struct kvt_observation *item, const struct kvt_member *member,
                      struct kvt_error *error)
{
    json_t *list = kvt_json_parse(member->value, member->value_length, NULL, error);
    if (!list)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (int flag = 0; name && flag < KVT_FLAG_COUNT; flag++)
            if (strcmp(name, flag_names[flag]) == 0)
                raise_flag(item, (enum kvt_flag)flag);
    }
    json_decref(list);
    return 0;
}

static int read_kv(struct kvt_observations *table, struct kvt_observation *item,
                   const struct kvt_member *member, struct kvt_error *error)
{
    static const struct number_row rows[] = {ROW("kept_tokens", kept_tokens),
                                             ROW("bytes", kv_bytes),
                                             ROW("peak_bytes", kv_peak),
                                             ROW("prompt_tokens", kept_ratio), /* divided below */
                                             {NULL, 0}};
    if (kvt_value_of(member, "source"))
        return kvt_value_name(&table->names, member, &item->memory_source, "telemetry.kv.source",
                              error);
    if (kvt_value_of(member, "applied")) {
        for (int i = 1; i < KVT_APPLIED_COUNT; i++)
            if (member->value_length == strlen(applied_names[i]) + 2 &&
                memcmp(member->value + 1, applied_names[i], member->value_length - 2) == 0)
                item->applied = (uint8_t)i;
        return 0;
    }
    return read_rows(rows, item, member, error) < 0 ? -1 : 0;
}

static int read_telemetry(struct kvt_observations *table, struct kvt_observation *item,
                          const struct kvt_member *member, struct kvt_error *error)
{
    static const struct number_row rows[] = {
        ROW("latency_s", latency),          ROW("ttft_s", ttft),
        ROW("itl_p50_s", itl_p50),          ROW("itl_p95_s", itl_p95),
        ROW("prefill_s", prefill),          ROW("decode_s", decode),
        ROW("peak_mem_mb", process_memory), {NULL, 0}};
    if (kvt_value_of(member, "kv"))
        return read_object(table, item, member, "telemetry.kv", read_kv, error);
    if (kvt_value_of(member, "attempts") || kvt_value_of(member, "cached_tokens")) {
        double number;
        if (kvt_value_number(member, &number, "telemetry.attempts or cached_tokens", error) != 0)
            return -1;
        if (kvt_value_of(member, "attempts") && number > 1)
            raise_flag(item, KVT_FLAG_RETRIED);
        item->cache_known |= kvt_value_of(member, "cached_tokens") && !isnan(number);
        if (kvt_value_of(member, "cached_tokens") && number > 0)
            raise_flag(item, KVT_FLAG_PREFIX_CACHED);
        return 0;
    }
    if (kvt_value_of(member, "flags"))
        return kvt_value_is_null(member) ? 0 : read_flags(item, member, error);
    return read_rows(rows, item, member, error) < 0 ? -1 : 0;
}

static int read_request(struct kvt_observations *table, struct kvt_observation *item,
                        const struct kvt_member *member, struct kvt_error *error)
{
    static const struct number_row rows[] = {ROW("prompt_tokens", prompt_tokens), {NULL, 0}};
    (void)table;
    return read_rows(rows, item, member, error) < 0 ? -1 : 0;
}

static int read_response(struct kvt_observations *table, struct kvt_observation *item,
                         const struct kvt_member *member, struct kvt_error *error)
{
    static const struct number_row rows[] = {ROW("completion_tokens", completion_tokens),
                                             {NULL, 0}};
    (void)table;
    if (kvt_value_of(member, "text")) {
        item->text_hash = kvt_names_hash(member->value, member->value_length);
        return 0;
    }
    if (kvt_value_of(member, "finish_reason"))
        item->finish_known = !kvt_value_is_null(member);
    return read_rows(rows, item, member, error) < 0 ? -1 : 0;
}

static uint32_t unobservable_bit(struct kvt_observations *table, uint32_t name)
{
    for (size_t i = 0; i < table->n_unobservable; i++)
        if (table->unobservable[i] == name)
            return UINT32_C(1) << i;
    if (table->n_unobservable == KVT_UNOBSERVABLE)
        return 0;
    table->unobservable[table->n_unobservable] = name;
    return UINT32_C(1) << table->n_unobservable++;
}

static int read_unobservable(struct kvt_observations *table, const struct kvt_member *member,
                             uint32_t *mask, struct kvt_error *error)
{
    json_t *list = kvt_json_parse(member->value, member->value_length, NULL, error);
    if (!list)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        if (json_is_string(text))
            *mask |=
                unobservable_bit(table, kvt_names_intern(&table->names, json_string_value(text),
                                                         json_string_length(text)));
    }
    json_decref(list);
    return 0;
}

static int read_score(struct kvt_observations *table, struct kvt_observation *item,
                      const struct kvt_member *member, struct kvt_error *error)
{
    if (kvt_value_of(member, "failures_unobservable"))
        return read_unobservable(table, member, &item->unobservable, error);
    if (kvt_value_of(member, "pred_norm") && !kvt_value_is_null(member))
        item->answer_hash = kvt_names_hash(member->value, member->value_length);
    if (!kvt_value_of(member, "value"))
        return 0;
    if (kvt_value_number(member, &item->score, "score.value", error) != 0)
        return -1;
    if (item->score < 0 || item->score > 1)
        return kvt_fail(error, KVT_DATA, "score.value is not between 0 and 1");
    return 0;
}

static int read_failure(struct kvt_observations *table, struct kvt_observation *item,
                        const struct kvt_member *member, struct kvt_error *error)
{
    if (kvt_value_of(member, "failure_type"))
        return kvt_value_name(&table->names, member, &item->failure, "failure.failure_type", error);
    if (kvt_value_of(member, "class"))
        item->outcome =
            member->value_length == 16 && memcmp(member->value, "\"infrastructure\"", 16) == 0
                ? KVT_OUTCOME_INFRASTRUCTURE
                : KVT_OUTCOME_MODEL;
    return 0;
}

static int read_meta(struct kvt_observations *table, struct kvt_observation *item,
                     const struct kvt_member *member, struct kvt_error *error)
{
    if (kvt_value_of(member, "failures_unobservable"))
        return read_unobservable(table, member, &item->unobservable, error);
    return kvt_value_of(member, "task")
               ? kvt_value_name(&table->names, member, &item->task, "meta.task", error)
               : 0;
}

/* What a response says of its run, used only when there is no run line. */
struct run_hint {
    uint32_t policy;
    double budget;
};

static int read_response_member(struct kvt_observations *table, struct kvt_observation *item,
                                struct run_hint *hint, uint32_t *run, const struct kvt_member *m,
                                struct kvt_error *error)
{
    if (kvt_value_of(m, "run_id"))
        return kvt_value_name(&table->names, m, run, "run_id", error);
    if (kvt_value_of(m, "entry_id"))
        return kvt_value_name(&table->names, m, &item->entry, "entry_id", error);
    if (kvt_value_of(m, "request_id"))
        item->request_hash = kvt_names_hash(m->value, m->value_length);
    if (kvt_value_of(m, "bin_idx"))
        return kvt_value_integer(m, &item->bin, "bin_idx", error);
    if (kvt_value_of(m, "repeat"))
        return kvt_value_is_null(m) ? 0 : kvt_value_integer(m, &item->repeat, "repeat", error);
    if (kvt_value_of(m, "token_len"))
        return kvt_value_number(m, &item->tokens, "token_len", error);
    if (kvt_value_of(m, "kv_policy"))
        return kvt_value_name(&table->names, m, &hint->policy, "kv_policy", error);
    if (kvt_value_of(m, "kv_budget"))
        return kvt_value_number(m, &hint->budget, "kv_budget", error);
    if (kvt_value_of(m, "cluster"))
        return kvt_value_name(&table->names, m, &item->cluster, "cluster", error);
    if (kvt_value_of(m, "failures_unobservable"))
        return read_unobservable(table, m, &item->unobservable, error);
    if (kvt_value_of(m, "meta"))
        return read_object(table, item, m, "meta", read_meta, error);
    if (kvt_value_of(m, "request"))
        return read_object(table, item, m, "request", read_request, error);
    if (kvt_value_of(m, "response"))
        return read_object(table, item, m, "response", read_response, error);
    if (kvt_value_of(m, "telemetry"))
        return read_object(table, item, m, "telemetry", read_telemetry, error);
    if (kvt_value_of(m, "score"))
        return read_object(table, item, m, "score", read_score, error);
    if (kvt_value_of(m, "failure")) {
        if (!kvt_value_is_null(m))
            item->outcome = KVT_OUTCOME_MODEL;
        return read_object(table, item, m, "failure", read_failure, error);
    }
    return 0;
}

static struct kvt_run *run_of(struct kvt_observations *table, uint32_t id)
{
    while (table->n_run_of_name <= id) {
        size_t size = table->n_run_of_name ? table->n_run_of_name * 2 : 64;
        table->run_of_name =
            kvt_realloc_array(table->run_of_name, size, sizeof *table->run_of_name);
        for (size_t i = table->n_run_of_name; i < size; i++)
            table->run_of_name[i] = KVT_NO_NAME;
        table->n_run_of_name = size;
    }
    if (table->run_of_name[id] == KVT_NO_NAME) {
        kvt_grow(&table->runs, &table->runs_capacity, table->n_runs, sizeof *table->runs);
        table->run_of_name[id] = (uint32_t)table->n_runs;
        table->runs[table->n_runs++] = (struct kvt_run){.id = id,
                                                        .group = KVT_NO_NAME,
                                                        .model = KVT_NO_NAME,
                                                        .policy = KVT_NO_NAME,
                                                        .unit = KVT_NO_NAME,
                                                        .replicate = KVT_NO_NAME,
                                                        .budget = NAN,
                                                        .window = NAN};
    }
    return &table->runs[table->run_of_name[id]];
}

int kvt_observations_response(struct kvt_observations *table, const char *line, size_t length,
                              struct kvt_error *error)
{
    struct kvt_observation item = {.task = KVT_NO_NAME,
                                   .entry = KVT_NO_NAME,
                                   .cluster = KVT_NO_NAME,
                                   .failure = KVT_NO_NAME,
                                   .memory_source = KVT_NO_NAME,
                                   .bin = -1,
                                   .score = NAN,
                                   .tokens = NAN,
                                   .latency = NAN,
                                   .ttft = NAN,
                                   .itl_p50 = NAN,
                                   .itl_p95 = NAN,
                                   .prefill = NAN,
                                   .decode = NAN,
                                   .kv_bytes = NAN,
                                   .kv_peak = NAN,
                                   .kept_tokens = NAN,
                                   .kept_ratio = NAN,
                                   .process_memory = NAN,
                                   .prompt_tokens = NAN,
                                   .completion_tokens = NAN};
    struct run_hint hint = {KVT_NO_NAME, NAN};
    uint32_t run_id = KVT_NO_NAME;
    bool scored = false;
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line, length);
    while (kvt_scan_next(&scan, &member)) {
        scored |= kvt_value_of(&member, "score");
        if (read_response_member(table, &item, &hint, &run_id, &member, error) != 0)
            return -1;
    }
    if (scan.bad)
        return kvt_fail(error, KVT_DATA, "not one JSON object");
    if (run_id == KVT_NO_NAME || item.entry == KVT_NO_NAME || item.bin < 0)
        return kvt_fail(error, KVT_DATA, "response without %s",
                        run_id == KVT_NO_NAME       ? "run_id"
                        : item.entry == KVT_NO_NAME ? "entry_id"
                                                    : "bin_idx");
    if (!scored)
        return kvt_fail(error, KVT_DATA,
                        "response without score; pipe the stream through kvt-score");
    if (item.outcome == KVT_OUTCOME_INFRASTRUCTURE)
        item.score = NAN;
    else if (!item.finish_known) /* nobody can tell whether the answer was cut off */
        item.unobservable |=
            unobservable_bit(table, kvt_names_intern(&table->names, "TRUNCATED", 9));
    item.kept_ratio = item.kept_tokens / item.kept_ratio;
    if (!isfinite(item.kept_ratio))
        item.kept_ratio = NAN;
    item.process_memory *= 1048576;
    if (!item.answer_hash)
        item.answer_hash = item.text_hash;
    struct kvt_run *run = run_of(table, run_id);
    if (!run->from_line) { /* the smallest that any response says, so that order does not matter */
        if (run->policy == KVT_NO_NAME ||
            kvt_names_compare(&table->names, hint.policy, run->policy) < 0)
            run->policy = hint.policy;
        run->budget = fmin(run->budget, hint.budget);
    }
    item.run = (uint32_t)(run - table->runs);
    kvt_grow(&table->items, &table->capacity, table->count, sizeof *table->items);
    table->items[table->count++] = item;
    return 0;
}

static int compare_run_text(const struct kvt_observations *table, const struct kvt_run *a,
                            const struct kvt_run *b)
{
    int order = kvt_names_compare(&table->names, a->group, b->group);
    order = order ? order : kvt_names_compare(&table->names, a->model, b->model);
    order = order ? order : kvt_names_compare(&table->names, a->policy, b->policy);
    order = order ? order : (int)b->reference - (int)a->reference;
    order = order ? order : kvt_names_compare(&table->names, a->replicate, b->replicate);
    order = order ? order : kvt_names_compare(&table->names, a->unit, b->unit);
    if (!order && a->budget != b->budget)
        order = a->budget > b->budget ? -1 : 1;
    return order ? order : kvt_names_compare(&table->names, a->id, b->id);
}

static int read_run_kv(struct kvt_run *run, const struct kvt_member *object,
                       struct kvt_error *error)
{
    struct kvt_member member;
    if (kvt_value_is_null(object) ||
        !kvt_scan_find(object->value, object->value_length, "window", &member))
        return 0;
    return kvt_value_number(&member, &run->window, "kv.window", error);
}

static int read_run_member(struct kvt_observations *table, struct kvt_run *run,
                           const struct kvt_member *m, struct kvt_error *error)
{
    if (kvt_value_of(m, "run_id"))
        return kvt_value_name(&table->names, m, &run->id, "run_id", error);
    if (kvt_value_of(m, "exp_group_id"))
        return kvt_value_name(&table->names, m, &run->group, "exp_group_id", error);
    if (kvt_value_of(m, "model_name"))
        return kvt_value_name(&table->names, m, &run->model, "model_name", error);
    if (kvt_value_of(m, "kv_policy"))
        return kvt_value_name(&table->names, m, &run->policy, "kv_policy", error);
    if (kvt_value_of(m, "budget_unit"))
        return kvt_value_name(&table->names, m, &run->unit, "budget_unit", error);
    if (kvt_value_of(m, "replicate"))
        return kvt_value_name(&table->names, m, &run->replicate, "replicate", error);
    if (kvt_value_of(m, "kv_budget"))
        return kvt_value_number(m, &run->budget, "kv_budget", error);
    if (kvt_value_of(m, "reference"))
        run->reference = kvt_value_is_true(m);
    if (kvt_value_of(m, "sample"))
        run->sampled = !kvt_value_is_null(m);
    if (kvt_value_of(m, "kv"))
        return read_run_kv(run, m, error);
    if (kvt_value_of(m, "failures_unobservable"))
        return read_unobservable(table, m, &run->unobservable, error);
    return 0;
}

int kvt_observations_run(struct kvt_observations *table, const char *line, size_t length,
                         struct kvt_error *error)
{
    struct kvt_run run = {.id = KVT_NO_NAME,
                          .group = KVT_NO_NAME,
                          .model = KVT_NO_NAME,
                          .policy = KVT_NO_NAME,
                          .unit = KVT_NO_NAME,
                          .replicate = KVT_NO_NAME,
                          .budget = NAN,
                          .window = NAN,
                          .from_line = true};
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line, length);
    while (kvt_scan_next(&scan, &member))
        if (read_run_member(table, &run, &member, error) != 0)
            return -1;
    if (scan.bad)
        return kvt_fail(error, KVT_DATA, "not one JSON object");
    if (run.id == KVT_NO_NAME)
        return kvt_fail(error, KVT_DATA, "run without run_id");
    struct kvt_run *place = run_of(table, run.id);
    if (!place->from_line || compare_run_text(table, &run, place) < 0) {
        run.unobservable |= place->unobservable;
        *place = run;
    }
    return 0;
}
