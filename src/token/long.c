#include "token/long.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PAIR_SLOTS = 1 << 16 };

static size_t edge_place(const struct kvt_long_tables *tables, uint32_t edge)
{
    return (size_t)(edge * 0x9e3779b97f4a7c15u >> tables->shift);
}

/* The slot of the edge from a node, or the empty one where it belongs. */
static uint64_t *edge_slot(const struct kvt_long_tables *tables, uint32_t edge)
{
    size_t mask = ((size_t)1 << (64 - tables->shift)) - 1, at = edge_place(tables, edge);
    while (tables->edges[at] && tables->edges[at] >> 32 != edge)
        at = (at + 1) & mask;
    return &tables->edges[at];
}

static uint32_t edge_of(int32_t node, char byte)
{
    return (uint32_t)node << 8 | (unsigned char)byte;
}

/* The bit of a step for the bytes it goes on by. */
static uint32_t way_of(char byte)
{
    unsigned value = (unsigned char)byte;
    return UINT32_C(1) << (24 + ((value ^ value >> 3) & 7));
}

static int32_t node_of(uint32_t step)
{
    return (int32_t)(step & (KVT_TOKEN_LIMIT - 1));
}

static void make_edges(struct kvt_long_tables *tables, unsigned bits)
{
    uint64_t *old = tables->edges;
    size_t n_old = old ? (size_t)1 << (64 - tables->shift) : 0, count = (size_t)1 << bits;
    tables->shift = 64 - bits;
    tables->edges = kvt_alloc_table(count, sizeof *tables->edges);
    memset(tables->edges, 0, count * sizeof *tables->edges);
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            *edge_slot(tables, (uint32_t)(old[i] >> 32)) = old[i];
    free(old);
}

/* Adds a key; shorter ones are all there. False when there are more nodes than steps can name. */
static bool add_key(struct kvt_long_tables *tables, const char *key, size_t length, int32_t id)
{
    int32_t node = tables->size;
    uint64_t *before = NULL, *second = NULL; /* the edges to this node and to that of two bytes */
    while (2 * (tables->n_edges + length) > (size_t)1 << (64 - tables->shift))
        make_edges(tables, 65 - tables->shift);
    for (size_t i = 0; i < length; i++) {
        uint32_t edge = edge_of(node, key[i]);
        uint64_t *slot = edge_slot(tables, edge);
        bool last = i + 1 == length;
        if (!*slot) {
            if (tables->n_nodes == KVT_TOKEN_LIMIT - 1)
                return false;
            *slot = (uint64_t)edge << 32 | (uint32_t)(last ? id : tables->n_nodes++);
            tables->n_edges++;
        }
        if (before)
            *before |= way_of(key[i]);
        node = node_of((uint32_t)*slot);
        if (!last && node < tables->size)
            tables->shorter[id] = node;
        before = slot;
        if (i == 1)
            second = slot;
    }
    if (second)
        tables->second[(unsigned char)key[0] << 8 | (unsigned char)key[1]] = (uint32_t)*second;
    if (length == 1)
        tables->first[(unsigned char)key[0]] = id;
    return true;
}

/* The ids of indexed keys, those of shorter keys first. */
static int32_t *by_length(const struct kvt_vocabulary *vocabulary, size_t *count)
{
    size_t *starts = kvt_alloc_zero(vocabulary->longest + 2, sizeof *starts);
    int32_t *order = kvt_alloc_array((size_t)vocabulary->size, sizeof *order);
    for (int32_t id = 0; id < vocabulary->size; id++)
        if (vocabulary->found[id])
            starts[vocabulary->lengths[id] + 1]++;
    for (size_t length = 1; length < vocabulary->longest + 2; length++)
        starts[length] += starts[length - 1];
    *count = starts[vocabulary->longest + 1];
    for (int32_t id = 0; id < vocabulary->size; id++)
        if (vocabulary->found[id])
            order[starts[vocabulary->lengths[id]]++] = id;
    free(starts);
    return order;
}

