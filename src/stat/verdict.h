/*
 * stat/verdict.h: the parts of a verdict on one compressed run, and the headline made of them.
 * Cells must have been adjusted (kvt_cells_adjust). Bins are places in the list of cells here, -1
 * for none.
 */
#ifndef KVT_STAT_VERDICT_H
#define KVT_STAT_VERDICT_H

#include "stat/abrupt.h"
#include "stat/cell.h"
#include "stat/fit.h"
#include "stat/order.h"

#include <stdbool.h>
#include <stddef.h>

enum kvt_headline {
    KVT_HEADLINE_ZONE,
    KVT_HEADLINE_ABRUPT,
    KVT_HEADLINE_SAFE,
    KVT_HEADLINE_FAILING,
    KVT_HEADLINE_SILENT,
    KVT_HEADLINE_DEGRADED,
    KVT_HEADLINE_INCONCLUSIVE,
    KVT_HEADLINE_NO_REFERENCE,
};

/* What a verdict needs to know beyond its own cells. */
struct kvt_verdict_context {
    size_t family_cells;      /* cells with pairs in the family of this run */
    bool failures_observable; /* false: some failures cannot be seen, so no loss is called silent */
    bool larger_blocked;      /* a larger budget of the study was not safe */
    bool unproven;            /* nothing shows that the budget was applied */
    const char *name;         /* of random streams */
};

enum { KVT_SENSITIVITY = 3 };
extern const double kvt_verdict_sensitivity[KVT_SENSITIVITY]; /* other values of c: .5 .8 .9 */

struct kvt_verdict {
    enum kvt_headline headline;
    int zone_start, zone_end, collapse_bin;
    int first_loss, first_lift, first_silent;
    bool overall_loss;                  /* loss over all bins together is confirmed */
    bool unproven, failures_observable; /* copied from the context, for the sentence */
    bool retained_failing;              /* lift in a bin whose score is confirmed retained */

    struct kvt_order_result order;
    struct kvt_abrupt abrupt;
    double abrupt_tokens; /* the fitted step in tokens, NaN without lengths */
    bool is_abrupt;       /* p <= .03 */

    bool bound_safe;   /* the bound alone, for the fixed sequence over budgets */
    double safe_bound; /* max over bins of the bound at alpha; NaN without pairs */
    double pooled_bound;
    const char *blocked_by; /* why safe is not claimed although the bound allows it, or NULL */
    double pooled_delta;
    struct kvt_interval pooled_interval;

    long lost_failing, lost_silent;            /* units in bins with confirmed loss */
    double failure_share, failure_share_upper; /* of lost units; NaN without any */
    int sensitivity[KVT_SENSITIVITY];          /* first collapsed bin at other c */

    double scan_p;
    int scan_start, scan_end;
    struct kvt_fit_step failure_step, loss_step; /* on ln tokens; not found without lengths */
    bool lead; /* the failure step's interval lies wholly below the loss step's */

    double min_p_loss, min_p_collapse, min_p_retained; /* best attainable adjusted p with this n */
    double n_safe, n_loss;    /* entries per bin that would decide; NaN when none would */
    double coverage;          /* pairs / reference entries */
    double ref_low, ref_high; /* smallest and largest reference mean of a bin */
};

/* Makes the verdict. `pairs` are those the cells were made of. */
void kvt_verdict_make(const struct kvt_cells *cells, const struct kvt_pairs *pairs,
                      const struct kvt_procedure *procedure,
                      const struct kvt_verdict_context *context, struct kvt_verdict *verdict);
const char *kvt_headline_name(enum kvt_headline headline);

/* First cell whose adjusted p is at most alpha, -1 if none. `part` as in the enum. */
enum kvt_part { KVT_PART_LOSS, KVT_PART_LIFT, KVT_PART_SILENT, KVT_PART_CHURN };
bool kvt_verdict_confirmed(const struct kvt_cell *cell, enum kvt_part part, double alpha);
int kvt_verdict_first(const struct kvt_cells *cells, enum kvt_part part, double alpha);

/* The legacy detector of z-scored curves over bins (ddof 0): for comparison only. */
struct kvt_zscore {
    double *std, *fail, *drop; /* z per cell, NaN where undefined */
    int zone_start, zone_end;  /* first run of flagged bins */
};
void kvt_zscore_make(const struct kvt_cells *cells, const struct kvt_pairs *pairs, double collapse,
                     struct kvt_zscore *z);
void kvt_zscore_free(struct kvt_zscore *z);

#endif
