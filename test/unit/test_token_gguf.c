/*
 * Vocabularies inside a GGUF and chat templates over them. The vocabularies are small enough to
 * merge by hand; every expected id is what the rules of the two models give on paper.
 */
#include "gguf_writer.h"
#include "tap.h"
#include "token/chat.h"
#include "token/tokenizer.h"

#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char path[64];

static const char *ids_text(const struct kvt_token_ids *ids)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ids->count && used < sizeof text - 16; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, i ? " %d" : "%d", (int)ids->ids[i]);
    return text;
}

static const char *encode(const struct kvt_tokenizer *tokenizer, const char *text, unsigned flags)
{
    static struct kvt_error error;
    struct kvt_token_ids ids = {0};
    if (kvt_tokenizer_encode(tokenizer, text, strlen(text), flags, &ids, &error) != 0)
        return error.text;
    const char *list = ids_text(&ids);
    kvt_token_ids_free(&ids);
    return list;
}

static const char *ends_of(const struct kvt_tokenizer *tokenizer, const char *text)
{
    static char list[1024];
    struct kvt_token_ids ids = {0};
    size_t used = 0;
    if (kvt_tokenizer_encode(tokenizer, text, strlen(text), KVT_ENCODE_ENDS | KVT_ENCODE_SPECIAL,
                             &ids, NULL) != 0)
        return "failed";
    list[0] = '\0';
    for (size_t i = 0; i < ids.count; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, i ? " %zu" : "%zu", ids.ends[i]);
    kvt_token_ids_free(&ids);
    return list;
}

/* a..e, space, newline as bytes; "ab" before "bc" before "abc" and " a". */
static const char *const byte_tokens[] = {
    "a",  "b",  "c",   "d",         "e",   "\xc4\xa0",     "\xc4\x8a",
    "ab", "bc", "abc", "\304\240a", "<s>", "<|im_start|>", "<|im_end|>",
    "u",  "s",  "r",   "<|end|>"};
static const int32_t byte_types[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 1, 1, 1, 3};
static const char *const byte_merges[] = {"a b", "b c", "ab c", "a bc", "\xc4\xa0 a"};

static void start_bytes(struct gguf_writer *writer, const char *pre)
{
    gguf_string(writer, "tokenizer.ggml.model", "gpt2");
    if (pre)
        gguf_string(writer, "tokenizer.ggml.pre", pre);
    gguf_strings(writer, "tokenizer.ggml.tokens", byte_tokens, COUNT(byte_tokens));
    gguf_i32s(writer, "tokenizer.ggml.token_type", byte_types, COUNT(byte_types));
    gguf_strings(writer, "tokenizer.ggml.merges", byte_merges, COUNT(byte_merges));
    gguf_integer(writer, "tokenizer.ggml.bos_token_id", 11);
    gguf_integer(writer, "tokenizer.ggml.eos_token_id", 13);
}

static struct kvt_tokenizer *load(struct gguf_writer *writer)
{
    struct kvt_error error;
    gguf_save(writer, path);
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(path, &error);
    if (!tokenizer)
        printf("# %s\n", error.text);
    return tokenizer;
}

