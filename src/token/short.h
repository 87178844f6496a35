/*
 * token/short.h: strings of at most 15 bytes as two words, so that comparing them is comparing
 * numbers, and hashing them a multiplication.
 */
#ifndef KVT_TOKEN_SHORT_H
#define KVT_TOKEN_SHORT_H

#include "token/ascii.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { KVT_SHORT = 15 }; /* bytes of the longest string */

/* The bytes in the order of memory, then zeros; in the low half of the last byte their number. */
struct kvt_short {
    uint64_t low, high;
};

/* The bits of the first bytes of a word, n < 8. */
static inline uint64_t kvt_first_bytes(size_t n)
{
    return (UINT64_C(1) << 8 * n) - 1;
}

/* text[0..length), length <= KVT_SHORT. */
static inline struct kvt_short kvt_short_of(const char *text, size_t length)
{
    struct kvt_short key = {0, (uint64_t)length << 56};
    if (length >= 8) {
        key.low = kvt_load_word(text);
        if (length > 8)
            key.high |= kvt_load_word(text + length - 8) >> 8 * (16 - length);
    } else if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + length - 4, sizeof last);
        key.low = first | (uint64_t)last << 8 * (length - 4);
    } else if (length > 0) {
        key.low = (unsigned char)text[0];
        key.low |= (uint64_t)(unsigned char)text[length / 2] << 8 * (length / 2);
        key.low |= (uint64_t)(unsigned char)text[length - 1] << 8 * (length - 1);
    }
    return key;
}

/* The same where 16 bytes may be read, whatever the length: without branches. */
static inline struct kvt_short kvt_short_within(const char *text, size_t length)
{
    static const struct kvt_short bytes[KVT_SHORT + 1] = {
        {0, 0},
        {UINT64_MAX >> 56, 0},
        {UINT64_MAX >> 48, 0},
        {UINT64_MAX >> 40, 0},
        {UINT64_MAX >> 32, 0},
        {UINT64_MAX >> 24, 0},
        {UINT64_MAX >> 16, 0},
        {UINT64_MAX >> 8, 0},
        {UINT64_MAX, 0},
        {UINT64_MAX, UINT64_MAX >> 56},
        {UINT64_MAX, UINT64_MAX >> 48},
        {UINT64_MAX, UINT64_MAX >> 40},
        {UINT64_MAX, UINT64_MAX >> 32},
        {UINT64_MAX, UINT64_MAX >> 24},
        {UINT64_MAX, UINT64_MAX >> 16},
        {UINT64_MAX, UINT64_MAX >> 8},
    };
    uint64_t low = kvt_load_word(text) & bytes[length].low;
    uint64_t high = kvt_load_word(text + 8) & bytes[length].high;
    return (struct kvt_short){low, high | (uint64_t)length << 56};
}

/* The same where `readable` bytes may be read, `length` of them or more. */
static inline struct kvt_short kvt_short_readable(const char *text, size_t length, size_t readable)
{
    return readable >= 16 ? kvt_short_within(text, length) : kvt_short_of(text, length);
}

/* Its upper bits are the good ones. */
static inline uint64_t kvt_short_hash(struct kvt_short key)
{
    return (key.low ^ key.high * 0xff51afd7ed558ccdu) * 0x9e3779b97f4a7c15u;
}

#endif
