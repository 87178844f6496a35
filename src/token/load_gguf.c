/*
 * The vocabulary inside a GGUF: byte-level BPE ("gpt2") and SentencePiece-style BPE ("llama"). Keys
 * and token types as in the GGUF specification; which split a `tokenizer.ggml.pre` name stands for,
 * and what the absent keys mean, as in llama.cpp, which defined them.
 */
#include "core/memory.h"
#include "token/byte_level.h"
#include "token/gguf.h"
#include "token/internal.h"
#include "token/unicode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { /* tokenizer.ggml.token_type */
       TYPE_NORMAL = 1,
       TYPE_UNKNOWN = 2,
       TYPE_CONTROL = 3,
       TYPE_USER = 4,
       TYPE_UNUSED = 5,
       TYPE_BYTE = 6,
};

#define PRE "tokenizer.ggml.pre"
#define TOKENS "tokenizer.ggml.tokens"
#define MERGES "tokenizer.ggml.merges"
#define SCORES "tokenizer.ggml.scores"
#define TYPES "tokenizer.ggml.token_type"

struct pre_row {
    const char *name;
    enum kvt_split_family family;
    bool ignore_merges;
    bool adds_bos;           /* when the file does not say */
    bool digits;             /* each digit is cut out before the family's split */
    const char *patterns[3]; /* instead of a family: applied one after the other */
};

/* The patterns of two families that have no hand-written split, as their tokenizer.json files have
 * them. */
#define TEKKEN_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define TEKKEN_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define TEKKEN                                                                                     \
    "[^\\r\\n\\p{L}\\p{N}]?" TEKKEN_UPPER "*" TEKKEN_LOWER "+|[^\\r\\n\\p{L}\\p{N}]?" TEKKEN_UPPER \
    "+" TEKKEN_LOWER "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|"                     \
    "\\s+(?!\\S)|\\s+"
#define DEEPSEEK_CJK                                                                               \
    "[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+"
#define DEEPSEEK_WORDS                                                                             \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"           \
    "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct pre_row pre_rows[] = {
    {"gpt-2", KVT_SPLIT_GPT2, .digits = false},
    {"phi-2", KVT_SPLIT_GPT2, .digits = false},
    {"mpt", KVT_SPLIT_GPT2, .digits = false},
    {"olmo", KVT_SPLIT_GPT2, .digits = false},
    {"llama3", KVT_SPLIT_LLAMA3, .ignore_merges = true, .adds_bos = true},
    {"llama-v3", KVT_SPLIT_LLAMA3, .ignore_merges = true, .adds_bos = true},
    {"llama-bpe", KVT_SPLIT_LLAMA3, .ignore_merges = true, .adds_bos = true},
    {"smaug-bpe", KVT_SPLIT_LLAMA3, .digits = false},
    {"qwen2", KVT_SPLIT_QWEN2, .digits = false},
    {"stablelm2", KVT_SPLIT_QWEN2, .digits = false},
    {"deepseek-r1-qwen", KVT_SPLIT_QWEN2, .digits = false},
    {"dbrx", KVT_SPLIT_LLAMA3, .digits = false},
    {"gpt-4o", KVT_SPLIT_O200K, .digits = false},
    {"llama4", KVT_SPLIT_O200K, .digits = false},
    {"starcoder", KVT_SPLIT_GPT2, .digits = true},
    {"refact", KVT_SPLIT_GPT2, .digits = true},
    {"command-r", KVT_SPLIT_GPT2, .digits = true},
    {"smollm", KVT_SPLIT_GPT2, .digits = true},
    {"codeshell", KVT_SPLIT_GPT2, .digits = true},
    {"tekken", .ignore_merges = true, .adds_bos = true, .patterns = {TEKKEN}},
    {"deepseek-v3", .patterns = {"\\p{N}{1,3}", DEEPSEEK_CJK, DEEPSEEK_WORDS}},
};

static int type_of(const struct kvt_gguf *gguf, int64_t id)
{
    if (kvt_gguf_array_length(gguf, TYPES, KVT_GGUF_I32) <= id)
        return TYPE_NORMAL;
    return (int)kvt_gguf_array_number(gguf, TYPES, id);
}

