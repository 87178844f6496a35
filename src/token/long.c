#include "token/long.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PAIR_SLOTS = 1 << 16 };

static size_t edge_slot(const struct kvt_long_tables *tables, uint64_t edge)
{
    size_t mask = tables->n_slots - 1;
    size_t slot = kvt_merges_slot(edge) & mask;
    while (tables->edges[slot].edge != edge && tables->edges[slot].edge != UINT64_MAX)
        slot = (slot + 1) & mask;
    return slot;
}

static int32_t child_of(const struct kvt_long_tables *tables, int32_t node, char byte)
{
    const struct kvt_edge *edge =
        &tables->edges[edge_slot(tables, (uint64_t)node << 8 | (unsigned char)byte)];
    return edge->edge == UINT64_MAX ? -1 : edge->child;
}

static void add_key(struct kvt_long_tables *tables, const char *key, size_t length, int32_t id)
{
    int32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t edge = (uint64_t)node << 8 | (unsigned char)key[i];
        size_t slot = edge_slot(tables, edge);
        if (tables->edges[slot].edge == UINT64_MAX) {
            tables->edges[slot] = (struct kvt_edge){edge, (int32_t)tables->n_nodes};
            tables->tokens[tables->n_nodes++] = -1;
        }
        node = tables->edges[slot].child;
        if (i == 1)
            tables->second[(unsigned char)key[0] << 8 | (unsigned char)key[1]] = node;
    }
    tables->tokens[node] = id;
}

static int32_t longest_inside(const struct kvt_long_tables *tables, const char *key, size_t length)
{
    int32_t node = 0, found = -1;
    for (size_t i = 0; i + 1 < length; i++) {
        node = child_of(tables, node, key[i]);
        if (tables->tokens[node] >= 0)
            found = tables->tokens[node];
    }
    return found;
}

struct kvt_long_tables *kvt_long_tables_make(const struct kvt_vocabulary *vocabulary)
{
    struct kvt_long_tables *tables = kvt_alloc_zero(1, sizeof *tables);
    size_t bytes = 1;
    for (int32_t id = 0; id < vocabulary->size; id++)
        if (vocabulary->found[id])
            bytes += vocabulary->lengths[id];
    tables->n_slots = 1024;
    while (tables->n_slots < bytes + bytes / 2)
        tables->n_slots *= 2;
    tables->edges = kvt_alloc_array(tables->n_slots, sizeof *tables->edges);
    memset(tables->edges, 0xff, tables->n_slots * sizeof *tables->edges);
    tables->second = kvt_alloc_array(65536, sizeof *tables->second);
    memset(tables->second, 0xff, 65536 * sizeof *tables->second);
    tables->tokens = kvt_alloc_array(bytes, sizeof *tables->tokens);
    tables->tokens[0] = -1;
    tables->n_nodes = 1;
    tables->shorter = kvt_alloc_array((size_t)vocabulary->size, sizeof *tables->shorter);
    size_t length;
    for (int32_t id = 0; id < vocabulary->size; id++) {
        const char *key = kvt_vocabulary_key(vocabulary, id, &length);
        if (vocabulary->found[id])
            add_key(tables, key, length, id);
    }
    for (int32_t id = 0; id < vocabulary->size; id++) {
        const char *key = kvt_vocabulary_key(vocabulary, id, &length);
        if (vocabulary->found[id])
            tables->shorter[id] = longest_inside(tables, key, length);
    }
    for (int byte = 0; byte < 256; byte++) {
        int32_t node = child_of(tables, 0, (char)byte);
        tables->first[byte] = node < 0 ? -1 : tables->tokens[node];
    }
    return tables;
}

void kvt_long_tables_free(struct kvt_long_tables *tables)
{
    if (!tables)
        return;
    free(tables->edges);
    free(tables->second);
    free(tables->tokens);
    free(tables->shorter);
    free(tables);
}

static int32_t longest_at(const struct kvt_long_tables *tables, const char *text, size_t length)
{
    if (length == 0)
        return -1;
    int32_t found = tables->first[(unsigned char)text[0]];
    int32_t node =
        length > 1 ? tables->second[(unsigned char)text[0] << 8 | (unsigned char)text[1]] : -1;
    if (node >= 0 && tables->tokens[node] >= 0)
        found = tables->tokens[node];
    for (size_t i = 2; i < length && node >= 0; i++) {
        node = child_of(tables, node, text[i]);
        if (node < 0)
            break;
        if (tables->tokens[node] >= 0)
            found = tables->tokens[node];
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
    uint64_t pair = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) << 1;
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
        work->pairs = kvt_alloc_array(PAIR_SLOTS, sizeof *work->pairs);
        memset(work->pairs, 0xff, PAIR_SLOTS * sizeof *work->pairs);
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
