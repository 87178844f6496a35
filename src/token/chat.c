/*
 * Chat templates as a table. Each row is what one published Jinja template writes around the
 * messages; the row is chosen by strings that only that template holds. Sources: the chat_template
 * of the models' own tokenizer_config.json, and the markers by which llama.cpp tells them apart.
 */
#include "token/chat.h"

#include "core/buffer.h"
#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

struct form {
    const char *name;
    const char *system[2]; /* around a system message; NULL: see system_joint */
    const char *user[2];
    const char *assistant[2];
    const char *generation; /* the assistant header that ends the prompt */
    const char
        *system_joint[2]; /* the system message is put before the first user text, between these */
    bool strip;           /* white space around each content is removed */
    bool bos_each_turn;   /* BOS goes before each later user turn too */
};

static const struct form chatml = {
    .name = "chatml",
    .system = {"<|im_start|>system\n", "<|im_end|>\n"},
    .user = {"<|im_start|>user\n", "<|im_end|>\n"},
    .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
    .generation = "<|im_start|>assistant\n",
};

static const struct form llama_3 = {
    .name = "llama-3",
    .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
    .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
    .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
    .generation = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    .strip = true,
};

/* The same with a dated system message in every prompt; the date is the template's own default. */
#define LLAMA_3_1_DATES "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
static const struct form llama_3_1 = {
    .name = "llama-3.1",
    .system = {"<|start_header_id|>system<|end_header_id|>\n\n" LLAMA_3_1_DATES, "<|eot_id|>"},
    .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
    .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
    .generation = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    .strip = true,
};

static const struct form llama_2 = {
    .name = "llama-2",
    .user = {"[INST] ", ""},
    .assistant = {" ", " </s>"},
    .generation = " [/INST]",
    .system_joint = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
    .strip = true,
    .bos_each_turn = true,
};

static const struct form mistral_v1 = {
    .name = "mistral-v1",
    .user = {" [INST] ", ""},
    .assistant = {" ", "</s>"},
    .generation = " [/INST]",
    .system_joint = {"", "\n\n"},
};

/* Mistral-7B-Instruct v0.1 and v0.2 on the hub: no system message. */
static const struct form mistral_v0 = {
    .name = "mistral-v0",
    .user = {"[INST] ", ""},
    .assistant = {"", "</s>"},
    .generation = " [/INST]",
};

static const struct form mistral_v3 = {
    .name = "mistral-v3",
    .user = {"[INST] ", ""},
    .assistant = {" ", "</s>"},
    .generation = "[/INST]",
    .system_joint = {"", "\n\n"},
};

static const struct form mistral_tekken = {
    .name = "mistral-v3-tekken",
    .user = {"[INST]", ""},
    .assistant = {"", "</s>"},
    .generation = "[/INST]",
    .system_joint = {"", "\n\n"},
};

static const struct form gemma = {
    .name = "gemma",
    .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
    .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
    .generation = "<start_of_turn>model\n",
    .system_joint = {"", "\n\n"},
    .strip = true,
};

static const struct form phi_3 = {
    .name = "phi-3",
    .system = {"<|system|>\n", "<|end|>\n"},
    .user = {"<|user|>\n", "<|end|>\n"},
    .assistant = {"<|assistant|>\n", "<|end|>\n"},
    .generation = "<|assistant|>\n",
};

static const struct form zephyr = {
    .name = "zephyr",
    .system = {"<|system|>\n", "</s>\n"},
    .user = {"<|user|>\n", "</s>\n"},
    .assistant = {"<|assistant|>\n", "</s>\n"},
    .generation = "<|assistant|>\n",
};

/* The text of the messages and nothing else. */
static const struct form plain = {
    .name = "plain",
    .system = {"", ""},
    .user = {"", ""},
    .assistant = {"", ""},
    .generation = "",
};

