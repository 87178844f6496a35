#include "text/questions.h"

#include "core/memory.h"
#include "stream/contract.h"
#include "stream/json.h"
#include "text/lines.h"
#include "text/scored_task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes a row that is a question or an entry (reference stolen), and passes over others. */
static int add_question(struct kvt_questions *questions, json_t *row, struct kvt_error *error)
{
    /* A question's own "kind" says what it asks, so a row is known by what it has. */
    const char *kind = kvt_json_text(row, "kind", "");
    bool entry = strcmp(kind, "entry") == 0 && json_object_get(row, "entry_id");
    bool dataset = strcmp(kind, "dataset") == 0 && json_object_get(row, "dataset_id");
    bool question = json_object_get(row, "input") && json_object_get(row, "answers");
    int status = dataset ? kvt_contract_manifest(row, error) : 0;
    questions->manifest = questions->manifest || entry;
    if (status == 0 && (entry || question)) {
        kvt_grow(&questions->items, &questions->capacity, questions->count,
                 sizeof *questions->items);
        questions->items[questions->count++] = json_incref(row);
    }
    json_decref(row);
    return status;
}

int kvt_questions_read(struct kvt_questions *questions, const char *data, size_t length,
                       const char *source, struct kvt_error *error)
{
    struct kvt_lines lines;
    struct kvt_span line;
    kvt_lines_start(&lines, data, length);
    while (kvt_lines_next(&lines, &line)) {
        json_t *row = kvt_json_parse(line.data, line.length, NULL, error);
        int status = -1;
        if (row && !json_is_object(row)) {
            json_decref(row);
            kvt_fail(error, KVT_DATA, "not an object");
        } else if (row) {
            status = add_question(questions, row, error);
        }
        if (status != 0)
            return kvt_fail_context(error, "%s:%zu", source, lines.number);
    }
    return questions->count ? 0 : kvt_fail(error, KVT_DATA, "%s: no questions in it", source);
}

void kvt_questions_free(struct kvt_questions *questions)
{
    for (size_t i = 0; i < questions->count; i++)
        json_decref(questions->items[i]);
    free(questions->items);
    *questions = (struct kvt_questions){0};
}

/* The question's own id, as text; owned by the caller, NULL if it has none. */
static char *id_of(const json_t *question, bool manifest)
{
    const json_t *id = json_object_get(question, manifest ? "example_id" : "_id");
    if (json_is_string(id))
        return kvt_strdup(json_string_value(id));
    return json_is_integer(id) ? kvt_asprintf("%lld", (long long)json_integer_value(id)) : NULL;
}

static double length_of(const json_t *question, bool manifest)
{
    return kvt_json_number(question, manifest ? "meta.length" : "length", NAN);
}

/* Takes over what the question says. */
static int adopt(struct kvt_paired *row, const json_t *question, bool manifest,
                 struct kvt_error *error)
{
    struct kvt_prediction *prediction = row->prediction;
    json_t *answers = json_object_get(question, "answers");
    if (prediction->answers && !json_equal(prediction->answers, answers))
        return kvt_fail(
            error, KVT_DATA,
            "%s:%zu: row %zu has other golds than its question: the rows are not in the "
            "questions' order, or one is missing",
            prediction->source, prediction->line, prediction->row);
    if (!prediction->answers)
        prediction->answers = json_incref(answers);
    json_t *classes = kvt_json_get(question, manifest ? "meta.all_classes" : "all_classes");
    if (!prediction->all_classes && json_is_array(classes))
        prediction->all_classes = json_incref(classes);
    if (!prediction->id)
        prediction->id = id_of(question, manifest);
    const char *cluster = kvt_json_text(question, "cluster", NULL);
    if (cluster && !prediction->cluster)
        prediction->cluster = kvt_strdup(cluster);
    if (isnan(prediction->length))
        prediction->length = length_of(question, manifest);
    if (manifest) {
        const char *id = kvt_json_text(question, "entry_id", "");
        snprintf(row->entry_id, sizeof row->entry_id, "%s", id);
        row->bin = (long)kvt_json_integer(question, "bin_idx", 0);
        row->tokens = kvt_json_number(question, "token_len", NAN);
    }
    return 0;
}

