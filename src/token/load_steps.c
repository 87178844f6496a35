/* The normalizer and the pre-tokenizer of a tokenizer.json, as lists of steps. */
#include "core/memory.h"
#include "token/load_json.h"

#include <string.h>

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
    if (kvt_load_is_type(value, "Sequence"))
        return add_all_normalizers(tokenizer, json_object_get(value, "normalizers"), error);
    if (kvt_load_is_type(value, "NFC"))
        return add_form(tokenizer, false, true);
    if (kvt_load_is_type(value, "NFD"))
        return add_form(tokenizer, false, false);
    if (kvt_load_is_type(value, "NFKC"))
        return add_form(tokenizer, true, true);
    if (kvt_load_is_type(value, "NFKD"))
        return add_form(tokenizer, true, false);
    struct kvt_normalize_step step = {.kind = KVT_NORMALIZE_LOWER};
    if (kvt_load_is_type(value, "Lowercase")) {
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (kvt_load_is_type(value, "Strip")) {
        step.kind = KVT_NORMALIZE_STRIP;
        step.left = kvt_json_bool(value, "strip_left", false);
        step.right = kvt_json_bool(value, "strip_right", false);
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (kvt_load_is_type(value, "Prepend")) {
        step.kind = KVT_NORMALIZE_PREPEND;
        step.text = kvt_strdup(kvt_json_text(value, "prepend", ""));
        step.text_length = strlen(step.text);
        kvt_normalizer_add(&tokenizer->normalizer, &step);
        return 0;
    }
    if (kvt_load_is_type(value, "Replace"))
        return add_replace(tokenizer, value, error);
    return kvt_load_refuse(error, "normalizer", value);
}

static bool is_prepend(const json_t *value)
{
    return kvt_load_is_type(value, "Prepend") &&
           strcmp(kvt_json_text(value, "prepend", ""), KVT_VISIBLE_SPACE) == 0;
}

static bool is_escape(const json_t *value)
{
    return kvt_load_is_type(value, "Replace") &&
           strcmp(kvt_json_text(value, "pattern.String", ""), " ") == 0 &&
           strcmp(kvt_json_text(value, "content", ""), KVT_VISIBLE_SPACE) == 0;
}

/* The two forms of SentencePiece-style files have a way of their own through encode.c. */
static bool is_visible_spaces(struct kvt_tokenizer *tokenizer, const json_t *value)
{
    const json_t *list =
        kvt_load_is_type(value, "Sequence") ? json_object_get(value, "normalizers") : NULL;
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
    if (kvt_load_is_type(value, "Sequence")) {
        const json_t *list = json_object_get(value, "pretokenizers");
        for (size_t i = 0; i < json_array_size(list); i++)
            if (add_pre(tokenizer, json_array_get(list, i), error) != 0)
                return -1;
        return 0;
    }
    if (kvt_load_is_type(value, "Split"))
        return add_split(tokenizer, value, error);
    if (kvt_load_is_type(value, "ByteLevel"))
        return add_byte_level(tokenizer, value, error);
    if (kvt_load_is_type(value, "Metaspace"))
        return add_metaspace(tokenizer, value, error);
    struct kvt_pre_step step = {.kind = KVT_PRE_DIGITS};
    if (kvt_load_is_type(value, "Digits")) {
        step.single = kvt_json_bool(value, "individual_digits", false);
        kvt_pre_add(&tokenizer->pre, &step);
        return 0;
    }
    if (kvt_load_is_type(value, "Punctuation")) {
        step.kind = KVT_PRE_PUNCTUATION;
        step.behavior = KVT_ISOLATED;
        if (json_object_get(value, "behavior") && behavior_of(value, &step.behavior, error) != 0)
            return -1;
        kvt_pre_add(&tokenizer->pre, &step);
        return 0;
    }
    return kvt_load_refuse(error, "pre_tokenizer", value);
}

int kvt_load_pre(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error)
{
    return value && !json_is_null(value) ? add_pre(tokenizer, value, error) : 0;
}
