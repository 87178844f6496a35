/*
 * stream/scan.h: looking at one line without parsing it: its kind, its top-level members, and
 * splicing members in place. What was on the line stays there byte for byte.
 */
#ifndef KVT_STREAM_SCAN_H
#define KVT_STREAM_SCAN_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct kvt_member {
    const char *key; /* between the quotes, escapes not decoded */
    size_t key_length;
    const char *value; /* first byte of the value */
    size_t value_length;
    const char *start; /* the key's opening quote */
};

/*
 * Visits the top-level members of an object line in order. Zero-initialise `at` with the line
 * start: struct kvt_scan scan; kvt_scan_start(&scan, line, length); while (kvt_scan_next(&scan,
 * &member)) ... if (scan.bad) ... the line is not one complete object Strings and brackets are
 * balanced; scalars are not checked.
 */
struct kvt_scan {
    const char *at;
    const char *end;
    const char *close; /* the closing brace, once reached */
    bool first;
    bool bad;
};

void kvt_scan_start(struct kvt_scan *scan, const char *line, size_t length);
bool kvt_scan_next(struct kvt_scan *scan, struct kvt_member *member);
/* Finds one top-level member; false if it is absent or the line is bad. */
bool kvt_scan_find(const char *line, size_t length, const char *key, struct kvt_member *member);

/*
 * Copies the value of the member "kind" to kind[size]. Returns 1 if found, 0 if the line is an
 * object without a kind, -1 if it is not an object (or its braces do not balance).
 */
int kvt_scan_kind(const char *line, size_t length, char *kind, size_t size);

/*
 * Appends the line to out with the members named in `remove` (NULL-terminated) taken away and
 * `members` ("\"score\":{...},\"failure\":null", no leading comma) placed before the last brace.
 * Returns -1 if the line is not one complete object.
 */
int kvt_splice(struct kvt_buffer *out, const char *line, size_t length, const char *const *remove,
               const char *members, size_t members_length);

#endif
