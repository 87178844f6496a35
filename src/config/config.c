#include "config/config.h"

#include "core/memory.h"
#include "core/redact.h"
#include "stream/scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Places `value` (reference stolen) at a dotted path, making objects on the way. */
static void place(json_t *tree, const char *path, json_t *value)
{
    char key[128];
    for (;;) {
        size_t length = strcspn(path, ".");
        if (length >= sizeof key)
            kvt_die(KVT_USAGE, "configuration key too long: %s", path);
        memcpy(key, path, length);
        key[length] = '\0';
        if (path[length] == '\0') {
            json_object_set_new(tree, key, value);
            return;
        }
        json_t *child = json_object_get(tree, key);
        if (!json_is_object(child)) {
            child = json_object();
            json_object_set_new(tree, key, child);
        }
        tree = child;
        path += length + 1;
    }
}

json_t *kvt_config_defaults(void)
{
    json_t *tree = json_object();
    for (const struct kvt_config_key *key = kvt_config_keys; key->path; key++) {
        struct kvt_error error;
        json_t *value = kvt_json_parse(key->initial, strlen(key->initial), NULL, &error);
        if (!value)
            kvt_die(KVT_SYSTEM, "built-in default of %s: %s", key->path, error.text);
        place(tree, key->path, value);
    }
    return tree;
}

static const struct kvt_config_key *find_key(const char *path)
{
    for (const struct kvt_config_key *key = kvt_config_keys; key->path; key++)
        if (strcmp(key->path, path) == 0)
            return key;
    return NULL;
}

/* Is some key below this path? */
static bool is_section(const char *path)
{
    size_t length = strlen(path);
    for (const struct kvt_config_key *key = kvt_config_keys; key->path; key++)
        if (strncmp(key->path, path, length) == 0 && key->path[length] == '.')
            return true;
    return false;
}

void kvt_config_nearest(const char *path, char *name, size_t size)
{
    size_t best = SIZE_MAX;
    for (const struct kvt_config_key *key = kvt_config_keys; key->path; key++) {
        size_t length = 0;
        do { /* each section on the way to the key, then the key */
            char prefix[128];
            length += strcspn(key->path + length, ".");
            snprintf(prefix, sizeof prefix, "%.*s", (int)length, key->path);
            size_t distance = kvt_spelling_distance(path, prefix);
            if (distance < best) {
                best = distance;
                snprintf(name, size, "%s", prefix);
            }
        } while (key->path[length++] != '\0');
    }
}

static bool all_of(const json_t *array, bool (*test)(const json_t *))
{
    if (!json_is_array(array))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!test(json_array_get(array, i)))
            return false;
    return true;
}

static bool is_number(const json_t *value)
{
    return json_is_number(value);
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool has_type(const json_t *value, const struct kvt_config_key *key)
{
    if (json_is_null(value))
        return key->nullable;
    switch (key->type) {
    case KVT_CONFIG_TEXT:
        return json_is_string(value);
    case KVT_CONFIG_INTEGER:
        return json_is_integer(value);
    case KVT_CONFIG_NUMBER:
        return json_is_number(value);
    case KVT_CONFIG_BOOL:
        return json_is_boolean(value);
    case KVT_CONFIG_NUMBERS:
        return all_of(value, is_number);
    case KVT_CONFIG_TEXTS:
        return all_of(value, is_text);
    case KVT_CONFIG_COUNTS:
        return is_count(value) || all_of(value, is_count);
    case KVT_CONFIG_FILES:
        return is_text(value) || all_of(value, is_text);
    case KVT_CONFIG_OBJECT:
        return json_is_object(value);
    case KVT_CONFIG_ANY:
        break;
    }
    return true;
}

static const char *type_name(enum kvt_config_type type)
{
    static const char *const names[] = {
        [KVT_CONFIG_TEXT] = "a string",
        [KVT_CONFIG_INTEGER] = "a whole number",
        [KVT_CONFIG_NUMBER] = "a number",
        [KVT_CONFIG_BOOL] = "true or false",
        [KVT_CONFIG_NUMBERS] = "an array of numbers",
        [KVT_CONFIG_TEXTS] = "an array of strings",
        [KVT_CONFIG_COUNTS] = "a whole number or an array of whole numbers, none negative",
        [KVT_CONFIG_FILES] = "a string or an array of strings",
        [KVT_CONFIG_OBJECT] = "an object",
        [KVT_CONFIG_ANY] = "anything",
    };
    return names[type];
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = choices; at; at = strchr(at, '|'), at = at ? at + 1 : NULL)
        if (strcspn(at, "|") == length && strncmp(at, text, length) == 0)
            return true;
    return false;
}

