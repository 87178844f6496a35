#include "token/batch.h"

/* A key no piece has, for pieces that are too long for one. */
static const struct kvt_short no_key = {1, 0};

static int count_batch(struct kvt_piece_encoder *encoder, const char *text, size_t length,
                       size_t at, const size_t *ends, size_t count)
{
    const struct kvt_cache *cache = kvt_piece_cache(encoder);
    const struct kvt_tokenizer *tokenizer = encoder->tokenizer;
    struct kvt_short keys[KVT_BATCH];
    const struct kvt_cache_line *lines[KVT_BATCH];
    uint8_t new[KVT_BATCH];
    size_t n_new = 0, start = at, tokens = 0;
    for (size_t i = 0; i < count; start = ends[i++]) {
        size_t width = ends[i] - start;
        keys[i] =
            width > KVT_SHORT ? no_key : kvt_short_readable(text + start, width, length - start);
        lines[i] = &cache->lines[kvt_cache_line_of(keys[i])];
        __builtin_prefetch(lines[i]);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned way = kvt_cache_find(lines[i], keys[i]);
        if (way < KVT_CACHE_WAYS) {
            tokens += kvt_cache_count(lines[i], way);
            continue;
        }
        new[n_new++] = (uint8_t)i;
        if (tokenizer->ignore_merges && !encoder->in_part)
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

int kvt_batch_encode(struct kvt_piece_encoder *encoder, const char *text, size_t length, size_t at,
                     const size_t *ends, size_t count)
{
    if (kvt_piece_cache(encoder)->lines && !encoder->out)
        return count_batch(encoder, text, length, at, ends, count);
    for (size_t i = 0; i < count; at = ends[i++])
        if (kvt_piece_encode(encoder, text + at, ends[i] - at, length - at) != 0)
            return -1;
    return 0;
}
