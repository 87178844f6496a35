/*
 * LongBench's code_sim_score: fuzzywuzzy's fuzz.ratio of the first code line and the gold, an
 * integer percent. fuzzywuzzy has two backends whose figures differ: Python's difflib (Ratcliff and
 * Obershelp's matching blocks, with the automatic junk of long golds), and python-Levenshtein
 * (twice the longest common subsequence over both lengths).
 */
#include "core/bits.h"
#include "text/lcs.h"
#include "text/metrics.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AUTOJUNK_LENGTH = 200, N_ASCII = 128, WORD_BITS = 64 };
#define STEPS_MAX 20000000000u /* a line that needs more is refused, not approximated */

/* The text's characters as numbers shared by both texts: ASCII as it is, others as they come. */
static struct kvt_sequence characters(struct kvt_scratch *scratch, struct kvt_span text,
                                      struct kvt_numbers *out)
{
    size_t count = 0;
    kvt_numbers_zero(out, text.length);
    for (size_t at = 0; at < text.length;) {
        uint32_t c = (unsigned char)text.data[at];
        size_t step = 1;
        if (c >= N_ASCII) {
            step = kvt_unicode_next(text.data + at, text.length - at, &c);
            c = N_ASCII + kvt_words_add(&scratch->words, text.data + at, step);
        }
        out->data[count++] = c;
        at += step;
    }
    out->count = count;
    return (struct kvt_sequence){out->data, count};
}

static uint32_t n_symbols(const struct kvt_scratch *scratch)
{
    return N_ASCII + scratch->words.count;
}

static double percent(double ratio)
{
    return nearbyint(100 * ratio) / 100; /* Python's round: half to even */
}

static bool equal(struct kvt_sequence a, struct kvt_sequence b)
{
    return a.count == b.count &&
           (a.count == 0 || memcmp(a.data, b.data, a.count * sizeof *a.data) == 0);
}

/* A region of both texts still to be searched. */
struct region {
    size_t a_low, a_high, b_low, b_high;
};

struct matcher {
    struct kvt_sequence a, b;
    const struct kvt_index *index; /* of b */
    const uint64_t *match;         /* where each symbol stands in a b of 64 at most, or NULL */
    const uint32_t *popular;       /* symbols that autojunk leaves out of the search */
    uint32_t *lengths, *next;      /* run lengths ending at b[j], for the last and this a[i] */
    uint32_t *present;             /* symbols of the region's part of b; zeros between regions */
    unsigned long long steps;
};

struct block {
    size_t a, b, size;
};

/* Positions of the symbol in b, none for a popular one. */
static const uint32_t *places(const struct matcher *m, uint32_t symbol, size_t *count)
{
    *count = m->popular[symbol] ? 0 : m->index->count.data[symbol];
    return m->index->positions.data + (*count ? m->index->start.data[symbol] : 0);
}

static void empty(const struct matcher *m, uint32_t *lengths, uint32_t symbol)
{
    size_t count;
    const uint32_t *at = places(m, symbol, &count);
    for (size_t p = 0; p < count; p++)
        lengths[at[p]] = 0;
}

/*
 * The longest run that is equal in both parts, of those the earliest in a, then in b; among symbols
 * that are not popular.
 */
static struct block longest_run(struct matcher *m, const struct region *region)
{
    struct block best = {region->a_low, region->b_low, 0};
    for (size_t j = region->b_low; j < region->b_high; j++)
        m->present[m->b.data[j]] = 1;
    bool clean = true; /* no run ends at a[i - 1] */
    for (size_t i = region->a_low; i < region->a_high; i++) {
        const bool present = m->present[m->a.data[i]];
        if (clean && !present) {
            m->steps++;
            continue;
        }
        clean = !present;
        size_t count;
        const uint32_t *at = places(m, m->a.data[i], &count);
        m->steps += count + 1;
        for (size_t p = 0; p < count && at[p] < region->b_high; p++) {
            size_t j = at[p];
            if (j < region->b_low)
                continue;
            uint32_t run = (j > region->b_low ? m->lengths[j - 1] : 0) + 1;
            m->next[j] = run;
            if (run > best.size)
                best = (struct block){i + 1 - run, j + 1 - run, run};
        }
        uint32_t *old = m->lengths; /* of i - 1: emptied, it serves for i + 1 */
        m->lengths = m->next;
        m->next = old;
        if (i > region->a_low)
            empty(m, m->next, m->a.data[i - 1]);
    }
    if (region->a_high > region->a_low)
        empty(m, m->lengths, m->a.data[region->a_high - 1]);
    for (size_t j = region->b_low; j < region->b_high; j++)
        m->present[m->b.data[j]] = 0;
    return best;
}

