#include "stream/reader.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is read at a time: twice what a pipe holds. */
enum { PIECE = 1 << 17 };

void kvt_reader_open(struct kvt_reader *reader, char *const *files, size_t n_files)
{
    *reader = (struct kvt_reader){.files = files, .n_files = n_files};
}

static int open_next(struct kvt_reader *reader, struct kvt_error *error)
{
    const char *path = reader->n_files ? reader->files[reader->next_file] : "-";
    reader->next_file++;
    reader->number = 0;
    bool standard = strcmp(path, "-") == 0;
    reader->descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor < 0)
        return kvt_fail(error, KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    reader->source = standard ? "stdin" : path;
    return 0;
}

static void close_current(struct kvt_reader *reader)
{
    if (reader->source && reader->descriptor != STDIN_FILENO)
        close(reader->descriptor);
    reader->source = NULL;
    reader->start = reader->end = reader->searched = 0;
}

/* Reads once, behind the bytes still to be handed out. Returns how many came; 0 at the end of the
 * file; -1 with *error set. */
static ssize_t read_more(struct kvt_reader *reader, struct kvt_error *error)
{
    if (reader->start > 0) {
        memmove(reader->text, reader->text + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->searched -= reader->start;
        reader->start = 0;
    }
    /* One byte more is for the NUL of a last line without a newline. */
    size_t last;
    if (!kvt_size_add(reader->end, PIECE, &last))
        kvt_die(KVT_SYSTEM, "out of memory (a line of more than %zu bytes)", reader->end);
    kvt_grow(&reader->text, &reader->capacity, last, 1);
    ssize_t got = read(reader->descriptor, reader->text + reader->end, PIECE);
    if (got < 0)
        return kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", reader->source, strerror(errno));
    reader->end += (size_t)got;
    return got;
}

/* Hands out the bytes up to `stop`; the next line starts at `next`. */
static void cut_line(struct kvt_reader *reader, struct kvt_line *line, size_t stop, size_t next)
{
    reader->text[stop] = '\0';
    reader->number++;
    /* Some editors start a file with a byte-order mark, which is no part of its first line. */
    bool marked = reader->number == 1 && stop - reader->start >= 3 &&
                  memcmp(reader->text + reader->start, "\xef\xbb\xbf", 3) == 0;
    size_t mark = marked ? 3 : 0;
    reader->start += mark;
    *line = (struct kvt_line){.data = reader->text + reader->start,
                              .length = stop - reader->start,
                              .mark = mark,
                              .source = reader->source,
                              .number = reader->number};
    reader->start = reader->searched = next;
}

bool kvt_reader_ready(struct kvt_reader *reader)
{
    if (!reader->source || reader->searched == reader->end)
        return false;
    const char *newline =
        memchr(reader->text + reader->searched, '\n', reader->end - reader->searched);
    reader->searched = newline ? (size_t)(newline - reader->text) : reader->end;
    return newline != NULL;
}

void kvt_reader_back(struct kvt_reader *reader, const struct kvt_line *line)
{
    reader->start = (size_t)(line->data - reader->text) - line->mark;
    reader->searched = reader->start + line->mark + line->length;
    reader->text[reader->searched] = '\n';
    reader->number--;
}

void kvt_reader_detach(struct kvt_reader *reader, char **text, size_t *capacity)
{
    size_t rest = reader->end - reader->start;
    kvt_grow(text, capacity, rest, 1);
    if (rest)
        memcpy(*text, reader->text + reader->start, rest);
    char *lines = reader->text;
    size_t lines_capacity = reader->capacity;
    reader->text = *text;
    reader->capacity = *capacity;
    reader->searched -= reader->start;
    reader->start = 0;
    reader->end = rest;
    *text = lines;
    *capacity = lines_capacity;
}

int kvt_reader_next(struct kvt_reader *reader, struct kvt_line *line, struct kvt_error *error)
{
    size_t sources = reader->n_files ? reader->n_files : 1;
    for (;;) {
        if (!reader->source) {
            if (reader->next_file >= sources)
                return 0;
            if (open_next(reader, error) != 0)
                return -1;
        }
        if (kvt_reader_ready(reader)) {
            cut_line(reader, line, reader->searched, reader->searched + 1);
            return 1;
        }
        ssize_t got = read_more(reader, error);
        if (got < 0)
            return -1;
        if (got > 0)
            continue;
        if (reader->end > reader->start) { /* the next read will find the end again */
            cut_line(reader, line, reader->end, reader->end);
            return 1;
        }
        close_current(reader);
    }
}

void kvt_reader_close(struct kvt_reader *reader)
{
    close_current(reader);
    free(reader->text);
    *reader = (struct kvt_reader){0};
}