/* The range of a number; each element's for a list. */
static int check_range(const json_t *value, const struct kvt_config_key *key, const char *source,
                       struct kvt_error *error)
{
    const struct kvt_config_range *range = kvt_config_ranges;
    while (range->path && strcmp(range->path, key->path) != 0)
        range++;
    if (!range->path)
        return 0;
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        double number = json_number_value(item);
        if (json_is_number(item) && (number < range->least || number > range->most))
            return kvt_fail(error, KVT_USAGE, "%s: %s is %g; it must be %s", source, key->path,
                            number, range->words);
        for (size_t j = 0; j < i; j++) /* only budgets are a list with a range */
            if (json_number_value(json_array_get(value, j)) == number)
                return kvt_fail(error, KVT_USAGE, "%s: %s names %g twice", source, key->path,
                                number);
    }
    return 0;
}

static int check_value(const json_t *value, const struct kvt_config_key *key, const char *source,
                       struct kvt_error *error)
{
    if (!has_type(value, key))
        return kvt_fail(error, KVT_USAGE, "%s: %s must be %s%s", source, key->path,
                        type_name(key->type), key->nullable ? " or null" : "");
    if (key->choices && json_is_string(value) && !is_choice(key->choices, json_string_value(value)))
        return kvt_fail(error, KVT_USAGE, "%s: %s is \"%s\"; it must be one of %s", source,
                        key->path, json_string_value(value), key->choices);
    return check_range(value, key, source, error);
}

/* `foreign`: of a stream that another version may have written, whose unknown keys are ignored. */
static int check_level(const json_t *tree, const char *prefix, const char *source, bool foreign,
                       struct kvt_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)tree, name, value)
    {
        char path[256];
        if ((size_t)snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", name) >=
            sizeof path)
            return kvt_fail(error, KVT_USAGE, "%s: a key is longer than %zu bytes", source,
                            sizeof path);
        const struct kvt_config_key *key = find_key(path);
        if (key) {
            if (check_value(value, key, source, error) != 0)
                return -1;
        } else if (!is_section(path)) {
            if (foreign)
                continue;
            char nearest[128] = "";
            kvt_config_nearest(path, nearest, sizeof nearest);
            return kvt_fail(error, KVT_USAGE, "%s: unknown key %s; the nearest valid key is %s",
                            source, path, nearest);
        } else if (!json_is_object(value)) {
            return kvt_fail(error, KVT_USAGE, "%s: %s must be an object", source, path);
        } else if (check_level(value, path, source, foreign, error) != 0) {
            return -1;
        }
    }
    return 0;
}

int kvt_config_check(const json_t *tree, const char *source, struct kvt_error *error)
{
    if (!json_is_object(tree))
        return kvt_fail(error, KVT_USAGE, "%s: settings must be one JSON object", source);
    return check_level(tree, "", source, false, error);
}

static void merge_level(json_t *base, const json_t *over, const char *prefix)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)over, name, value)
    {
        char path[256];
        snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", name);
        json_t *old = json_object_get(base, name);
        if (json_is_object(old) && json_is_object(value) && !find_key(path))
            merge_level(old, value, path);
        else
            json_object_set_new(base, name, json_deep_copy(value));
    }
}

void kvt_config_merge(json_t *base, const json_t *over)
{
    if (json_is_object(over))
        merge_level(base, over, "");
}

/* An option's text as a value of the key's type: JSON where the key wants JSON, else the bare text.
 */
static json_t *option_value(const struct kvt_config_key *key, const struct kvt_override *override)
{
    struct kvt_error error;
    if (key->type == KVT_CONFIG_TEXT)
        return json_string(override->value);
    json_t *value = kvt_json_parse(override->value, strlen(override->value), NULL, &error);
    /* --budgets=1.0,0.5 is easier to type than --budgets='[1.0,0.5]' */
    bool list = key->type == KVT_CONFIG_NUMBERS || key->type == KVT_CONFIG_COUNTS;
    if ((!value || !has_type(value, key)) && list) {
        json_decref(value);
        char *text = kvt_asprintf("[%s]", override->value);
        value = kvt_json_parse(text, strlen(text), NULL, &error);
        free(text);
    }
    if (!value)
        kvt_die(KVT_USAGE, "--%s: '%s' must be %s", override->option, override->value,
                type_name(key->type));
    return value;
}

/* Replaces a member that is a URL by what may be published of it. */
static void strip_member(json_t *object, const char *name)
{
    const char *url = json_string_value(json_object_get(object, name));
    if (!url || !strstr(url, "://")) /* model.tokenizer may be a file */
        return;
    struct kvt_buffer clean = {0};
    kvt_redact_url(url, &clean);
    json_object_set_new(object, name, json_string(kvt_buffer_string(&clean)));
    kvt_buffer_free(&clean);
}

