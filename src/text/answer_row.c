#include "text/answer_row.h"

#include "core/memory.h"
#include "stream/json.h"
#include "stream/scan.h"

#include <stdlib.h>
#include <string.h>

static bool is_null(const struct kvt_member *member)
{
    return member->value_length == 4 && memcmp(member->value, "null", 4) == 0;
}

/* Names are not long; a longer one is cut. */
static int fail_at(const struct kvt_member *member, struct kvt_error *error)
{
    return kvt_fail_context(error, "%.*s", member->key_length < 64 ? (int)member->key_length : 64,
                            member->key);
}

/* Members that are read, one bit each; and what else there is. */
enum part {
    RESPONSE = 1 << 0,
    TEXT = 1 << 1,
    FINISH_REASON = 1 << 2,
    ANSWERS = 1 << 3,
    META = 1 << 4,
    TASK = 1 << 5,
    DATASET = 1 << 6,
    ALL_CLASSES = 1 << 7,
    ERROR = 1 << 8,
    TYPE = 1 << 9,
    STATUS = 1 << 10,
    KIND = 1 << 11,
    MADE = 1 << 12,
    NONE = 1 << 13,
};

/* The names of an object's members that are read. */
struct names {
    const char *name;
    enum part part;
};

/* clang-format off */
static const struct names in_line[] = {
    {"kind", KIND}, {"answers", ANSWERS}, {"meta", META}, {"response", RESPONSE}, {"error", ERROR},
    {NULL, NONE}};
static const struct names in_response[] = {
    {"text", TEXT}, {"finish_reason", FINISH_REASON}, {NULL, NONE}};
static const struct names in_meta[] = {
    {"task", TASK}, {"dataset", DATASET}, {"all_classes", ALL_CLASSES}, {NULL, NONE}};
static const struct names in_error[] = {
    {"type", TYPE}, {"status", STATUS}, {NULL, NONE}};
/* clang-format on */

/* Behind an empty key there is its quote. */
static inline bool is_name(const struct kvt_member *member, const char *name)
{
    return *name == *member->key && strlen(name) == member->key_length &&
           memcmp(member->key, name, member->key_length) == 0;
}

static enum part find_part(const struct names *names, const char *const *made,
                           const struct kvt_member *member)
{
    for (; made && *made; made++)
        if (is_name(member, *made))
            return MADE;
    while (names->name && !is_name(member, names->name))
        names++;
    return names->part;
}

/* Which member it is. That of an object like the one before was looked up there. */
static inline enum part part_of(struct kvt_shape *shape, const struct names *names,
                                const char *const *made, const struct kvt_member *member)
{
    unsigned *note = kvt_shape_note(shape);
    if (*note == 0)
        *note = find_part(names, made, member);
    return (enum part) * note;
}

/* The member under its name, if that is written with escapes. */
static int decode_key(struct kvt_answer_row *row, struct kvt_member *member,
                      struct kvt_error *error)
{
    struct kvt_span key;
    if (!member->escaped)
        return 0;
    if (kvt_string_decode(&row->room, member->start, member->key_length + 2, &key, error) != 0)
        return -1;
    member->key = key.data;
    member->key_length = key.length;
    return 0;
}

/* Anything but an array of texts: one text, or an array with numbers, taken as they are written. */
static int parse_list(struct kvt_answer_row *row, const struct kvt_member *member,
                      struct kvt_span **spans, size_t *capacity, size_t *count,
                      struct kvt_error *error)
{
    json_t *value = kvt_json_parse(member->value, member->value_length, NULL, error);
    if (!value)
        return -1;
    if (json_is_string(value)) {
        json_t *list = json_array();
        json_array_append_new(list, value);
        value = list;
    }
    int status = json_is_array(value) ? 0 : kvt_fail(error, KVT_DATA, "not a list of texts");
    size_t n = json_array_size(value), bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        bytes += json_is_string(item) ? json_string_length(item) : 64; /* longest number: 32 */
    }
    kvt_buffer_reserve(&row->numbers, bytes); /* so that it does not move below */
    *count = 0;
    for (size_t i = 0; i < n && status == 0; i++) {
        const json_t *item = json_array_get(value, i);
        size_t start = row->numbers.length;
        if (json_is_string(item))
            kvt_buffer_append(&row->numbers, json_string_value(item), json_string_length(item));
        else if (json_is_number(item))
            kvt_json_write(&row->numbers, item);
        else
            status = kvt_fail(error, KVT_DATA, "not a list of texts");
        kvt_grow(spans, capacity, *count, sizeof **spans);
        (*spans)[(*count)++] =
            (struct kvt_span){row->numbers.data + start, row->numbers.length - start};
    }
    json_decref(value);
    return status;
}

