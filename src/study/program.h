/*
 * study/program.h: what kvt-stats and kvt-transition do alike: options, settings, taking a stream
 * in, comparing, ending.
 *
 *     struct kvt_study_program program = {.sections = sections, .made = {"transition"}};
 *     kvt_study_open(&program, "kvt-transition", &common, &arguments);
 *     kvt_study_run(&program);   // reads the stream to its end, then compares
 *     ... emit records on program.stage ...
 *     return kvt_study_close(&program);
 */
#ifndef KVT_STUDY_PROGRAM_H
#define KVT_STUDY_PROGRAM_H

#include "config/config.h"
#include "core/option.h"
#include "stream/stage.h"
#include "study/compare.h"

/* Rows of the option table that both programs have; the tests of one are the family of the other.
 */
#define KVT_STUDY_OPTIONS                                                                          \
    {KVT_OPTION_CONFIG,                                                                            \
     0,                                                                                            \
     "family",                                                                                     \
     0,                                                                                            \
     "run|all",                                                                                    \
     "family of the error control: each policy and task, or the whole stream [run]",               \
     "transition.family"},                                                                         \
    {                                                                                              \
        KVT_OPTION_CONFIG, 0, "seed", 0, "N", "seed of resampling [1]", "seed"                     \
    }

struct kvt_study_program {
    const char *const *sections; /* of the experiment's settings that this program's -c replaces */
    const char *made[2];         /* kinds the program makes: dropped from the input */
    struct kvt_settings settings;
    struct kvt_stage stage;
    struct kvt_compared study;
    struct kvt_procedure procedure; /* valid after kvt_study_run */
    /* of the stream's experiments: the first by name, its settings, what was asked of the last
     * one's, and whether they agree in that */
    char *experiment;
    json_t *config, *asked;
    bool disagree;
};

/* Reads stats.* and transition.*; ends the process with exit 2 on a value outside its domain. */
struct kvt_procedure kvt_study_procedure(const json_t *tree);

void kvt_study_open(struct kvt_study_program *program, const char *name,
                    const struct kvt_stage_options *options, const struct kvt_arguments *arguments);
/* Copies the stream, takes its runs and responses, and makes program->study. */
void kvt_study_run(struct kvt_study_program *program);
/* Ends the stage and frees everything; returns the exit code, or ends with 1 if no response came.
 */
int kvt_study_close(struct kvt_study_program *program);

#endif
