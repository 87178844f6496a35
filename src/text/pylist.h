/*
 * text/pylist.h: lists of texts as Python prints them into a table cell: ['a', "it's"], and as
 * NumPy does, without commas: ['a' 'b'\n 'c'].
 */
#ifndef KVT_TEXT_PYLIST_H
#define KVT_TEXT_PYLIST_H

#include "core/error.h"

#include <jansson.h>
#include <stddef.h>

/*
 * A new array of strings. NULL with *error set if the text is not such a list, or is one that NumPy
 * shortened with an ellipsis.
 */
json_t *kvt_pylist_parse(const char *text, size_t length, struct kvt_error *error);

#endif
