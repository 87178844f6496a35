/* stream/shape.h: members by what stood in the lines before, against a scan of every line. */
#include "tap.h"

#include "core/random.h"
#include "stream/shape.h"

#include <stdlib.h>

enum { LINES = 40000, SIZE = 2048 };

/* A producer of lines: keys, in one order, and its white space. */
struct producer {
    const char *keys[6];
    const char *open, *colon, *comma;
};

static const struct producer producers[] = {
    {{"kind", "id", "a key of more than thirty-two bytes", "meta", "text", "error"}, "{", ":", ","},
    {{"kind", "id", "id", "of 28 bytes, which is a most", "of 29 bytes, which is not one", "error"},
     "{",
     ":",
     ","},
    {{"kind", "id", "meta", "wri\\u0074ten", "text", "error"}, "{ ", ": ", ", "},
    {{"kind", "ld", "meta", "text", "telemetry", "error"}, "{", ":", " ,\t"},
};
static const char *const values[] = {
    "null",
    "1",
    "-2.5e3",
    "\"\"",
    "\"a text\"",
    "\"\\\"\\\\\"",
    "{\"a\":[1,2]}",
    "[]",
    "{\"a\":{\"b\":\"}\"},\"c\":\"a text of more than thirty-two bytes in an object\"}",
    "\"a text of more than thirty-two bytes, with a { in it\""};

static size_t make_line(char *line, struct kvt_random *random)
{
    static uint32_t at; /* one goes on for some lines */
    if (kvt_random_bounded(random, 6) == 0)
        at = kvt_random_bounded(random, sizeof producers / sizeof *producers);
    const struct producer *by = &producers[at];
    size_t n_keys = kvt_random_bounded(random, 10) ? 6 : kvt_random_bounded(random, 6);
    int length = snprintf(line, SIZE, "%s", by->open);
    for (size_t i = 0; i < n_keys; i++) {
        const size_t known = kvt_random_bounded(random, 3) ? i + 3 : i; /* mostly as before */
        const char *value = kvt_random_bounded(random, 4)
                                ? values[known % (sizeof values / sizeof *values)]
                                : values[kvt_random_bounded(random, 10)];
        length += snprintf(line + length, SIZE - (size_t)length, "%s\"%s\"%s%s", i ? by->comma : "",
                           by->keys[i], by->colon, value);
    }
    length += snprintf(line + length, SIZE - (size_t)length, "}");
    if (kvt_random_bounded(random, 5) == 0) /* damaged */
        line[kvt_random_bounded(random, (uint32_t)length)] = "{}[]\",:\\ x"[length % 10];
    if (kvt_random_bounded(random, 20) == 0)
        length = (int)kvt_random_bounded(random, (uint32_t)length);
    return (size_t)length;
}

static int same_member(const struct kvt_member *a, const struct kvt_member *b)
{
    return a->start == b->start && a->key == b->key && a->key_length == b->key_length &&
           a->value == b->value && a->value_length == b->value_length && a->escaped == b->escaped;
}

/* Keys whose values the reader leaves. */
static int is_left(const struct kvt_member *member)
{
    return !member->escaped && (member->key[0] == 'i' || member->key[0] == 't');
}

/* The walk of a reader that has such keys passed, or of one that takes all. */
static int same_walk(struct kvt_shape *shape, const char *line, size_t length, bool passing)
{
    enum { LEFT = 1, READ };
    struct kvt_scan scan, plain;
    struct kvt_member member, wanted;
    kvt_scan_start(&scan, line, length);
    kvt_scan_start(&plain, line, length);
    kvt_shape_start(shape);
    for (;;) {
        kvt_shape_pass(shape, &scan, LEFT);
        const bool more = kvt_shape_key(shape, &scan, &member);
        if (more && !*kvt_shape_note(shape))
            *kvt_shape_note(shape) = passing && is_left(&member) ? LEFT : READ;
        const bool whole = more && kvt_shape_skip(shape, &scan, &member);
        bool other;
        do /* some that are left come all the same */
            other = kvt_scan_next(&plain, &wanted);
        while (other && passing && is_left(&wanted) && !(whole && wanted.start == member.start));
        if (whole != other || scan.bad != plain.bad || scan.close != plain.close)
            return 0;
        if (!whole) /* and none comes after it */
            return !kvt_shape_key(shape, &scan, &member);
        if (!same_member(&member, &wanted))
            return 0;
    }
}

