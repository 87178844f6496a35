/* Failure rules of the text room: each one alone, and their order. */
#include "tap.h"

#include "config/config.h"
#include "text/declared.h"
#include "text/loop.h"
#include "text/normalize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

static struct kvt_span span(const char *text)
{
    return (struct kvt_span){text, strlen(text)};
}

struct question {
    const char *task, *text, *gold, *finish_reason, *error_type;
    long long status;
};

/* The failure's name, "none", or "error". */
static const char *judge(const struct kvt_rules *rules, struct question q)
{
    static struct kvt_numbers numbers;
    static struct kvt_buffer norm, span_norm;
    static struct kvt_failure failure;
    static struct kvt_matcher *matcher;
    struct kvt_error error;
    if (!matcher)
        matcher = kvt_matcher_make();
    const struct kvt_rule *rule = kvt_rules_find(rules, q.task);
    struct kvt_span golds[] = {span(q.gold)};
    struct kvt_answer answer = {.declared = &rule->declared,
                                .error_type = q.error_type,
                                .error_status = q.status,
                                .finish_reason = q.finish_reason,
                                .text = span(q.text),
                                .span = span(q.text),
                                .golds = golds,
                                .n_golds = 1,
                                .matcher = matcher,
                                .numbers = &numbers,
                                .norm = &norm};
    if (kvt_failure_infrastructure(&answer, &failure))
        return failure.type;
    if (rule->declared.task->first_line)
        answer.span = kvt_span_first_line(answer.span, &answer.line_complete);
    if (rule->metric->code_line) {
        answer.span = kvt_span_code_line(answer.span);
        answer.whole_if_empty = true;
    }
    kvt_buffer_clear(&span_norm);
    kvt_normalize_english(&span_norm, answer.span.data, answer.span.length);
    answer.span_norm = (struct kvt_span){span_norm.data, span_norm.length};
    int status = kvt_failure_model(&answer, &failure, &error);
    return status < 0 ? "error" : status ? failure.type : "none";
}

#define JUDGE(task, text, gold, finish_reason)                                                     \
    judge(rules, (struct question){task, text, gold, finish_reason, NULL, 0})
#define JUDGE_ERROR(text, type, status)                                                            \
    judge(rules, (struct question){"qasper", text, "x", NULL, type, status})

static void test_infrastructure(const struct kvt_rules *rules)
{
    is_text(JUDGE_ERROR("", "TIMEOUT", 0), "TIMEOUT", "time-out");
    is_text(JUDGE_ERROR("", "rate_limited", 0), "RATE_LIMITED", "names in any case");
    is_text(JUDGE_ERROR("", "http_error", 429), "RATE_LIMITED", "status 429");
    is_text(JUDGE_ERROR("", "whatever", 500), "ENGINE_ERROR", "anything else");
    is_text(JUDGE_ERROR("part of", "STREAM_CUT", 0), "STREAM_CUT",
            "an answer in part is no answer");
    is_text(JUDGE_ERROR("", "context_length_exceeded", 400), "CONTEXT_OVERFLOW",
            "the server's own name for it");
}

#define TEN "and on "
#define LOOP TEN TEN TEN TEN TEN TEN TEN TEN

