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
    bool escaped;      /* there are escapes in the key */
};

/*
 * Visits the top-level members of an object line in order. Zero-initialise `at` with the line
 * start: struct kvt_scan scan; kvt_scan_start(&scan, line, length); while (kvt_scan_next(&scan,
 * &member)) ... if (scan.bad) ... the line is not one complete object Strings and brackets are
 * balanced; scalars are not checked, but that there is none of these in them.
 */
struct kvt_scan {
    const char *at;
    const char *end;
    const char *close; /* the closing brace, once reached */
    bool first;
    bool bad;
    bool inner; /* of an object within a line: something follows it */
};

void kvt_scan_start(struct kvt_scan *scan, const char *line, size_t length);
bool kvt_scan_next(struct kvt_scan *scan, struct kvt_member *member);

/*
 * kvt_scan_next in two steps, for who looks into values. kvt_scan_key: the next member up to the
 * first byte of its value, the length of which is 0 so far. Then the value is passed: by
 * kvt_scan_skip; by kvt_scan_pass, if the caller knows how long it is; or, if it is an object, by
 * kvt_scan_enter, visiting its members with `inner` to their end, and kvt_scan_leave. A value that
 * does not end is not passed (false), and scan->bad stays set.
 */
bool kvt_scan_key(struct kvt_scan *scan, struct kvt_member *member);
bool kvt_scan_skip(struct kvt_scan *scan, struct kvt_member *member);
void kvt_scan_pass(struct kvt_scan *scan, struct kvt_member *member, size_t length);
void kvt_scan_enter(const struct kvt_scan *scan, const struct kvt_member *member,
                    struct kvt_scan *inner);
bool kvt_scan_leave(struct kvt_scan *scan, struct kvt_member *member, const struct kvt_scan *inner);

/* The byte after the string whose quote stands at `at`, or NULL if it does not end before `end`. */
const char *kvt_scan_string(const char *at, const char *end);

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