static void test_random(void)
{
    struct kvt_shape shape = {0}, passing = {0};
    struct kvt_random random;
    char made[SIZE];
    int same = 1;
    kvt_random_seed(&random, 7);
    for (int i = 0; i < LINES && same; i++) {
        size_t length = make_line(made, &random);
        char *line = malloc(length + 1); /* nothing behind it can be read */
        memcpy(line, made, length);
        same = same_walk(&shape, line, length, false) && same_walk(&passing, line, length, true);
        if (!same)
            printf("# line %d: %.*s\n", i, (int)length, made);
        free(line);
    }
    kvt_shape_free(&shape);
    kvt_shape_free(&passing);
    ok(same, "forty thousand lines, of four producers, some damaged: the members of a scan");
}

static unsigned note_of_second(struct kvt_shape *shape, const char *line)
{
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line, strlen(line));
    kvt_shape_start(shape);
    for (int i = 0; i < 2; i++) {
        kvt_shape_key(shape, &scan, &member);
        kvt_shape_skip(shape, &scan, &member);
    }
    unsigned note = *kvt_shape_note(shape);
    *kvt_shape_note(shape) = 5;
    return note;
}

#define REST ",\"more\":\"so that the line does not end too soon to be compared\"}"

static void test_notes(void)
{
    struct kvt_shape shape = {0};
    is_int(note_of_second(&shape, "{\"a\":1,\"b\":2" REST), 0, "a new key has no note");
    is_int(note_of_second(&shape, "{\"a\":17,\"b\":{}" REST), 5, "a note stays");
    is_int(note_of_second(&shape, "{\"a\":1,\"b\":2}"), 5, "near the end of the line too");
    note_of_second(&shape, "{\"a\":1,\"b\":[1,2]" REST);
    is_int(shape.members[1].value.length, strlen("[1,2]"), "the last array is kept, and no other");
    is_int(note_of_second(&shape, "{\"a\":1,\"c\":2" REST), 0, "and goes with the key");
    is_int(note_of_second(&shape, "{\"a\":1,\"\\u0062\":2" REST), 0, "one with escapes is new");
    is_int(note_of_second(&shape, "{\"a\":1,\"\\u0062\":2" REST), 0, "whenever it comes");
    kvt_shape_free(&shape);
}

/* An object within a line, all of whose members are passed, ends where it ends. */
static void test_all_passed(void)
{
    static const char line[] = "{\"id\":1,\"ids\":2}" REST;
    struct kvt_shape shape = {0};
    int right = 1;
    for (int i = 0; i < 3; i++) {
        struct kvt_scan inside;
        struct kvt_member member;
        kvt_scan_start(&inside, line, strlen(line));
        inside.inner = true;
        kvt_shape_start(&shape);
        for (;;) {
            kvt_shape_pass(&shape, &inside, 1);
            if (!kvt_shape_key(&shape, &inside, &member))
                break;
            *kvt_shape_note(&shape) = 1;
            kvt_shape_skip(&shape, &inside, &member);
        }
        right &= !inside.bad && inside.close == strchr(line, '}');
    }
    ok(right, "an object of members that are all passed");
    kvt_shape_free(&shape);
}

/* More members than are remembered: the last ones are found by scanning. */
static void test_many(void)
{
    char line[SIZE] = "{";
    size_t length = 1;
    for (int i = 0; i < 3 * KVT_SHAPE_MEMBERS; i++)
        length += (size_t)snprintf(line + length, SIZE - length, "%s\"key %d\":{\"a\":[%d]}",
                                   i ? "," : "", i, i % 7);
    line[length++] = '}';
    struct kvt_shape shape = {0};
    int same = 1;
    for (int i = 0; i < 3; i++)
        same &= same_walk(&shape, line, length, false);
    ok(same, "three times as many members as are remembered");
    kvt_shape_free(&shape);
}

int main(void)
{
    test_random();
    test_notes();
    test_all_passed();
    test_many();
    return tap_done();
}
