#include "core/buffer.h"
#include "stat/sentence.h"
#include "stat/verdict.h"
#include "stream/number.h"
#include "study/member.h"
#include "study/rationale.h"
#include "study/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_warnings(struct kvt_writer *w, const struct kvt_judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_slice *slice = &j->item->slice;
    const struct kvt_run *run = &table->runs[slice->run];
    bool few = false, missing = false, infra = false, unequal = false, floor = false;
    bool within = false, lengths = true;
    size_t applied[KVT_APPLIED_COUNT], flags[KVT_FLAG_COUNT] = {0};
    kvt_compare_applied(table, slice, applied);
    for (size_t b = 0; j->cells && b < j->cells->count; b++) {
        const struct kvt_cell *cell = &j->cells->items[b];
        few |= cell->n_pairs < KVT_STUDY_FEW;
        missing |= cell->coverage.n_missing > 0;
        infra |= cell->coverage.n_infra_run > 0 || cell->coverage.n_infra_reference > 0;
        unequal |= cell->coverage.n_unequal > 0;
        floor |= cell->baseline_floor;
    }
    for (size_t i = slice->from; i < slice->to; i++) {
        kvt_study_count_flags(table->items[i].flags, flags);
        within |= table->items[i].kept_tokens <= run->window;
        lengths &= table->items[i].tokens >= 1;
    }
    if (j->item->reference != KVT_NO_SLICE) { /* what touched the reference touched every pair */
        const struct kvt_slice *full = &j->study->pairing.items[j->item->reference].slice;
        for (size_t i = full->from; i < full->to; i++)
            kvt_study_count_flags(table->items[i].flags, flags);
    }
    kvt_write_key(w, "warnings");
    kvt_write_array(w);
    kvt_study_warn(w, few, "few_pairs");
    kvt_study_warn(w, applied[KVT_APPLIED_UNPROVEN] || applied[KVT_APPLIED_UNKNOWN],
                   "budget_unproven");
    kvt_study_warn(w, applied[KVT_APPLIED_CONTRADICTED] > 0, "budget_contradicted");
    kvt_study_warn_flags(w, flags);
    kvt_study_warn(w, missing, "missing_rows");
    kvt_study_warn(w, table->n_duplicates > 0, "duplicate_requests");
    kvt_study_warn(w, unequal, "unequal_repeats");
    kvt_study_warn(w, within, "kept_within_window");
    kvt_study_warn(w, j->cells && j->cells->noop_suspected, "noop_suspected");
    kvt_study_warn(w, !j->failures_observable, "failures_unobservable");
    kvt_study_warn(w, floor, "baseline_floor");
    kvt_study_warn(w, j->cells && j->item->control == KVT_NO_SLICE, "no_control");
    kvt_study_warn(w, infra, "infrastructure_failures");
    kvt_study_warn(w, table->reference_guessed, "reference_guessed");
    kvt_study_warn(w, !lengths, "no_lengths");
    kvt_write_end(w);
}

/* Another run of the study has the same budget: only the run id tells them apart. */
static bool shares_budget(const struct kvt_judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_run *run = &table->runs[j->item->slice.run];
    for (size_t i = 0; i < j->study->pairing.count; i++) {
        const struct kvt_comparison *item = &j->study->pairing.items[i];
        const struct kvt_run *other = &table->runs[item->slice.run];
        if (item != j->item && item->study == j->item->study && !item->is_reference &&
            !item->is_control && other->budget == run->budget && other->unit == run->unit)
            return true;
    }
    return false;
}

/* "budget 0.2 snapkv", with the task where the stream has several. */
static char *make_subject(const struct kvt_judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_run *run = &table->runs[j->item->slice.run];
    const char *policy = kvt_observations_name(table, run->policy);
    const char *unit = kvt_observations_name(table, run->unit);
    const char *task = kvt_observations_name(table, j->item->slice.task);
    bool several = false;
    for (size_t i = 0; i < j->study->pairing.count; i++)
        several |= j->study->pairing.items[i].slice.task != j->item->slice.task;
    char budget[KVT_NUMBER_SIZE];
    kvt_number_format(run->budget, budget);
    struct kvt_buffer subject = {0};
    const char *noun = run->budget == 1 ? " token" : " tokens";
    kvt_buffer_printf(&subject, "budget %s%s ", budget,
                      unit && strcmp(unit, "tokens") == 0 ? noun : "");
    if (shares_budget(j))
        kvt_buffer_printf(&subject, "(run %.12s) ", kvt_observations_name(table, run->id));
    kvt_buffer_text(&subject, policy ? policy : "the policy");
    if (several && task)
        kvt_buffer_printf(&subject, " on %s", task);
    return kvt_buffer_take(&subject);
}

