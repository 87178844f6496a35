#include "text/import_set.h"

#include "core/memory.h"
#include "stream/number.h"
#include "text/import_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t dataset_of(struct kvt_import_set *set, const char *task)
{
    for (size_t i = 0; i < set->n_datasets; i++)
        if (strcmp(set->datasets[i].record.task, task) == 0)
            return i;
    kvt_grow(&set->datasets, &set->datasets_capacity, set->n_datasets, sizeof *set->datasets);
    struct kvt_imported_dataset *dataset = &set->datasets[set->n_datasets];
    *dataset = (struct kvt_imported_dataset){
        .record = {.task = task, .date = set->date, .n_bins = set->n_bins}};
    dataset->exp_group =
        set->exp_group ? kvt_strdup(set->exp_group) : kvt_asprintf("import-%s", task);
    dataset->record.exp_group = dataset->exp_group;
    kvt_import_id(dataset->record.id, (const char *const[]){"import", task, NULL});
    return set->n_datasets++;
}

static struct kvt_imported_run *run_of(struct kvt_import_set *set,
                                       const struct kvt_import_run *like, size_t dataset)
{
    for (size_t i = 0; i < set->n_runs; i++) {
        struct kvt_imported_run *run = &set->runs[i];
        if (run->dataset == dataset && kvt_import_same_run(&run->record, like))
            return run;
    }
    kvt_grow(&set->runs, &set->runs_capacity, set->n_runs, sizeof *set->runs);
    struct kvt_imported_run *run = &set->runs[set->n_runs++];
    *run = (struct kvt_imported_run){.dataset = dataset, .record = *like};
    run->record.policy = run->policy = kvt_strdup(like->policy);
    run->record.model = run->model = like->model ? kvt_strdup(like->model) : NULL;
    const struct kvt_import_dataset *of = &set->datasets[dataset].record;
    char budget[KVT_NUMBER_SIZE];
    kvt_number_format(like->budget, budget);
    kvt_import_id(run->record.id, (const char *const[]){"import", of->exp_group, of->task,
                                                        run->model ? run->model : "", run->policy,
                                                        budget, like->unit, like->replicate, NULL});
    return run;
}

void kvt_import_set_add(struct kvt_import_set *set, const struct kvt_import_run *like,
                        struct kvt_prediction *row)
{
    struct kvt_pairing *pairing = &run_of(set, like, dataset_of(set, row->task))->pairing;
    kvt_grow(&pairing->rows, &pairing->capacity, pairing->count, sizeof *pairing->rows);
    pairing->rows[pairing->count++] =
        (struct kvt_paired){.prediction = row, .bin = -1, .tokens = NAN};
}

const struct kvt_imported_run *kvt_import_set_reference(const struct kvt_import_set *set,
                                                        const struct kvt_imported_run *run)
{
    for (size_t i = 0; i < set->n_runs && !run->record.reference; i++) {
        const struct kvt_imported_run *other = &set->runs[i];
        if (other->record.reference && other->dataset == run->dataset &&
            kvt_import_same_model(&other->record, &run->record))
            return other;
    }
    return NULL;
}

void kvt_import_set_free(struct kvt_import_set *set)
{
    for (size_t i = 0; i < set->n_datasets; i++)
        free(set->datasets[i].exp_group);
    for (size_t i = 0; i < set->n_runs; i++) {
        free(set->runs[i].policy);
        free(set->runs[i].model);
        kvt_pairing_free(&set->runs[i].pairing);
    }
    free(set->datasets);
    free(set->runs);
    *set = (struct kvt_import_set){0};
}
