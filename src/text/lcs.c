#include "text/lcs.h"

#include "core/bits.h"
#include "core/error.h"
#include "core/memory.h"
#include "text/metrics.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64, BLOCK_WORDS = 1 << 17 /* rows kept at once: 1 MiB */ };

struct table {
    const struct kvt_index *index; /* of y */
    struct kvt_sequence x, y;
    size_t words;          /* 64-bit words of one row */
    const uint32_t *place; /* of the dense vector of a symbol that stands often in y */
    uint64_t *dense;       /* match vectors, `words` each; NULL if no symbol stands often */
    uint64_t *match;       /* match vector of the current symbol, zeros between uses */
};

static void set_matches(const struct table *table, uint32_t symbol, uint64_t *vector)
{
    const uint32_t *at = table->index->positions.data + table->index->start.data[symbol];
    for (uint32_t i = 0; i < table->index->count.data[symbol]; i++)
        vector[at[i] / WORD_BITS] |= (uint64_t)1 << at[i] % WORD_BITS;
}

static void clear_matches(const struct table *table, uint32_t symbol, uint64_t *vector)
{
    const uint32_t *at = table->index->positions.data + table->index->start.data[symbol];
    for (uint32_t i = 0; i < table->index->count.data[symbol]; i++)
        vector[at[i] / WORD_BITS] = 0;
}

/* Often: setting its bits costs more than a row. At most 64 symbols can stand so often. */
static bool often(const struct table *table, uint32_t symbol)
{
    return table->index->count.data[symbol] > table->words;
}

/* The next row of the table (may be the same memory). A bit of a row is 0 where the row grows by
 * one. */
static void advance(const struct table *table, uint32_t symbol, const uint64_t *row, uint64_t *next)
{
    if (table->index->count.data[symbol] == 0) { /* not in y: the row stays */
        if (next != row)
            memcpy(next, row, table->words * sizeof *row);
        return;
    }
    bool is_dense = table->dense && often(table, symbol);
    const uint64_t *match =
        is_dense ? table->dense + table->place[symbol] * table->words : table->match;
    if (!is_dense)
        set_matches(table, symbol, table->match);
    uint64_t carry = 0;
    for (size_t w = 0; w < table->words; w++) {
        uint64_t v = row[w], sum = v + (v & match[w]);
        uint64_t over = sum < v;
        sum += carry;
        over |= sum < carry;
        next[w] = sum | (v & ~match[w]);
        carry = over;
    }
    if (!is_dense)
        clear_matches(table, symbol, table->match);
}

/* Numbers the symbols of y that stand often; scratch->rows gets their places. Returns how many. */
static size_t number_dense(struct table *table, struct kvt_scratch *scratch)
{
    size_t count = 0;
    if (table->words == 1)
        return 0;
    if (scratch->rows.count < scratch->index.count.count)
        kvt_numbers_zero(&scratch->rows, scratch->index.count.count);
    for (size_t j = 0; j < table->y.count; j++) {
        uint32_t symbol = table->y.data[j];
        bool first = table->index->positions.data[table->index->start.data[symbol]] == j;
        if (first && often(table, symbol))
            scratch->rows.data[symbol] = (uint32_t)count++;
    }
    table->place = scratch->rows.data;
    return count;
}

/* Lays out the working memory: match vector, dense vectors, then `more` rows for the caller. */
static uint64_t *open_table(struct table *table, struct kvt_scratch *scratch, struct kvt_sequence x,
                            struct kvt_sequence y, size_t more)
{
    *table = (struct table){.index = &scratch->index, .x = x, .y = y};
    table->words = (y.count + WORD_BITS - 1) / WORD_BITS;
    size_t n_dense = number_dense(table, scratch), total;
    if (!kvt_size_mul(table->words, more + n_dense + 1, &total))
        kvt_die(KVT_SYSTEM, "out of memory (a table of %zu x %zu)", x.count, y.count);
    uint64_t *bits = kvt_scratch_bits(scratch, total);
    memset(bits, 0, table->words * (n_dense + 1) * sizeof *bits);
    table->match = bits;
    if (n_dense)
        table->dense = bits + table->words;
    for (size_t j = 0; n_dense && j < y.count; j++)
        if (often(table, y.data[j]))
            table->dense[table->place[y.data[j]] * table->words + j / WORD_BITS] |=
                (uint64_t)1 << j % WORD_BITS;
    return bits + table->words * (n_dense + 1);
}

