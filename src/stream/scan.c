#include "stream/scan.h"

#include "core/bits.h"

#include <stdint.h>
#include <string.h>

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* The byte after the next quote that no backslash escapes, or NULL. `escaped` (may be NULL) becomes
 * true if a backslash stands before it. */
static const char *end_string(const char *at, const char *end, bool *escaped)
{
    for (const char *start = at; at < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (!at)
            return NULL;
        const char *before = at;
        while (before > start && before[-1] == '\\')
            before--;
        if ((at - before) % 2 != 0)
            continue;
        if (escaped && memchr(start, '\\', (size_t)(at - start)))
            *escaped = true;
        return at + 1;
    }
    return NULL;
}

/* The same for the string that starts at `at`. */
static const char *skip_string(const char *at, const char *end, bool *escaped)
{
    const char *after = kvt_scan_short_string(at, end);
    return after ? after : end_string(at + 1, end, escaped);
}

const char *kvt_scan_string(const char *at, const char *end)
{
    return skip_string(at, end, NULL);
}

/* Where a block of 64 bytes has what matters to nesting; bit i is byte i. */
struct marks {
    uint64_t quotes, backslashes, opens, closes;
};

static void mark_block(const char *block, struct marks *marks)
{
    marks->quotes = kvt_block_equal(block, '"');
    marks->backslashes = kvt_block_equal(block, '\\');
    /* [ and {, ] and } differ in the bit of upper and lower case alone. */
    marks->opens = kvt_block_equal_folded(block, '{');
    marks->closes = kvt_block_equal_folded(block, '}');
}

/* What a block inherits from the one before it. */
struct inherited {
    size_t depth;     /* brackets open */
    uint64_t string;  /* all ones inside a string */
    unsigned escaped; /* 1: a backslash before the first byte escapes it */
};

/* The bytes that a backslash escapes. */
static uint64_t escaped_bytes(uint64_t backslashes, unsigned *carry)
{
    uint64_t escaped = *carry;
    *carry = 0;
    backslashes &= ~escaped;
    while (backslashes) {
        unsigned at = kvt_bits_lowest(backslashes);
        if (at == KVT_BLOCK - 1) {
            *carry = 1;
            break;
        }
        escaped |= (uint64_t)2 << at;
        backslashes &= ~((uint64_t)3 << at);
    }
    return escaped;
}

/* Each bit: whether an odd number of bits up to it, itself included, is set. */
static uint64_t odd_so_far(uint64_t bits)
{
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* Whether the bracket that was opened first closes in this block; *place is where. */
static bool closes_in(const struct marks *marks, struct inherited *from, unsigned *place)
{
    uint64_t quotes = marks->quotes;
    if (!(from->escaped | marks->backslashes | marks->opens | marks->closes)) {
        from->string ^= -(uint64_t)(kvt_bits_count(quotes) & 1);
        return false;
    }
    if (from->escaped || marks->backslashes)
        quotes &= ~escaped_bytes(marks->backslashes, &from->escaped);
    const uint64_t string = odd_so_far(quotes) ^ from->string;
    from->string = string >> (KVT_BLOCK - 1) ? ~(uint64_t)0 : 0;
    const uint64_t opens = marks->opens & ~string;
    size_t closed = 0;
    for (uint64_t closes = marks->closes & ~string; closes; closes &= closes - 1) {
        *place = kvt_bits_lowest(closes);
        if (from->depth + kvt_bits_count(opens & (((uint64_t)1 << *place) - 1)) == ++closed)
            return true;
    }
    from->depth += kvt_bits_count(opens) - closed;
    return false;
}

/* The next quote, in a string that began before `at`, and whether a backslash escapes it; or NULL.
 */
static const char *next_quote(const char *at, const char *end, unsigned *escaped)
{
    const char *quote = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
    size_t backslashes = 0;
    while (quote && quote[-1 - (long)backslashes] == '\\')
        backslashes++; /* stops at the opening quote at the latest */
    *escaped = backslashes % 2;
    return quote;
}

/* The byte after the object or array that starts at `at`, or NULL. */
static const char *skip_nested(const char *at, const char *end)
{
    struct inherited from = {0};
    for (;;) {
        char rest[KVT_BLOCK];
        const bool whole = end - at >= KVT_BLOCK;
        if (!whole) {
            memset(rest, 0, sizeof rest);
            memcpy(rest, at, (size_t)(end - at));
        }
        struct marks marks;
        unsigned place;
        mark_block(whole ? at : rest, &marks);
        if (closes_in(&marks, &from, &place))
            return at + place + 1;
        if (!whole)
            return NULL;
        at += KVT_BLOCK;
        if (from.string && !marks.quotes && !(at = next_quote(at, end, &from.escaped)))
            return NULL; /* a long string: nothing but its end matters */
    }
}

/* The bytes that end a number, true, false or null, rightly or wrongly. */
static const bool ends_scalar[256] = {
    ['\0'] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [' '] = true, [','] = true,
    [']'] = true,  ['}'] = true,  ['"'] = true,  ['['] = true,  ['{'] = true, [':'] = true};

const char *kvt_scan_scalar(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && !ends_scalar[(unsigned char)*at])
        at++;
    return at > start ? at : NULL;
}

