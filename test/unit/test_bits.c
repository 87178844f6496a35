/* core/bits.h: what is asked of pieces and blocks, against bytes looked at one by one. The plain C
 * of processors without vectors is tested by test_bits_plain.c, which includes this. */
#include "tap.h"

#include "core/bits.h"
#include "core/random.h"

enum { ROUNDS = 2000 };

static uint64_t plainly(const unsigned char *bytes, int what, unsigned char byte)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < KVT_PIECE; i++) {
        const unsigned char c = bytes[i];
        const int holds = what == 0   ? c == byte
                          : what == 1 ? c >= 'a' && c <= 'z'
                          : what == 2 ? c < ' ' || c >= 0x80
                                      : c == bytes[i + KVT_PIECE];
        bits |= (uint64_t)holds << i;
    }
    return bits;
}

/* Bytes around the ends of ranges, and some of them twice. */
static void fill(unsigned char *bytes, size_t n, struct kvt_random *random)
{
    static const unsigned char edges[] = {0,   1,    0x1f, ' ',  0x21, 0x60, 'a',
                                          'z', 0x7b, 0x7f, 0x80, 0x81, 0xfe, 0xff};
    for (size_t i = 0; i < n; i++)
        bytes[i] = edges[kvt_random_bounded(random, sizeof edges)];
}

static void test_pieces(void)
{
    unsigned char bytes[2 * KVT_PIECE];
    char copy[KVT_PIECE];
    struct kvt_random random;
    int equal = 1, between = 1, outside = 1, same = 1, folded = 1;
    kvt_random_seed(&random, 1);
    for (int round = 0; round < ROUNDS; round++) {
        fill(bytes, sizeof bytes, &random);
        const kvt_piece piece = kvt_piece_load((const char *)bytes);
        const kvt_piece next = kvt_piece_load((const char *)bytes + KVT_PIECE);
        const unsigned char byte = bytes[round % KVT_PIECE];
        equal &= kvt_piece_equal(piece, (char)byte) == plainly(bytes, 0, byte);
        between &= kvt_piece_between(piece, 'a', 'z') == plainly(bytes, 1, 0);
        outside &= kvt_piece_outside(piece, ' ') == plainly(bytes, 2, 0);
        same &= kvt_piece_same(piece, next) == plainly(bytes, 3, 0);
        kvt_piece_store(copy, kvt_piece_fold(piece));
        for (size_t i = 0; i < KVT_PIECE; i++)
            folded &= (unsigned char)copy[i] == (bytes[i] | 0x20);
    }
    ok(equal, "bytes that are one byte, beyond ASCII too");
    ok(between, "bytes between two");
    ok(outside, "bytes outside of what is printed in ASCII");
    ok(same, "bytes that two pieces have in common");
    ok(folded, "bit 5 is set");
}

static void test_words(void)
{
    struct kvt_random random;
    int lowest = 1, highest = 1, count = 1;
    kvt_random_seed(&random, 2);
    for (int round = 0; round < ROUNDS; round++) {
        const unsigned low = (unsigned)round % 64,
                       high = low + kvt_random_bounded(&random, 64 - low);
        const uint64_t word = (uint64_t)1 << low | (uint64_t)1 << high;
        lowest &= kvt_bits_lowest(word) == low;
        highest &= kvt_bits_highest(word) == high;
        count &= kvt_bits_count(word) == (low == high ? 1 : 2) &&
                 kvt_bits_count(~word) == (low == high ? 63 : 62);
    }
    ok(lowest, "the lowest bit");
    ok(highest, "the highest bit");
    ok(count, "how many bits");
}

int main(void)
{
    test_pieces();
    test_words();
    return tap_done();
}
