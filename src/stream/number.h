/* stream/number.h: the one place where a number becomes text. */
#ifndef KVT_STREAM_NUMBER_H
#define KVT_STREAM_NUMBER_H

#include "core/buffer.h"

enum { KVT_NUMBER_SIZE = 32 };

/*
 * Shortest decimal text that reads back as the same double ("0.2", "1e-05", "100"); NaN and
 * infinities become "null". Returns its length. Independent of the locale.
 */
size_t kvt_number_format(double value, char text[KVT_NUMBER_SIZE]);
void kvt_number_append(struct kvt_buffer *out, double value);

#endif
