#include "text/lines.h"

#include <ctype.h>
#include <string.h>

size_t kvt_lines_mark(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void kvt_lines_start(struct kvt_lines *lines, const char *text, size_t length)
{
    *lines = (struct kvt_lines){.at = text + kvt_lines_mark(text, length), .end = text + length};
}

static bool is_blank(struct kvt_span line)
{
    size_t i = 0;
    while (i < line.length && isspace((unsigned char)line.data[i]))
        i++;
    return i == line.length;
}

bool kvt_lines_next(struct kvt_lines *lines, struct kvt_span *line)
{
    while (lines->at < lines->end) {
        size_t left = (size_t)(lines->end - lines->at);
        const char *newline = memchr(lines->at, '\n', left);
        *line = (struct kvt_span){lines->at, newline ? (size_t)(newline - lines->at) : left};
        lines->at += line->length + (newline ? 1 : 0);
        lines->number++;
        if (!is_blank(*line))
            return true;
    }
    return false;
}
