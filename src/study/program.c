#include "study/program.h"

#include "core/error.h"
#include "stream/contract.h"
#include "stream/scan.h"

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

static int take_experiment(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                           struct kvt_error *error)
{
    struct kvt_study_program *program = context;
    return kvt_settings_experiment(&program->settings, program->sections, stage, line, error);
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
    program->procedure = kvt_study_procedure(kvt_settings_tree(&program->settings));
    kvt_compare_make(&program->study, &program->procedure);
}

int kvt_study_close(struct kvt_study_program *program)
{
    kvt_stage_close(&program->stage, program->settings.options);
    bool nothing = program->study.table.count == 0;
    kvt_compare_free(&program->study);
    kvt_settings_close(&program->settings);
    if (nothing)
        kvt_die(KVT_DATA, "no response line in the input");
    return KVT_OK;
}
