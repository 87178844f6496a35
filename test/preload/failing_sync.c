/*
 * A disk that dies: loaded before the C library, the first fdatasync succeeds and notes the file's
 * size in the file that SYNCED names; every later one fails, and takes long enough for answers to
 * come meanwhile. What a program has shown beyond that size, it has shown before it was safe.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int descriptor)
{
    static int calls; /* one thread syncs */
    const char *note = getenv("SYNCED");
    struct stat status;
    FILE *out;
    if (calls++ || !note || fstat(descriptor, &status) != 0 || !(out = fopen(note, "w"))) {
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        errno = EIO;
        return -1;
    }
    fprintf(out, "%lld\n", (long long)status.st_size);
    fclose(out);
    return 0;
}
