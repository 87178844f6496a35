#include "token/tokenizer.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "token/cuts.h"
#include "token/internal.h"
#include "token/long.h"
#include "token/unicode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kvt_tokenizer *kvt_tokenizer_new(const char *path)
{
    kvt_unicode_prepare();
    struct kvt_tokenizer *tokenizer = kvt_alloc_zero(1, sizeof *tokenizer);
    for (size_t i = 0; i < 256; i++)
        tokenizer->byte_ids[i] = -1;
    tokenizer->bos = -1;
    tokenizer->unknown = -1;
    tokenizer->path = kvt_strdup(path);
    pthread_mutex_init(&tokenizer->lock, NULL);
    return tokenizer;
}

void kvt_tokenizer_free(struct kvt_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    kvt_vocabulary_free(&tokenizer->vocabulary);
    kvt_vocabulary_free(&tokenizer->unspelled);
    kvt_merges_free(&tokenizer->merges);
    kvt_long_tables_free(tokenizer->long_tables);
    kvt_cuts_free(tokenizer->cuts);
    kvt_added_free(&tokenizer->added);
    kvt_added_free(&tokenizer->added_normalized);
    kvt_normalizer_free(&tokenizer->normalizer);
    kvt_pre_free(&tokenizer->pre);
    pthread_mutex_destroy(&tokenizer->lock);
    free(tokenizer->prefix.ids);
    free(tokenizer->suffix.ids);
    free(tokenizer->ends);
    free(tokenizer->outputs);
    free(tokenizer->starts);
    free(tokenizer->path);
    free(tokenizer);
}

/*
 * The printable spelling of bytes: printable Latin-1 characters stand for themselves, the other 68
 * bytes for U+0100 onwards (Radford et al. 2019, the published GPT-2 encoder).
 */
static bool spells_itself(uint32_t cp)
{
    return (cp >= 0x21 && cp <= 0x7e) || (cp >= 0xa1 && cp <= 0xac) || (cp >= 0xae && cp <= 0xff);
}

static int spelled_byte(uint32_t cp)
{
    if (cp < 0x100)
        return spells_itself(cp) ? (int)cp : -1;
    if (cp <= 0x120)
        return (int)(cp - 0x100); /* bytes 0x00 to 0x20 */
    if (cp <= 0x142)
        return (int)(cp - 0x121 + 0x7f); /* bytes 0x7f to 0xa0 */
    return cp == 0x143 ? 0xad : -1;
}

int kvt_byte_level_decode(const char *text, size_t length, struct kvt_buffer *out)
{
    kvt_buffer_reserve(out, length);
    char *to = out->data + out->length;
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    while (at < end) {
        unsigned c = *at++;
        if (c >= 0x80) { /* the spelling uses two-byte characters up to U+0143 */
            if (c < 0xc2 || c > 0xc5 || at == end || (*at & 0xc0) != 0x80)
                return -1;
            int byte = spelled_byte((c & 0x1f) << 6 | (*at++ & 0x3fu));
            if (byte < 0)
                return -1;
            c = (unsigned)byte;
        } else if (c < 0x21 || c == 0x7f) {
            return -1;
        }
        *to++ = (char)c;
    }
    out->length = (size_t)(to - out->data);
    *to = '\0';
    return 0;
}

void kvt_byte_level_encode(const char *text, size_t length, struct kvt_buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)text[i];
        uint32_t cp = byte;
        if (!spells_itself(byte))
            cp = byte <= 0x20 ? 0x100 + byte : byte == 0xad ? 0x143 : 0x121 + byte - 0x7f;
        char utf8[4];
        kvt_buffer_append(out, utf8, kvt_utf8_encode(cp, utf8));
    }
}