static void test_bytes(void)
{
    struct gguf_writer writer = {0};
    start_bytes(&writer, "gpt-2");
    struct kvt_tokenizer *t = load(&writer);
    ok(t, "a byte-level vocabulary loads");
    if (!t)
        return;
    is_int(kvt_tokenizer_size(t), 18, "its size");
    is_text(encode(t, "abc", 0), "9", "lowest rank first: ab, then abc");
    is_text(encode(t, "bcab", 0), "8 7", "leftmost among what is left");
    is_text(encode(t, "aabc", 0), "0 9", "merges do not cross what does not join");
    is_text(encode(t, "abcabc", 0), "9 9", "repeated");
    is_text(encode(t, "d a", 0), "3 10", "a space goes with the letters after it");
    is_text(encode(t, "a  a", 0), "0 5 10", "of two spaces the first is a piece of its own");
    is_text(encode(t, "", 0), "", "no text, no token");
    is_text(encode(t, "xa", 0), "0", "a byte without a token is dropped");
    is_text(encode(t, "a<|im_end|>b", 0), "0 13 1", "special tokens in the text are found");
    is_text(encode(t, "<s>a", KVT_ENCODE_ORDINARY), "15 0", "or are ordinary text");
    is_text(encode(t, "a", KVT_ENCODE_SPECIAL), "0", "gpt-2 adds no BOS by itself");
    is_text(ends_of(t, "abc d\n<s>e"), "3 4 5 6 9 10", "ends count bytes");
    size_t length;
    ok(memcmp(kvt_tokenizer_bytes(t, 10, &length), " a", 2) == 0 && length == 2,
       "bytes of a token");
    kvt_tokenizer_bytes(t, 11, &length);
    is_int(length, 0, "a control token has none");
    kvt_tokenizer_bytes(t, -1, &length);
    is_int(length, 0, "nor has an id out of range");
    ok(kvt_tokenizer_ends(t, 13) && kvt_tokenizer_ends(t, 17) && !kvt_tokenizer_ends(t, 11),
       "EOS ends an answer, and so does a token known by its name");
    kvt_tokenizer_free(t);
}

static void test_llama3(void)
{
    struct gguf_writer writer = {0};
    start_bytes(&writer, "llama-bpe");
    struct kvt_tokenizer *t = load(&writer);
    ok(t && kvt_tokenizer_adds_bos(t), "llama-bpe adds BOS when the file does not say");
    if (!t)
        return;
    is_text(encode(t, "ab", KVT_ENCODE_SPECIAL), "11 7", "BOS first");
    is_text(encode(t, "a\n\nb", 0), "0 6 6 1", "newlines are pieces of their own");
    kvt_tokenizer_free(t);
    start_bytes(&writer, "llama-bpe");
    gguf_flag(&writer, "tokenizer.ggml.add_bos_token", 0);
    t = load(&writer);
    ok(t && !kvt_tokenizer_adds_bos(t), "the file's own word counts");
    kvt_tokenizer_free(t);
}

/* Pre-tokenizers that are more than one split. */
static void test_steps(void)
{
    struct gguf_writer writer = {0};
    start_bytes(&writer, "starcoder");
    struct kvt_tokenizer *t = load(&writer);
    ok(t, "starcoder loads");
    if (t)
        is_text(ends_of(t, "ab c1"), "2 3 4", "places are known; the digit has no token");
    kvt_tokenizer_free(t);
    start_bytes(&writer, "tekken");
    t = load(&writer);
    ok(t && kvt_tokenizer_adds_bos(t), "tekken loads, and adds BOS");
    if (t)
        is_text(encode(t, "abC abc", 0), "7 5 9",
                "a capital starts a word; c has no capital token");
    kvt_tokenizer_free(t);
    start_bytes(&writer, "deepseek-v3");
    t = load(&writer);
    ok(t, "deepseek-v3 loads");
    if (t)
        is_text(encode(t, " a\nb", 0), "10 6 1", "its three splits");
    kvt_tokenizer_free(t);
}

#define V "\xe2\x96\x81"
static const char *const piece_tokens[] = {"<unk>",  "<s>",  "</s>", "<0x0A>", "<0xC3>",
                                           "<0xA9>", V,      "a",    "b",      V "a",
                                           "ab",     V "ab", "aa",   "<0xE2>"};
static const int32_t piece_types[] = {2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1, 1, 1, 6};
static const float piece_scores[] = {0, 0, 0, 0, 0, 0, -10, -11, -12, -2, -1, -3, -2, 0};

