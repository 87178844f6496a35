/*
 * render/escape.h: text from a stream on its way into another language. A stream may hold anything
 * (a model can be called `rm -rf`), so no text reaches CSV, gnuplot or Markdown but through here.
 */
#ifndef KVT_RENDER_ESCAPE_H
#define KVT_RENDER_ESCAPE_H

#include "core/buffer.h"

/* One CSV field (RFC 4180): quoted, quotes doubled, when it holds a comma, quote or line break. */
void kvt_escape_csv(struct kvt_buffer *out, const char *text);

/*
 * A single-quoted gnuplot string, quotes included. Inside one gnuplot expands neither backticks nor
 * @macros nor escapes; its only special character is the quote itself, written twice. A line break
 * would end the string, so control characters become spaces; what is longer than `limit` characters
 * is cut with an ellipsis (0: no limit).
 */
void kvt_escape_gnuplot(struct kvt_buffer *out, const char *text, size_t limit);

/*
 * Inline Markdown text, also within a table cell: characters with a meaning in Markdown or HTML are
 * escaped, line breaks and other control characters become spaces.
 */
void kvt_escape_markdown(struct kvt_buffer *out, const char *text, size_t limit);

/* An inline code span that holds the text whatever backticks are in it; pipes are escaped too. */
void kvt_escape_code(struct kvt_buffer *out, const char *text, size_t limit);

/* Plain text for a terminal: control characters (escape sequences among them) become spaces. */
void kvt_escape_plain(struct kvt_buffer *out, const char *text, size_t limit);

#endif
