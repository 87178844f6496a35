#include "token/split_ascii.h"

#include "core/bits.h"

#include <stdint.h>

/* What the bytes of a block are; bit i says something of byte i. */
struct block {
    uint64_t letters, numbers, spaces; /* all white space; what is none of these is a mark */
    uint64_t blanks, newlines;         /* of the white space: U+0020; CR and LF */
    uint64_t apostrophes;
    uint64_t ascii; /* the bytes before the first that is beyond ASCII */
};

static struct block read_block(const char *text)
{
    struct block block;
    uint64_t beyond = ~kvt_block_between(text, 0, 0x7f);
    block.letters = kvt_block_between(text, 'a', 'z') | kvt_block_between(text, 'A', 'Z');
    block.numbers = kvt_block_between(text, '0', '9');
    block.blanks = kvt_block_equal(text, ' ');
    block.newlines = kvt_block_equal(text, '\n') | kvt_block_equal(text, '\r');
    block.spaces = kvt_block_between(text, '\t', '\r') | block.blanks;
    block.apostrophes = kvt_block_equal(text, '\'');
    block.ascii = (beyond & (0 - beyond)) - 1;
    return block;
}

static uint64_t marks_of(const struct block *block)
{
    return ~(block->letters | block->numbers | block->spaces);
}

/* The bits whose left neighbour is set. */
static uint64_t behind(uint64_t bits)
{
    return bits << 1;
}

/* The first bit of each run. */
static uint64_t firsts(uint64_t runs)
{
    return runs & ~behind(runs);
}

/*
 * The last bit of each run, but for one that reaches the end of the word: whether that run goes on
 * is not known, and known_starts() leaves it out.
 */
static uint64_t lasts(uint64_t runs)
{
    return runs & ~(runs >> 1);
}

/* Every third number of a run, from the fourth on. */
static uint64_t thirds(uint64_t numbers)
{
    uint64_t starts = 0;
    uint64_t rest = numbers & numbers << 1 & numbers << 2 & numbers << 3;
    while (rest) {
        uint64_t next = rest & (0 - rest);
        starts |= next;
        rest &= ~(next | next << 1 | next << 2);
    }
    return starts;
}

/* The contractions at these apostrophes, which start pieces, become pieces. */
static uint64_t cut_contractions(uint64_t starts, uint64_t apostrophes, const char *text,
                                 size_t length, size_t at, bool fold)
{
    for (; apostrophes; apostrophes &= apostrophes - 1) {
        unsigned place = kvt_bits_lowest(apostrophes);
        size_t width = kvt_split_contraction(text, length, at + place, fold);
        if (!width)
            continue;
        starts &= ~(UINT64_C(2) << place);
        starts |= place + width < KVT_BLOCK ? UINT64_C(1) << (place + width) : 0;
    }
    return starts;
}

/*
 * White space where newlines bind what precedes them: marks take the newlines behind them; what is
 * left of a run is cut behind its last newline, and its last character goes with what follows or is
 * a piece, unless it is a newline.
 */
static uint64_t space_starts(const struct block *block, uint64_t marks)
{
    uint64_t newlines = block->newlines;
    /* From each newline behind a mark the sum carries through the newlines that follow it. */
    uint64_t taken = newlines & ~(newlines + (newlines & behind(marks)));
    uint64_t left = block->spaces & ~taken, others = block->spaces & ~newlines;
    uint64_t behind_newline = others & behind(newlines);
    for (uint64_t before = others & newlines >> 1; before; before &= before - 1) {
        /* A run of others between newlines is within a piece. */
        unsigned end = kvt_bits_lowest(before);
        uint64_t not_others = ~others & ((UINT64_C(1) << end) - 1);
        if (not_others) /* else the run starts the block, and a piece with it */
            behind_newline &= ~(UINT64_C(2) << kvt_bits_highest(not_others));
    }
    return firsts(left) | behind_newline | (others & lasts(block->spaces));
}

/*
 * Starts of pieces of the Llama-3 pattern. A mark by itself, or a blank, tab or the like as the
 * last of its run, takes the letters behind it; a blank takes the marks behind it; marks in a row
 * stay together and leave the letters behind them alone.
 */
static uint64_t llama3_starts(const struct block *block, const char *text, size_t length, size_t at,
                              bool threes)
{
    uint64_t marks = marks_of(block);
    uint64_t mark_starts = firsts(marks) & ~behind(block->blanks);
    uint64_t prefixes = mark_starts | (block->spaces & ~block->newlines);
    uint64_t starts = mark_starts | (firsts(block->letters) & ~behind(prefixes));
    starts |= threes ? firsts(block->numbers) | thirds(block->numbers) : block->numbers;
    starts |= space_starts(block, marks);
    return cut_contractions(starts, mark_starts & block->apostrophes & block->letters >> 1, text,
                            length, at, true);
}

/* Of the GPT-2 pattern: a blank takes what is behind it; a run of white space leaves it one. */
static uint64_t gpt2_starts(const struct block *block, const char *text, size_t length, size_t at)
{
    uint64_t marks = marks_of(block), alone = ~behind(block->blanks);
    uint64_t mark_starts = firsts(marks) & alone;
    uint64_t starts = mark_starts | ((firsts(block->letters) | firsts(block->numbers)) & alone);
    starts |= firsts(block->spaces) | lasts(block->spaces);
    return cut_contractions(starts, mark_starts & block->apostrophes & block->letters >> 1, text,
                            length, at, false);
}

/* The starts that nothing behind the block can change: white space at its end may go on. */
static uint64_t known_starts(const struct block *block, uint64_t starts)
{
    uint64_t others = ~block->spaces & block->ascii;
    if (!others)
        return 0;
    uint64_t run = UINT64_C(2) << kvt_bits_highest(others); /* its first bit; 0: beyond the block */
    return starts & block->ascii & (run | (run - 1)) & ~UINT64_C(1);
}

static size_t put_ends(uint64_t starts, size_t at, size_t *ends, size_t most)
{
    size_t count = 0;
    for (; starts && count < most; starts &= starts - 1)
        ends[count++] = at + kvt_bits_lowest(starts);
    return count;
}

/* Where `starts` says a piece starts, the one before it ends. */
#define SPLIT_ASCII(family, starts)                                                                \
    size_t kvt_split_ascii_##family(const char *text, size_t length, size_t at, size_t *ends,      \
                                    size_t most)                                                   \
    {                                                                                              \
        if (length - at < KVT_BLOCK)                                                               \
            return 0;                                                                              \
        const struct block block = read_block(text + at);                                          \
        return put_ends(known_starts(&block, starts), at, ends, most);                             \
    }
SPLIT_ASCII(gpt2, gpt2_starts(&block, text, length, at))
SPLIT_ASCII(llama3, llama3_starts(&block, text, length, at, true))
SPLIT_ASCII(qwen2, llama3_starts(&block, text, length, at, false))
