#include "token/piece.h"

#include "core/memory.h"
#include "token/batch.h"
#include "token/symbols.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONG_PIECE = 192,  /* bytes from which on the linear way pays, whatever it takes to prepare */
    MANY_PIECES = 256, /* pieces of more than KVT_SHORT bytes after which it pays for them all */
};

void kvt_piece_use_cache(struct kvt_piece_encoder *encoder)
{
    kvt_cache_use(&encoder->cache, encoder->out != NULL);
}

void kvt_piece_free(struct kvt_piece_encoder *encoder)
{
    kvt_merge_work_free(&encoder->work);
    kvt_long_work_free(&encoder->long_work);
    kvt_cache_free(&encoder->cache);
    kvt_cache_free(&encoder->parts);
}

void kvt_token_ids_add(struct kvt_token_ids *out, int32_t id)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? 2 * out->capacity : 64;
        out->ids = kvt_realloc_array(out->ids, capacity, sizeof *out->ids);
        if (out->ends)
            out->ends = kvt_realloc_array(out->ends, capacity, sizeof *out->ends);
        out->capacity = capacity;
    }
    out->ids[out->count++] = id;
}

static void put(struct kvt_piece_encoder *encoder, int32_t id)
{
    encoder->count++;
    if (encoder->out)
        kvt_token_ids_add(encoder->out, id);
}

static int too_long(struct kvt_piece_encoder *encoder)
{
    return kvt_fail(encoder->error, KVT_DATA, "a piece of text has more than 2^31 symbols");
}

/*
 * A long piece: only when all of it is in the vocabulary, or when what is not becomes bytes that no
 * rule joins. Returns 1 when it was put out, 0 when it has to be merged the plain way.
 */
static int encode_long(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct kvt_long_work *work = &encoder->long_work;
    size_t count = encoder->count, out_count = encoder->out ? encoder->out->count : 0;
    work->tables = kvt_tokenizer_long_tables(tokenizer);
    work->vocabulary = &tokenizer->vocabulary;
    work->merges = &tokenizer->merges;
    work->symbols = kvt_symbols_of_key;
    work->context = tokenizer;
    for (size_t at = 0; at < length;) {
        size_t known = kvt_symbols_known(tokenizer, text + at, length - at);
        bool done = known == 0 || kvt_long_encode(work, text + at, known);
        for (size_t i = 0; done && known && i < work->n_row; i++)
            put(encoder, work->row[i]);
        at += known;
        uint8_t flags;
        size_t width = done && at < length
                           ? kvt_unicode_next((const unsigned char *)text + at, length - at, &flags)
                           : 0;
        done = done && (at == length || (tokenizer->bytes_stand_alone &&
                                         kvt_symbols_has_bytes(tokenizer, text + at, width)));
        for (size_t i = 0; done && i < width; i++)
            put(encoder, tokenizer->byte_ids[(unsigned char)text[at + i]]);
        at += width;
        if (done)
            continue;
        encoder->count = count;
        if (encoder->out)
            encoder->out->count = out_count;
        return 0;
    }
    return 1;
}

/* A piece of few symbols, each of which is a token, without their places. */
static bool encode_short(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    int32_t ids[KVT_MERGE_SHORT];
    size_t count = kvt_symbols_short(tokenizer, text, length, ids, KVT_MERGE_SHORT);
    if (!count)
        return false;
    count = kvt_merge_short(&tokenizer->merges, ids, NULL, count, NULL);
    for (size_t i = 0; i < count; i++)
        put(encoder, ids[i]);
    return true;
}

int kvt_piece_encode_parts(struct kvt_piece_encoder *encoder, const struct kvt_cuts *cuts,
                           const char *text, size_t length)
{
    size_t ends[KVT_BATCH];
    int status = 0;
    if (encoder->tokenizer->ignore_merges && encoder->cache.lines)
        kvt_cache_use(&encoder->parts, encoder->out != NULL);
    encoder->in_part = true;
    for (size_t at = 0; at < length && status == 0;) {
        size_t count = kvt_cuts_split(cuts, text, length, at, ends, KVT_BATCH);
        status = kvt_batch_encode(encoder, text, length, at, ends, count);
        at = ends[count - 1];
    }
    encoder->in_part = false;
    return status;
}

struct kvt_cache *kvt_piece_cache(struct kvt_piece_encoder *encoder)
{
    /* Where a piece that is a token is taken as it is, a part of one with the same text is not. */
    bool apart = encoder->in_part && encoder->tokenizer->ignore_merges;
    return apart ? &encoder->parts : &encoder->cache;
}