static void test_model(const struct kvt_rules *rules)
{
    is_text(JUDGE("other", " \n\xc2\xa0", "x", "stop"), "EMPTY_OUTPUT", "white space only");
    is_text(JUDGE("other", "first " LOOP, "x", "length"), "REPETITION", "a loop at the end");
    is_text(JUDGE("other", LOOP "but then it ended otherwise", "x", "stop"), "none",
            "a loop that was left");
    is_text(JUDGE("qasper", "long", "x", "length"), "TRUNCATED", "the cap, where answers end");
    is_text(JUDGE("gov_report", "long", "x", "length"), "none", "the cap, where it cuts as a rule");
    is_text(JUDGE("qasper", "long", "x", NULL), "none", "unknown: not judged");
    is_text(JUDGE("trec", "Date\nQuestion: more", "x", "length"), "none",
            "a first line that is complete");
    is_text(JUDGE("trec", "Date and so", "x", "length"), "TRUNCATED", "one that is not");
    is_text(JUDGE("qasper", "Unanswerable.", "an answer", "stop"), "ABSTENTION",
            "the declared string");
    is_text(JUDGE("qasper", "Unanswerable.", "Unanswerable", "stop"), "none", "a gold says it");
    is_text(JUDGE("qasper", "It is unanswerable from the article", "x", "stop"), "ABSTENTION",
            "after a few words");
    is_text(JUDGE("qasper", "He says that of all questions one is unanswerable", "x", "stop"),
            "none", "not after many");
    is_text(JUDGE("qasper", "Not unanswerable", "x", "stop"), "none", "the string in passing");
    is_text(JUDGE("hotpotqa", "Unanswerable.", "x", "stop"), "none",
            "a task that does not declare it");
    is_text(JUDGE("recall", " not stated", "old arch", "stop"), "ABSTENTION", "recall's string");
    is_text(JUDGE("other", "I'm sorry, but I can't help with that.", "x", "stop"), "REFUSAL",
            "refusal");
    is_text(JUDGE("other", "I\xe2\x80\x99m sorry, no.", "x", "stop"), "REFUSAL",
            "with a typographic apostrophe");
    is_text(JUDGE("other", "He said: I'm sorry", "x", "stop"), "none",
            "not when somebody is quoted");
    is_text(JUDGE("other", "x", "y", "content_filter"), "REFUSAL", "the server's filter");
    is_text(JUDGE("recall", " salt , yarn . wax", "x", "stop"), "FORMAT_ERROR", "recall's form");
    is_text(JUDGE("recall", " salt , yarn , wax", "x", "stop"), "none", "which a list has");
    is_text(JUDGE("recall", " 47 12 90", "x", "stop"), "none", "and a code");
    is_text(JUDGE("recall", " salt , , wax", "x", "stop"), "FORMAT_ERROR",
            "two commas are not a list");
    is_text(JUDGE("passage_count", "eleven", "11", "stop"), "FORMAT_ERROR", "no number");
    is_text(JUDGE("recall", " not stated . " LOOP, "x", "length"), "REPETITION",
            "the first rule wins");
    is_text(JUDGE("recall", " not stated", "x", "length"), "TRUNCATED", "in the table's order");
}

/* What stands in memory behind a normalised text is no part of it. */
static void test_end_of_norm(const struct kvt_rules *rules)
{
    static const char memory[200] = "so\0x unanswerable and more";
    struct kvt_numbers numbers = {0};
    struct kvt_buffer norm = {0};
    struct kvt_failure failure = {0};
    struct kvt_error error;
    struct kvt_span golds[] = {span("x")};
    struct kvt_answer answer = {.declared = &kvt_rules_find(rules, "qasper")->declared,
                                .text = span("So"),
                                .span = span("So"),
                                .span_norm = {memory, 2},
                                .golds = golds,
                                .n_golds = 1,
                                .matcher = kvt_matcher_make(),
                                .numbers = &numbers,
                                .norm = &norm};
    is_int(kvt_failure_model(&answer, &failure, &error), 0, "words behind a text are not its own");
    answer.span_norm = (struct kvt_span){memory + 5, 12};
    is_int(kvt_failure_model(&answer, &failure, &error), 1, "and where they are, it abstains");
    kvt_matcher_free(answer.matcher);
    kvt_buffer_free(&norm);
    free(numbers.data);
}

/* Words of any width before the task's string: where it stands in memory does not matter. */
static void test_words_before(const struct kvt_rules *rules)
{
    enum { MOST = 5, WIDEST = 70 };
    char text[MOST * (WIDEST + 1) + 40];
    int right = 1;
    for (size_t width = 1; width <= WIDEST; width++)
        for (size_t before = 0; before <= MOST; before++) {
            memset(text, 'w', sizeof text);
            for (size_t i = 1; i <= before; i++)
                text[i * (width + 1) - 1] = ' ';
            strcpy(text + before * (width + 1), "unanswerable so far");
            const char *type = JUDGE("qasper", text, "x", "stop");
            right &= strcmp(type, before <= 3 ? "ABSTENTION" : "none") == 0;
        }
    ok(right, "up to three words of any width may stand before the string, and no more");
}

