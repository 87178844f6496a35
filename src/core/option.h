/*
 * core/option.h: command lines. A program declares its options once, in a table; --help, the
 * spelling check and the override list for the configuration all come from that table.
 *
 * Every program has --help (stdout, exit 0) and --version for nothing. `--name=value` and
 * `--name value` are the same; `-` and names that do not start with `-` are files; `--` ends
 * options.
 */
#ifndef KVT_CORE_OPTION_H
#define KVT_CORE_OPTION_H

#include <stddef.h>

#define KVT_VERSION "0.1.0"

enum kvt_option_type {
    KVT_OPTION_END = 0,
    KVT_OPTION_FLAG,    /* target: int, set to 1 */
    KVT_OPTION_TEXT,    /* target: const char * */
    KVT_OPTION_INTEGER, /* target: long; bounds are the program's to check */
    KVT_OPTION_NUMBER,  /* target: double */
    KVT_OPTION_CONFIG,  /* no target: overrides the configuration key `key` with the given value */
};

struct kvt_option {
    enum kvt_option_type type;
    char letter;      /* short form, or 0 */
    const char *name; /* long form without dashes */
    void *target;
    const char *argument; /* name of the argument in the help, NULL for flags */
    const char *help;     /* one line; give the default in brackets */
    const char *key;      /* KVT_OPTION_CONFIG: the configuration key */
};

/* What --help prints around the table. */
struct kvt_usage {
    const char *synopsis;             /* "kvt-score [-c FILE] [options] [FILE...]" */
    const char *purpose;              /* one or more lines */
    const char *example;              /* one or more lines, printed under "Example:"; may be NULL */
    const struct kvt_option *options; /* ends with a row of type KVT_OPTION_END */
};

/* One `--option=value` that overrides a configuration key, in command-line order. */
struct kvt_override {
    const char *key;
    const char *value; /* as typed; points into argv */
    const char *option;
};

struct kvt_arguments {
    char **files; /* points into argv; NULL-terminated */
    size_t n_files;
    struct kvt_override *overrides;
    size_t n_overrides;
};

/*
 * Parses the command line; sets the program name. Exits 0 after --help or --version and 2 after a
 * mistake, naming the nearest option. `arguments` is released with kvt_arguments_free.
 */
void kvt_options_parse(int argc, char **argv, const struct kvt_usage *usage,
                       struct kvt_arguments *arguments);
void kvt_arguments_free(struct kvt_arguments *arguments);

/* Levenshtein distance of two names, for "did you mean". */
size_t kvt_spelling_distance(const char *a, const char *b);

#endif
