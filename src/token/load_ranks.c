/*
 * A tiktoken rank file: lines of a token in base64, a space and its rank, which is its id. The file
 * has neither split pattern nor special tokens; both go by a name: the part of the path behind the
 * last '@', or else the name of the file (cl100k_base.tiktoken).
 */
#include "core/memory.h"
#include "token/cursor.h"
#include "token/internal.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

struct special {
    const char *text;
    int32_t id;
};

struct encoding {
    const char *name;
    enum kvt_split_family family;
    struct special specials[12]; /* ends with a NULL text */
    bool after_ranks;            /* ids of the specials are counted from the number of ranks */
    int n_reserved;              /* more of <|reserved_special_token_5|> … behind them */
    bool adds_bos;
};

static const struct encoding encodings[] = {
    {"gpt2", KVT_SPLIT_GPT2, {{"<|endoftext|>", 50256}}, false, 0, false},
    {"r50k_base", KVT_SPLIT_GPT2, {{"<|endoftext|>", 50256}}, false, 0, false},
    {"p50k_base", KVT_SPLIT_GPT2, {{"<|endoftext|>", 50256}}, false, 0, false},
    {"cl100k_base",
     KVT_SPLIT_CL100K,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}},
     false,
     0,
     false},
    {"o200k_base",
     KVT_SPLIT_O200K,
     {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}},
     false,
     0,
     false},
    {"qwen2",
     KVT_SPLIT_QWEN2,
     {{"<|endoftext|>", 0}, {"<|im_start|>", 1}, {"<|im_end|>", 2}},
     true,
     0,
     false},
    {"llama-3",
     KVT_SPLIT_LLAMA3,
     {{"<|begin_of_text|>", 0},
      {"<|end_of_text|>", 1},
      {"<|reserved_special_token_0|>", 2},
      {"<|reserved_special_token_1|>", 3},
      {"<|reserved_special_token_2|>", 4},
      {"<|reserved_special_token_3|>", 5},
      {"<|start_header_id|>", 6},
      {"<|end_header_id|>", 7},
      {"<|reserved_special_token_4|>", 8},
      {"<|eot_id|>", 9}},
     true,
     246,
     true},
};

static const struct encoding *find_encoding(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        if (strlen(encodings[i].name) == length && memcmp(encodings[i].name, name, length) == 0)
            return &encodings[i];
    return NULL;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes text[0..length) and appends; -1 when it is not base64. */
static int base64_decode(const char *text, size_t length, struct kvt_buffer *out)
{
    if (length == 0 || length % 4 != 0)
        return -1;
    for (size_t at = 0; at < length; at += 4) {
        bool last = at + 4 == length;
        int padding =
            last ? (text[at + 3] == '=') + (text[at + 3] == '=' && text[at + 2] == '=') : 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            int digit = (int)i >= 4 - padding ? 0 : base64_digit(text[at + i]);
            if (digit < 0)
                return -1;
            bits = bits << 6 | (uint32_t)digit;
        }
        const char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        kvt_buffer_append(out, bytes, (size_t)(3 - padding));
    }
    return 0;
}

bool kvt_ranks_recognise(const char *start)
{
    size_t length = strcspn(start, " \r\n");
    struct kvt_buffer bytes = {0};
    bool fits = start[length] == ' ' && base64_decode(start, length, &bytes) == 0 &&
                strspn(start + length + 1, "0123456789") > 0;
    kvt_buffer_free(&bytes);
    return fits;
}

static int read_line(struct kvt_tokenizer *tokenizer, const char *line, size_t length,
                     struct kvt_buffer *bytes, struct kvt_error *error)
{
    const char *space = memchr(line, ' ', length);
    kvt_buffer_clear(bytes);
    if (!space || base64_decode(line, (size_t)(space - line), bytes) != 0)
        return kvt_fail(error, KVT_DATA, "not a token in base64, a space and a rank");
    int64_t rank = 0;
    for (const char *at = space + 1; at < line + length; at++) {
        if (*at < '0' || *at > '9' || rank >= KVT_TOKEN_LIMIT)
            return kvt_fail(error, KVT_DATA, "the rank is not a whole number in range");
        rank = 10 * rank + (*at - '0');
    }
    if (kvt_vocabulary_set(&tokenizer->vocabulary, rank, bytes->data, bytes->length,
                           KVT_TOKEN_NORMAL, error) != 0)
        return -1;
    if (!kvt_vocabulary_index(&tokenizer->vocabulary, (int32_t)rank))
        return kvt_fail(error, KVT_DATA, "the token was there before");
    if (bytes->length == 1)
        tokenizer->byte_ids[(unsigned char)bytes->data[0]] = (int32_t)rank;
    return 0;
}

