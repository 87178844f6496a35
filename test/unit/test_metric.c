/*
 * Metrics of the text room. The expected values are those of the official scorer's rules, worked by
 * hand or by Python (str.lower, re, difflib); the same rules run against an independent
 * implementation on random text in test/score.t.
 */
#include "tap.h"

#include "core/random.h"
#include "text/kernels.h"
#include "text/metric.h"
#include "text/normalize.h"
#include "text/scored_task.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static struct kvt_scratch scratch;

static struct kvt_span span(const char *text)
{
    return (struct kvt_span){text, strlen(text)};
}

static double score_of(const char *metric, const char *backend, const char *text, const char *gold)
{
    struct kvt_span golds[] = {span(gold)};
    struct kvt_score score;
    struct kvt_error error;
    const struct kvt_metric *found = kvt_metric_find(metric, backend);
    struct kvt_span scored = span(text);
    if (found->code_line)
        scored = kvt_span_code_line(scored);
    if (kvt_score_row(&scratch, found, scored, golds, 1, NULL, 0, &score, &error) != 0)
        return -1;
    return score.value;
}

#define TEN_SEVENS "7777777777"
#define SEVENS                                                                                     \
    TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS        \
        TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS TEN_SEVENS
#define SPACES                                                                                     \
    "                                                                                          "

/* By all kernels, and in the midst of other text, which must not matter. */
static const char *normalized(const char *text)
{
    static const char *const behind[] = {"", "n the a e", "\xff", "e ", " an"};
    static struct kvt_buffer out, around, other;
    const struct kvt_text_kernels *kernels;
    const size_t length = strlen(text);
    kvt_buffer_clear(&out);
    const size_t count = kvt_normalize_english(&out, text, length);
    for (size_t k = 0; (kernels = kvt_text_kernels_at(k)) != NULL; k++)
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            kvt_buffer_clear(&around);
            kvt_buffer_append(&around, text, length);
            while (behind[i][0] && around.length < length + 2 * KVT_BLOCK)
                kvt_buffer_text(&around, behind[i]);
            kvt_buffer_clear(&other);
            if (kernels->normalize_english(&other, around.data, length, around.length) != count ||
                strcmp(out.data, other.data) != 0)
                return kernels->name;
        }
    return out.data;
}

static const char *lowered(const char *text)
{
    static struct kvt_buffer out;
    kvt_buffer_clear(&out);
    kvt_unicode_lower(&out, text, strlen(text));
    return out.data;
}

static void test_unicode(void)
{
    is_text(lowered("STRASSE \xc3\x84"), "strasse \xc3\xa4", "lower-case beyond ASCII");
    is_text(lowered("\xc4\xb0x"), "i\xcc\x87x", "U+0130 becomes two code points");
    is_text(lowered("\xce\x9f\xce\x94\xce\x9f\xce\xa3"), "\xce\xbf\xce\xb4\xce\xbf\xcf\x82",
            "a capital sigma at the end of a word becomes the final form");
    is_text(lowered("\xce\xa3\xce\x91"), "\xcf\x83\xce\xb1", "elsewhere the usual one");
    is_text(lowered("A\xce\xa3."), "a\xcf\x82.", "punctuation after it does not change that");
    is_text(lowered("A\xce\xa3.B"), "a\xcf\x83.b", "a letter after the punctuation does");
    is_text(lowered("a\xff\xc3z"), "a\xef\xbf\xbd\xef\xbf\xbdz", "ill-formed bytes become U+FFFD");
    ok(kvt_unicode_space(0xa0) && kvt_unicode_space(0x3000) && !kvt_unicode_space(0x200b),
       "NBSP and U+3000 are white space, ZWSP is not");
    ok(kvt_unicode_digit(0x0663) && kvt_unicode_digit(0xff13) && !kvt_unicode_digit(0xb2),
       "decimal digits of other scripts are digits, superscripts are not");
    ok(kvt_unicode_word(0x4e2d) && kvt_unicode_word(0xb2) && !kvt_unicode_word(0x0301) &&
           !kvt_unicode_word(0x2019),
       "letters and numbers are \\w; marks and quotes are not");
}

