/*
 * What is worked out once the parts of a tokenizer are read: the short ways through its steps,
 * where no merge can cross, and the output bytes of its tokens.
 */
#include "core/memory.h"
#include "token/internal.h"

#include <stdlib.h>
#include <string.h>

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
