/*
 * core/bits.h: bits of 64-bit words, and blocks of 64 bytes as such words: bit i says something of
 * byte i. The same in pieces of 16 bytes, or 32.
 */
#ifndef KVT_CORE_BITS_H
#define KVT_CORE_BITS_H

#include <stdint.h>
#if defined(KVT_BITS_AVX2)
#include <immintrin.h>
#elif defined(__SSE2__)
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
#if defined(KVT_BITS_AVX2)
    return (unsigned)__builtin_popcountll(word);
#else
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(word * 0x0101010101010101u >> 56);
#endif
}

/* Sixteen bytes; what is asked of them comes as the low sixteen bits of a word. With AVX2, for a
 * source that defines KVT_BITS_AVX2 before it includes this, 32. */
#if defined(KVT_BITS_AVX2)
enum { KVT_PIECE = 32 };
#else
enum { KVT_PIECE = 16 };
#endif

#if defined(KVT_BITS_AVX2) || defined(__SSE2__)
#if defined(KVT_BITS_AVX2)
typedef __m256i kvt_piece;
#define KVT_PIECEWISE(operation) _mm256_##operation
#define KVT_WHOLE_PIECE(operation) _mm256_##operation##_si256
#else
typedef __m128i kvt_piece;
#define KVT_PIECEWISE(operation) _mm_##operation
#define KVT_WHOLE_PIECE(operation) _mm_##operation##_si128
#endif

static inline kvt_piece kvt_piece_load(const char *bytes)
{
    return KVT_WHOLE_PIECE(loadu)((const kvt_piece *)(const void *)bytes);
}

/* The bytes that are in first..last, both included, of ASCII. */
static inline uint64_t kvt_piece_between(kvt_piece piece, char first, char last)
{
    const kvt_piece offset = KVT_PIECEWISE(sub_epi8)(piece, KVT_PIECEWISE(set1_epi8)(first));
    const kvt_piece width = KVT_PIECEWISE(set1_epi8)((char)(last - first));
    return (unsigned)KVT_PIECEWISE(movemask_epi8)(
        KVT_PIECEWISE(cmpeq_epi8)(KVT_PIECEWISE(min_epu8)(offset, width), offset));
}

/* The bytes that are this one. */
static inline uint64_t kvt_piece_equal(kvt_piece piece, char byte)
{
    return (unsigned)KVT_PIECEWISE(movemask_epi8)(
        KVT_PIECEWISE(cmpeq_epi8)(piece, KVT_PIECEWISE(set1_epi8)(byte)));
}

/* The bytes that are below this one, of ASCII, or beyond ASCII. */
static inline uint64_t kvt_piece_outside(kvt_piece piece, char lowest)
{
    return (unsigned)KVT_PIECEWISE(movemask_epi8)(
        KVT_PIECEWISE(cmpgt_epi8)(KVT_PIECEWISE(set1_epi8)(lowest), piece));
}

/* The bytes that are the same in both. */
static inline uint64_t kvt_piece_same(kvt_piece a, kvt_piece b)
{
    return (unsigned)KVT_PIECEWISE(movemask_epi8)(KVT_PIECEWISE(cmpeq_epi8)(a, b));
}

/* With bit 5 of every byte set, which makes capitals small. */
static inline kvt_piece kvt_piece_fold(kvt_piece piece)
{
    return KVT_WHOLE_PIECE(or)(piece, KVT_PIECEWISE(set1_epi8)(0x20));
}

static inline void kvt_piece_store(char *bytes, kvt_piece piece)
{
    KVT_WHOLE_PIECE(storeu)((kvt_piece *)(void *)bytes, piece);
}
#else
typedef struct {
    uint64_t words[2]; /* eight bytes each, the first one lowest */
} kvt_piece;

static inline kvt_piece kvt_piece_load(const char *bytes)
{
    kvt_piece piece = {{0, 0}};
    for (unsigned i = 0; i < KVT_PIECE; i++)
        piece.words[i / 8] |= (uint64_t)(unsigned char)bytes[i] << i % 8 * 8;
    return piece;
}

