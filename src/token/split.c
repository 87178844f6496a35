#include "token/split.h"

#include "token/ascii.h"
#include "token/split_ascii.h"
#include "token/unicode.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WORDLIKE = KVT_LETTER | KVT_NUMBER | KVT_SPACE };

static size_t step(const char *text, size_t length, size_t at, uint8_t *flags)
{
    return kvt_unicode_next((const unsigned char *)text + at, length - at, flags);
}

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

/* End of the run of characters that have one of the flags `any`, from `at`. */
static size_t run_of(const char *text, size_t length, size_t at, uint8_t any)
{
    uint8_t flags;
    while (at < length) {
        size_t width = step(text, length, at, &flags);
        if (!(flags & any))
            break;
        at += width;
    }
    return at;
}

/* \p{L}* */
static inline size_t letters(const char *text, size_t length, size_t at)
{
    at = kvt_letters_end(text, length, at);
    return at == length || is_ascii(text[at]) ? at : run_of(text, length, at, KVT_LETTER);
}

/* End of the run of characters that have none of the flags. */
static inline size_t run_without(const char *text, size_t length, size_t at, uint8_t none)
{
    uint8_t flags;
    while (at < length && is_ascii(text[at]) &&
           !(kvt_unicode_flags[(unsigned char)text[at]] & none))
        at++;
    if (at == length || is_ascii(text[at]))
        return at;
    while (at < length) {
        size_t width = step(text, length, at, &flags);
        if (flags & none)
            break;
        at += width;
    }
    return at;
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

/* [\r\n]* */
static size_t newlines(const char *text, size_t length, size_t at)
{
    while (at < length && is_newline(text[at]))
        at++;
    return at;
}

/*
 * A piece of white space that starts at `at`: \s+(?!\S)|\s+. The whole run at the end of the text,
 * else the run without its last character, which goes with what follows; one character alone is a
 * piece.
 */
static size_t space_piece(const char *text, size_t length, size_t at)
{
    uint8_t flags;
    size_t end = kvt_same_end(text, length, at, ' ');
    size_t last = end > at ? end - 1 : at; /* start of the last white space of the run */
    while (end < length) {
        size_t width = step(text, length, end, &flags);
        if (!(flags & KVT_SPACE))
            break;
        last = end;
        end += width;
    }
    return end < length && last > at ? last : end;
}

/*
 * White space where newlines bind what precedes them: \s*[\r\n]+|\s+(?!\S)|\s+. With `whole_end`, a
 * run that reaches the end of the text is one piece even if a newline is inside it (\s++$ comes
 * first).
 */
static size_t newline_space_piece(const char *text, size_t length, size_t at, bool whole_end)
{
    uint8_t flags;
    size_t end = kvt_same_end(text, length, at, ' '), after_newline = 0;
    size_t last = end > at ? end - 1 : at; /* start of the last white space of the run */
    while (end < length) {
        size_t width = step(text, length, end, &flags);
        if (!(flags & KVT_SPACE))
            break;
        last = end;
        end += width;
        if (is_newline(text[last]))
            after_newline = end;
    }
    if (whole_end && end == length)
        return end;
    if (after_newline)
        return after_newline;
    return end < length && last > at ? last : end;
}

static inline size_t gpt2(const char *text, size_t length, size_t at)
{
    uint8_t flags;
    size_t part = kvt_split_contraction(text, length, at, false);
    if (part)
        return at + part;
    size_t start = at;
    size_t width = step(text, length, at, &flags);
    if (text[at] == ' ' && at + 1 < length) {
        uint8_t next;
        size_t next_width = step(text, length, at + 1, &next);
        if (next & KVT_SPACE)
            return space_piece(text, length, start);
        at++;
        flags = next;
        width = next_width;
    }
    if (flags & KVT_LETTER)
        return letters(text, length, at + width);
    if (flags & KVT_NUMBER)
        return run_of(text, length, at + width, KVT_NUMBER);
    if (flags & KVT_SPACE)
        return space_piece(text, length, start);
    return run_without(text, length, at + width, WORDLIKE);
}

/* Up to `most` numbers from `at`; `most` >= 1 and text[at] is a number. */
static size_t digits(const char *text, size_t length, size_t at, int most)
{
    uint8_t flags;
    while (most-- > 0 && at < length) {
        size_t width = step(text, length, at, &flags);
        if (!(flags & KVT_NUMBER))
            break;
        at += width;
    }
    return at;
}

/*
 * Bytes of [^\r\n\p{L}\p{N}] at the start of a piece that ASCII alone decides, 0 or 1: an
 * apostrophe may begin a contraction and is left to those who know.
 */
static inline size_t ascii_lead(char c)
{
    static const uint64_t leads[4] = {
        ~(UINT64_C(1) << '\n' | UINT64_C(1) << '\r' | UINT64_C(1) << '\'' | UINT64_C(0x3ff) << '0'),
        ~(UINT64_C(0x3ffffff) << ('A' - 64) | UINT64_C(0x3ffffff) << ('a' - 64)),
    };
    unsigned byte = (unsigned char)c;
    return leads[byte >> 6] >> (byte & 63) & 1;
}

/* The Llama-3 pattern and its relatives; text[at] starts the piece. */
static inline size_t llama3_like(const char *text, size_t length, size_t at, int most_digits,
                                 bool whole_end)
{
    uint8_t flags, next = 0;
    size_t start = at + ascii_lead(text[at]), end = kvt_letters_end(text, length, start);
    if (end > start)
        return end == length || is_ascii(text[end]) ? end : run_of(text, length, end, KVT_LETTER);
    if (length - at >= 2 && is_ascii(text[at]) && is_ascii(text[at + 1]) && text[at] != '\'') {
        uint8_t here = kvt_unicode_flags[(unsigned char)text[at]];
        uint8_t behind = kvt_unicode_flags[(unsigned char)text[at + 1]];
        if (here & KVT_NUMBER)
            return digits(text, length, at, most_digits);
        if (here & KVT_SPACE) {
            if (text[at] != ' ' || behind & WORDLIKE)
                return newline_space_piece(text, length, at, whole_end);
            at++;
        }
        return newlines(text, length, run_without(text, length, at + 1, WORDLIKE));
    }
    size_t part = kvt_split_contraction(text, length, at, true);
    if (part)
        return at + part;
    size_t width = step(text, length, at, &flags);
    if (flags & KVT_LETTER)
        return letters(text, length, at + width);
    if (flags & KVT_NUMBER)
        return digits(text, length, at, most_digits);
    size_t after = at + width;
    size_t next_width = after < length ? step(text, length, after, &next) : 0;
    if (!is_newline(text[at]) && (next & KVT_LETTER))
        return letters(text, length, after + next_width);
    if (!(flags & KVT_SPACE))
        return newlines(text, length, run_without(text, length, after, WORDLIKE));
    if (text[at] == ' ' && after < length && !(next & WORDLIKE))
        return newlines(text, length, run_without(text, length, after + next_width, WORDLIKE));
    return newline_space_piece(text, length, at, whole_end);
}

static inline size_t llama3(const char *text, size_t length, size_t at)
{
    return llama3_like(text, length, at, 3, false);
}

static inline size_t qwen2(const char *text, size_t length, size_t at)
{
    return llama3_like(text, length, at, 1, false);
}

static inline size_t cl100k(const char *text, size_t length, size_t at)
{
    return llama3_like(text, length, at, 3, true);
}

/*
 * The letters of a word of the o200k pattern, from `at`:  U*W+ or else U+W*, where U = Lu Lt Lm Lo
 * M and W = Ll Lm Lo M. U* is greedy and gives back only as far as W+ needs: to the last character
 * that is in both. Returns `at` when neither alternative matches; *first tells whether the first
 * one did.
 */
static size_t o200k_letters(const char *text, size_t length, size_t at, bool *first)
{
    uint8_t flags = 0;
    size_t end = at, both_end = 0;
    while (end < length) {
        size_t width = step(text, length, end, &flags);
        if (!(flags & KVT_UPPER))
            break;
        end += width;
        if (flags & KVT_LOWER)
            both_end = end;
    }
    size_t lower_end = run_of(text, length, end, KVT_LOWER);
    *first = lower_end > end || both_end > 0;
    if (lower_end > end)
        return lower_end;
    return both_end ? both_end : end;
}

static size_t o200k_word(const char *text, size_t length, size_t at, uint8_t flags, size_t width)
{
    bool first = false, bare_first = false;
    bool prefix = !(flags & (KVT_LETTER | KVT_NUMBER)) && !is_newline(text[at]);
    size_t after = at + width;
    size_t end = prefix ? o200k_letters(text, length, after, &first) : after;
    bool prefixed = prefix && end > after;
    size_t bare = o200k_letters(text, length, at, &bare_first);
    /* Order of attempts: U*W+ with the prefix, without it; then U+W* with the prefix, without it.
     */
    if (!(prefixed && first) && bare > at && (bare_first || !prefixed))
        end = bare;
    else if (!prefixed)
        return at;
    if (end < length)
        end += kvt_split_contraction(text, length, end, true);
    return end;
}

static inline size_t o200k(const char *text, size_t length, size_t at)
{
    uint8_t flags, next = 0;
    size_t width = step(text, length, at, &flags);
    size_t end = o200k_word(text, length, at, flags, width);
    if (end > at)
        return end;
    if (flags & KVT_NUMBER)
        return digits(text, length, at, 3);
    size_t start = at;
    size_t after = at + width;
    if (text[at] == ' ' && after < length) {
        width = step(text, length, after, &next);
        if (!(next & WORDLIKE)) {
            start = after;
            flags = next;
        }
    }
    if (flags & KVT_SPACE)
        return newline_space_piece(text, length, at, false);
    end = run_without(text, length, start + width, WORDLIKE);
    while (end < length && (is_newline(text[end]) || text[end] == '/'))
        end++;
    return end;
}

static inline size_t visible_space(const char *text, size_t length, size_t at)
{
    for (at++; at < length; at++) {
        const char *found = memchr(text + at, 0xe2, length - at);
        if (!found)
            break;
        at = (size_t)(found - text);
        if (length - at >= 3 && memcmp(found, "\xe2\x96\x81", 3) == 0)
            return at;
    }
    return length;
}

static size_t no_block(const char *text, size_t length, size_t at, size_t *ends, size_t most)
{
    (void)text, (void)length, (void)at, (void)ends, (void)most;
    return 0;
}

/* The pieces of a family, one behind the other: by blocks of ASCII, and one by one between them. */
#define SPLIT(family, block)                                                                       \
    static size_t split_##family(const char *text, size_t length, size_t at, size_t *ends,         \
                                 size_t most)                                                      \
    {                                                                                              \
        size_t count = 0;                                                                          \
        while (count < most && at < length) {                                                      \
            size_t found = block(text, length, at, ends + count, most - count);                    \
            if (!found)                                                                            \
                ends[count + found++] = family(text, length, at);                                  \
            count += found;                                                                        \
            at = ends[count - 1];                                                                  \
        }                                                                                          \
        return count;                                                                              \
    }