static void test_pieces(void)
{
    struct gguf_writer writer = {0};
    gguf_string(&writer, "tokenizer.ggml.model", "llama");
    gguf_strings(&writer, "tokenizer.ggml.tokens", piece_tokens, COUNT(piece_tokens));
    gguf_i32s(&writer, "tokenizer.ggml.token_type", piece_types, COUNT(piece_types));
    gguf_f32s(&writer, "tokenizer.ggml.scores", piece_scores, COUNT(piece_scores));
    gguf_integer(&writer, "tokenizer.ggml.bos_token_id", 1);
    gguf_integer(&writer, "tokenizer.ggml.eos_token_id", 2);
    struct kvt_tokenizer *t = load(&writer);
    ok(t, "a SentencePiece-style vocabulary loads");
    if (!t)
        return;
    is_text(encode(t, "ab", 0), "11", "the best score first, then the space before the text");
    is_text(encode(t, "aab", 0), "9 10", "ab joins before " V "a does");
    is_text(encode(t, "aaa", 0), "9 12", "equal scores: the leftmost pair");
    is_text(encode(t, "a b", 0), "9 6 8", "a space inside is a visible space");
    is_text(encode(t, "\xc3\xa9\n", 0), "6 4 5 3", "a character without a token becomes bytes");
    is_text(encode(t, "a<s>a", 0), "9 1 9", "the text after a special token gets a space too");
    is_text(encode(t, "", KVT_ENCODE_SPECIAL), "1", "no text, no space; BOS by default");
    is_text(ends_of(t, "ab \xc3\xa9"), "0 2 3 4 5",
            "ends count bytes of the text, not of the spaces added");
    size_t length;
    ok(memcmp(kvt_tokenizer_bytes(t, 11, &length), " ab", 3) == 0 && length == 3,
       "bytes have real spaces");
    ok(memcmp(kvt_tokenizer_bytes(t, 5, &length), "\xa9", 1) == 0 && length == 1,
       "a byte token is a byte");
    kvt_tokenizer_free(t);
}

static void test_refusals(void)
{
    struct gguf_writer writer = {0};
    struct kvt_error error;
    start_bytes(&writer, "no-such-pre");
    gguf_save(&writer, path);
    ok(!kvt_tokenizer_load(path, &error) && strstr(error.text, "no-such-pre"),
       "an unknown pre-tokenizer is refused by name");
    char named[80];
    start_bytes(&writer, NULL);
    gguf_save(&writer, path);
    ok(!kvt_tokenizer_load(path, &error) && strstr(error.text, "@gpt-2"),
       "without a pre-tokenizer the file is refused, with the remedy");
    snprintf(named, sizeof named, "%s@gpt-2", path);
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(named, &error);
    is_text(tokenizer ? encode(tokenizer, "a  a", 0) : error.text, "0 5 10",
            "named behind the file it loads");
    is_text(tokenizer ? kvt_tokenizer_path(tokenizer) : "", path, "and knows its file");
    kvt_tokenizer_free(tokenizer);
    start_bytes(&writer, "llama-bpe");
    gguf_save(&writer, path);
    ok(!kvt_tokenizer_load(named, &error) && strstr(error.text, "llama-bpe"),
       "a name that is not the file's is refused");
    gguf_string(&writer, "tokenizer.ggml.model", "bert");
    gguf_save(&writer, path);
    ok(!kvt_tokenizer_load(path, &error) && strstr(error.text, "bert"),
       "an unknown model is refused by name");
    gguf_string(&writer, "tokenizer.ggml.model", "gpt2");
    gguf_string(&writer, "tokenizer.ggml.pre", "gpt-2");
    gguf_strings(&writer, "tokenizer.ggml.tokens", byte_tokens, 2);
    gguf_strings(&writer, "tokenizer.ggml.merges", (const char *const[]){"a c"}, 1);
    gguf_save(&writer, path);
    ok(!kvt_tokenizer_load(path, &error) && strstr(error.text, "a c"),
       "a merge of unknown tokens is named");
    ok(!kvt_tokenizer_load("/nonexistent/file", &error) && error.code == KVT_SYSTEM,
       "a missing file");
}

