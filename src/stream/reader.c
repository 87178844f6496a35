#include "stream/reader.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 1 << 16 };

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
    /* One byte stays free for the NUL of a last line without a newline. */
    if (reader->end + 1 >= reader->capacity) {
        size_t doubled = FIRST_CAPACITY;
        if (reader->capacity > 0 && !kvt_size_mul(reader->capacity, 2, &doubled))
            kvt_die(KVT_SYSTEM, "out of memory (a line of more than %zu bytes)", reader->end);
        reader->text = kvt_realloc_array(reader->text, doubled, 1);
        reader->capacity = doubled;
    }
    ssize_t got =
        read(reader->descriptor, reader->text + reader->end, reader->capacity - reader->end - 1);
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
    if (reader->number == 1 && stop - reader->start >= 3 &&
        memcmp(reader->text + reader->start, "\xef\xbb\xbf", 3) == 0)
        reader->start += 3;
    *line = (struct kvt_line){.data = reader->text + reader->start,
                              .length = stop - reader->start,
                              .source = reader->source,
                              .number = reader->number};
    reader->start = reader->searched = next;
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
        size_t unread = reader->end - reader->searched;
        const char *newline = unread ? memchr(reader->text + reader->searched, '\n', unread) : NULL;
        if (newline) {
            size_t stop = (size_t)(newline - reader->text);
            cut_line(reader, line, stop, stop + 1);
            return 1;
        }
        reader->searched = reader->end;
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