struct kvt_long_tables *kvt_long_tables_make(const struct kvt_vocabulary *vocabulary)
{
    enum { LEAST_BITS = 10 };
    struct kvt_long_tables *tables = kvt_alloc_zero(1, sizeof *tables);
    size_t count, length;
    int32_t *order = by_length(vocabulary, &count);
    tables->size = vocabulary->size;
    tables->n_nodes = vocabulary->size + 1;
    make_edges(tables, LEAST_BITS);
    tables->second = kvt_alloc_array(65536, sizeof *tables->second);
    memset(tables->second, 0xff, 65536 * sizeof *tables->second);
    memset(tables->first, 0xff, sizeof tables->first);
    tables->shorter = kvt_alloc_array((size_t)vocabulary->size, sizeof *tables->shorter);
    memset(tables->shorter, 0xff, (size_t)vocabulary->size * sizeof *tables->shorter);
    bool fits = vocabulary->size < KVT_TOKEN_LIMIT;
    for (size_t i = 0; i < count && fits; i++) {
        const char *key = kvt_vocabulary_key(vocabulary, order[i], &length);
        fits = add_key(tables, key, length, order[i]);
    }
    if (!fits) {
        free(tables->edges);
        tables->edges = NULL;
    }
    free(order);
    return tables;
}

void kvt_long_tables_free(struct kvt_long_tables *tables)
{
    if (!tables)
        return;
    free(tables->edges);
    free(tables->second);
    free(tables->shorter);
    free(tables);
}

static int32_t longest_at(const struct kvt_long_tables *tables, const char *text, size_t length)
{
    if (length == 0)
        return -1;
    int32_t found = tables->first[(unsigned char)text[0]];
    if (length == 1)
        return found;
    uint32_t step = tables->second[(unsigned char)text[0] << 8 | (unsigned char)text[1]];
    if (step == UINT32_MAX)
        return found;
    if (node_of(step) < tables->size)
        found = node_of(step);
    for (size_t i = 2; i < length && step & way_of(text[i]); i++) {
        uint64_t edge = *edge_slot(tables, edge_of(node_of(step), text[i]));
        if (!edge)
            break;
        step = (uint32_t)edge;
        if (node_of(step) < tables->size)
            found = node_of(step);
    }
    return found;
}

/* Does merging the keys of these tokens (the second may be -1) give back the tokens themselves? */
static bool encodes_itself(struct kvt_long_work *work, int32_t first, int32_t second)
{
    struct kvt_merge_work *merge = &work->work;
    size_t length;
    merge->n_symbols = 0;
    const char *key = kvt_vocabulary_key(work->vocabulary, first, &length);
    bool usable = work->symbols(work->context, key, length, merge);
    if (usable && second >= 0) {
        key = kvt_vocabulary_key(work->vocabulary, second, &length);
        usable = work->symbols(work->context, key, length, merge);
    }
    if (!usable || merge->n_symbols == 0)
        return false;
    kvt_merge_run(work->merges, merge);
    const struct kvt_symbol *left = &merge->symbols[0];
    if (left->id != first)
        return false;
    if (second < 0)
        return left->next < 0;
    return left->next >= 0 && merge->symbols[left->next].id == second &&
           merge->symbols[left->next].next < 0;
}

static const struct kvt_derivation *derive(struct kvt_long_work *work, int32_t id);

/* Did this side of a merge of that rank come about by lower ranks only? */
static bool is_below(struct kvt_long_work *work, int32_t side, uint32_t rank)
{
    const struct kvt_derivation *derivation = derive(work, side);
    return derivation->state == 1 ||
           (derivation->state == 2 && derivation->ascending && derivation->rank < rank);
}