/*
 * The readers below look at the member's value and pass it. One that does not end they leave to
 * the scan, which is bad then.
 */
typedef int member_reader(struct kvt_answer_row *row, struct kvt_scan *scan,
                          struct kvt_member *member, enum part part, struct kvt_error *error);

static int pass(struct kvt_scan *scan, struct kvt_member *member)
{
    kvt_scan_skip(scan, member);
    return 0;
}

static int read_list(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                     struct kvt_span **spans, size_t *capacity, size_t *count,
                     struct kvt_error *error)
{
    size_t used;
    int status = kvt_string_list(&row->room, member->value, (size_t)(scan->end - member->value),
                                 spans, capacity, count, &used, error);
    if (status > 0)
        kvt_scan_pass(scan, member, used);
    if (status != 0)
        return status < 0 ? -1 : 0;
    *count = 0;
    if (!kvt_scan_skip(scan, member) || is_null(member))
        return 0;
    return parse_list(row, member, spans, capacity, count, error);
}

/* A text; an error if it is no JSON string, though it begins as one. */
static int read_text(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                     struct kvt_span *text, struct kvt_error *error)
{
    int status = 0;
    const char *after = kvt_string_take(&row->room, member->value, scan->end, text, &status, error);
    if (after)
        kvt_scan_pass(scan, member, (size_t)(after - member->value));
    return status;
}

/* A text into a C string, cut if it is too long; anything but a text leaves it empty. */
static int read_name(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                     char name[KVT_ANSWER_NAME], struct kvt_error *error)
{
    struct kvt_span text = {"", 0};
    if (member->value[0] != '"')
        return pass(scan, member);
    if (read_text(row, scan, member, &text, error) != 0)
        return -1;
    size_t length = text.length < KVT_ANSWER_NAME ? text.length : KVT_ANSWER_NAME - 1;
    memcpy(name, text.data, length);
    name[length] = '\0';
    return 0;
}

static int read_response(struct kvt_answer_row *row, struct kvt_scan *scan,
                         struct kvt_member *member, enum part part, struct kvt_error *error)
{
    if (part == FINISH_REASON)
        return read_name(row, scan, member, row->finish_reason, error);
    if (member->value[0] == '"')
        return read_text(row, scan, member, &row->text, error);
    if (!kvt_scan_skip(scan, member) || is_null(member))
        return 0;
    return kvt_fail(error, KVT_DATA, "must be a string or null");
}

static int read_meta(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                     enum part part, struct kvt_error *error)
{
    if (part == ALL_CLASSES)
        return read_list(row, scan, member, &row->classes, &row->classes_capacity, &row->n_classes,
                         error);
    if (part == DATASET && row->task[0])
        return pass(scan, member);
    return read_name(row, scan, member, row->task, error);
}

static int read_error(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                      enum part part, struct kvt_error *error)
{
    if (part == TYPE)
        return read_name(row, scan, member, row->error_type, error);
    if (kvt_scan_skip(scan, member))
        row->error_status = is_null(member) ? 0 : strtoll(member->value, NULL, 10);
    return 0;
}

/* What there is to be read in an object. */
struct object {
    const struct names *names;
    member_reader *read;
};

/* Visits the members of the object, in which none that is read stands twice: readers of JSON differ
 * in which of the two they take. */
static inline int read_members(struct kvt_answer_row *row, struct kvt_scan *scan,
                               struct kvt_shape *shape, const char *const *made,
                               const struct object *object, struct kvt_error *error)
{
    struct kvt_member member;
    kvt_shape_start(shape);
    while (kvt_shape_pass(shape, scan, NONE), kvt_shape_key(shape, scan, &member)) {
        if (member.escaped && decode_key(row, &member, error) != 0)
            return fail_at(&member, error);
        const enum part part = part_of(shape, object->names, made, &member);
        if (part == NONE) {
            kvt_shape_skip(shape, scan, &member);
            continue;
        }
        if (row->seen & part && part != MADE) {
            kvt_fail(error, KVT_DATA, "stands twice");
            return fail_at(&member, error);
        }
        row->seen |= part;
        if (object->read(row, scan, &member, part, error) != 0)
            return fail_at(&member, error);
    }
    return 0;
}

