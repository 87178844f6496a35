#include "core/file.h"

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