/* "<0x0A>" as its byte; a visible space as a space; anything else as it is. */
static void append_output(const struct kvt_tokenizer *tokenizer, int32_t id, struct kvt_buffer *out)
{
    size_t length;
    const char *key = kvt_vocabulary_key(&tokenizer->vocabulary, id, &length);
    const size_t width = sizeof KVT_VISIBLE_SPACE - 1;
    switch ((enum kvt_token_kind)tokenizer->vocabulary.kinds[id]) {
    case KVT_TOKEN_ABSENT:
    case KVT_TOKEN_CONTROL:
    case KVT_TOKEN_UNKNOWN:
        return;
    case KVT_TOKEN_BYTE:
        kvt_buffer_byte(out, (char)strtol((char[]){key[3], key[4], '\0'}, NULL, 16));
        return;
    case KVT_TOKEN_USER:
    case KVT_TOKEN_NORMAL:
        break;
    }
    if (!tokenizer->shows_space) {
        kvt_buffer_append(out, key, length);
        return;
    }
    for (size_t at = 0; at < length;) {
        if (length - at >= width && memcmp(key + at, KVT_VISIBLE_SPACE, width) == 0) {
            kvt_buffer_byte(out, ' ');
            at += width;
        } else {
            kvt_buffer_byte(out, key[at++]);
        }
    }
}

void kvt_tokenizer_add_splits(struct kvt_tokenizer *tokenizer, int32_t id, uint32_t rank)
{
    size_t length;
    const struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    const char *key = kvt_vocabulary_key(vocabulary, id, &length);
    for (size_t at = 1; at < length; at++) {
        if (tokenizer->units == KVT_UNITS_CHARACTERS && ((unsigned char)key[at] & 0xc0) == 0x80)
            continue;
        int32_t left = kvt_vocabulary_find(vocabulary, key, at);
        int32_t right = left < 0 ? -1 : kvt_vocabulary_find(vocabulary, key + at, length - at);
        if (right >= 0)
            kvt_merges_add(&tokenizer->merges, left, right, rank, id, true);
    }
}

static struct kvt_pre_step *last_step(struct kvt_pre *pre)
{
    return pre->count ? &pre->steps[pre->count - 1] : NULL;
}

/* Where no merge can cross: before a visible space behind these bytes; around bytes that stand
 * alone. */
static void find_barriers(struct kvt_tokenizer *tokenizer)
{
    const struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    if (tokenizer->units != KVT_UNITS_CHARACTERS)
        return;
    for (int c = 0; c < 128; c++)
        tokenizer->ascii_ids[c] = kvt_vocabulary_find(vocabulary, (char[]){(char)c}, 1);
    tokenizer->space_id = kvt_vocabulary_find(vocabulary, KVT_VISIBLE_SPACE, 3);
    for (int32_t id = 0; id < vocabulary->size; id++) {
        size_t length;
        const char *key = kvt_vocabulary_key(vocabulary, id, &length);
        if (!vocabulary->found[id])
            continue;
        for (size_t at = 1; at + 3 <= length; at++)
            if (memcmp(key + at, KVT_VISIBLE_SPACE, 3) == 0)
                tokenizer->glued[(unsigned char)key[at - 1]] = 1;
    }
    tokenizer->bytes_stand_alone = true;
    const struct kvt_merges *merges = &tokenizer->merges;
    uint8_t *is_byte = kvt_alloc_zero((size_t)vocabulary->size, 1);
    for (int byte = 0; byte < 256; byte++)
        if (tokenizer->byte_ids[byte] >= 0)
            is_byte[tokenizer->byte_ids[byte]] = 1;
    for (size_t i = 0; i < merges->n_slots; i++)
        if (merges->slots[i].pair != UINT64_MAX &&
            (is_byte[merges->slots[i].pair >> 32] || is_byte[merges->slots[i].pair & UINT32_MAX]))
            tokenizer->bytes_stand_alone = false;
    free(is_byte);
}

/* A Metaspace that is the whole pre-tokenizer is SentencePiece's spaces, and a cut before each. */
static void simplify_metaspace(struct kvt_tokenizer *tokenizer)
{
    struct kvt_pre *pre = &tokenizer->pre;
    if (pre->count != 1 || pre->steps[0].kind != KVT_PRE_METASPACE || tokenizer->normalizer.count ||
        tokenizer->escape_space || tokenizer->added_normalized.count)
        return;
    bool cut = pre->steps[0].cut;
    tokenizer->escape_space = true;
    tokenizer->unless_space = true;
    tokenizer->prepend = pre->steps[0].prepend;
    pre->steps[0] = (struct kvt_pre_step){.kind = KVT_PRE_FAMILY,
                                          .split = kvt_split_by_family(KVT_SPLIT_VISIBLE_SPACE)};
    pre->count = cut;
}

