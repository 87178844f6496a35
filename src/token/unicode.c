#include "token/unicode.h"

#include "token/unicode_table.h"

#include <pthread.h>
#include <string.h>

/* In the order scripts/unicode-table.mjs numbers them. */
enum category {
    CN,
    LU,
    LL,
    LT,
    LM,
    LO,
    MN,
    MC,
    ME,
    ND,
    NL,
    NO,
    PC,
    PD,
    PS,
    PE,
    PI,
    PF,
    PO,
    SM,
    SC,
    SK,
    SO,
    ZS,
    ZL,
    ZP,
    CC,
    CF,
    CS,
    CO,
    SPACE_CONTROL,
    N_CATEGORIES,
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

uint8_t kvt_unicode_flags[0x110000];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint8_t flags_of(enum category category)
{
    static const uint8_t flags[N_CATEGORIES] = {
        [LU] = KVT_LETTER | KVT_UPPER | KVT_WORD,
        [LT] = KVT_LETTER | KVT_UPPER | KVT_WORD,
        [LL] = KVT_LETTER | KVT_LOWER | KVT_WORD,
        [LM] = KVT_LETTER | KVT_UPPER | KVT_LOWER | KVT_WORD,
        [LO] = KVT_LETTER | KVT_UPPER | KVT_LOWER | KVT_WORD,
        [MN] = KVT_MARK | KVT_UPPER | KVT_LOWER | KVT_WORD,
        [MC] = KVT_MARK | KVT_UPPER | KVT_LOWER | KVT_WORD,
        [ME] = KVT_MARK | KVT_UPPER | KVT_LOWER | KVT_WORD,
        [ND] = KVT_NUMBER | KVT_WORD,
        [NL] = KVT_NUMBER | KVT_WORD,
        [NO] = KVT_NUMBER,
        [PC] = KVT_PUNCT | KVT_WORD,
        [PD] = KVT_PUNCT,
        [PS] = KVT_PUNCT,
        [PE] = KVT_PUNCT,
        [PI] = KVT_PUNCT,
        [PF] = KVT_PUNCT,
        [PO] = KVT_PUNCT,
        [ZS] = KVT_SPACE,
        [ZL] = KVT_SPACE,
        [ZP] = KVT_SPACE,
        [SPACE_CONTROL] = KVT_SPACE,
    };
    return flags[category];
}

static uint32_t run_end(size_t run)
{
    return run + 1 < COUNT(category_runs) ? category_runs[run + 1] >> 8 : 0x110000;
}

static void fill(void)
{
    for (size_t run = 0; run < COUNT(category_runs); run++) {
        uint32_t first = category_runs[run] >> 8;
        memset(kvt_unicode_flags + first, flags_of((enum category)(category_runs[run] & 0xff)),
               run_end(run) - first);
    }
    for (size_t i = 0; i < COUNT(word_extras); i++)
        for (uint32_t cp = word_extras[i][0]; cp <= word_extras[i][1]; cp++)
            kvt_unicode_flags[cp] |= KVT_WORD;
}

void kvt_unicode_prepare(void)
{
    pthread_once(&once, fill);
}

static enum category category_of(uint32_t code_point)
{
    size_t low = 0, high = COUNT(category_runs);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (category_runs[middle] >> 8 <= code_point)
            low = middle;
        else
            high = middle;
    }
    return (enum category)(category_runs[low] & 0xff);
}

const char *kvt_unicode_category(uint32_t code_point)
{
    static const char names[N_CATEGORIES][3] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc",
                                                "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
                                                "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs",
                                                "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cc"};
    return code_point < 0x110000 ? names[category_of(code_point)] : "Cn";
}

/* Long-known code points of 2, 3 and 4 UTF-8 bytes for each category; 0 where there is none. */
static const uint32_t stand_ins[N_CATEGORIES][3] = {
    [CN] = {0x378, 0x2fe0, 0x1fffe}, [LU] = {0xc0, 0x1e00, 0x10400},
    [LL] = {0xe0, 0x1e01, 0x10428},  [LT] = {0x1c5, 0x1f88, 0},
    [LM] = {0x2b0, 0x3005, 0x16b40}, [LO] = {0x5d0, 0x4e00, 0x20000},
    [MN] = {0x300, 0x302a, 0x1d167}, [MC] = {0, 0x903, 0x1d165},
    [ME] = {0x488, 0x20dd, 0},       [ND] = {0x660, 0x966, 0x104a0},
    [NL] = {0, 0x3007, 0x10140},     [NO] = {0xb2, 0x2070, 0x10107},
    [PC] = {0, 0x203f, 0},           [PD] = {0x58a, 0x2010, 0x10ead},
    [PS] = {0, 0x2045, 0},           [PE] = {0, 0x2046, 0},
    [PI] = {0xab, 0x2018, 0},        [PF] = {0xbb, 0x2019, 0},
    [PO] = {0xa1, 0x2020, 0x10100},  [SM] = {0xac, 0x2044, 0x1d6c1},
    [SC] = {0xa2, 0x20ac, 0x1e2ff},  [SK] = {0xa8, 0x1fbd, 0x1f3fb},
    [SO] = {0xa9, 0x2100, 0x1f000},  [CF] = {0xad, 0x200b, 0x110bd},
};

static bool in_ranges(const uint32_t ranges[][2], size_t count, uint32_t code_point)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle][1] < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low][0] <= code_point;
}

bool kvt_unicode_is_later_than_9(uint32_t code_point)
{
    return in_ranges(later_than_9, COUNT(later_than_9), code_point);
}

uint32_t kvt_unicode_stand_in(uint32_t code_point)
{
    if (code_point < 0x80 || !in_ranges(changed_since_14, COUNT(changed_since_14), code_point))
        return code_point;
    int width = code_point < 0x800 ? 0 : code_point < 0x10000 ? 1 : 2;
    uint32_t other = stand_ins[category_of(code_point)][width];
    return other ? other : code_point;
}

size_t kvt_unicode_lower(uint32_t code_point, uint32_t mapped[2])
{
    if (code_point == 0x130) { /* the one character whose mapping is longer (SpecialCasing.txt) */
        mapped[0] = 'i';
        mapped[1] = 0x307;
        return 2;
    }
    size_t low = 0, high = COUNT(lower_runs);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lower_runs[middle].last < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(lower_runs) || code_point < lower_runs[low].first ||
        (code_point - lower_runs[low].first) % lower_runs[low].step != 0)
        return 0;
    mapped[0] = (uint32_t)((int32_t)code_point + lower_runs[low].distance);
    return 1;
}
