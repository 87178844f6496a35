#include "core/memory.h"
#include "stat/cell.h"
#include "stat/family.h"

#include <math.h>
#include <stdlib.h>

/* A family's cells in one array, and the way back. */
struct family {
    struct kvt_family_cell *cells;
    double *p, *adjusted;
    struct kvt_test **tests;
    struct kvt_cell **places;
    size_t n, n_overall;
    struct kvt_cells **owners; /* whose overall tests belong to the family */
};

enum { TESTS = 5 };

static struct kvt_test *test_of(struct kvt_cell *cell, int which)
{
    struct kvt_test *tests[TESTS] = {&cell->loss, &cell->lift, &cell->silent, &cell->churn,
                                     &cell->silent_even};
    return tests[which];
}

static void adjust_tests(struct family *family, int which)
{
    size_t n = 0;
    for (size_t i = 0; i < family->n; i++)
        family->tests[n++] = test_of(family->places[i], which);
    for (size_t i = 0; which == 0 && i < family->n_overall; i++)
        family->tests[n++] = &family->owners[i]->overall;
    for (size_t i = 0; i < n; i++) {
        const struct kvt_test *test = family->tests[i];
        bool sign = test->method == KVT_TEST_SIGN && !isnan(test->p_raw);
        family->cells[i] =
            sign ? (struct kvt_family_cell){.x = test->n10,
                                            .m = test->n10 + test->n01,
                                            .chance = test->chance}
                 : (struct kvt_family_cell){.m = -1, .p = test->p_raw, .floor = test->floor};
    }
    kvt_family_step_down(family->cells, n, NULL, family->adjusted);
    for (size_t i = 0; i < n; i++)
        family->tests[i]->p_adj = family->adjusted[i];
}

static void adjust_retention(struct family *family, bool collapsed)
{
    for (size_t i = 0; i < family->n; i++)
        family->p[i] = collapsed ? family->places[i]->p_collapsed : family->places[i]->p_retained;
    kvt_family_holm(family->p, family->n, family->adjusted);
    for (size_t i = 0; i < family->n; i++)
        *(collapsed ? &family->places[i]->p_collapsed_adj : &family->places[i]->p_retained_adj) =
            family->adjusted[i];
}

static void adjust_family(struct kvt_cells *list, size_t n, size_t from, bool all)
{
    struct family family = {0};
    size_t total = 0;
    for (size_t i = from; i < n; i++)
        total += list[i].count + 1;
    family.cells = kvt_alloc_array(total, sizeof *family.cells);
    family.p = kvt_alloc_array(total, sizeof *family.p);
    family.adjusted = kvt_alloc_array(total, sizeof *family.adjusted);
    family.tests = kvt_alloc_array(total, sizeof(struct kvt_test *));
    family.places = kvt_alloc_array(total, sizeof(struct kvt_cell *));
    family.owners = kvt_alloc_array(n, sizeof(struct kvt_cells *));
    for (size_t i = from; i < n && (all || list[i].study == list[from].study); i++) {
        if (list[i].control)
            continue;
        family.owners[family.n_overall++] = &list[i];
        for (size_t b = 0; b < list[i].count; b++)
            family.places[family.n++] = &list[i].items[b];
    }
    for (int which = 0; which < TESTS; which++)
        adjust_tests(&family, which);
    adjust_retention(&family, false);
    adjust_retention(&family, true);
    free(family.cells);
    free(family.p);
    free(family.adjusted);
    free(family.tests);
    free(family.places);
    free(family.owners);
}

void kvt_cells_adjust(struct kvt_cells *list, size_t n, const struct kvt_procedure *procedure)
{
    for (size_t i = 0; i < n; i++)
        if (i == 0 || (!procedure->family_all && list[i].study != list[i - 1].study))
            adjust_family(list, n, i, procedure->family_all);
    for (size_t i = 0; i < n; i++) {
        for (size_t b = 0; b < list[i].count; b++) {
            struct kvt_cell *cell = &list[i].items[b];
            cell->order.loss_p = cell->loss.p_adj;
            cell->order.lift_p = cell->lift.p_adj;
            cell->order.silent_p = cell->silent_even.p_adj;
        }
    }
}
