#include "text/prediction.h"

#include "core/memory.h"
#include "stream/json.h"
#include "text/prediction_names.h"
#include "text/pylist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void kvt_prediction_clear(struct kvt_prediction *prediction)
{
    free(prediction->text);
    free(prediction->id);
    free(prediction->task);
    free(prediction->cluster);
    free(prediction->variant);
    json_decref(prediction->answers);
    json_decref(prediction->all_classes);
    *prediction = (struct kvt_prediction){.length = NAN};
}

void kvt_predictions_free(struct kvt_predictions *predictions)
{
    for (size_t i = 0; i < predictions->count; i++)
        kvt_prediction_clear(&predictions->items[i]);
    free(predictions->items);
    *predictions = (struct kvt_predictions){0};
}

/* The first of the named members that is there and not null; NULL if none is. Borrowed. */
static json_t *first_of(const json_t *row, const char *const *names)
{
    for (; *names; names++) {
        json_t *value = json_object_get(row, *names);
        if (value && !json_is_null(value))
            return value;
    }
    return NULL;
}

#define FIRST_OF(row, ...) first_of(row, (const char *const[]){__VA_ARGS__, NULL})

/* A text or a number as text. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return kvt_strndup(json_string_value(value), json_string_length(value));
    if (!json_is_number(value))
        return NULL;
    struct kvt_buffer text = {0};
    kvt_json_write(&text, value);
    return kvt_buffer_take(&text);
}

/* The same, but NULL for an empty one: a name of nothing names nothing. */
static char *name_of(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) == 0 ? NULL : text_of(value);
}

/* A decimal number, or the text of one; NaN for anything else. */
static double number_of(const json_t *value)
{
    if (json_is_number(value))
        return json_number_value(value);
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    if (!*text || text[strspn(text, " +-.0123456789eE")])
        return NAN; /* strtod takes more than that: "0x10", "inf" */
    char *end;
    double number = strtod(text, &end);
    return *end == '\0' ? number : NAN;
}

/*
 * A list of texts: an array, or in a table cell the text of one. A text that is no list is the one
 * answer. New reference; NULL for NULL, and with *error set for anything else.
 */
static json_t *list_of(json_t *value, struct kvt_error *error)
{
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) {
            char *text = text_of(json_array_get(value, i));
            if (!text) {
                json_decref(list);
                kvt_fail(error, KVT_DATA, "a list of answers or classes that are no texts");
                return NULL;
            }
            json_array_append_new(list, json_string(text));
            free(text);
        }
        return list;
    }
    char *text = text_of(value);
    if (!text) {
        kvt_fail(error, KVT_DATA, "answers or classes that are neither a list nor a text");
        return NULL;
    }
    json_t *list = kvt_pylist_parse(text, strlen(text), error);
    if (!list && strncmp(text, "['", 2) != 0 && strncmp(text, "[\"", 2) != 0)
        list = json_pack("[s]", text);
    free(text);
    return list;
}

/* What all formats have in common, under the given names. */
static int take_common(struct kvt_prediction *p, json_t *text, json_t *answers, json_t *classes,
                       json_t *id, json_t *task, json_t *length, struct kvt_error *error)
{
    p->text = text_of(text);
    if (!p->text && !json_is_null(text)) /* broken, not a model that says nothing */
        return kvt_fail(error, KVT_DATA, "a prediction that is no text");
    p->id = name_of(id);
    p->task = name_of(task);
    p->length = number_of(length);
    if (answers && !(p->answers = list_of(answers, error)))
        return kvt_fail_context(error, "answers");
    bool no_classes =
        !classes || (json_is_string(classes) && (json_string_length(classes) == 0 ||
                                                 strcmp(json_string_value(classes), "None") == 0));
    if (!no_classes && !(p->all_classes = list_of(classes, error)))
        return kvt_fail_context(error, "all_classes");
    return 1;
}

static int take_longbench(json_t *row, struct kvt_prediction *p, struct kvt_error *error)
{
    if (!json_object_get(row, "pred"))
        return kvt_fail(error, KVT_DATA, "no member pred");
    return take_common(p, json_object_get(row, "pred"), FIRST_OF(row, "answers", "outputs"),
                       FIRST_OF(row, "all_classes"), FIRST_OF(row, "_id", "id"),
                       FIRST_OF(row, "dataset", "task"), FIRST_OF(row, "length"), error);
}

