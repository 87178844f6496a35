/*
 * Text to ids, from the outside in: added tokens are cut out of the raw text; what is between them
 * is normalised, split into pieces, and each piece is encoded by itself.
 */
#include "core/memory.h"
#include "token/internal.h"
#include "token/unicode.h"

#include <stdlib.h>
#include <string.h>

/* Working memory of one call. */
struct encoder {
    const struct kvt_tokenizer *tokenizer;
    struct kvt_token_ids *out;
    struct kvt_error *error;
    unsigned flags;
    struct kvt_merge_work work;
    struct kvt_buffer part; /* normalised text */
    size_t
        *origins; /* with KVT_ENCODE_ENDS: bytes of the raw text covered after each byte of part */
    size_t origins_capacity;
};

/* A text under way and where its bytes come from. */
struct span {
    const char *text;
    size_t length;
    const size_t *origins; /* NULL: byte j covers base + j + 1 bytes of the raw text */
    size_t base;
};

static size_t covered(const struct span *span, size_t end)
{
    if (end == 0 || !span->origins)
        return span->base + end;
    return span->origins[end - 1];
}

static void emit(struct encoder *encoder, int32_t id, size_t end)
{
    struct kvt_token_ids *out = encoder->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? 2 * out->capacity : 64;
        out->ids = kvt_realloc_array(out->ids, capacity, sizeof *out->ids);
        if (out->ends || encoder->flags & KVT_ENCODE_ENDS)
            out->ends = kvt_realloc_array(out->ends, capacity, sizeof *out->ends);
        out->capacity = capacity;
    }
    out->ids[out->count] = id;
    if (encoder->flags & KVT_ENCODE_ENDS)
        out->ends[out->count] = end;
    out->count++;
}

static int too_long(struct encoder *encoder)
{
    return kvt_fail(encoder->error, KVT_DATA, "a piece of text has more than 2^31 symbols");
}

static int push_bytes(struct encoder *encoder, const char *text, size_t length)
{
    const int32_t *byte_ids = encoder->tokenizer->byte_ids;
    uint32_t skipped = 0; /* bytes without a token count with the next symbol's length */
    for (size_t i = 0; i < length; i++) {
        int32_t id = byte_ids[(unsigned char)text[i]];
        skipped++;
        if (id < 0)
            continue;
        if (!kvt_merge_push(&encoder->work, id, skipped))
            return too_long(encoder);
        skipped = 0;
    }
    return 0;
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

/* The characters of a piece as symbols; runs of unknown ones are one symbol where the model fuses
 * them. */
static int push_characters(struct encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    uint32_t pending = 0,
             skipped = 0; /* bytes of the unknown symbol not yet pushed, of dropped ones */
    bool pushed = true;
    for (size_t at = 0; at < length && pushed;) {
        uint8_t flags;
        size_t width = kvt_unicode_next((const unsigned char *)text + at, length - at, &flags);
        int32_t id = kvt_vocabulary_find(&tokenizer->vocabulary, text + at, width);
        if (id >= 0) {
            if (pending)
                pushed = kvt_merge_push(&encoder->work, tokenizer->unknown, pending);
            pending = 0;
            pushed = pushed && kvt_merge_push(&encoder->work, id, (uint32_t)width + skipped);
            skipped = 0;
        } else if (has_bytes(tokenizer, text + at, width)) {
            for (size_t i = 0; i < width && pushed; i++)
                pushed = kvt_merge_push(&encoder->work,
                                        tokenizer->byte_ids[(unsigned char)text[at + i]], 1);
        } else if (tokenizer->unknown >= 0) {
            if (pending && !tokenizer->fuse_unknown) {
                pushed = kvt_merge_push(&encoder->work, tokenizer->unknown, pending);
                pending = 0;
            }
            pending += (uint32_t)width;
        } else {
            skipped += (uint32_t)width;
        }
        at += width;
    }
    if (pending && pushed)
        pushed = kvt_merge_push(&encoder->work, tokenizer->unknown, pending);
    return pushed ? 0 : too_long(encoder);
}

static int encode_piece(struct encoder *encoder, const struct span *span, size_t start, size_t end)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    const char *text = span->text + start;
    size_t length = end - start;
    if (length >= INT32_MAX)
        return too_long(encoder);
    int32_t whole =
        tokenizer->ignore_merges ? kvt_vocabulary_find(&tokenizer->vocabulary, text, length) : -1;
    if (whole >= 0) {
        emit(encoder, whole, covered(span, end));
        return 0;
    }
    struct kvt_merge_work *work = &encoder->work;
    work->n_symbols = 0;
    int status = tokenizer->units == KVT_UNITS_BYTES ? push_bytes(encoder, text, length)
                                                     : push_characters(encoder, text, length);
    if (status != 0)
        return -1;
    if (work->n_symbols == 0)
        return 0;
    kvt_merge_run(&tokenizer->merges, work);
    for (int32_t place = 0; place >= 0; place = work->symbols[place].next) {
        start += work->symbols[place].length;
        emit(encoder, work->symbols[place].id, covered(span, start));
    }
    return 0;
}

