/* stream/stage_parts.h: what the ways to run a stage share. Only stream/stage*.c include this. */
#ifndef KVT_STREAM_STAGE_PARTS_H
#define KVT_STREAM_STAGE_PARTS_H

#include "stream/stage.h"

#define KVT_STAGE_NO_OBJECT "not a JSON object on one line"

/* Fills in line->kind; false if the line (not an empty one) is no JSON object. */
bool kvt_stage_identify(const struct kvt_stage *stage, struct kvt_line *line);
/* The route of an identified line, never NULL: of its kind, to copying, or to dropping (no
 * handler). */
const struct kvt_route *kvt_stage_route(const struct kvt_stage *stage,
                                        const struct kvt_route *routes,
                                        const struct kvt_line *line);
/* The kind's row in the counts. */
struct kvt_kind_count *kvt_stage_count(struct kvt_stage *stage, const char *kind);
/* Writes past stdio, whose buffer must be empty; an error ends the process with exit 3. */
void kvt_stage_put(struct kvt_stage *stage, const char *data, size_t length);
/* Ends the process; what was made is written first. */
_Noreturn void kvt_stage_give_up(struct kvt_stage *stage, enum kvt_exit code, const char *text);

#endif