static int read_lines(struct kvt_tokenizer *tokenizer, const struct kvt_buffer *file,
                      struct kvt_error *error)
{
    struct kvt_buffer bytes = {0};
    const char *at = file->data, *end = file->data + file->length;
    size_t number = 0;
    int status = 0;
    kvt_vocabulary_reserve(&tokenizer->vocabulary, file->length / 16, file->length / 2);
    while (at < end && status == 0) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        size_t length = (size_t)(stop - at);
        number++;
        if (length > 0 && at[length - 1] == '\r')
            length--;
        if (length > 0)
            status = read_line(tokenizer, at, length, &bytes, error);
        at = stop + 1;
    }
    kvt_buffer_free(&bytes);
    return status == 0 ? 0 : kvt_fail_context(error, "line %zu", number);
}

static int add_special(struct kvt_tokenizer *tokenizer, const char *text, int64_t id,
                       struct kvt_error *error)
{
    size_t length = strlen(text);
    if (kvt_vocabulary_set(&tokenizer->vocabulary, id, text, length, KVT_TOKEN_CONTROL, error) != 0)
        return -1;
    kvt_added_add(&tokenizer->added, &(struct kvt_added_token){.text = (char *)(uintptr_t)text,
                                                               .length = length,
                                                               .id = (int32_t)id,
                                                               .special = true});
    return 0;
}

static int add_specials(struct kvt_tokenizer *tokenizer, const struct encoding *encoding,
                        struct kvt_error *error)
{
    int64_t base = encoding->after_ranks ? tokenizer->vocabulary.size : 0;
    int64_t next = base;
    for (const struct special *special = encoding->specials; special->text; special++) {
        next = base + special->id + 1;
        if (add_special(tokenizer, special->text, base + special->id, error) != 0)
            return -1;
    }
    for (int i = 0; i < encoding->n_reserved; i++) {
        char text[48];
        snprintf(text, sizeof text, "<|reserved_special_token_%d|>", i + 5);
        if (add_special(tokenizer, text, next + i, error) != 0)
            return -1;
    }
    if (encoding->adds_bos) {
        tokenizer->bos = (int32_t)base;
        tokenizer->adds_bos = true;
        kvt_grow(&tokenizer->prefix.ids, &tokenizer->prefix.capacity, 0, sizeof(int32_t));
        tokenizer->prefix.ids[tokenizer->prefix.count++] = tokenizer->bos;
    }
    return 0;
}

/* Any two tokens whose bytes together are a token are joined, the lowest id first. */
static int load(struct kvt_tokenizer *tokenizer, const struct encoding *encoding,
                const struct kvt_buffer *file, struct kvt_error *error)
{
    tokenizer->units = KVT_UNITS_BYTES;
    tokenizer->ignore_merges = true;
    kvt_pre_add(&tokenizer->pre,
                &(struct kvt_pre_step){.kind = KVT_PRE_FAMILY,
                                       .split = kvt_split_by_family(encoding->family)});
    if (read_lines(tokenizer, file, error) != 0)
        return -1;
    for (int byte = 0; byte < 256; byte++)
        if (tokenizer->byte_ids[byte] < 0)
            return kvt_fail(error, KVT_DATA, "byte 0x%02x has no rank", (unsigned)byte);
    kvt_merges_reserve(&tokenizer->merges, 2 * (size_t)tokenizer->vocabulary.size);
    for (int32_t id = 0; id < tokenizer->vocabulary.size; id++)
        if (tokenizer->vocabulary.kinds[id] == KVT_TOKEN_NORMAL)
            kvt_tokenizer_add_splits(tokenizer, id, (uint32_t)id);
    if (add_specials(tokenizer, encoding, error) != 0)
        return -1;
    kvt_tokenizer_finish(tokenizer);
    kvt_tokenizer_mark_ends(tokenizer);
    return 0;
}

struct kvt_tokenizer *kvt_tokenizer_from_ranks(const char *path, const char *name,
                                               struct kvt_error *error)
{
    struct kvt_buffer file = {0};
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const struct encoding *encoding =
        name ? find_encoding(name, strlen(name)) : find_encoding(base, strcspn(base, "."));
    if (!encoding) {
        kvt_fail(error, KVT_USAGE,
                 "%s is a tiktoken rank file, which does not say how text is split; name it: "
                 "%s@NAME with "
                 "gpt2, r50k_base, p50k_base, cl100k_base, o200k_base, llama-3 or qwen2",
                 path, path);
        return NULL;
    }
    struct kvt_tokenizer *tokenizer = NULL;
    if (kvt_cursor_read_file(path, &file, error) == 0) {
        tokenizer = kvt_tokenizer_new(path);
        if (load(tokenizer, encoding, &file, error) != 0) {
            kvt_fail_context(error, "%s", path);
            kvt_tokenizer_free(tokenizer);
            tokenizer = NULL;
        }
    }
    kvt_buffer_free(&file);
    return tokenizer;
}
