/*
 * core/file.h: files as wholes: the bytes of one, and what must be known of two before one is
 * written.
 */
#ifndef KVT_CORE_FILE_H
#define KVT_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Do two paths ("-": standard input) lead to the same regular file, by whatever names and links?
 * Also true of two equal paths where there is no file yet; false where one cannot be looked at.
 */
bool kvt_file_same(const char *a, const char *b);

/*
 * All bytes of the file ("-": standard input, to its end), with a NUL behind them that *length does
 * not count. The caller frees them. NULL with errno set if it cannot be opened or read.
 */
char *kvt_file_read(const char *path, size_t *length);
/* The same of an open file, from where it stands; it stays open. */
char *kvt_file_read_rest(FILE *file, size_t *length);
/* The same of the file of that name in the directory of `path`, as a text. */
char *kvt_file_read_beside(const char *path, const char *name);

#endif