/* The bytes that are in first..last, both included, of ASCII. */
static inline uint64_t kvt_piece_between(kvt_piece piece, char first, char last)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t bits = 0;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t word = piece.words[i], low = word & ~tops;
        const uint64_t from_first = low + ones * (uint64_t)(0x80 - first);
        const uint64_t beyond_last = low + ones * (uint64_t)(0x7f - last);
        const uint64_t inside = from_first & ~beyond_last & ~word & tops;
        bits |= ((inside >> 7) * 0x0102040810204080u >> 56) << 8 * i; /* the top bits, together */
    }
    return bits;
}

/* The bytes that are the same in both. */
static inline uint64_t kvt_piece_same(kvt_piece a, kvt_piece b)
{
    const uint64_t tops = 0x8080808080808080u;
    uint64_t bits = 0;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t differ = a.words[i] ^ b.words[i];
        const uint64_t same = ~(((differ & ~tops) + ~tops) | differ) & tops;
        bits |= ((same >> 7) * 0x0102040810204080u >> 56) << 8 * i; /* the top bits, together */
    }
    return bits;
}

/* The bytes that are this one. */
static inline uint64_t kvt_piece_equal(kvt_piece piece, char byte)
{
    const uint64_t all = 0x0101010101010101u * (unsigned char)byte;
    return kvt_piece_same(piece, (kvt_piece){{all, all}});
}

/* The bytes that are below this one, of ASCII, or beyond ASCII. */
static inline uint64_t kvt_piece_outside(kvt_piece piece, char lowest)
{
    return kvt_piece_between(piece, lowest, 0x7f) ^ 0xffff;
}

/* With bit 5 of every byte set, which makes capitals small. */
static inline kvt_piece kvt_piece_fold(kvt_piece piece)
{
    for (unsigned i = 0; i < 2; i++)
        piece.words[i] |= 0x2020202020202020u;
    return piece;
}

static inline void kvt_piece_store(char *bytes, kvt_piece piece)
{
    for (unsigned i = 0; i < KVT_PIECE; i++)
        bytes[i] = (char)(piece.words[i / 8] >> i % 8 * 8);
}
#endif

/* To be called when the last piece was looked at, before other code goes on: what runs without AVX2
 * is slow while the upper halves of registers are in use, and compilers forget about it. */
static inline void kvt_pieces_done(void)
{
#if defined(KVT_BITS_AVX2)
    _mm256_zeroupper();
#endif
}

#if defined(__GNUC__)
#define KVT_UNROLL _Pragma("GCC unroll 4")
#else
#define KVT_UNROLL
#endif

/* The bytes of the block that are in first..last, both included, of ASCII. */
static inline uint64_t kvt_block_between(const char block[KVT_BLOCK], char first, char last)
{
    uint64_t bits = 0;
    KVT_UNROLL
    for (unsigned at = 0; at < KVT_BLOCK; at += KVT_PIECE)
        bits |= kvt_piece_between(kvt_piece_load(block + at), first, last) << at;
    return bits;
}

/* The bytes of the block that are this one. */
static inline uint64_t kvt_block_equal(const char block[KVT_BLOCK], char byte)
{
    uint64_t bits = 0;
    KVT_UNROLL
    for (unsigned at = 0; at < KVT_BLOCK; at += KVT_PIECE)
        bits |= kvt_piece_equal(kvt_piece_load(block + at), byte) << at;
    return bits;
}

/* The bytes of the block that are this one, of ASCII with bit 5 set, or the one without that bit.
 */
static inline uint64_t kvt_block_equal_folded(const char block[KVT_BLOCK], char byte)
{
    uint64_t bits = 0;
    KVT_UNROLL
    for (unsigned at = 0; at < KVT_BLOCK; at += KVT_PIECE)
        bits |= kvt_piece_equal(kvt_piece_fold(kvt_piece_load(block + at)), byte) << at;
    return bits;
}

#endif
