/*
 * kvt-stats: scored responses become per-bin statistics and paired tests.
 *
 * In:     run and response lines (after kvt-score); everything else is copied.
 * Out:    every line of the input, then bin_stats, then pair_stats, then meta. Input bin_stats and
 *         pair_stats are dropped.
 * Memory: blocking; about 250 bytes per response, texts are not kept.
 */
#include "core/option.h"
#include "stream/json.h"
#include "stream/stage.h"
#include "study/program.h"
#include "study/record.h"

static struct kvt_stage_options common;

static const struct kvt_option options[] = {
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_CONFIG, 0, "ci", 0, "NAME",
     "interval of means: dispersion-wilson, wilson, percentile, bca, clopper-pearson, t "
     "[dispersion-wilson]",
     "stats.ci"},
    {KVT_OPTION_CONFIG, 0, "alpha", 0, "P", "one minus the confidence level [0.05]", "stats.alpha"},
    {KVT_OPTION_CONFIG, 0, "resamples", 0, "N", "bootstrap resamples and sign flips [9999]",
     "stats.resamples"},
    KVT_STUDY_OPTIONS,
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0}};

static const struct kvt_usage usage = {
    "kvt-stats [-c FILE] [options] [FILE...]",
    "Adds statistics per length bin (bin_stats) and paired comparisons with the full cache "
    "(pair_stats).",
    "  kvt-score < responses.jsonl | kvt-stats > stats.jsonl", options};

int main(int argc, char **argv)
{
    static const char *const sections[] = {"stats", "transition", NULL};
    struct kvt_arguments arguments;
    struct kvt_study_program program = {.sections = sections, .made = {"bin_stats", "pair_stats"}};
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_study_open(&program, "kvt-stats", &common, &arguments);
    kvt_study_run(&program);
    const char *ci =
        kvt_json_text(kvt_settings_tree(&program.settings), "stats.ci", "dispersion-wilson");
    kvt_study_emit_bins(&program.stage, &program.study, ci, &program.procedure);
    kvt_study_emit_pairs(&program.stage, &program.study);
    kvt_arguments_free(&arguments);
    return kvt_study_close(&program);
}
