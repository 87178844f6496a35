#include "stat/pairing.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_u32(uint32_t a, uint32_t b)
{
    a++, b++; /* KVT_NO_NAME first */
    return (a > b) - (a < b);
}

static int by_study(const void *a, const void *b)
{
    const struct kvt_comparison *x = a, *y = b;
    int order = compare_u32(x->group, y->group);
    order = order ? order : compare_u32(x->model, y->model);
    order = order ? order : compare_u32(x->slice.task, y->slice.task);
    order = order ? order : compare_u32(x->policy, y->policy);
    return order ? order : compare_u32(x->slice.run, y->slice.run);
}

static bool is_replicate_b(const struct kvt_observations *table, const struct kvt_run *run)
{
    const char *replicate = kvt_observations_name(table, run->replicate);
    return run->reference && replicate && strcmp(replicate, "b") == 0;
}

static bool same_block(const struct kvt_comparison *a, const struct kvt_comparison *b)
{
    return a->group == b->group && a->model == b->model && a->slice.task == b->slice.task;
}

/* The slice of the wanted kind for this one: the same policy's if there is one, else the first. */
static long find_slice(const struct kvt_pairing *pairing, size_t index, bool control, size_t from)
{
    const struct kvt_comparison *item = &pairing->items[index];
    long found = KVT_NO_SLICE;
    for (size_t i = from; i < pairing->count && same_block(item, &pairing->items[i]); i++) {
        const struct kvt_comparison *other = &pairing->items[i];
        if (control ? !other->is_control : !other->is_reference)
            continue;
        if (other->policy == item->policy)
            return (long)i;
        if (found == KVT_NO_SLICE)
            found = (long)i;
    }
    return found;
}

void kvt_pairing_make(const struct kvt_observations *table, struct kvt_pairing *pairing)
{
    size_t capacity = 0;
    *pairing = (struct kvt_pairing){0};
    for (size_t i = 0; i < table->count;) {
        const struct kvt_observation *first = &table->items[i];
        struct kvt_comparison item = {.slice = {first->run, first->task, i, i}};
        const struct kvt_run *run = &table->runs[first->run];
        item.group = run->group;
        item.model = run->model;
        item.policy = run->policy;
        item.is_control = is_replicate_b(table, run);
        item.is_reference = run->reference && !item.is_control;
        while (i < table->count && table->items[i].run == first->run &&
               table->items[i].task == first->task)
            i++;
        item.slice.to = i;
        kvt_grow(&pairing->items, &capacity, pairing->count, sizeof *pairing->items);
        pairing->items[pairing->count++] = item;
    }
    if (pairing->count)
        qsort(pairing->items, pairing->count, sizeof *pairing->items, by_study);
    size_t block = 0, study = 0;
    for (size_t i = 0; i < pairing->count; i++) {
        struct kvt_comparison *item = &pairing->items[i];
        if (i && !same_block(&pairing->items[i - 1], item))
            block = i;
        study += i && (block == i || pairing->items[i - 1].policy != item->policy);
        item->study = study;
        item->reference = find_slice(pairing, i, false, block);
        item->control = find_slice(pairing, i, true, block);
    }
}

void kvt_pairing_free(struct kvt_pairing *pairing)
{
    free(pairing->items);
    *pairing = (struct kvt_pairing){0};
}

static int entry_order(const struct kvt_observation *a, const struct kvt_observation *b)
{
    if (a->bin != b->bin)
        return a->bin < b->bin ? -1 : 1;
    return (a->entry > b->entry) - (a->entry < b->entry);
}

static size_t entry_end(const struct kvt_observations *table, size_t from, size_t to)
{
    size_t i = from;
    while (i < to && entry_order(&table->items[from], &table->items[i]) == 0)
        i++;
    return i;
}

static struct kvt_coverage *coverage_of(struct kvt_pairs *pairs, size_t *capacity, int32_t bin)
{
    if (pairs->n_bins && pairs->bins[pairs->n_bins - 1].bin == bin)
        return &pairs->bins[pairs->n_bins - 1];
    kvt_grow(&pairs->bins, capacity, pairs->n_bins, sizeof *pairs->bins);
    struct kvt_coverage *bins = &pairs->bins[pairs->n_bins++];
    *bins = (struct kvt_coverage){.bin = bin, .tokens_min = NAN, .tokens_max = NAN};
    return bins;
}

