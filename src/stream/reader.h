/* stream/reader.h: lines from files or standard input, with the name and number of each. */
#ifndef KVT_STREAM_READER_H
#define KVT_STREAM_READER_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { KVT_KIND_SIZE = 32 };

/* A line is valid until the next one is read. It is NUL-terminated; its newline is removed. */
struct kvt_line {
    const char *data;
    size_t length;
    size_t mark;              /* bytes of a byte-order mark that stand before it */
    const char *source;       /* file name, or "stdin" */
    size_t number;            /* from 1 */
    char kind[KVT_KIND_SIZE]; /* member "kind"; "" for an object without one and for blank lines */
};

struct kvt_reader {
    char *const *files;
    size_t n_files;
    size_t next_file;
    int descriptor;     /* of the open file, if source is not NULL */
    const char *source; /* NULL between files */
    size_t number;
    char *text; /* bytes read; those from start to end are not handed out yet, */
    size_t capacity, start, end;
    size_t searched; /* and up to here they hold no newline */
};

/* Whether there is nothing but white space in the line: blank lines of a file with CRLF line ends
 * are not empty. Such a line is no record, and copied. */
static inline bool kvt_line_blank(const struct kvt_line *line)
{
    /* It ends with a NUL, which is none of these. Nearly all lines begin with a brace. */
    return line->data[0] <= ' ' && strspn(line->data, " \t\r") == line->length;
}

/* No files means standard input; "-" means standard input too. `files` is borrowed. */
void kvt_reader_open(struct kvt_reader *reader, char *const *files, size_t n_files);
/* Returns 1 and the next line, 0 at the end, -1 when a file cannot be opened or read. A byte-order
 * mark at the start of a file is left out. */
int kvt_reader_next(struct kvt_reader *reader, struct kvt_line *line, struct kvt_error *error);

/*
 * Lines that stay. A line that was read at once with others is `ready`: the next call hands it out
 * without reading, and those handed out before stay where they are. The line handed out last can be
 * put back, if it was ready. `detach` hands over the memory where the lines are, which is the
 * caller's then, in exchange for *text[*capacity] (NULL is fine), whose contents are lost.
 */
bool kvt_reader_ready(struct kvt_reader *reader);
void kvt_reader_back(struct kvt_reader *reader, const struct kvt_line *line);
void kvt_reader_detach(struct kvt_reader *reader, char **text, size_t *capacity);

void kvt_reader_close(struct kvt_reader *reader);

#endif
