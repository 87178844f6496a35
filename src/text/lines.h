/*
 * text/lines.h: the lines of a text that is in memory, as files of JSON lines come from all kinds
 * of tools: with a byte order mark before them, CRLF, blank lines between, no line end after the
 * last.
 */
#ifndef KVT_TEXT_LINES_H
#define KVT_TEXT_LINES_H

#include "text/unicode.h"

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the UTF-8 byte order mark that the text begins with: 3, or 0 without one. */
size_t kvt_lines_mark(const char *text, size_t length);

struct kvt_lines {
    const char *at, *end; /* what is left */
    size_t number;        /* of the current line, from 1; blank ones count */
};

/* The text is borrowed; a byte order mark before it is passed over. */
void kvt_lines_start(struct kvt_lines *lines, const char *text, size_t length);
/* The next line that holds something else than white space, without its LF; false at the end. */
bool kvt_lines_next(struct kvt_lines *lines, struct kvt_span *line);

#endif
