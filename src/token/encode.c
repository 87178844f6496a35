/*
 * Text to ids, from the outside in: added tokens are cut out of the raw text; what is between them
 * is normalised, split into pieces, and each piece is encoded by itself.
 */
#include "core/memory.h"
#include "token/byte_level.h"
#include "token/internal.h"
#include "token/batch.h"
#include "token/spaces.h"

#include <stdlib.h>
#include <string.h>

struct kvt_encoder {
    const struct kvt_tokenizer *tokenizer;
    struct kvt_error *error;
    unsigned flags;
    struct kvt_piece_encoder piece;
    struct kvt_spaces spaces; /* of a part of the text */
    struct kvt_buffer normalized[2];
    struct kvt_regex_search search;
    struct kvt_pieces pieces;
    struct kvt_buffer bytes; /* of a piece in its printable spelling */
    size_t seen;             /* bytes of text encoded so far */
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

static void emit(struct kvt_encoder *encoder, int32_t id, size_t end)
{
    struct kvt_token_ids *out = encoder->piece.out;
    encoder->piece.count++;
    if (!out)
        return;
    kvt_token_ids_add(out, id);
    if (encoder->flags & KVT_ENCODE_ENDS)
        out->ends[out->count - 1] = end;
}

static int encode_piece(struct kvt_encoder *encoder, const struct span *span, size_t start,
                        size_t end)
{
    struct kvt_piece_encoder *pieces = &encoder->piece;
    if (kvt_piece_encode(pieces, span->text + start, end - start, span->length - start) != 0)
        return -1;
    if (!pieces->ends || pieces->work.n_symbols == 0)
        return 0;
    for (int32_t place = 0; place >= 0; place = pieces->work.symbols[place].next) {
        start += pieces->work.symbols[place].length;
        emit(encoder, pieces->work.symbols[place].id, covered(span, start));
    }
    return 0;
}

static int encode_matches(struct kvt_encoder *encoder, const struct span *span)
{
    size_t start, end, done = 0;
    int status;
    kvt_regex_start(&encoder->search, encoder->tokenizer->pre.steps[0].pattern, span->text,
                    span->length);
    while ((status = kvt_regex_next(&encoder->search, &start, &end, encoder->error)) > 0) {
        if (start > done && encode_piece(encoder, span, done, start) != 0)
            return -1;
        if (encode_piece(encoder, span, start, end) != 0)
            return -1;
        done = end;
    }
    if (status == 0 && done < span->length)
        return encode_piece(encoder, span, done, span->length);
    return status;
}

/* A piece of the text the steps made of the span. */
static int encode_made(struct kvt_encoder *encoder, const struct kvt_piece *piece)
{
    const struct kvt_pieces *pieces = &encoder->pieces;
    struct span own = {pieces->text.data + piece->start, piece->end - piece->start, NULL, 0};
    if (pieces->spelled) {
        kvt_buffer_clear(&encoder->bytes);
        if (kvt_byte_level_decode(own.text, own.length, &encoder->bytes) != 0)
            return kvt_fail(encoder->error, KVT_DATA, "a step after ByteLevel added text");
        own.text = encoder->bytes.data;
        own.length = encoder->bytes.length;
    }
    return encode_piece(encoder, &own, 0, own.length);
}

/* The long way: all steps of the pre-tokenizer, some of which may change the text. */
static int encode_steps(struct kvt_encoder *encoder, const struct span *span, bool first)
{
    const struct kvt_pre *pre = &encoder->tokenizer->pre;
    struct kvt_pieces *pieces = &encoder->pieces;
    bool rewrites = false;
    for (size_t i = 0; i < pre->count; i++)
        rewrites |= pre->steps[i].kind == KVT_PRE_BYTES || pre->steps[i].kind == KVT_PRE_METASPACE;
    if (rewrites && encoder->flags & KVT_ENCODE_ENDS)
        return kvt_fail(encoder->error, KVT_DATA,
                        "places of tokens in the text are not known for this pre-tokenizer");
    if (kvt_pre_run(pre, span->text, span->length, first, pieces, encoder->error) != 0)
        return -1;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct kvt_piece *piece = &pieces->pieces[i];
        int status = rewrites ? encode_made(encoder, piece)
                              : encode_piece(encoder, span, piece->start, piece->end);
        if (status != 0)
            return -1;
    }
    return 0;
}

