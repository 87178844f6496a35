#include "study/bin_view.h"

#include "core/buffer.h"
#include "core/memory.h"
#include "core/random.h"
#include "stat/bootstrap.h"
#include "stat/quantile.h"
#include "study/compare.h"
#include "study/member.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { P95_LEAST = 60 }; /* with fewer values the 95th percentile is little more than the largest */

static void take_entry(struct kvt_bin_view *view, const struct kvt_observation *items, size_t n)
{
    double sum = 0, first_score = NAN;
    size_t scored = 0;
    bool differ = false;
    int first_outcome = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(items[i].score))
            continue;
        if (scored && (items[i].score != first_score || items[i].outcome != first_outcome))
            differ = true;
        if (!scored) {
            first_score = items[i].score;
            first_outcome = items[i].outcome;
        }
        sum += items[i].score;
        scored++;
    }
    if (scored)
        view->entry_scores[view->n_entry_scores++] = sum / (double)scored;
    view->n_repeated += scored > 1;
    view->n_disagree += differ;
    view->unequal |= view->n_entries > 0 && n != view->n_repeats;
    view->n_repeats = n > view->n_repeats ? n : view->n_repeats;
    view->n_entries++;
}

void kvt_bin_view_count(struct kvt_bin_view *view)
{
    for (size_t i = 0, end; i < view->n; i = end) {
        for (end = i; end < view->n && view->items[end].entry == view->items[i].entry;)
            end++;
        take_entry(view, view->items + i, end - i);
    }
    for (size_t i = 0; i < view->n; i++) {
        const struct kvt_observation *item = &view->items[i];
        bool scored = !isnan(item->score), lost = item->outcome == KVT_OUTCOME_INFRASTRUCTURE;
        view->n_infrastructure += lost;
        view->n_scored += scored;
        view->n_failed += scored && item->outcome == KVT_OUTCOME_MODEL;
        kvt_study_count_flags(item->flags, view->flags);
        view->n_cache_known += item->cache_known;
        view->n_within_window += !view->run->reference && item->kept_tokens <= view->run->window;
    }
}

const struct kvt_column *kvt_bin_column(struct kvt_bin_view *view, size_t offset)
{
    view->scratch.n = 0;
    for (size_t i = 0; i < view->n; i++) {
        double value = *(const double *)(const void *)((const char *)&view->items[i] + offset);
        if (!isnan(value))
            view->scratch.values[view->scratch.n++] = value;
    }
    kvt_quantile_sort(view->scratch.values, view->scratch.n);
    return &view->scratch;
}
double kvt_column_p50(const struct kvt_column *c)
{
    return kvt_quantile_type7(c->values, c->n, 0.5);
}

double kvt_column_p95(const struct kvt_column *c)
{
    return c->n >= P95_LEAST ? kvt_quantile_type7(c->values, c->n, 0.95) : NAN;
}

struct kvt_interval kvt_bin_mean_interval(const struct kvt_bin_view *view, const char *method,
                                          const struct kvt_procedure *procedure)
{
    const double *scores = view->entry_scores;
    size_t n = view->n_entry_scores;
    struct kvt_interval none = {NAN, NAN};
    double sum = 0;
    bool binary = true;
    for (size_t i = 0; i < n; i++) {
        sum += scores[i];
        binary &= scores[i] == 0 || scores[i] == 1;
    }
    if (n == 0)
        return none;
    if (strcmp(method, "wilson") == 0)
        return kvt_interval_wilson(sum, (double)n, procedure->level);
    if (strcmp(method, "clopper-pearson") == 0)
        return binary ? kvt_interval_clopper_pearson((long)sum, (long)n, procedure->level) : none;
    if (strcmp(method, "t") == 0)
        return kvt_interval_t(scores, n, procedure->level);
    if (strcmp(method, "percentile") != 0 && strcmp(method, "bca") != 0)
        return kvt_interval_dispersion_wilson(scores, n, procedure->level);
    if (!(kvt_quantile_sd(scores, n) > 0))
        return none; /* resampling constant data says nothing */
    double *means = kvt_alloc_array(procedure->resamples, sizeof *means);
    double *sorted = kvt_alloc_array(n, sizeof *sorted); /* the entry order must not matter */
    memcpy(sorted, scores, n * sizeof *sorted);
    kvt_quantile_sort(sorted, n);
    char *name = kvt_compare_name(view->table, view->item), *purpose;
    purpose = kvt_asprintf("%s/%d/ci", name, view->items[0].bin);
    struct kvt_random random;
    kvt_random_stream(&random, procedure->seed, purpose);
    kvt_bootstrap_means(sorted, n, &random, means, procedure->resamples);
    kvt_quantile_sort(means, procedure->resamples);
    struct kvt_interval interval =
        strcmp(method, "bca") == 0
            ? kvt_bootstrap_bca(means, procedure->resamples,
                                kvt_bootstrap_bias(means, procedure->resamples, sum / (double)n),
                                kvt_bootstrap_acceleration(sorted, n), procedure->level)
            : kvt_bootstrap_percentile(means, procedure->resamples, procedure->level);
    free(purpose);
    free(name);
    free(sorted);
    free(means);
    return interval;
}
