/*
 * token/unicode.h: properties of code points by Unicode 16, the version the reference tokenizers
 * use. The regular expression library and utf8proc of a machine may be older, so nothing here asks
 * them.
 */
#ifndef KVT_TOKEN_UNICODE_H
#define KVT_TOKEN_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KVT_LETTER = 1, /* \p{L} */
    KVT_NUMBER = 2, /* \p{N} */
    KVT_SPACE = 4,  /* \p{White_Space} */
    KVT_UPPER = 8,  /* Lu Lt Lm Lo M: may stand in the first part of a word (o200k) */
    KVT_LOWER = 16, /* Ll Lm Lo M: may stand in its last part */
    KVT_WORD = 32,  /* \w: Alphabetic, M, Nd, Pc, Join_Control */
    KVT_PUNCT = 64, /* \p{P} */
    KVT_MARK = 128, /* \p{M} */
};

/* Flags of each code point; filled by kvt_unicode_prepare. */
extern uint8_t kvt_unicode_flags[0x110000];

/* Fills the table once; call it before any look-up. Safe from several threads. */
void kvt_unicode_prepare(void);

/* "Lu", "Zs", ...; always two letters. */
const char *kvt_unicode_category(uint32_t code_point);

/*
 * A code point that was assigned after Unicode 14 is replaced by one of the same category and the
 * same number of UTF-8 bytes that every version knows; any other is returned as it is. Boundaries
 * found in a text so rewritten are the boundaries of Unicode 16 whatever the library's own tables
 * say.
 */
uint32_t kvt_unicode_stand_in(uint32_t code_point);

/* The full lower-case mapping of a character; returns its length (1 or 2), or 0 when it is the
 * same. */
size_t kvt_unicode_lower(uint32_t code_point, uint32_t mapped[2]);

/*
 * Did the character come after Unicode 9? The reference tokenizers normalise by the tables of that
 * version: to them it has no decomposition, composes with nothing and orders nothing.
 */
bool kvt_unicode_is_later_than_9(uint32_t code_point);

/*
 * Decodes at text[0..length), length > 0, and returns the bytes taken. A byte that is not part of
 * valid UTF-8 is one unit of its own with flags 0 (neither letter, number nor space).
 */
static inline size_t kvt_unicode_next(const unsigned char *text, size_t length, uint8_t *flags)
{
    uint32_t a = text[0], cp;
    if (a < 0x80) {
        *flags = kvt_unicode_flags[a];
        return 1;
    }
    if (a >= 0xc2 && a < 0xe0 && length >= 2 && (text[1] & 0xc0) == 0x80) {
        *flags = kvt_unicode_flags[(a & 0x1f) << 6 | (text[1] & 0x3fu)];
        return 2;
    }
    if (a >= 0xe0 && a < 0xf0 && length >= 3 && (text[1] & 0xc0) == 0x80 &&
        (text[2] & 0xc0) == 0x80) {
        cp = (a & 0x0f) << 12 | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu);
        if (cp >= 0x800 && (cp < 0xd800 || cp > 0xdfff)) {
            *flags = kvt_unicode_flags[cp];
            return 3;
        }
    } else if (a >= 0xf0 && a < 0xf5 && length >= 4 && (text[1] & 0xc0) == 0x80 &&
               (text[2] & 0xc0) == 0x80 && (text[3] & 0xc0) == 0x80) {
        cp =
            (a & 0x07) << 18 | (text[1] & 0x3fu) << 12 | (text[2] & 0x3fu) << 6 | (text[3] & 0x3fu);
        if (cp >= 0x10000 && cp <= 0x10ffff) {
            *flags = kvt_unicode_flags[cp];
            return 4;
        }
    }
    *flags = 0;
    return 1;
}

#endif