/*
 * The same for a b that fits one word, without popular symbols: bits say where in b runs end that
 * end at a[i], of at least 1, 2, 3 and 4 + k symbols. Most end soon; the first three are worked out
 * without asking whether there is anything to work out.
 */
static struct block longest_short_run(struct matcher *m, const struct region *region)
{
    const uint64_t all = ~(uint64_t)0;
    const uint64_t part = all >> (WORD_BITS - region->b_high) & all << region->b_low;
    uint64_t one = 0, two = 0, three = 0, more[WORD_BITS] = {0};
    struct block best = {region->a_low, region->b_low, 0};
    size_t depth = 0; /* more[depth] and those behind it are 0 */
    for (size_t i = region->a_low; i < region->a_high; i++) {
        const uint64_t match = m->match[m->a.data[i]] & part;
        uint64_t next = three << 1 & match;
        three = two << 1 & match;
        two = one << 1 & match;
        one = match;
        size_t k = 0;
        for (; next; k++) {
            const uint64_t before = more[k];
            more[k] = next;
            next = before << 1 & match;
        }
        while (depth > k)
            more[--depth] = 0;
        depth = k;
        m->steps += 1 + k;
        const uint64_t longer = best.size > 2    ? more[best.size - 3]
                                : best.size == 2 ? three
                                : best.size == 1 ? two
                                                 : one;
        if (longer)
            best =
                (struct block){i - best.size, kvt_bits_lowest(longer) - best.size, best.size + 1};
    }
    return best;
}

/* difflib's find_longest_match: the longest run, then grown over any equal symbols beside it. */
static struct block longest_block(struct matcher *m, const struct region *region)
{
    struct block best = m->match ? longest_short_run(m, region) : longest_run(m, region);
    while (best.a > region->a_low && best.b > region->b_low &&
           m->a.data[best.a - 1] == m->b.data[best.b - 1]) {
        best.a--;
        best.b--;
        best.size++;
    }
    while (best.a + best.size < region->a_high && best.b + best.size < region->b_high &&
           m->a.data[best.a + best.size] == m->b.data[best.b + best.size])
        best.size++;
    return best;
}

/* Characters in matching blocks: the longest one, then left and right of it, and so on. */
static int matching(struct matcher *m, size_t *total, struct kvt_error *error)
{
    struct region *stack = NULL;
    size_t capacity = 0, depth = 0;
    int status = 0;
    *total = 0;
    kvt_grow(&stack, &capacity, depth, sizeof *stack);
    stack[depth++] = (struct region){0, m->a.count, 0, m->b.count};
    while (depth > 0) {
        struct region region = stack[--depth];
        struct block block = longest_block(m, &region);
        if (m->steps > STEPS_MAX) {
            status =
                kvt_fail(error, KVT_DATA,
                         "code_sim: comparing %zu with %zu characters takes more than %llu steps",
                         m->a.count, m->b.count, (unsigned long long)STEPS_MAX);
            break;
        }
        if (block.size == 0)
            continue;
        *total += block.size;
        size_t a_end = block.a + block.size, b_end = block.b + block.size;
        for (int side = 0; side < 2; side++) {
            struct region rest = region;
            if (side == 0)
                rest.a_high = block.a, rest.b_high = block.b;
            else
                rest.a_low = a_end, rest.b_low = b_end;
            if (rest.a_low < rest.a_high && rest.b_low < rest.b_high) {
                kvt_grow(&stack, &capacity, depth, sizeof *stack);
                stack[depth++] = rest;
            }
        }
    }
    free(stack);
    return status;
}

