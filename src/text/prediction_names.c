#include "text/prediction_names.h"

#include "core/memory.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void kvt_hints_free(struct kvt_hints *hints)
{
    free(hints->policy);
    free(hints->model);
    free(hints->task);
    *hints = (struct kvt_hints){.length = NAN};
}

/* Replaces an owned text with a copy of `length` bytes, in lower case if asked. */
static void keep(char **place, const char *text, size_t length, bool lower)
{
    free(*place);
    *place = kvt_strndup(text, length);
    for (char *c = *place; lower && *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* The directory `up` levels above the file (0: the file's own name). NULL if there is none. */
static const char *part_of(const char *path, size_t up, size_t *length)
{
    const char *end = path + strlen(path);
    for (;;) {
        const char *start = end;
        while (start > path && start[-1] != '/')
            start--;
        if (up == 0) {
            *length = (size_t)(end - start);
            return *length ? start : NULL;
        }
        if (start == path)
            return NULL;
        end = start - 1;
        up--;
    }
}

/* The file's name without its last ending. */
static const char *stem_of(const char *path, size_t *length)
{
    const char *name = part_of(path, 0, length);
    for (size_t i = *length; name && i-- > 1;)
        if (name[i] == '.') {
            *length = i;
            break;
        }
    return name;
}

/* A text that is a number from beginning to end. */
static bool read_number(const char *text, size_t length, double *value)
{
    char copy[32];
    if (length == 0 || length >= sizeof copy || !isdigit((unsigned char)text[0]))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *end;
    *value = strtod(copy, &end);
    return *end == '\0' && isfinite(*value);
}

/* A number up to 1 is a share of the prompt, a larger one a capacity in tokens. */
static void set_budget(struct kvt_hints *hints, double number)
{
    hints->has_budget = number > 0;
    hints->budget = number;
    hints->unit = number <= 1 ? "fraction" : "tokens";
}

static void set_policy(struct kvt_hints *hints, const char *name, size_t length)
{
    keep(&hints->policy, name, length, true);
    if (kvt_policy_is_full(hints->policy))
        set_budget(hints, 1);
}

/* A model whose name of MAKER/MODEL stands in a directory's name with `mark` for the slash. */
static void set_model(struct kvt_hints *hints, const char *name, size_t length, const char mark[2])
{
    keep(&hints->model, name, length, false);
    char *slash = strstr(hints->model, mark);
    if (slash && slash > hints->model && slash[2]) {
        *slash = '/';
        memmove(slash + 1, slash + 2, strlen(slash + 2) + 1);
    }
}

/* kvpress's ratio is the share that goes; 1 - .8 must be .2 and not .19999999999999996. */
static double kept_share(double ratio)
{
    return round((1 - ratio) * 1e9) / 1e9;
}

/* "snapkv-1024", "h2o_0.5", "full": a directory that names a policy and its budget. */
static bool read_run_name(const char *path, size_t up, struct kvt_hints *hints)
{
    size_t length;
    const char *name = part_of(path, up, &length);
    if (!name)
        return false;
    size_t cut = length; /* before the last "-" or "_" */
    while (cut > 0 && name[cut - 1] != '-' && name[cut - 1] != '_')
        cut--;
    double number;
    if (cut > 1 && read_number(name + cut, length - cut, &number)) {
        set_policy(hints, name, cut - 1);
        set_budget(hints, number);
        return true;
    }
    char *lower = NULL;
    keep(&lower, name, length, true);
    bool full = kvt_policy_is_full(lower);
    if (full)
        set_policy(hints, name, length);
    free(lower);
    return full;
}

void kvt_names_longbench(const char *path, const char *settings, struct kvt_hints *hints)
{
    (void)settings;
    size_t length;
    const char *name = stem_of(path, &length);
    if (name)
        keep(&hints->task, name, length, false);
    read_run_name(path, 1, hints);
}

/* The value of a top-level "key: value" line of simple YAML, without quotes; NULL if absent or
 * null. */
static const char *yaml_value(const char *settings, const char *key, size_t *length)
{
    size_t key_length = strlen(key);
    for (const char *line = settings; line && *line;) {
        const char *end = line + strcspn(line, "\n");
        if (strncmp(line, key, key_length) == 0 && line[key_length] == ':') {
            const char *value = line + key_length + 1;
            const char *stop = value;
            while (value < end && isspace((unsigned char)*value))
                value++;
            for (stop = value; stop < end && !(*stop == '#' && stop > value && stop[-1] == ' ');
                 stop++)
                continue;
            while (stop > value && isspace((unsigned char)stop[-1]))
                stop--;
            if (stop - value >= 2 && (*value == '"' || *value == '\'') && stop[-1] == *value) {
                value++;
                stop--;
            }
            *length = (size_t)(stop - value);
            bool null = *length == 0 || (*length == 4 && memcmp(value, "null", 4) == 0);
            return null ? NULL : value;
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

static bool yaml_true(const char *settings, const char *key)
{
    size_t length;
    const char *value = yaml_value(settings, key, &length);
    return value && length == 4 && (memcmp(value, "true", 4) == 0 || memcmp(value, "True", 4) == 0);
}

static void read_kvpress_settings(const char *settings, struct kvt_hints *hints)
{
    size_t length;
    double number;
    const char *value = yaml_value(settings, "model", &length);
    if (value)
        keep(&hints->model, value, length, false);
    value = yaml_value(settings, "compression_ratio", &length);
    if (value && read_number(value, length, &number))
        set_budget(hints, kept_share(number));
    value = yaml_value(settings, "press_name", &length);
    if (value)
        set_policy(hints, value, length);
    value = yaml_value(settings, "data_dir", &length);
    if (value && !read_number(value, length, &hints->length))
        keep(&hints->task, value, length, false);
    if (yaml_true(settings, "compress_questions") || yaml_true(settings, "query_aware"))
        hints->compress_after = "question";
}

void kvt_names_kvpress(const char *path, const char *settings, struct kvt_hints *hints)
{
    enum { PARTS = 12 };
    size_t length, count = 0, at = 0, lengths[PARTS];
    const char *name = stem_of(path, &length), *parts[PARTS];
    hints->compress_after = "context";
    if (name && length == strlen("predictions") && memcmp(name, "predictions", length) == 0)
        name = part_of(path, 1, &length);
    while (name && at <= length && count < PARTS) { /* split at "__" */
        size_t stop = at;
        while (stop < length && !(name[stop] == '_' && stop + 1 < length && name[stop + 1] == '_'))
            stop++;
        parts[count] = name + at;
        lengths[count++] = stop - at;
        at = stop + 2;
    }
    for (size_t i = 2; i < count;
         i++) { /* the ratio stands after the press, that after the model */
        double ratio;
        if (!read_number(parts[i], lengths[i], &ratio) || ratio > 1)
            continue;
        set_budget(hints, kept_share(ratio));
        set_policy(hints, parts[i - 1], lengths[i - 1]);
        set_model(hints, parts[i - 2], lengths[i - 2], "--");
        if (i > 3 && !read_number(parts[1], lengths[1], &hints->length))
            keep(&hints->task, parts[1], lengths[1], false);
        break;
    }
    for (size_t i = 0; i < count; i++)
        if ((lengths[i] == 20 && memcmp(parts[i], "compressed_questions", 20) == 0) ||
            (lengths[i] == 11 && memcmp(parts[i], "query_aware", 11) == 0))
            hints->compress_after = "question";
    if (settings)
        read_kvpress_settings(settings, hints);
}

void kvt_names_lm_eval(const char *path, const char *settings, struct kvt_hints *hints)
{
    (void)settings;
    size_t length;
    const char *name = stem_of(path, &length);
    static const char prefix[] = "samples_";
    if (name && length > sizeof prefix - 1 && memcmp(name, prefix, sizeof prefix - 1) == 0) {
        name += sizeof prefix - 1;
        length -= sizeof prefix - 1;
    }
    for (size_t i = 1; name && i + 5 < length; i++) /* "_2024-..." */
        if (name[i] == '_' && isdigit((unsigned char)name[i + 1]) &&
            isdigit((unsigned char)name[i + 2]) && isdigit((unsigned char)name[i + 3]) &&
            isdigit((unsigned char)name[i + 4]) && name[i + 5] == '-') {
            length = i;
            break;
        }
    if (name)
        keep(&hints->task, name, length, false);
    if (read_run_name(path, 1, hints) || !read_run_name(path, 2, hints))
        return;                       /* RUN/samples_... */
    name = part_of(path, 1, &length); /* RUN/MODEL/samples_... */
    set_model(hints, name, length, "__");
}

void kvt_names_kvcache_factory(const char *path, const char *settings, struct kvt_hints *hints)
{
    (void)settings;
    size_t length;
    double number;
    const char *name = part_of(path, 1, &length);
    if (name)
        keep(&hints->task, name, length, false);
    size_t up = 2;
    name = part_of(path, up, &length);
    if (name && read_number(name, length, &number)) { /* RULER: a directory of the context length */
        hints->length = number;
        name = part_of(path, ++up, &length);
    }
    size_t cut = name ? length : 0; /* after the last "_" */
    while (cut > 0 && name[cut - 1] != '_')
        cut--;
    if (cut > 1) {
        keep(&hints->model, name, cut - 1, false);
        if (read_number(name + cut, length - cut, &number))
            set_budget(hints, number);
        hints->is_share = length - cut == 2 && memcmp(name + cut, "-1", 2) == 0;
    }
    name = stem_of(path, &length);
    if (name)
        set_policy(hints, name, length);
}

void kvt_names_ruler(const char *path, const char *settings, struct kvt_hints *hints)
{
    (void)settings;
    size_t length;
    const char *name = stem_of(path, &length);
    size_t task = length; /* without the "-3" of a file that holds one part of several */
    while (name && task > 0 && isdigit((unsigned char)name[task - 1]))
        task--;
    bool part = name && task < length && task > 1 && name[task - 1] == '-';
    if (name)
        keep(&hints->task, name, part ? task - 1 : length, false);
    name = part_of(path, 1, &length);
    size_t up = name && length == 4 && memcmp(name, "pred", 4) == 0 ? 2 : 1;
    name = part_of(path, up, &length);
    if (name)
        read_number(name, length, &hints->length);
    read_run_name(path, up + 1, hints);
}