/* Maps ids (and for entries golds and length) to lists of questions' indices. */
static json_t *index_questions(const struct kvt_questions *questions)
{
    json_t *index = json_object();
    struct kvt_buffer key = {0};
    for (size_t i = 0; i < questions->count; i++) {
        const json_t *question = questions->items[i];
        char *id = id_of(question, questions->manifest);
        for (int by_id = 0; by_id < 2; by_id++) {
            if (by_id && !id)
                continue;
            if (by_id) {
                kvt_buffer_clear(&key);
                kvt_buffer_printf(&key, "id: %s", id);
            } else {
                kvt_pairing_key(&key, NULL, json_object_get(question, "answers"),
                                length_of(question, questions->manifest));
            }
            json_t *list = json_object_get(index, key.data);
            if (!list) {
                list = json_array();
                json_object_set_new(index, key.data, list);
            }
            json_array_append_new(list, json_integer((json_int_t)i));
        }
        free(id);
    }
    kvt_buffer_free(&key);
    return index;
}

/* The question of a row that says which; NULL if it does not, or names none. */
static const json_t *question_of(const struct kvt_questions *questions, const json_t *index,
                                 const struct kvt_paired *row, struct kvt_buffer *key)
{
    kvt_buffer_clear(key);
    if (row->prediction->id)
        kvt_buffer_printf(key, "id: %s", row->prediction->id);
    else
        kvt_pairing_key(key, NULL, row->prediction->answers, row->prediction->length);
    const json_t *list = json_object_get(index, key->data);
    const json_t *place = json_array_get(list, row->prediction->id ? 0 : row->occurrence);
    return place ? questions->items[json_integer_value(place)] : NULL;
}

static int join_by_order(const struct kvt_questions *questions, struct kvt_pairing *pairing,
                         struct kvt_error *error)
{
    if (kvt_pairing_kept(pairing) != questions->count)
        return kvt_fail(
            error, KVT_DATA,
            "%s: %zu rows without ids cannot be joined by order with %zu questions%s",
            pairing->rows[0].prediction->source, kvt_pairing_kept(pairing), questions->count,
            kvt_pairing_kept(pairing) > questions->count ? "; is --dedupe what you want?" : "");
    for (size_t i = 0, q = 0; i < pairing->count; i++)
        if (!pairing->rows[i].dropped &&
            adopt(&pairing->rows[i], questions->items[q++], false, error) != 0)
            return -1;
    return 0;
}

size_t kvt_questions_expected(const struct kvt_questions *questions,
                              const struct kvt_pairing *pairing, const char *task)
{
    if (questions->count && !questions->manifest && !pairing->with_ids)
        return questions->count;
    const struct kvt_scored_task *found = kvt_scored_task_find(task);
    return strcmp(found->name, task) == 0 ? found->n_questions : 0;
}

int kvt_questions_join(const struct kvt_questions *questions, struct kvt_pairing *pairing,
                       struct kvt_error *error)
{
    kvt_pairing_number(pairing);
    if (!pairing->with_ids && !questions->manifest)
        return join_by_order(questions, pairing, error);
    json_t *index = index_questions(questions);
    struct kvt_buffer key = {0};
    int status = 0;
    for (size_t i = 0; i < pairing->count && status == 0; i++) {
        struct kvt_paired *row = &pairing->rows[i];
        if (row->dropped)
            continue;
        const json_t *question = question_of(questions, index, row, &key);
        if (question)
            status = adopt(row, question, questions->manifest, error);
        else if (questions->manifest) /* not selected */
            row->dropped = true;
        else
            status = kvt_fail(error, KVT_DATA, "%s:%zu: row %zu: no question has the id %s",
                              row->prediction->source, row->prediction->line, row->prediction->row,
                              row->prediction->id);
    }
    if (status == 0 && kvt_pairing_kept(pairing) == 0)
        status = kvt_fail(error, KVT_DATA, "%s: no row belongs to an entry of the manifest",
                          pairing->rows[0].prediction->source);
    kvt_buffer_free(&key);
    json_decref(index);
    return status;
}
