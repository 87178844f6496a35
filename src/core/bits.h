/*
 * core/bits.h: bits of 64-bit words, and blocks of 64 bytes as such words: bit i says something of
 * byte i.
 */
#ifndef KVT_CORE_BITS_H
#define KVT_CORE_BITS_H

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { KVT_BLOCK = 64 };

/* The place of the lowest bit set, from 0; the word is not 0. */
static inline unsigned kvt_bits_lowest(uint64_t word)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(word);
#else
    unsigned place = 0;
    while (!(word >> place & 1))
        place++;
    return place;
#endif
}

/* The place of the highest bit set, from 0; the word is not 0. */
static inline unsigned kvt_bits_highest(uint64_t word)
{
#if defined(__GNUC__)
    return 63u - (unsigned)__builtin_clzll(word);
#else
    unsigned place = 63;
    while (!(word >> place & 1))
        place--;
    return place;
#endif
}

/* How many bits are set. */
static inline unsigned kvt_bits_count(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(word * 0x0101010101010101u >> 56);
}

#if !defined(__SSE2__)
/* Eight bytes, the first one lowest. */
static inline uint64_t kvt_block_word(const char *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
    return word;
}

/* The top bits of the eight bytes, as the low eight bits; the other bits are 0. */
static inline uint64_t kvt_block_tops(uint64_t word)
{
    return (word >> 7) * 0x0102040810204080u >> 56;
}
#endif

/* The bytes of the block that are in first..last, both included, of ASCII. */
static inline uint64_t kvt_block_between(const char block[KVT_BLOCK], char first, char last)
{
    uint64_t bits = 0;
#if defined(__SSE2__)
    const __m128i low = _mm_set1_epi8(first), width = _mm_set1_epi8((char)(last - first));
    for (unsigned at = 0; at < KVT_BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        const __m128i offset = _mm_sub_epi8(bytes, low);
        const __m128i inside = _mm_cmpeq_epi8(_mm_min_epu8(offset, width), offset);
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(inside) << at;
    }
#else
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    for (unsigned at = 0; at < KVT_BLOCK; at += 8) {
        const uint64_t word = kvt_block_word(block + at), low = word & ~tops;
        const uint64_t from_first = low + ones * (uint64_t)(0x80 - first);
        const uint64_t beyond_last = low + ones * (uint64_t)(0x7f - last);
        bits |= kvt_block_tops(from_first & ~beyond_last & ~word & tops) << at;
    }
#endif
    return bits;
}

/* The bytes of the block that are this one, of ASCII. */
static inline uint64_t kvt_block_equal(const char block[KVT_BLOCK], char byte)
{
    uint64_t bits = 0;
#if defined(__SSE2__)
    const __m128i all = _mm_set1_epi8(byte);
    for (unsigned at = 0; at < KVT_BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all)) << at;
    }
#else
    bits = kvt_block_between(block, byte, byte);
#endif
    return bits;
}

/* The bytes of the block that are this one, of ASCII with bit 5 set, or the one without that bit.
 */
static inline uint64_t kvt_block_equal_folded(const char block[KVT_BLOCK], char byte)
{
    uint64_t bits = 0;
#if defined(__SSE2__)
    const __m128i all = _mm_set1_epi8(byte), fold = _mm_set1_epi8(0x20);
    for (unsigned at = 0; at < KVT_BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        const __m128i same = _mm_cmpeq_epi8(_mm_or_si128(bytes, fold), all);
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(same) << at;
    }
#else
    bits = kvt_block_equal(block, byte) | kvt_block_equal(block, (char)(byte & ~0x20));
#endif
    return bits;
}

#endif
