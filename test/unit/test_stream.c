/* Numbers, JSON text, scanning and splicing lines. */
#include "core/random.h"
#include "stream/json.h"
#include "stream/number.h"
#include "stream/scan.h"
#include "tap.h"

#include <stdbool.h>
#include <stdlib.h>

static const char *formatted(double value)
{
    static char text[KVT_NUMBER_SIZE];
    kvt_number_format(value, text);
    return text;
}

static void test_numbers(void)
{
    is_text(formatted(0.2), "0.2", "0.2");
    is_text(formatted(1.0), "1", "1.0");
    is_text(formatted(-0.0), "0", "minus zero");
    is_text(formatted(1e-5), "1e-05", "1e-5");
    is_text(formatted(0.1 + 0.2), "0.30000000000000004", "0.1 + 0.2 keeps its 17 digits");
    is_text(formatted(1.0 / 3), "0.3333333333333333", "a third takes 16 digits");
    is_text(formatted((double)NAN), "null", "NaN is null");
    is_text(formatted(-(double)INFINITY), "null", "infinity is null");
    struct kvt_random random;
    kvt_random_seed(&random, 3);
    int same = 1;
    for (int i = 0; i < 100000; i++) {
        double x =
            (kvt_random_double(&random) - .5) * pow(10, kvt_random_bounded(&random, 40) - 20.0);
        same &= strtod(formatted(x), NULL) == x;
    }
    ok(same, "100,000 random numbers read back exactly");
}

static const char *rewritten(const char *text, size_t length, size_t *replaced)
{
    static struct kvt_buffer out;
    static struct kvt_error error;
    kvt_buffer_clear(&out);
    json_t *value = kvt_json_parse(text, length, replaced, &error);
    if (!value)
        return error.text;
    kvt_json_write(&out, value);
    json_decref(value);
    return kvt_buffer_string(&out);
}

static void test_json(void)
{
    size_t n;
    is_text(rewritten("{\"b\": 0.2, \"a\": [1, null, true]}", 32, &n),
            "{\"b\":0.2,\"a\":[1,null,true]}", "order and numbers are kept");
    is_int(n, 0, "nothing was replaced");
    is_text(rewritten("\"a\\u0000b\"", 10, &n),
            "\"a\xef\xbf\xbd"
            "b\"",
            "U+0000 becomes U+FFFD");
    is_int(n, 1, "and is counted");
    is_text(rewritten("\"\\ud83d\\ude00\"", 14, &n), "\"\xf0\x9f\x98\x80\"", "a surrogate pair");
    is_int(n, 0, "is one code point");
    is_text(rewritten("\"\\ud83dx\\udc00\"", 15, &n), "\"\xef\xbf\xbdx\xef\xbf\xbd\"",
            "lone surrogates");
    is_int(n, 2, "are both replaced");
    is_text(rewritten("\"\\\\ud83d\"", 9, &n), "\"\\\\ud83d\"",
            "an escaped backslash is no escape");
    is_text(rewritten("\"\xff\"", 3, &n), "\"\xef\xbf\xbd\"", "invalid UTF-8");
    ok(strncmp(rewritten("{\"a\":", 5, &n), "not JSON", 8) == 0, "a torn object is refused");
    struct kvt_buffer out = {0};
    kvt_json_write_string(&out, "\"\\\n\x01\x7f\xe2\x82\xac\xff", 9);
    is_text(out.data, "\"\\\"\\\\\\n\\u0001\x7f\xe2\x82\xac\xef\xbf\xbd\"", "escapes");
    kvt_buffer_clear(&out);
    struct kvt_writer w;
    kvt_writer_start(&w, &out);
    kvt_write_object(&w);
    kvt_member_string(&w, "kind", "x");
    kvt_write_key(&w, "list");
    kvt_write_array(&w);
    kvt_write_integer(&w, 1);
    kvt_write_object(&w);
    kvt_write_end(&w);
    kvt_write_null(&w);
    kvt_write_end(&w);
    kvt_member_number(&w, "n", .5);
    kvt_write_end(&w);
    is_text(out.data, "{\"kind\":\"x\",\"list\":[1,{},null],\"n\":0.5}",
            "the writer places commas");
    kvt_buffer_free(&out);
}

