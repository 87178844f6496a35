#include "render/grouping.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reference, control, fractions from large to small, then tokens from large to small. */
static int by_budget(const void *left, const void *right)
{
    const struct kvt_arm *a = *(const struct kvt_arm *const *)left;
    const struct kvt_arm *b = *(const struct kvt_arm *const *)right;
    if (a->reference != b->reference)
        return a->reference ? -1 : 1;
    if (a->control != b->control)
        return a->control ? 1 : -1;
    if (a->tokens != b->tokens)
        return a->tokens ? 1 : -1;
    if (a->budget != b->budget)
        return a->budget > b->budget ? -1 : 1;
    return strcmp(a->run_id, b->run_id);
}

static bool same_world(const struct kvt_arm *arm, const struct kvt_study *study)
{
    return arm->exp_group_id == study->exp_group_id && arm->model == study->model &&
           arm->task == study->task;
}

static void study_add(struct kvt_study *study, const struct kvt_arm *arm)
{
    study->arms = kvt_realloc_array(study->arms, study->n_arms + 1, sizeof *study->arms);
    study->arms[study->n_arms++] = arm;
}

/* The run that the statistics compared with, or NULL. */
static const char *named_reference(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++) {
        const struct kvt_arm *arm = study->arms[i];
        const char *run_id = kvt_json_text(arm->transition, "reference_run_id", NULL);
        for (size_t b = 0; !run_id && b < arm->n_cells; b++)
            run_id = kvt_json_text(arm->cells[b].pair, "reference_run_id", NULL);
        if (run_id)
            return run_id;
    }
    return NULL;
}

/* A study without a reference of its own policy borrows another policy's (the full cache is one).
 */
static void borrow_reference(struct kvt_results *results, struct kvt_study *study)
{
    if (kvt_study_reference(study))
        return;
    const char *run_id = named_reference(study), *policy = NULL;
    for (size_t i = 0; i < results->n_arms; i++) {
        const struct kvt_arm *arm = &results->arms[i];
        if (arm->reference && !arm->control && same_world(arm, study) &&
            (!policy || (run_id && strcmp(arm->run_id, run_id) == 0)))
            policy = arm->policy;
    }
    for (size_t i = 0; policy && i < results->n_arms; i++) {
        const struct kvt_arm *arm = &results->arms[i];
        if (arm->reference && same_world(arm, study) && arm->policy == policy)
            study_add(study, arm);
    }
}

static void measure_bins(struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->n_cells > study->n_bins)
            study->n_bins = study->arms[i]->n_cells;
    study->bins = kvt_alloc_array(study->n_bins, sizeof *study->bins);
    study->has_lengths = study->n_bins > 0;
    for (size_t b = 0; b < study->n_bins; b++) {
        struct kvt_length_bin *bin = &study->bins[b];
        *bin = (struct kvt_length_bin){NAN, NAN, NAN};
        for (size_t i = 0; i < study->n_arms && isnan(bin->centre); i++) {
            const struct kvt_cell *cell = kvt_arm_cell(study->arms[i], b);
            bin->low = kvt_cell_stat(cell, "token_min");
            bin->high = kvt_cell_stat(cell, "token_max");
            bin->centre = kvt_cell_stat(cell, "token_mean");
            if (isnan(bin->centre) && bin->low > 0 && bin->high >= bin->low)
                bin->centre = sqrt(bin->low * bin->high);
        }
        /* Positions on the axis must grow, or the picture would be a knot: bins by number then. */
        if (!(bin->centre > 0) || (b > 0 && !(bin->centre > study->bins[b - 1].centre)))
            study->has_lengths = false;
    }
}

static struct kvt_study *study_of(struct kvt_results *results, const struct kvt_arm *arm)
{
    for (size_t i = 0; i < results->n_studies; i++)
        if (same_world(arm, &results->studies[i]) && results->studies[i].policy == arm->policy)
            return &results->studies[i];
    kvt_grow(&results->studies, &results->study_capacity, results->n_studies,
             sizeof *results->studies);
    struct kvt_study *study = &results->studies[results->n_studies++];
    *study = (struct kvt_study){.exp_group_id = arm->exp_group_id,
                                .model = arm->model,
                                .policy = arm->policy,
                                .task = arm->task,
                                .own_lengths = kvt_results_own_lengths(results, arm->task)};
    return study;
}

static bool has_compressed(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (!study->arms[i]->reference)
            return true;
    return false;
}

/* Is the study nothing but a reference that compressed arms of another study use? */
static bool is_lent(const struct kvt_results *results, const struct kvt_study *study)
{
    if (has_compressed(study))
        return false;
    for (size_t i = 0; i < results->n_studies; i++)
        if (same_world(study->arms[0], &results->studies[i]) &&
            has_compressed(&results->studies[i]))
            return true;
    return false;
}

static int by_name(const void *left, const void *right)
{
    const struct kvt_study *a = left, *b = right;
    int order = strcmp(a->exp_group_id, b->exp_group_id);
    order = order ? order : strcmp(a->model, b->model);
    order = order ? order : strcmp(a->task, b->task);
    return order ? order : strcmp(a->policy, b->policy);
}

/* Do only their experiments tell two studies apart? */
static bool alike(const struct kvt_study *a, const struct kvt_study *b)
{
    return a->model == b->model && a->task == b->task && a->policy == b->policy;
}

void kvt_studies_group(struct kvt_results *results)
{
    for (size_t i = 0; i < results->n_arms; i++)
        study_add(study_of(results, &results->arms[i]), &results->arms[i]);
    for (size_t i = 0; i < results->n_studies; i++)
        borrow_reference(results, &results->studies[i]);
    size_t kept = 0;
    for (size_t i = 0; i < results->n_studies; i++) {
        struct kvt_study study = results->studies[i];
        if (is_lent(results, &study)) {
            kvt_study_free(&study);
            results->studies[i].n_arms = 0; /* nothing there for the is_lent of the next */
            continue;
        }
        qsort(study.arms, study.n_arms, sizeof *study.arms, by_budget);
        measure_bins(&study);
        results->studies[kept++] = study;
    }
    results->n_studies = kept;
    if (kept)
        qsort(results->studies, kept, sizeof *results->studies, by_name);
    for (size_t i = 0; i < kept; i++)
        for (size_t k = 0; k < kept; k++)
            results->studies[i].namesake |=
                i != k && alike(&results->studies[i], &results->studies[k]);
}
