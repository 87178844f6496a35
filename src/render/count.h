/* render/count.h: responses into the outcomes of their cells, one for each request. */
#ifndef KVT_RENDER_COUNT_H
#define KVT_RENDER_COUNT_H

#include "render/results.h"

/* Was the request counted before? Then this response counts in place of that one if it stands
 * before it, whichever came first. */
bool kvt_count_again(struct kvt_results *results, const char *request_id, const json_t *record);
/* Counts the first response of a request in a cell that the arm (an index in arms) has. */
void kvt_count_response(struct kvt_results *results, size_t arm, size_t bin, const json_t *record);

#endif