SPLIT(gpt2, kvt_split_ascii_gpt2)
SPLIT(llama3, kvt_split_ascii_llama3)
SPLIT(qwen2, kvt_split_ascii_qwen2)
SPLIT(cl100k, kvt_split_ascii_llama3) /* they differ only where the text ends */
SPLIT(o200k, no_block)
SPLIT(visible_space, no_block)

kvt_split_function kvt_split_by_family(enum kvt_split_family family)
{
    static const kvt_split_function functions[KVT_SPLIT_FAMILIES] = {
        [KVT_SPLIT_GPT2] = split_gpt2,   [KVT_SPLIT_LLAMA3] = split_llama3,
        [KVT_SPLIT_QWEN2] = split_qwen2, [KVT_SPLIT_CL100K] = split_cl100k,
        [KVT_SPLIT_O200K] = split_o200k, [KVT_SPLIT_VISIBLE_SPACE] = split_visible_space,
    };
    return functions[family];
}

/* The patterns as published with the models; different spellings of one language are one family. */
#define CASED "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define O200K_HEAD                                                                                 \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"     \
    "+" CASED                                                                                      \
    "?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p"       \
    "{M}]*" CASED "?|"

static const struct {
    const char *pattern;
    enum kvt_split_family family;
} known_patterns[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     KVT_SPLIT_GPT2},
    {"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     KVT_SPLIT_GPT2},
    {"'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s",
     KVT_SPLIT_GPT2},
    {CASED
     "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
     "\\s+(?!\\S)|\\s+",
     KVT_SPLIT_LLAMA3},
    {CASED "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
           "\\s+(?!\\S)|\\s+",
     KVT_SPLIT_QWEN2},
    {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++"
     "[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
     KVT_SPLIT_CL100K},
    {O200K_HEAD "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     KVT_SPLIT_O200K},
};

int kvt_split_family_of(const char *pattern)
{
    for (size_t i = 0; i < sizeof known_patterns / sizeof *known_patterns; i++)
        if (strcmp(known_patterns[i].pattern, pattern) == 0)
            return (int)known_patterns[i].family;
    return -1;
}