/* The cuts of a piece for which they pay, where it can be cut at all; else NULL. */
static const struct kvt_cuts *cuts_of(const struct kvt_piece_encoder *encoder, const char *text,
                                      size_t length)
{
    size_t end;
    bool pays = length >= LONG_PIECE || (length > KVT_SHORT && encoder->n_middling == MANY_PIECES);
    pays = pays && !encoder->in_part && kvt_ascii_end(text, length, 0) < length;
    const struct kvt_cuts *cuts = pays ? kvt_tokenizer_cuts(encoder->tokenizer) : NULL;
    return cuts && kvt_cuts_split(cuts, text, length, 0, &end, 1) == 1 && end < length ? cuts
                                                                                       : NULL;
}

static void count_middling(struct kvt_piece_encoder *encoder, size_t length)
{
    if (length > KVT_SHORT && encoder->n_middling < MANY_PIECES)
        encoder->n_middling++;
}

static bool is_long(const struct kvt_piece_encoder *encoder, size_t length)
{
    return length >= LONG_PIECE || (length > KVT_MERGE_SHORT && encoder->n_middling == MANY_PIECES);
}

static int encode_merged(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    if (length >= INT32_MAX)
        return too_long(encoder);
    if (encoder->tokenizer->ignore_merges && !encoder->in_part) {
        int32_t whole = kvt_vocabulary_find(&encoder->tokenizer->vocabulary, text, length);
        if (whole >= 0 && encoder->ends) {
            encoder->work.n_symbols = 0;
            return kvt_merge_push(&encoder->work, whole, (uint32_t)length) ? 0 : too_long(encoder);
        }
        if (whole >= 0) {
            put(encoder, whole);
            return 0;
        }
    }
    if (!encoder->ends) {
        count_middling(encoder, length);
        const struct kvt_cuts *cuts = cuts_of(encoder, text, length);
        if (cuts)
            return kvt_piece_encode_parts(encoder, cuts, text, length);
    }
    if (!encoder->ends && is_long(encoder, length) && encode_long(encoder, text, length))
        return 0;
    if (!encoder->ends && encode_short(encoder, text, length))
        return 0;
    if (!kvt_symbols_push(encoder->tokenizer, text, length, &encoder->work))
        return too_long(encoder);
    kvt_merge_run(&encoder->tokenizer->merges, &encoder->work);
    const struct kvt_merge_work *work = &encoder->work;
    if (!encoder->ends && work->n_symbols)
        for (int32_t place = 0; place >= 0; place = work->symbols[place].next)
            put(encoder, work->symbols[place].id);
    return 0;
}

/* Puts out what a cache holds of a piece; `ids` only when ids are wanted. */
static void take(struct kvt_piece_encoder *encoder, size_t count, const int32_t *ids)
{
    encoder->count += count;
    for (size_t i = 0; encoder->out && i < count; i++)
        kvt_token_ids_add(encoder->out, ids[i]);
}

/* The last `count` ids put out, for the caches; NULL when only counting. */
static const int32_t *put_out(const struct kvt_piece_encoder *encoder, size_t count)
{
    return encoder->out && count ? encoder->out->ids + encoder->out->count - count : NULL;
}

static int encode_long_key(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    size_t count = encoder->count;
    struct kvt_cache *cache = kvt_piece_cache(encoder);
    const struct kvt_cached_long *known = kvt_cache_find_long(cache, text, length);
    if (known) {
        take(encoder, known->count, known->ids);
        return 0;
    }
    if (encode_merged(encoder, text, length) != 0)
        return -1;
    count = encoder->count - count;
    kvt_cache_put_long(cache, text, length, count, put_out(encoder, count));
    return 0;
}

static int encode_short_key(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                            size_t readable)
{
    size_t count = encoder->count;
    struct kvt_cache *cache = kvt_piece_cache(encoder);
    struct kvt_short key = kvt_short_readable(text, length, readable);
    size_t place = kvt_cache_line_of(key);
    const struct kvt_cache_line *line = &cache->lines[place];
    unsigned way = kvt_cache_find(line, key);
    if (way < KVT_CACHE_WAYS) {
        take(encoder, kvt_cache_count(line, way), cache->ids ? cache->ids[place].ids[way] : NULL);
        return 0;
    }
    if (encode_merged(encoder, text, length) != 0)
        return -1;
    count = encoder->count - count;
    kvt_cache_put(cache, key, count, put_out(encoder, count));
    return 0;
}

int kvt_piece_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                     size_t readable)
{
    if (!kvt_piece_cache(encoder)->lines || encoder->ends || length > KVT_CACHE_LONG)
        return encode_merged(encoder, text, length);
    if (length > KVT_SHORT)
        return encode_long_key(encoder, text, length);
    return encode_short_key(encoder, text, length, readable);
}