static void test_spans(const struct kvt_rules *rules)
{
    is_text(JUDGE("lcc", "x = 1\n" LOOP, "x", NULL), "none", "code: a loop after the scored line");
    is_text(JUDGE("lcc", "# only a comment " LOOP "\n# and more", "x", NULL), "none",
            "code: comments alone are no empty answer");
    is_text(JUDGE("lcc", "\n\n", "x", NULL), "EMPTY_OUTPUT", "nothing is");
    is_text(JUDGE("trec", "Date\n" LOOP, "x", NULL), "none",
            "examples: a loop after the first line");
}

static int is_loop(const char *text)
{
    struct kvt_numbers numbers = {0};
    int loop = kvt_loop_at_end(&numbers, span(text), NULL);
    free(numbers.data);
    return loop;
}

/* The definition, tried for every unit: at least four times, over at least 50 characters (ASCII).
 */
static int is_loop_slow(const char *text, size_t n)
{
    for (size_t p = 1; p <= n / 4; p++) {
        size_t length = p;
        while (length < n && text[n - 1 - length] == text[n - 1 - length + p])
            length++;
        if (length >= 4 * p && length >= 50)
            return 1;
    }
    return 0;
}

static void test_loop(void)
{
    char text[256];
    memset(text, 'a', sizeof text);
    text[49] = 0;
    ok(!is_loop(text), "49 characters are too few");
    memcpy(text + 40, "aaaaaaaaaa", 11);
    ok(is_loop(text), "50 are enough");
    ok(is_loop("0123456789abcd0123456789abcd0123456789abcd0123456789abcd"),
       "a unit of 14, four times");
    ok(!is_loop("0123456789abcdefg0123456789abcdefg0123456789abcdefg"),
       "three times is not a loop");
    ok(is_loop("xyz 0123456789abcd0123456789abcd0123456789abcd0123456789abcd012"),
       "cut within a unit");
    ok(!is_loop("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"),
       "30 characters of two bytes are 30 characters");
    unsigned state = 1;
    int different = 0, loops = 0;
    for (int round = 0; round < 4000; round++) {
        size_t n = 50 + (size_t)round % 200, unit = 1 + (size_t)round / 60 % 20;
        for (size_t i = 0; i < n; i++) {
            state = state * 1103515245u + 12345u;
            text[i] =
                i >= unit && (state >> 16) % 100 != 0 ? text[i - unit] : "ab"[state >> 20 & 1];
        }
        text[n] = 0;
        loops += is_loop_slow(text, n);
        different += is_loop(text) != is_loop_slow(text, n);
    }
    ok(different == 0 && loops > 500 && loops < 3500, "agrees with the definition on 4,000 texts");
}