const char *kvt_scan_value(const char *at, const char *end)
{
    if (at >= end)
        return NULL;
    if (*at == '"')
        return skip_string(at, end, NULL);
    return *at == '{' || *at == '[' ? skip_nested(at, end) : kvt_scan_scalar(at, end);
}

void kvt_scan_start(struct kvt_scan *scan, const char *line, size_t length)
{
    *scan = (struct kvt_scan){.at = line, .end = line + length, .before = '{'};
    scan->at = skip_space(scan->at, scan->end);
    if (scan->at < scan->end && *scan->at == '{')
        return;
    scan->bad = true;
    scan->before = -1;
}

bool kvt_scan_any_key(struct kvt_scan *scan, struct kvt_member *member)
{
    if (scan->bad || scan->close)
        return false;
    const char *end = scan->end;
    const bool first = scan->before == '{';
    const char *at = skip_space(first ? scan->at + 1 : scan->at, end);
    scan->before = -1;
    if (at < end && *at == '}') {
        scan->close = at;
        scan->bad = !scan->inner && skip_space(at + 1, end) != end;
        return false;
    }
    scan->bad = true; /* until the whole member was seen */
    if (!first) {
        if (at >= end || *at != ',')
            return false;
        at = skip_space(at + 1, end);
    }
    if (at >= end || *at != '"')
        return false;
    member->start = at;
    member->escaped = false;
    const char *after = skip_string(at, end, &member->escaped);
    if (!after)
        return false;
    member->key = at + 1;
    member->key_length = (size_t)(after - at - 2);
    at = skip_space(after, end);
    if (at >= end || *at != ':')
        return false;
    member->value = skip_space(at + 1, end);
    member->value_length = 0;
    return member->value < end;
}

void kvt_scan_enter(const struct kvt_scan *scan, const struct kvt_member *member,
                    struct kvt_scan *inner)
{
    kvt_scan_start(inner, member->value, (size_t)(scan->end - member->value));
    inner->inner = true;
}

bool kvt_scan_leave(struct kvt_scan *scan, struct kvt_member *member, const struct kvt_scan *inner)
{
    if (inner->bad || !inner->close)
        return false;
    kvt_scan_pass(scan, member, (size_t)(inner->close + 1 - member->value));
    return true;
}

bool kvt_scan_next(struct kvt_scan *scan, struct kvt_member *member)
{
    return kvt_scan_key(scan, member) && kvt_scan_skip(scan, member);
}

static bool named(const struct kvt_member *member, const char *key)
{
    return strlen(key) == member->key_length && memcmp(member->key, key, member->key_length) == 0;
}

bool kvt_scan_find(const char *line, size_t length, const char *key, struct kvt_member *member)
{
    struct kvt_scan scan;
    kvt_scan_start(&scan, line, length);
    while (kvt_scan_next(&scan, member))
        if (named(member, key))
            return true;
    return false;
}

int kvt_scan_kind(const char *line, size_t length, char *kind, size_t size)
{
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line, length);
    while (kvt_scan_next(&scan, &member)) {
        if (!named(&member, "kind"))
            continue;
        if (member.value_length < 2 || member.value[0] != '"' || member.value_length - 2 >= size)
            return 0;
        memcpy(kind, member.value + 1, member.value_length - 2);
        kind[member.value_length - 2] = '\0';
        return 1;
    }
    return scan.bad ? -1 : 0;
}

static bool listed(const struct kvt_member *member, const char *const *names)
{
    for (; names && *names; names++)
        if (named(member, *names))
            return true;
    return false;
}

int kvt_splice(struct kvt_buffer *out, const char *line, size_t length, const char *const *remove,
               const char *members, size_t members_length)
{
    size_t before = out->length;
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line, length);
    bool any = false, removed = false;
    const char *copied = line; /* everything before is in out, or was removed */
    while (kvt_scan_next(&scan, &member)) {
        if (!listed(&member, remove)) {
            if (removed) { /* the bytes before this member went with its neighbour */
                if (any)
                    kvt_buffer_byte(out, ',');
                copied = member.start;
                removed = false;
            }
            any = true;
            const char *stop = member.value + member.value_length;
            kvt_buffer_append(out, copied, (size_t)(stop - copied));
            copied = stop;
            continue;
        }
        if (!any && !removed)
            kvt_buffer_append(out, copied, (size_t)(member.start - copied));
        copied = member.value + member.value_length;
        removed = true;
    }
    if (scan.bad || !scan.close) {
        out->length = before;
        return -1;
    }
    if (!any && !removed)
        kvt_buffer_append(out, copied, (size_t)(scan.close - copied));
    if (members_length) {
        if (any)
            kvt_buffer_byte(out, ',');
        kvt_buffer_append(out, members, members_length);
    }
    kvt_buffer_byte(out, '}');
    return 0;
}
