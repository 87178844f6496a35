#include "stream/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t kvt_number_format(double value, char text[KVT_NUMBER_SIZE])
{
    if (!isfinite(value)) {
        memcpy(text, "null", 5);
        return 4;
    }
    if (value == 0)
        value = 0; /* minus zero is written as 0 */
    if (value == floor(value) && fabs(value) < 1e15)
        return (size_t)snprintf(text, KVT_NUMBER_SIZE, "%.0f", value);
    /* %.15g drops trailing zeros, so it is the shortest whenever it reads back exactly. */
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(text, KVT_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)length;
}

void kvt_number_append(struct kvt_buffer *out, double value)
{
    char text[KVT_NUMBER_SIZE];
    size_t length = kvt_number_format(value, text);
    kvt_buffer_append(out, text, length);
}
