/*
 * http/placeholder.h: engine.extra_body with {kv_budget} and its like. Pure.
 *
 * A string that is nothing but one placeholder becomes the setting with its own type (a number
 * stays a number); a placeholder inside a longer string becomes text. A member whose placeholder
 * has no value (null) is left out. `{{` and `}}` stand for braces.
 */
#ifndef KVT_HTTP_PLACEHOLDER_H
#define KVT_HTTP_PLACEHOLDER_H

#include "core/error.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Fills the template at any depth; `values` is an object, null where a setting is unset. New
 * reference; NULL with code KVT_USAGE for an unknown placeholder, naming the nearest.
 */
json_t *kvt_placeholder_fill(const json_t *template, const json_t *values, struct kvt_error *error);

/* Does the template hold {name} anywhere? */
bool kvt_placeholder_uses(const json_t *template, const char *name);

#endif
