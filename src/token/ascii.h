/*
 * token/ascii.h: runs of ASCII characters, eight bytes at a time in one 64-bit word (bytes in the
 * order of memory, the first in the lowest place).
 */
#ifndef KVT_TOKEN_ASCII_H
#define KVT_TOKEN_ASCII_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes of a word are taken from its low end up. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "this file is written for little-endian machines"
#endif

#define KVT_EVERY_BYTE 0x0101010101010101u

static inline uint64_t kvt_load_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* The high bit of every byte that is an ASCII letter. */
static inline uint64_t kvt_letters_of(uint64_t word)
{
    uint64_t lower = (word | 0x20 * KVT_EVERY_BYTE) & 0x7f * KVT_EVERY_BYTE;
    uint64_t from_a = lower + (0x80 - 'a') * KVT_EVERY_BYTE;
    uint64_t behind_z = lower + (0x7f - 'z') * KVT_EVERY_BYTE;
    return from_a & ~behind_z & ~word & 0x80 * KVT_EVERY_BYTE;
}

/* End of the run of ASCII characters from `at`. */
static inline size_t kvt_ascii_end(const char *text, size_t length, size_t at)
{
    while (length - at >= 8) {
        uint64_t others = kvt_load_word(text + at) & 0x80 * KVT_EVERY_BYTE;
        if (others)
            return at + (size_t)__builtin_ctzll(others) / 8;
        at += 8;
    }
    while (at < length && (unsigned char)text[at] < 0x80)
        at++;
    return at;
}

/* End of the run of ASCII letters from `at`. */
static inline size_t kvt_letters_end(const char *text, size_t length, size_t at)
{
    while (length - at >= 8) {
        uint64_t others = ~kvt_letters_of(kvt_load_word(text + at)) & 0x80 * KVT_EVERY_BYTE;
        if (others)
            return at + (size_t)__builtin_ctzll(others) / 8;
        at += 8;
    }
    while (at < length && (unsigned char)((text[at] | 0x20) - 'a') < 26)
        at++;
    return at;
}

/* End of the run of the byte `c` from `at`. */
static inline size_t kvt_same_end(const char *text, size_t length, size_t at, char c)
{
    while (length - at >= 8) {
        uint64_t others = kvt_load_word(text + at) ^ (unsigned char)c * KVT_EVERY_BYTE;
        if (others)
            return at + (size_t)__builtin_ctzll(others) / 8;
        at += 8;
    }
    while (at < length && text[at] == c)
        at++;
    return at;
}

/* How often the byte `c` is in text[0..length). */
static inline size_t kvt_count_byte(const char *text, size_t length, char c)
{
    const uint64_t high = 0x80 * KVT_EVERY_BYTE;
    size_t count = 0;
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t others = kvt_load_word(text) ^ (unsigned char)c * KVT_EVERY_BYTE;
        uint64_t same = ~(((others & ~high) + ~high) | others) & high;
        count += (size_t)((same >> 7) * KVT_EVERY_BYTE >> 56);
    }
    for (size_t i = 0; i < length; i++)
        count += text[i] == c;
    return count;
}

#endif
