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
    struct kvt_buffer part; /* text with visible spaces */
    size_t
        *origins; /* with KVT_ENCODE_ENDS: bytes of the raw text covered after each byte of part */
    size_t origins_capacity;
    struct kvt_buffer normalized[2];
    struct kvt_pattern_search search;
    struct kvt_pieces pieces;
    struct kvt_buffer bytes; /* of a piece in its printable spelling */
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

/* Unknown characters on their way into the list: fused or not, or dropped. */
struct unknown {
    uint32_t pending; /* bytes of the unknown symbol not yet pushed */
    uint32_t skipped; /* bytes of dropped characters; they count with the next symbol's length */
};

static bool add_unknown(struct encoder *encoder, struct unknown *state, uint32_t width)
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

static bool flush_unknown(struct encoder *encoder, struct unknown *state)
{
    uint32_t width = state->pending;
    state->pending = 0;
    return !width || kvt_merge_push(&encoder->work, encoder->tokenizer->unknown, width);
}

static bool add_known(struct encoder *encoder, struct unknown *state, int32_t id, uint32_t width)
{
    uint32_t skipped = state->skipped;
    state->skipped = 0;
    return flush_unknown(encoder, state) && kvt_merge_push(&encoder->work, id, width + skipped);
}

static int push_bytes(struct encoder *encoder, const char *text, size_t length)
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

/*
 * The characters of a piece as symbols. Bytes that stand for a character do not end a run of
 * unknown ones: the reference library pushes them first and the run, when it ends, behind them.
 */
static int push_characters(struct encoder *encoder, const char *text, size_t length)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct unknown state = {0};
    bool pushed = true;
    for (size_t at = 0; at < length && pushed;) {
        uint8_t flags;
        size_t width = kvt_unicode_next((const unsigned char *)text + at, length - at, &flags);
        int32_t id = kvt_vocabulary_find(&tokenizer->vocabulary, text + at, width);
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

static int encode_matches(struct encoder *encoder, const struct span *span)
{
    size_t start, end, done = 0;
    int status;
    kvt_pattern_start(&encoder->search, encoder->tokenizer->pre.steps[0].pattern, span->text,
                      span->length);
    while ((status = kvt_pattern_next(&encoder->search, &start, &end, encoder->error)) > 0) {
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

/* The long way: all steps of the pre-tokenizer, which may change the text. */
static int encode_steps(struct encoder *encoder, const struct span *span, bool first)
{
    struct kvt_pieces *pieces = &encoder->pieces;
    if (encoder->flags & KVT_ENCODE_ENDS)
        return kvt_fail(encoder->error, KVT_DATA,
                        "places of tokens in the text are not known for this pre-tokenizer");
    if (kvt_pre_run(&encoder->tokenizer->pre, span->text, span->length, first, pieces,
                    encoder->error) != 0)
        return -1;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct kvt_piece *piece = &pieces->pieces[i];
        struct span own = {pieces->text.data + piece->start, piece->end - piece->start, NULL, 0};
        if (pieces->spelled) {
            kvt_buffer_clear(&encoder->bytes);
            if (kvt_byte_level_decode(own.text, own.length, &encoder->bytes) != 0)
                return kvt_fail(encoder->error, KVT_DATA, "a step after ByteLevel added text");
            own.text = encoder->bytes.data;
            own.length = encoder->bytes.length;
        }
        if (encode_piece(encoder, &own, 0, own.length) != 0)
            return -1;
    }
    return 0;
}

static int encode_pieces(struct encoder *encoder, const struct span *span, bool first)
{
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    if (span->length == 0)
        return 0;
    switch (tokenizer->direct) {
    case KVT_DIRECT_WHOLE:
        return encode_piece(encoder, span, 0, span->length);
    case KVT_DIRECT_PATTERN:
        return encode_matches(encoder, span);
    case KVT_DIRECT_NOT:
        return encode_steps(encoder, span, first);
    case KVT_DIRECT_FAMILY:
        break;
    }
    kvt_split_function split = tokenizer->split;
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

static bool starts_with_space(const char *text, size_t length)
{
    return length > 0 &&
           (text[0] == ' ' || (length >= 3 && memcmp(text, KVT_VISIBLE_SPACE, 3) == 0));
}

static bool wants_space(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                        bool first)
{
    if (tokenizer->unless_space && starts_with_space(text, length))
        return false;
    return tokenizer->prepend == KVT_PREPEND_ALWAYS ||
           (tokenizer->prepend == KVT_PREPEND_FIRST && first);
}

/* SentencePiece's visible spaces: one before the part, and one for each space in it. */
static void show_spaces(struct encoder *encoder, const char *text, size_t length, size_t base)
{
    const size_t width = sizeof KVT_VISIBLE_SPACE - 1;
    encoder->part.length = 0;
    if (wants_space(encoder->tokenizer, text, length, base == 0))
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

/* Normalised text: its added tokens, and pieces of what is between them. */
static int encode_span(struct encoder *encoder, const struct span *span, bool first)
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
static int encode_part(struct encoder *encoder, const char *text, size_t length, size_t base)
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
        show_spaces(encoder, span.text, span.length, base);
        span.text = encoder->part.data;
        span.length = encoder->part.length;
        if (encoder->flags & KVT_ENCODE_ENDS)
            span.origins = encoder->origins;
    }
    return encode_span(encoder, &span, base == 0);
}

int kvt_tokenizer_normalize(const struct kvt_tokenizer *tokenizer, struct kvt_buffer buffers[2],
                            const char **text, size_t *length, struct kvt_error *error)
{
    if (!tokenizer->escape_space)
        return kvt_normalizer_run(&tokenizer->normalizer, buffers, text, length, error);
    struct encoder encoder = {.tokenizer = tokenizer};
    show_spaces(&encoder, *text, *length, 0);
    kvt_buffer_clear(&buffers[0]);
    kvt_buffer_append(&buffers[0], encoder.part.data, encoder.part.length);
    kvt_buffer_free(&encoder.part);
    *text = buffers[0].data;
    *length = buffers[0].length;
    return 0;
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

static void emit_template(struct encoder *encoder, const struct kvt_template_ids *ids, size_t end)
{
    for (size_t i = 0; encoder->flags & KVT_ENCODE_SPECIAL && i < ids->count; i++)
        emit(encoder, ids->ids[i], end);
}

int kvt_tokenizer_encode(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         unsigned flags, struct kvt_token_ids *out, struct kvt_error *error)
{
    struct encoder encoder = {.tokenizer = tokenizer, .out = out, .error = error, .flags = flags};
    if (flags & KVT_ENCODE_ENDS && !out->ends && out->capacity)
        out->ends = kvt_alloc_zero(out->capacity, sizeof *out->ends);
    emit_template(&encoder, &tokenizer->prefix, 0);
    int status = encode_text(&encoder, text, length);
    emit_template(&encoder, &tokenizer->suffix, length);
    kvt_merge_work_free(&encoder.work);
    kvt_buffer_free(&encoder.part);
    kvt_buffer_free(&encoder.normalized[0]);
    kvt_buffer_free(&encoder.normalized[1]);
    kvt_buffer_free(&encoder.bytes);
    kvt_pattern_end(&encoder.search);
    kvt_pieces_free(&encoder.pieces);
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