static const char *kind_of(const char *line)
{
    static char kind[32];
    int found = kvt_scan_kind(line, strlen(line), kind, sizeof kind);
    return found == 1 ? kind : found == 0 ? "(none)" : "(bad)";
}

static const char *spliced(const char *line, const char *members)
{
    static struct kvt_buffer out;
    static const char *const remove[] = {"score", "failure", NULL};
    kvt_buffer_clear(&out);
    if (kvt_splice(&out, line, strlen(line), remove, members, strlen(members)) != 0)
        return "(bad)";
    return kvt_buffer_string(&out);
}

/* Nested values are passed over in blocks of 64 bytes: where they stand must not matter. */
static void test_scan_blocks(void)
{
    static const char nested[] =
        "{\"a\":[1,{\"b\\\\\":\"]}\\\"{\"},[]],\"c\":\"\\\\\",\"d\":{\"e\":{}}}";
    char line[400];
    int found = 1, refused = 1;
    for (int shift = 0; shift <= 140; shift++) {
        struct kvt_member member;
        int length =
            snprintf(line, sizeof line, "{\"n\":[%*s%s],\"last\":%d}", shift, "", nested, shift);
        found &= kvt_scan_find(line, (size_t)length, "last", &member) &&
                 strtol(member.value, NULL, 10) == shift;
        line[length - 12 - (shift > 9) - (shift > 99)] = ' '; /* the array stays open */
        refused &= !kvt_scan_find(line, (size_t)length, "last", &member);
    }
    ok(found, "a member after a nested one, at every place of a block");
    found = 1; /* no bracket is near the escape, and the quote that it escapes begins a block */
    for (int shift = 0; shift < 2 * KVT_BLOCK; shift++) {
        char text[600];
        struct kvt_member member;
        int length =
            snprintf(text, sizeof text, "{\"n\":{\"t\":\"%*s\\\" and more, %*s}\"},\"last\":%d}",
                     shift, "", 3 * KVT_BLOCK, "", shift);
        found &= kvt_scan_find(text, (size_t)length, "last", &member) &&
                 strtol(member.value, NULL, 10) == shift;
    }
    ok(found, "and behind an escaped quote at every place of a block");
    ok(refused, "an array that stays open, at every place of a block");
    /* A string of several blocks: its end, behind every number of backslashes. */
    found = 1;
    for (int shift = 0; shift <= 140; shift++)
        for (int pairs = 0; pairs <= 140; pairs += 7) {
            char text[1200], slashes[300];
            memset(slashes, '\\', sizeof slashes);
            int length =
                snprintf(text, sizeof text, "{\"n\":[\"%*s%.*s\\\"]%200s%.*s\"],\"last\":%d}",
                         shift, "", 2 * pairs, slashes, "", 2 * pairs, slashes, pairs);
            struct kvt_member member;
            found &= kvt_scan_find(text, (size_t)length, "last", &member) &&
                     strtol(member.value, NULL, 10) == pairs;
        }
    ok(found, "a member after a long string that ends in backslashes");
}

