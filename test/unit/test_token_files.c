/*
 * Tokenizer files of every family against what the reference library says: ids of texts, and the
 * digest of the ids of every code point in changing company and of 4,000 random texts. Fixtures and
 * expected values are made by scripts/token-fixtures.cjs.
 */
#include "tap.h"

#include "core/buffer.h"
#include "core/utf8.h"
#include "stream/json.h"
#include "token/tokenizer.h"

#include <stdlib.h>

static const char *const families[] = {"gpt2",   "llama3",  "qwen2",     "o200k", "tekken",
                                       "llama2", "mistral", "metaspace", "gemma", "deepseek",
                                       "falcon", "prefix",  "unknown"};

static bool same_ids(const struct kvt_token_ids *ids, const json_t *expected)
{
    if (ids->count != json_array_size(expected))
        return false;
    for (size_t i = 0; i < ids->count; i++)
        if (ids->ids[i] != (int32_t)json_integer_value(json_array_get(expected, i)))
            return false;
    return true;
}

/* 1 when the line's text gets the line's ids, with and without the template, encoded or counted. */
static int check_case(const struct kvt_tokenizer *tokenizer, const char *line)
{
    json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(row, "text"), *expected = json_object_get(row, "ids");
    const char *bytes = json_string_value(text);
    size_t length = json_string_length(text);
    struct kvt_token_ids ids = {0};
    struct kvt_error error = {0};
    int64_t special = (int64_t)json_array_size(expected) + kvt_json_integer(row, "special", -1);
    bool passed =
        kvt_tokenizer_encode(tokenizer, bytes, length, 0, &ids, &error) == 0 &&
        same_ids(&ids, expected) &&
        kvt_tokenizer_count(tokenizer, bytes, length, 0, &error) == (int64_t)ids.count &&
        kvt_tokenizer_count(tokenizer, bytes, length, KVT_ENCODE_SPECIAL, &error) == special;
    if (!passed) {
        printf("# %.300s\n# got", line);
        for (size_t i = 0; i < ids.count && i < 60; i++)
            printf(" %d", (int)ids.ids[i]);
        printf(" %s\n", error.text);
    }
    kvt_token_ids_free(&ids);
    json_decref(row);
    return passed;
}

static void test_cases(const struct kvt_tokenizer *tokenizer, const char *family)
{
    char path[128], name[128];
    char *line = NULL;
    size_t capacity = 0, total = 0, passed = 0;
    snprintf(path, sizeof path, "test/golden/tokens/%s.cases.jsonl", family);
    FILE *file = fopen(path, "rb");
    while (file && getline(&line, &capacity, file) > 0) {
        total++;
        passed += (size_t)check_case(tokenizer, line);
    }
    snprintf(name, sizeof name, "%s: ids of texts", family);
    is_int(passed, total, name);
    ok(total > 50, "and there were texts");
    free(line);
    if (file)
        fclose(file);
}

static uint32_t state = 20240229;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static const char *const between[] = {"", "a", " ", "1", "\n", "A", "'s", "  "};

static void append(struct kvt_buffer *text, uint32_t cp)
{
    char utf8[4];
    kvt_buffer_append(text, utf8, kvt_utf8_encode(cp, utf8)); /* a surrogate becomes U+FFFD */
}

static void random_text(struct kvt_buffer *text)
{
    static const uint32_t limits[] = {0x80, 0x80, 0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000};
    for (uint32_t n = next_random() % 24; n > 0; n--) {
        uint32_t kind = next_random() % 8, value = next_random();
        if (kind == 0)
            kvt_buffer_text(text, between[value % 8]);
        else
            append(text, value % limits[kind]);
    }
}

/* One encoder for ids, one for counts, one that does now this and now that. */
struct encoders {
    struct kvt_encoder *ids, *counts, *both;
    size_t n_texts, n_equal; /* texts, and those for which the other two agree with the first */
};

static bool others_agree(struct encoders *encoders, const struct kvt_buffer *text,
                         const struct kvt_token_ids *ids)
{
    struct kvt_token_ids again = {0};
    bool agree = kvt_encoder_count(encoders->counts, text->data, text->length, 0, NULL) ==
                 (int64_t)ids->count;
    if (encoders->n_texts % 97 < 48) {
        agree &= kvt_encoder_count(encoders->both, text->data, text->length, 0, NULL) ==
                 (int64_t)ids->count;
    } else {
        kvt_encoder_encode(encoders->both, text->data, text->length, 0, &again, NULL);
        agree &= again.count == ids->count &&
                 (!ids->count || memcmp(again.ids, ids->ids, ids->count * sizeof *ids->ids) == 0);
    }
    kvt_token_ids_free(&again);
    return agree;
}

