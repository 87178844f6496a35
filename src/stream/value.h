/*
 * stream/value.h: members that stream/scan.h found on a line, as keys to compare and values of a
 * type; without a tree, but for texts with escapes.
 */
#ifndef KVT_STREAM_VALUE_H
#define KVT_STREAM_VALUE_H

#include "core/error.h"
#include "stream/names.h"
#include "stream/scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Is that the member's key (as written, escapes not decoded)? */
static inline bool kvt_value_of(const struct kvt_member *member, const char *key)
{
    return strlen(key) == member->key_length && memcmp(member->key, key, member->key_length) == 0;
}

bool kvt_value_is_null(const struct kvt_member *member);
bool kvt_value_is_true(const struct kvt_member *member);

/*
 * The value by its type; `name` is what an error calls it. 0, or -1 and *error (KVT_DATA) for any
 * other type. Of a number null is NAN; of an integer only 0 to 999,999,999 are taken; of a text,
 * which goes into `names`, null is KVT_NO_NAME.
 */
int kvt_value_number(const struct kvt_member *member, double *value, const char *name,
                     struct kvt_error *error);
int kvt_value_integer(const struct kvt_member *member, int32_t *value, const char *name,
                      struct kvt_error *error);
int kvt_value_name(struct kvt_names *names, const struct kvt_member *member, uint32_t *value,
                   const char *name, struct kvt_error *error);

#endif
