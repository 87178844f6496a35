/*
 * token/split_ascii.h: the pieces of a stretch of ASCII, found 64 bytes at a time: which bytes
 * start a piece is worked out for all of them at once, as bits of a word.
 *
 * Each function looks at no more than the block that starts at text[at], where a piece starts, and
 * sets the ends of those of its pieces that nothing behind the block, and nothing from its first
 * byte beyond ASCII on, can change. At most `most` of them; returns their number, 0 when there is
 * no such piece or the text ends before the block does. What is left is for those who go character
 * by character (token/split.c), and gives the same pieces.
 */
#ifndef KVT_TOKEN_SPLIT_ASCII_H
#define KVT_TOKEN_SPLIT_ASCII_H

#include <stdbool.h>
#include <stddef.h>

size_t kvt_split_ascii_gpt2(const char *text, size_t length, size_t at, size_t *ends, size_t most);
/* The Llama-3 pattern and its relatives: numbers in threes, or each by itself. */
size_t kvt_split_ascii_llama3(const char *text, size_t length, size_t at, size_t *ends,
                              size_t most);
size_t kvt_split_ascii_qwen2(const char *text, size_t length, size_t at, size_t *ends, size_t most);

/*
 * Bytes of 's 't 're 've 'm 'll 'd at text[at], at < length, else 0; with `fold` in either case,
 * U+017F being an s.
 */
static inline size_t kvt_split_contraction(const char *text, size_t length, size_t at, bool fold)
{
    if (text[at] != '\'' || length - at < 2)
        return 0;
    unsigned char lower = fold ? 0x20 : 0;
    unsigned char a = (unsigned char)text[at + 1];
    unsigned char b = length - at > 2 ? (unsigned char)text[at + 2] : 0;
    if (fold && a == 0xc5 && b == 0xbf)
        return 3;
    a |= lower;
    b |= lower;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    return 0;
}

#endif
