#include "text/normalize.h"

#include "core/bits.h"
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

/* Tokens are looked for in blocks, one bit a byte; copying goes up to a step beyond. */
enum { STEP = 16 };

/* A token of ASCII letters and digits. The steps may go beyond it at both ends. */
static void put_letters(struct builder *builder, const char *text, size_t length)
{
    struct kvt_buffer *out = builder->out;
    char *to = out->data + out->length;
    *to = ' ';
    to += builder->count > 0;
    for (size_t at = 0; at < length; at += STEP) {
        uint64_t bytes[STEP / 8];
        memcpy(bytes, text + at, STEP);
        for (size_t i = 0; i < STEP / 8; i++)
            bytes[i] |= 0x2020202020202020u; /* digits have the bit already */
        memcpy(to + at, bytes, STEP);
    }
    if (!is_article(first_four(text) | 0x20202020, length)) {
        out->length = (size_t)(to - out->data) + length;
        builder->count++;
    }
    builder->run = out->length;
}

/*
 * The whole tokens at the block's start that are letters and digits with nothing but punctuation
 * around them, which most are. KVT_BLOCK + STEP bytes are there. Returns the bytes taken.
 */
static unsigned put_block(struct builder *builder, const char *block)
{
    const uint64_t letters = kvt_block_between(block, 'a', 'z') |
                             kvt_block_between(block, 'A', 'Z') |
                             kvt_block_between(block, '0', '9');
    const uint64_t printed = kvt_block_between(block, '!', '~'); /* letters and punctuation */
    unsigned at = 0;
    uint64_t ends = kvt_block_equal(block, ' ') | kvt_block_equal(block, '\n');
    for (; ends; ends &= ends - 1) {
        const unsigned end = kvt_bits_lowest(ends);
        const uint64_t token = ((uint64_t)1 << end) - ((uint64_t)1 << at);
        if (token & ~printed)
            break;
        const uint64_t left = letters & token; /* of the token, when normalised */
        if (left == token) {
            if (left)
                put_letters(builder, block + at, end - at);
        } else if (left) {
            const unsigned start = kvt_bits_lowest(left);
            const unsigned length = kvt_bits_lowest(~(left >> start));
            if (left >> start >> length) /* punctuation inside: "a-b" is one token */
                break;
            put_letters(builder, block + start, length);
        }
        at = end + 1;
    }
    return at;
}

/* The same for what is left of the text; white space after its end changes nothing. */
static size_t put_tokens(struct builder *builder, const char *text, size_t length)
{
    if (length >= KVT_BLOCK + STEP)
        return put_block(builder, text);
    char block[KVT_BLOCK + STEP];
    memcpy(block, text, length);
    memset(block + length, ' ', sizeof block - length);
    size_t taken = put_block(builder, block);
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

size_t kvt_normalize_english(struct kvt_buffer *out, const char *text, size_t length)
{
    kvt_buffer_reserve(out, KVT_NORMALIZE_ROOM(length));
    struct builder builder = {.out = out, .token = out->length, .run = out->length};
    for (size_t at = 0; at < length;) {
        size_t taken = builder.in_token ? 0 : put_tokens(&builder, text + at, length - at);
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
    out->data[out->length] = '\0';
    return builder.count;
}
