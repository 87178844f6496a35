#include "stream/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void kvt_reader_open(struct kvt_reader *reader, char *const *files, size_t n_files)
{
    *reader = (struct kvt_reader){.files = files, .n_files = n_files};
}

static int open_next(struct kvt_reader *reader, struct kvt_error *error)
{
    const char *path = reader->n_files ? reader->files[reader->next_file] : "-";
    reader->next_file++;
    reader->number = 0;
    if (strcmp(path, "-") == 0) {
        reader->source = "stdin";
        reader->file = stdin;
        return 0;
    }
    reader->source = path;
    reader->file = fopen(path, "rb");
    if (!reader->file)
        return kvt_fail(error, KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    return 0;
}

static void close_current(struct kvt_reader *reader)
{
    if (reader->file && reader->file != stdin)
        fclose(reader->file);
    reader->file = NULL;
}

int kvt_reader_next(struct kvt_reader *reader, struct kvt_line *line, struct kvt_error *error)
{
    size_t sources = reader->n_files ? reader->n_files : 1;
    for (;;) {
        if (!reader->file) {
            if (reader->next_file >= sources)
                return 0;
            if (open_next(reader, error) != 0)
                return -1;
        }
        errno = 0;
        ssize_t length = getline(&reader->text, &reader->capacity, reader->file);
        if (length < 0) {
            if (ferror(reader->file) || errno == ENOMEM)
                return kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", reader->source,
                                strerror(errno));
            close_current(reader);
            continue;
        }
        if (length > 0 && reader->text[length - 1] == '\n')
            reader->text[--length] = '\0';
        reader->number++;
        *line = (struct kvt_line){.data = reader->text,
                                  .length = (size_t)length,
                                  .source = reader->source,
                                  .number = reader->number};
        return 1;
    }
}

void kvt_reader_close(struct kvt_reader *reader)
{
    close_current(reader);
    free(reader->text);
    reader->text = NULL;
    reader->capacity = 0;
}