static int add_special(struct kvt_tokenizer *tokenizer, const char *text, size_t length, int64_t id,
                       int type, struct kvt_error *error)
{
    enum kvt_token_kind kind = type == TYPE_USER      ? KVT_TOKEN_USER
                               : type == TYPE_UNKNOWN ? KVT_TOKEN_UNKNOWN
                                                      : KVT_TOKEN_CONTROL;
    if (kvt_vocabulary_set(&tokenizer->vocabulary, id, text, length, kind, error) != 0)
        return -1;
    char *copy = kvt_strndup(text, length);
    kvt_added_add(&tokenizer->added, &(struct kvt_added_token){.text = copy,
                                                               .length = length,
                                                               .id = (int32_t)id,
                                                               .special = type != TYPE_USER});
    free(copy);
    return 0;
}

/* "<0x0A>" -> 10, else -1. */
static int byte_named(const char *text, size_t length)
{
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    char digits[3] = {text[3], text[4], '\0'}, *end;
    long value = strtol(digits, &end, 16);
    return end == digits + 2 ? (int)value : -1;
}

static int add_byte_level(struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                          int64_t id, struct kvt_error *error)
{
    struct kvt_buffer bytes = {0};
    bool spelled = kvt_byte_level_decode(text, length, &bytes) == 0;
    int status = spelled ? kvt_vocabulary_set(&tokenizer->vocabulary, id, kvt_buffer_string(&bytes),
                                              bytes.length, KVT_TOKEN_NORMAL, error)
                         : kvt_vocabulary_set(&tokenizer->vocabulary, id, text, length,
                                              KVT_TOKEN_NORMAL, error);
    if (status == 0 && spelled && bytes.length > 0 &&
        kvt_vocabulary_index(&tokenizer->vocabulary, (int32_t)id) && bytes.length == 1)
        tokenizer->byte_ids[(unsigned char)bytes.data[0]] = (int32_t)id;
    kvt_buffer_free(&bytes);
    return status;
}

static int add_piece(struct kvt_tokenizer *tokenizer, const char *text, size_t length, int64_t id,
                     int type, struct kvt_error *error)
{
    int byte = type == TYPE_BYTE ? byte_named(text, length) : -1;
    if (type == TYPE_BYTE && byte < 0)
        return kvt_fail(error, KVT_DATA,
                        TOKENS ": token %lld is of type byte but is not named <0xXX>",
                        (long long)id);
    if (kvt_vocabulary_set(&tokenizer->vocabulary, id, text, length,
                           byte >= 0 ? KVT_TOKEN_BYTE : KVT_TOKEN_NORMAL, error) != 0)
        return -1;
    if (byte >= 0)
        tokenizer->byte_ids[byte] = (int32_t)id;
    else if (length > 0)
        kvt_vocabulary_index(&tokenizer->vocabulary, (int32_t)id);
    return 0;
}

