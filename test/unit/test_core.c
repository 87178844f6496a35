/* The ground floor: hashes, random streams, UTF-8, buffers, spelling. */
#include "core/bits.h"
#include "core/buffer.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/random.h"
#include "core/sha256.h"
#include "core/sha256_compress.h"
#include "core/escape.h"
#include "core/utf8.h"
#include "tap.h"

#include <stdint.h>
#include <stdlib.h>

static void test_sha256(void)
{
    /* FIPS 180-4 examples */
    struct kvt_sha256 hash;
    char hex[KVT_SHA256_HEX];
    kvt_sha256_start(&hash);
    kvt_sha256_add(&hash, "abc", 3);
    kvt_sha256_hex(&hash, hex);
    is_text(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "SHA-256 of abc");
    kvt_sha256_start(&hash);
    for (int i = 0; i < 1000000; i += 8)
        kvt_sha256_add(&hash, "aaaaaaaa", 8);
    kvt_sha256_hex(&hash, hex);
    is_text(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            "SHA-256 of a million a");
    kvt_sha256_start(&hash);
    kvt_sha256_hex(&hash, hex);
    is_text(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "SHA-256 of nothing");
    char other[KVT_SHA256_HEX];
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "ab");
    kvt_sha256_field(&hash, "c");
    kvt_sha256_hex(&hash, hex);
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "a");
    kvt_sha256_field(&hash, "bc");
    kvt_sha256_hex(&hash, other);
    ok(strcmp(hex, other) != 0, "fields do not run together");
}

/* Both ways to take blocks in; FIPS 180-4's "abc", padded by hand, then random blocks. */
static void test_sha256_compress(void)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    unsigned char blocks[5 * 64 + 1] = {'a', 'b', 'c', 0x80, [63] = 24};
    uint32_t plain[8], quick[8];
    memcpy(plain, initial, sizeof plain);
    kvt_sha256_compress_plain(plain, blocks, 1);
    ok(plain[0] == 0xba7816bf && plain[7] == 0xf20015ad, "SHA-256 of abc in plain C");
    if (!kvt_sha256_has_x86()) {
        ok(1, "# SKIP this processor has no SHA instructions");
        return;
    }
    struct kvt_random random;
    kvt_random_seed(&random, 3);
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (unsigned char)kvt_random_bounded(&random, 256);
    memcpy(quick, plain, sizeof quick);
    kvt_sha256_compress_plain(plain, blocks + 1, 5);
    kvt_sha256_compress_x86(quick, blocks + 1, 2);
    kvt_sha256_compress_x86(quick, blocks + 1 + 2 * 64, 3);
    ok(memcmp(plain, quick, sizeof plain) == 0, "the instructions give what plain C gives");
}

/* Every byte value at every place of a block, against the plain question. */
static void test_blocks(void)
{
    static const struct {
        char first, last;
    } ranges[] = {{'a', 'z'}, {'0', '9'}, {'!', '~'}, {0, 0}, {' ', ' '}, {0x7f, 0x7f}};
    char block[KVT_BLOCK];
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        int same = 1;
        for (unsigned start = 0; start < 256; start++) {
            uint64_t wanted = 0;
            for (unsigned i = 0; i < KVT_BLOCK; i++) {
                unsigned char byte = (unsigned char)(start + 67 * i);
                block[i] = (char)byte;
                wanted |= (uint64_t)(byte >= ranges[r].first && byte <= ranges[r].last) << i;
            }
            same &= kvt_block_between(block, ranges[r].first, ranges[r].last) == wanted;
            if (ranges[r].first == ranges[r].last)
                same &= kvt_block_equal(block, ranges[r].first) == wanted;
        }
        char name[64];
        snprintf(name, sizeof name, "bytes of a block from %d to %d", ranges[r].first,
                 ranges[r].last);
        ok(same, name);
    }
    int folded = 1;
    for (unsigned start = 0; start < 256; start++) {
        uint64_t wanted = 0;
        for (unsigned i = 0; i < KVT_BLOCK; i++) {
            unsigned char byte = (unsigned char)(start + 67 * i);
            block[i] = (char)byte;
            wanted |= (uint64_t)(byte == '{' || byte == '[') << i;
        }
        folded &= kvt_block_equal_folded(block, '{') == wanted;
    }
    ok(folded, "bytes of a block that are { or [");
    ok(kvt_bits_count(0) == 0 && kvt_bits_count(UINT64_MAX) == 64 && kvt_bits_count(0x8001) == 2 &&
           kvt_bits_lowest(1) == 0 && kvt_bits_lowest((uint64_t)5 << 61) == 61,
       "bits counted, and the lowest");
}