/*
 * Without a pre-tokenizer the whole text is one piece. It may be cut before a visible space where
 * no token holds what stands before it and the space: no merge crosses such a place. Long texts are
 * cut wherever no merge crosses.
 */
static int encode_words(struct kvt_encoder *encoder, const struct span *span)
{
    const uint8_t *glued = encoder->tokenizer->glued;
    const struct kvt_cuts *cuts = encoder->piece.cache.lines && !encoder->piece.ends
                                      ? kvt_tokenizer_cuts(encoder->tokenizer)
                                      : NULL;
    if (cuts)
        return kvt_piece_encode_parts(&encoder->piece, cuts, span->text, span->length);
    const char *text = span->text, *end = text + span->length;
    size_t start = 0;
    for (const char *at = text + 1; at < end; at++) {
        at = memchr(at, 0xe2, (size_t)(end - at));
        if (!at)
            break;
        if (end - at < 3 || at[1] != '\x96' || at[2] != '\x81' || glued[(unsigned char)at[-1]])
            continue;
        if (encode_piece(encoder, span, start, (size_t)(at - text)) != 0)
            return -1;
        start = (size_t)(at - text);
    }
    return encode_piece(encoder, span, start, span->length);
}

static int encode_family(struct kvt_encoder *encoder, const struct span *span)
{
    size_t ends[KVT_BATCH];
    for (size_t at = 0; at < span->length;) {
        size_t count = encoder->tokenizer->split(span->text, span->length, at, ends, KVT_BATCH);
        if (!encoder->piece.ends) {
            if (kvt_batch_encode(&encoder->piece, span->text, span->length, at, ends, count) != 0)
                return -1;
            at = ends[count - 1];
            continue;
        }
        for (size_t i = 0; i < count; at = ends[i++])
            if (encode_piece(encoder, span, at, ends[i]) != 0)
                return -1;
    }
    return 0;
}

static int encode_pieces(struct kvt_encoder *encoder, const struct span *span, bool first)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    if (span->length == 0)
        return 0;
    switch (tokenizer->direct) {
    case KVT_DIRECT_WHOLE:
        return encode_piece(encoder, span, 0, span->length);
    case KVT_DIRECT_PATTERN:
        return encode_matches(encoder, span);
    case KVT_DIRECT_SPACES:
        return encode_words(encoder, span);
    case KVT_DIRECT_NOT:
        return encode_steps(encoder, span, first);
    case KVT_DIRECT_FAMILY:
        break;
    }
    return encode_family(encoder, span);
}

/* Normalised text: its added tokens, and pieces of what is between them. */
static int encode_span(struct kvt_encoder *encoder, const struct span *span, bool first)
{
    const struct kvt_added *added = &encoder->tokenizer->added_normalized;
    bool ordinary = (encoder->flags & KVT_ENCODE_ORDINARY) != 0;
    struct kvt_added_match match;
    size_t taken = 0, from = 0;
    while (kvt_added_next(added, span->text, span->length, from, taken, ordinary, &match)) {
        struct span between = {span->text + taken, match.start - taken,
                               span->origins ? span->origins + taken : NULL, span->base + taken};
        if (match.start > taken && encode_pieces(encoder, &between, first && taken == 0) != 0)
            return -1;
        emit(encoder, match.id, covered(span, match.end));
        taken = match.end;
        from = match.resume;
    }
    struct span rest = {span->text + taken, span->length - taken,
                        span->origins ? span->origins + taken : NULL, span->base + taken};
    return encode_pieces(encoder, &rest, first && taken == 0);
}

/* Text between the added tokens of the raw text; `base` is its place in the whole. */
static int encode_part(struct kvt_encoder *encoder, const char *text, size_t length, size_t base)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct span span = {text, length, NULL, base};
    if (tokenizer->normalizer.count) {
        if (encoder->flags & KVT_ENCODE_ENDS)
            return kvt_fail(encoder->error, KVT_DATA,
                            "places of tokens in the text are not known with this normalizer");
        if (kvt_normalizer_run(&tokenizer->normalizer, encoder->normalized, &span.text,
                               &span.length, encoder->error) != 0)
            return -1;
    }
    if (tokenizer->escape_space) {
        bool places = (encoder->flags & KVT_ENCODE_ENDS) != 0;
        kvt_spaces_show(&encoder->spaces, tokenizer, span.text, span.length, base, places);
        span.text = encoder->spaces.text.data;
        span.length = encoder->spaces.text.length;
        span.origins = places ? encoder->spaces.origins : NULL;
    }
    return encode_span(encoder, &span, base == 0);
}

