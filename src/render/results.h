/*
 * render/results.h: a whole stream as the renderer sees it: studies (one model, policy and task),
 * their arms (one KV budget each) and, per arm and length bin, the statistics and the outcomes.
 *
 * Memory: the aggregate records (bin_stats, pair_stats, transition, run, bin...) and, per response,
 * its request_id; texts and prompts are not kept. Entries are kept, without their texts, only when
 * asked for (`keep_entries`).
 *
 * Everything in here belongs to struct kvt_results; pointers handed out are borrowed.
 */
#ifndef KVT_RENDER_RESULTS_H
#define KVT_RENDER_RESULTS_H

#include "core/error.h"
#include "render/study.h"
#include "stream/json.h"

#include <stdbool.h>
#include <stddef.h>

/* More length bins than any experiment has; a larger bin_idx is a broken or hostile record. */
enum { KVT_BIN_LIMIT = 1000 };

struct kvt_results {
    bool keep_entries;
    const json_t *experiment;          /* the first by exp_group_id; NULL without */
    json_t *records;                   /* everything kept, in stream order */
    json_t *datasets, *bins, *entries; /* arrays; datasets by task and id, each once */
    json_t *idle_runs;                 /* array: runs no other record names, by run_id, once each */
    json_t *preflight;                 /* kvt-infer's finding (a record of its journal), or NULL */
    json_t *scored;                    /* kvt-score's meta record, or NULL */
    json_t *names;                     /* strings the arms point to */
    struct kvt_arm *arms;
    size_t n_arms, arm_capacity;
    struct kvt_study *studies;
    size_t n_studies, study_capacity;
    json_t *seen; /* request_id -> what its response was counted as */
    size_t n_responses, n_unscored;
    size_t last_arm;  /* index in arms of the last response that was taken */
    json_t *clusters; /* cluster key -> its first bin, -1 once seen in a second one */
    json_t *metrics;  /* task -> names of its scores' metrics, as keys */
};

void kvt_results_open(struct kvt_results *results);
/*
 * Takes one record (borrowed). Returns 0, or -1 when the record cannot be used; unknown kinds are
 * ignored.
 */
int kvt_results_add(struct kvt_results *results, const char *kind, json_t *record,
                    struct kvt_error *error);
/* Groups arms into studies; call once, after the last record. */
void kvt_results_finish(struct kvt_results *results);
/* Returns 0, or -1 when there is no study: the error says which stages make one. */
int kvt_results_check(const struct kvt_results *results, struct kvt_error *error);
void kvt_results_close(struct kvt_results *results);

/*
 * Is the same question asked at several lengths (most cluster keys are in more than one bin)? Then
 * length is not mixed up with content.
 */
bool kvt_results_ladder(const struct kvt_results *results);

/*
 * The record of a study's experiment; NULL where the stream lacks it. A study that names none (no
 * run lines) has the stream's.
 */
const json_t *kvt_results_experiment(const struct kvt_results *results,
                                     const struct kvt_study *study);
/*
 * The datasets a study's questions may come from: those of its task, or all of them where no
 * dataset names that task. A new array, to be released by the caller.
 */
json_t *kvt_results_datasets(const struct kvt_results *results, const char *task);
/* Are lengths those that imported rows came with, in their own unit? The record of the task's
 * dataset says so. */
bool kvt_results_own_lengths(const struct kvt_results *results, const char *task);

#endif
