/*
 * kvt-bin: questions in, length-binned entries out.
 *
 * In:     rows of LongBench's format, one JSON object a line; records of a stream pass through.
 * Out:    experiment, dataset, bin and entry records, then what passed through. With --ladder rows
 * again; with --count token counts. Memory: blocking: every row is kept once, as the line it came
 * in, until all are read; the edges of the bins are quantiles over all of them. Prompts are built
 * one at a time. --count is streaming.
 */
#include "config/config.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/ordered.h"
#include "core/redact.h"
#include "dataset/count.h"
#include "dataset/examples.h"
#include "dataset/ladder.h"
#include "dataset/manifest.h"
#include "dataset/prompt.h"
#include "dataset/publish.h"
#include "dataset/select.h"
#include "stream/stage.h"
#include "token/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvt_stage_options common;
static int count_only, print_ids, add_special, ordinary;
static const char *field;
static const char *git_hash, *ladder_lengths;
static long n_threads;

#define SETTING KVT_OPTION_CONFIG
/* clang-format off */
static const struct kvt_option options[] = {
    KVT_STAGE_OPTIONS(common),
    {SETTING, 0, "tokenizer", 0, "FILE", "GGUF, tokenizer.json, rank file or /tokenize URL [model.path]", "model.tokenizer"},
    {SETTING, 0, "templates", 0, "FILE", "prompt templates (dataset2prompt.json)", "dataset.templates"},
    {SETTING, 0, "name", 0, "NAME", "name of the data set [recall]", "dataset.name"},
    {SETTING, 0, "task", 0, "TASK", "task of the rows [each row's own]", "dataset.task"},
    {SETTING, 0, "question", 0, "PLACE", "first or last in the prompt [last]", "dataset.question"},
    {SETTING, 0, "max-prompt-tokens", 0, "N", "longest prompt [no limit]", "dataset.max_prompt_tokens"},
    {SETTING, 0, "overlong", 0, "WHAT", "truncate or drop longer prompts [truncate]", "dataset.overlong"},
    {SETTING, 0, "chat-overhead", 0, "N", "tokens of the chat template [from the GGUF]", "model.chat_overhead"},
    {SETTING, 0, "bins", 0, "N", "number of length bins [5]", "binning.n_bins"},
    {SETTING, 0, "n-per-bin", 0, "N[,N...]", "entries per bin [40]", "dataset.n_per_bin"},
    {SETTING, 0, "seed", 0, "N", "seed of the order in the bins [1]", "seed"},
    {SETTING, 0, "exp", 0, "NAME", "name of the experiment [derived]", "output.exp_group_id"},
    {KVT_OPTION_TEXT, 0, "git-hash", &git_hash, "HASH", "commit to record [KVT_GIT_HASH]", 0},
    {KVT_OPTION_INTEGER, 0, "threads", &n_threads, "N", "threads that count tokens [one per core]", 0},
    {KVT_OPTION_TEXT, 0, "ladder", &ladder_lengths, "N,N...", "write rows: marked questions at each of these lengths", 0},
    {KVT_OPTION_FLAG, 0, "count", &count_only, 0, "only count: {\"text\":...} in, {\"n\":...} out", 0},
    {KVT_OPTION_FLAG, 0, "ids", &print_ids, 0, "with --count: print the token ids", 0},
    {KVT_OPTION_FLAG, 0, "special", &add_special, 0, "with --count: add BOS as the model wants it", 0},
    {KVT_OPTION_FLAG, 0, "ordinary", &ordinary, 0, "with --count: special tokens in the text are text", 0},
    {KVT_OPTION_TEXT, 0, "field", &field, "NAME", "with --count: member that holds the text [text]", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};
/* clang-format on */

static const struct kvt_usage usage = {
    "kvt-bin [-c FILE] [options] [FILE...]\n       kvt-bin --count --tokenizer=FILE [--ids] "
    "[FILE...]",
    "Reads questions with their contexts, counts the tokens of every prompt exactly, cuts the data "
    "set\n"
    "into length bins and writes the entries chosen from each.",
    "  kvt-bin -c config/snapkv.json examples/recall/recall.jsonl > manifest.jsonl", options};

/* Lines of other stages, written after our own records. */
struct passing {
    char *line, *kind;
    size_t length;
};

struct program {
    struct kvt_settings settings;
    struct kvt_stage stage;
    struct kvt_examples examples;
    struct kvt_sha256 source_hash;
    struct passing *passing;
    size_t n_passing, passing_capacity;
    struct kvt_tokenizer *tokenizer;
    struct kvt_remote *remote;
    struct kvt_chat_template *chat;
    struct kvt_templates templates;
    struct kvt_prompter prompter;
    struct kvt_length_bins bins;
    size_t n_overlong;
};

/* Options that say something only together, or not at all. */
static void check_options(void)
{
    if (count_only && ladder_lengths)
        kvt_die(KVT_USAGE, "--count and --ladder write different things; give one of them");
    if (!count_only && (print_ids || add_special || ordinary || field))
        kvt_die(KVT_USAGE, "--ids, --special, --ordinary and --field go with --count");
    if (n_threads < 0)
        kvt_die(KVT_USAGE, "--threads is %ld; it must be at least 1", n_threads);
}

static const json_t *settings_of(struct program *program)
{
    return kvt_settings_tree(&program->settings);
}

static const char *tokenizer_path(const json_t *tree)
{
    const char *path =
        kvt_json_text(tree, "model.tokenizer", kvt_json_text(tree, "model.path", NULL));
    if (!path)
        kvt_die(KVT_USAGE,
                "no tokenizer: give --tokenizer=FILE, or model.tokenizer or model.path in the "
                "configuration");
    return path;
}

static struct kvt_tokenizer *load_tokenizer(const char *path)
{
    struct kvt_error error;
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(path, &error);
    if (!tokenizer)
        kvt_die(KVT_USAGE, "%s", error.text);
    return tokenizer;
}

/* A server that counts instead of a file; NULL when it is a file. */
static struct kvt_remote *open_remote(const json_t *tree)
{
    const char *path = tokenizer_path(tree);
    const char *key = kvt_json_text(tree, "engine.api_key_env", "");
    if (!kvt_remote_is_url(path))
        return NULL;
    struct kvt_remote_options asked = {
        .url = path,
        .model = kvt_settings_model(tree),
        .api_key = *key ? getenv(key) : NULL,
        .load_wait_s = kvt_json_number(tree, "engine.request.load_wait_s", 600),
        .backoff_max_s = kvt_json_number(tree, "engine.request.backoff_max_s", 30)};
    return kvt_remote_new(&asked);
}

/* Files that the settings name beside the input. */
static void check_skip(const json_t *tree)
{
    static const char *const files[] = {"model.tokenizer", "model.path", "dataset.templates"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        kvt_stage_check_skip(common.skip_bad, kvt_json_text(tree, files[i], NULL));
    kvt_stage_check_skip(common.skip_bad, common.config);
}

static void run_count(const struct kvt_arguments *arguments)
{
    struct kvt_settings settings;
    kvt_settings_open(&settings, common.config, arguments);
    const json_t *tree = kvt_settings_tree(&settings);
    check_skip(tree);
    struct kvt_remote *remote = open_remote(tree);
    struct kvt_tokenizer *tokenizer = remote ? NULL : load_tokenizer(tokenizer_path(tree));
    struct kvt_count_options wanted = {.field = field ? field : "text",
                                       .ids = print_ids,
                                       .skip_bad = common.skip_bad,
                                       .flags = (add_special ? KVT_ENCODE_SPECIAL : 0u) |
                                                (ordinary ? (unsigned)KVT_ENCODE_ORDINARY : 0u)};
    kvt_count_run(tokenizer, remote, &wanted, arguments);
    kvt_tokenizer_free(tokenizer);
    kvt_remote_free(remote);
    kvt_settings_close(&settings);
}

static void keep_passing(struct program *program, const struct kvt_line *line)
{
    kvt_grow(&program->passing, &program->passing_capacity, program->n_passing,
             sizeof *program->passing);
    program->passing[program->n_passing++] = (struct passing){kvt_strndup(line->data, line->length),
                                                              kvt_strdup(line->kind), line->length};
}

static void pass_on(struct program *program)
{
    for (size_t i = 0; i < program->n_passing; i++)
        kvt_stage_emit(&program->stage, program->passing[i].kind, program->passing[i].line,
                       program->passing[i].length);
}

/* A stream replayed without -c brings its own settings. */
static void take_settings(struct program *program, const struct kvt_line *line)
{
    struct kvt_error error;
    json_t *record = kvt_json_parse(line->data, line->length, NULL, &error);
    if (!record ||
        kvt_settings_stream(&program->settings, json_object_get(record, "config"), &error) != 0)
        kvt_stage_bad(&program->stage, line, error.text);
    json_decref(record);
}

static void read_input(struct program *program)
{
    struct kvt_line line;
    kvt_sha256_start(&program->source_hash);
    while (kvt_stage_next(&program->stage, &line)) {
        bool made_here = strcmp(line.kind, "dataset") == 0 || strcmp(line.kind, "bin") == 0 ||
                         strcmp(line.kind, "entry") == 0 ||
                         kvt_stage_own_meta(&program->stage, &line);
        if (made_here)
            continue;
        if (strcmp(line.kind, "experiment") == 0) {
            take_settings(program, &line);
        } else if (line.kind[0] || kvt_line_blank(&line)) {
            keep_passing(program, &line);
        } else {
            kvt_sha256_add(&program->source_hash, line.data, line.length);
            kvt_sha256_add(&program->source_hash, "\n", 1);
            kvt_examples_add(&program->examples, &line);
        }
    }
}

static bool is_gguf(const char *path)
{
    char start[4] = {0};
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(start, 1, sizeof start, file) : 0;
    if (file)
        fclose(file);
    return length == sizeof start && memcmp(start, "GGUF", sizeof start) == 0;
}

static void load_chat(struct program *program)
{
    struct kvt_error error;
    if (program->remote || program->prompter.chat_overhead >= 0)
        return;
    const char *path = kvt_tokenizer_path(program->tokenizer);
    if (!is_gguf(path))
        return;
    struct kvt_gguf *gguf = kvt_gguf_open(path, &error);
    if (!gguf)
        kvt_die(KVT_USAGE, "%s", error.text);
    program->chat = kvt_chat_from_gguf(gguf, &error);
    kvt_gguf_close(gguf);
    if (!program->chat)
        kvt_die(KVT_USAGE, "%s: %s", path, error.text);
    program->prompter.chat = program->chat;
}

static void prepare(struct program *program)
{
    static const char *const names[] = {"dataset.name", "dataset.task", "output.exp_group_id",
                                        NULL};
    struct kvt_error error;
    const json_t *tree = settings_of(program);
    kvt_settings_check_names(tree, names);
    const char *path = tokenizer_path(tree);
    const char *api = kvt_json_text(tree, "engine.api", "");
    bool first = strcmp(kvt_json_text(tree, "dataset.question", "last"), "first") == 0;
    if (kvt_templates_open(&program->templates, kvt_json_text(tree, "dataset.templates", NULL),
                           first ? KVT_QUESTION_FIRST : KVT_QUESTION_LAST, &error) != 0)
        kvt_die_error(&error);
    program->remote = open_remote(tree);
    program->tokenizer = program->remote ? NULL : load_tokenizer(path);
    program->prompter = (struct kvt_prompter){
        .tokenizer = program->tokenizer,
        .remote = program->remote,
        .chat_overhead = kvt_json_integer(tree, "model.chat_overhead", -1),
        .templates = &program->templates,
        .name = kvt_json_text(tree, "dataset.name", "recall"),
        .task = kvt_json_text(tree, "dataset.task", NULL),
        .api = strcmp(api, "chat") == 0          ? KVT_API_CHAT
               : strcmp(api, "completions") == 0 ? KVT_API_COMPLETIONS
                                                 : KVT_API_BY_TASK,
        .two_parts = strcmp(kvt_json_text(tree, "kv.compress_after", "question"), "context") == 0,
        .max_prompt_tokens = kvt_json_integer(tree, "dataset.max_prompt_tokens", 0),
        .drop = strcmp(kvt_json_text(tree, "dataset.overlong", "truncate"), "drop") == 0,
    };
    load_chat(program);
}

static struct kvt_line line_of(const struct kvt_example *example)
{
    return (struct kvt_line){.data = example->line,
                             .length = example->length,
                             .source = example->source,
                             .number = example->number};
}

static bool is_bad(const struct kvt_example *example)
{
    return example->error != NULL;
}

static bool is_overlong(const struct kvt_example *example)
{
    return example->overlong;
}

/* Bad rows stop the program, the first one of the input; or are set aside. */
static void report_bad(struct program *program)
{
    for (size_t i = 0; i < program->examples.count; i++) {
        const struct kvt_example *example = &program->examples.items[i];
        if (!example->error)
            continue;
        if (example->error->code != KVT_DATA)
            kvt_die_error(example->error);
        struct kvt_line line = line_of(example);
        kvt_stage_bad(&program->stage, &line, example->error->text);
    }
    kvt_examples_remove(&program->examples, is_bad);
}

static void count_rows(struct program *program)
{
    long threads = program->remote ? 1 : n_threads > 0 ? n_threads : (long)kvt_processors();
    kvt_examples_count(&program->examples, &program->prompter, threads);
    kvt_examples_find_repeated(&program->examples);
    report_bad(program);
    for (size_t i = 0; i < program->examples.count; i++)
        program->n_overlong += program->examples.items[i].overlong;
    if (program->prompter.drop && program->n_overlong) {
        kvt_say("%zu of %zu rows are longer than %lld tokens and were dropped", program->n_overlong,
                program->examples.count, (long long)program->prompter.max_prompt_tokens);
        kvt_examples_remove(&program->examples, is_overlong);
    }
    if (program->examples.count == 0)
        kvt_die(KVT_DATA, "no questions in the input (rows with _id, input, context and answers)");
}

static void bin_rows(struct program *program)
{
    const json_t *tree = settings_of(program);
    long long asked = kvt_json_integer(tree, "binning.n_bins", 5);
    if (asked < 1 || asked > 1000)
        kvt_die(KVT_USAGE, "binning.n_bins is %lld; it must be between 1 and 1000", asked);
    kvt_examples_bin(&program->examples, (size_t)asked, kvt_json_integer(tree, "seed", 1),
                     &program->bins);
    if (program->bins.count < (size_t)asked)
        kvt_say(
            "%zu bins instead of %lld: equal lengths are never parted, and empty bins are left out",
            program->bins.count, asked);
}

static void select_entries(struct program *program)
{
    const json_t *tree = settings_of(program);
    const json_t *ids = kvt_json_get(tree, "dataset.ids");
    struct kvt_error error;
    int status =
        json_is_array(ids)
            ? kvt_select_pinned(&program->examples, ids, &error)
            : kvt_select_first(&program->examples, &program->bins,
                               kvt_json_get(tree, "dataset.n_per_bin"),
                               (size_t)kvt_json_integer(tree, "binning.n_bins", 5), &error);
    if (status != 0)
        kvt_die_error(&error);
}

static void emit(struct program *program)
{
    const json_t *tree = settings_of(program);
    const char *path = tokenizer_path(tree);
    char source[KVT_SHA256_HEX], templates[KVT_SHA256_HEX], date[KVT_DATE_SIZE],
        derived[KVT_EXPERIMENT_SIZE];
    struct kvt_error error;
    kvt_sha256_hex(&program->source_hash, source);
    kvt_clock_date(kvt_clock_created(), date);
    json_t *public_settings = json_deep_copy(tree);
    kvt_config_strip(public_settings);
    struct kvt_buffer tokenizer_name = {0};
    if (program->remote)
        kvt_redact_url(path, &tokenizer_name);
    else
        kvt_buffer_text(&tokenizer_name, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    struct kvt_manifest manifest = {
        .settings = public_settings,
        .created_at = date,
        .git_hash = git_hash ? git_hash : getenv("KVT_GIT_HASH"),
        .name = program->prompter.name,
        .task = kvt_examples_task(&program->examples),
        .source_sha256 = source,
        .tokenizer_name = kvt_buffer_string(&tokenizer_name),
        .tokenizer_sha256 = program->tokenizer ? kvt_tokenizer_sha256(program->tokenizer) : NULL,
        .chat_name = program->chat ? kvt_chat_name(program->chat) : NULL,
        .n_examples = program->examples.count,
        .n_overlong = program->n_overlong,
        .n_bins_asked = (size_t)kvt_json_integer(tree, "binning.n_bins", 5),
        .max_prompt_tokens = program->prompter.max_prompt_tokens,
        .dropped = program->prompter.drop,
    };
    if (manifest.git_hash && !*manifest.git_hash)
        manifest.git_hash = NULL;
    manifest.template_name = kvt_templates_describe(&program->templates, templates);
    manifest.template_sha256 = templates;
    kvt_manifest_id(manifest.dataset_id,
                    (const char *[]){"dataset", manifest.name, source, manifest.template_sha256,
                                     manifest.tokenizer_sha256},
                    5);
    kvt_manifest_derive_name(&manifest, derived);
    manifest.exp_group_id = kvt_json_text(tree, "output.exp_group_id", derived);
    if (kvt_publish(&program->stage, &manifest, &program->bins, &program->examples,
                    &program->prompter, &error) != 0)
        kvt_die_error(&error);
    pass_on(program);
    json_decref(public_settings);
    kvt_buffer_free(&tokenizer_name);
}

static void release(struct program *program)
{
    for (size_t i = 0; i < program->n_passing; i++) {
        free(program->passing[i].line);
        free(program->passing[i].kind);
    }
    free(program->passing);
    kvt_bins_free(&program->bins);
    kvt_examples_free(&program->examples);
    kvt_templates_close(&program->templates);
    kvt_chat_free(program->chat);
    kvt_tokenizer_free(program->tokenizer);
    kvt_remote_free(program->remote);
    kvt_settings_close(&program->settings);
}

static void put_rung(void *context, const struct kvt_buffer *line)
{
    kvt_stage_emit_buffer(context, "", line);
}

/* Rows in, rows out: what comes next is kvt-bin again. */
static void run_ladder(struct program *program)
{
    struct kvt_error error;
    struct kvt_line line;
    struct kvt_prompt prompt = {0};
    struct kvt_ladder ladder = {.prompter = &program->prompter,
                                .seed = kvt_json_integer(settings_of(program), "seed", 1)};
    if (kvt_ladder_parse(&ladder, ladder_lengths, &error) != 0)
        kvt_die_error(&error);
    prepare(program);
    int64_t longest = ladder.lengths[ladder.count - 1], limit = program->prompter.max_prompt_tokens;
    if (limit > 0 && longest > limit)
        kvt_die(KVT_USAGE,
                "--ladder: %lld tokens are more than dataset.max_prompt_tokens, which is %lld, so "
                "that prompts of that length would be cut",
                (long long)longest, (long long)limit);
    program->prompter.max_prompt_tokens = 0; /* a prompt that is cut has no length to compare */
    program->stage.no_meta = true;
    while (kvt_stage_next(&program->stage, &line)) {
        if (line.kind[0] || kvt_line_blank(&line)) {
            kvt_stage_copy(&program->stage, &line);
        } else if (kvt_ladder_build(&ladder, line.data, line.length, &prompt, put_rung,
                                    &program->stage, &error) != 0) {
            if (error.code != KVT_DATA)
                kvt_die_error(&error);
            kvt_stage_bad(&program->stage, &line, error.text);
        }
    }
    kvt_prompt_free(&prompt);
    kvt_ladder_free(&ladder);
}

static void run_bins(struct program *program)
{
    read_input(program);
    prepare(program);
    count_rows(program);
    bin_rows(program);
    select_entries(program);
    emit(program);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    check_options();
    if (count_only) {
        run_count(&arguments);
        kvt_arguments_free(&arguments);
        return KVT_OK;
    }
    struct program program = {0};
    kvt_settings_open(&program.settings, common.config, &arguments);
    check_skip(settings_of(&program));
    kvt_stage_open(&program.stage, "kvt-bin", &common, &arguments);
    program.stage.kind_first = true;
    if (ladder_lengths)
        run_ladder(&program);
    else
        run_bins(&program);
    kvt_stage_close(&program.stage, kvt_settings_given(&program.settings));
    release(&program);
    kvt_arguments_free(&arguments);
    return KVT_OK;
}
