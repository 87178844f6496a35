#include "token/tokenizer.h"

#include "core/memory.h"
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