int kvt_tokenizer_normalize(const struct kvt_tokenizer *tokenizer, struct kvt_buffer buffers[2],
                            const char **text, size_t *length, struct kvt_error *error)
{
    if (!tokenizer->escape_space)
        return kvt_normalizer_run(&tokenizer->normalizer, buffers, text, length, error);
    struct kvt_spaces spaces = {.text = buffers[0]};
    kvt_spaces_show(&spaces, tokenizer, *text, *length, 0, false);
    buffers[0] = spaces.text;
    *text = buffers[0].data;
    *length = buffers[0].length;
    return 0;
}

static int encode_text(struct kvt_encoder *encoder, const char *text, size_t length)
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

static void emit_template(struct kvt_encoder *encoder, const struct kvt_template_ids *ids,
                          size_t end)
{
    for (size_t i = 0; encoder->flags & KVT_ENCODE_SPECIAL && i < ids->count; i++)
        emit(encoder, ids->ids[i], end);
}

struct kvt_encoder *kvt_encoder_new(const struct kvt_tokenizer *tokenizer)
{
    struct kvt_encoder *encoder = kvt_alloc_zero(1, sizeof *encoder);
    encoder->tokenizer = tokenizer;
    encoder->piece.tokenizer = tokenizer;
    return encoder;
}

void kvt_encoder_free(struct kvt_encoder *encoder)
{
    if (!encoder)
        return;
    kvt_piece_free(&encoder->piece);
    kvt_spaces_free(&encoder->spaces);
    kvt_buffer_free(&encoder->normalized[0]);
    kvt_buffer_free(&encoder->normalized[1]);
    kvt_buffer_free(&encoder->bytes);
    kvt_regex_end(&encoder->search);
    kvt_pieces_free(&encoder->pieces);
    free(encoder);
}

static int run(struct kvt_encoder *encoder, const char *text, size_t length, unsigned flags,
               struct kvt_token_ids *out, struct kvt_error *error)
{
    enum { WARM = 4096 }; /* bytes after which a cache pays for being made */
    encoder->flags = flags;
    encoder->error = error;
    encoder->piece.error = error;
    encoder->piece.out = out;
    encoder->piece.count = 0;
    encoder->piece.ends = (flags & KVT_ENCODE_ENDS) != 0;
    encoder->seen += length;
    if (encoder->seen >= WARM)
        kvt_piece_use_cache(&encoder->piece);
    if (out && (flags & KVT_ENCODE_ENDS) != 0 && !out->ends)
        out->ends = kvt_alloc_zero(out->capacity, sizeof *out->ends);
    emit_template(encoder, &encoder->tokenizer->prefix, 0);
    int status = encode_text(encoder, text, length);
    emit_template(encoder, &encoder->tokenizer->suffix, length);
    return status;
}

int kvt_encoder_encode(struct kvt_encoder *encoder, const char *text, size_t length, unsigned flags,
                       struct kvt_token_ids *out, struct kvt_error *error)
{
    return run(encoder, text, length, flags, out, error);
}

int64_t kvt_encoder_count(struct kvt_encoder *encoder, const char *text, size_t length,
                          unsigned flags, struct kvt_error *error)
{
    if (run(encoder, text, length, flags & ~(unsigned)KVT_ENCODE_ENDS, NULL, error) != 0)
        return -1;
    return (int64_t)encoder->piece.count;
}

int kvt_tokenizer_encode(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         unsigned flags, struct kvt_token_ids *out, struct kvt_error *error)
{
    struct kvt_encoder *encoder = kvt_encoder_new(tokenizer);
    int status = run(encoder, text, length, flags, out, error);
    kvt_encoder_free(encoder);
    return status;
}

int64_t kvt_tokenizer_count(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                            unsigned flags, struct kvt_error *error)
{
    struct kvt_encoder *encoder = kvt_encoder_new(tokenizer);
    int64_t count = kvt_encoder_count(encoder, text, length, flags, error);
    kvt_encoder_free(encoder);
    return count;
}

void kvt_token_ids_free(struct kvt_token_ids *ids)
{
    free(ids->ids);
    free(ids->ends);
    *ids = (struct kvt_token_ids){0};
}