size_t kvt_lcs_length(struct kvt_scratch *scratch, struct kvt_sequence x, struct kvt_sequence y)
{
    if (x.count == 0 || y.count == 0)
        return 0;
    struct table table;
    uint64_t *row = open_table(&table, scratch, x, y, 1);
    size_t words = table.words;
    memset(row, 0xff, words * sizeof *row);
    for (size_t i = 0; i < x.count; i++)
        advance(&table, x.data[i], row, row);
    size_t length = 0;
    for (size_t w = 0; w < words; w++)
        length += kvt_bits_count(~row[w]); /* bits past y stay 1: nothing matches there */
    return length;
}

static bool grows(const uint64_t *row, size_t j)
{
    return (row[j / WORD_BITS] >> j % WORD_BITS & 1) == 0;
}

/* Walks back through rows first..*i of the block, marking matches. Rows and columns count from 1.
 */
static void walk(const struct table *table, const uint64_t *block, size_t first, size_t *i,
                 size_t *j, uint32_t *marks)
{
    while (*i >= first && *i > 0 && *j > 0) {
        uint32_t symbol = table->x.data[*i - 1];
        if (symbol == table->y.data[*j - 1]) {
            marks[symbol] = 1;
            --*i;
            --*j;
        } else if (grows(block + (*i - first) * table->words, *j - 1)) {
            /* Here the left neighbour is smaller, so the upper one must be as large as this cell.
             */
            --*i;
        } else {
            --*j;
        }
    }
}

static unsigned highest_bit(uint64_t v)
{
#if defined(__GNUC__)
    return 63u - (unsigned)__builtin_clzll(v);
#else
    unsigned bit = 0;
    while (v >>= 1)
        bit++;
    return bit;
#endif
}

/*
 * The same for y of up to 64 symbols, which sentences have: a row is one word, and the walk jumps
 * over all columns where it can only go left: those that neither match nor grow.
 */
static void mark_short(struct kvt_scratch *scratch, struct kvt_sequence x, struct kvt_sequence y,
                       uint32_t *marks)
{
    const struct kvt_index *index = &scratch->index;
    uint64_t *rows = kvt_scratch_bits(scratch, 2 * x.count), *matches = rows + x.count;
    uint64_t row = ~(uint64_t)0;
    for (size_t i = 0; i < x.count; i++) {
        uint64_t match = 0;
        const uint32_t *at = index->positions.data + index->start.data[x.data[i]];
        for (uint32_t k = 0; k < index->count.data[x.data[i]]; k++)
            match |= (uint64_t)1 << at[k];
        row = (row + (row & match)) | (row & ~match);
        rows[i] = row;
        matches[i] = match;
    }
    uint64_t left = ~(uint64_t)0 >> (WORD_BITS - y.count); /* columns not passed yet */
    for (size_t i = x.count; i-- > 0;) {
        uint64_t stops = (matches[i] | ~rows[i]) & left;
        if (!stops)
            break;
        unsigned j = highest_bit(stops);
        left = j == WORD_BITS - 1 ? left : left & (((uint64_t)1 << (j + 1)) - 1);
        if (matches[i] >> j & 1) {
            marks[x.data[i]] = 1;
            left &= ~((uint64_t)1 << j);
        }
    }
}

void kvt_lcs_mark(struct kvt_scratch *scratch, struct kvt_sequence x, struct kvt_sequence y,
                  uint32_t *marks)
{
    if (x.count == 0 || y.count == 0)
        return;
    if (y.count <= WORD_BITS) {
        mark_short(scratch, x, y, marks);
        return;
    }
    size_t words = (y.count + WORD_BITS - 1) / WORD_BITS;
    size_t per_block = BLOCK_WORDS / words;
    while (per_block == 0 || per_block < x.count / (per_block + 1))
        per_block++; /* at least sqrt(x.count) rows, so that the checkpoints are no more than that
                      */
    if (per_block > x.count)
        per_block = x.count;
    size_t blocks = (x.count + per_block - 1) / per_block;
    struct table table;
    uint64_t *starts =
        open_table(&table, scratch, x, y, blocks + per_block); /* rows before blocks */
    uint64_t *block = starts + blocks * words;
    memset(starts, 0xff, words * sizeof *starts);
    for (size_t b = 1; b < blocks; b++) {
        uint64_t *start = starts + b * words;
        memcpy(start, start - words, words * sizeof *start);
        for (size_t i = (b - 1) * per_block; i < b * per_block; i++)
            advance(&table, x.data[i], start, start);
    }
    size_t i = x.count, j = y.count;
    for (size_t b = blocks; b-- > 0 && j > 0;) {
        const uint64_t *before = starts + b * words;
        for (size_t r = 0, row = b * per_block; row < i; r++, row++) {
            advance(&table, x.data[row], before, block + r * words);
            before = block + r * words;
        }
        walk(&table, block, b * per_block + 1, &i, &j, marks);
    }
}
