/*
 * engine/api_field.h: fields of a request body by their types, and the errors that name them. For
 * the files api_*.
 */
#ifndef KVT_ENGINE_API_FIELD_H
#define KVT_ENGINE_API_FIELD_H

#include "engine/api.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define KVT_BAD_REQUEST "invalid_request_error" /* type of errors that are the client's */

/* The body as an object, a new reference; NULL and *error (400) when it is none. */
json_t *kvt_field_body(const char *body, size_t length, struct kvt_api_error *error);

/*
 * The field of that name, between the bounds, both allowed; absent or null, it leaves the value as
 * it is. 0, or -1 and *error (400, naming the field). A whole number may be written as a real.
 */
int kvt_field_number(const json_t *body, const char *name, double lowest, double highest,
                     double *value, struct kvt_api_error *error);
int kvt_field_integer(const json_t *body, const char *name, long long lowest, long long highest,
                      long long *value, struct kvt_api_error *error);
int kvt_field_bool(const json_t *body, const char *name, bool *value, struct kvt_api_error *error);

#endif
