#include "text/declared.h"

#include "core/memory.h"
#include "core/option.h"
#include "text/normalize.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A rule and what it owns. */
struct entry {
    const char *name; /* of a task in scoring.tasks; NULL for the built-in ones */
    struct kvt_scored_task task;
    struct kvt_rule rule;
    const char **abstentions; /* owned list of borrowed strings, or NULL */
    struct kvt_buffer norms;  /* the abstentions' normalised texts, */
    struct kvt_span *norm_of; /* and where each one is */
};

struct kvt_rules {
    struct entry *entries; /* scoring.tasks first, then kvt_scored_tasks in order, then
                              kvt_scored_task_other */
    size_t count, n_named;
    struct kvt_pattern **refusals;
    size_t n_refusals;
    bool refusal_opens[256];
};

/* A list of the strings in a JSON array, NULL-terminated; NULL if it is no array. */
static const char **strings_of(const json_t *array)
{
    if (!json_is_array(array))
        return NULL;
    size_t count = 0;
    const char **list = kvt_alloc_array(json_array_size(array) + 1, sizeof *list);
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_string(json_array_get(array, i)))
            list[count++] = json_string_value(json_array_get(array, i));
    list[count] = NULL;
    return list;
}

static int metric_of(const char *name, const char *backend, const char *key,
                     const struct kvt_metric **found, struct kvt_error *error)
{
    *found = kvt_metric_find(name, backend);
    if (*found)
        return 0;
    const char *nearest = kvt_metrics[0].name;
    for (const struct kvt_metric *metric = kvt_metrics; metric->name; metric++)
        if (kvt_spelling_distance(metric->name, name) < kvt_spelling_distance(nearest, name))
            nearest = metric->name;
    return kvt_fail(error, KVT_USAGE, "%s: there is no metric \"%s\"; did you mean \"%s\"?", key,
                    name, nearest);
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_bool(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_texts(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return json_is_array(value);
}

/* What a task of scoring.tasks can say; null leaves it to the built-in task. */
static const struct {
    const char *key;
    bool (*has_type)(const json_t *value);
    const char *type;
} task_keys[] = {
    {"metric", is_text, "a string"},           {"first_line", is_bool, "true or false"},
    {"answers_end", is_bool, "true or false"}, {"abstentions", is_texts, "an array of strings"},
    {"format", is_text, "a string"},
};

/* Whether the task says only what is known, each in its type. */
static int check_named(const char *name, const json_t *said, struct kvt_error *error)
{
    enum { KEYS = sizeof task_keys / sizeof *task_keys };
    const char *key;
    json_t *value;
    if (!json_is_object(said))
        return kvt_fail(error, KVT_USAGE, "scoring.tasks.%s must be an object", name);
    json_object_foreach((json_t *)(uintptr_t)said, key, value)
    {
        size_t i = 0;
        while (i < KEYS && strcmp(task_keys[i].key, key) != 0)
            i++;
        if (i == KEYS)
            return kvt_fail(error, KVT_USAGE,
                            "scoring.tasks.%s.%s: a task says metric, first_line, answers_end, "
                            "abstentions, format",
                            name, key);
        if (!json_is_null(value) && !task_keys[i].has_type(value))
            return kvt_fail(error, KVT_USAGE, "scoring.tasks.%s.%s must be %s or null", name, key,
                            task_keys[i].type);
    }
    return 0;
}

/* Lays what a task of scoring.tasks says over the built-in task of that name. */
static int read_named(struct entry *entry, const char *name, const json_t *said,
                      struct kvt_error *error)
{
    if (check_named(name, said, error) != 0)
        return -1;
    entry->name = name;
    entry->task = *kvt_scored_task_find(name);
    entry->task.name = name;
    entry->task.metric = kvt_json_text(said, "metric", entry->task.metric);
    entry->task.first_line = kvt_json_bool(said, "first_line", entry->task.first_line);
    entry->task.answers_end = kvt_json_bool(said, "answers_end", entry->task.answers_end);
    entry->task.format = kvt_json_text(said, "format", entry->task.format);
    entry->abstentions = strings_of(json_object_get(said, "abstentions"));
    return 0;
}

/* Normalises the declared abstentions once for all rows. */
static void normalize_abstentions(struct entry *entry)
{
    struct kvt_declared *declared = &entry->rule.declared;
    size_t count = 0, bytes = 0;
    for (; declared->abstentions && declared->abstentions[count]; count++)
        bytes += KVT_NORMALIZE_ROOM(strlen(declared->abstentions[count]));
    entry->norm_of = kvt_alloc_array(count, sizeof *entry->norm_of);
    kvt_buffer_reserve(&entry->norms, bytes); /* the spans borrow from it: it does not move */
    for (size_t i = 0; i < count; i++) {
        const char *text = declared->abstentions[i];
        size_t start = entry->norms.length;
        kvt_normalize_english(&entry->norms, text, strlen(text));
        entry->norm_of[i] =
            (struct kvt_span){entry->norms.data + start, entry->norms.length - start};
    }
    declared->abstention_norms = entry->norm_of;
}

/* What the settings say for every task comes last: it wins over a task's own. */
static int complete(struct kvt_rules *rules, struct entry *entry, const json_t *scoring,
                    struct kvt_error *error)
{
    const char *metric = kvt_json_text(scoring, "metric", NULL);
    const char *format = kvt_json_text(scoring, "format_pattern", entry->task.format);
    struct kvt_declared *declared = &entry->rule.declared;
    if (metric_of(metric ? metric : entry->task.metric, kvt_json_text(scoring, "code_sim", NULL),
                  metric ? "scoring.metric" : "scoring.tasks", &entry->rule.metric, error) != 0)
        return -1;
    const char **abstentions = strings_of(json_object_get(scoring, "abstentions"));
    if (abstentions) {
        free(entry->abstentions);
        entry->abstentions = abstentions;
    }
    declared->task = &entry->task;
    declared->abstentions = entry->abstentions ? entry->abstentions : entry->task.abstentions;
    normalize_abstentions(entry);
    declared->refusals = rules->refusals;
    declared->n_refusals = rules->n_refusals;
    declared->refusal_opens = rules->refusal_opens;
    if (format && !(declared->format = kvt_pattern_compile(format, error)))
        return kvt_fail_context(error, "format of task %s", entry->task.name);
    return 0;
}

static int compile_refusals(struct kvt_rules *rules, const json_t *scoring, struct kvt_error *error)
{
    static const char *const keys[] = {"refusal_patterns", "more_refusal_patterns"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const char **list = strings_of(json_object_get(scoring, keys[k]));
        size_t count = 0;
        while (list && list[count])
            count++;
        rules->refusals = kvt_realloc_array(rules->refusals, rules->n_refusals + count + 1,
                                            sizeof(struct kvt_pattern *));
        for (size_t i = 0; i < count; i++) {
            struct kvt_pattern *pattern = kvt_pattern_compile(list[i], error);
            if (!pattern) {
                free(list);
                return kvt_fail_context(error, "scoring.%s", keys[k]);
            }
            rules->refusals[rules->n_refusals++] = pattern;
            for (size_t c = 0; c < sizeof rules->refusal_opens; c++)
                rules->refusal_opens[c] =
                    rules->refusal_opens[c] || kvt_pattern_opens(pattern, (unsigned char)c);
        }
        free(list);
    }
    return 0;
}

static int build(struct kvt_rules *rules, const json_t *scoring, struct kvt_error *error)
{
    const json_t *named = json_object_get(scoring, "tasks");
    size_t n_builtin = 0;
    while (kvt_scored_tasks[n_builtin].name)
        n_builtin++;
    rules->n_named = json_object_size(named);
    rules->entries = kvt_alloc_zero(rules->n_named + n_builtin + 1, sizeof *rules->entries);
    if (compile_refusals(rules, scoring, error) != 0)
        return -1;
    const char *name;
    json_t *said;
    json_object_foreach((json_t *)(uintptr_t)named, name, said)
    {
        struct entry *entry = &rules->entries[rules->count++];
        if (read_named(entry, name, said, error) != 0 ||
            complete(rules, entry, scoring, error) != 0)
            return -1;
    }
    for (size_t i = 0; i <= n_builtin; i++) {
        struct entry *entry = &rules->entries[rules->count++];
        entry->task = i < n_builtin ? kvt_scored_tasks[i] : kvt_scored_task_other;
        if (complete(rules, entry, scoring, error) != 0)
            return -1;
    }
    return 0;
}

struct kvt_rules *kvt_rules_make(const json_t *scoring, struct kvt_error *error)
{
    struct kvt_rules *rules = kvt_alloc_zero(1, sizeof *rules);
    if (build(rules, scoring, error) == 0)
        return rules;
    kvt_rules_free(rules);
    return NULL;
}

void kvt_rules_free(struct kvt_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->entries[i].abstentions);
        free(rules->entries[i].norm_of);
        kvt_buffer_free(&rules->entries[i].norms);
        kvt_pattern_free(rules->entries[i].rule.declared.format);
    }
    for (size_t i = 0; i < rules->n_refusals; i++)
        kvt_pattern_free(rules->refusals[i]);
    free(rules->refusals);
    free(rules->entries);
    free(rules);
}

const struct kvt_rule *kvt_rules_find(const struct kvt_rules *rules, const char *task)
{
    for (size_t i = 0; task && i < rules->n_named; i++)
        if (strcmp(rules->entries[i].name, task) == 0)
            return &rules->entries[i].rule;
    const struct kvt_scored_task *found = kvt_scored_task_find(task);
    size_t place = found == &kvt_scored_task_other ? rules->count - rules->n_named - 1
                                                   : (size_t)(found - kvt_scored_tasks);
    return &rules->entries[rules->n_named + place].rule;
}