static void test_random(void)
{
    /* SplitMix64 reference outputs (Vigna's splitmix64.c) and Lemire bounds, seeds 0 and 1 */
    struct kvt_random random;
    kvt_random_seed(&random, 0);
    ok(kvt_random_next(&random) == 0xe220a8397b1dcdafu, "SplitMix64 seed 0, first");
    ok(kvt_random_next(&random) == 0x6e789e6aa1b965f4u, "SplitMix64 seed 0, second");
    kvt_random_seed(&random, 1);
    ok(kvt_random_next(&random) == 0x910a2dec89025cc1u, "SplitMix64 seed 1, first");
    static const unsigned expected[] = {5, 7, 9, 4, 4, 7, 8, 5};
    kvt_random_seed(&random, 1);
    int same = 1;
    for (size_t i = 0; i < 8; i++)
        same &= kvt_random_bounded(&random, 10) == expected[i];
    ok(same, "bounded(10), seed 1");
    kvt_random_seed(&random, 7);
    double low = 1, high = 0;
    for (int i = 0; i < 10000; i++) {
        double x = kvt_random_double(&random);
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    ok(low >= 0 && low < .01 && high < 1 && high > .99, "doubles fill [0, 1)");
    struct kvt_random a, b;
    kvt_random_stream(&a, 1, "order");
    kvt_random_stream(&b, 1, "flips");
    ok(kvt_random_next(&a) != kvt_random_next(&b), "purposes have streams of their own");
}

static void test_escape(void)
{
    static const struct {
        const char *text;
        int used;
        uint32_t code_point;
    } cases[] = {{"n", 1, '\n'},
                 {"/", 1, '/'},
                 {"u0041", 5, 'A'},
                 {"u00eFz", 5, 0xef},
                 {"u0000", 5, 0},
                 {"uD83d\\uDe00", 11, 0x1f600},
                 {"ud83d\\u0041", 5, 0xd83d},
                 {"ud83d\\ude0", 5, 0xd83d},
                 {"ude00\\ud83d", 5, 0xde00},
                 {"u00g1", -1, 0},
                 {"u004", -1, 0},
                 {"x", -1, 0},
                 {"", -1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t c = 0;
        const char *text = cases[i].text;
        int used = kvt_escape_decode(text, text + strlen(text), &c);
        ok(used == cases[i].used && (used < 0 || c == cases[i].code_point),
           text[0] ? text : "no escape at all");
    }
}

static void test_utf8(void)
{
    uint32_t c;
    is_int(kvt_utf8_decode("\xe2\x82\xac", 3, &c), 3, "three bytes");
    is_int(c, 0x20ac, "the euro sign");
    is_int(kvt_utf8_decode("\xc0\x80", 2, &c), -1, "overlong NUL");
    is_int(kvt_utf8_decode("\xed\xa0\x80", 3, &c), -1, "a surrogate");
    is_int(kvt_utf8_decode("\xf4\x90\x80\x80", 4, &c), -1, "above U+10FFFF");
    is_int(kvt_utf8_decode("\xf0\x9f\x98", 3, &c), -3,
           "a truncated sequence is one maximal subpart");
    struct kvt_buffer out = {0};
    /* Python: b'a\xf0\x9f\x98b\xff\x00'.decode(errors="replace") with U+0000 replaced too */
    is_int(kvt_utf8_repair(&out,
                           "a\xf0\x9f\x98"
                           "b\xff\0",
                           7),
           3, "three repairs");
    is_text(out.data,
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd",
            "repaired text");
    kvt_buffer_free(&out);
    char bytes[4];
    int round_trip = 1;
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        size_t n = kvt_utf8_encode(code, bytes);
        round_trip &= kvt_utf8_decode(bytes, n, &c) == (int)n && c == code;
    }
    ok(round_trip, "every code point survives encoding and decoding");
}

static void test_buffer(void)
{
    struct kvt_buffer buffer = {0};
    is_text(kvt_buffer_string(&buffer), "", "an empty buffer is an empty string");
    for (int i = 0; i < 1000; i++)
        kvt_buffer_printf(&buffer, "%d,", i);
    is_int(buffer.length, 3890, "length after a thousand appends");
    kvt_buffer_drop(&buffer, 2);
    ok(strncmp(buffer.data, "1,2,", 4) == 0, "the head can be dropped");
    char *text = kvt_buffer_take(&buffer);
    ok(strlen(text) == 3888 && buffer.data == NULL, "taking leaves an empty buffer");
    free(text);
    size_t product;
    ok(!kvt_size_mul(SIZE_MAX / 2, 3, &product), "an overflowing product is refused");
    ok(kvt_size_mul(SIZE_MAX, 1, &product) && product == SIZE_MAX, "the largest product fits");
}

int main(void)
{
    test_sha256();
    test_sha256_compress();
    test_blocks();
    test_random();
    test_escape();
    test_utf8();
    test_buffer();
    is_int(kvt_spelling_distance("budgets", "budgest"), 2, "spelling distance");
    is_int(kvt_spelling_distance("", "abc"), 3, "spelling distance from nothing");
    return tap_done();
}