/* A template that holds every `has` and no `lacks` is `form`; the first row that fits decides. */
static const struct {
    const struct form *form;
    const char *has[3];
    const char *lacks;
} rows[] = {
    {&chatml, {"<|im_start|>", "<|im_end|>", NULL}, "<|im_sep|>"},
    {&mistral_v1, {"[INST]", "' [INST] ' + system_message", NULL}, "[SYSTEM_PROMPT]"},
    {&mistral_v1, {" [INST]", "[AVAILABLE_TOOLS]", NULL}, "[SYSTEM_PROMPT]"},
    {&mistral_tekken, {"\"[INST]\"", "[AVAILABLE_TOOLS]", NULL}, "[SYSTEM_PROMPT]"},
    {&mistral_v3, {"[INST]", "[AVAILABLE_TOOLS]", NULL}, "[SYSTEM_PROMPT]"},
    {&llama_2, {"[INST]", "<<SYS>>", "strip()"}, "[SYSTEM_PROMPT]"},
    {&mistral_v0, {"'[INST] ' + message['content'] + ' [/INST]'", NULL, NULL}, "[SYSTEM_PROMPT]"},
    {&llama_3_1, {"<|start_header_id|>", "<|end_header_id|>", "Cutting Knowledge Date"}, NULL},
    {&llama_3, {"<|start_header_id|>", "<|end_header_id|>", NULL}, NULL},
    {&gemma, {"<start_of_turn>", "<end_of_turn>", NULL}, NULL},
    {&phi_3, {"<|assistant|>", "<|end|>", NULL}, NULL},
    {&zephyr, {"<|user|>", "<|assistant|>", "eos_token"}, NULL},
};

struct kvt_chat_template {
    struct form form;
    char *default_system; /* what the template writes when there is no system message; NULL: nothing
                           */
    char *user_prefix, *generation; /* own copies of the kvt.chat keys */
    bool wants_bos;                 /* the template writes the BOS itself */
};

/*
 * Templates of the chatml family may bring a system message of their own: a literal between the
 * system header and <|im_end|>, in the quotes of the Jinja source.
 */
static char *chatml_default_system(const char *source)
{
    static const char header[] = "<|im_start|>system\\n";
    for (const char *at = source; (at = strstr(at, header)) != NULL;) {
        at += sizeof header - 1;
        size_t length = strcspn(at, "'\"{}\\<");
        if (length > 0 && strncmp(at + length, "<|im_end|>", 10) == 0)
            return kvt_strndup(at, length);
    }
    return NULL;
}

static const struct form *recognise(const char *source)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool fits = !rows[i].lacks || !strstr(source, rows[i].lacks);
        for (size_t j = 0; fits && j < 3 && rows[i].has[j]; j++)
            fits = strstr(source, rows[i].has[j]) != NULL;
        if (fits)
            return rows[i].form;
    }
    return NULL;
}

static void set_own_keys(struct kvt_chat_template *chat, const char *prefix, const char *generation)
{
    chat->form = plain;
    chat->form.name = "kvt";
    chat->user_prefix = kvt_strdup(prefix ? prefix : "");
    chat->generation = kvt_strdup(generation ? generation : "");
    chat->form.user[0] = chat->form.system[0] = chat->form.assistant[0] = chat->user_prefix;
    chat->form.generation = chat->generation;
}

struct kvt_chat_template *kvt_chat_from_gguf(const struct kvt_gguf *gguf, struct kvt_error *error)
{
    const char *prefix = kvt_gguf_string(gguf, "kvt.chat.user_prefix", NULL);
    const char *generation = kvt_gguf_string(gguf, "kvt.chat.generation_prompt", NULL);
    const char *source = kvt_gguf_string(gguf, "tokenizer.chat_template", NULL);
    struct kvt_chat_template *chat = kvt_alloc_zero(1, sizeof *chat);
    chat->wants_bos = source && strstr(source, "bos_token") != NULL;
    if (prefix || generation) {
        set_own_keys(chat, prefix, generation);
        return chat;
    }
    const struct form *form = source && *source ? recognise(source) : &plain;
    if (!form) {
        kvt_fail(
            error, KVT_DATA,
            "tokenizer.chat_template starts \"%.60s\" and is none of chatml, llama-3, llama-2, "
            "mistral, gemma, phi-3 and zephyr; ask a server for counts (model.chat_overhead) or "
            "add "
            "the keys kvt.chat.user_prefix and kvt.chat.generation_prompt to the file",
            source);
        free(chat);
        return NULL;
    }
    chat->form = *form;
    if (form == &chatml)
        chat->default_system = chatml_default_system(source);
    if (form == &llama_3_1)
        chat->default_system = kvt_strdup("");
    return chat;
}