/* Leaves out steps that change nothing, and finds the short ways through the rest. */
static void simplify(struct kvt_tokenizer *tokenizer)
{
    struct kvt_pre *pre = &tokenizer->pre;
    struct kvt_pre_step *last = last_step(pre);
    if (last && last->kind == KVT_PRE_BYTES && !last->prefix_space)
        pre->count--; /* keys are held as bytes, not as their printable spelling */
    last = last_step(pre);
    if (last && pre->count == 1 && last->kind == KVT_PRE_PATTERN && tokenizer->escape_space &&
        kvt_regex_is_literal(last->pattern, " ")) {
        kvt_regex_free(last->pattern); /* no space is left to split at (Gemma) */
        pre->count = 0;
    }
    tokenizer->shows_space |= tokenizer->escape_space;
    simplify_metaspace(tokenizer);
    last = last_step(pre);
    tokenizer->direct = KVT_DIRECT_NOT;
    if (pre->count == 0)
        tokenizer->direct =
            tokenizer->escape_space && tokenizer->units == KVT_UNITS_CHARACTERS &&
                    !tokenizer->ignore_merges &&
                    kvt_vocabulary_find(&tokenizer->vocabulary, KVT_VISIBLE_SPACE, 3) >= 0
                ? KVT_DIRECT_SPACES
                : KVT_DIRECT_WHOLE;
    if (pre->count == 1 && last->kind == KVT_PRE_FAMILY) {
        tokenizer->direct = KVT_DIRECT_FAMILY;
        tokenizer->split = last->split;
    }
    if (pre->count == 1 && last->kind == KVT_PRE_PATTERN && last->behavior == KVT_ISOLATED)
        tokenizer->direct = KVT_DIRECT_PATTERN;
}

static bool has_all_bytes(const struct kvt_tokenizer *tokenizer)
{
    for (int byte = 0; byte < 256; byte++)
        if (tokenizer->byte_ids[byte] < 0)
            return false;
    return true;
}

/*
 * The lowest id of a byte, or of an ASCII letter and the visible space, whose ids and those of the
 * other ASCII characters are neighbours where characters are numbered by how often they are met; 0
 * when there is none.
 */
static int32_t first_symbol(const struct kvt_tokenizer *tokenizer)
{
    bool bytes = tokenizer->units == KVT_UNITS_BYTES;
    int32_t first = INT32_MAX;
    for (int c = bytes ? 0 : 'A'; c < (bytes ? 256 : 'z' + 1); c++) {
        int32_t id = bytes ? tokenizer->byte_ids[c] : tokenizer->ascii_ids[c];
        first = id >= 0 && id < first ? id : first;
    }
    if (!bytes && tokenizer->space_id >= 0 && tokenizer->space_id < first)
        first = tokenizer->space_id;
    return first < KVT_TOKEN_LIMIT ? first : 0;
}

void kvt_tokenizer_finish(struct kvt_tokenizer *tokenizer)
{
    kvt_added_finish(&tokenizer->added);
    kvt_added_finish(&tokenizer->added_normalized);
    kvt_merges_reserve(&tokenizer->merges, 0); /* look-ups need slots, even without rules */
    simplify(tokenizer);
    find_barriers(tokenizer);
    kvt_merges_make_direct(&tokenizer->merges, first_symbol(tokenizer));
    tokenizer->cuts_hold =
        has_all_bytes(tokenizer) && (tokenizer->units == KVT_UNITS_BYTES ||
                                     (tokenizer->byte_fallback && tokenizer->bytes_stand_alone));
    int32_t size = tokenizer->vocabulary.size;
    tokenizer->ends = kvt_alloc_zero((size_t)size, 1);
    tokenizer->starts = kvt_alloc_array((size_t)size + 1, sizeof *tokenizer->starts);
    struct kvt_buffer out = {0};
    kvt_buffer_reserve(&out, tokenizer->vocabulary.keys_length);
    for (int32_t id = 0; id < size; id++) {
        tokenizer->starts[id] = out.length;
        append_output(tokenizer, id, &out);
    }
    tokenizer->starts[size] = out.length;
    kvt_buffer_reserve(&out, 1);
    tokenizer->outputs = kvt_buffer_take(&out);
}

