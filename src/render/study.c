#include "render/study.h"

#include "stream/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const kvt_proof_names[KVT_PROOF_COUNT] = {[KVT_PROOF_PROVEN] = "proven",
                                                      [KVT_PROOF_REPORTED] = "reported",
                                                      [KVT_PROOF_BEHAVIOURAL] = "behavioural",
                                                      [KVT_PROOF_UNPROVEN] = "unproven",
                                                      [KVT_PROOF_CONTRADICTED] = "contradicted"};

void kvt_study_free(struct kvt_study *study)
{
    free(study->arms);
    free(study->bins);
}

const struct kvt_cell *kvt_arm_cell(const struct kvt_arm *arm, size_t bin)
{
    return arm && bin < arm->n_cells ? &arm->cells[bin] : NULL;
}

double kvt_cell_stat(const struct kvt_cell *cell, const char *path)
{
    return cell && cell->stats ? kvt_json_number(cell->stats, path, NAN) : NAN;
}

double kvt_cell_pair(const struct kvt_cell *cell, const char *path)
{
    return cell && cell->pair ? kvt_json_number(cell->pair, path, NAN) : NAN;
}

double kvt_arm_sum(const struct kvt_arm *arm, const char *path)
{
    double sum = 0;
    for (size_t b = 0; b < arm->n_cells; b++) {
        double value = kvt_cell_stat(&arm->cells[b], path);
        if (!isnan(value))
            sum += value;
    }
    return sum;
}

const char *kvt_study_text(const struct kvt_study *study, const char *path)
{
    const char *text = NULL;
    for (size_t i = 0; i < study->n_arms && !text; i++)
        for (size_t b = 0; b < study->arms[i]->n_cells && !text; b++)
            text = kvt_json_text(study->arms[i]->cells[b].stats, path, NULL);
    return text;
}

size_t kvt_arm_proof(const struct kvt_arm *arm, size_t counts[KVT_PROOF_COUNT])
{
    size_t total = 0;
    for (size_t i = 0; i < KVT_PROOF_COUNT; i++) {
        char path[32];
        snprintf(path, sizeof path, "applied.%s", kvt_proof_names[i]);
        double sum = kvt_arm_sum(arm, path);
        counts[i] = sum > 0 && sum < 1e15 ? (size_t)sum : 0;
        total += counts[i];
    }
    return total;
}

void kvt_arm_range(const struct kvt_arm *arm, const char *path, double *low, double *high)
{
    *low = *high = NAN;
    for (size_t b = 0; b < arm->n_cells; b++) {
        double value = kvt_cell_stat(&arm->cells[b], path);
        if (isnan(value))
            continue;
        if (isnan(*low) || value < *low)
            *low = value;
        if (isnan(*high) || value > *high)
            *high = value;
    }
}

bool kvt_arm_shown(const struct kvt_arm *arm)
{
    return !arm->control;
}

const struct kvt_arm *kvt_study_reference(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->reference && !study->arms[i]->control)
            return study->arms[i];
    return NULL;
}

const struct kvt_arm *kvt_study_control(const struct kvt_study *study)
{
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->control)
            return study->arms[i];
    return NULL;
}
