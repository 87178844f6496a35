#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program_name = "kvt";
static int status_drawn;

int kvt_fail(struct kvt_error *error, enum kvt_exit code, const char *format, ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -1;
}

int kvt_fail_context(struct kvt_error *error, const char *format, ...)
{
    if (!error)
        return -1;
    char context[512];
    char text[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    memcpy(text, error->text, sizeof text);
    text[sizeof text - 1] = '\0';
    /* The sum may exceed the array; snprintf truncates, which is wanted. */
    size_t used = (size_t)snprintf(error->text, sizeof error->text, "%s: ", context);
    if (used < sizeof error->text)
        snprintf(error->text + used, sizeof error->text - used, "%s", text);
    return -1;
}

void kvt_set_program(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    program_name = slash ? slash + 1 : argv0;
}

const char *kvt_program(void)
{
    return program_name;
}

void kvt_status_draw(const char *text)
{
    fprintf(stderr, "\r\033[K%s:%s", program_name, text);
    fflush(stderr);
    status_drawn = 1;
}

void kvt_status_clear(void)
{
    if (!status_drawn)
        return;
    status_drawn = 0;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}

static void say(const char *format, va_list arguments)
{
    kvt_status_clear();
    /* One write per message, so that lines of several stages do not mix. */
    char line[2048];
    int head = snprintf(line, sizeof line - 1, "%s: ", program_name);
    size_t used = head > 0 ? (size_t)head : 0;
    if (used < sizeof line - 1) {
        int body = vsnprintf(line + used, sizeof line - 1 - used, format, arguments);
        if (body > 0)
            used += (size_t)body;
    }
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used] = '\n';
    fwrite(line, 1, used + 1, stderr);
}

void kvt_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void kvt_die(enum kvt_exit code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    exit((int)code);
}

void kvt_die_error(const struct kvt_error *error)
{
    kvt_die(error->code, "%s", error->text);
}