static int take_ruler(json_t *row, struct kvt_prediction *p, struct kvt_error *error)
{
    if (!json_object_get(row, "pred"))
        return kvt_fail(error, KVT_DATA, "no member pred");
    return take_common(p, json_object_get(row, "pred"), FIRST_OF(row, "outputs", "answers"), NULL,
                       FIRST_OF(row, "index"), NULL, FIRST_OF(row, "length"), error);
}

static int take_kvpress(json_t *row, struct kvt_prediction *p, struct kvt_error *error)
{
    if (!json_object_get(row, "predicted_answer"))
        return kvt_fail(error, KVT_DATA, "no column predicted_answer");
    double max_tokens = number_of(json_object_get(row, "max_new_tokens"));
    p->max_tokens = max_tokens > 0 && max_tokens < 1e9 ? (long)max_tokens : 0;
    return take_common(p, json_object_get(row, "predicted_answer"),
                       FIRST_OF(row, "answers", "answer", "outputs"), FIRST_OF(row, "all_classes"),
                       FIRST_OF(row, "_id", "id", "index"), FIRST_OF(row, "task", "dataset"),
                       FIRST_OF(row, "length", "context_length"), error);
}

static bool says(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Whether the answer was not generated but is the likelihood of a given choice:
 * ["-1.25", "False"], its logarithm and whether it is the likeliest continuation. */
static bool is_likelihood(const json_t *choice)
{
    const json_t *likeliest = json_array_get(choice, 1);
    return json_array_size(choice) == 2 && isfinite(number_of(json_array_get(choice, 0))) &&
           (json_is_boolean(likeliest) || says(likeliest, "True") || says(likeliest, "False"));
}

/* The innermost of the first elements of a nest of arrays: resps is [["text"]], filtered_resps
 * ["text"]. NULL with *error set if there is no generated text. */
static json_t *generated_text(json_t *value, struct kvt_error *error)
{
    for (; json_is_array(value); value = json_array_get(value, 0))
        if (is_likelihood(value)) {
            kvt_fail(error, KVT_DATA, "likelihoods of choices, and no generated text");
            return NULL;
        }
    if (json_is_string(value))
        return value;
    kvt_fail(error, KVT_DATA, "no generated text in filtered_resps or resps");
    return NULL;
}

static int take_lm_eval(json_t *row, struct kvt_prediction *p, struct kvt_error *error)
{
    json_t *text = generated_text(FIRST_OF(row, "filtered_resps", "resps"), error);
    if (!text)
        return -1;
    p->variant = text_of(json_object_get(row, "filter"));
    json_t *doc = json_object_get(row, "doc");
    json_t *answers = FIRST_OF(doc, "answers", "outputs");
    json_t *id = FIRST_OF(doc, "_id", "id");
    return take_common(p, text, answers ? answers : FIRST_OF(row, "target"),
                       FIRST_OF(doc, "all_classes"), id ? id : FIRST_OF(row, "doc_id"),
                       FIRST_OF(doc, "dataset", "task"), FIRST_OF(doc, "length", "max_length"),
                       error);
}

bool kvt_policy_is_full(const char *policy)
{
    static const char *const names[] = {"full",       "fullkv", "full_kv",  "fullcache",
                                        "full_cache", "none",   "no_press", "nopress",
                                        "baseline",   "dense",  "origin",   "original"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], policy) == 0)
            return true;
    return false;
}

/* clang-format off */
const struct kvt_prediction_format kvt_prediction_formats[] = {
    {"longbench", "pred/MODEL/TASK.jsonl of LongBench's pred.py: pred, answers, all_classes, length",
     NULL, false, take_longbench, kvt_names_longbench},
    {"kvpress", "predictions.csv of NVIDIA/kvpress, with config.yaml beside it",
     "config.yaml", true, take_kvpress, kvt_names_kvpress},
    {"lm-eval", "samples_TASK_DATE.jsonl of lm-evaluation-harness --log_samples",
     NULL, false, take_lm_eval, kvt_names_lm_eval},
    {"kvcache-factory", "MODEL_CAPACITY/TASK/METHOD.json of KVCache-Factory (PyramidKV)",
     NULL, false, take_longbench, kvt_names_kvcache_factory},
    {"ruler", "LENGTH/pred/TASK.jsonl of NVIDIA/RULER",
     NULL, false, take_ruler, kvt_names_ruler},
    {NULL, NULL, NULL, false, NULL, NULL},
};
/* clang-format on */

const struct kvt_prediction_format *kvt_prediction_format_find(const char *name)
{
    for (const struct kvt_prediction_format *format = kvt_prediction_formats; format->name;
         format++)
        if (strcmp(format->name, name) == 0)
            return format;
    return NULL;
}