/* Texts are looked at in blocks of 64 bytes: where a token stands in them must not matter. */
static void test_normalize_blocks(void)
{
    static const char *const phrases[][2] = {
        {"the U.S. (The) \"an\" a-b, don't\nA_n", "us ab dont"},
        {"\xe2\x80\x9cthe a\xe4\xb8\xad a\xe2\x80\x99s\xc2\xa0"
         "9", /* U+201C, a word sign, U+2019, NBSP */
         "\xe2\x80\x9c a\xe4\xb8\xad \xe2\x80\x99s 9"},
        {"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 , . an",
         "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789"},
    };
    for (size_t p = 0; p < sizeof phrases / sizeof *phrases; p++) {
        char text[400], wanted[400], name[64];
        int same = 1;
        for (int shift = 0; shift <= 150 && same; shift++)
            for (int after = 0; after <= 90; after += 30) {
                snprintf(text, sizeof text, "%.*s %s%.*s", shift, SEVENS, phrases[p][0], after,
                         SPACES);
                snprintf(wanted, sizeof wanted, "%.*s%s%s", shift, SEVENS, shift ? " " : "",
                         phrases[p][1]);
                same &= strcmp(normalized(text), wanted) == 0;
            }
        snprintf(name, sizeof name, "normalised at every place of a block: phrase %zu", p);
        ok(same, name);
    }
}

/* The rule in three plain steps, for ASCII. */
static const char *plainly_normalized(const char *text)
{
    static char out[400];
    char kept[400], *to = kept;
    for (; *text; text++)
        if (!ispunct((unsigned char)*text))
            *to++ = (char)tolower((unsigned char)*text);
    *to = '\0';
    out[0] = '\0';
    for (char *token = strtok(kept, " \n\t"); token; token = strtok(NULL, " \n\t"))
        if (strcmp(token, "a") != 0 && strcmp(token, "an") != 0 && strcmp(token, "the") != 0) {
            strcat(out, out[0] ? " " : "");
            strcat(out, token);
        }
    return out;
}

static void test_normalize_random(void)
{
    static const char *const alphabets[] = {"a n.", "the  -", "aAnthe xT9._\"\n\t  ", "th e\n,"};
    struct kvt_random random;
    int same = 1;
    kvt_random_seed(&random, 1);
    for (int i = 0; i < 40000; i++) {
        char text[300];
        const char *alphabet = alphabets[i % 4];
        size_t length = kvt_random_bounded(&random, sizeof text - 1);
        for (size_t k = 0; k < length; k++)
            text[k] = alphabet[kvt_random_bounded(&random, (uint32_t)strlen(alphabet))];
        text[length] = '\0';
        same &= strcmp(normalized(text), plainly_normalized(text)) == 0;
    }
    ok(same, "40,000 random texts of articles, near misses and punctuation");
}

static void test_normalize(void)
{
    is_text(normalized("The  U.S. a-b, an\tApple!"), "us ab apple",
            "punctuation goes, articles go");
    is_text(normalized("\xe2\x80\x9cParis\xe2\x80\x9d"), "\xe2\x80\x9cparis\xe2\x80\x9d",
            "typographic quotes stay");
    is_text(normalized("don\xe2\x80\x99t"), "don\xe2\x80\x99t", "so does a typographic apostrophe");
    is_text(normalized("a\xe4\xb8\xad the\xe4\xb8\xad"), "a\xe4\xb8\xad the\xe4\xb8\xad",
            "a word boundary knows Chinese letters");
    is_text(normalized("a\xe2\x80\x99"
                       "b"),
            "\xe2\x80\x99"
            "b",
            "an article may touch a quote");
    is_text(normalized("x\xe2\x80\x99"
                       "a\xe2\x80\x99y"),
            "x\xe2\x80\x99 \xe2\x80\x99y", "an article inside a token splits it");
    is_text(normalized("the a an"), "", "nothing is left of articles");
    is_text(normalized("x the"), "x", "no space is left at the end");
    is_text(normalized("x\xc2\xa0y\xe3\x80\x80z\xe2\x80\x8bw"), "x y z\xe2\x80\x8bw",
            "NBSP and U+3000 split, ZWSP does not");
    is_text(normalized("_a_"), "", "the underscore is punctuation");
    is_text(normalized("A. then"), "then", "a letter with a period is an article");
}

