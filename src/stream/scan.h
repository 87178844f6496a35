/*
 * stream/scan.h: looking at one line without parsing it: its kind, its top-level members, and
 * splicing members in place. What was on the line stays there byte for byte.
 */
#ifndef KVT_STREAM_SCAN_H
#define KVT_STREAM_SCAN_H

#include "core/bits.h"
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
    const char *at; /* the opening brace, or the byte after a value */
    const char *end;
    const char *close; /* the closing brace, once reached */
    int before;        /* the byte before the next member, { or a comma; -1: none is looked for */
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
static inline bool kvt_scan_key(struct kvt_scan *scan, struct kvt_member *member);
static inline bool kvt_scan_skip(struct kvt_scan *scan, struct kvt_member *member);
static inline void kvt_scan_pass(struct kvt_scan *scan, struct kvt_member *member, size_t length);
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

/* --- of kvt_scan_key and kvt_scan_skip: most keys and many values need no more than this --- */

bool kvt_scan_any_key(struct kvt_scan *scan, struct kvt_member *member);
/* The byte after the value that starts at `at`, or NULL. */
const char *kvt_scan_value(const char *at, const char *end);
/* The same for a number, true, false or null, right or wrong. */
const char *kvt_scan_scalar(const char *at, const char *end);

enum { KVT_SCAN_SHORT = 2 * KVT_PIECE };

/* The byte after the string that starts at `at`, if it ends within KVT_SCAN_SHORT bytes and has no
 * escapes. */
static inline const char *kvt_scan_short_string(const char *at, const char *end)
{
    for (const char *from = at + 1; from <= at + KVT_PIECE + 1; from += KVT_PIECE) {
        if (end - from < KVT_PIECE)
            break;
        const kvt_piece piece = kvt_piece_load(from);
        const uint64_t stops = kvt_piece_equal(piece, '"') | kvt_piece_equal(piece, '\\');
        if (!stops)
            continue;
        const char *stop = from + kvt_bits_lowest(stops);
        return *stop == '"' ? stop + 1 : NULL;
    }
    return NULL;
}

/* A member whose key is short and has neither escapes nor white space around it, as most are. */
static inline bool kvt_scan_plain_key(struct kvt_scan *scan, struct kvt_member *member)
{
    const char *quote = scan->at + 1;
    if (scan->end - scan->at < KVT_SCAN_SHORT + 5 || (unsigned char)*scan->at != scan->before ||
        *quote != '"')
        return false;
    const char *after = kvt_scan_short_string(quote, scan->end);
    if (!after || after[0] != ':' || after[1] <= ' ')
        return false;
    *member = (struct kvt_member){.start = quote,
                                  .key = quote + 1,
                                  .key_length = (size_t)(after - quote) - 2,
                                  .value = after + 1};
    scan->before = -1;
    scan->bad = true; /* until the whole member was seen */
    return true;
}

static inline bool kvt_scan_key(struct kvt_scan *scan, struct kvt_member *member)
{
    if (scan->inner && scan->before == ',' && scan->at < scan->end && *scan->at == '}') {
        scan->close = scan->at;
        scan->before = -1;
        return false;
    }
    return kvt_scan_plain_key(scan, member) || kvt_scan_any_key(scan, member);
}

static inline void kvt_scan_pass(struct kvt_scan *scan, struct kvt_member *member, size_t length)
{
    member->value_length = length;
    scan->at = member->value + length;
    scan->before = ',';
    scan->bad = false;
}

/* The byte after the value, if that is a short string or no string, object or array; or NULL. */
static inline const char *kvt_scan_plain_value(const char *value, const char *end)
{
    if (*value == '"')
        return kvt_scan_short_string(value, end);
    if (end - value > 5 && memcmp(value, "null,", 5) == 0)
        return value + 4; /* every second scalar of a record */
    return *value != '{' && *value != '[' ? kvt_scan_scalar(value, end) : NULL;
}

static inline bool kvt_scan_skip(struct kvt_scan *scan, struct kvt_member *member)
{
    const char *value = member->value, *after = kvt_scan_plain_value(value, scan->end);
    if (!after && !(after = kvt_scan_value(value, scan->end)))
        return false;
    kvt_scan_pass(scan, member, (size_t)(after - value));
    return true;
}

#endif