/* Running mean that ignores NaN; `n` counts what was seen. */
static void add_mean(double *mean, double value, double *n)
{
    if (isnan(value))
        return;
    *n += 1;
    *mean = *n == 1 ? value : *mean + (value - *mean) / *n;
}

enum { MEANS = 10 };

static void add_telemetry(struct kvt_pair *pair, const struct kvt_observation *a,
                          const struct kvt_observation *k, double counts[MEANS])
{
    bool clean = !kvt_observation_contaminated(a) && !kvt_observation_contaminated(k);
    double none = NAN;
    add_mean(&pair->latency1, clean ? a->latency : none, &counts[0]);
    add_mean(&pair->latencyk, clean ? k->latency : none, &counts[1]);
    add_mean(&pair->ttft1, clean ? a->ttft : none, &counts[2]);
    add_mean(&pair->ttftk, clean ? k->ttft : none, &counts[3]);
    add_mean(&pair->itl1, clean ? a->itl_p50 : none, &counts[4]);
    add_mean(&pair->itlk, clean ? k->itl_p50 : none, &counts[5]);
    add_mean(&pair->bytes1, a->kv_bytes, &counts[6]);
    add_mean(&pair->bytesk, k->kv_bytes, &counts[7]);
    add_mean(&pair->peak1, a->kv_peak, &counts[8]);
    add_mean(&pair->peakk, k->kv_peak, &counts[9]);
}

/* Means over the repeats that both sides scored; returns how many there are. */
static size_t make_pair(const struct kvt_observation *a, size_t n_a,
                        const struct kvt_observation *k, size_t n_k, struct kvt_pair *pair)
{
    size_t n = 0;
    double counts[MEANS] = {0};
    *pair = (struct kvt_pair){.bin = a->bin,
                              .cluster = a->cluster,
                              .tokens = fmin(a->tokens, k->tokens), /* ignores a NaN */
                              .type1 = KVT_NO_NAME,
                              .typek = KVT_NO_NAME,
                              .same_text = true,
                              .sb = NAN,
                              .latency1 = NAN,
                              .latencyk = NAN,
                              .ttft1 = NAN,
                              .ttftk = NAN,
                              .itl1 = NAN,
                              .itlk = NAN,
                              .bytes1 = NAN,
                              .bytesk = NAN,
                              .peak1 = NAN,
                              .peakk = NAN};
    for (size_t i = 0, j = 0; i < n_a && j < n_k;) {
        if (a[i].repeat != k[j].repeat) {
            if (a[i].repeat < k[j].repeat)
                i++;
            else
                j++;
            continue;
        }
        const struct kvt_observation *x = &a[i++], *y = &k[j++];
        if (isnan(x->score) || isnan(y->score))
            continue;
        n++;
        bool f1 = x->outcome == KVT_OUTCOME_MODEL, fk = y->outcome == KVT_OUTCOME_MODEL;
        pair->s1 += x->score;
        pair->sk += y->score;
        pair->f1 += f1;
        pair->fk += fk;
        pair->fk_right += fk ? 1 : y->score;
        if (f1 && pair->type1 == KVT_NO_NAME)
            pair->type1 = x->failure;
        if (fk && pair->typek == KVT_NO_NAME)
            pair->typek = y->failure;
        pair->changed |= x->answer_hash != y->answer_hash;
        pair->same_text &= x->text_hash == y->text_hash;
        pair->flags |= x->flags | y->flags;
        add_telemetry(pair, x, y, counts);
    }
    if (n) {
        pair->s1 /= (double)n;
        pair->sk /= (double)n;
        pair->f1 /= (double)n;
        pair->fk /= (double)n;
        pair->fk_right /= (double)n;
    }
    return n;
}

static bool any_infrastructure(const struct kvt_observation *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].outcome == KVT_OUTCOME_INFRASTRUCTURE)
            return true;
    return false;
}

static double mean_score(const struct kvt_observation *items, size_t n)
{
    double mean = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        add_mean(&mean, items[i].score, &count);
    return mean;
}

static void note_tokens(struct kvt_coverage *bin, const struct kvt_observation *item)
{
    bin->tokens_min = fmin(bin->tokens_min, item->tokens);
    bin->tokens_max = fmax(bin->tokens_max, item->tokens);
}

