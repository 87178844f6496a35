#include "dataset/template.h"

#include "core/memory.h"
#include "dataset/task.h"
#include "stream/json.h"

#include <stdlib.h>
#include <string.h>

/* Our own forms: question last and first, for a chat and for a plain completion. */
struct own_template {
    const char *task;
    const char *chat[2], *completion[2]; /* by enum kvt_question_place */
};

static const struct own_template own_templates[] = {
    {"recall",
     {"context : {context} question : {input}", "question : {input} context : {context}"},
     {" context : {context} question : {input} answer :",
      " question : {input} context : {context} answer :"}},
};

/* For data sets nobody declared: the context, the question, and the word that asks for the answer.
 */
static const struct own_template generic_template = {
    "",
    {"{context}\n\nQuestion: {input}\nAnswer:", "Question: {input}\n\n{context}\n\nAnswer:"},
    {"{context}\n\nQuestion: {input}\nAnswer:", "Question: {input}\n\n{context}\n\nAnswer:"},
};

static void free_template(struct kvt_template *template)
{
    free(template->task);
    free(template->name);
    free(template->text);
    free(template);
}

int kvt_templates_open(struct kvt_templates *templates, const char *path,
                       enum kvt_question_place place, struct kvt_error *error)
{
    *templates = (struct kvt_templates){.place = place};
    pthread_mutex_init(&templates->lock, NULL);
    if (!path)
        return 0;
    templates->path = kvt_strdup(path);
    templates->file = kvt_json_load(path, error);
    if (!templates->file) {
        if (error)
            error->code = KVT_USAGE;
        kvt_templates_close(templates);
        return -1;
    }
    if (!json_is_object(templates->file)) {
        kvt_templates_close(templates);
        return kvt_fail(error, KVT_USAGE, "%s: templates must be one JSON object, task to text",
                        path);
    }
    return 0;
}

void kvt_templates_close(struct kvt_templates *templates)
{
    json_decref(templates->file);
    free(templates->path);
    for (size_t i = 0; i < templates->n_used; i++)
        free_template(templates->used[i]);
    free(templates->used);
    pthread_mutex_destroy(&templates->lock);
    *templates = (struct kvt_templates){0};
}

/* The next thing in a template: 'c' {context}, 'i' {input}, 't' literal text, 0 the end, '?' a
 * mistake. */
static char next_piece(const char **at, const char **start, size_t *length)
{
    const char *text = *at;
    *start = text;
    if (*text == '\0')
        return 0;
    if (strncmp(text, "{context}", 9) == 0) {
        *at = text + 9;
        return 'c';
    }
    if (strncmp(text, "{input}", 7) == 0) {
        *at = text + 7;
        return 'i';
    }
    if (*text == '{' || *text == '}') {
        if (text[1] != text[0])
            return '?';
        *length = 1;
        *at = text + 2;
        return 't';
    }
    *length = strcspn(text, "{}");
    *at = text + *length;
    return 't';
}

static int check(const struct kvt_template *template, const char *source, struct kvt_error *error)
{
    const char *at = template->text, *start;
    size_t length;
    bool context = false;
    char piece;
    while ((piece = next_piece(&at, &start, &length)) != 0) {
        if (piece == '?')
            return kvt_fail(
                error, KVT_USAGE,
                "%s: the template of task %s has \"%.20s\"; only {context} and {input} are "
                "filled in, and {{ and }} stand for braces",
                source, template->task, start);
        context |= piece == 'c';
    }
    if (!context)
        return kvt_fail(error, KVT_USAGE, "%s: the template of task %s has no {context}", source,
                        template->task);
    return 0;
}

/* The text of the file's template for a task; NULL and *error when it does not fit. */
static const char *file_text(const struct kvt_templates *templates, const char *task,
                             const char *base, struct kvt_error *error)
{
    const json_t *value = json_object_get(templates->file, task);
    if (!value)
        value = json_object_get(templates->file, base);
    const char *place = templates->place == KVT_QUESTION_FIRST ? "first" : "last";
    if (json_is_object(value))
        value = json_object_get(value, place);
    else if (json_is_string(value) && templates->place == KVT_QUESTION_FIRST)
        value = NULL;
    if (json_is_string(value))
        return json_string_value(value);
    kvt_fail(error, KVT_USAGE,
             "%s: task %s has no template with the question %s; write {\"%s\": {\"last\": \"…\", "
             "\"first\": \"…\"}} or set dataset.question to the other",
             templates->path, task, place, task);
    return NULL;
}

