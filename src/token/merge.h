/*
 * token/merge.h: byte-pair encoding of one piece: a list of symbols in which the adjacent pair with
 * the lowest rank is joined, the leftmost first among equals, until no pair can be joined.
 * Sennrich, Haddow, Birch 2016; the order of ties is that of every implementation in use.
 */
#ifndef KVT_TOKEN_MERGE_H
#define KVT_TOKEN_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The merge rules: (left id, right id) -> (rank, id of the joined token). */
struct kvt_merge {
    uint32_t rank;
    int32_t id;
};

struct kvt_merge_slot {
    uint64_t pair; /* left << 32 | right; all ones: empty */
    struct kvt_merge merge;
};

enum { KVT_MERGE_DIRECT = 256 };
struct kvt_merges {
    struct kvt_merge_slot *slots; /* open addressing */
    uint64_t *filter; /* 8 bits a slot: the bit of every pair that has a rule, most others clear */
    size_t n_slots;
    size_t count;
    struct kvt_merge *direct; /* the rule of every pair of ids from direct_from on; id -1: none */
    int32_t direct_from;
};

void kvt_merges_reserve(struct kvt_merges *merges, size_t count);
/* Adds a rule; with `replace`, a later rule for the same pair takes the place of an earlier one. */
void kvt_merges_add(struct kvt_merges *merges, int32_t left, int32_t right, uint32_t rank,
                    int32_t id, bool replace);
void kvt_merges_make_direct(struct kvt_merges *merges, int32_t from);
void kvt_merges_free(struct kvt_merges *merges);

static inline uint64_t kvt_merges_pair(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline uint64_t kvt_merges_hash(uint64_t pair)
{
    pair *= 0x9e3779b97f4a7c15u;
    return pair ^ pair >> 32;
}

static inline size_t kvt_merges_slot(uint64_t pair)
{
    return (size_t)kvt_merges_hash(pair);
}

/*
 * Says that the rule for this pair will be looked for soon, or set. Inlined by order: of a function
 * that only prefetches gcc holds that it does nothing, and leaves out its calls.
 */
__attribute__((always_inline)) static inline void kvt_merges_expect(const struct kvt_merges *merges,
                                                                    int32_t left, int32_t right)
{
    size_t slot = kvt_merges_slot(kvt_merges_pair(left, right)) & (merges->n_slots - 1);
    __builtin_prefetch(&merges->slots[slot]);
}

/* The rule for a pair, or NULL. Most pairs have none, and the filter, which is small, says so. */
static inline const struct kvt_merge *kvt_merges_find(const struct kvt_merges *merges, int32_t left,
                                                      int32_t right)
{
    uint64_t pair = kvt_merges_pair(left, right), hash = kvt_merges_hash(pair);
    size_t bit = (size_t)hash & (8 * merges->n_slots - 1), mask = merges->n_slots - 1;
    if (!(merges->filter[bit >> 6] >> (bit & 63) & 1))
        return NULL;
    for (size_t slot = (size_t)hash & mask;; slot = (slot + 1) & mask) {
        if (merges->slots[slot].pair == pair)
            return &merges->slots[slot].merge;
        if (merges->slots[slot].pair == UINT64_MAX)
            return NULL;
    }
}

/* The same for pairs that are often in the table of their own, as first symbols are. */
static inline const struct kvt_merge *kvt_merges_find_first(const struct kvt_merges *merges,
                                                            int32_t left, int32_t right)
{
    uint32_t row = (uint32_t)left - (uint32_t)merges->direct_from;
    uint32_t column = (uint32_t)right - (uint32_t)merges->direct_from;
    if (!merges->direct || row >= KVT_MERGE_DIRECT || column >= KVT_MERGE_DIRECT)
        return kvt_merges_find(merges, left, right);
    const struct kvt_merge *merge = &merges->direct[row * KVT_MERGE_DIRECT + column];
    return merge->id >= 0 ? merge : NULL;
}

enum { KVT_MERGE_SHORT = 64 }; /* symbols; more go through a heap */

struct kvt_symbol {
    int32_t id;
    int32_t previous, next; /* places in the list, -1 at its ends */
    uint32_t length;        /* bytes of text; 0 once it was joined to its left neighbour */
};

struct kvt_candidate {
    uint32_t rank;
    int32_t place; /* of the left symbol */
    int32_t id;    /* what the pair becomes */
};

struct kvt_last_merge {
    uint32_t rank;
    int32_t left, right;
};

/* Working memory, reused from piece to piece; zero-initialise, release with kvt_merge_work_free. */
struct kvt_merge_work {
    struct kvt_symbol *symbols;
    size_t n_symbols, symbols_capacity;
    struct kvt_candidate *heap;
    size_t n_heap, heap_capacity;
    struct kvt_last_merge last; /* the last pair that was joined; unchanged when none was */
};

/* Appends a symbol to the piece; false when the piece has more symbols than can be numbered. */
bool kvt_merge_push(struct kvt_merge_work *work, int32_t id, uint32_t length);
/* Joins what can be joined; the symbols left are reached from place 0 through `next`. */
void kvt_merge_run(const struct kvt_merges *merges, struct kvt_merge_work *work);
/*
 * The same for ids[0..count), 0 < count <= KVT_MERGE_SHORT, in place; returns how many are left.
 * `lengths` and `last` may be NULL.
 */
size_t kvt_merge_short(const struct kvt_merges *merges, int32_t *ids, uint32_t *lengths,
                       size_t count, struct kvt_last_merge *last);
void kvt_merge_work_free(struct kvt_merge_work *work);

#endif
