/* text/normalize_body.h: English normalisation, for the kernels that include this. */
#include "core/bits.h"
#include "text/normalize.h"
#include "text/unicode.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * What is left of an ASCII byte: its lower case, ' ' for white space, GONE for punctuation ("_" is
 * punctuation here), and OTHER for control characters, which belong to a token but not to a word.
 */
enum { GONE = 0, OTHER = 1 };
/* clang-format off */
static const unsigned char ascii[128] = {
    OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, /* 0x00 */
    OTHER, ' ', ' ', ' ', ' ', ' ', OTHER, OTHER, /* 0x08 */
    OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, /* 0x10 */
    OTHER, OTHER, OTHER, OTHER, ' ', ' ', ' ', ' ', /* 0x18 */
    ' ', GONE, GONE, GONE, GONE, GONE, GONE, GONE, /* 0x20 */
    GONE, GONE, GONE, GONE, GONE, GONE, GONE, GONE, /* 0x28 */
    '0', '1', '2', '3', '4', '5', '6', '7', /* 0x30 */
    '8', '9', GONE, GONE, GONE, GONE, GONE, GONE, /* 0x38 */
    GONE, 'a', 'b', 'c', 'd', 'e', 'f', 'g', /* 0x40 */
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', /* 0x48 */
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', /* 0x50 */
    'x', 'y', 'z', GONE, GONE, GONE, GONE, GONE, /* 0x58 */
    GONE, 'a', 'b', 'c', 'd', 'e', 'f', 'g', /* 0x60 */
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', /* 0x68 */
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', /* 0x70 */
    'x', 'y', 'z', GONE, GONE, GONE, GONE, OTHER, /* 0x78 */
};
/* clang-format on */

/*
 * The text being built. \b(a|an|the)\b takes a whole run of \w characters, so an article is known
 * when its run ends; the space that replaces it ends the token too.
 */
struct builder {
    struct kvt_buffer *out;
    size_t token; /* where the current token starts */
    size_t run;   /* where the current run of \w characters starts; out->length if there is none */
    size_t count; /* tokens ended */
    bool in_token;
};

