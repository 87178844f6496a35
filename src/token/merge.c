#include "token/merge.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static void mark(struct kvt_merges *merges, uint64_t pair)
{
    size_t bit = (size_t)kvt_merges_hash(pair) & (8 * merges->n_slots - 1);
    merges->filter[bit >> 6] |= UINT64_C(1) << (bit & 63);
}

static void rehash(struct kvt_merges *merges, size_t n_slots)
{
    struct kvt_merges old = *merges;
    merges->filter = kvt_alloc_zero(n_slots / 8, sizeof *merges->filter);
    merges->slots = kvt_alloc_table(n_slots, sizeof *merges->slots);
    memset(merges->slots, 0xff, n_slots * sizeof *merges->slots);
    merges->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i].pair == UINT64_MAX)
            continue;
        size_t slot = kvt_merges_slot(old.slots[i].pair) & (n_slots - 1);
        while (merges->slots[slot].pair != UINT64_MAX)
            slot = (slot + 1) & (n_slots - 1);
        merges->slots[slot] = old.slots[i];
        mark(merges, old.slots[i].pair);
    }
    free(old.slots);
    free(old.filter);
}

/* The table is at most two thirds full. */
void kvt_merges_reserve(struct kvt_merges *merges, size_t count)
{
    size_t n_slots = merges->n_slots ? merges->n_slots : 1024;
    while (n_slots / 3 < count / 2 + 1)
        n_slots *= 2;
    if (n_slots > merges->n_slots)
        rehash(merges, n_slots);
}

void kvt_merges_add(struct kvt_merges *merges, int32_t left, int32_t right, uint32_t rank,
                    int32_t id, bool replace)
{
    if (3 * (merges->count + 1) > 2 * merges->n_slots)
        kvt_merges_reserve(merges, merges->count + 1);
    uint64_t pair = kvt_merges_pair(left, right);
    size_t mask = merges->n_slots - 1;
    size_t slot = kvt_merges_slot(pair) & mask;
    while (merges->slots[slot].pair != UINT64_MAX && merges->slots[slot].pair != pair)
        slot = (slot + 1) & mask;
    if (merges->slots[slot].pair == pair && !replace)
        return;
    merges->count += merges->slots[slot].pair != pair;
    merges->slots[slot] = (struct kvt_merge_slot){pair, {rank, id}};
    mark(merges, pair);
}

void kvt_merges_free(struct kvt_merges *merges)
{
    free(merges->slots);
    free(merges->filter);
    *merges = (struct kvt_merges){0};
}

bool kvt_merge_push(struct kvt_merge_work *work, int32_t id, uint32_t length)
{
    if (work->n_symbols >= INT32_MAX)
        return false;
    kvt_grow(&work->symbols, &work->symbols_capacity, work->n_symbols, sizeof *work->symbols);
    int32_t place = (int32_t)work->n_symbols++;
    work->symbols[place] = (struct kvt_symbol){id, place - 1, -1, length};
    if (place > 0)
        work->symbols[place - 1].next = place;
    return true;
}

/* Is a taken before b? */
static bool before(const struct kvt_candidate *a, const struct kvt_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static void heap_push(struct kvt_merge_work *work, struct kvt_candidate candidate)
{
    kvt_grow(&work->heap, &work->heap_capacity, work->n_heap, sizeof *work->heap);
    size_t at = work->n_heap++;
    while (at > 0 && before(&candidate, &work->heap[(at - 1) / 2])) {
        work->heap[at] = work->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    work->heap[at] = candidate;
}

static struct kvt_candidate heap_pop(struct kvt_merge_work *work)
{
    struct kvt_candidate top = work->heap[0];
    struct kvt_candidate last = work->heap[--work->n_heap];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= work->n_heap)
            break;
        if (child + 1 < work->n_heap && before(&work->heap[child + 1], &work->heap[child]))
            child++;
        if (!before(&work->heap[child], &last))
            break;
        work->heap[at] = work->heap[child];
        at = child;
    }
    work->heap[at] = last;
    return top;
}

/* Offers the pair that starts at `place`, if a rule joins it. */
static void offer(const struct kvt_merges *merges, struct kvt_merge_work *work, int32_t place)
{
    if (place < 0)
        return;
    const struct kvt_symbol *left = &work->symbols[place];
    if (left->next < 0)
        return;
    const struct kvt_merge *merge = kvt_merges_find(merges, left->id, work->symbols[left->next].id);
    if (merge)
        heap_push(work, (struct kvt_candidate){merge->rank, place, merge->id});
}

