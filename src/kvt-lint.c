/*
 * kvt-lint: checks a stream against kvt-stream(5), and shows settings as the stages resolve them.
 *
 * In:     a stream (files or standard input), or a settings file (-c).
 * Out:    nothing when every record is as the contract says; else one line per finding, exit 1.
 * Memory: streaming, but for the ids seen.
 */
#include "config/config.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "stream/contract.h"
#include "stream/json.h"
#include "stream/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_defaults;
static int print_contract;
static const char *config_path;
static const char *get_key;
static const char *sections;

static const struct kvt_option options[] = {
    {KVT_OPTION_FLAG, 0, "defaults", &print_defaults, 0, "print the built-in settings as JSON", 0},
    {KVT_OPTION_FLAG, 0, "contract", &print_contract, 0,
     "print kind, member and type of every member", 0},
    {KVT_OPTION_TEXT, 'c', "config", &config_path, "FILE", "settings for --get and --sections", 0},
    {KVT_OPTION_TEXT, 0, "get", &get_key, "KEY", "print one setting; nothing for null", 0},
    {KVT_OPTION_TEXT, 0, "sections", &sections, "A,B", "print these sections as one line of JSON",
     0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-lint [FILE...]\n       kvt-lint [-c FILE] --get=KEY | --sections=A,B | --defaults",
    "Checks every record of a stream against kvt-stream(5): kinds, members, types, references.\n"
    "Prints one line per finding and exits 1 if there is one.",
    "  kvt-lint runs/snapkv/stream.jsonl", options};

static void finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

/* Two-space indented JSON, numbers as the stream writes them. */
static void print_indented(const json_t *value, int depth)
{
    struct kvt_buffer text = {0};
    if (!json_is_object(value) || json_object_size(value) == 0) {
        kvt_json_write(&text, value);
        fwrite(kvt_buffer_string(&text), 1, text.length, stdout);
        kvt_buffer_free(&text);
        return;
    }
    const char *key;
    json_t *member;
    const char *separator = "{\n";
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        printf("%s%*s\"%s\": ", separator, 2 * depth + 2, "", key);
        print_indented(member, depth + 1);
        separator = ",\n";
    }
    printf("\n%*s}", 2 * depth, "");
}

static void print_value(const json_t *value)
{
    struct kvt_buffer text = {0};
    if (json_is_string(value))
        kvt_buffer_text(&text, json_string_value(value));
    else if (!json_is_null(value))
        kvt_json_write(&text, value);
    if (text.length)
        puts(text.data);
    kvt_buffer_free(&text);
}

/* Whether the setting is one file or a list of them. */
static bool names_files(const char *path)
{
    const struct kvt_config_key *key = kvt_config_keys;
    while (key->path && strcmp(key->path, path) != 0)
        key++;
    return key->path && key->type == KVT_CONFIG_FILES;
}

static _Noreturn void unknown_key(const char *option, const char *what, const char *name)
{
    char nearest[128];
    kvt_config_nearest(name, nearest, sizeof nearest);
    kvt_die(KVT_USAGE, "%s: there is no %s %s; the nearest valid key is %s", option, what, name,
            nearest);
}

/* The setting or section of that name; NULL if there is none. An empty name is no name of all. */
static json_t *find_setting(const json_t *tree, const char *name)
{
    size_t length = strlen(name);
    return length && name[length - 1] != '.' ? kvt_json_get(tree, name) : NULL;
}

static void print_setting(const json_t *tree)
{
    const json_t *value = find_setting(tree, get_key);
    if (!value)
        unknown_key("--get", "setting", get_key);
    if (!json_is_array(value) || !names_files(get_key)) {
        print_value(value);
        return;
    }
    size_t i;
    json_t *file;
    json_array_foreach((json_t *)(uintptr_t)value, i, file)
    {
        print_value(file);
    }
}

/* The named sections with everything resolved: what a stage's result depends on. */
static void print_sections(const json_t *tree)
{
    json_t *chosen = json_object();
    json_t *shown = json_deep_copy(tree); /* the tree is borrowed */
    kvt_config_strip(shown);
    for (const char *at = sections; *at; at += strcspn(at, ","), at += *at == ',') {
        char *name = kvt_strndup(at, strcspn(at, ","));
        json_t *value = find_setting(shown, name);
        if (!value)
            unknown_key("--sections", "section", name);
        json_object_set(chosen, name, value);
        free(name);
    }
    struct kvt_buffer text = {0};
    kvt_json_write(&text, chosen);
    puts(text.data);
    json_decref(shown);
    kvt_buffer_free(&text);
    json_decref(chosen);
}

static size_t check_stream(const struct kvt_arguments *arguments)
{
    struct kvt_reader reader;
    struct kvt_line line;
    struct kvt_error error;
    struct kvt_contract_state *state = kvt_contract_start();
    size_t findings = 0;
    int status;
    kvt_reader_open(&reader, arguments->files, arguments->n_files);
    while ((status = kvt_reader_next(&reader, &line, &error)) > 0) {
        if (kvt_line_blank(&line) || kvt_contract_check(state, line.data, line.length, &error) == 0)
            continue;
        printf("%s:%zu: %s\n", line.source, line.number, error.text);
        findings++;
    }
    if (status < 0)
        kvt_die_error(&error);
    kvt_reader_close(&reader);
    kvt_contract_end(state);
    return findings;
}

/* Each form of the command stands alone; what another form would say is not passed over. */
static void check_options(const struct kvt_arguments *arguments)
{
    bool settings = get_key || sections;
    if ((get_key != NULL) + (sections != NULL) + print_defaults + print_contract > 1)
        kvt_die(KVT_USAGE, "give one of --get, --sections, --defaults and --contract");
    if (config_path && !settings)
        kvt_die(KVT_USAGE, "--config goes with --get or --sections; a stream is checked without");
    if ((settings || print_defaults || print_contract) && arguments->n_files)
        kvt_die(KVT_USAGE,
                "%s is not read: --get, --sections, --defaults and --contract take no "
                "file",
                arguments->files[0]);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    check_options(&arguments);
    size_t findings = 0;
    if (print_defaults) {
        json_t *defaults = kvt_config_defaults();
        print_indented(defaults, 0);
        putchar('\n');
        json_decref(defaults);
    } else if (get_key || sections) {
        struct kvt_settings settings;
        kvt_settings_open(&settings, config_path, &arguments);
        if (get_key)
            print_setting(kvt_settings_tree(&settings));
        else
            print_sections(kvt_settings_tree(&settings));
        kvt_settings_close(&settings);
    } else if (print_contract) {
        kvt_contract_print(stdout);
    } else {
        findings = check_stream(&arguments);
    }
    finish();
    kvt_arguments_free(&arguments);
    if (findings)
        kvt_say("%zu finding%s", findings, findings == 1 ? "" : "s");
    return findings ? KVT_DATA : KVT_OK;
}