/* Only a template that passed the check is remembered: rendering relies on that. `name` is taken
 * over. */
static const struct kvt_template *add(struct kvt_templates *templates, const char *task, char *name,
                                      const char *text, struct kvt_error *error)
{
    struct kvt_template *template = kvt_alloc(sizeof *template);
    *template = (struct kvt_template){kvt_strdup(task), name, kvt_strdup(text), ""};
    if (check(template, templates->path ? templates->path : "built-in", error) != 0) {
        free_template(template);
        return NULL;
    }
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_add(&hash, text, strlen(text));
    kvt_sha256_hex(&hash, template->sha256);
    kvt_grow(&templates->used, &templates->capacity, templates->n_used, sizeof *templates->used);
    templates->used[templates->n_used++] = template;
    return template;
}

static const struct kvt_template *make(struct kvt_templates *templates, const char *task, bool chat,
                                       struct kvt_error *error)
{
    const struct kvt_task *known = kvt_task_find(task);
    const char *base = known ? known->name : task;
    const char *place = templates->place == KVT_QUESTION_FIRST ? "first" : "last";
    if (json_object_get(templates->file, task) || json_object_get(templates->file, base)) {
        const char *text = file_text(templates, task, base, error);
        return text ? add(templates, task, kvt_asprintf("file/%s", base), text, error) : NULL;
    }
    if (known && known->longbench) {
        kvt_fail(
            error, KVT_USAGE,
            "there is no prompt template for LongBench task %s%s%s; give its dataset2prompt.json "
            "with --templates=FILE or dataset.templates (scripts/fetch-longbench brings it)",
            task, templates->path ? " in " : "", templates->path ? templates->path : "");
        return NULL;
    }
    const struct own_template *own = &generic_template;
    for (size_t i = 0; i < sizeof own_templates / sizeof *own_templates; i++)
        if (strcmp(own_templates[i].task, base) == 0)
            own = &own_templates[i];
    const char *text = (chat ? own->chat : own->completion)[templates->place];
    char *name = kvt_asprintf("%s/%s", own == &generic_template ? "generic" : base, place);
    return add(templates, task, name, text, error);
}

const struct kvt_template *kvt_templates_find(struct kvt_templates *templates, const char *task,
                                              bool chat, struct kvt_error *error)
{
    const struct kvt_template *found = NULL;
    pthread_mutex_lock(&templates->lock);
    for (size_t i = 0; !found && i < templates->n_used; i++)
        if (strcmp(templates->used[i]->task, task) == 0)
            found = templates->used[i];
    if (!found)
        found = make(templates, task, chat, error);
    pthread_mutex_unlock(&templates->lock);
    return found;
}

static int by_task(const void *left, const void *right)
{
    const struct kvt_template *a = *(const struct kvt_template *const *)left;
    const struct kvt_template *b = *(const struct kvt_template *const *)right;
    return strcmp(a->task, b->task);
}

const char *kvt_templates_describe(struct kvt_templates *templates, char sha256[KVT_SHA256_HEX])
{
    if (templates->n_used == 1) {
        memcpy(sha256, templates->used[0]->sha256, KVT_SHA256_HEX);
        return templates->used[0]->name;
    }
    qsort(templates->used, templates->n_used, sizeof(struct kvt_template *), by_task);
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    for (size_t i = 0; i < templates->n_used; i++) {
        kvt_sha256_field(&hash, templates->used[i]->task);
        kvt_sha256_field(&hash, templates->used[i]->sha256);
    }
    kvt_sha256_hex(&hash, sha256);
    return "mixed";
}

void kvt_template_render(const struct kvt_template *template, const char *context,
                         const char *input, struct kvt_buffer *out, struct kvt_rendered *rendered)
{
    const char *at = template->text, *start;
    size_t length = 0;
    char piece;
    *rendered = (struct kvt_rendered){0};
    while ((piece = next_piece(&at, &start, &length)) != 0) {
        if (piece == 'c') {
            kvt_buffer_text(out, context);
            rendered->context_end = out->length;
            rendered->has_context = true;
        } else if (piece == 'i') {
            kvt_buffer_text(out, input);
            rendered->input_before |= !rendered->has_context;
        } else {
            kvt_buffer_append(out, start, length);
        }
    }
}
