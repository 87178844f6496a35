/* Independent units: pairs, or clusters of pairs. */
#include "core/memory.h"
#include "stat/cell.h"

#include <math.h>
#include <stdlib.h>

static int by_cluster(const void *a, const void *b)
{
    const struct kvt_pair *x = *(const struct kvt_pair *const *)a;
    const struct kvt_pair *y = *(const struct kvt_pair *const *)b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x > y) - (x < y); /* pairs come in entry order */
}

static const struct kvt_pair **cluster_order(const struct kvt_pair *pairs, size_t n)
{
    const struct kvt_pair **order = kvt_alloc_array(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = &pairs[i];
    if (n)
        qsort(order, n, sizeof *order, by_cluster);
    return order;
}

static bool share_cluster(const struct kvt_pair *pairs, size_t n)
{
    bool shared = false;
    const struct kvt_pair **order = cluster_order(pairs, n);
    for (size_t i = 1; i < n; i++)
        shared |= order[i]->cluster != KVT_NO_NAME && order[i]->cluster == order[i - 1]->cluster;
    free(order);
    return shared;
}

bool kvt_cells_clustered(const struct kvt_pairs *pairs)
{
    bool shared = false;
    for (size_t from = 0, to; from < pairs->count && !shared; from = to) {
        for (to = from; to < pairs->count && pairs->items[to].bin == pairs->items[from].bin;)
            to++;
        shared = share_cluster(pairs->items + from, to - from);
    }
    return shared;
}

bool kvt_cells_linked(const struct kvt_pairs *pairs)
{
    return share_cluster(pairs->items, pairs->count);
}

static void add_pair(struct kvt_unit *unit, const struct kvt_pair *pair)
{
    bool f1 = pair->f1 >= 0.5, fk = pair->fk >= 0.5;
    double d = pair->s1 - pair->sk;
    unit->n += 1;
    unit->x += pair->tokens;
    unit->s1 += pair->s1;
    unit->sk += pair->sk;
    unit->loss += d;
    unit->lift += pair->fk - pair->f1;
    unit->n_ref_ok += !f1;
    unit->n_both_ok += !f1 && !fk;
    if (!f1 && !fk)
        unit->silent += d;
    if (fk && !f1 && d > 0)
        unit->fail_loss += d;
    if (f1 && !fk && d < 0)
        unit->fail_gain -= d;
}

struct kvt_unit *kvt_cells_units(const struct kvt_pair *pairs, size_t n, bool clustered,
                                 size_t *n_units)
{
    struct kvt_unit *units = kvt_alloc_array(n, sizeof *units);
    const struct kvt_pair **order = cluster_order(pairs, n);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        bool joins = clustered && i && order[i]->cluster != KVT_NO_NAME &&
                     order[i]->cluster == order[i - 1]->cluster;
        if (!joins)
            units[used++] = (struct kvt_unit){0};
        add_pair(&units[used - 1], clustered ? order[i] : &pairs[i]);
    }
    for (size_t u = 0; u < used; u++) {
        units[u].x /= units[u].n;
        units[u].s1 /= units[u].n;
        units[u].sk /= units[u].n;
    }
    free(order);
    *n_units = used;
    return units;
}
