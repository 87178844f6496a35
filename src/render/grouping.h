/* render/grouping.h: arms into studies: what belongs in one picture, and in which order. */
#ifndef KVT_RENDER_GROUPING_H
#define KVT_RENDER_GROUPING_H

#include "render/results.h"

/*
 * Makes results->studies of results->arms, which have their runs: arms of one experiment, model,
 * task and policy are a study, ordered; a study without a reference borrows another policy's, and
 * one that was nothing but lent is none. Call once; freed by kvt_results_close.
 */
void kvt_studies_group(struct kvt_results *results);

#endif
