/* LongBench's metrics of answers that name a class or a number. */
#include "text/metrics.h"

#include <string.h>

static bool same(struct kvt_span a, struct kvt_span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/*
 * The classes that the prediction names, as indices in scratch->a, less those that are a proper
 * part of the gold. The original removes them from the list it is walking, so that the one after a
 * removed one is never looked at, and removes the first equal one; both are kept.
 */
static struct kvt_numbers *named_classes(struct kvt_scratch *scratch,
                                         const struct kvt_comparison *pair)
{
    struct kvt_numbers *named = &scratch->a;
    named->count = 0;
    for (size_t i = 0; i < pair->n_classes; i++)
        if (kvt_span_find(pair->prediction, pair->classes[i]))
            kvt_numbers_add(named, (uint32_t)i);
    for (size_t i = 0; i < named->count; i++) {
        struct kvt_span class = pair->classes[named->data[i]];
        if (same(class, pair->gold) || !kvt_span_find(pair->gold, class))
            continue;
        size_t first = 0;
        while (!same(pair->classes[named->data[first]], class))
            first++;
        memmove(&named->data[first], &named->data[first + 1],
                (named->count - first - 1) * sizeof *named->data);
        named->count--;
    }
    return named;
}

int kvt_metric_classification(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                              double *value, struct kvt_error *error)
{
    (void)error;
    const struct kvt_numbers *named = named_classes(scratch, pair);
    *value = 0;
    for (size_t i = 0; i < named->count; i++)
        if (same(pair->classes[named->data[i]], pair->gold)) {
            *value = 1.0 / (double)named->count;
            break;
        }
    return 0;
}

void kvt_explain_classification(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                                struct kvt_writer *writer)
{
    const struct kvt_numbers *named = named_classes(scratch, pair);
    kvt_write_key(writer, "classes_named");
    kvt_write_array(writer);
    for (size_t i = 0; i < named->count; i++) {
        struct kvt_span class = pair->classes[named->data[i]];
        kvt_write_string_n(writer, class.data, class.length);
    }
    kvt_write_end(writer);
}

/* Cuts the next run of decimal digits (\d+) off the text; false at the end. */
static bool next_number(struct kvt_span *text, struct kvt_span *number)
{
    number->data = NULL;
    size_t at = 0;
    while (at < text->length) {
        uint32_t c;
        size_t step = kvt_unicode_next(text->data + at, text->length - at, &c);
        bool digit = kvt_unicode_digit(c);
        if (digit && !number->data)
            number->data = text->data + at;
        if (!digit && number->data)
            break;
        at += step;
    }
    if (number->data)
        number->length = (size_t)(text->data + at - number->data);
    text->data += at;
    text->length -= at;
    return number->data != NULL;
}

/* Of the numbers in the text, how many there are and how many are written exactly like `gold`. */
static size_t count_numbers(struct kvt_span text, struct kvt_span gold, size_t *right)
{
    size_t count = 0;
    struct kvt_span number;
    *right = 0;
    while (next_number(&text, &number)) {
        count++;
        *right += same(number, gold);
    }
    return count;
}

static double share_of(struct kvt_span text, struct kvt_span gold)
{
    size_t right, count = count_numbers(text, gold, &right);
    return count ? (double)right / (double)count : 0;
}

int kvt_metric_count(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                     struct kvt_error *error)
{
    (void)scratch, (void)error;
    *value = share_of(pair->prediction, pair->gold);
    return 0;
}

/* The number in "Paragraph 12": the digits right after the first mark that has some. */
static bool marked_number(struct kvt_span text, const char *mark, struct kvt_span *number)
{
    struct kvt_span needle = {mark, strlen(mark)};
    const char *end = text.data + text.length, *at;
    while ((at = kvt_span_find(text, needle))) {
        text = (struct kvt_span){at + needle.length, (size_t)(end - at) - needle.length};
        uint32_t c = 0;
        if (text.length > 0)
            kvt_unicode_next(text.data, text.length, &c);
        if (kvt_unicode_digit(c))
            return next_number(&text, number);
    }
    return false;
}

static int retrieval(const struct kvt_comparison *pair, const char *mark, double *value,
                     struct kvt_error *error)
{
    struct kvt_span number;
    if (!marked_number(pair->gold, mark, &number))
        return kvt_fail(error, KVT_DATA, "metric retrieval: the gold \"%.*s\" names no %s",
                        (int)(pair->gold.length > 60 ? 60 : pair->gold.length), pair->gold.data,
                        mark);
    *value = share_of(pair->prediction, number);
    return 0;
}

int kvt_metric_retrieval(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                         double *value, struct kvt_error *error)
{
    (void)scratch;
    return retrieval(pair, "Paragraph ", value, error);
}

int kvt_metric_retrieval_zh(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                            double *value, struct kvt_error *error)
{
    (void)scratch;
    return retrieval(pair, "\xe6\xae\xb5\xe8\x90\xbd", value, error); /* U+6BB5 U+843D */
}

void kvt_explain_numbers(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                         struct kvt_writer *writer)
{
    (void)scratch;
    enum { SHOWN = 20 };
    struct kvt_span text = pair->prediction, number;
    size_t count = 0;
    kvt_write_key(writer, "numbers");
    kvt_write_array(writer);
    for (; next_number(&text, &number); count++)
        if (count < SHOWN)
            kvt_write_string_n(writer, number.data, number.length);
    kvt_write_end(writer);
    kvt_member_integer(writer, "n_numbers", (long long)count);
}
