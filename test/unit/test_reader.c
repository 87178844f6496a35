/* Lines: as they come, and those that stay. */
#include "stream/reader.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/kvt-reader.XXXXXX";

static void write_file(const char *text, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text, 1, length, file) != length || fclose(file) != 0)
        exit(1);
}

static void test_lines(void)
{
    char *files[] = {path, path};
    struct kvt_reader reader;
    struct kvt_line line;
    struct kvt_error error;
    write_file("one\n\nthree", 10);
    kvt_reader_open(&reader, files, 2);
    is_int(kvt_reader_next(&reader, &line, &error), 1, "a line");
    is_text(line.data, "one", "is NUL-terminated");
    ok(kvt_reader_ready(&reader), "an empty line is ready");
    kvt_reader_next(&reader, &line, &error);
    is_int(line.length, 0, "is empty");
    ok(!kvt_reader_ready(&reader), "a line without its newline is not ready");
    kvt_reader_next(&reader, &line, &error);
    is_text(line.data, "three", "but comes at the end of the file");
    is_int(line.number, 3, "with its number");
    ok(!kvt_reader_ready(&reader), "nothing is ready between files");
    kvt_reader_next(&reader, &line, &error);
    is_int(line.number, 1, "numbers start again with the next file");
    while (kvt_reader_next(&reader, &line, &error) > 0)
        ;
    kvt_reader_close(&reader);
    write_file("\xef\xbb\xbf"
               "one\ntwo\n\xef\xbb\xbfthree",
               19);
    kvt_reader_open(&reader, files, 1);
    kvt_reader_next(&reader, &line, &error);
    ok(strcmp(line.data, "one") == 0 && line.mark == 3, "a byte-order mark stands before the line");
    kvt_reader_back(&reader, &line);
    kvt_reader_next(&reader, &line, &error);
    ok(strcmp(line.data, "one") == 0 && line.mark == 3, "and does so again when it was put back");
    kvt_reader_next(&reader, &line, &error);
    ok(strcmp(line.data, "two") == 0 && line.mark == 0, "not before the next one");
    kvt_reader_next(&reader, &line, &error);
    is_text(line.data, "\xef\xbb\xbfthree", "of which it would be a part");
    kvt_reader_close(&reader);
}

static void test_lines_that_stay(void)
{
    enum { LINES = 40000, KEPT = 64 };
    char *text = malloc(LINES * 8 + 1000000), *at = text;
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "line%d%s\n", i % 1000, i % 7 ? "" : "x");
    write_file(text, (size_t)(at - text));
    char *files[] = {path};
    struct kvt_reader reader;
    struct kvt_line line, kept[KEPT];
    struct kvt_error error;
    char *block = NULL, expected[32];
    size_t capacity = 0, number = 0, n_blocks = 0, n_wrong = 0;
    kvt_reader_open(&reader, files, 1);
    while (kvt_reader_next(&reader, &line, &error) > 0) {
        size_t n = 0;
        for (kept[n++] = line; n < KEPT && kvt_reader_ready(&reader); kept[n++] = line)
            kvt_reader_next(&reader, &line, &error);
        if (n > 1 && n_blocks % 3 == 0) {
            kvt_reader_back(&reader, &line);
            n--;
        }
        n_blocks++;
        kvt_reader_detach(&reader, &block, &capacity);
        for (size_t i = 0; i < n; i++, number++) {
            snprintf(expected, sizeof expected, "line%zu%s", number % 1000, number % 7 ? "" : "x");
            n_wrong += strcmp(kept[i].data, expected) != 0 || kept[i].number != number + 1 ||
                       kept[i].data < block || kept[i].data >= block + capacity;
        }
    }
    is_int(number, LINES, "every line once, put back or not");
    is_int(n_wrong, 0, "all stay in the memory that was handed over");
    free(block);
    kvt_reader_close(&reader);
    free(text);
}

static void test_long_line(void)
{
    enum { LONG = 3000000 };
    char *text = malloc(LONG + 2), *files[] = {path}, *block = NULL;
    size_t capacity = 0;
    struct kvt_reader reader;
    struct kvt_line line;
    struct kvt_error error;
    memset(text, 'x', LONG);
    memcpy(text + LONG - 2, "\nab\n", 4);
    write_file(text, LONG + 2);
    kvt_reader_open(&reader, files, 1);
    kvt_reader_next(&reader, &line, &error);
    is_int(line.length, LONG - 2, "a line longer than what is read at a time");
    kvt_reader_detach(&reader, &block, &capacity);
    kvt_reader_next(&reader, &line, &error);
    is_text(line.data, "ab", "the line after it");
    is_int(kvt_reader_next(&reader, &line, &error), 0, "and the end");
    kvt_reader_close(&reader);
    free(block);
    free(text);
}

int main(void)
{
    int descriptor = mkstemp(path);
    if (descriptor < 0)
        return 1;
    close(descriptor);
    test_lines();
    test_lines_that_stay();
    test_long_line();
    unlink(path);
    return tap_done();
}
