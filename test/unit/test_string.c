/* Texts of JSON strings without a parser: the same as the parser gives, on every kind of string. */
#include "tap.h"

#include "core/random.h"
#include "stream/json.h"
#include "stream/string.h"

#include <stdlib.h>

static struct kvt_buffer room;

/* 1 if both read the same text, or both refuse. */
static int agrees(const char *value, size_t length)
{
    struct kvt_error error;
    struct kvt_span text;
    kvt_buffer_clear(&room);
    kvt_buffer_reserve(&room, KVT_STRING_ROOM(length));
    int status = kvt_string_decode(&room, value, length, &text, &error);
    json_t *parsed = kvt_json_parse(value, length, NULL, &error);
    int same = json_is_string(parsed)
                   ? status == 0 && text.length == json_string_length(parsed) &&
                         memcmp(text.data, json_string_value(parsed), text.length) == 0
                   : status != 0;
    json_decref(parsed);
    return same;
}

static int agrees_text(const char *value)
{
    return agrees(value, strlen(value));
}

static void test_kinds(void)
{
    ok(agrees_text("\"plain\""), "plain");
    ok(agrees_text("\"\""), "empty");
    ok(agrees_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "short escapes");
    ok(agrees_text("\"\\u00e9\\u4e2d\\ud83d\\ude00\""), "code points and a pair");
    ok(agrees_text("\"a\\ud83db\\ude00c\""), "lone surrogates");
    ok(agrees_text("\"\\ud83d\\u0041\""), "half a pair before another escape");
    ok(agrees_text("\"\\u0000\""), "U+0000");
    ok(agrees_text("\"\xc3\xa9\xf0\x9f\x98\x80\""), "UTF-8 stays");
    ok(agrees_text("\"a\xff"
                   "b\xc3\xe4\xb8\""),
       "ill-formed UTF-8");
    ok(agrees_text("\"\\x\""), "an unknown escape is refused");
    ok(agrees_text("\"\\u12g4\""), "so are bad digits");
    ok(agrees_text("\"a\tb\""), "and a control character");
    ok(agrees_text("\"a\\\""), "and an escape that does not end");
    struct kvt_error error;
    struct kvt_span text;
    kvt_buffer_clear(&room);
    ok(kvt_string_decode(&room, "\"as it is\"", 10, &text, &error) == 0 && room.length == 0,
       "a plain text is not copied");
}

static void test_random(void)
{
    static const char *const pieces[] = {"a",
                                         "\\n",
                                         "\\\\",
                                         "\\\"",
                                         "\\u0041",
                                         "\\ud800",
                                         "\\udc00",
                                         "\\u0000",
                                         "\xc3\xa9",
                                         "\xff",
                                         "\xe2\x82",
                                         "12345678",
                                         "\\uD83D\\uDE00",
                                         " ",
                                         "/",
                                         "\\/",
                                         "\xf4\x90\x80\x80"};
    struct kvt_random random;
    kvt_random_seed(&random, 9);
    int same = 1;
    for (int round = 0; round < 20000 && same; round++) {
        char value[256] = "\"";
        uint32_t n = kvt_random_bounded(&random, 12);
        for (uint32_t i = 0; i < n; i++)
            strcat(value, pieces[kvt_random_bounded(&random, sizeof pieces / sizeof *pieces)]);
        strcat(value, "\"");
        same = agrees(value, strlen(value));
    }
    ok(same, "20,000 random strings");
}

static int list(const char *value, size_t *count)
{
    static struct kvt_span *spans;
    static size_t capacity;
    struct kvt_error error;
    kvt_buffer_clear(&room);
    kvt_buffer_reserve(&room, KVT_STRING_ROOM(strlen(value)));
    size_t used;
    int status =
        kvt_string_list(&room, value, strlen(value), &spans, &capacity, count, &used, &error);
    if (status == 1 && used != strlen(value))
        return 0; /* something follows */
    if (*count == 2 && status == 1 &&
        !(spans[0].length == 1 && spans[1].length == 3 && memcmp(spans[1].data, "b\"c", 3) == 0))
        return 9;
    return status;
}

static void test_list(void)
{
    size_t n;
    ok(list("[\"a\",\"b\\\"c\"]", &n) == 1 && n == 2, "two texts");
    ok(list("[ \"a\" , \"b\\\"c\" ]", &n) == 1 && n == 2, "with white space");
    ok(list("[]", &n) == 1 && n == 0, "none");
    ok(list("[\"a\",1]", &n) == 0, "something else than texts is left to the parser");
    ok(list("\"a\"", &n) == 0, "so is no list");
    ok(list("[\"a\",]", &n) == 0, "and a broken one");
    ok(list("[\"\\x\"]", &n) == -1, "a bad text is an error");
}

/* Plain texts of all lengths, and with something at every place that is written otherwise. */
static void test_write(void)
{
    static const char odd[] = "\"\\\x01\x1f\x7f\xff";
    struct kvt_buffer plainly = {0}, fast = {0};
    int different = 0;
    for (size_t length = 0; length < 50; length++)
        for (size_t place = 0; place <= length; place++)
            for (size_t i = 0; i < sizeof odd - 1; i++) {
                char text[50];
                for (size_t k = 0; k < length; k++)
                    text[k] = (char)(' ' + 3 + k);
                text[2] = ' ';
                if (place < length)
                    text[place] = odd[i];
                kvt_buffer_clear(&plainly);
                kvt_buffer_clear(&fast);
                kvt_json_write_string(&plainly, text, length);
                kvt_string_write(&fast, text, length);
                different += strcmp(plainly.data, fast.data) != 0 || plainly.length != fast.length;
            }
    kvt_buffer_free(&plainly);
    kvt_buffer_free(&fast);
    is_int(different, 0, "written as the JSON writer does, whatever stands where");
}

int main(void)
{
    test_write();
    test_kinds();
    test_random();
    test_list();
    kvt_buffer_free(&room);
    return tap_done();
}
