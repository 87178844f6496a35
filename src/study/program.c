#include "study/program.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "stream/contract.h"
#include "stream/scan.h"

#include <stdlib.h>
#include <string.h>

struct kvt_procedure kvt_study_procedure(const json_t *tree)
{
    struct kvt_procedure p = {
        .level = 1 - kvt_json_number(tree, "stats.alpha", 0.05),
        .alpha = kvt_json_number(tree, "transition.alpha", 0.05),
        .delta = kvt_json_number(tree, "transition.delta", 0.1),
        .collapse = kvt_json_number(tree, "transition.collapse", 0.5),
        .seed = (uint64_t)kvt_json_integer(tree, "seed", 1),
        .family_all = strcmp(kvt_json_text(tree, "transition.family", "run"), "all") == 0};
    long long resamples = kvt_json_integer(tree, "stats.resamples", 9999);
    long long permutations = kvt_json_integer(tree, "transition.permutations", 9999);
    if (!(p.level > 0 && p.level < 1 && p.alpha > 0 && p.alpha < 1))
        kvt_die(KVT_USAGE, "stats.alpha and transition.alpha must lie between 0 and 1");
    if (!(p.delta > 0 && p.delta <= 1 && p.collapse > 0 && p.collapse < 1))
        kvt_die(KVT_USAGE, "transition.delta and transition.collapse must lie between 0 and 1");
    if (resamples < 99 || resamples > 10000000 || permutations < 99 || permutations > 10000000)
        kvt_die(KVT_USAGE, "stats.resamples and transition.permutations must be 99 to 10000000");
    p.resamples = (size_t)resamples;
    p.permutations = (size_t)permutations;
    return p;
}

/* Is the experiment's name, with its settings where names are equal, before the one chosen so far?
 */
static bool comes_first(const struct kvt_study_program *program, const char *name)
{
    if (!program->experiment)
        return true;
    int order = strcmp(name, program->experiment);
    if (order)
        return order < 0;
    struct kvt_buffer mine = {0}, chosen = {0};
    if (program->settings.stream) /* a record need not have settings */
        kvt_json_write(&mine, program->settings.stream);
    if (program->config)
        kvt_json_write(&chosen, program->config);
    bool first = strcmp(kvt_buffer_string(&mine), kvt_buffer_string(&chosen)) < 0;
    kvt_buffer_free(&mine);
    kvt_buffer_free(&chosen);
    return first;
}

/* What the study asks of the settings: two experiments that agree in it can be judged together. */
static json_t *asked_settings(struct kvt_settings *settings)
{
    const json_t *tree = kvt_settings_tree(settings);
    return json_pack("{s:O, s:O}", "stats", json_object_get(tree, "stats"), "transition",
                     json_object_get(tree, "transition"));
}

/* The settings of one experiment hold for the whole stream: of several, those of the first by name,
 * so that the order of lines has no say. */
static void choose_experiment(struct kvt_study_program *program, const char *name)
{
    json_t *asked = asked_settings(&program->settings);
    if (program->asked && !json_equal(asked, program->asked))
        program->disagree = true;
    json_decref(program->asked);
    program->asked = asked;
    if (!comes_first(program, name))
        return;
    free(program->experiment);
    json_decref(program->config);
    program->experiment = kvt_strdup(name);
    program->config = json_incref(program->settings.stream);
}

static int take_experiment(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                           struct kvt_error *error)
{
    struct kvt_study_program *program = context;
    if (kvt_settings_experiment(&program->settings, program->sections, stage, line, error) != 0)
        return -1;
    json_t *record = kvt_json_parse(line->data, line->length, NULL, error);
    if (!record)
        return -1;
    choose_experiment(program, kvt_json_text(record, "exp_group_id", ""));
    json_decref(record);
    return 0;
}

/* Sets what was chosen, and says so where it matters. */
static void settle(struct kvt_study_program *program)
{
    if (!program->experiment)
        return;
    struct kvt_error error;
    if (kvt_settings_stream(&program->settings, program->config, &error) != 0)
        kvt_die_error(&error); /* not of settings that were taken before */
    if (program->disagree)
        kvt_say(
            "the stream's experiments have different settings of stats or transition; those of "
            "'%s' hold for all (-c sets others, and a stream of its own judges each by its own)",
            program->experiment);
}

static int take_run(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                    struct kvt_error *error)
{
    struct kvt_study_program *program = context;
    if (kvt_observations_run(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    kvt_stage_copy(stage, line);
    return 0;
}

/* Imported rows have lengths of their own; that is all that is asked of a dataset. */
static int take_dataset(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                        struct kvt_error *error)
{
    struct kvt_study_program *program = context;
    struct kvt_member tokenizer;
    if (kvt_scan_find(line->data, line->length, "tokenizer", &tokenizer)) {
        json_t *value = kvt_json_parse(tokenizer.value, tokenizer.value_length, NULL, error);
        if (!value)
            return -1;
        program->study.own_lengths |= strcmp(kvt_json_text(value, "name", ""), KVT_OWN_LENGTH) == 0;
        json_decref(value);
    }
    kvt_stage_copy(stage, line);
    return 0;
}

static int take_response(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                         struct kvt_error *error)
{
    struct kvt_study_program *program = context;
    if (kvt_observations_response(&program->study.table, line->data, line->length, error) != 0)
        return -1;
    kvt_stage_copy(stage, line);
    return 0;
}

void kvt_study_open(struct kvt_study_program *program, const char *name,
                    const struct kvt_stage_options *options, const struct kvt_arguments *arguments)
{
    kvt_settings_open(&program->settings, options->config, arguments);
    kvt_stage_open(&program->stage, name, options, arguments);
}

void kvt_study_run(struct kvt_study_program *program)
{
    struct kvt_route routes[] = {{"experiment", take_experiment, false},
                                 {"run", take_run, false},
                                 {"response", take_response, false},
                                 {"dataset", take_dataset, false},
                                 {program->made[0], NULL, false},
                                 {program->made[1], NULL, false},
                                 {NULL, NULL, false}};
    kvt_stage_run(&program->stage, routes, program);
    settle(program);
    program->procedure = kvt_study_procedure(kvt_settings_tree(&program->settings));
    kvt_compare_make(&program->study, &program->procedure);
}

int kvt_study_close(struct kvt_study_program *program)
{
    kvt_stage_close(&program->stage, program->settings.options);
    bool nothing = program->study.table.count == 0;
    kvt_compare_free(&program->study);
    kvt_settings_close(&program->settings);
    free(program->experiment);
    json_decref(program->config);
    json_decref(program->asked);
    if (nothing)
        kvt_die(KVT_DATA, "no response line in the input");
    return KVT_OK;
}