static uint32_t first_four(const char *text)
{
    uint32_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

/* `word`: the first four bytes at it, in lower case, those beyond its length included. Compared
 * without branches: lengths of words cannot be predicted. */
static bool is_article(uint32_t word, size_t length)
{
    static const unsigned char masks[5][4] = {
        {0}, {255}, {255, 255}, {255, 255, 255}, {255, 255, 255, 255}};
    word &= first_four((const char *)masks[length < 4 ? length : 4]);
    int a = word == first_four("a\0\0"), an = word == first_four("an\0");
    int the = word == first_four("the");
    return (a | an | the) != 0;
}

static void end_token(struct builder *builder)
{
    if (builder->in_token && builder->out->length > builder->token)
        builder->count++;
    else if (builder->in_token && builder->count > 0)
        builder->out->length--; /* nothing was left of the token: its separator goes */
    builder->in_token = false;
    builder->run = builder->out->length;
}

/* The run of \w characters ends here. */
static void end_run(struct builder *builder)
{
    struct kvt_buffer *out = builder->out;
    if (is_article(first_four(out->data + builder->run), out->length - builder->run)) {
        out->length = builder->run;
        end_token(builder);
    }
    builder->run = out->length;
}

static void begin_token(struct builder *builder)
{
    struct kvt_buffer *out = builder->out;
    if (builder->in_token)
        return;
    if (builder->count > 0)
        out->data[out->length++] = ' ';
    builder->in_token = true;
    builder->token = builder->run = out->length;
}

static void put(struct builder *builder, const char *bytes, size_t length, bool word)
{
    struct kvt_buffer *out = builder->out;
    if (!word)
        end_run(builder);
    begin_token(builder);
    memcpy(out->data + out->length, bytes, length);
    out->length += length;
    if (!word)
        builder->run = out->length;
}

/*
 * A block that starts where no token is under way, one bit a byte, as far as its last white space
 * before anything that is not a letter, a digit, ASCII punctuation, a space or a newline.
 */
struct block {
    uint64_t kept; /* letters and digits */
    uint64_t gone; /* punctuation */
    uint64_t white;
    uint64_t blanks;        /* of the white space, what is a blank already */
    uint64_t a, n, t, h, e; /* of articles, in either case */
};

static uint64_t below(unsigned end) /* end < KVT_BLOCK */
{
    return ((uint64_t)1 << end) - 1;
}

static uint64_t up_to(unsigned last)
{
    return ((uint64_t)2 << last) - 1;
}

/* `within`: the bytes that belong to the text; others count as blanks, which change nothing behind
 * its end. There the other marks change nothing either, but that "th" is not followed by an e. */
static void mark_block(struct block *block, const char *bytes, uint64_t within)
{
    uint64_t printed = 0, newlines = 0;
    *block = (struct block){0};
    KVT_UNROLL
    for (unsigned at = 0; at < KVT_BLOCK; at += KVT_PIECE) {
        const kvt_piece piece = kvt_piece_load(bytes + at), small = kvt_piece_fold(piece);
        block->kept |= (kvt_piece_between(small, 'a', 'z') | kvt_piece_between(piece, '0', '9'))
                       << at;
        printed |= kvt_piece_between(piece, '!', '~') << at;
        block->blanks |= kvt_piece_equal(piece, ' ') << at;
        newlines |= kvt_piece_equal(piece, '\n') << at;
        block->a |= kvt_piece_equal(small, 'a') << at;
        block->n |= kvt_piece_equal(small, 'n') << at;
        block->t |= kvt_piece_equal(small, 't') << at;
        block->h |= kvt_piece_equal(small, 'h') << at;
        block->e |= kvt_piece_equal(small, 'e') << at;
    }
    block->kept &= within;
    block->e &= within;
    block->blanks |= ~within;
    const uint64_t others = ~(printed | block->blanks | newlines);
    block->white = (block->blanks | newlines) & ((others & -others) - 1);
    block->gone = printed & ~block->kept;
}

/* Leaves these bytes in the block, which end with white space. */
static void cut_block(struct block *block, uint64_t bytes)
{
    block->kept &= bytes;
    block->gone &= bytes;
    block->white &= bytes;
}

/* The letters and digits with which tokens begin. */
static uint64_t token_starts(const struct block *block)
{
    const uint64_t places = block->white << 1 | 1;
    /* Adding carries from the first punctuation of a token to what is behind the last in a row. */
    const uint64_t behind = (block->gone + (block->gone & places)) & ~block->gone;
    return ((places & ~block->gone) | behind) & block->kept;
}

/* The letters of articles that have white space at both sides. */
static uint64_t plain_articles(const struct block *block)
{
    const uint64_t places = block->white << 1 | 1;
    const uint64_t a = block->a & places & block->white >> 1;
    const uint64_t an = block->a & places & block->n >> 1 & block->white >> 2;
    const uint64_t the = block->t & places & block->h >> 1 & block->e >> 2 & block->white >> 3;
    return a | an | an << 1 | the | the << 1 | the << 2;
}

/*
 * The letters of articles with punctuation at them, which is next to their first letter or behind
 * one of three. Where something may become one when its parts come together ("t-h-e"), the block
 * is cut.
 */
static uint64_t pointed_articles(struct block *block, uint64_t starts, const char *bytes)
{
    const uint64_t gone = block->gone, near = gone << 1 | gone >> 1 | gone >> 2 | gone >> 3;
    uint64_t articles = 0;
    for (uint64_t left = starts & (block->a | block->t) & near; left; left &= left - 1) {
        const unsigned start = kvt_bits_lowest(left);
        const unsigned end = kvt_bits_lowest(block->white >> start) + start;
        const uint64_t kept = block->kept & below(end) & ~below(start);
        const unsigned length = kvt_bits_lowest(~(kept >> start));
        if (kept >> start >> length) {
            if (kvt_bits_count(kept) > strlen("the"))
                continue;
            const uint64_t before = block->white & below(start);
            cut_block(block, before ? up_to(kvt_bits_highest(before)) : 0);
            break;
        }
        if (is_article(first_four(bytes + start) | 0x20202020, length))
            articles |= kept;
    }
    return articles;
}

/* Appends the bytes of the block that are set, in lower case. Goes a block beyond at both ends,
 * which takes less time than to find out how much is needed. */
static void copy_bytes(struct kvt_buffer *out, const char *bytes, uint64_t set)
{
    char *to = out->data + out->length;
    while (set) {
        const unsigned start = kvt_bits_lowest(set);
        KVT_UNROLL
        for (unsigned at = 0; at < KVT_BLOCK; at += KVT_PIECE) /* digits have the bit already */
            kvt_piece_store(to + at, kvt_piece_fold(kvt_piece_load(bytes + start + at)));
        to += kvt_bits_lowest(~(set >> start));
        set &= set + ((uint64_t)1 << start);
    }
    out->length = (size_t)(to - out->data);
}

/*
 * Appends the tokens that are whole at the block's start, one space before each: the byte before
 * the first letter of a token, which is white space or punctuation, serves as its space. Two blocks
 * are there, and room for as many bytes. Returns the bytes taken.
 */
static unsigned put_block(struct builder *builder, const char *bytes, uint64_t within)
{
    struct kvt_buffer *out = builder->out;
    struct block block;
    mark_block(&block, bytes, within);
    if (!block.white)
        return 0;
    const uint64_t white = block.white;
    const unsigned last = kvt_bits_highest(white);
    cut_block(&block, up_to(last));
    uint64_t starts = token_starts(&block);
    const uint64_t pointed = pointed_articles(&block, starts, bytes);
    const uint64_t letters = block.kept & ~pointed & ~plain_articles(&block);
    starts &= letters;
    if (starts & 1 && builder->count > 0)
        out->data[out->length++] = ' ';
    const uint64_t spaces = (builder->count > 0 ? starts : starts & (starts - 1)) >> 1;
    char *to = out->data + out->length;
    copy_bytes(out, bytes, letters | spaces);
    for (uint64_t other = spaces & ~block.blanks; other; other &= other - 1)
        to[kvt_bits_count((letters | spaces) & below(kvt_bits_lowest(other)))] = ' ';
    builder->count += kvt_bits_count(starts);
    builder->run = out->length;
    if (block.white == white) /* as mostly: finding the highest bit takes its time */
        return last + 1;
    return block.white ? kvt_bits_highest(block.white) + 1 : 0;
}

/* The same for what is left of the text, from which on `readable` bytes can be read. */
static size_t put_tokens(struct builder *builder, const char *text, size_t length, size_t readable)
{
    const uint64_t within = length < KVT_BLOCK ? below((unsigned)length) : ~(uint64_t)0;
    char copy[2 * KVT_BLOCK];
    if (readable < sizeof copy) {
        memset(copy, ' ', sizeof copy);
        memcpy(copy, text, length < sizeof copy ? length : sizeof copy);
        text = copy;
    }
    const size_t taken = put_block(builder, text, within);
    return taken < length ? taken : length;
}

/* A run of ASCII letters and digits, with the punctuation in it; returns the bytes it takes. */
static size_t put_word(struct builder *builder, const unsigned char *text, size_t length)
{
    begin_token(builder);
    char *start = builder->out->data + builder->out->length, *to = start;
    size_t at = 0;
    for (; at < length && text[at] < 0x80; at++) {
        unsigned char c = ascii[text[at]];
        if (c == ' ' || c == OTHER)
            break;
        *to = (char)c;
        to += c != GONE;
    }
    builder->out->length += (size_t)(to - start);
    return at;
}

static void end_word(struct builder *builder)
{
    end_run(builder);
    end_token(builder);
}

/* A character beyond ASCII; its lower case may be two characters. Returns the bytes it takes. */
static size_t put_other(struct builder *builder, const char *text, size_t length, size_t at)
{
    char lower[KVT_LOWER_SIZE];
    size_t n, step = kvt_unicode_lower_one(text, length, at, lower, &n);
    for (size_t used = 0; used < n;) {
        uint32_t c;
        size_t width = kvt_unicode_next(lower + used, n - used, &c);
        if (c < 0x80)
            put(builder, lower + used, width, true); /* the i of U+0130, the k of U+212A */
        else if (kvt_unicode_space(c))
            end_word(builder);
        else
            put(builder, lower + used, width, kvt_unicode_word(c));
        used += width;
    }
    return step;
}

static size_t normalize_english(struct kvt_buffer *out, const char *text, size_t length,
                                size_t readable)
{
    kvt_buffer_reserve(out, KVT_NORMALIZE_ROOM(length));
    struct builder builder = {.out = out, .token = out->length, .run = out->length};
    for (size_t at = 0; at < length;) {
        size_t taken =
            builder.in_token ? 0 : put_tokens(&builder, text + at, length - at, readable - at);
        at += taken;
        if (taken)
            continue;
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x80) {
            at += put_other(&builder, text, length, at);
        } else if (ascii[c] > ' ') {
            at += put_word(&builder, (const unsigned char *)text + at, length - at);
        } else {
            if (ascii[c] == ' ')
                end_word(&builder);
            else if (ascii[c] == OTHER)
                put(&builder, text + at, 1, false);
            at++;
        }
    }
    end_word(&builder);
    kvt_pieces_done();
    out->data[out->length] = '\0';
    return builder.count;
}