static const char *describe(const struct kvt_chat_prompt *prompt)
{
    static char text[4352];
    snprintf(text, sizeof text, "%s | %zu %zu", ids_text(&prompt->tokens), prompt->context_end,
             prompt->question_end);
    return text;
}

static const char *chat_of(struct gguf_writer *writer, const struct kvt_chat_message *messages,
                           size_t n, const char **name)
{
    static char kept[64];
    struct kvt_error error;
    struct kvt_chat_prompt prompt;
    gguf_save(writer, path);
    struct kvt_gguf *gguf = kvt_gguf_open(path, &error);
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(path, &error);
    struct kvt_chat_template *chat = gguf ? kvt_chat_from_gguf(gguf, &error) : NULL;
    static char failed[sizeof error.text];
    const char *text = failed;
    if (chat) {
        snprintf(kept, sizeof kept, "%s", kvt_chat_name(chat));
        *name = kept;
    }
    if (chat && tokenizer && kvt_chat_encode(chat, tokenizer, messages, n, &prompt, &error) == 0) {
        text = describe(&prompt);
        struct kvt_encoder *encoder = kvt_encoder_new(tokenizer);
        is_int(kvt_chat_count(chat, tokenizer, encoder, messages, n, &error), prompt.tokens.count,
               "counting gives the same number");
        kvt_encoder_free(encoder);
        kvt_token_ids_free(&prompt.tokens);
    } else {
        snprintf(failed, sizeof failed, "%s", error.text);
    }
    kvt_chat_free(chat);
    kvt_tokenizer_free(tokenizer);
    kvt_gguf_close(gguf);
    return text;
}

static void test_chat(void)
{
    struct gguf_writer writer = {0};
    const char *name = "";
    struct kvt_chat_message parts = {"user", "abc d", 5, 3}, one = {"user", "abc d", 5, 0};
    start_bytes(&writer, "gpt-2");
    is_text(chat_of(&writer, &one, 1, &name), "9 5 3 | 0 3", "no template: the content alone");
    is_text(name, "plain", "called plain");
    start_bytes(&writer, "gpt-2");
    gguf_string(&writer, "kvt.chat.user_prefix", "a");
    gguf_string(&writer, "kvt.chat.generation_prompt", " a");
    gguf_string(&writer, "tokenizer.chat_template", "{{ bos_token }}…");
    is_text(chat_of(&writer, &parts, 1, &name), "11 0 9 5 3 10 | 3 5",
            "own keys; context and question ends count tokens");
    start_bytes(&writer, "gpt-2");
    gguf_string(
        &writer, "tokenizer.chat_template",
        "{% for m in messages %}{{'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n'}}");
    /* <|im_start|> u s r \n abc ' ' d <|im_end|> \n <|im_start|> a s s s a \n, letters without a
     * token dropped */
    is_text(chat_of(&writer, &parts, 1, &name),
            "12 14 15 4 16 6 9 5 3 13 6 12 0 15 15 15 0 6 | 7 11", "chatml");
    is_text(name, "chatml", "recognised");
    start_bytes(&writer, "gpt-2");
    gguf_string(&writer, "tokenizer.chat_template", "{{ something_else }}");
    ok(strstr(chat_of(&writer, &one, 1, &name), "something_else"),
       "an unknown template is refused by name");
    start_bytes(&writer, "gpt-2");
    struct kvt_chat_message strange = {"tool", "a", 1, 0};
    ok(strstr(chat_of(&writer, &strange, 1, &name), "\"tool\""),
       "an unknown role is refused by name");
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/kvt-test-%ld.gguf", (long)getpid());
    test_bytes();
    test_llama3();
    test_steps();
    test_pieces();
    test_refusals();
    test_chat();
    unlink(path);
    return tap_done();
}
