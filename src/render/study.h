/*
 * render/study.h: a study (one model, policy and task), its arms (one KV budget each), their cells
 * (one length bin each), and what is asked of them. All of it belongs to struct kvt_results
 * (render/results.h); pointers handed out are borrowed.
 */
#ifndef KVT_RENDER_STUDY_H
#define KVT_RENDER_STUDY_H

#include "render/outcome.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* How sure it is that the budget was applied (kvt-stream(5), telemetry.kv.applied), strongest
 * first. */
enum kvt_proof {
    KVT_PROOF_PROVEN,
    KVT_PROOF_REPORTED,
    KVT_PROOF_BEHAVIOURAL,
    KVT_PROOF_UNPROVEN,
    KVT_PROOF_CONTRADICTED,
    KVT_PROOF_COUNT,
};
extern const char *const kvt_proof_names[KVT_PROOF_COUNT];

/* One arm in one length bin. */
struct kvt_cell {
    const json_t *stats; /* bin_stats record, or NULL */
    const json_t *pair;  /* pair_stats record, or NULL */
    size_t outcomes[KVT_OUTCOME_COUNT];
    size_t n_responses;     /* scored or not; replayed duplicates count once */
    size_t n_failed_partly; /* model failures whose text earns some score */
};

/* One run on one task. */
struct kvt_arm {
    const char *run_id;
    const char *task; /* "" when the stream names none */
    const char *exp_group_id, *model, *policy;
    const json_t *run;        /* run record, or NULL */
    const json_t *transition; /* transition record, or NULL */
    double budget;
    bool tokens;    /* the budget is in tokens, not a fraction */
    bool reference; /* full cache */
    bool control;   /* a second reference run: the A/A control */
    char *label;    /* "full cache", "0.2", "256 tokens", "0.2 (run 63571ff83b1f)" */
    struct kvt_cell *cells;
    size_t n_cells;
};

struct kvt_length_bin {
    double low, high; /* observed lengths, inclusive; NaN if unknown */
    double centre;    /* mean length of the reference's prompts; NaN if unknown */
};

/* Arms that belong in one picture: the reference first, its control, then budgets large to small.
 */
struct kvt_study {
    const char *exp_group_id, *model, *policy, *task;
    bool namesake; /* another study has this model, policy and task, of another experiment */
    const struct kvt_arm **arms;
    size_t n_arms;
    struct kvt_length_bin *bins;
    size_t n_bins;
    bool has_lengths; /* every bin's centre is known */
    bool own_lengths; /* lengths are those the rows came with (kvt-import), not tokens */
};

/* Releases what the study owns, not its arms. */
void kvt_study_free(struct kvt_study *study);

/* The cell of a bin, or NULL when the arm has nothing there. */
const struct kvt_cell *kvt_arm_cell(const struct kvt_arm *arm, size_t bin);
/* A number of a cell's bin_stats or pair_stats record at a dotted path; NaN if unknown. */
double kvt_cell_stat(const struct kvt_cell *cell, const char *path);
double kvt_cell_pair(const struct kvt_cell *cell, const char *path);

/* Responses of the arm by proof; from bin_stats. Returns their number. */
size_t kvt_arm_proof(const struct kvt_arm *arm, size_t counts[KVT_PROOF_COUNT]);
/* Sum over the bins of a number of bin_stats; 0 where unknown. */
double kvt_arm_sum(const struct kvt_arm *arm, const char *path);
/* A text of bin_stats that is the same in every cell: the first cell's that has it, else NULL. */
const char *kvt_study_text(const struct kvt_study *study, const char *path);
/* Smallest and largest value over the bins of a number of bin_stats; NaN if never known. */
void kvt_arm_range(const struct kvt_arm *arm, const char *path, double *low, double *high);
/* Does the arm take part in figures: everything but the A/A control. */
bool kvt_arm_shown(const struct kvt_arm *arm);
/* The study's reference arm, its control (second reference run), or NULL. */
const struct kvt_arm *kvt_study_reference(const struct kvt_study *study);
const struct kvt_arm *kvt_study_control(const struct kvt_study *study);

#endif