static void test_words(void)
{
    is_near(score_of("qa_f1", NULL, "the cat sat", "a cat"), 2.0 / 3, 1e-15, "F1 of tokens");
    is_near(score_of("qa_f1", NULL, "x x y", "x y y"), 2.0 / 3, 1e-15, "F1 counts repeated tokens");
    is_near(score_of("qa_f1", NULL, "", ""), 0, 0, "empty against empty is 0");
    is_near(score_of("qa_f1", NULL, "the", "the"), 0, 0, "an article against itself is 0");
    is_near(score_of("qa_f1", NULL, "A.", "A."), 0, 0, "a gold `A.` can never score");
    is_near(score_of("qa_f1", NULL, "\xe2\x80\x9cParis\xe2\x80\x9d", "Paris"), 0, 0,
            "typographic quotes make a different token");
    is_near(score_of("qa_f1", NULL, "dont", "don\xe2\x80\x99t"), 0, 0, "and so does an apostrophe");
    is_near(score_of("em", NULL, "The old arch.", "old arch"), 1, 0,
            "exact match after normalisation");
    is_near(score_of("em", NULL, "old arches", "old arch"), 0, 0, "a longer word is no match");
    is_near(score_of("em", NULL, "the", "a"), 0, 0, "two texts of nothing are no match");
    is_near(score_of("contains", NULL, "it is the Old arch, yes", "old arch"), 1, 0, "contained");
    is_near(score_of("contains", NULL, "cold arch old arches old  arch", "old arch"), 1, 0,
            "contained after two places where it is part of words");
    is_near(score_of("contains", NULL, "cold arch old arches", "old arch"), 0, 0,
            "part of a word does not count");
    is_near(score_of("string_match_part", NULL, "XABCY", "abc"), 1, 0,
            "RULER matches inside words");
}

static void test_golds(void)
{
    struct kvt_span golds[] = {span("two"), span("ONE"), span("one")};
    struct kvt_score score;
    struct kvt_error error;
    kvt_score_row(&scratch, kvt_metric_find("qa_f1", NULL), span("one"), golds, 3, NULL, 0, &score,
                  &error);
    ok(score.value == 1 && score.best == 1, "the first of the best golds counts");
    ok(score.pair.gold_norm.length == 3 && memcmp(score.pair.gold_norm.data, "one", 3) == 0,
       "its normalised text is recorded");
    kvt_score_row(&scratch, kvt_metric_find("string_match_all", NULL), span("one"), golds, 3, NULL,
                  0, &score, &error);
    is_near(score.value, 2.0 / 3, 1e-15, "string_match_all is the mean over golds");
    ok(kvt_score_row(&scratch, kvt_metric_find("qa_f1", NULL), span("one"), golds, 0, NULL, 0,
                     &score, &error) != 0,
       "a row without golds is an error");
}

static void test_rouge(void)
{
    const double perfect = 2 / (2 + 1e-8);
    is_near(score_of("rouge", NULL, "a b c", "a b c"), perfect, 1e-16,
            "a perfect match is below 1");
    is_near(score_of("rouge", NULL, "a a a a", "a"), perfect, 1e-16, "words count once");
    is_near(score_of("rouge", NULL, "A b", "a b"), 2 * .25 / (1 + 1e-8), 1e-15, "case matters");
    is_near(score_of("rouge", NULL, "", "a"), 0, 0, "no prediction");
    is_near(score_of("rouge", NULL, "...", "a"), 0, 0, "no sentence");
    is_near(score_of("rouge", NULL, "a b", "b a"), 2 * .25 / (1 + 1e-8), 1e-15,
            "a subsequence has an order");
    /* Of the two longest matches of "a b" and "b a" the recursion finds b. */
    is_near(score_of("rouge", NULL, "b a. a", "a b"), perfect, 1e-16,
            "the union over sentences of the words matched");
    is_near(score_of("rouge", NULL, "b a. b", "a b"), 2 * .25 / (1 + 1e-8), 1e-15,
            "of equally long matches the one the recursion finds");
    /* A piece of white space between full stops is one empty word in both. */
    is_near(score_of("rouge", NULL, "a. \n", "a. "), perfect, 1e-16, "an empty word is a word");
    is_near(score_of("rouge", NULL, "a. \n", "a."), 2 * (1 * .5) / (1.5 + 1e-8), 1e-15,
            "that only one of them has");
    is_near(score_of("rouge", NULL,
                     "a\xc2\xa0"
                     "b",
                     "a b"),
            perfect, 1e-16, "NBSP is white space");
}