static int encode_pieces(struct encoder *encoder, const struct span *span)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    if (span->length == 0)
        return 0;
    if (tokenizer->n_splits == 0)
        return encode_piece(encoder, span, 0, span->length);
    kvt_split_function split = tokenizer->splits[0];
    for (size_t at = 0; at < span->length;) {
        size_t end = split(span->text, span->length, at);
        if (encode_piece(encoder, span, at, end) != 0)
            return -1;
        at = end;
    }
    return 0;
}

/* Appends to the normalised text; `origin` is what the raw text has covered after these bytes. */
static void put(struct encoder *encoder, const char *text, size_t length, size_t before,
                size_t origin)
{
    if (encoder->flags & KVT_ENCODE_ENDS) {
        size_t needed = encoder->part.length + length;
        if (needed > encoder->origins_capacity) {
            encoder->origins_capacity = 2 * needed;
            encoder->origins = kvt_realloc_array(encoder->origins, encoder->origins_capacity,
                                                 sizeof *encoder->origins);
        }
        for (size_t i = 0; i < length; i++)
            encoder->origins[encoder->part.length + i] = i + 1 < length ? before : origin;
    }
    kvt_buffer_append(&encoder->part, text, length);
}

/* SentencePiece's visible spaces: one before the part, and one for each space in it. */
static void show_spaces(struct encoder *encoder, const char *text, size_t length, size_t base)
{
    const size_t width = sizeof KVT_VISIBLE_SPACE - 1;
    encoder->part.length = 0;
    if (encoder->tokenizer->prepend_space)
        put(encoder, KVT_VISIBLE_SPACE, width, base, base);
    for (size_t at = 0; at < length;) {
        const char *space = memchr(text + at, ' ', length - at);
        size_t stop = space ? (size_t)(space - text) : length;
        if (encoder->flags & KVT_ENCODE_ENDS)
            for (; at < stop; at++)
                put(encoder, text + at, 1, base + at, base + at + 1);
        else
            put(encoder, text + at, stop - at, 0, 0);
        if (space)
            put(encoder, KVT_VISIBLE_SPACE, width, base + stop, base + stop + 1);
        at = stop + 1;
    }
}

/* Text between added tokens; `base` is its place in the whole. */
static int encode_part(struct encoder *encoder, const char *text, size_t length, size_t base)
{
    struct span span = {text, length, NULL, base};
    if (length > 0 && encoder->tokenizer->escape_space) {
        show_spaces(encoder, text, length, base);
        span.text = encoder->part.data;
        span.length = encoder->part.length;
        if (encoder->flags & KVT_ENCODE_ENDS)
            span.origins = encoder->origins;
    }
    return encode_pieces(encoder, &span);
}

static int encode_text(struct encoder *encoder, const char *text, size_t length)
{
    const struct kvt_added *added = &encoder->tokenizer->added;
    struct kvt_added_match match;
    bool ordinary = (encoder->flags & KVT_ENCODE_ORDINARY) != 0;
    size_t taken = 0, from = 0;
    while (kvt_added_next(added, text, length, from, taken, ordinary, &match)) {
        if (match.start > taken &&
            encode_part(encoder, text + taken, match.start - taken, taken) != 0)
            return -1;
        emit(encoder, match.id, match.end);
        taken = match.end;
        from = match.resume;
    }
    return taken < length ? encode_part(encoder, text + taken, length - taken, taken) : 0;
}

int kvt_tokenizer_encode(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         unsigned flags, struct kvt_token_ids *out, struct kvt_error *error)
{
    struct encoder encoder = {.tokenizer = tokenizer, .out = out, .error = error, .flags = flags};
    if (flags & KVT_ENCODE_ENDS && !out->ends && out->capacity)
        out->ends = kvt_alloc_zero(out->capacity, sizeof *out->ends);
    if (flags & KVT_ENCODE_SPECIAL && tokenizer->adds_bos)
        emit(&encoder, tokenizer->bos, 0);
    int status = encode_text(&encoder, text, length);
    kvt_merge_work_free(&encoder.work);
    kvt_buffer_free(&encoder.part);
    free(encoder.origins);
    return status;
}

int64_t kvt_tokenizer_count(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                            unsigned flags, struct kvt_error *error)
{
    struct kvt_token_ids ids = {0};
    int status = kvt_tokenizer_encode(tokenizer, text, length, flags & ~(unsigned)KVT_ENCODE_ENDS,
                                      &ids, error);
    int64_t count = (int64_t)ids.count;
    kvt_token_ids_free(&ids);
    return status == 0 ? count : -1;
}

void kvt_token_ids_free(struct kvt_token_ids *ids)
{
    free(ids->ids);
    free(ids->ends);
    *ids = (struct kvt_token_ids){0};
}