void kvt_config_strip(json_t *tree)
{
    json_t *engine = json_object_get(tree, "engine");
    json_t *endpoints = json_object_get(engine, "endpoints");
    strip_member(engine, "base_url");
    strip_member(engine, "gauge_url");
    strip_member(json_object_get(tree, "model"), "tokenizer");
    const char *budget;
    json_t *url;
    void *next;
    json_object_foreach_safe(endpoints, next, budget, url)
    {
        (void)url;
        strip_member(endpoints, budget);
    }
}

void kvt_settings_open(struct kvt_settings *settings, const char *file,
                       const struct kvt_arguments *arguments)
{
    struct kvt_error error;
    *settings = (struct kvt_settings){.options = json_object()};
    for (size_t i = 0; i < arguments->n_overrides; i++) {
        const struct kvt_override *override = &arguments->overrides[i];
        const struct kvt_config_key *key = find_key(override->key);
        if (!key)
            kvt_die(KVT_SYSTEM, "option --%s names no configuration key", override->option);
        json_t *value = option_value(key, override);
        char source[64];
        snprintf(source, sizeof source, "--%s", override->option);
        if (check_value(value, key, source, &error) != 0)
            kvt_die_error(&error);
        place(settings->options, key->path, value);
    }
    if (!file)
        return;
    settings->file = kvt_json_load(file, &error);
    if (!settings->file)
        kvt_die(KVT_USAGE, "%s", error.text);
    if (kvt_config_check(settings->file, file, &error) != 0)
        kvt_die_error(&error);
}

int kvt_settings_stream(struct kvt_settings *settings, const json_t *config,
                        struct kvt_error *error)
{
    const char *source = "experiment.config";
    bool none = !config || json_is_null(config);
    if (!none && !json_is_object(config))
        return kvt_fail(error, KVT_DATA, "%s is not an object", source);
    if (!none && check_level(config, "", source, true, error) != 0) {
        error->code = KVT_DATA;
        return -1;
    }
    json_decref(settings->stream);
    settings->stream = none ? NULL : json_deep_copy(config);
    json_decref(settings->merged);
    settings->merged = NULL;
    return 0;
}

void kvt_settings_check_names(const json_t *tree, const char *const *keys)
{
    for (; *keys; keys++)
        if (!*kvt_json_text(tree, *keys, "unset"))
            kvt_die(KVT_USAGE, "%s is empty; give a name, or leave it out", *keys);
}

const char *kvt_settings_model(const json_t *tree)
{
    const char *name = kvt_json_text(tree, "model.name", NULL);
    if (!name || !*name)
        name = getenv("MODEL_NAME");
    return name && *name ? name : "recall";
}

const json_t *kvt_settings_tree(struct kvt_settings *settings)
{
    if (!settings->merged) {
        settings->merged = kvt_config_defaults();
        kvt_config_merge(settings->merged, settings->stream);
        kvt_config_merge(settings->merged, settings->file);
        kvt_config_merge(settings->merged, settings->options);
    }
    return settings->merged;
}

const json_t *kvt_settings_given(struct kvt_settings *settings)
{
    kvt_config_strip(settings->options);
    return settings->options;
}

void kvt_settings_close(struct kvt_settings *settings)
{
    json_decref(settings->options);
    json_decref(settings->file);
    json_decref(settings->stream);
    json_decref(settings->merged);
    *settings = (struct kvt_settings){0};
}

int kvt_settings_experiment(struct kvt_settings *settings, const char *const *sections,
                            struct kvt_stage *stage, const struct kvt_line *line,
                            struct kvt_error *error)
{
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    if (kvt_settings_stream(settings, json_object_get(record, "config"), error) != 0) {
        json_decref(record);
        return -1;
    }
    if (!settings->file && json_object_size(settings->options) == 0) {
        kvt_stage_copy(stage, line);
        json_decref(record);
        return 0;
    }
    json_t *config = json_deep_copy(json_object_get(record, "config"));
    if (!json_is_object(config)) {
        json_decref(config);
        config = json_object();
    }
    const json_t *tree = kvt_settings_tree(settings);
    for (; *sections; sections++)
        json_object_set_new(config, *sections, json_deep_copy(json_object_get(tree, *sections)));
    kvt_config_strip(config);
    struct kvt_buffer members = {0}, out = {0};
    kvt_buffer_text(&members, "\"config\":");
    kvt_json_write(&members, config);
    static const char *const remove[] = {"config", NULL};
    int status = kvt_splice(&out, line->data, line->length, remove, members.data, members.length);
    if (status == 0)
        kvt_stage_emit_buffer(stage, line->kind, &out);
    else
        kvt_fail(error, KVT_DATA, "not one JSON object");
    kvt_buffer_free(&members);
    kvt_buffer_free(&out);
    json_decref(config);
    json_decref(record);
    return status;
}
