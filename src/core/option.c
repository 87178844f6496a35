#include "core/option.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t kvt_spelling_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t *row = kvt_alloc_array(m + 1, sizeof *row);
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    size_t distance = row[m];
    free(row);
    return distance;
}

static void print_option(const struct kvt_option *option)
{
    char left[64];
    int used = 0;
    if (option->letter)
        used = snprintf(left, sizeof left, "-%c, ", option->letter);
    else
        used = snprintf(left, sizeof left, "    ");
    snprintf(left + used, sizeof left - (size_t)used, "--%s%s%s", option->name,
             option->argument ? "=" : "", option->argument ? option->argument : "");
    printf("  %-30s %s\n", left, option->help);
}

static void print_help(const struct kvt_usage *usage)
{
    printf("Usage: %s\n\n%s\n\nOptions:\n", usage->synopsis, usage->purpose);
    for (const struct kvt_option *option = usage->options; option->type; option++)
        print_option(option);
    printf("  %-30s %s\n  %-30s %s\n", "    --help", "print this and exit", "    --version",
           "print the version and exit");
    if (usage->example)
        printf("\nExample:\n%s\n", usage->example);
}

static _Noreturn void finish_stdout(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
    exit(KVT_OK);
}

static _Noreturn void unknown(const struct kvt_usage *usage, const char *name)
{
    const char *nearest = NULL;
    size_t best = 4; /* further away is no help */
    for (const struct kvt_option *option = usage->options; option->type; option++) {
        size_t distance = kvt_spelling_distance(name, option->name);
        if (distance < best) {
            best = distance;
            nearest = option->name;
        }
    }
    if (nearest)
        kvt_die(KVT_USAGE, "unknown option --%s; did you mean --%s? (--help lists them)", name,
                nearest);
    kvt_die(KVT_USAGE, "unknown option --%s (--help lists them)", name);
}

static void set_option(const struct kvt_option *option, const char *value,
                       struct kvt_arguments *arguments, size_t *capacity)
{
    char *end;
    errno = 0;
    switch (option->type) {
    case KVT_OPTION_FLAG:
        *(int *)option->target = 1;
        break;
    case KVT_OPTION_TEXT:
        *(const char **)option->target = value;
        break;
    case KVT_OPTION_INTEGER: {
        long number = strtol(value, &end, 10);
        if (end == value || *end || errno)
            kvt_die(KVT_USAGE, "--%s: '%s' is not a whole number", option->name, value);
        *(long *)option->target = number;
        break;
    }
    case KVT_OPTION_NUMBER: {
        double number = strtod(value, &end);
        if (end == value || *end || !isfinite(number))
            kvt_die(KVT_USAGE, "--%s: '%s' is not a number", option->name, value);
        *(double *)option->target = number;
        break;
    }
    case KVT_OPTION_CONFIG:
        kvt_grow(&arguments->overrides, capacity, arguments->n_overrides,
                 sizeof *arguments->overrides);
        arguments->overrides[arguments->n_overrides++] =
            (struct kvt_override){option->key, value, option->name};
        break;
    case KVT_OPTION_END:
        break;
    }
}

static const struct kvt_option *find_long(const struct kvt_usage *usage, const char *name,
                                          size_t length)
{
    for (const struct kvt_option *option = usage->options; option->type; option++)
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    return NULL;
}

static const struct kvt_option *find_letter(const struct kvt_usage *usage, char letter)
{
    for (const struct kvt_option *option = usage->options; option->type; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

/*
 * Descriptors that the caller closed would be given to the next file that is opened, and records
 * written to standard output would then go into the journal. Opened the wrong way round, they stay
 * as useless as they were: using one is an error.
 */
static void reserve_standard_descriptors(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
            _exit(KVT_SYSTEM);
}

void kvt_options_parse(int argc, char **argv, const struct kvt_usage *usage,
                       struct kvt_arguments *arguments)
{
    reserve_standard_descriptors();
    if (argc > 0)
        kvt_set_program(argv[0]);
    *arguments = (struct kvt_arguments){0};
    arguments->files = kvt_alloc_zero((size_t)argc + 1, sizeof *arguments->files);
    size_t capacity = 0;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (options_end || word[0] != '-' || word[1] == '\0') {
            arguments->files[arguments->n_files++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        const struct kvt_option *option;
        const char *value = NULL;
        if (word[1] == '-') {
            const char *equals = strchr(word + 2, '=');
            size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
            if (length == 4 && memcmp(word + 2, "help", 4) == 0) {
                print_help(usage);
                finish_stdout();
            }
            if (length == 7 && memcmp(word + 2, "version", 7) == 0) {
                printf("%s %s\n", kvt_program(), KVT_VERSION);
                finish_stdout();
            }
            option = find_long(usage, word + 2, length);
            if (!option) {
                char *name = kvt_strndup(word + 2, length);
                unknown(usage, name);
            }
            if (equals)
                value = equals + 1;
        } else {
            option = find_letter(usage, word[1]);
            if (!option)
                kvt_die(KVT_USAGE, "unknown option -%c (--help lists them)", word[1]);
            if (word[2] != '\0')
                value = word + 2;
        }
        if (option->type == KVT_OPTION_FLAG) {
            if (value)
                kvt_die(KVT_USAGE, "--%s takes no value", option->name);
        } else if (!value) {
            if (i + 1 >= argc)
                kvt_die(KVT_USAGE, "--%s needs a value (%s)", option->name, option->argument);
            value = argv[++i];
        }
        set_option(option, value, arguments, &capacity);
    }
}

void kvt_arguments_free(struct kvt_arguments *arguments)
{
    free(arguments->files);
    free(arguments->overrides);
    *arguments = (struct kvt_arguments){0};
}
