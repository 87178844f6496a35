/*
 * study/record.h: the records kvt-stats and kvt-transition add: bin_stats, pair_stats, transition
 * (kvt-stream(5)). Each is emitted on the stage, in the order of the pairing, bins ascending.
 */
#ifndef KVT_STUDY_RECORD_H
#define KVT_STUDY_RECORD_H

#include "stream/stage.h"
#include "study/compare.h"

#include <stdbool.h>

/* One bin_stats per run, task and bin; `ci` names the interval of means (kvt_bin_mean_interval). */
void kvt_study_emit_bins(struct kvt_stage *stage, const struct kvt_compared *study, const char *ci,
                         const struct kvt_procedure *procedure);
/* One pair_stats per comparison with a reference and bin. */
void kvt_study_emit_pairs(struct kvt_stage *stage, const struct kvt_compared *study);
/*
 * One transition per compressed run and task; without a reference it says so. `legacy`: zone and
 * verdict by z-scores (--method=zscore), the parts beside them.
 */
void kvt_study_emit_transitions(struct kvt_stage *stage, const struct kvt_compared *study,
                                const struct kvt_procedure *procedure, bool legacy);

#endif