static void join(struct kvt_merge_work *work, int32_t place, int32_t id)
{
    struct kvt_symbol *left = &work->symbols[place];
    struct kvt_symbol *right = &work->symbols[left->next];
    left->id = id;
    left->length += right->length;
    left->next = right->next;
    right->id = -1;
    right->length = 0;
    if (left->next >= 0)
        work->symbols[left->next].previous = place;
}

static void join_pair(struct kvt_merge_work *work, int32_t place, const struct kvt_merge *merge)
{
    const struct kvt_symbol *left = &work->symbols[place];
    work->last = (struct kvt_last_merge){merge->rank, left->id, work->symbols[left->next].id};
    join(work, place, merge->id);
}

/* Few symbols in a row; the best pair is looked for anew each time. */
struct row {
    uint64_t ranks[KVT_MERGE_SHORT]; /* of the pair that starts here; all ones: no rule */
    int32_t joined[KVT_MERGE_SHORT]; /* what that pair becomes */
};

static void offer_in_row(const struct kvt_merges *merges, struct row *row, const int32_t *ids,
                         size_t place)
{
    const struct kvt_merge *merge = kvt_merges_find(merges, ids[place], ids[place + 1]);
    row->ranks[place] = merge ? merge->rank : UINT64_MAX;
    row->joined[place] = merge ? merge->id : -1;
}

size_t kvt_merge_short(const struct kvt_merges *merges, int32_t *ids, uint32_t *lengths,
                       size_t count, struct kvt_last_merge *last)
{
    struct row row;
    for (size_t place = 0; place + 1 < count; place++)
        kvt_merges_expect(merges, ids[place], ids[place + 1]);
    for (size_t place = 0; place + 1 < count; place++)
        offer_in_row(merges, &row, ids, place);
    while (count > 1) {
        size_t best = 0;
        uint64_t rank = row.ranks[0];
        for (size_t place = 1; place + 1 < count; place++) {
            best = row.ranks[place] < rank ? place : best;
            rank = row.ranks[place] < rank ? row.ranks[place] : rank;
        }
        if (rank == UINT64_MAX)
            break;
        if (last)
            *last = (struct kvt_last_merge){(uint32_t)rank, ids[best], ids[best + 1]};
        ids[best] = row.joined[best];
        if (lengths)
            lengths[best] += lengths[best + 1];
        count--;
        for (size_t place = best + 1; place < count; place++) {
            ids[place] = ids[place + 1];
            row.ranks[place] = row.ranks[place + 1];
            row.joined[place] = row.joined[place + 1];
            if (lengths)
                lengths[place] = lengths[place + 1];
        }
        if (best + 1 < count)
            offer_in_row(merges, &row, ids, best);
        if (best > 0)
            offer_in_row(merges, &row, ids, best - 1);
    }
    return count;
}

static void run_short(const struct kvt_merges *merges, struct kvt_merge_work *work)
{
    int32_t ids[KVT_MERGE_SHORT];
    uint32_t lengths[KVT_MERGE_SHORT];
    for (size_t i = 0; i < work->n_symbols; i++) {
        ids[i] = work->symbols[i].id;
        lengths[i] = work->symbols[i].length;
    }
    work->n_symbols = kvt_merge_short(merges, ids, lengths, work->n_symbols, &work->last);
    for (size_t i = 0; i < work->n_symbols; i++) {
        work->symbols[i].id = ids[i];
        work->symbols[i].length = lengths[i];
    }
    work->symbols[work->n_symbols - 1].next = -1;
}

static void run_heap(const struct kvt_merges *merges, struct kvt_merge_work *work)
{
    work->n_heap = 0;
    for (size_t place = 0; place + 1 < work->n_symbols; place++)
        offer(merges, work, (int32_t)place);
    while (work->n_heap) {
        struct kvt_candidate top = heap_pop(work);
        const struct kvt_symbol *left = &work->symbols[top.place];
        if (left->id < 0 || left->next < 0)
            continue;
        /* The pair may have changed since it was offered. */
        const struct kvt_merge *merge =
            kvt_merges_find(merges, left->id, work->symbols[left->next].id);
        if (!merge || merge->id != top.id)
            continue;
        join_pair(work, top.place, merge);
        offer(merges, work, left->previous);
        offer(merges, work, top.place);
    }
}

void kvt_merge_run(const struct kvt_merges *merges, struct kvt_merge_work *work)
{
    if (merges->count == 0 || work->n_symbols < 2)
        return;
    if (work->n_symbols <= KVT_MERGE_SHORT)
        run_short(merges, work);
    else
        run_heap(merges, work);
}

void kvt_merge_work_free(struct kvt_merge_work *work)
{
    free(work->symbols);
    free(work->heap);
    *work = (struct kvt_merge_work){0};
}
