/* Event streams: every line ending, every split, comments, fields (WHATWG HTML's own examples among
 * them). */
#include "core/buffer.h"
#include "http/sse.h"
#include "tap.h"

#include <stdlib.h>

/* Events as text: "name|data;" each. */
static void note(void *context, const char *name, const char *data, size_t length)
{
    struct kvt_buffer *out = context;
    kvt_buffer_text(out, name);
    kvt_buffer_byte(out, '|');
    kvt_buffer_append(out, data, length);
    kvt_buffer_byte(out, ';');
}

/* The events of a stream fed in pieces of `step` bytes. */
static const char *events(const char *stream, size_t length, size_t step)
{
    static struct kvt_buffer out;
    struct kvt_sse sse = {.event = note, .context = &out};
    kvt_buffer_clear(&out);
    for (size_t at = 0; at < length; at += step)
        kvt_sse_feed(&sse, stream + at, length - at < step ? length - at : step);
    kvt_sse_end(&sse);
    kvt_sse_free(&sse);
    return kvt_buffer_string(&out);
}

static void check(const char *name, const char *stream, const char *expected)
{
    size_t length = strlen(stream);
    is_text(events(stream, length, length ? length : 1), expected, name);
    int same = 1;
    for (size_t step = 1; step < length; step++) /* split at every place, in every size of piece */
        same = same && strcmp(events(stream, length, step), expected) == 0;
    ok(same, name);
}

int main(void)
{
    check("LF", "data: a\n\ndata: b\n\n", "|a;|b;");
    check("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;");
    check("CR", "data: a\r\rdata: b\r\r", "|a;|b;");
    check("mixed line ends", "data: a\r\n\ndata: b\n\rdata: c\r\r", "|a;|b;|c;");
    check("no space after the colon", "data:a\n\n", "|a;");
    check("only one space is taken", "data:  a\n\n", "| a;");
    check("several data lines join with LF", "data: YHOO\ndata: +2\ndata: 10\n\n",
          "|YHOO\n+2\n10;");
    check("also after CRLF", "data: YHOO\r\ndata: +2\r\ndata: 10\r\n\r\n", "|YHOO\n+2\n10;");
    check("comments are no events",
          ": test stream\n\ndata: first\n:keep-alive\n\n: OPENROUTER PROCESSING\n\n", "|first;");
    check("a field without a colon", "data\n\ndata\ndata\n\ndata: x\n\n", "|;|\n;|x;");
    check("an event's name", "event: error\ndata: {}\n\ndata: x\n\n", "error|{};|x;");
    check("other fields are ignored", "id: 1\nretry: 100\nfoo: bar\ndata: x\n\n", "|x;");
    check("an event without data is none", "event: ping\n\n\n\n", "");
    check("U+2028 and U+0085 are text",
          "data: a\xe2\x80\xa8"
          "b\xc2\x85"
          "c\n\n",
          "|a\xe2\x80\xa8"
          "b\xc2\x85"
          "c;");
    check("a byte-order mark",
          "\xef\xbb\xbf"
          "data: a\n\n",
          "|a;");
    check("no empty line at the end", "data: a\n\ndata: [DONE]", "|a;|[DONE];");
    check("one newline at the end", "data: [DONE]\n", "|[DONE];");
    check("nothing", "", "");

    size_t big = 5 * 1024 * 1024;
    struct kvt_buffer stream = {0};
    kvt_buffer_text(&stream, "data: ");
    for (size_t i = 0; i < big; i++)
        kvt_buffer_byte(&stream, (char)('a' + i % 26));
    kvt_buffer_text(&stream, "\n\n");
    is_int(strlen(events(stream.data, stream.length, 16384)), big + 2, "an event of 5 MB");
    kvt_buffer_free(&stream);

    struct kvt_buffer out = {0};
    struct kvt_sse sse = {.event = note, .context = &out};
    static char piece[1 << 20];
    memset(piece, 'x', sizeof piece);
    kvt_sse_feed(&sse, "data: ", 6);
    for (int i = 0; i < 66; i++)
        kvt_sse_feed(&sse, piece, sizeof piece);
    ok(sse.overflow && sse.line.length < (size_t)70 << 20,
       "an endless event is given up, memory bounded");
    kvt_sse_end(&sse);
    is_int(out.length, 0, "and is not delivered");
    kvt_sse_feed(&sse, ": c\n\n", 5);
    kvt_sse_free(&sse);
    kvt_buffer_free(&out);

    struct kvt_sse comments = {.event = note, .context = &out};
    kvt_sse_feed(&comments, ": a\n\n: b\n", 9);
    is_int(comments.n_comments, 2, "comments are counted");
    kvt_sse_free(&comments);
    kvt_buffer_free(&out);
    return tap_done();
}
