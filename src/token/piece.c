#include "token/piece.h"

#include "core/memory.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONG_SLOTS = 1 << 12,
    LONG_KEY = 63,
    LONG_IDS = 8,
    LONG_PIECE = 192,  /* bytes from which on the linear way pays, whatever it takes to prepare */
    MANY_PIECES = 256, /* pieces of more than KVT_SHORT bytes after which it pays for them all */
};

struct kvt_cached_long {
    uint8_t length; /* 0: empty */
    char key[LONG_KEY];
    uint32_t n;
    int32_t ids[LONG_IDS];
};

void kvt_piece_use_cache(struct kvt_piece_encoder *encoder)
{
    if (!kvt_cache_use(&encoder->cache, encoder->out != NULL))
        return;
    free(encoder->long_cache);
    encoder->long_cache = kvt_alloc_zero(LONG_SLOTS, sizeof *encoder->long_cache);
}

void kvt_piece_free(struct kvt_piece_encoder *encoder)
{
    kvt_merge_work_free(&encoder->work);
    kvt_long_work_free(&encoder->long_work);
    kvt_cache_free(&encoder->cache);
    free(encoder->long_cache);
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

/* Unknown characters on their way into the list: fused or not, or dropped. */
struct unknown {
    uint32_t pending; /* bytes of the unknown symbol not yet pushed */
    uint32_t skipped; /* bytes of dropped characters; they count with the next symbol's length */
};

static bool add_unknown(struct kvt_piece_encoder *encoder, struct unknown *state, uint32_t width)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    bool pushed = true;
    if (tokenizer->unknown < 0) {
        state->skipped += width;
        return true;
    }
    if (state->pending && !tokenizer->fuse_unknown) {
        pushed = kvt_merge_push(&encoder->work, tokenizer->unknown, state->pending);
        state->pending = 0;
    }
    state->pending += width;
    return pushed;
}

static bool flush_unknown(struct kvt_piece_encoder *encoder, struct unknown *state)
{
    uint32_t width = state->pending;
    state->pending = 0;
    return !width || kvt_merge_push(&encoder->work, encoder->tokenizer->unknown, width);
}

static bool add_known(struct kvt_piece_encoder *encoder, struct unknown *state, int32_t id,
                      uint32_t width)
{
    uint32_t skipped = state->skipped;
    state->skipped = 0;
    return flush_unknown(encoder, state) && kvt_merge_push(&encoder->work, id, width + skipped);
}

static int push_bytes(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    const int32_t *byte_ids = encoder->tokenizer->byte_ids;
    struct unknown state = {0};
    bool pushed = true;
    for (size_t i = 0; i < length && pushed; i++) {
        int32_t id = byte_ids[(unsigned char)text[i]];
        pushed = id >= 0 ? add_known(encoder, &state, id, 1) : add_unknown(encoder, &state, 1);
    }
    return pushed && flush_unknown(encoder, &state) ? 0 : too_long(encoder);
}

static bool has_bytes(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    if (!tokenizer->byte_fallback)
        return false;
    for (size_t i = 0; i < length; i++)
        if (tokenizer->byte_ids[(unsigned char)text[i]] < 0)
            return false;
    return true;
}

/* The id of the character at the start of the text, or -1; sets its bytes. */
static int32_t character(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         size_t *width)
{
    *width = 1;
    if ((unsigned char)*text < 0x80)
        return tokenizer->ascii_ids[(unsigned char)*text];
    uint8_t flags;
    *width = kvt_unicode_next((const unsigned char *)text, length, &flags);
    return kvt_vocabulary_find(&tokenizer->vocabulary, text, *width);
}

/*
 * The characters of a piece as symbols. Bytes that stand for a character do not end a run of
 * unknown ones: the reference library pushes them first and the run, when it ends, behind them.
 */
static int push_characters(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct unknown state = {0};
    bool pushed = true;
    for (size_t at = 0; at < length && pushed;) {
        size_t width;
        int32_t id = character(tokenizer, text + at, length - at, &width);
        if (id >= 0)
            pushed = add_known(encoder, &state, id, (uint32_t)width);
        else if (has_bytes(tokenizer, text + at, width))
            for (size_t i = 0; i < width && pushed; i++)
                pushed = kvt_merge_push(&encoder->work,
                                        tokenizer->byte_ids[(unsigned char)text[at + i]], 1);
        else
            pushed = add_unknown(encoder, &state, (uint32_t)width);
        at += width;
    }
    return pushed && flush_unknown(encoder, &state) ? 0 : too_long(encoder);
}

