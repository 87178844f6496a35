#include "core/file.h"

#include "core/buffer.h"
#include "core/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int look_at(const char *path, struct stat *status)
{
    return strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, status) : stat(path, status);
}

bool kvt_file_same(const char *a, const char *b)
{
    struct stat first, second;
    int found = look_at(a, &first), other = look_at(b, &second);
    if (found != 0 && other != 0)
        return strcmp(a, b) == 0;
    return found == 0 && other == 0 && S_ISREG(first.st_mode) && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

char *kvt_file_read_rest(FILE *file, size_t *length)
{
    struct kvt_buffer text = {0};
    char chunk[16384];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        kvt_buffer_append(&text, chunk, n);
    int failed = ferror(file) ? errno : 0;
    *length = text.length;
    char *data = kvt_buffer_take(&text);
    if (failed) {
        free(data);
        errno = failed;
        return NULL;
    }
    return data;
}

char *kvt_file_read(const char *path, size_t *length)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file)
        return NULL;
    char *data = kvt_file_read_rest(file, length);
    int failed = errno; /* closing may change it */
    if (file != stdin)
        fclose(file);
    errno = failed;
    return data;
}

char *kvt_file_read_beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    size_t length;
    char *full = kvt_asprintf("%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name);
    char *text = kvt_file_read(full, &length);
    free(full);
    return text;
}