static int add_tokens(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf,
                      struct kvt_error *error)
{
    int64_t count = kvt_gguf_array_length(gguf, TOKENS, KVT_GGUF_STRING);
    if (count <= 0 || count > KVT_TOKEN_LIMIT)
        return kvt_fail(error, KVT_DATA, TOKENS ": %s",
                        count <= 0 ? "no list of strings; the file has no vocabulary"
                                   : "more tokens than this program can number");
    kvt_vocabulary_reserve(&tokenizer->vocabulary, (size_t)count, (size_t)count * 8);
    for (int64_t id = 0; id < count; id++) {
        size_t length;
        const char *text = kvt_gguf_array_string(gguf, TOKENS, id, &length);
        int type = type_of(gguf, id);
        int status;
        if (type == TYPE_CONTROL || type == TYPE_USER || type == TYPE_UNKNOWN)
            status = add_special(tokenizer, text, length, id, type, error);
        else if (tokenizer->units == KVT_UNITS_BYTES)
            status = add_byte_level(tokenizer, text, length, id, error);
        else
            status = add_piece(tokenizer, text, length, id, type, error);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* The id of one side of a merge, spelled as in the file. */
static int32_t spelled_id(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    struct kvt_buffer bytes = {0};
    int32_t id = -1;
    if (kvt_byte_level_decode(text, length, &bytes) == 0)
        id = kvt_vocabulary_find(&tokenizer->vocabulary, kvt_buffer_string(&bytes), bytes.length);
    kvt_buffer_free(&bytes);
    return id;
}

static int32_t joined_id(const struct kvt_tokenizer *tokenizer, int32_t left, int32_t right)
{
    size_t n, m;
    const char *a = kvt_vocabulary_key(&tokenizer->vocabulary, left, &n);
    const char *b = kvt_vocabulary_key(&tokenizer->vocabulary, right, &m);
    char *both = kvt_alloc(n + m);
    memcpy(both, a, n);
    memcpy(both + n, b, m);
    int32_t id = kvt_vocabulary_find(&tokenizer->vocabulary, both, n + m);
    free(both);
    return id;
}

static int add_merges(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf,
                      struct kvt_error *error)
{
    int64_t count = kvt_gguf_array_length(gguf, MERGES, KVT_GGUF_STRING);
    if (count < 0 || count > UINT32_MAX)
        return kvt_fail(error, KVT_DATA,
                        MERGES ": no list of strings; a byte-level vocabulary needs it");
    kvt_merges_reserve(&tokenizer->merges, (size_t)count);
    for (int64_t rank = 0; rank < count; rank++) {
        size_t length;
        const char *text = kvt_gguf_array_string(gguf, MERGES, rank, &length);
        const char *space = length > 1 ? memchr(text + 1, ' ', length - 1) : NULL;
        if (!space)
            return kvt_fail(error, KVT_DATA, MERGES ": entry %lld is not two tokens and a space",
                            (long long)rank);
        size_t n = (size_t)(space - text);
        int32_t left = spelled_id(tokenizer, text, n);
        int32_t right = spelled_id(tokenizer, space + 1, length - n - 1);
        int32_t joined = left >= 0 && right >= 0 ? joined_id(tokenizer, left, right) : -1;
        if (joined < 0)
            return kvt_fail(error, KVT_DATA,
                            MERGES ": entry %lld (\"%.*s\") uses a token that " TOKENS
                                   " does not have",
                            (long long)rank, length > 80 ? 80 : (int)length, text);
        kvt_merges_add(&tokenizer->merges, left, right, (uint32_t)rank, joined, false);
    }
    return 0;
}

struct scored {
    double score;
    int32_t id;
};

static int best_first(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/*
 * SentencePiece joins the adjacent pair whose string has the best score: as merge rules, every pair
 * that makes a token, ranked by the token's score, equal scores sharing a rank.
 */
static int add_scores(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf,
                      struct kvt_error *error)
{
    int32_t size = tokenizer->vocabulary.size;
    if (kvt_gguf_array_length(gguf, SCORES, KVT_GGUF_F32) != size)
        return kvt_fail(error, KVT_DATA, SCORES ": not one number for each of the %d tokens",
                        (int)size);
    struct scored *order = kvt_alloc_array((size_t)size, sizeof *order);
    int32_t n = 0;
    for (int32_t id = 0; id < size; id++) {
        double score = kvt_gguf_array_number(gguf, SCORES, id);
        if (!isfinite(score)) {
            free(order);
            return kvt_fail(error, KVT_DATA, SCORES ": the score of token %d is not a number",
                            (int)id);
        }
        if (tokenizer->vocabulary.kinds[id] == KVT_TOKEN_NORMAL)
            order[n++] = (struct scored){score, id};
    }
    qsort(order, (size_t)n, sizeof *order, best_first);
    kvt_merges_reserve(&tokenizer->merges, 2 * (size_t)n);
    uint32_t rank = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 && order[i].score < order[i - 1].score)
            rank++;
        kvt_tokenizer_add_splits(tokenizer, order[i].id, rank);
    }
    free(order);
    return 0;
}

static int add_pre(struct kvt_tokenizer *tokenizer, const struct pre_row *row,
                   struct kvt_error *error)
{
    tokenizer->ignore_merges = row->ignore_merges;
    tokenizer->adds_bos = row->adds_bos;
    for (size_t i = 0; i < 3 && row->patterns[i]; i++) {
        struct kvt_pre_step step = {.kind = KVT_PRE_PATTERN, .behavior = KVT_ISOLATED};
        step.pattern = kvt_regex_compile(row->patterns[i], KVT_PATTERN_ONIGURUMA, error);
        if (!step.pattern)
            return -1;
        kvt_pre_add(&tokenizer->pre, &step);
    }
    if (row->patterns[0])
        return 0;
    if (row->digits)
        kvt_pre_add(&tokenizer->pre,
                    &(struct kvt_pre_step){.kind = KVT_PRE_DIGITS, .single = true});
    kvt_pre_add(&tokenizer->pre, &(struct kvt_pre_step){.kind = KVT_PRE_FAMILY,
                                                        .split = kvt_split_by_family(row->family)});
    return 0;
}

/* `named` is what stands behind the file's name, for files that name none themselves. */
static int set_pre(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf, const char *named,
                   struct kvt_error *error)
{
    const char *name = kvt_gguf_string(gguf, PRE, NULL);
    if (name && named && strcmp(name, named) != 0)
        return kvt_fail(error, KVT_DATA, PRE ": the file says \"%s\", not \"%s\"", name, named);
    if (!name)
        name = named;
    for (size_t i = 0; name && i < sizeof pre_rows / sizeof *pre_rows; i++)
        if (strcmp(pre_rows[i].name, name) == 0)
            return add_pre(tokenizer, &pre_rows[i], error);
    if (!name)
        return kvt_fail(error, KVT_DATA,
                        PRE ": absent, so how text is split is not known; name it behind the file "
                            "(FILE.gguf@llama-bpe, @qwen2, @gpt-2, …) or use the model's "
                            "tokenizer.json");
    return kvt_fail(error, KVT_DATA,
                    PRE ": \"%s\" is not a pre-tokenizer this program knows; use the model's "
                        "tokenizer.json instead",
                    name);
}

/* A token id key; -1 when absent or out of range. */
static int32_t id_key(const struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf,
                      const char *key)
{
    int64_t id;
    if (!kvt_gguf_integer(gguf, key, &id) || id < 0 || id >= tokenizer->vocabulary.size)
        return -1;
    return (int32_t)id;
}

static void set_ends(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    kvt_tokenizer_mark_ends(tokenizer);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int32_t id = id_key(tokenizer, gguf, keys[i]);
        if (id >= 0)
            tokenizer->ends[id] = 1;
    }
}

