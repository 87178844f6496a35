/*
 * The second half of stream/observation.h: from lines in any order to one order, without
 * duplicates.
 */
#include "core/memory.h"
#include "stream/json.h"
#include "stream/observation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void renumber(uint32_t *name, const uint32_t *rank)
{
    if (*name != KVT_NO_NAME)
        *name = rank[*name];
}

/* qsort has no context argument, so the names are renumbered in byte order before anything else. */
static void sort_names(struct kvt_observations *table)
{
    uint32_t *rank = kvt_alloc_array(table->names.count, sizeof *rank);
    kvt_names_sort(&table->names, rank);
    for (size_t i = 0; i < table->count; i++) {
        struct kvt_observation *item = &table->items[i];
        renumber(&item->task, rank);
        renumber(&item->entry, rank);
        renumber(&item->cluster, rank);
        renumber(&item->failure, rank);
        renumber(&item->memory_source, rank);
    }
    for (size_t i = 0; i < table->n_runs; i++) {
        struct kvt_run *run = &table->runs[i];
        renumber(&run->id, rank);
        renumber(&run->group, rank);
        renumber(&run->model, rank);
        renumber(&run->policy, rank);
        renumber(&run->unit, rank);
        renumber(&run->replicate, rank);
    }
    for (size_t i = 0; i < table->n_unobservable; i++)
        renumber(&table->unobservable[i], rank);
    free(rank);
}

/* KVT_NO_NAME sorts first. */
static int name_order(uint32_t a, uint32_t b)
{
    a++, b++;
    return (a > b) - (a < b);
}

static int by_run(const void *a, const void *b)
{
    const struct kvt_run *x = a, *y = b;
    int order = name_order(x->group, y->group);
    order = order ? order : name_order(x->model, y->model);
    order = order ? order : name_order(x->policy, y->policy);
    order = order ? order : (int)y->reference - (int)x->reference;
    order = order ? order : name_order(x->replicate, y->replicate);
    order = order ? order : name_order(x->unit, y->unit);
    if (!order && x->budget != y->budget)
        order = x->budget > y->budget || isnan(y->budget) ? -1 : 1;
    return order ? order : name_order(x->id, y->id);
}

static void sort_runs(struct kvt_observations *table)
{
    uint32_t *old_id = kvt_alloc_array(table->n_runs, sizeof *old_id);
    for (size_t i = 0; i < table->n_runs; i++)
        old_id[i] = table->runs[i].id;
    if (table->n_runs)
        qsort(table->runs, table->n_runs, sizeof *table->runs, by_run);
    uint32_t *place = kvt_alloc_array(table->names.count, sizeof *place);
    for (size_t i = 0; i < table->n_runs; i++)
        place[table->runs[i].id] = (uint32_t)i;
    for (size_t i = 0; i < table->count; i++)
        table->items[i].run = place[old_id[table->items[i].run]];
    free(place);
    free(old_id);
    free(table->run_of_name); /* its names are the old numbers */
    table->run_of_name = NULL;
    table->n_run_of_name = 0;
}

static int by_key(const struct kvt_observation *x, const struct kvt_observation *y)
{
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->task != y->task)
        return name_order(x->task, y->task);
    if (x->bin != y->bin)
        return x->bin < y->bin ? -1 : 1;
    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return (x->repeat > y->repeat) - (x->repeat < y->repeat);
}

static int number_order(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) - isnan(a);
    return (a > b) - (a < b);
}

static int by_content(const struct kvt_observation *x, const struct kvt_observation *y)
{
    static const size_t reals[] = {offsetof(struct kvt_observation, score),
                                   offsetof(struct kvt_observation, tokens),
                                   offsetof(struct kvt_observation, latency),
                                   offsetof(struct kvt_observation, ttft),
                                   offsetof(struct kvt_observation, itl_p50),
                                   offsetof(struct kvt_observation, itl_p95),
                                   offsetof(struct kvt_observation, prefill),
                                   offsetof(struct kvt_observation, decode),
                                   offsetof(struct kvt_observation, kv_bytes),
                                   offsetof(struct kvt_observation, kv_peak),
                                   offsetof(struct kvt_observation, kept_tokens),
                                   offsetof(struct kvt_observation, kept_ratio),
                                   offsetof(struct kvt_observation, prompt_tokens),
                                   offsetof(struct kvt_observation, process_memory),
                                   offsetof(struct kvt_observation, completion_tokens)};
    int order = (x->outcome > y->outcome) - (x->outcome < y->outcome);
    order = order ? order : name_order(x->failure, y->failure);
    for (size_t i = 0; !order && i < sizeof reals / sizeof *reals; i++)
        order = number_order(*(const double *)(const void *)((const char *)x + reals[i]),
                             *(const double *)(const void *)((const char *)y + reals[i]));
    order = order ? order : (x->text_hash > y->text_hash) - (x->text_hash < y->text_hash);
    order = order ? order : (x->answer_hash > y->answer_hash) - (x->answer_hash < y->answer_hash);
    order = order ? order : (x->applied > y->applied) - (x->applied < y->applied);
    order = order ? order : (x->flags > y->flags) - (x->flags < y->flags);
    order = order ? order : name_order(x->cluster, y->cluster);
    return order ? order
                 : (x->request_hash > y->request_hash) - (x->request_hash < y->request_hash);
}

static int by_key_and_content(const void *a, const void *b)
{
    int order = by_key(a, b);
    return order ? order : by_content(a, b);
}

static void guess_reference(struct kvt_observations *table)
{
    for (size_t i = 0; i < table->n_runs; i++)
        if (table->runs[i].reference)
            return;
    for (size_t i = 0; i < table->n_runs; i++) {
        struct kvt_run *run = &table->runs[i];
        if (!run->from_line && run->budget == 1)
            run->reference = table->reference_guessed = true;
    }
}

void kvt_observations_sort(struct kvt_observations *table)
{
    sort_names(table);
    guess_reference(table);
    sort_runs(table);
    if (table->count)
        qsort(table->items, table->count, sizeof *table->items, by_key_and_content);
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (kept && by_key(&table->items[kept - 1], &table->items[i]) == 0) {
            table->n_duplicates++;
            table->n_conflicts += by_content(&table->items[kept - 1], &table->items[i]) != 0;
            continue;
        }
        table->items[kept++] = table->items[i];
    }
    table->count = kept;
    for (size_t i = 0; i < kept; i++)
        table->runs[table->items[i].run].unobservable |= table->items[i].unobservable;
}

void kvt_observations_write_names(struct kvt_writer *writer, const struct kvt_observations *table,
                                  const struct kvt_run *run, uint32_t task)
{
    const char *unit = kvt_observations_name(table, run->unit);
    kvt_member_string(writer, "run_id", kvt_observations_name(table, run->id));
    kvt_member_string(writer, "exp_group_id", kvt_observations_name(table, run->group));
    kvt_member_string(writer, "model_name", kvt_observations_name(table, run->model));
    kvt_member_string(writer, "task", kvt_observations_name(table, task));
    kvt_member_string(writer, "kv_policy", kvt_observations_name(table, run->policy));
    kvt_member_number(writer, "kv_budget", run->budget);
    kvt_member_string(writer, "budget_unit",
                      unit               ? unit
                      : run->budget <= 1 ? "fraction"
                                         : "tokens");
}
