/* core/escape.h: the escapes of a JSON string (RFC 8259, section 7). */
#ifndef KVT_CORE_ESCAPE_H
#define KVT_CORE_ESCAPE_H

#include <stdint.h>

/*
 * The escape whose backslash stands before text: sets *code_point and returns the bytes it takes
 * behind the backslash: 1 for a letter, 5 for u and four digits, 11 for a pair of surrogates. A
 * lone surrogate is returned as itself, for the caller to judge. -1 if JSON has no such escape.
 */
int kvt_escape_decode(const char *text, const char *end, uint32_t *code_point);

#endif