void kvt_chat_free(struct kvt_chat_template *chat)
{
    if (!chat)
        return;
    free(chat->default_system);
    free(chat->user_prefix);
    free(chat->generation);
    free(chat);
}

const char *kvt_chat_name(const struct kvt_chat_template *chat)
{
    return chat->form.name;
}

/* A prompt under construction, and the places in it that matter. */
struct rendering {
    const struct kvt_chat_template *chat;
    struct kvt_buffer text;
    size_t context_end; /* byte after the first part of the last user message; 0 without parts */
    size_t header;      /* byte where the generation prompt starts */
    const struct kvt_chat_message *joint; /* a system message that waits for the first user text */
    bool any_user;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Appends the content between its two marks; returns where its first part ends in the prompt. */
static size_t put_content(struct rendering *rendering, const struct kvt_chat_message *message,
                          const char *const marks[2])
{
    size_t start = 0, end = message->length;
    if (rendering->chat->form.strip) {
        while (start < end && is_space(message->text[start]))
            start++;
        while (end > start && is_space(message->text[end - 1]))
            end--;
    }
    kvt_buffer_text(&rendering->text, marks[0]);
    const char *const *joint = rendering->chat->form.system_joint;
    if (rendering->joint && marks == rendering->chat->form.user) {
        kvt_buffer_text(&rendering->text, joint[0]);
        kvt_buffer_append(&rendering->text, rendering->joint->text, rendering->joint->length);
        kvt_buffer_text(&rendering->text, joint[1]);
        rendering->joint = NULL;
    }
    size_t first = message->context_length;
    first = first < start ? start : first > end ? end : first;
    size_t part_end = rendering->text.length + (first - start);
    kvt_buffer_append(&rendering->text, message->text + start, end - start);
    kvt_buffer_text(&rendering->text, marks[1]);
    return part_end;
}

static void put_user(struct rendering *rendering, const struct kvt_chat_message *message)
{
    const struct form *form = &rendering->chat->form;
    if (form->bos_each_turn && rendering->any_user)
        kvt_buffer_text(&rendering->text, "<s>");
    rendering->any_user = true;
    size_t part_end = put_content(rendering, message, form->user);
    rendering->context_end = message->context_length ? part_end : 0;
}

static int put_message(struct rendering *rendering, const struct kvt_chat_message *message,
                       bool last, struct kvt_error *error)
{
    const struct form *form = &rendering->chat->form;
    const char *role = message->role ? message->role : "";
    if (strcmp(role, "user") == 0) {
        put_user(rendering, message);
        /* [INST] templates close the user's turn with what asks for the answer. */
        if (!last && !form->system[0] && form->user[1][0] == '\0')
            kvt_buffer_text(&rendering->text, form->generation);
        return 0;
    }
    if (strcmp(role, "assistant") == 0) {
        put_content(rendering, message, form->assistant);
        return 0;
    }
    if (strcmp(role, "system") != 0)
        return kvt_fail(error, KVT_DATA,
                        "a message has the role \"%s\"; system, user and assistant are "
                        "the ones a chat template knows",
                        role);
    if (form->system[0])
        put_content(rendering, message, form->system);
    else if (form->system_joint[0])
        rendering->joint = message;
    else
        return kvt_fail(error, KVT_DATA, "the template \"%s\" takes no system message", form->name);
    return 0;
}

static int render(struct rendering *rendering, const struct kvt_chat_message *messages,
                  size_t count, struct kvt_error *error)
{
    const struct kvt_chat_template *chat = rendering->chat;
    bool own_system = count > 0 && messages[0].role && strcmp(messages[0].role, "system") == 0;
    if (chat->default_system && !own_system) {
        struct kvt_chat_message message = {
            .role = "system", .text = chat->default_system, .length = strlen(chat->default_system)};
        put_content(rendering, &message, chat->form.system);
    }
    for (size_t i = 0; i < count; i++)
        if (put_message(rendering, &messages[i], i + 1 == count, error) != 0)
            return -1;
    if (rendering->joint)
        return kvt_fail(error, KVT_DATA,
                        "the template \"%s\" puts the system message into the first user "
                        "message, and there is none after it",
                        chat->form.name);
    rendering->header = rendering->text.length;
    kvt_buffer_text(&rendering->text, chat->form.generation);
    return 0;
}

/* Tokens that end at or before a byte of the rendered text. */
static size_t tokens_until(const struct kvt_token_ids *ids, size_t byte)
{
    size_t low = 0, high = ids->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids->ends[middle] <= byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The BOS is written once, whether the tokenizer or the template asks for it. */
static void ensure_bos(const struct kvt_chat_template *chat, const struct kvt_tokenizer *tokenizer,
                       struct kvt_token_ids *ids)
{
    int32_t bos = kvt_tokenizer_bos(tokenizer);
    if (!chat->wants_bos || bos < 0 || (ids->count > 0 && ids->ids[0] == bos))
        return;
    size_t capacity = ids->count + 1;
    ids->ids = kvt_realloc_array(ids->ids, capacity, sizeof *ids->ids);
    ids->ends = kvt_realloc_array(ids->ends, capacity, sizeof *ids->ends);
    memmove(ids->ids + 1, ids->ids, ids->count * sizeof *ids->ids);
    memmove(ids->ends + 1, ids->ends, ids->count * sizeof *ids->ends);
    ids->ids[0] = bos;
    ids->ends[0] = 0;
    ids->capacity = ids->count = capacity;
}

int kvt_chat_encode(const struct kvt_chat_template *chat, const struct kvt_tokenizer *tokenizer,
                    const struct kvt_chat_message *messages, size_t n_messages,
                    struct kvt_chat_prompt *out, struct kvt_error *error)
{
    *out = (struct kvt_chat_prompt){0};
    struct rendering rendering = {.chat = chat};
    int status = render(&rendering, messages, n_messages, error);
    if (status == 0)
        status = kvt_tokenizer_encode(tokenizer, kvt_buffer_string(&rendering.text),
                                      rendering.text.length, KVT_ENCODE_SPECIAL | KVT_ENCODE_ENDS,
                                      &out->tokens, error);
    if (status == 0) {
        ensure_bos(chat, tokenizer, &out->tokens);
        out->question_end = tokens_until(&out->tokens, rendering.header);
        if (rendering.context_end)
            out->context_end = tokens_until(&out->tokens, rendering.context_end);
    } else {
        kvt_token_ids_free(&out->tokens);
    }
    kvt_buffer_free(&rendering.text);
    return status;
}

int64_t kvt_chat_count(const struct kvt_chat_template *chat, const struct kvt_tokenizer *tokenizer,
                       struct kvt_encoder *encoder, const struct kvt_chat_message *messages,
                       size_t n_messages, struct kvt_error *error)
{
    struct rendering rendering = {.chat = chat};
    int64_t count = -1;
    if (render(&rendering, messages, n_messages, error) == 0)
        count = kvt_encoder_count(encoder, kvt_buffer_string(&rendering.text),
                                  rendering.text.length, KVT_ENCODE_SPECIAL, error);
    bool writes_bos = chat->wants_bos && kvt_tokenizer_bos(tokenizer) >= 0;
    if (count >= 0 && writes_bos && !kvt_tokenizer_adds_bos(tokenizer) &&
        !kvt_tokenizer_starts_with_bos(tokenizer, kvt_buffer_string(&rendering.text),
                                       rendering.text.length))
        count++;
    kvt_buffer_free(&rendering.text);
    return count;
}
