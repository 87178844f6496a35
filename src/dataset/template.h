/*
 * dataset/template.h: prompt templates: text with {context} and {input} in it ({{ and }} are
 * braces), as in LongBench's dataset2prompt.json. Our own tasks have theirs here; unknown data sets
 * get a generic one.
 */
#ifndef KVT_DATASET_TEMPLATE_H
#define KVT_DATASET_TEMPLATE_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/sha256.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum kvt_question_place { KVT_QUESTION_LAST, KVT_QUESTION_FIRST };

struct kvt_template {
    char *task;
    char *name; /* "recall/last", "file/qasper", "generic/last" */
    char *text;
    char sha256[KVT_SHA256_HEX]; /* of text */
};

struct kvt_templates {
    json_t *file; /* {"task": "text", …} of --templates; NULL without */
    char *path;
    enum kvt_question_place place;
    struct kvt_template **used;
    size_t n_used, capacity;
    pthread_mutex_t lock; /* of the list above */
};

/* `path` may be NULL. Returns 0, or -1 and *error (KVT_USAGE). */
int kvt_templates_open(struct kvt_templates *templates, const char *path,
                       enum kvt_question_place place, struct kvt_error *error);
void kvt_templates_close(struct kvt_templates *templates);

/*
 * The template of a task, checked; `chat` tells which of our own forms is meant (the one for
 * /v1/completions ends with the words that ask for the answer). It lives as long as `templates`.
 * NULL and *error (KVT_USAGE) with what to do when there is none. Safe from several threads.
 */
const struct kvt_template *kvt_templates_find(struct kvt_templates *templates, const char *task,
                                              bool chat, struct kvt_error *error);

/*
 * The name and hash of the templates found so far, at least one: of one its own, of several "mixed"
 * and the hash of all in the order of their tasks. The name lives as long as `templates`.
 */
const char *kvt_templates_describe(struct kvt_templates *templates, char sha256[KVT_SHA256_HEX]);

/* Where the filled-in parts lie in the rendered text. */
struct kvt_rendered {
    size_t context_end; /* byte after the context */
    bool input_before;  /* the question stands before the end of the context */
    bool has_context;
};

/* Appends the template with its places filled in. */
void kvt_template_render(const struct kvt_template *template, const char *context,
                         const char *input, struct kvt_buffer *out, struct kvt_rendered *rendered);

#endif
