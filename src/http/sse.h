/*
 * http/sse.h: server-sent events (WHATWG HTML, "Interpreting an event stream"), incrementally:
 * bytes in, events out, whatever the pieces. Lines end with LF, CRLF or CR, also split between two
 * pieces; U+2028 is text. Comments are counted and otherwise ignored: a keep-alive is no token.
 */
#ifndef KVT_HTTP_SSE_H
#define KVT_HTTP_SSE_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest event accepted, so that a hostile server cannot take all memory. */
enum { KVT_SSE_MAX_EVENT = 64 * 1024 * 1024 };

/* `name` is the event field ("" without one); data is NUL-terminated, lines joined by \n. */
typedef void (*kvt_sse_handler)(void *context, const char *name, const char *data, size_t length);

/* Zero-initialise, set `event` and `context`, and release with kvt_sse_free. */
struct kvt_sse {
    kvt_sse_handler event;
    void *context;
    struct kvt_buffer line; /* the unfinished line */
    struct kvt_buffer data;
    struct kvt_buffer name;
    bool has_data;
    bool after_cr; /* an LF that comes next belongs to the CR before it */
    bool begun;    /* past the place of a byte-order mark */
    bool ending;   /* the event being delivered lacks its end: it may be torn */
    bool overflow; /* an event was longer than KVT_SSE_MAX_EVENT; nothing more is read */
    size_t n_comments;
};

void kvt_sse_feed(struct kvt_sse *sse, const char *bytes, size_t length);
/*
 * End of the stream. An event that lacks its closing empty line is delivered all the same, because
 * servers are seen to end with a bare `data: [DONE]`; the receiver decides whether it is complete.
 */
void kvt_sse_end(struct kvt_sse *sse);
void kvt_sse_free(struct kvt_sse *sse);

#endif