static void write_verdict(struct kvt_writer *w, const struct kvt_judged *j)
{
    const struct kvt_verdict *v = &j->verdict;
    const char *name = kvt_headline_name(v->headline);
    struct kvt_buffer summary = {0};
    char *subject = make_subject(j);
    if (j->legacy) {
        name =
            kvt_headline_name(v->zone_start >= 0 ? KVT_HEADLINE_ZONE : KVT_HEADLINE_INCONCLUSIVE);
        kvt_buffer_printf(&summary,
                          "At %s the legacy z-score rule %s (it also flags most flat data).",
                          subject, v->zone_start >= 0 ? "flags a zone" : "flags nothing");
    } else {
        struct kvt_sentence sentence = {subject, j->procedure, j->cells, v, j->study->own_lengths};
        kvt_sentence_write(&summary, &sentence);
    }
    kvt_member_string(w, "verdict", name);
    kvt_study_member_bin(w, "transition_bin_start", j->cells, v->zone_start);
    kvt_study_member_bin(w, "transition_bin_end", j->cells, v->zone_end);
    kvt_study_member_bin(w, "collapse_bin", j->cells, v->collapse_bin);
    kvt_member_string(w, "order", kvt_order_name(v->order.order));
    kvt_member_number(w, "safe_within", v->safe_bound);
    kvt_member_string(w, "summary", kvt_buffer_string(&summary));
    kvt_member_bool(w, "noop_suspected", j->cells && j->cells->noop_suspected);
    kvt_buffer_free(&summary);
    free(subject);
}

static void emit_transition(struct kvt_stage *stage, const struct kvt_judged *j)
{
    const struct kvt_observations *table = &j->study->table;
    struct kvt_buffer record = {0};
    struct kvt_writer w;
    kvt_writer_start(&w, &record);
    kvt_write_object(&w);
    kvt_member_string(&w, "kind", "transition");
    kvt_observations_write_names(&w, table, &table->runs[j->item->slice.run], j->item->slice.task);
    uint32_t reference = KVT_NO_NAME;
    if (j->item->reference != KVT_NO_SLICE)
        reference = table->runs[j->study->pairing.items[j->item->reference].slice.run].id;
    kvt_member_string(&w, "reference_run_id", kvt_observations_name(table, reference));
    write_verdict(&w, j);
    write_warnings(&w, j);
    kvt_study_write_rationale(&w, j);
    kvt_write_end(&w);
    kvt_stage_emit_buffer(stage, "transition", &record);
    kvt_buffer_free(&record);
}

static size_t family_cells(const struct kvt_compared *study, const struct kvt_cells *cells,
                           bool all)
{
    size_t n = 0;
    for (size_t i = 0; i < study->n_cells; i++)
        for (size_t b = 0; b < study->cells[i].count; b++)
            n += !study->cells[i].control && study->cells[i].items[b].n_pairs > 0 &&
                 (all || study->cells[i].study == cells->study);
    return n;
}

/* Judges one comparison with a reference; returns whether its bound was safe. */
static bool judge(struct kvt_stage *stage, struct kvt_judged *j, bool larger_blocked)
{
    struct kvt_pairs pairs;
    const struct kvt_pairing *pairing = &j->study->pairing;
    char *name = kvt_compare_name(&j->study->table, j->item);
    kvt_pairing_pairs(&j->study->table, pairing, j->cells->comparison, &pairs);
    const struct kvt_observations *table = &j->study->table;
    const struct kvt_slice *reference = &pairing->items[j->item->reference].slice;
    j->failures_observable =
        !kvt_compare_failures_hidden(table, &table->runs[j->item->slice.run]) &&
        !kvt_compare_failures_hidden(table, &table->runs[reference->run]);
    j->family_cells = family_cells(j->study, j->cells, j->procedure->family_all);
    size_t applied[KVT_APPLIED_COUNT];
    kvt_compare_applied(&j->study->table, &j->item->slice, applied);
    struct kvt_verdict_context context = {.family_cells = j->family_cells,
                                          .failures_observable = j->failures_observable,
                                          .larger_blocked = larger_blocked,
                                          .unproven = !applied[KVT_APPLIED_PROVEN] &&
                                                      !applied[KVT_APPLIED_REPORTED] &&
                                                      !applied[KVT_APPLIED_BEHAVIOURAL],
                                          .name = name};
    kvt_verdict_make(j->cells, &pairs, j->procedure, &context, &j->verdict);
    if (j->legacy) {
        kvt_zscore_make(j->cells, &pairs, j->procedure->collapse, &j->zscore);
        j->verdict.zone_start = j->zscore.zone_start;
        j->verdict.zone_end = j->zscore.zone_end;
    }
    emit_transition(stage, j);
    if (j->legacy)
        kvt_zscore_free(&j->zscore);
    kvt_pairs_free(&pairs);
    free(name);
    return j->verdict.bound_safe;
}

void kvt_study_emit_transitions(struct kvt_stage *stage, const struct kvt_compared *study,
                                const struct kvt_procedure *procedure, bool legacy)
{
    size_t next = 0;
    bool blocked = false;
    size_t blocked_study = 0;
    for (size_t i = 0; i < study->pairing.count; i++) {
        const struct kvt_comparison *item = &study->pairing.items[i];
        struct kvt_judged j = {.study = study, .item = item, .procedure = procedure};
        const struct kvt_cells *cells = NULL;
        if (next < study->n_cells && study->cells[next].comparison == i)
            cells = &study->cells[next++];
        if (item->is_reference || item->is_control)
            continue;
        if (item->study != blocked_study) {
            blocked_study = item->study;
            blocked = false;
        }
        j.cells = cells;
        j.legacy = legacy && cells;
        if (cells) {
            blocked |= !judge(stage, &j, blocked);
            continue;
        }
        j.failures_observable = true;
        j.verdict = (struct kvt_verdict){.headline = KVT_HEADLINE_NO_REFERENCE,
                                         .zone_start = -1,
                                         .zone_end = -1,
                                         .collapse_bin = -1,
                                         .safe_bound = NAN};
        emit_transition(stage, &j);
    }
}
