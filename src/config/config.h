/*
 * config/config.h: settings. One table (config/schema.c) lists every key with its type, default and
 * meaning; loading, checking, merging and `config/default.json` come from it.
 *
 * Precedence: option > -c file > the stream's experiment.config > built-in default.
 */
#ifndef KVT_CONFIG_CONFIG_H
#define KVT_CONFIG_CONFIG_H

#include "core/error.h"
#include "core/option.h"
#include "stream/json.h"
#include "stream/stage.h"

#include <stdbool.h>

enum kvt_config_type {
    KVT_CONFIG_TEXT,
    KVT_CONFIG_INTEGER,
    KVT_CONFIG_NUMBER,
    KVT_CONFIG_BOOL,
    KVT_CONFIG_NUMBERS, /* array of numbers */
    KVT_CONFIG_TEXTS,   /* array of strings */
    KVT_CONFIG_COUNTS,  /* a whole number, or an array of them (one per bin) */
    KVT_CONFIG_FILES,   /* a file's name, or an array of them */
    KVT_CONFIG_OBJECT,  /* a free-form object: replaced whole, its members are not checked */
    KVT_CONFIG_ANY,
};

struct kvt_config_key {
    const char *path; /* "kv.budgets" */
    enum kvt_config_type type;
    bool nullable;
    const char *initial; /* default, as JSON text */
    const char *choices; /* "a|b|c" for a closed set of texts, else NULL */
    const char *help;
};

extern const struct kvt_config_key kvt_config_keys[]; /* ends with a NULL path */

/* Bounds of numbers, both ends allowed. */
struct kvt_config_range {
    const char *path;
    double least, most;
    const char *words; /* "at least 1" */
};

extern const struct kvt_config_range kvt_config_ranges[]; /* ends with a NULL path */

/* All defaults as one tree. New reference. */
json_t *kvt_config_defaults(void);
/*
 * Checks a tree against the table. Returns 0, or -1 naming `source`, the key path and the nearest
 * valid key, with code KVT_USAGE.
 */
int kvt_config_check(const json_t *tree, const char *source, struct kvt_error *error);
/* Lays `over` on `base`: objects merge by key, free-form objects and everything else replace. */
void kvt_config_merge(json_t *base, const json_t *over);

/* Takes user names, passwords and queries out of every setting that is a URL, for every tree that
 * leaves the program. */
void kvt_config_strip(json_t *tree);

struct kvt_settings {
    json_t *options; /* from KVT_OPTION_CONFIG options */
    json_t *file;    /* from -c, NULL without */
    json_t *stream;  /* experiment.config of the stream, NULL until seen */
    json_t *merged;
};

/* Loads and checks; ends the process with exit 2 on a mistake. */
void kvt_settings_open(struct kvt_settings *settings, const char *file,
                       const struct kvt_arguments *arguments);
/*
 * Notes the stream's experiment.config (borrowed; NULL or null: none). Unknown keys of another
 * version are ignored. Returns 0, or -1 with *error (code KVT_DATA) naming the key whose value is
 * none for it; the settings noted before stay then.
 */
int kvt_settings_stream(struct kvt_settings *settings, const json_t *config,
                        struct kvt_error *error);
/* The key or section of the table whose spelling is nearest to a dotted path, NUL-terminated. */
void kvt_config_nearest(const char *path, char *name, size_t size);
/* The whole merged tree, always complete. Borrowed; valid until kvt_settings_stream or _close. */
const json_t *kvt_settings_tree(struct kvt_settings *settings);
/* What was given by option, for the meta record: without secrets, so no server can be reached with
 * it any more. Borrowed; valid until kvt_settings_close. */
const json_t *kvt_settings_given(struct kvt_settings *settings);
void kvt_settings_close(struct kvt_settings *settings);
/* Ends the process with exit 2 where one of these settings (a NULL ends the list) is an empty text:
 * a name of nothing, as an unset variable of a shell makes it, names nothing. Null is fine. */
void kvt_settings_check_names(const json_t *tree, const char *const *keys);
/* model.name of a settings tree, else the environment's MODEL_NAME, else "recall". Borrowed. */
const char *kvt_settings_model(const json_t *tree);

/*
 * The handler of `experiment` lines for every stage after kvt-bin: takes its config into
 * `settings`, and, when the stage was given -c or options, replaces the named `sections`
 * (NULL-terminated:
 * {"scoring", NULL}) in the emitted line.
 */
int kvt_settings_experiment(struct kvt_settings *settings, const char *const *sections,
                            struct kvt_stage *stage, const struct kvt_line *line,
                            struct kvt_error *error);

#endif