static const struct kvt_derivation *derive(struct kvt_long_work *work, int32_t id)
{
    enum { DEEPEST = 1024 }; /* bytes of a key whose derivation is followed down */
    struct kvt_derivation *derivation = &work->derivations[id];
    if (derivation->state)
        return derivation;
    work->work.last = (struct kvt_last_merge){.left = -1, .right = -1};
    derivation->state = 3;
    if (!encodes_itself(work, id, -1))
        return derivation;
    derivation->rank = work->work.last.rank;
    derivation->left = work->work.last.left;
    derivation->right = work->work.last.right;
    derivation->state = derivation->left < 0 ? 1 : 2;
    derivation->ascending =
        derivation->left < 0 || (work->vocabulary->lengths[id] <= DEEPEST &&
                                 is_below(work, derivation->left, derivation->rank) &&
                                 is_below(work, derivation->right, derivation->rank));
    return derivation;
}

/*
 * For ascending derivations: the merges on the two edges are undone from the last to the first; the
 * boundary holds if at no moment a rule across it comes before the merge that was undone last on
 * either side. Of equal ranks the left place comes first: the left side's merge before one across,
 * one across before the right side's.
 */
static bool boundary_holds(struct kvt_long_work *work, int32_t left, int32_t right)
{
    uint64_t left_limit = UINT64_MAX, right_limit = UINT64_MAX;
    for (;;) {
        const struct kvt_merge *across = kvt_merges_find(work->merges, left, right);
        if (across && across->rank < left_limit && across->rank <= right_limit)
            return false;
        const struct kvt_derivation *a = derive(work, left), *b = derive(work, right);
        if (a->state != 2 && b->state != 2)
            return true;
        if (b->state != 2 || (a->state == 2 && a->rank > b->rank)) {
            left_limit = a->rank;
            left = a->right;
        } else {
            right_limit = b->rank;
            right = b->left;
        }
    }
}

static bool fits(struct kvt_long_work *work, int32_t left, int32_t right)
{
    uint64_t pair = UINT64_C(1) << 63 | (uint64_t)left << 32 | (uint64_t)right << 1;
    uint64_t *slot = &work->pairs[kvt_merges_slot(pair) & (PAIR_SLOTS - 1)];
    if (*slot >> 1 == pair >> 1)
        return *slot & 1;
    bool holds = derive(work, left)->ascending && derive(work, right)->ascending
                     ? boundary_holds(work, left, right)
                     : encodes_itself(work, left, right);
    *slot = pair | (uint64_t)holds;
    return holds;
}

static void prepare(struct kvt_long_work *work, size_t length)
{
    if (!work->derivations) {
        work->derivations =
            kvt_alloc_zero((size_t)work->vocabulary->size, sizeof *work->derivations);
        work->pairs = kvt_alloc_zero(PAIR_SLOTS, sizeof *work->pairs);
    }
    if (length + 1 > work->given_up_capacity) {
        work->given_up_capacity = 2 * length + 1;
        work->given_up = kvt_realloc_array(work->given_up, work->given_up_capacity, 1);
    }
    memset(work->given_up, 0, length + 1);
    work->n_row = 0;
}

bool kvt_long_encode(struct kvt_long_work *work, const char *text, size_t length)
{
    if (!work->tables->edges)
        return false;
    prepare(work, length);
    size_t at = 0;
    int32_t next = longest_at(work->tables, text, length);
    while (at < length) {
        int32_t last = work->n_row ? work->row[work->n_row - 1] : -1;
        while (next >= 0) {
            size_t end = at + work->vocabulary->lengths[next];
            if (!work->given_up[end] && derive(work, next)->state != 3 &&
                (last < 0 || fits(work, last, next)))
                break;
            next = work->tables->shorter[next];
        }
        if (next >= 0) {
            kvt_grow(&work->row, &work->row_capacity, work->n_row, sizeof *work->row);
            work->row[work->n_row++] = next;
            at += work->vocabulary->lengths[next];
            next = longest_at(work->tables, text + at, length - at);
        } else {
            if (last < 0)
                return false;
            work->given_up[at] = 1;
            at -= work->vocabulary->lengths[last];
            work->n_row--;
            next = last; /* its end is given up now: a shorter one is tried */
        }
    }
    return true;
}

void kvt_long_work_free(struct kvt_long_work *work)
{
    free(work->derivations);
    free(work->pairs);
    free(work->row);
    free(work->given_up);
    kvt_merge_work_free(&work->work);
}
