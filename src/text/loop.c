#include "text/loop.h"

#include "core/bits.h"

#include <stddef.h>
#include <string.h>

/* Characters (not bytes) of the last `length` bytes, counted no further than needed. */
static bool long_enough(struct kvt_span text, size_t length)
{
    size_t characters = 0;
    for (size_t i = text.length - length; i < text.length; i++)
        if (((unsigned char)text.data[i] & 0xc0) != 0x80 && ++characters == KVT_LOOP_CHARACTERS)
            return true;
    return false;
}

enum { END = 2 * KVT_PIECE }; /* bytes at the end of a text that are looked for before it */

/* Of the 16 places from `at` on, those where the first and the last byte of a piece stand as far
 * from each other as they do in `piece`. */
static uint64_t candidates(const char *at, const char *piece)
{
    const size_t last = KVT_PIECE - 1;
    return kvt_piece_equal(kvt_piece_load(at), piece[0]) &
           kvt_piece_equal(kvt_piece_load(at + last), piece[last]);
}

/*
 * Whether the last bytes of the text stand a second time, near enough to its end for a loop. A loop
 * of units of p bytes over at least max(4p, 50) characters agrees with itself p bytes before its
 * end over all but p of them: max(3p, 50 - p), never below 38 bytes.
 */
static bool end_comes_back(struct kvt_span text)
{
    const char *end = text.data + text.length - END;
    const size_t furthest = text.length / KVT_LOOP_TIMES; /* before a text of 50 bytes: at 12 */
    for (size_t from = 0; from < furthest; from += KVT_PIECE) {
        const char *at = end - furthest + from;
        uint64_t places = candidates(at, end); /* behind `at` there are END bytes */
        if (furthest - from < KVT_PIECE)
            places &= ((uint64_t)1 << (furthest - from)) - 1;
        for (; places; places &= places - 1)
            if (memcmp(at + kvt_bits_lowest(places), end, END) == 0)
                return true;
    }
    return false;
}

/*
 * The end of the text has period p as far as the reversed text agrees with itself p further on,
 * which is the z-function (Gusfield 1997, section 1.4), here on bytes: a run of four units begins
 * and ends between characters, so byte and character periods are the same thing.
 */
bool kvt_loop_at_end(struct kvt_numbers *scratch, struct kvt_span text, struct kvt_span *unit)
{
    size_t n = text.length;
    if (n < KVT_LOOP_CHARACTERS || n >= UINT32_MAX)
        return false;
    if (!end_comes_back(text))
        return false;
    const char *last = text.data + n - 1; /* reversed text: last[-i] */
    size_t stop = n / KVT_LOOP_TIMES + 1; /* longer periods do not fit four times */
    kvt_numbers_zero(scratch, stop);
    uint32_t *z = scratch->data;
    size_t left = 0, right = 0; /* the match that reaches furthest: [left, right) */
    for (size_t p = 1; p < stop; p++) {
        size_t length = 0;
        if (p < right && p - left > 0) {
            length = z[p - left];
            if (length > right - p)
                length = right - p;
        }
        while (p + length < n && last[-(ptrdiff_t)length] == last[-(ptrdiff_t)(p + length)])
            length++;
        z[p] = (uint32_t)length;
        if (p + length > right) {
            left = p;
            right = p + length;
        }
        size_t periodic = p + length;
        if (periodic / KVT_LOOP_TIMES >= p && periodic >= KVT_LOOP_CHARACTERS &&
            long_enough(text, periodic)) {
            if (unit)
                *unit = (struct kvt_span){text.data + n - p, p};
            return true;
        }
    }
    return false;
}