void kvt_tokenizer_mark_ends(struct kvt_tokenizer *tokenizer)
{
    static const char *const names[] = {"<|eot_id|>",
                                        "<|eom_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<end_of_turn>",
                                        "<EOT>",
                                        "_<EOT>",
                                        "<|endoftext|>",
                                        "<|end_of_text|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "</s>",
                                        "<|eot|>",
                                        "<eos>",
                                        "<|END_OF_TURN_TOKEN|>",
                                        "<|end_of_sentence|>",
                                        "<｜end▁of▁sentence｜>"};
    const struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    for (int32_t id = 0; id < vocabulary->size; id++) {
        size_t length;
        const char *key = kvt_vocabulary_key(vocabulary, id, &length);
        bool added =
            vocabulary->kinds[id] == KVT_TOKEN_CONTROL || vocabulary->kinds[id] == KVT_TOKEN_USER;
        for (size_t j = 0; added && j < sizeof names / sizeof *names; j++)
            if (strlen(names[j]) == length && memcmp(key, names[j], length) == 0)
                tokenizer->ends[id] = 1;
    }
}

/* The first bytes of a file; -1 and *error when it cannot be read. */
static int peek(const char *path, char *start, size_t size, size_t *length, struct kvt_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return kvt_fail(error, KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    *length = fread(start, 1, size - 1, file);
    start[*length] = '\0';
    int failed = ferror(file);
    fclose(file);
    return failed ? kvt_fail(error, KVT_SYSTEM, "cannot read %s: %s", path, strerror(errno)) : 0;
}

static bool is_gguf(const char *start, size_t length)
{
    return length >= 4 && memcmp(start, "GGUF", 4) == 0;
}

/* ranks.tiktoken@llama-3, model.gguf@llama-bpe */
static struct kvt_tokenizer *load_named(const char *path, const char *at, struct kvt_error *error)
{
    char *file = kvt_strndup(path, (size_t)(at - path)), start[8];
    struct kvt_tokenizer *tokenizer = NULL;
    size_t length;
    if (peek(file, start, sizeof start, &length, error) == 0)
        tokenizer = is_gguf(start, length) ? kvt_tokenizer_from_gguf(file, at + 1, error)
                                           : kvt_tokenizer_from_ranks(file, at + 1, error);
    free(file);
    return tokenizer;
}

struct kvt_tokenizer *kvt_tokenizer_load(const char *path, struct kvt_error *error)
{
    char start[512];
    size_t length = 0;
    const char *at = strrchr(path, '@');
    if (at && !strchr(at, '/') && access(path, F_OK) != 0)
        return load_named(path, at, error);
    if (peek(path, start, sizeof start, &length, error) != 0)
        return NULL;
    if (is_gguf(start, length))
        return kvt_tokenizer_from_gguf(path, NULL, error);
    if (start[strspn(start, " \t\r\n")] == '{')
        return kvt_tokenizer_from_json(path, error);
    if (kvt_ranks_recognise(start))
        return kvt_tokenizer_from_ranks(path, NULL, error);
    kvt_fail(
        error, KVT_DATA,
        "%s is neither a GGUF, nor a tokenizer.json, nor a tiktoken rank file (a SentencePiece "
        "tokenizer.model is not read; use the tokenizer.json or the GGUF of the model)",
        path);
    return NULL;
}

const char *kvt_tokenizer_path(const struct kvt_tokenizer *tokenizer)
{
    return tokenizer->path;
}

int32_t kvt_tokenizer_size(const struct kvt_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.size;
}

int32_t kvt_tokenizer_bos(const struct kvt_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

bool kvt_tokenizer_adds_bos(const struct kvt_tokenizer *tokenizer)
{
    return tokenizer->adds_bos;
}

bool kvt_tokenizer_starts_with_bos(const struct kvt_tokenizer *tokenizer, const char *text,
                                   size_t length)
{
    struct kvt_added_match match;
    return kvt_added_next(&tokenizer->added, text, length, 0, 0, false, &match) &&
           match.start == 0 && match.id == tokenizer->bos;
}

bool kvt_tokenizer_prepends_space(const struct kvt_tokenizer *tokenizer)
{
    return tokenizer->shows_space && tokenizer->prepend != KVT_PREPEND_NEVER;
}

static bool in_range(const struct kvt_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->vocabulary.size;
}

bool kvt_tokenizer_ends(const struct kvt_tokenizer *tokenizer, int32_t id)
{
    return in_range(tokenizer, id) && tokenizer->ends[id];
}

bool kvt_tokenizer_is_control(const struct kvt_tokenizer *tokenizer, int32_t id)
{
    return in_range(tokenizer, id) && tokenizer->vocabulary.kinds[id] == KVT_TOKEN_CONTROL;
}

const char *kvt_tokenizer_bytes(const struct kvt_tokenizer *tokenizer, int32_t id, size_t *length)
{
    *length = 0;
    if (!in_range(tokenizer, id))
        return "";
    *length = tokenizer->starts[id + 1] - tokenizer->starts[id];
    return tokenizer->outputs + tokenizer->starts[id];
}

const struct kvt_long_tables *kvt_tokenizer_long_tables(const struct kvt_tokenizer *tokenizer)
{
    struct kvt_tokenizer *owner = (struct kvt_tokenizer *)(uintptr_t)tokenizer;
    pthread_mutex_lock(&owner->lock);
    if (!owner->long_tables)
        owner->long_tables = kvt_long_tables_make(&owner->vocabulary);
    const struct kvt_long_tables *tables = owner->long_tables;
    pthread_mutex_unlock(&owner->lock);
    return tables;
}

const struct kvt_cuts *kvt_tokenizer_cuts(const struct kvt_tokenizer *tokenizer)
{
    struct kvt_tokenizer *owner = (struct kvt_tokenizer *)(uintptr_t)tokenizer;
    if (!owner->cuts_hold)
        return NULL;
    pthread_mutex_lock(&owner->lock);
    if (!owner->cuts)
        owner->cuts = kvt_cuts_make(&owner->vocabulary);
    const struct kvt_cuts *cuts = owner->cuts;
    pthread_mutex_unlock(&owner->lock);
    return cuts;
}

/* The file alone does not tell what it makes of a text any more. */
static void add_ends(struct kvt_tokenizer *tokenizer)
{
    const struct kvt_template_ids *ends[] = {&tokenizer->prefix, &tokenizer->suffix};
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, tokenizer->sha256);
    for (int i = 0; i < 2; i++) {
        char id[16] = "";
        if (ends[i]->count)
            snprintf(id, sizeof id, "%ld", (long)ends[i]->ids[0]);
        kvt_sha256_field(&hash, id);
    }
    kvt_sha256_hex(&hash, tokenizer->sha256);
}

const char *kvt_tokenizer_sha256(const struct kvt_tokenizer *tokenizer)
{
    /* The file may be a model of many gigabytes: it is hashed only for those who ask. The tokenizer
     * is immutable to its callers; this cache is behind its lock. */
    struct kvt_tokenizer *owner = (struct kvt_tokenizer *)(uintptr_t)tokenizer;
    pthread_mutex_lock(&owner->lock);
    if (!owner->sha256[0]) {
        if (kvt_sha256_file(owner->path, owner->sha256) != 0)
            owner->sha256[0] = '\0';
        else if (owner->ends_by_config)
            add_ends(owner);
    }
    pthread_mutex_unlock(&owner->lock);
    return owner->sha256;
}