/* The classes of a row. */
static double classify(const char *text, const char *gold, const char *const *names, size_t count)
{
    struct kvt_span golds[] = {span(gold)}, classes[8];
    for (size_t i = 0; i < count; i++)
        classes[i] = span(names[i]);
    struct kvt_score score;
    struct kvt_error error;
    if (kvt_score_row(&scratch, kvt_metric_find("classification", NULL), span(text), golds, 1,
                      classes, count, &score, &error) != 0)
        return -1;
    return score.value;
}

static void test_choice(void)
{
    static const char *const classes[] = {"Date", "Event", "Other event", "Food", "event"};
    is_near(classify("Date", "Date", classes, 5), 1, 0, "the class alone");
    is_near(classify("Date or Food", "Date", classes, 5), .5, 0, "one of two");
    is_near(classify("date", "Date", classes, 5), 0, 0, "case matters");
    is_near(classify("Other event", "Other event", classes, 5), 1, 0,
            "a class inside the gold is taken out");
    static const char *const parts[] = {"a", "b", "ab", "c"};
    /* a and b are both proper parts of ab; taking a out hides b, which stays: 1 of {b, ab}. */
    is_near(classify("a b ab", "ab", parts, 4), .5, 0, "taking one out hides the next");
    is_near(classify("x", "Date", NULL, 0), -1, 0, "no classes is an error");
    is_near(score_of("count", NULL, "3, or 3.0?", "3"), 2.0 / 3, 1e-15, "3, 3 and 0");
    is_near(score_of("count", NULL, "03", "3"), 0, 0, "numbers are compared as written");
    is_near(score_of("count", NULL, "1,000", "1000"), 0, 0, "1,000 is two numbers");
    is_near(score_of("count", NULL, "none", "3"), 0, 0, "no number");
    is_near(score_of("count", NULL, "\xd9\xa3 3", "3"), .5, 0,
            "digits of other scripts are numbers");
    is_near(score_of("retrieval", NULL, "Paragraph 8.", "Paragraph 8"), 1, 0, "the paragraph");
    is_near(score_of("retrieval", NULL, "8 or 9", "Paragraph 8"), .5, 0, "any number counts");
    is_near(score_of("retrieval", NULL, "8", "Paragraph x Paragraph 8"), 1, 0,
            "the first mark with a number");
    is_near(score_of("retrieval", NULL, "8", "8"), -1, 0, "a gold without the mark is an error");
    is_near(score_of("retrieval_zh", NULL, "8",
                     "\xe6\xae\xb5\xe8\x90\xbd"
                     "8"),
            1, 0, "the Chinese mark");
}

static void test_code(void)
{
    is_near(score_of("code_sim", "difflib", "x = 1\ny", "x = 1"), 1, 0, "equal lines");
    is_near(score_of("code_sim", "difflib", "", ""), 1, 0, "both empty are equal");
    is_near(score_of("code_sim", "difflib", "", "x"), 0, 0, "one empty is 0");
    is_near(score_of("code_sim", "difflib", "\n\n# c\n// c\n`c`\nabcd\n", "abcd"), 1, 0,
            "comments and fences are passed over");
    is_near(score_of("code_sim", "difflib", "# all", "x"), 0, 0, "nothing but comments");
    is_near(score_of("code_sim", "indel", "abcd", "bcda"), .75, 0, "indel: twice the subsequence");
    is_near(score_of("code_sim", "difflib", "qabxcd", "abycdf"), .67, 0,
            "8/12 rounds to 67 percent");
    /* 2*1/16 = 12.5 percent: half to even. */
    is_near(score_of("code_sim", "difflib", "aqqqqqqq", "zzzzzzza"), .12, 0, "halves go to even");
    /* Asymmetric: the longest block is sought first in the prediction. */
    is_near(score_of("code_sim", "difflib", "tide", "diet"), .25, 0, "difflib, one way");
    is_near(score_of("code_sim", "difflib", "diet", "tide"), .5, 0, "difflib, the other way");
    is_near(score_of("code_sim", "indel", "      this.channel.close();",
                     "        if (this.m instanceof IUpdatePlayerListBox) {"),
            .43, 0, "34/80 as 1 - 46/80 rounds up");
    /* From 200 characters on, symbols in more than 1% of the gold are junk for difflib. */
    char gold[256], text[256];
    memset(gold, 'a', 200);
    memset(text, 'a', 200);
    gold[200] = text[200] = 0;
    text[0] = 'b';
    is_near(score_of("code_sim", "difflib", text, gold), 0, 0,
            "a long gold of one letter is all junk");
    gold[199] = 0;
    is_near(score_of("code_sim", "difflib", text, gold), 1, .005, "a shorter one is not");
}

