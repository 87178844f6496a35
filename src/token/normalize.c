#include "token/normalize.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "token/unicode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void kvt_normalizer_add(struct kvt_normalizer *normalizer, const struct kvt_normalize_step *step)
{
    kvt_grow(&normalizer->steps, &normalizer->capacity, normalizer->count,
             sizeof *normalizer->steps);
    normalizer->steps[normalizer->count++] = *step;
}

void kvt_normalizer_free(struct kvt_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        free(normalizer->steps[i].text);
        kvt_regex_free(normalizer->steps[i].pattern);
    }
    free(normalizer->steps);
    *normalizer = (struct kvt_normalizer){0};
}

static bool is_ascii(const char *text, size_t length)
{
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++)
        any |= (unsigned char)text[i];
    return any < 0x80;
}

static utf8proc_option_t options_of(const struct kvt_normalize_step *step)
{
    return (utf8proc_option_t)(UTF8PROC_STABLE |
                               (step->composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                               (step->compatible ? UTF8PROC_COMPAT : 0u));
}

/* Combining marks in a row, decomposed. */
struct marks {
    utf8proc_int32_t *marks;
    size_t count, capacity;
};

/* The two letters that are compatible with marks are those of half-width katakana. */
static bool may_be_marks(const struct kvt_normalize_step *step, uint32_t cp)
{
    return kvt_unicode_flags[cp] & KVT_MARK || (step->compatible && (cp == 0xff9e || cp == 0xff9f));
}

/*
 * Appends what a character decomposes to, if that is combining marks and nothing else; returns the
 * character's bytes, or 0.
 */
static size_t add_marks(const struct kvt_normalize_step *step, const char *text, size_t length,
                        struct marks *marks)
{
    enum { LONGEST = 32 }; /* the longest decomposition has 18 characters */
    utf8proc_int32_t parts[LONGEST];
    uint32_t cp;
    int boundary = 0;
    if ((unsigned char)*text < 0xcc) /* U+0300 is the first */
        return 0;
    int width = kvt_utf8_decode(text, length, &cp);
    if (width <= 0 || !may_be_marks(step, cp))
        return 0;
    struct kvt_normalize_step apart = {.compatible = step->compatible};
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, LONGEST,
                                                 options_of(&apart), &boundary);
    if (n < 1 || n > LONGEST)
        return 0;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        if (utf8proc_get_property(parts[i])->combining_class == 0)
            return 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        kvt_grow(&marks->marks, &marks->capacity, marks->count, sizeof *marks->marks);
        marks->marks[marks->count++] = parts[i];
    }
    return (size_t)width;
}

/* Appends the marks by their combining class, those of one class in the order they have. */
static void append_ordered(const struct marks *marks, struct kvt_buffer *out)
{
    enum { CLASSES = 256 };
    size_t starts[CLASSES + 1] = {0};
    utf8proc_int32_t *ordered = kvt_alloc_array(marks->count, sizeof *ordered);
    for (size_t i = 0; i < marks->count; i++)
        starts[utf8proc_get_property(marks->marks[i])->combining_class % CLASSES + 1]++;
    for (size_t i = 1; i <= CLASSES; i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < marks->count; i++) {
        int kind = utf8proc_get_property(marks->marks[i])->combining_class % CLASSES;
        ordered[starts[kind]++] = marks->marks[i];
    }
    for (size_t i = 0; i < marks->count; i++) {
        char utf8[4];
        kvt_buffer_append(out, utf8, kvt_utf8_encode((uint32_t)ordered[i], utf8));
    }
    free(ordered);
}

/*
 * utf8proc orders marks by exchanging neighbours, which takes the square of their number. Long rows
 * are put in their order here, in linear time; the text means the same, and so has the same normal
 * form. Returns false, with nothing in `out`, when there is no long row.
 */
static bool order_marks(const struct kvt_normalize_step *step, const char *text, size_t length,
                        struct kvt_buffer *out)
{
    enum { MANY = 64 };
    struct marks marks = {0};
    size_t copied = 0;
    for (size_t at = 0; at < length;) {
        size_t start = at, width;
        marks.count = 0;
        while (at < length && (width = add_marks(step, text + at, length - at, &marks)) > 0)
            at += width;
        if (marks.count > MANY) {
            kvt_buffer_append(out, text + copied, start - copied);
            append_ordered(&marks, out);
            copied = at;
        }
        at += at == start;
    }
    if (copied)
        kvt_buffer_append(out, text + copied, length - copied);
    free(marks.marks);
    return copied > 0;
}

static int normal_stretch(const struct kvt_normalize_step *step, const char *text, size_t length,
                          struct kvt_buffer *out, struct kvt_error *error)
{
    if (length > INT_MAX / 32) /* utf8proc counts in ints of code points, which may multiply */
        return kvt_fail(error, KVT_DATA, "the text is too long to be normalised (%zu bytes)",
                        length);
    utf8proc_uint8_t *result = NULL;
    struct kvt_buffer ordered = {0};
    if (order_marks(step, text, length, &ordered)) {
        text = ordered.data;
        length = ordered.length;
    }
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length,
                                         &result, options_of(step));
    kvt_buffer_free(&ordered);
    if (size < 0)
        return kvt_fail(error, KVT_DATA, "the text cannot be normalised: %s",
                        utf8proc_errmsg(size));
    kvt_buffer_append(out, result, (size_t)size);
    free(result);
    return 0;
}

/* Characters that Unicode 9 does not have stay, and part what is normalised before from what is
 * after. */
