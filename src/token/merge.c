#include "token/merge.h"

#include "core/bits.h"
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

void kvt_merges_make_direct(struct kvt_merges *merges, int32_t from)
{
    const size_t n = KVT_MERGE_DIRECT;
    struct kvt_merge *direct = kvt_alloc_array(n * n, sizeof *direct);
    for (size_t i = 0; i < n * n; i++) {
        const struct kvt_merge *merge =
            kvt_merges_find(merges, from + (int32_t)(i / n), from + (int32_t)(i % n));
        direct[i] = merge ? *merge : (struct kvt_merge){UINT32_MAX, -1};
    }
    merges->direct = direct;
    merges->direct_from = from;
}

void kvt_merges_free(struct kvt_merges *merges)
{
    free(merges->direct);
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

/*
 * Few symbols: they keep their places, and a word says which of them are left. A pair's key is the
 * rank of its rule above the place of its left symbol, so that the lowest key is the pair to join;
 * the keys of what is no pair, or has no rule, are all ones.
 */
struct row {
    uint64_t keys[KVT_MERGE_SHORT];
    int32_t joined[KVT_MERGE_SHORT]; /* what the pair becomes */
    size_t n;                        /* keys in use, a multiple of KEYS_AT_ONCE */
    uint64_t left;                   /* bit i: symbol i */
};

enum { KEYS_AT_ONCE = 8 };
_Static_assert(KVT_MERGE_SHORT == 64, "a bit for each symbol");

static void set_pair(struct row *row, unsigned place, const struct kvt_merge *merge)
{
    row->keys[place] = merge ? (uint64_t)merge->rank << 32 | place : UINT64_MAX;
    row->joined[place] = merge ? merge->id : -1;
}

static void start_row(const struct kvt_merges *merges, struct row *row, const int32_t *ids,
                      size_t count)
{
    row->n = (count + KEYS_AT_ONCE - 1) / KEYS_AT_ONCE * KEYS_AT_ONCE;
    row->left = UINT64_MAX >> (KVT_MERGE_SHORT - count);
    for (size_t place = 0; place + 1 < count; place++)
        set_pair(row, (unsigned)place, kvt_merges_find_first(merges, ids[place], ids[place + 1]));
    for (size_t place = count - 1; place < row->n; place++)
        row->keys[place] = UINT64_MAX;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t lowest_key(const struct row *row)
{
    uint64_t lowest = UINT64_MAX;
    for (const uint64_t *keys = row->keys; keys < row->keys + row->n; keys += KEYS_AT_ONCE)
        lowest = lower(lowest, lower(lower(lower(keys[0], keys[1]), lower(keys[2], keys[3])),
                                     lower(lower(keys[4], keys[5]), lower(keys[6], keys[7]))));
    return lowest;
}

/* The symbols behind the place, moved to the low end. */
static uint64_t behind(const struct row *row, unsigned place)
{
    return row->left >> place >> 1;
}

/* Joins the pair at the place; the pairs on both its sides are new. */
static void join_in_row(const struct kvt_merges *merges, struct row *row, int32_t *ids,
                        unsigned place)
{
    unsigned next = place + 1 + kvt_bits_lowest(behind(row, place));
    ids[place] = row->joined[place];
    row->left &= ~(UINT64_C(1) << next);
    row->keys[next] = UINT64_MAX;
    row->keys[place] = UINT64_MAX;
    uint64_t after = behind(row, place), before = row->left & ((UINT64_C(1) << place) - 1);
    if (after) {
        next = place + 1 + kvt_bits_lowest(after);
        set_pair(row, place, kvt_merges_find(merges, ids[place], ids[next]));
    }
    if (before) {
        unsigned previous = kvt_bits_highest(before);
        set_pair(row, previous, kvt_merges_find(merges, ids[previous], ids[place]));
    }
}

/* Moves the symbols that are left to the front. */
static size_t finish_row(const struct row *row, int32_t *ids, uint32_t *lengths, size_t count)
{
    size_t n = 0;
    if (!lengths) {
        for (uint64_t left = row->left; left; left &= left - 1)
            ids[n++] = ids[kvt_bits_lowest(left)];
        return n;
    }
    for (size_t place = 0; place < count; place++) {
        if (!(row->left >> place & 1)) {
            lengths[n - 1] += lengths[place];
            continue;
        }
        ids[n] = ids[place];
        lengths[n++] = lengths[place];
    }
    return n;
}

size_t kvt_merge_short(const struct kvt_merges *merges, int32_t *ids, uint32_t *lengths,
                       size_t count, struct kvt_last_merge *last)
{
    struct row row;
    uint64_t key;
    start_row(merges, &row, ids, count);
    while ((key = lowest_key(&row)) != UINT64_MAX) {
        unsigned place = key & UINT32_MAX;
        if (last)
            *last = (struct kvt_last_merge){(uint32_t)(key >> 32), ids[place],
                                            ids[place + 1 + kvt_bits_lowest(behind(&row, place))]};
        join_in_row(merges, &row, ids, place);
    }
    return finish_row(&row, ids, lengths, count);
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
