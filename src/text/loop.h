/*
 * text/loop.h: a text that got stuck: its end is one unit, of any length, at least 4 times running
 * over at least 50 characters. The last repetition may be cut off.
 */
#ifndef KVT_TEXT_LOOP_H
#define KVT_TEXT_LOOP_H

#include "text/unicode.h"
#include "text/words.h"

#include <stdbool.h>

enum { KVT_LOOP_TIMES = 4, KVT_LOOP_CHARACTERS = 50 };

/* Linear in the text. *unit (may be NULL) gets the last whole unit. `scratch` is overwritten. */
bool kvt_loop_at_end(struct kvt_numbers *scratch, struct kvt_span text, struct kvt_span *unit);

#endif
