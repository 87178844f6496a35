/* The parts of a tokenizer.json around the model. */
#include "core/memory.h"
#include "stream/json.h"
#include "token/load_json.h"

#include <stdlib.h>
#include <string.h>

static bool is_type(const json_t *value, const char *type)
{
    return strcmp(kvt_json_text(value, "type", ""), type) == 0;
}

static int refuse(struct kvt_error *error, const char *part, const json_t *value)
{
    return kvt_fail(error, KVT_DATA, "%s \"%s\" cannot be done exactly", part,
                    kvt_json_text(value, "type", "(without a type)"));
}

/* {"Regex": …} or {"String": …}. */
static struct kvt_regex *pattern_of(const json_t *value, struct kvt_error *error)
{
    const json_t *literal = json_object_get(value, "String");
    if (json_is_string(literal))
        return kvt_regex_literal(json_string_value(literal), json_string_length(literal));
    const char *regex = kvt_json_text(value, "Regex", NULL);
    if (regex)
        return kvt_regex_compile(regex, KVT_PATTERN_ONIGURUMA, error);
    kvt_fail(error, KVT_DATA, "a pattern is neither a Regex nor a String");
    return NULL;
}

static int add_form(struct kvt_tokenizer *tokenizer, bool compatible, bool composed)
{
    kvt_normalizer_add(&tokenizer->normalizer,
                       &(struct kvt_normalize_step){.kind = KVT_NORMALIZE_FORM,
                                                    .compatible = compatible,
                                                    .composed = composed});
    return 0;
}

static int add_normalizer(struct kvt_tokenizer *tokenizer, const json_t *value,
                          struct kvt_error *error);

static int add_all_normalizers(struct kvt_tokenizer *tokenizer, const json_t *list,
                               struct kvt_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (add_normalizer(tokenizer, json_array_get(list, i), error) != 0)
            return -1;
    return 0;
}

static int add_replace(struct kvt_tokenizer *tokenizer, const json_t *value,
                       struct kvt_error *error)
{
    const json_t *content = json_object_get(value, "content");
    if (!json_is_string(content))
        return kvt_fail(error, KVT_DATA, "normalizer Replace has no content");
    struct kvt_normalize_step step = {.kind = KVT_NORMALIZE_REPLACE};
    step.pattern = pattern_of(json_object_get(value, "pattern"), error);
    if (!step.pattern)
        return -1;
    step.text = kvt_strdup(json_string_value(content));
    step.text_length = strlen(step.text);
    kvt_normalizer_add(&tokenizer->normalizer, &step);
    return 0;
}