static int load(struct kvt_tokenizer *tokenizer, const struct kvt_gguf *gguf, const char *pre,
                struct kvt_error *error)
{
    const char *model = kvt_gguf_string(gguf, "tokenizer.ggml.model", NULL);
    bool byte_level = model && strcmp(model, "gpt2") == 0;
    if (!byte_level && !(model && strcmp(model, "llama") == 0))
        return kvt_fail(
            error, KVT_DATA,
            "tokenizer.ggml.model: \"%s\" cannot be done exactly; gpt2 (byte-level BPE) and "
            "llama (SentencePiece-style BPE) can",
            model ? model : "(absent)");
    tokenizer->units = byte_level ? KVT_UNITS_BYTES : KVT_UNITS_CHARACTERS;
    if (pre && !byte_level)
        return kvt_fail(error, KVT_DATA,
                        "a SentencePiece-style vocabulary has no pre-tokenizer; "
                        "leave out @%s",
                        pre);
    if (byte_level && set_pre(tokenizer, gguf, pre, error) != 0)
        return -1;
    if (add_tokens(tokenizer, gguf, error) != 0)
        return -1;
    if ((byte_level ? add_merges : add_scores)(tokenizer, gguf, error) != 0)
        return -1;
    tokenizer->bos = id_key(tokenizer, gguf, "tokenizer.ggml.bos_token_id");
    if (!byte_level) {
        tokenizer->byte_fallback = true;
        tokenizer->escape_space = true;
        tokenizer->adds_bos = true;
        bool prefix = true;
        kvt_gguf_bool(gguf, "tokenizer.ggml.add_space_prefix", &prefix);
        tokenizer->prepend = prefix ? KVT_PREPEND_ALWAYS : KVT_PREPEND_NEVER;
        tokenizer->unknown = id_key(tokenizer, gguf, "tokenizer.ggml.unknown_token_id");
    }
    kvt_gguf_bool(gguf, "tokenizer.ggml.add_bos_token", &tokenizer->adds_bos);
    if (tokenizer->bos < 0)
        tokenizer->adds_bos = false;
    if (tokenizer->adds_bos) {
        kvt_grow(&tokenizer->prefix.ids, &tokenizer->prefix.capacity, 0, sizeof(int32_t));
        tokenizer->prefix.ids[tokenizer->prefix.count++] = tokenizer->bos;
    }
    kvt_tokenizer_finish(tokenizer);
    set_ends(tokenizer, gguf);
    return 0;
}

struct kvt_tokenizer *kvt_tokenizer_from_gguf(const char *path, const char *pre,
                                              struct kvt_error *error)
{
    struct kvt_gguf *gguf = kvt_gguf_open(path, error);
    if (!gguf)
        return NULL;
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_new(path);
    if (load(tokenizer, gguf, pre, error) != 0) {
        kvt_fail_context(error, "%s", path);
        kvt_tokenizer_free(tokenizer);
        tokenizer = NULL;
    }
    kvt_gguf_close(gguf);
    return tokenizer;
}
