/* render/label.h: what the arms of a study are called in keys, tables and sentences. */
#ifndef KVT_RENDER_LABEL_H
#define KVT_RENDER_LABEL_H

#include "render/results.h"

/* Sets every arm's label; two runs of one budget (other settings of the policy) get different ones.
 */
void kvt_arms_label(struct kvt_results *results);

#endif