static void digest(struct encoders *encoders, const struct kvt_buffer *text,
                   struct kvt_sha256 *hash)
{
    struct kvt_token_ids ids = {0};
    struct kvt_buffer line = {0};
    kvt_encoder_encode(encoders->ids, text->data, text->length, 0, &ids, NULL);
    encoders->n_equal += others_agree(encoders, text, &ids);
    encoders->n_texts++;
    for (size_t i = 0; i < ids.count; i++) {
        char digits[16];
        int used = snprintf(digits, sizeof digits, i ? ",%d" : "%d", (int)ids.ids[i]);
        kvt_buffer_append(&line, digits, (size_t)used);
    }
    kvt_buffer_byte(&line, '\n');
    kvt_sha256_add(hash, line.data, line.length);
    kvt_buffer_free(&line);
    kvt_token_ids_free(&ids);
}

static void test_sweep(const struct kvt_tokenizer *tokenizer, const char *family)
{
    char path[128], name[128], expected[KVT_SHA256_HEX] = "", got[KVT_SHA256_HEX];
    struct kvt_sha256 hash;
    struct kvt_buffer text = {0};
    struct encoders encoders = {kvt_encoder_new(tokenizer), kvt_encoder_new(tokenizer),
                                kvt_encoder_new(tokenizer), 0, 0};
    kvt_buffer_text(&text, "");
    kvt_sha256_start(&hash);
    for (uint32_t first = 0; first < 0x110000; first += 64) {
        kvt_buffer_clear(&text);
        for (uint32_t cp = first; cp < first + 64; cp++) {
            kvt_buffer_text(&text, between[cp % 7]);
            append(&text, cp);
        }
        digest(&encoders, &text, &hash);
    }
    state = 20240229;
    for (int i = 0; i < 4000; i++) {
        kvt_buffer_clear(&text);
        random_text(&text);
        digest(&encoders, &text, &hash);
    }
    kvt_encoder_free(encoders.ids);
    kvt_encoder_free(encoders.counts);
    kvt_encoder_free(encoders.both);
    kvt_sha256_hex(&hash, got);
    kvt_buffer_free(&text);
    snprintf(path, sizeof path, "test/golden/tokens/%s.sweep", family);
    FILE *file = fopen(path, "rb");
    if (file) {
        if (!fgets(expected, sizeof expected, file))
            expected[0] = '\0';
        fclose(file);
    }
    snprintf(name, sizeof name, "%s: every code point and random texts", family);
    is_text(got, expected, name);
    snprintf(name, sizeof name, "%s: counting, and counting and encoding in turn, agree", family);
    is_int(encoders.n_equal, encoders.n_texts, name);
}

/* "a" with `count` marks of two classes: alternating, or those of the lower class first. */
static void marked_text(struct kvt_buffer *text, int count, bool ordered)
{
    kvt_buffer_clear(text);
    kvt_buffer_text(text, "a");
    for (int i = 0; i < count; i++)
        append(text, (ordered ? i < count / 2 : i % 2) ? 0x316 : 0x301);
    kvt_buffer_text(text, "b");
}

/* Canonical order is linear in the marks: with their square the last would take minutes. */
static void test_marks(void)
{
    struct kvt_error error = {0};
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load("test/golden/tokens/qwen2.json", &error);
    static const int counts[] = {2, 62, 66, 1000, 400000};
    struct kvt_buffer text = {0};
    for (size_t i = 0; tokenizer && i < sizeof counts / sizeof *counts; i++) {
        struct kvt_token_ids ids = {0}, ordered = {0};
        char name[64];
        marked_text(&text, counts[i], false);
        kvt_tokenizer_encode(tokenizer, text.data, text.length, 0, &ids, &error);
        marked_text(&text, counts[i], true);
        kvt_tokenizer_encode(tokenizer, text.data, text.length, 0, &ordered, &error);
        snprintf(name, sizeof name, "NFC of %d marks is that of the ordered ones", counts[i]);
        ok(ids.count > 2 && ids.count == ordered.count &&
               memcmp(ids.ids, ordered.ids, ids.count * sizeof *ids.ids) == 0,
           name);
        kvt_token_ids_free(&ids);
        kvt_token_ids_free(&ordered);
    }
    kvt_buffer_free(&text);
    kvt_tokenizer_free(tokenizer);
}

int main(void)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char path[128];
        struct kvt_error error;
        snprintf(path, sizeof path, "test/golden/tokens/%s.json", families[i]);
        struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(path, &error);
        if (!ok(tokenizer, families[i])) {
            printf("# %s\n", error.text);
            continue;
        }
        test_cases(tokenizer, families[i]);
        test_sweep(tokenizer, families[i]);
        kvt_tokenizer_free(tokenizer);
    }
    test_marks();
    return tap_done();
}