static void test_scan(void)
{
    is_text(kind_of("{\"kind\":\"response\",\"a\":1}"), "response", "kind first");
    is_text(kind_of(" {\"a\":{\"kind\":\"no\"},\"b\":\"}\\\"\",\"kind\" : \"yes\"} "), "yes",
            "kind last");
    is_text(kind_of("{\"kind\":\"cut\",\"a\":["), "cut",
            "the kind of a torn line can still be told");
    is_text(kind_of("{}"), "(none)", "no kind");
    is_text(kind_of("{\"kind\":5}"), "(none)", "a kind that is no string");
    is_text(kind_of("[1]"), "(bad)", "an array");
    is_text(kind_of("{\"a\" 1}"), "(bad)", "no colon");
    is_text(kind_of("{\"a\":1"), "(bad)", "no closing brace");
    is_text(kind_of("{\"a\":1\"2,\"kind\":\"x\"}"), "(bad)", "a quote in a number");
    is_text(kind_of("{\"a\":1{},\"kind\":\"x\"}"), "(bad)", "a bracket behind one");
    is_text(spliced("{\"kind\":\"r\",\"x\":0.20}", "\"score\":1"),
            "{\"kind\":\"r\",\"x\":0.20,\"score\":1}", "members go before the last brace");
    is_text(
        spliced("{\"score\":{\"a\":[1,\"}\"]}, \"x\":1,\"failure\":null,\"y\":2}", "\"score\":2"),
        "{\"x\":1,\"y\":2,\"score\":2}", "old members are taken away");
    is_text(
        spliced("{\"kind\":\"r\",\"score\":1,\"failure\":null}", "\"score\":2,\"failure\":null"),
        "{\"kind\":\"r\",\"score\":2,\"failure\":null}", "splicing again changes nothing else");
    is_text(spliced("{\"score\":1}", "\"score\":2"), "{\"score\":2}", "the only member");
    is_text(spliced("{}", "\"score\":2"), "{\"score\":2}", "an empty object");
    is_text(spliced("{\"a\":1}", ""), "{\"a\":1}", "nothing to add");
    is_text(spliced("{\"a\":1} x", "\"b\":1"), "(bad)", "text after the object");
    is_text(spliced("{\"a\":\"\\\\\"}", "\"b\":1"), "{\"a\":\"\\\\\",\"b\":1}",
            "a value that ends in a backslash");
}

/* The members of objects within objects, with their depth, as far as the line is one object:
 * "a0 b1 c1 ". `enter`: how deep objects are looked into; deeper ones are skipped. */
static bool visit(struct kvt_scan *scan, int depth, int enter, struct kvt_buffer *names)
{
    struct kvt_member member;
    while (kvt_scan_key(scan, &member)) {
        kvt_buffer_printf(names, "%.*s%s%d ", (int)member.key_length, member.key,
                          member.escaped ? "!" : "", depth);
        if (*member.value != '{' || depth >= enter) {
            kvt_scan_skip(scan, &member);
            continue;
        }
        struct kvt_scan inner;
        kvt_scan_enter(scan, &member, &inner);
        if (!visit(&inner, depth + 1, enter, names))
            return false;
        if (!kvt_scan_leave(scan, &member, &inner) || member.value[member.value_length - 1] != '}')
            return false;
    }
    return !scan->bad && scan->close;
}

static const char *visited(const char *line, int enter)
{
    static struct kvt_buffer names;
    struct kvt_scan scan;
    kvt_buffer_clear(&names);
    kvt_scan_start(&scan, line, strlen(line));
    return visit(&scan, 0, enter, &names) ? kvt_buffer_string(&names) : "(bad)";
}

static void test_scan_inside(void)
{
    static const char line[] =
        "{\"a\":{\"b\":{ } ,\"c\\u0064\" : [{\"no\":1}],"
        "\"a_long_name_\\\"of_more_than_a_piece\":{\"d\":\"}\"}},\"e\":null}";
    is_text(visited(line, 0), "a0 e0 ", "objects passed over");
    is_text(visited(line, 1), "a0 b1 c\\u0064!1 a_long_name_\\\"of_more_than_a_piece!1 e0 ",
            "visited, with the names that have escapes");
    is_text(visited(line, 2), "a0 b1 c\\u0064!1 a_long_name_\\\"of_more_than_a_piece!1 d2 e0 ",
            "and inside those");
    int bad = 1;
    for (size_t length = 0; length < sizeof line - 1; length++) {
        char torn[sizeof line];
        memcpy(torn, line, length);
        torn[length] = '\0';
        for (int enter = 0; enter <= 2; enter++)
            bad &= strcmp(visited(torn, enter), "(bad)") == 0;
    }
    ok(bad, "torn anywhere it is not one object");
    is_text(visited("{\"a\":{\"b\":1]}", 1), "(bad)", "nor with a bracket for a brace");
    is_text(visited("{\"a\":{\"b\":1} \"c\":2}", 1), "(bad)",
            "nor without a comma behind an object");
    is_text(visited("{\"a\":{\"b\":1}} x", 1), "(bad)", "nor with text after it");
}

int main(void)
{
    test_scan_inside();
    test_numbers();
    test_json();
    test_scan();
    test_scan_blocks();
    return tap_done();
}