/* One entry that both runs have. */
static void take_entry(struct kvt_pairs *pairs, size_t *capacity, struct kvt_coverage *bin,
                       const struct kvt_observation *a, size_t n_a, const struct kvt_observation *k,
                       size_t n_k)
{
    struct kvt_pair pair;
    bin->n_reference++;
    bin->n_run++;
    bin->n_unequal += n_a != n_k;
    if (make_pair(a, n_a, k, n_k, &pair) > 0) {
        kvt_grow(&pairs->items, capacity, pairs->count, sizeof *pairs->items);
        pairs->items[pairs->count++] = pair;
        return;
    }
    bool infra_a = any_infrastructure(a, n_a), infra_k = any_infrastructure(k, n_k);
    bin->n_infra_reference += infra_a;
    bin->n_infra_run += infra_k;
    bin->n_unscored += !infra_a && !infra_k;
    if (infra_k && !infra_a)
        bin->infra_reference_score += mean_score(a, n_a);
}

/* Adds the control run's scores to pairs already made; both lists are in entry order. */
static void add_control(const struct kvt_observations *table, const struct kvt_slice *reference,
                        const struct kvt_slice *control, const uint32_t *entries,
                        struct kvt_pairs *pairs)
{
    size_t i = reference->from, j = control->from;
    for (size_t p = 0; p < pairs->count; p++) {
        struct kvt_pair *pair = &pairs->items[p];
        struct kvt_observation key = {.bin = pair->bin, .entry = entries[p]};
        while (i < reference->to && entry_order(&table->items[i], &key) < 0)
            i++;
        while (j < control->to && entry_order(&table->items[j], &key) < 0)
            j++;
        if (i == reference->to || j == control->to || entry_order(&table->items[i], &key) != 0 ||
            entry_order(&table->items[j], &key) != 0)
            continue;
        struct kvt_pair noise;
        size_t n_a = entry_end(table, i, reference->to) - i;
        size_t n_b = entry_end(table, j, control->to) - j;
        if (make_pair(&table->items[i], n_a, &table->items[j], n_b, &noise) == 0)
            continue;
        pair->has_control = true;
        pair->control_changed = noise.changed;
        pair->sb = noise.sk;
    }
}

void kvt_pairing_pairs(const struct kvt_observations *table, const struct kvt_pairing *pairing,
                       size_t index, struct kvt_pairs *pairs)
{
    const struct kvt_comparison *item = &pairing->items[index];
    const struct kvt_slice *run = &item->slice, *reference = &pairing->items[item->reference].slice;
    size_t capacity = 0, bins_capacity = 0, entries_capacity = 0;
    uint32_t *entries = NULL;
    *pairs = (struct kvt_pairs){0};
    size_t i = reference->from, j = run->from;
    while (i < reference->to || j < run->to) {
        int order = i == reference->to ? 1
                    : j == run->to     ? -1
                                       : entry_order(&table->items[i], &table->items[j]);
        const struct kvt_observation *first = &table->items[order <= 0 ? i : j];
        struct kvt_coverage *bin = coverage_of(pairs, &bins_capacity, first->bin);
        size_t end_i = order <= 0 ? entry_end(table, i, reference->to) : i;
        size_t end_j = order >= 0 ? entry_end(table, j, run->to) : j;
        note_tokens(bin, first);
        if (order < 0) {
            bin->n_reference++;
            bin->n_missing++;
        } else if (order > 0) {
            bin->n_run++;
        } else {
            size_t before = pairs->count;
            take_entry(pairs, &capacity, bin, &table->items[i], end_i - i, &table->items[j],
                       end_j - j);
            if (pairs->count > before) {
                kvt_grow(&entries, &entries_capacity, before, sizeof *entries);
                entries[before] = first->entry;
            }
        }
        i = end_i;
        j = end_j;
    }
    if (item->control != KVT_NO_SLICE && !item->is_control)
        add_control(table, reference, &pairing->items[item->control].slice, entries, pairs);
    free(entries);
}

void kvt_pairs_free(struct kvt_pairs *pairs)
{
    free(pairs->items);
    free(pairs->bins);
    *pairs = (struct kvt_pairs){0};
}
