/*
 * core/file.h: what must be known of files before one is written.
 */
#ifndef KVT_CORE_FILE_H
#define KVT_CORE_FILE_H

#include <stdbool.h>

/*
 * Do two paths ("-": standard input) lead to the same regular file, by whatever names and links?
 * Also true of two equal paths where there is no file yet; false where one cannot be looked at.
 */
bool kvt_file_same(const char *a, const char *b);

#endif
