/*
 * core/error.h: exit codes, error values and messages to people.
 *
 * Rooms return 0 or -1 and describe the failure in a struct kvt_error; only programs decide to
 * end the process. Every message to a person starts with the program's name, because the stderr
 * of many stages is read as one text.
 */
#ifndef KVT_CORE_ERROR_H
#define KVT_CORE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* Exit codes of every program (kvt-stream(5), "EXIT STATUS"). */
enum kvt_exit {
    KVT_OK = 0,
    KVT_DATA = 1,   /* bad input, nothing usable in it */
    KVT_USAGE = 2,  /* command line or configuration */
    KVT_SYSTEM = 3, /* system call or remote service */
};

struct kvt_error {
    enum kvt_exit code; /* exit code a program should use if it gives up */
    char text[1024];    /* one line, no newline: what is wrong and what to do about it */
};

#if defined(__GNUC__)
#define KVT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define KVT_PRINTF(text, first)
#endif

/* Fills *error (which may be NULL) and returns -1, so that a function can `return kvt_fail(...)`.
 */
int kvt_fail(struct kvt_error *error, enum kvt_exit code, const char *format, ...) KVT_PRINTF(3, 4);

/* Prefixes an error already made with context: "context: text". Returns -1. */
int kvt_fail_context(struct kvt_error *error, const char *format, ...) KVT_PRINTF(2, 3);

/* Sets the name printed before messages; `argv0` may be a path. The string is not copied. */
void kvt_set_program(const char *argv0);
const char *kvt_program(void);

/*
 * The status line of a terminal: "kvt-infer: text" without a line end, in place of the one before.
 * Messages erase it first. Of one thread, the one that says things.
 */
void kvt_status_draw(const char *text);
void kvt_status_clear(void);

/* One line on stderr: "kvt-score: ...". */
void kvt_say(const char *format, ...) KVT_PRINTF(1, 2);

/* kvt_say, then exit(code). */
_Noreturn void kvt_die(enum kvt_exit code, const char *format, ...) KVT_PRINTF(2, 3);

/* Says error->text and exits with error->code. */
_Noreturn void kvt_die_error(const struct kvt_error *error);

#endif
