/*
 * token_ways ROUNDS TOKENIZER...: the fast ways through the tokenizer against the plain one. Random
 * texts are encoded with their tokens' places wanted, which knows neither caches nor cuts nor the
 * linear way; then again without places, and counted, by encoders that have seen the texts before.
 * All must agree. Deterministic. Tokenizers that cannot tell places are left out and counted.
 */
#include "core/buffer.h"
#include "core/error.h"
#include "core/utf8.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 3;

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

static const struct {
    uint32_t first, count; /* code points */
} alphabets[] = {
    {0x4e00, 2500}, {0x4e00, 40}, {0xac00, 3000}, {0x3041, 170}, {0x430, 32}, {0x1f600, 64},
    {0x900, 100},   {'a', 26},    {'a', 2},       {' ', 95},     {0x300, 80}, {0xa0, 0x200},
    {0x2580, 8},    {0, 0x300},   {0x20000, 300}, {0x9f90, 12},
};

/* Some characters of one alphabet, a run of one of them, a word between spaces, or any bytes. */
static void add_stretch(struct kvt_buffer *text)
{
    static const char *const words[] = {
        " the",     "\n", "\n\n  ", "  ",   " \xe2\x96\x81",     "'s", "\xe4\xb8", "\xad",
        "\x80\x80", "<|", "; ",     "\r\n", "\xc3\xaatu\xc3\xa1"};
    const uint32_t n_words = sizeof words / sizeof *words, kind = below(8);
    uint32_t alphabet = below(sizeof alphabets / sizeof *alphabets),
             count = 1 + below(kind ? 12 : 200);
    uint32_t one = alphabets[alphabet].first + below(alphabets[alphabet].count);
    for (; count > 0; count--) {
        char utf8[4];
        if (kind == 1) {
            kvt_buffer_byte(text, (char)below(256));
            continue;
        }
        if (kind == 2 || kind == 3)
            kvt_buffer_text(text, words[below(n_words)]);
        if (kind > 2)
            one = alphabets[alphabet].first + below(alphabets[alphabet].count);
        kvt_buffer_append(text, utf8, kvt_utf8_encode(one, utf8));
    }
}

static void show(const char *path, const struct kvt_buffer *text, const char *what)
{
    printf("%s: %s: ", path, what);
    for (size_t i = 0; i < text->length; i++)
        printf("\\x%02x", (unsigned)(unsigned char)text->data[i]);
    printf("\n");
}

struct ways {
    struct kvt_encoder *plain, *ids, *count;
    struct kvt_token_ids expected, found;
};

static bool same(struct ways *ways, const struct kvt_buffer *text, const char **what)
{
    ways->expected.count = ways->found.count = 0;
    *what = "refused";
    if (kvt_encoder_encode(ways->plain, text->data, text->length, KVT_ENCODE_ENDS, &ways->expected,
                           NULL) != 0 ||
        kvt_encoder_encode(ways->ids, text->data, text->length, 0, &ways->found, NULL) != 0)
        return false;
    *what = "other ids";
    if (ways->found.count != ways->expected.count ||
        (ways->found.count && memcmp(ways->found.ids, ways->expected.ids,
                                     ways->found.count * sizeof *ways->found.ids) != 0))
        return false;
    *what = "another count";
    return kvt_encoder_count(ways->count, text->data, text->length, 0, NULL) ==
           (int64_t)ways->expected.count;
}

static size_t compare(const struct kvt_tokenizer *tokenizer, const char *path, long rounds)
{
    struct ways ways = {kvt_encoder_new(tokenizer),
                        kvt_encoder_new(tokenizer),
                        kvt_encoder_new(tokenizer),
                        {0},
                        {0}};
    struct kvt_buffer text = {0};
    size_t different = 0;
    for (long round = 0; round < rounds; round++) {
        const char *what;
        kvt_buffer_clear(&text);
        for (uint32_t n = 1 + below(below(4) ? 4 : 40); n > 0; n--)
            add_stretch(&text);
        if (same(&ways, &text, &what))
            continue;
        if (different++ < 3)
            show(path, &text, what);
    }
    kvt_buffer_free(&text);
    kvt_encoder_free(ways.plain);
    kvt_encoder_free(ways.ids);
    kvt_encoder_free(ways.count);
    kvt_token_ids_free(&ways.expected);
    kvt_token_ids_free(&ways.found);
    return different;
}

static bool tells_places(const struct kvt_tokenizer *tokenizer)
{
    struct kvt_token_ids ids = {0};
    int status = kvt_tokenizer_encode(tokenizer, "a b", 3, KVT_ENCODE_ENDS, &ids, NULL);
    kvt_token_ids_free(&ids);
    return status == 0;
}

int main(int argc, char **argv)
{
    struct kvt_error error;
    size_t compared = 0, without = 0, different = 0;
    kvt_set_program("token_ways");
    if (argc < 3)
        kvt_die(KVT_USAGE, "usage: token_ways ROUNDS TOKENIZER...");
    for (int i = 2; i < argc; i++) {
        struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(argv[i], &error);
        if (!tokenizer)
            kvt_die_error(&error);
        if (tells_places(tokenizer)) {
            different += compare(tokenizer, argv[i], strtol(argv[1], NULL, 10));
            compared++;
        } else {
            without++;
        }
        kvt_tokenizer_free(tokenizer);
    }
    printf("%zu compared, %zu without places, %zu texts different\n", compared, without, different);
    return different ? 1 : 0;
}
