/* render/escape: what a text becomes in CSV (RFC 4180), gnuplot, Markdown and on a terminal. */
#include "render/escape.h"
#include "tap.h"

static struct kvt_buffer out;

#define AS(function, ...)                                                                          \
    (kvt_buffer_clear(&out), function(&out, __VA_ARGS__), kvt_buffer_string(&out))

static void test_csv(void)
{
    is_text(AS(kvt_escape_csv, "aaa"), "aaa", "CSV: plain text stays");
    /* the examples of RFC 4180, section 2, rules 6 and 7 */
    is_text(AS(kvt_escape_csv, "b\r\nbb"), "\"b\r\nbb\"", "CSV: line breaks are quoted and kept");
    is_text(AS(kvt_escape_csv, "b\"bb"), "\"b\"\"bb\"", "CSV: quotes are doubled");
    is_text(AS(kvt_escape_csv, "a,b"), "\"a,b\"", "CSV: commas are quoted");
    is_text(AS(kvt_escape_csv, ""), "", "CSV: empty text is an empty field");
}

static void test_gnuplot(void)
{
    is_text(AS(kvt_escape_gnuplot, "it's `x` @m $v", 0), "'it''s `x` @m $v'",
            "gnuplot: quotes are doubled, the rest means nothing");
    is_text(AS(kvt_escape_gnuplot, "a\nb\r\tc\x1b[0m\x7f", 0), "'a b  c [0m '",
            "gnuplot: nothing ends the line");
    is_text(AS(kvt_escape_gnuplot, "abcdef", 4), "'abcd\xe2\x80\xa6'", "gnuplot: long text is cut");
    is_text(AS(kvt_escape_gnuplot, "abcd", 4), "'abcd'",
            "gnuplot: text of the limit's length is not");
    is_text(AS(kvt_escape_gnuplot, "\xc3\xa9\xc3\xa9\xc3\xa9", 2), "'\xc3\xa9\xc3\xa9\xe2\x80\xa6'",
            "gnuplot: the limit counts characters");
    is_text(AS(kvt_escape_gnuplot, "a\xff\xc3", 0), "'a\xef\xbf\xbd\xef\xbf\xbd'",
            "gnuplot: broken UTF-8 becomes U+FFFD");
    is_text(AS(kvt_escape_gnuplot, "a\xe2\x80\xa8z\xe2\x80\xaeq", 0), "'a z q'",
            "gnuplot: line separators and direction marks become spaces");
}

static void test_markdown(void)
{
    is_text(AS(kvt_escape_markdown, "a|b *c* _d_ `e` [f](g)", 0),
            "a\\|b \\*c\\* \\_d\\_ \\`e\\` \\[f\\](g)", "Markdown: marks are escaped");
    is_text(AS(kvt_escape_markdown, "<script>&amp;", 0), "&lt;script&gt;&amp;amp;",
            "Markdown: HTML is text");
    is_text(AS(kvt_escape_markdown, "a\n\n# b", 0), "a  # b", "Markdown: one line stays one line");
    is_text(AS(kvt_escape_markdown, "$x$ ~y~ \\", 0), "\\$x\\$ \\~y\\~ \\\\",
            "Markdown: formulas are text");
}

static void test_code(void)
{
    is_text(AS(kvt_escape_code, "plain", 0), "`plain`", "code: plain");
    is_text(AS(kvt_escape_code, "a``b", 0), "```a``b```",
            "code: a longer fence than any run inside");
    is_text(AS(kvt_escape_code, "`a", 0), "`` `a ``",
            "code: padded where a backtick is at the end");
    is_text(AS(kvt_escape_code, "a|b", 0), "`a\\|b`", "code: a pipe does not end a table cell");
}

static void test_plain(void)
{
    is_text(AS(kvt_escape_plain, "red \x1b[31m\n\x9b\xc2\x9b!", 0), "red  [31m \xef\xbf\xbd !",
            "plain: escape sequences lose their escape");
}

int main(void)
{
    test_csv();
    test_gnuplot();
    test_markdown();
    test_code();
    test_plain();
    kvt_buffer_free(&out);
    return tap_done();
}
