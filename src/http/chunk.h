/*
 * http/chunk.h: the one shape that nearly all events of a stream have, read without building a
 * tree: a chunk that carries some text of choice 0 and nothing else. Building trees of them is most
 * of the time a client spends.
 */
#ifndef KVT_HTTP_CHUNK_H
#define KVT_HTTP_CHUNK_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * If the event is such a chunk, appends its text to `text` and returns true. Whatever is in any way
 * different (other members, a finish_reason, usage, escapes by number, ill-formed text, bad JSON)
 * is left to the parser: false, and `text` is as it was.
 */
bool kvt_chunk_read(const char *data, size_t length, struct kvt_buffer *text);

#endif
