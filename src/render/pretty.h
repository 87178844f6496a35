/* render/pretty.h: JSON for people: indented, with what is short kept on one line. */
#ifndef KVT_RENDER_PRETTY_H
#define KVT_RENDER_PRETTY_H

#include "core/buffer.h"
#include "stream/json.h"

/* Appends the value and a newline. Members in their order, numbers as in a stream. */
void kvt_pretty_write(struct kvt_buffer *out, const json_t *value);

#endif
