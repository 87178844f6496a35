/*
 * stream/shape.h: the members of objects that follow each other and are alike, as the lines of one
 * producer are: the same keys in the same order. What stood between two values of the last object
 * is compared with what stands there now; where it is the same, the key is known without looking
 * for its end, and where the next one begins does not wait for that.
 */
#ifndef KVT_STREAM_SHAPE_H
#define KVT_STREAM_SHAPE_H

#include "core/bits.h"
#include "core/buffer.h"
#include "stream/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVT_SHAPE_BYTES = 32, KVT_SHAPE_MEMBERS = 32 };

/* What stood between one value and the next. */
struct kvt_shape_member {
    char bytes[KVT_SHAPE_BYTES];
    uint64_t beyond;         /* bit i: bytes[i] is no part of it */
    size_t length;           /* up to the value; 0: not known */
    size_t start;            /* of the key's opening quote */
    size_t key_length;       /* between the quotes */
    unsigned note;           /* the caller's, about the key; 0 when it is new */
    struct kvt_buffer value; /* the last one that was an object or array */
};

/* Zero-initialise; release with kvt_shape_free. */
struct kvt_shape {
    struct kvt_shape_member members[KVT_SHAPE_MEMBERS + 1]; /* the last one for all beyond */
    struct kvt_shape_member *current, *next;
};

/* A new object. */
static inline void kvt_shape_start(struct kvt_shape *shape)
{
    shape->next = shape->members;
}

/* The note about the key that kvt_shape_key gave last. */
static inline unsigned *kvt_shape_note(struct kvt_shape *shape)
{
    return &shape->current->note;
}

/* Of kvt_shape_key: the key is another one, or stands near the end of the line, or there is none.
 */
bool kvt_shape_other_key(struct kvt_shape *shape, struct kvt_scan *scan, struct kvt_member *member);

/* Whether the known key stands there, a value behind it: there may be more white space now. */
static inline bool kvt_shape_stands(const struct kvt_shape_member *known, const char *at,
                                    const char *end)
{
    if (end - at <= KVT_SHAPE_BYTES || known->length == 0)
        return false;
    uint64_t same = known->beyond;
    KVT_UNROLL
    for (unsigned i = 0; i < KVT_SHAPE_BYTES; i += KVT_PIECE)
        same |= kvt_piece_same(kvt_piece_load(at + i), kvt_piece_load(known->bytes + i)) << i;
    return same == ((uint64_t)1 << KVT_SHAPE_BYTES) - 1 && at[known->length] > ' ';
}

/*
 * Passes the members that have this note, as far as they are known and their values are no more
 * than a scalar or a short string. For a note that says of a key that its value does not matter.
 */
static inline void kvt_shape_pass(struct kvt_shape *shape, struct kvt_scan *scan, unsigned note)
{
    struct kvt_shape_member *known = shape->next;
    const char *at = scan->at, *after;
    while (known->note == note && !scan->bad && kvt_shape_stands(known, at, scan->end) &&
           (after = kvt_scan_plain_value(at + known->length, scan->end)) != NULL) {
        at = after;
        known++;
        scan->before = ',';
    }
    scan->at = at;
    shape->next = known;
}

/* Of kvt_shape_key: the next known member stands there. */
static inline void kvt_shape_take(struct kvt_shape *shape, struct kvt_scan *scan,
                                  struct kvt_member *member)
{
    struct kvt_shape_member *known = shape->next;
    member->start = scan->at + known->start;
    member->key = member->start + 1;
    member->key_length = known->key_length;
    member->value = scan->at + known->length;
    member->value_length = 0;
    member->escaped = false;
    scan->before = -1;
    scan->bad = true; /* until the whole member was seen */
    shape->current = known;
    shape->next = known + 1;
}

/* As kvt_scan_key, for all members of an object in order. */
static inline bool kvt_shape_key(struct kvt_shape *shape, struct kvt_scan *scan,
                                 struct kvt_member *member)
{
    if (scan->bad || !kvt_shape_stands(shape->next, scan->at, scan->end))
        return kvt_shape_other_key(shape, scan, member);
    kvt_shape_take(shape, scan, member);
    return true;
}

/* As kvt_scan_skip, for a member that kvt_shape_key gave last. Objects and arrays that stand there
 * again are compared, which takes less than to look for their end. */
bool kvt_shape_skip_nested(struct kvt_shape *shape, struct kvt_scan *scan,
                           struct kvt_member *member);

static inline bool kvt_shape_skip(struct kvt_shape *shape, struct kvt_scan *scan,
                                  struct kvt_member *member)
{
    return *member->value == '{' || *member->value == '['
               ? kvt_shape_skip_nested(shape, scan, member)
               : kvt_scan_skip(scan, member);
}

void kvt_shape_free(struct kvt_shape *shape);

#endif