static int add_normalizer(struct kvt_tokenizer *tokenizer, const json_t *value,
                          struct kvt_error *error)
{
    if (is_type(value, "Sequence"))
        return add_all_normalizers(tokenizer, json_object_get(value, "normalizers"), error);
    if (is_type(value, "NFC"))
        return add_form(tokenizer, false, true);
    if (is_type(value, "NFD"))
        return add_form(tokenizer, false, false);
    if (is_type(value, "NFKC"))
        return add_form(tokenizer, true, true);
    if (is_type(value, "NFKD"))
        return add_form(tokenizer, true, false);
    struct kvt_normalize_step step = {.kind = KVT_NORMALIZE_LOWER};
    if (is_type(value, "Lowercase")) {
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (is_type(value, "Strip")) {
        step.kind = KVT_NORMALIZE_STRIP;
        step.left = kvt_json_bool(value, "strip_left", false);
        step.right = kvt_json_bool(value, "strip_right", false);
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (is_type(value, "Prepend")) {
        step.kind = KVT_NORMALIZE_PREPEND;
        step.text = kvt_strdup(kvt_json_text(value, "prepend", ""));
        step.text_length = strlen(step.text);
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (is_type(value, "Replace"))
        return add_replace(tokenizer, value, error);
    return refuse(error, "normalizer", value);
}

static bool is_prepend(const json_t *value)
{
    return is_type(value, "Prepend") &&
           strcmp(kvt_json_text(value, "prepend", ""), KVT_VISIBLE_SPACE) == 0;
}

static bool is_escape(const json_t *value)
{
    return is_type(value, "Replace") &&
           strcmp(kvt_json_text(value, "pattern.String", ""), " ") == 0 &&
           strcmp(kvt_json_text(value, "content", ""), KVT_VISIBLE_SPACE) == 0;
}

/* The two forms of SentencePiece-style files have a way of their own through encode.c. */
static bool is_visible_spaces(struct kvt_tokenizer *tokenizer, const json_t *value)
{
    const json_t *list = is_type(value, "Sequence") ? json_object_get(value, "normalizers") : NULL;
    if (is_escape(value) || (json_array_size(list) == 1 && is_escape(json_array_get(list, 0)))) {
        tokenizer->escape_space = true;
        return true;
    }
    if (json_array_size(list) == 2 && is_prepend(json_array_get(list, 0)) &&
        is_escape(json_array_get(list, 1))) {
        tokenizer->escape_space = true;
        tokenizer->prepend = KVT_PREPEND_ALWAYS;
        return true;
    }
    return false;
}

int kvt_load_normalizer(struct kvt_tokenizer *tokenizer, const json_t *value,
                        struct kvt_error *error)
{
    if (!value || json_is_null(value))
        return 0;
    if (!tokenizer->escape_space && is_visible_spaces(tokenizer, value))
        return 0;
    return add_normalizer(tokenizer, value, error);
}

static int behavior_of(const json_t *value, enum kvt_behavior *behavior, struct kvt_error *error)
{
    static const char *const names[] = {
        [KVT_REMOVED] = "Removed",
        [KVT_ISOLATED] = "Isolated",
        [KVT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [KVT_MERGED_WITH_NEXT] = "MergedWithNext",
        [KVT_CONTIGUOUS] = "Contiguous",
    };
    const char *name = kvt_json_text(value, "behavior", "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *behavior = (enum kvt_behavior)i;
        return 0;
    }
    return kvt_fail(error, KVT_DATA, "pre_tokenizer: behavior \"%s\" cannot be done exactly", name);
}

static int add_split(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    struct kvt_pre_step step = {.kind = KVT_PRE_PATTERN,
                                .invert = kvt_json_bool(value, "invert", false)};
    if (behavior_of(value, &step.behavior, error) != 0)
        return -1;
    const char *regex = kvt_json_text(value, "pattern.Regex", NULL);
    int family = regex && step.behavior == KVT_ISOLATED ? kvt_split_family_of(regex) : -1;
    if (family >= 0) {
        step = (struct kvt_pre_step){.kind = KVT_PRE_FAMILY};
        step.split = kvt_split_by_family((enum kvt_split_family)family);
    } else {
        step.pattern = pattern_of(json_object_get(value, "pattern"), error);
        if (!step.pattern)
            return -1;
    }
    kvt_pre_add(&tokenizer->pre, &step);
    return 0;
}

static int add_byte_level(struct kvt_tokenizer *tokenizer, const json_t *value,
                          struct kvt_error *error)
{
    for (size_t i = 0; i < tokenizer->pre.count; i++) /* it would spell the spelling */
        if (tokenizer->pre.steps[i].kind == KVT_PRE_BYTES)
            return kvt_fail(error, KVT_DATA,
                            "pre_tokenizer: ByteLevel twice cannot be done exactly");
    tokenizer->units = KVT_UNITS_BYTES;
    bool prefix = kvt_json_bool(value, "add_prefix_space", true);
    bool regex = kvt_json_bool(value, "use_regex", true);
    if (prefix)
        kvt_pre_add(
            &tokenizer->pre,
            &(struct kvt_pre_step){.kind = KVT_PRE_BYTES, .prefix_space = true, .plain = true});
    if (regex)
        kvt_pre_add(&tokenizer->pre,
                    &(struct kvt_pre_step){.kind = KVT_PRE_FAMILY,
                                           .split = kvt_split_by_family(KVT_SPLIT_GPT2)});
    kvt_pre_add(&tokenizer->pre, &(struct kvt_pre_step){.kind = KVT_PRE_BYTES});
    return 0;
}

static int add_metaspace(struct kvt_tokenizer *tokenizer, const json_t *value,
                         struct kvt_error *error)
{
    struct kvt_pre_step step = {.kind = KVT_PRE_METASPACE,
                                .cut = kvt_json_bool(value, "split", true)};
    const char *scheme = kvt_json_text(value, "prepend_scheme", NULL);
    if (strcmp(kvt_json_text(value, "replacement", KVT_VISIBLE_SPACE), KVT_VISIBLE_SPACE) != 0)
        return kvt_fail(error, KVT_DATA,
                        "pre_tokenizer Metaspace: a replacement other than U+2581 cannot "
                        "be done exactly");
    if (!scheme) /* files older than prepend_scheme */
        step.prepend =
            kvt_json_bool(value, "add_prefix_space", true) ? KVT_PREPEND_ALWAYS : KVT_PREPEND_NEVER;
    else
        step.prepend = strcmp(scheme, "first") == 0    ? KVT_PREPEND_FIRST
                       : strcmp(scheme, "always") == 0 ? KVT_PREPEND_ALWAYS
                                                       : KVT_PREPEND_NEVER;
    tokenizer->shows_space = true;
    kvt_pre_add(&tokenizer->pre, &step);
    return 0;
}

static int add_pre(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    if (is_type(value, "Sequence")) {
        const json_t *list = json_object_get(value, "pretokenizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            if (add_pre(tokenizer, json_array_get(list, i), error) != 0)
                return -1;
        return 0;
    }
    if (is_type(value, "Split"))
        return add_split(tokenizer, value, error);
    if (is_type(value, "ByteLevel"))
        return add_byte_level(tokenizer, value, error);
    if (is_type(value, "Metaspace"))
        return add_metaspace(tokenizer, value, error);
    struct kvt_pre_step step = {.kind = KVT_PRE_DIGITS};
    if (is_type(value, "Digits")) {
        step.single = kvt_json_bool(value, "individual_digits", false);
        kvt_pre_add(&tokenizer->pre, &step);
        return 0;
    }
    if (is_type(value, "Punctuation")) {
        step.kind = KVT_PRE_PUNCTUATION;
        step.behavior = KVT_ISOLATED;
        if (json_object_get(value, "behavior") && behavior_of(value, &step.behavior, error) != 0)
            return -1;
        kvt_pre_add(&tokenizer->pre, &step);
        return 0;
    }
    return refuse(error, "pre_tokenizer", value);
}

int kvt_load_pre(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    return value && !json_is_null(value) ? add_pre(tokenizer, value, error) : 0;
}

/* Added tokens on their way in: the library numbers them itself, whatever the file says. */
struct adding {
    struct kvt_tokenizer *tokenizer;
    struct kvt_vocabulary seen; /* their texts */
    int64_t next;               /* id of the next text the model does not know */
};

static int32_t model_id(const struct kvt_tokenizer *tokenizer, const char *text, size_t length)
{
    if (tokenizer->units == KVT_UNITS_CHARACTERS)
        return kvt_vocabulary_find(&tokenizer->vocabulary, text, length);
    struct kvt_buffer bytes = {0};
    int32_t id = -1;
    if (kvt_byte_level_decode(text, length, &bytes) == 0)
        id = kvt_vocabulary_find(&tokenizer->vocabulary, kvt_buffer_string(&bytes), bytes.length);
    else
        id = kvt_vocabulary_find(&tokenizer->unspelled, text, length);
    kvt_buffer_free(&bytes);
    return id;
}

/*
 * The id of an added token: that of an earlier one with the same text, else the model's, else the
 * next one after the model's vocabulary and all added tokens.
 */
static int32_t added_id(struct adding *adding, const char *text, size_t length)
{
    int32_t id = kvt_vocabulary_find(&adding->seen, text, length);
    if (id >= 0)
        return id;
    id = model_id(adding->tokenizer, text, length);
    if (id < 0)
        id = (int32_t)adding->next;
    if (kvt_vocabulary_set(&adding->seen, id, text, length, KVT_TOKEN_USER, NULL) == 0)
        kvt_vocabulary_index(&adding->seen, id);
    if (id >= adding->next)
        adding->next = (int64_t)id + 1;
    return id < KVT_TOKEN_LIMIT ? id : -1;
}

/* Gives an added token its place in the vocabulary. */
static int place_added(struct kvt_tokenizer *tokenizer, const struct kvt_added_token *token,
                       struct kvt_error *error)
{
    struct kvt_vocabulary *vocabulary = &tokenizer->vocabulary;
    enum kvt_token_kind kind = token->special ? KVT_TOKEN_CONTROL : KVT_TOKEN_USER;
    if (token->id < vocabulary->size && vocabulary->kinds[token->id] != KVT_TOKEN_ABSENT) {
        vocabulary->kinds[token->id] = (uint8_t)kind;
        return 0;
    }
    return kvt_vocabulary_set(vocabulary, token->id, token->text, token->length, kind, error);
}

static int add_added(struct adding *adding, const json_t *value, struct kvt_error *error)
{
    struct kvt_tokenizer *tokenizer = adding->tokenizer;
    const json_t *content = json_object_get(value, "content");
    if (!json_is_string(content))
        return kvt_fail(error, KVT_DATA, "added_tokens: a token without content");
    struct kvt_added_token token = {
        .text = (char *)(uintptr_t)json_string_value(content),
        .length = json_string_length(content),
        .special = kvt_json_bool(value, "special", false),
        .single_word = kvt_json_bool(value, "single_word", false),
        .lstrip = kvt_json_bool(value, "lstrip", false),
        .rstrip = kvt_json_bool(value, "rstrip", false),
    };
    if (token.length == 0)
        return 0;
    token.id = added_id(adding, token.text, token.length);
    if (token.id < 0)
        return kvt_fail(error, KVT_DATA, "added_tokens: too many tokens");
    if (place_added(tokenizer, &token, error) != 0)
        return kvt_fail_context(error, "added_tokens");
    if (!kvt_json_bool(value, "normalized", !token.special)) {
        kvt_added_add(&tokenizer->added, &token);
        return 0;
    }
    struct kvt_buffer buffers[2] = {{0}};
    const char *text = token.text;
    int status = kvt_tokenizer_normalize(tokenizer, buffers, &text, &token.length, error);
    if (status == 0) {
        token.text = (char *)(uintptr_t)text;
        kvt_added_add(&tokenizer->added_normalized, &token);
    }
    kvt_buffer_free(&buffers[0]);
    kvt_buffer_free(&buffers[1]);
    return status;
}

int kvt_load_added(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    struct adding adding = {.tokenizer = tokenizer, .next = (int64_t)tokenizer->n_model_tokens};
    int status = 0;
    for (size_t i = 0; i < json_array_size(value) && status == 0; i++)
        status = add_added(&adding, json_array_get(value, i), error);
    kvt_vocabulary_free(&adding.seen);
    return status;
}

static void add_template_id(struct kvt_tokenizer *tokenizer, int32_t id, bool after)
{
    struct kvt_template_ids *ids = after ? &tokenizer->suffix : &tokenizer->prefix;
    kvt_grow(&ids->ids, &ids->capacity, ids->count, sizeof *ids->ids);
    ids->ids[ids->count++] = id;
}

static int add_template(struct kvt_tokenizer *tokenizer, const json_t *value,
                        struct kvt_error *error)
{
    const json_t *single = json_object_get(value, "single");
    const json_t *tokens = json_object_get(value, "special_tokens");
    bool after = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *piece = json_array_get(single, i);
        after |= json_object_get(piece, "Sequence") != NULL;
        const char *name = kvt_json_text(piece, "SpecialToken.id", NULL);
        if (!name)
            continue;
        const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
        if (!json_is_array(ids))
            return kvt_fail(error, KVT_DATA, "post_processor: special token \"%s\" has no ids",
                            name);
        for (size_t k = 0; k < json_array_size(ids); k++)
            add_template_id(tokenizer, (int32_t)json_integer_value(json_array_get(ids, k)), after);
    }
    return 0;
}

static int add_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    if (is_type(value, "Sequence")) {
        const json_t *list = json_object_get(value, "processors");
        for (size_t i = 0; i < json_array_size(list); i++)
            if (add_post(tokenizer, json_array_get(list, i), error) != 0)
                return -1;
        return 0;
    }
    if (is_type(value, "ByteLevel"))
        return 0; /* only trims offsets */
    if (is_type(value, "TemplateProcessing"))
        return add_template(tokenizer, value, error);
    if (is_type(value, "RobertaProcessing") || is_type(value, "BertProcessing")) {
        static const char *const names[] = {"cls", "sep"};
        for (int i = 0; i < 2; i++) {
            const json_t *id = json_array_get(json_object_get(value, names[i]), 1);
            if (!json_is_integer(id))
                return refuse(error, "post_processor", value);
            add_template_id(tokenizer, (int32_t)json_integer_value(id), i == 1);
        }
        return 0;
    }
    return refuse(error, "post_processor", value);
}

int kvt_load_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    if (value && !json_is_null(value) && add_post(tokenizer, value, error) != 0)
        return -1;
    if (tokenizer->prefix.count) {
        tokenizer->adds_bos = true;
        tokenizer->bos = tokenizer->prefix.ids[0];
    }
    return 0;
}