/* Marks the symbols that stand in more than 1% of a gold of at least 200 characters. */
static const uint32_t *popular_symbols(struct kvt_scratch *scratch, struct kvt_sequence b,
                                       uint32_t n)
{
    kvt_numbers_zero(&scratch->marks, n);
    kvt_numbers_zero(&scratch->counts, n);
    if (b.count >= AUTOJUNK_LENGTH) {
        size_t limit = b.count / 100 + 1;
        for (size_t j = 0; j < b.count; j++)
            scratch->counts.data[b.data[j]]++;
        for (uint32_t s = 0; s < n; s++)
            scratch->marks.data[s] = scratch->counts.data[s] > limit;
    }
    return scratch->marks.data;
}

/* Where each of the n symbols stands in b, or NULL if b does not fit a word. */
static const uint64_t *match_words(struct kvt_scratch *scratch, struct kvt_sequence b, uint32_t n)
{
    if (b.count > WORD_BITS)
        return NULL;
    uint64_t *match = kvt_scratch_bits(scratch, n);
    memset(match, 0, n * sizeof *match);
    for (size_t j = 0; j < b.count; j++)
        match[b.data[j]] |= (uint64_t)1 << j;
    return match;
}

static int difflib_ratio(struct kvt_scratch *scratch, struct kvt_sequence a, struct kvt_sequence b,
                         double *ratio, struct kvt_error *error)
{
    uint32_t n = n_symbols(scratch);
    kvt_numbers_zero(&scratch->rows, 2 * b.count);
    kvt_numbers_zero(&scratch->bounds, n);
    kvt_index_build(&scratch->index, b.data, b.count, n);
    struct matcher matcher = {.a = a,
                              .b = b,
                              .index = &scratch->index,
                              .match = match_words(scratch, b, n),
                              .popular = popular_symbols(scratch, b, n),
                              .lengths = scratch->rows.data,
                              .next = scratch->rows.data + b.count,
                              .present = scratch->bounds.data};
    size_t total;
    int status = matching(&matcher, &total, error);
    kvt_index_clear(&scratch->index, b.data, b.count);
    *ratio = 2.0 * (double)total / (double)(a.count + b.count);
    return status;
}

static int code_sim(struct kvt_scratch *scratch, const struct kvt_comparison *pair, bool indel,
                    double *value, struct kvt_error *error)
{
    kvt_words_clear(&scratch->words);
    struct kvt_sequence a = characters(scratch, pair->prediction, &scratch->a);
    struct kvt_sequence b = characters(scratch, pair->gold, &scratch->b);
    *value = equal(a, b);
    if (*value == 1 || a.count == 0 || b.count == 0)
        return 0;
    double ratio;
    if (indel) {
        kvt_index_build(&scratch->index, b.data, b.count, n_symbols(scratch));
        size_t common = kvt_lcs_length(scratch, a, b);
        kvt_index_clear(&scratch->index, b.data, b.count);
        /* In the order of operations of the library, which decides halves: 1 - distance / both. */
        size_t both = a.count + b.count;
        ratio = 1 - (double)(both - 2 * common) / (double)both;
    } else if (difflib_ratio(scratch, a, b, &ratio, error) != 0) {
        return -1;
    }
    *value = percent(ratio);
    return 0;
}

int kvt_metric_code_difflib(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                            double *value, struct kvt_error *error)
{
    return code_sim(scratch, pair, false, value, error);
}

int kvt_metric_code_indel(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                          double *value, struct kvt_error *error)
{
    return code_sim(scratch, pair, true, value, error);
}

void kvt_explain_code(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                      struct kvt_writer *writer)
{
    (void)scratch;
    kvt_write_key(writer, "line");
    kvt_write_string_n(writer, pair->prediction.data, pair->prediction.length);
}