static int normal_form(const struct kvt_normalize_step *step, const char *text, size_t length,
                       struct kvt_buffer *out, struct kvt_error *error)
{
    size_t done = 0;
    for (size_t at = 0; at < length;) {
        if ((unsigned char)text[at] < 0xcd) { /* nothing below U+0340 is later */
            at++;
            continue;
        }
        uint32_t cp;
        int width = kvt_utf8_decode(text + at, length - at, &cp);
        size_t next = at + (size_t)(width < 0 ? -width : width);
        if (width > 0 && kvt_unicode_is_later_than_9(cp)) {
            if (at > done && normal_stretch(step, text + done, at - done, out, error) != 0)
                return -1;
            kvt_buffer_append(out, text + at, next - at);
            done = next;
        }
        at = next;
    }
    return done < length ? normal_stretch(step, text + done, length - done, out, error) : 0;
}

/*
 * NFC of a text that is mostly below U+0300. Characters there are in that form and join with
 * nothing before them, so only those above are looked at, each row of them with the one before it.
 */
static int composed_form(const struct kvt_normalize_step *step, const char *text, size_t length,
                         struct kvt_buffer *out, struct kvt_error *error)
{
    enum { ABOVE = 0xcc }; /* first byte of U+0300 */
    size_t copied = 0;
    for (size_t at = 0; at < length;) {
        size_t start = at;
        if ((unsigned char)text[at] < ABOVE) {
            at++;
            continue;
        }
        while (start > copied && (start == at || ((unsigned char)text[start] & 0xc0) == 0x80))
            start--;
        while (at < length && (unsigned char)text[at] >= 0x80 &&
               ((unsigned char)text[at] < 0xc0 || (unsigned char)text[at] >= ABOVE))
            at++;
        kvt_buffer_append(out, text + copied, start - copied);
        if (normal_form(step, text + start, at - start, out, error) != 0)
            return -1;
        copied = at;
    }
    kvt_buffer_append(out, text + copied, length - copied);
    return 0;
}

static void lower(const char *text, size_t length, struct kvt_buffer *out)
{
    for (size_t at = 0; at < length;) {
        uint32_t cp, mapped[2];
        int width = kvt_utf8_decode(text + at, length - at, &cp);
        size_t step = (size_t)(width < 0 ? -width : width);
        size_t n = width > 0 ? kvt_unicode_lower(cp, mapped) : 0;
        if (n == 0)
            kvt_buffer_append(out, text + at, step);
        for (size_t i = 0; i < n; i++) {
            char utf8[4];
            kvt_buffer_append(out, utf8, kvt_utf8_encode(mapped[i], utf8));
        }
        at += step;
    }
}

static int replace(const struct kvt_normalize_step *step, const char *text, size_t length,
                   struct kvt_buffer *out, struct kvt_error *error)
{
    struct kvt_regex_search search = {0};
    size_t start, end, copied = 0;
    int status;
    kvt_regex_start(&search, step->pattern, text, length);
    while ((status = kvt_regex_next(&search, &start, &end, error)) > 0) {
        kvt_buffer_append(out, text + copied, start - copied);
        kvt_buffer_append(out, step->text, step->text_length);
        copied = end;
    }
    kvt_buffer_append(out, text + copied, length - copied);
    kvt_regex_end(&search);
    return status;
}

static void strip(const struct kvt_normalize_step *step, const char *text, size_t length,
                  struct kvt_buffer *out)
{
    size_t start = 0, end = length;
    uint8_t flags;
    while (step->left && start < end) {
        size_t width = kvt_unicode_next((const unsigned char *)text + start, end - start, &flags);
        if (!(flags & KVT_SPACE))
            break;
        start += width;
    }
    while (step->right && end > start) {
        size_t last = end - 1;
        while (last > start && ((unsigned char)text[last] & 0xc0) == 0x80)
            last--;
        kvt_unicode_next((const unsigned char *)text + last, end - last, &flags);
        if (!(flags & KVT_SPACE))
            break;
        end = last;
    }
    kvt_buffer_append(out, text + start, end - start);
}

static int run_step(const struct kvt_normalize_step *step, const char *text, size_t length,
                    struct kvt_buffer *out, struct kvt_error *error)
{
    switch (step->kind) {
    case KVT_NORMALIZE_FORM:
        return (step->composed && !step->compatible ? composed_form
                                                    : normal_form)(step, text, length, out, error);
    case KVT_NORMALIZE_LOWER:
        lower(text, length, out);
        return 0;
    case KVT_NORMALIZE_PREPEND:
        if (length)
            kvt_buffer_append(out, step->text, step->text_length);
        kvt_buffer_append(out, text, length);
        return 0;
    case KVT_NORMALIZE_REPLACE:
        return replace(step, text, length, out, error);
    case KVT_NORMALIZE_STRIP:
        strip(step, text, length, out);
        return 0;
    }
    return 0;
}

int kvt_normalizer_run(const struct kvt_normalizer *normalizer, struct kvt_buffer buffers[2],
                       const char **text, size_t *length, struct kvt_error *error)
{
    int next = 0;
    for (size_t i = 0; i < normalizer->count; i++) {
        const struct kvt_normalize_step *step = &normalizer->steps[i];
        if (step->kind == KVT_NORMALIZE_FORM && is_ascii(*text, *length))
            continue;
        struct kvt_buffer *out = &buffers[next];
        kvt_buffer_clear(out);
        kvt_buffer_reserve(out, *length + 1);
        if (run_step(step, *text, *length, out, error) != 0)
            return -1;
        *text = kvt_buffer_string(out);
        *length = out->length;
        next = !next;
    }
    return 0;
}