static void test_spans(void)
{
    bool complete;
    struct kvt_span line = kvt_span_first_line(span("\n\n x\r\ny"), &complete);
    ok(line.length == 3 && memcmp(line.data, " x\r", 3) == 0 && complete,
       "first line: newlines in front go, spaces and \\r stay");
    line = kvt_span_first_line(span("\r\nx"), &complete);
    ok(line.length == 1 && complete, "a \\r in front is a line of its own");
    line = kvt_span_first_line(span("x"), &complete);
    ok(line.length == 1 && !complete, "an unfinished line");
    is_text(kvt_scored_task_find("longbench_qasper_e")->name, "qasper", "names of other harnesses");
    is_text(kvt_scored_task_find("niah_multikey_2")->metric, "string_match_all",
            "a family of tasks");
    is_text(kvt_scored_task_find("passage_retrieval_en")->name, "passage_retrieval_en",
            "an ending is not mistaken");
    is_text(kvt_scored_task_find("riddles")->metric, "qa_f1", "an unknown task gets F1");
    ok(kvt_scored_task_find("dureader")->refused && !kvt_scored_task_find("lsht")->refused,
       "tasks that need word segmentation are refused");
}

/* difflib's matching characters of a[a_low..a_high) and b[b_low..b_high), as it is described. */
static size_t plain_matching(const char *a, size_t a_low, size_t a_high, const char *b,
                             size_t b_low, size_t b_high)
{
    size_t at_a = 0, at_b = 0, size = 0;
    for (size_t i = a_low; i < a_high; i++)
        for (size_t j = b_low; j < b_high; j++) {
            size_t n = 0;
            while (i + n < a_high && j + n < b_high && a[i + n] == b[j + n])
                n++;
            if (n > size)
                at_a = i, at_b = j, size = n;
        }
    if (size == 0)
        return 0;
    return plain_matching(a, a_low, at_a, b, b_low, at_b) + size +
           plain_matching(a, at_a + size, a_high, b, at_b + size, b_high);
}

/* Golds of up to 64 characters are compared by another way than longer ones. */
static void test_difflib_random(void)
{
    static const size_t lengths[] = {1, 2, 7, 40, 63, 64, 65, 90, 130};
    static const char *const alphabets[] = {"ab", "abc (", "etaoin(),_; "};
    struct kvt_random random;
    int same = 1;
    kvt_random_seed(&random, 2);
    for (int i = 0; i < 900; i++) {
        char a[200] = "", b[200] = "";
        const char *alphabet = alphabets[i % 3];
        size_t n = lengths[i % 9], m = 1 + kvt_random_bounded(&random, sizeof a - 1);
        size_t period = i % 5 ? sizeof a : 1 + kvt_random_bounded(&random, 9);
        for (size_t k = 0; k < m || k < n; k++) {
            const uint32_t bound = (uint32_t)strlen(alphabet);
            if (k < m)
                a[k] = k < period ? alphabet[kvt_random_bounded(&random, bound)] : a[k - period];
            if (k < n)
                b[k] = alphabet[kvt_random_bounded(&random, bound)];
        }
        if (i % 2) /* part of the gold stands in the prediction */
            memcpy(a + m / 2, b + n / 2, n - n / 2 < m - m / 2 ? n - n / 2 : m - m / 2);
        a[m - (m == sizeof a)] = '\0';
        m = strlen(a);
        double ratio = 2.0 * (double)plain_matching(a, 0, m, b, 0, n) / (double)(m + n);
        same &= score_of("code_sim", "difflib", a, b) == nearbyint(100 * ratio) / 100;
    }
    ok(same, "900 random lines against what difflib describes");
}

int main(void)
{
    test_difflib_random();
    test_unicode();
    test_normalize();
    test_normalize_blocks();
    test_normalize_random();
    test_words();
    test_golds();
    test_rouge();
    test_choice();
    test_code();
    test_spans();
    kvt_scratch_free(&scratch);
    return tap_done();
}
