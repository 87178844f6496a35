#include "dataset/row.h"

#include "core/memory.h"
#include "stream/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const id_members[] = {"_id", "id", "example_id"};

int kvt_row_is_own_member(const char *name)
{
    static const char *const own[] = {"_id",      "id",          "example_id", "input",
                                      "context",  "answers",     "dataset",    "length",
                                      "language", "all_classes", "cluster"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i], name) == 0)
            return 1;
    return 0;
}

/* A string or whole number as text; NULL for anything else. *made is what must be freed. */
static const char *label(const json_t *value, char **made)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (!json_is_integer(value))
        return NULL;
    *made = kvt_asprintf("%lld", (long long)json_integer_value(value));
    return *made;
}

static int set_id(struct kvt_row *row, struct kvt_error *error)
{
    const json_t *value = NULL;
    for (size_t i = 0; !value && i < sizeof id_members / sizeof *id_members; i++)
        value = json_object_get(row->object, id_members[i]);
    if (!value)
        return kvt_fail(error, KVT_DATA, "the row has no _id");
    row->id = label(value, &row->id_text);
    if (!row->id || !*row->id)
        return kvt_fail(error, KVT_DATA, "_id is not a text or a whole number");
    return 0;
}

static int set_text(const struct kvt_row *row, const char *member, const char **text,
                    struct kvt_error *error)
{
    const json_t *value = json_object_get(row->object, member);
    if (!value)
        return kvt_fail(error, KVT_DATA, "row %s has no %s", row->id, member);
    *text = json_string_value(value);
    if (!*text)
        return kvt_fail(error, KVT_DATA, "row %s: %s is not a string", row->id, member);
    return 0;
}

static int check_texts(const struct kvt_row *row, const char *member, const json_t *list,
                       struct kvt_error *error)
{
    if (!json_is_array(list))
        return kvt_fail(error, KVT_DATA, "row %s: %s is not a list", row->id, member);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return kvt_fail(error, KVT_DATA, "row %s: %s[%zu] is not a string", row->id, member, i);
    return 0;
}

static int set_optional(struct kvt_row *row, struct kvt_error *error)
{
    const json_t *task = json_object_get(row->object, "dataset");
    const json_t *cluster = json_object_get(row->object, "cluster");
    const json_t *classes = json_object_get(row->object, "all_classes");
    const json_t *length = json_object_get(row->object, "length");
    if (task && !json_is_null(task) && !json_is_string(task))
        return kvt_fail(error, KVT_DATA, "row %s: dataset is not a string", row->id);
    row->task = json_is_string(task) ? json_string_value(task) : "";
    if (cluster && !json_is_null(cluster)) {
        row->cluster = label(cluster, &row->cluster_text);
        if (!row->cluster)
            return kvt_fail(error, KVT_DATA, "row %s: cluster is not a text or a whole number",
                            row->id);
    }
    if (length && !json_is_null(length) && !json_is_number(length))
        return kvt_fail(error, KVT_DATA, "row %s: length is not a number", row->id);
    if (classes && !json_is_null(classes))
        return check_texts(row, "all_classes", classes, error);
    return 0;
}

int kvt_row_parse(struct kvt_row *row, const char *line, size_t length, struct kvt_error *error)
{
    *row = (struct kvt_row){0};
    row->object = kvt_json_parse(line, length, &row->replaced, error);
    if (!row->object)
        return -1;
    int status = -1;
    if (!json_is_object(row->object))
        kvt_fail(error, KVT_DATA, "the row is not a JSON object");
    else if (set_id(row, error) == 0 && set_text(row, "input", &row->input, error) == 0 &&
             set_text(row, "context", &row->context, error) == 0) {
        row->answers = json_object_get(row->object, "answers");
        if (!row->answers)
            kvt_fail(error, KVT_DATA, "row %s has no answers", row->id);
        else if (json_is_array(row->answers) && json_array_size(row->answers) == 0)
            kvt_fail(error, KVT_DATA, "row %s has no answer in answers",
                     row->id); /* nothing could score it */
        else if (check_texts(row, "answers", row->answers, error) == 0)
            status = set_optional(row, error);
    }
    if (status != 0)
        kvt_row_free(row);
    return status;
}

void kvt_row_free(struct kvt_row *row)
{
    json_decref(row->object);
    free(row->id_text);
    free(row->cluster_text);
    *row = (struct kvt_row){0};
}
