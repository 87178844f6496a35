/*
 * The hand-written splits against the patterns they stand for, which PCRE2 reads: random texts from
 * alphabets where the patterns' alternatives meet, cut at every place by both.
 */
#include "tap.h"

#include "core/buffer.h"
#include "core/utf8.h"
#include "token/pattern.h"
#include "token/split.h"
#include "token/unicode.h"

#include <stdbool.h>
#include <stdint.h>

#define CASED "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define SPACES "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS(end) "[^\\r\\n\\p{L}\\p{N}]?" UPPER end
#define LIKE_LLAMA3(numbers)                                                                       \
    CASED "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES

static const struct {
    const char *name, *pattern;
    enum kvt_split_family family;
    enum kvt_regex_dialect dialect;
} families[] = {
    {"gpt2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     KVT_SPLIT_GPT2, KVT_PATTERN_ONIGURUMA},
    {"llama3", LIKE_LLAMA3("\\p{N}{1,3}"), KVT_SPLIT_LLAMA3, KVT_PATTERN_ONIGURUMA},
    {"qwen2", LIKE_LLAMA3("\\p{N}"), KVT_SPLIT_QWEN2, KVT_PATTERN_ONIGURUMA},
    {"cl100k",
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++"
     "[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
     KVT_SPLIT_CL100K, KVT_PATTERN_RUST},
    {"o200k",
     WORDS("*" LOWER "+") CASED "?|" WORDS("+" LOWER "*") CASED
     "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES,
     KVT_SPLIT_O200K, KVT_PATTERN_ONIGURUMA},
};

static uint64_t state = 7;

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

/*
 * Texts of few kinds of characters, so that neighbours of every kind meet often: most of them
 * short, some longer than the blocks in which ASCII is split, and of those some all ASCII.
 */
static void random_text(struct kvt_buffer *text)
{
    static const char *const kinds[] = {"a",
                                        "b",
                                        "S",
                                        "T",
                                        "s",
                                        "t",
                                        "re",
                                        "LL",
                                        "'",
                                        "'s",
                                        "'Ve",
                                        " ",
                                        " ",
                                        "  ",
                                        " \n",
                                        "\n",
                                        "\r\n",
                                        "\t",
                                        "0",
                                        "1",
                                        "23",
                                        "4567",
                                        ".",
                                        "(",
                                        "//",
                                        "_",
                                        "\xc3\xa9",
                                        "\xc5\xbf",
                                        "\xc3\x9f",
                                        "\xe4\xb8\xad",
                                        "\xcc\x81",
                                        "\xc2\xa0",
                                        "\xe2\x80\xa8",
                                        "\xf0\x9f\x98\x80",
                                        "\xd9\xa3",
                                        "\xc7\x85",
                                        "\xca\xb0",
                                        "abcdefg",
                                        "abcdefgh",
                                        "Abcdefghijklmnopqr",
                                        "        "};
    const uint32_t n_kinds = sizeof kinds / sizeof *kinds;
    uint32_t first = below(n_kinds), width = below(4) ? 2 + below(6) : n_kinds;
    bool many = below(3) == 0, plain = many && below(2);
    kvt_buffer_clear(text);
    for (uint32_t n = 1 + below(many ? 150 : 12); n > 0; n--) {
        const char *kind = kinds[(first + below(width) * 7) % n_kinds];
        kvt_buffer_text(text, plain && (unsigned char)*kind >= 0x80 ? "." : kind);
    }
}

/* Both cut the whole text; the pattern may leave out nothing. */
static bool same_pieces(kvt_split_function split, const struct kvt_regex *pattern,
                        struct kvt_regex_search *search, const struct kvt_buffer *text)
{
    size_t ends[7], at = 0, count = 0, next = 0, start = 0, end = 0;
    struct kvt_error error;
    kvt_regex_start(search, pattern, text->data, text->length);
    while (kvt_regex_next(search, &start, &end, &error) > 0) {
        if (next == count) {
            if (at == text->length)
                return false;
            count = split(text->data, text->length, at, ends, sizeof ends / sizeof *ends);
            next = 0;
        }
        if (count == 0 || start != at || ends[next] != end)
            return false;
        at = ends[next++];
    }
    return at == text->length;
}

static void show(const struct kvt_buffer *text)
{
    printf("# differs: ");
    for (size_t i = 0; i < text->length; i++)
        printf((unsigned char)text->data[i] < 0x20 ? "\\x%02x" : "%c",
               (unsigned char)text->data[i]);
    printf("\n");
}

static void test_family(size_t i)
{
    char name[128];
    struct kvt_error error = {0};
    struct kvt_buffer text = {0};
    struct kvt_regex_search search = {0};
    size_t same = 0, texts = 20000;
    struct kvt_regex *pattern = kvt_regex_compile(families[i].pattern, families[i].dialect, &error);
    snprintf(name, sizeof name, "%s: the pattern is known", families[i].name);
    is_int(kvt_split_family_of(families[i].pattern), families[i].family, name);
    if (!ok(pattern, "and compiles"))
        printf("# %s\n", error.text);
    kvt_split_function split = kvt_split_by_family(families[i].family);
    for (size_t n = 0; pattern && n < texts; n++) {
        random_text(&text);
        bool equal = same_pieces(split, pattern, &search, &text);
        same += equal;
        if (!equal && n - same < 3)
            show(&text);
    }
    snprintf(name, sizeof name, "%s: the pieces of the pattern", families[i].name);
    is_int(same, texts, name);
    kvt_regex_end(&search);
    kvt_regex_free(pattern);
    kvt_buffer_free(&text);
}

int main(void)
{
    kvt_unicode_prepare();
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        test_family(i);
    return tap_done();
}
