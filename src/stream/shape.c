#include "stream/shape.h"

#include <string.h>

/* The member was found at `from`. */
static void learn(struct kvt_shape_member *known, const char *from, const struct kvt_member *member)
{
    const size_t length = (size_t)(member->value - from);
    known->note = 0;
    known->length = 0;
    if (length > KVT_SHAPE_BYTES || member->escaped)
        return;
    memset(known->bytes, 0, sizeof known->bytes);
    memcpy(known->bytes, from, length);
    known->beyond = (((uint64_t)1 << KVT_SHAPE_BYTES) - 1) & ~(((uint64_t)1 << length) - 1);
    known->length = length;
    known->start = (size_t)(member->start - from);
    known->key_length = member->key_length;
}

/* kvt_shape_stands for what is too near to the end of the line for it. */
static bool stands_near_end(const struct kvt_shape_member *known, const struct kvt_scan *scan)
{
    const size_t left = (size_t)(scan->end - scan->at);
    return left <= KVT_SHAPE_BYTES && left > known->length && known->length > 0 && !scan->bad &&
           memcmp(scan->at, known->bytes, known->length) == 0 && scan->at[known->length] > ' ';
}

bool kvt_shape_other_key(struct kvt_shape *shape, struct kvt_scan *scan, struct kvt_member *member)
{
    struct kvt_shape_member *known = shape->next;
    const char *from = scan->at;
    if (stands_near_end(known, scan)) {
        kvt_shape_take(shape, scan, member);
        return true;
    }
    if (!kvt_scan_key(scan, member))
        return false;
    shape->current = known;
    if (known == &shape->members[KVT_SHAPE_MEMBERS]) {
        known->note = 0;
        return true;
    }
    learn(known, from, member);
    shape->next = known + 1;
    return true;
}

bool kvt_shape_skip_nested(struct kvt_shape *shape, struct kvt_scan *scan,
                           struct kvt_member *member)
{
    struct kvt_buffer *known = &shape->current->value;
    if (known->length > 0 && (size_t)(scan->end - member->value) >= known->length &&
        memcmp(member->value, known->data, known->length) == 0) {
        kvt_scan_pass(scan, member, known->length);
        return true;
    }
    if (!kvt_scan_skip(scan, member))
        return false;
    kvt_buffer_clear(known);
    kvt_buffer_append(known, member->value, member->value_length);
    return true;
}

void kvt_shape_free(struct kvt_shape *shape)
{
    for (size_t i = 0; i <= KVT_SHAPE_MEMBERS; i++)
        kvt_buffer_free(&shape->members[i].value);
    *shape = (struct kvt_shape){0};
}