static int read_object(struct kvt_answer_row *row, struct kvt_scan *scan, struct kvt_member *member,
                       struct kvt_shape *shape, const struct object *object,
                       struct kvt_error *error)
{
    if (member->value[0] != '{') {
        if (!kvt_scan_skip(scan, member) || is_null(member))
            return 0;
        return kvt_fail(error, KVT_DATA, "must be an object");
    }
    struct kvt_scan inside;
    kvt_scan_enter(scan, member, &inside);
    if (read_members(row, &inside, shape, NULL, object, error) != 0)
        return -1;
    if (kvt_scan_leave(scan, member, &inside) || !kvt_scan_skip(scan, member))
        return 0;
    return kvt_fail(error, KVT_DATA, "not one complete JSON object");
}

static int read_error_member(struct kvt_answer_row *row, struct kvt_scan *scan,
                             struct kvt_member *member, struct kvt_error *error)
{
    static const struct object object = {in_error, read_error};
    strcpy(row->error_type, "ENGINE_ERROR"); /* unless it says otherwise */
    int status = read_object(row, scan, member, &row->error, &object, error);
    if (is_null(member))
        row->error_type[0] = '\0';
    return status;
}

static int read_line_member(struct kvt_answer_row *row, struct kvt_scan *scan,
                            struct kvt_member *member, enum part part, struct kvt_error *error)
{
    static const struct object meta = {in_meta, read_meta}, response = {in_response, read_response};
    int status;
    switch (part) {
    case ANSWERS:
        return read_list(row, scan, member, &row->golds, &row->golds_capacity, &row->n_golds,
                         error);
    case META:
        return read_object(row, scan, member, &row->meta, &meta, error);
    case ERROR:
        return read_error_member(row, scan, member, error);
    case RESPONSE:
        status = read_object(row, scan, member, &row->response, &response, error);
        row->has_response = !is_null(member);
        return status;
    case MADE: /* it goes, by its name as it is written */
        if (member->escaped)
            return kvt_fail(error, KVT_DATA, "the name is written with escapes");
        row->scored_before = true;
        return pass(scan, member);
    default:
        return pass(scan, member);
    }
}

void kvt_answer_row_open(struct kvt_answer_row *row, const char *const *made)
{
    *row = (struct kvt_answer_row){.made = made};
}

int kvt_answer_row_read(struct kvt_answer_row *row, const char *line, size_t length,
                        struct kvt_error *error)
{
    row->text = (struct kvt_span){"", 0};
    row->n_golds = row->n_classes = 0;
    row->task[0] = row->finish_reason[0] = row->error_type[0] = '\0';
    row->error_status = 0;
    row->seen = 0;
    row->scored_before = row->has_response = false;
    kvt_buffer_clear(&row->room);
    kvt_buffer_clear(&row->numbers);
    kvt_buffer_reserve(&row->room, KVT_STRING_ROOM(length));
    static const struct object object = {in_line, read_line_member};
    struct kvt_scan scan;
    kvt_scan_start(&scan, line, length);
    if (read_members(row, &scan, &row->line, row->made, &object, error) != 0)
        return -1;
    if (scan.bad || !scan.close)
        return kvt_fail(error, KVT_DATA, "not one complete JSON object");
    /* A broken producer must not look like a model that says nothing. */
    if (!row->has_response && row->error_type[0] == '\0')
        return kvt_fail(error, KVT_DATA, "neither a response nor an error");
    row->close = (size_t)(scan.close - line);
    return 0;
}

void kvt_answer_row_free(struct kvt_answer_row *row)
{
    free(row->golds);
    free(row->classes);
    kvt_buffer_free(&row->room);
    kvt_buffer_free(&row->numbers);
    kvt_shape_free(&row->line);
    kvt_shape_free(&row->meta);
    kvt_shape_free(&row->response);
    kvt_shape_free(&row->error);
    *row = (struct kvt_answer_row){0};
}