/* What a text begins with may decide; it must never decide otherwise than the whole text does. */
static void test_openings(void)
{
    static const char *const patterns[] = {"\\Aab",
                                           "(?i)\\A\\W*+(?:k|so) ?a",
                                           "\\A(?=.*b)a?",
                                           "\\A(?!a)",
                                           "\\A$",
                                           "\\A\\R?b",
                                           "^k*",
                                           "(?s)\\A.{3}b",
                                           "\\A\\bk",
                                           "(?i)\\A(?:k|\\x{e9})",
                                           "\\A(?:a|b)|k",
                                           "\\A\\Z|\\Ab\\z",
                                           "b",
                                           "(?s).*k",
                                           "\\A(?<=a)b",
                                           "\\A\\X{2}b",
                                           "\\A[^\\n]+k",
                                           "(?m)^b",
                                           "\\A(a|b\\1)+k?"};
    static const char *const pieces[] = {"a",  "b",  "k", "K",        " ",
                                         "\n", "\r", ".", "\xc3\xa9", "\xe2\x84\xaa"};
    const size_t n_patterns = sizeof patterns / sizeof *patterns;
    struct kvt_matcher *matcher = kvt_matcher_make();
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    struct kvt_error error;
    unsigned state = 7;
    int different = 0, passed_by = 0;
    for (size_t i = 0; i < n_patterns; i++) {
        struct kvt_pattern *pattern = kvt_pattern_compile(patterns[i], &error);
        int number;
        PCRE2_SIZE offset;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_UTF,
                                         &number, &offset, NULL);
        for (int round = 0; round < 3000; round++) {
            char text[32] = "";
            for (int n = round % 7; n > 0; n--) {
                state = state * 1103515245u + 12345u;
                strcat(text, pieces[(state >> 16) % (sizeof pieces / sizeof *pieces)]);
            }
            int expected =
                pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, match, NULL) >= 0;
            different += kvt_pattern_search(pattern, matcher, span(text), &error) != expected;
            passed_by += !kvt_pattern_opens(pattern, (unsigned char)text[0]);
        }
        pcre2_code_free(code);
        kvt_pattern_free(pattern);
    }
    pcre2_match_data_free(match);
    kvt_matcher_free(matcher);
    ok(different == 0 && passed_by > 3000,
       "a text passed by for its first character never matches");
}

static void test_settings(void)
{
    struct kvt_error error;
    json_t *scoring = json_loads("{\"more_refusal_patterns\":[\"ok(\"]}", 0, NULL);
    ok(!kvt_rules_make(scoring, &error), "a bad pattern is an error");
    ok(strstr(error.text, "offset 3") && strstr(error.text, "scoring.more_refusal_patterns"),
       "that names the key and the offset");
    json_decref(scoring);
    scoring = json_loads("{\"metric\":\"qa_f2\"}", 0, NULL);
    ok(!kvt_rules_make(scoring, &error) && strstr(error.text, "\"qa_f1\""),
       "an unknown metric is an error that names the nearest");
    json_decref(scoring);
    scoring = json_loads("{\"tasks\":{\"riddles\":{\"metric\":\"em\",\"answers_end\":true,"
                         "\"abstentions\":[\"no idea\"],\"format\":\"^[a-z ]+$\"}}}",
                         0, NULL);
    struct kvt_rules *rules = kvt_rules_make(scoring, &error);
    is_text(kvt_rules_find(rules, "riddles")->metric->name, "em", "a task of one's own: metric");
    is_text(JUDGE("riddles", "No idea!", "x", "stop"), "ABSTENTION", "abstention");
    is_text(JUDGE("riddles", "x", "y", "length"), "TRUNCATED", "that answers end");
    is_text(JUDGE("riddles", "X1", "y", "stop"), "FORMAT_ERROR", "form");
    is_text(kvt_rules_find(rules, "qasper")->metric->name, "qa_f1", "the others are as they were");
    kvt_rules_free(rules);
    json_decref(scoring);
    scoring = json_loads("{\"format_pattern\":\"(a|aa)+$\"}", 0, NULL);
    rules = kvt_rules_make(scoring, &error);
    char bomb[46];
    for (size_t i = 0; i < sizeof bomb; i++)
        bomb[i] = 'a';
    bomb[44] = 'b';
    bomb[45] = 0;
    is_text(JUDGE("other", bomb, "y", "stop"), "error", "a pattern that explodes gives up");
    kvt_rules_free(rules);
    json_decref(scoring);
}

int main(void)
{
    struct kvt_error error;
    json_t *defaults = kvt_config_defaults();
    struct kvt_rules *rules = kvt_rules_make(json_object_get(defaults, "scoring"), &error);
    test_infrastructure(rules);
    test_model(rules);
    test_spans(rules);
    test_end_of_norm(rules);
    test_words_before(rules);
    test_loop();
    test_openings();
    test_settings();
    kvt_rules_free(rules);
    json_decref(defaults);
    return tap_done();
}
