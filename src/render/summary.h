/* render/summary.h: the findings as JSON, for other programs. */
#ifndef KVT_RENDER_SUMMARY_H
#define KVT_RENDER_SUMMARY_H

#include "core/buffer.h"
#include "core/error.h"
#include "render/results.h"

/* Version of the document's form; members may be added to it. */
enum { KVT_SUMMARY_FORM = 1 };

/* `plots` is the folder of the pictures. Returns 0, or -1 when there is nothing to sum up. */
int kvt_summary_write(struct kvt_buffer *out, const struct kvt_results *results, const char *plots,
                      struct kvt_error *error);

#endif