static int push(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    encoder->work.n_symbols = 0;
    return encoder->tokenizer->units == KVT_UNITS_BYTES ? push_bytes(encoder, text, length)
                                                        : push_characters(encoder, text, length);
}

/* The first symbol of the text, or -1; sets its bytes. */
static int32_t symbol(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                      size_t *width)
{
    *width = 1;
    return tokenizer->units == KVT_UNITS_BYTES ? tokenizer->byte_ids[(unsigned char)*text]
                                               : character(tokenizer, text, length, width);
}

/* The symbols of a token's own key, for the linear way. */
static bool push_key(const void *context, const char *key, size_t length,
                     struct kvt_merge_work *work)
{
    size_t width;
    for (size_t at = 0; at < length; at += width) {
        int32_t id = symbol(context, key + at, length - at, &width);
        if (id < 0 || !kvt_merge_push(work, id, (uint32_t)width))
            return false;
    }
    return true;
}

/* Bytes of the stretch at the start of the text whose every symbol is in the vocabulary. */
static size_t known_stretch(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    size_t at = 0, width;
    while (at < length && symbol(tokenizer, text + at, length - at, &width) >= 0)
        at += width;
    return at;
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
    work->symbols = push_key;
    work->context = tokenizer;
    for (size_t at = 0; at < length;) {
        size_t known = known_stretch(tokenizer, text + at, length - at);
        bool done = known == 0 || kvt_long_encode(work, text + at, known);
        for (size_t i = 0; done && known && i < work->n_row; i++)
            put(encoder, work->row[i]);
        at += known;
        uint8_t flags;
        size_t width = done && at < length
                           ? kvt_unicode_next((const unsigned char *)text + at, length - at, &flags)
                           : 0;
        done = done && (at == length ||
                        (tokenizer->bytes_stand_alone && has_bytes(tokenizer, text + at, width)));
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

/* The bytes of a short piece, each of which is a token, without its symbols and their places. */
static bool encode_short(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    int32_t ids[KVT_MERGE_SHORT];
    if (tokenizer->units != KVT_UNITS_BYTES || length > KVT_MERGE_SHORT)
        return false;
    for (size_t i = 0; i < length; i++) {
        ids[i] = tokenizer->byte_ids[(unsigned char)text[i]];
        if (ids[i] < 0)
            return false;
    }
    size_t count = kvt_merge_short(&tokenizer->merges, ids, NULL, length, NULL);
    for (size_t i = 0; i < count; i++)
        put(encoder, ids[i]);
    return true;
}

static bool is_long(struct kvt_piece_encoder *encoder, size_t length)
{
    if (length > KVT_SHORT && encoder->n_middling < MANY_PIECES)
        encoder->n_middling++;
    return length >= LONG_PIECE || (length > KVT_SHORT && encoder->n_middling == MANY_PIECES);
}

static int encode_merged(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    if (length >= INT32_MAX)
        return too_long(encoder);
    if (encoder->tokenizer->ignore_merges) {
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
    if (!encoder->ends && is_long(encoder, length) && encode_long(encoder, text, length))
        return 0;
    if (!encoder->ends && encode_short(encoder, text, length))
        return 0;
    if (push(encoder, text, length) != 0)
        return -1;
    kvt_merge_run(&encoder->tokenizer->merges, &encoder->work);
    const struct kvt_merge_work *work = &encoder->work;
    if (!encoder->ends && work->n_symbols)
        for (int32_t place = 0; place >= 0; place = work->symbols[place].next)
            put(encoder, work->symbols[place].id);
    return 0;
}

/* Takes a piece's ids from a cache; false when they are not kept there. */
static bool take(struct kvt_piece_encoder *encoder, uint32_t n, const int32_t *ids, uint32_t kept)
{
    if (encoder->out) {
        if (n > kept)
            return false;
        for (uint32_t i = 0; i < n; i++)
            kvt_token_ids_add(encoder->out, ids[i]);
    }
    encoder->count += n;
    return true;
}

/* The ids put out since `count`, for the caches; without an output they are not known. */
static bool gather(const struct kvt_piece_encoder *encoder, size_t count, uint32_t kept,
                   uint32_t *n, int32_t *ids)
{
    size_t made = encoder->count - count;
    if (made > UINT32_MAX)
        return false;
    *n = (uint32_t)made;
    for (size_t i = 0; encoder->out && i < made && made <= kept; i++)
        ids[i] = encoder->out->ids[encoder->out->count - made + i];
    return true;
}

static int encode_cached_long(struct kvt_piece_encoder *encoder, const char *text, size_t length)
{
    size_t slot = (size_t)kvt_token_hash(text, length) & (LONG_SLOTS - 1);
    struct kvt_cached_long *cached = &encoder->long_cache[slot];
    if (cached->length == length && memcmp(cached->key, text, length) == 0 &&
        take(encoder, cached->n, cached->ids, LONG_IDS))
        return 0;
    size_t count = encoder->count;
    if (encode_merged(encoder, text, length) != 0)
        return -1;
    cached->length =
        gather(encoder, count, LONG_IDS, &cached->n, cached->ids) ? (uint8_t)length : 0;
    memcpy(cached->key, text, length);
    return 0;
}

/* A short piece that is in the cache. */
static inline bool encode_cached(struct kvt_piece_encoder *encoder, struct kvt_short key)
{
    size_t place = kvt_cache_line_of(key);
    const struct kvt_cache_line *line = &encoder->cache.lines[place];
    unsigned way = kvt_cache_find(line, key);
    if (way == KVT_CACHE_WAYS)
        return false;
    unsigned count = kvt_cache_count(line, way);
    encoder->count += count;
    for (unsigned i = 0; encoder->out && i < count; i++)
        kvt_token_ids_add(encoder->out, encoder->cache.ids[place].ids[way][i]);
    return true;
}

static int encode_new(struct kvt_piece_encoder *encoder, struct kvt_short key, const char *text,
                      size_t length)
{
    size_t count = encoder->count;
    if (encode_merged(encoder, text, length) != 0)
        return -1;
    count = encoder->count - count;
    kvt_cache_put(&encoder->cache, key, count,
                  encoder->out ? encoder->out->ids + encoder->out->count - count : NULL);
    return 0;
}

/* A key no piece has, for pieces that are too long for one. */
static const struct kvt_short no_key = {1, 0};

static inline struct kvt_short key_of(const char *text, size_t length, size_t readable)
{
    if (length > KVT_SHORT)
        return no_key;
    return readable >= 16 ? kvt_short_within(text, length) : kvt_short_of(text, length);
}

int kvt_piece_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                     size_t readable)
{
    if (!encoder->cache.lines || encoder->ends || length > LONG_KEY)
        return encode_merged(encoder, text, length);
    if (length > KVT_SHORT)
        return encode_cached_long(encoder, text, length);
    struct kvt_short key = key_of(text, length, readable);
    return encode_cached(encoder, key) ? 0 : encode_new(encoder, key, text, length);
}

/*
 * Only counting, the order of the pieces is free: what the look-ups will touch is fetched for all
 * before the first is looked up, and pieces the cache does not know wait until the others are done.
 */
static int count_row(struct kvt_piece_encoder *encoder, const char *text, size_t length, size_t at,
                     const size_t *ends, size_t count)
{
    const struct kvt_cache *cache = &encoder->cache;
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct kvt_short keys[KVT_PIECE_ROW];
    size_t new[KVT_PIECE_ROW], n_new = 0, start = at, tokens = 0;
    for (size_t i = 0; i < count; start = ends[i++]) {
        keys[i] = key_of(text + start, ends[i] - start, length - start);
        __builtin_prefetch(&cache->lines[kvt_cache_line_of(keys[i])]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct kvt_cache_line *line = &cache->lines[kvt_cache_line_of(keys[i])];
        unsigned way = kvt_cache_find(line, keys[i]);
        if (way < KVT_CACHE_WAYS) {
            tokens += kvt_cache_count(line, way);
            continue;
        }
        new[n_new++] = i;
        if (tokenizer->ignore_merges)
            kvt_vocabulary_expect(&tokenizer->vocabulary, text + (i ? ends[i - 1] : at),
                                  ends[i] - (i ? ends[i - 1] : at));
    }
    encoder->count += tokens;
    for (size_t i = 0; i < n_new; i++) {
        /* cppcheck-suppress uninitvar ; the first n_new are set above */
        start = new[i] ? ends[new[i] - 1] : at;
        if (kvt_piece_encode(encoder, text + start, ends[new[i]] - start, length - start) != 0)
            return -1;
    }
    return 0;
}

int kvt_piece_encode_row(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                         size_t at, const size_t *ends, size_t count)
{
    if (encoder->cache.lines && !encoder->out)
        return count_row(encoder, text, length, at, ends, count);
    for (size_t i = 0; i < count; at = ends[i++])
        if (kvt_piece_encode(encoder, text + at, ends[i] - at, length - at) != 0)
            return -1;
    return 0;
}
