#include "dataset/prompt.h"

#include "core/utf8.h"
#include "dataset/task.h"
#include "stream/json.h"

#include <string.h>

/* qasper_e is qasper. */
static bool same_task(const char *a, const char *b)
{
    const struct kvt_task *task = kvt_task_find(a);
    return strcmp(a, b) == 0 || (task && task == kvt_task_find(b));
}

static int choose_task(const struct kvt_prompter *prompter, const struct kvt_row *row,
                       struct kvt_prompt *prompt, struct kvt_error *error)
{
    if (prompter->task && *row->task && !same_task(prompter->task, row->task))
        return kvt_fail(error, KVT_DATA, "row %s is of task %s, but dataset.task is %s", row->id,
                        row->task, prompter->task);
    prompt->task = prompter->task ? prompter->task : *row->task ? row->task : prompter->name;
    const struct kvt_task *known = kvt_task_find(prompt->task);
    prompt->chat = prompter->api == KVT_API_CHAT ||
                   (prompter->api == KVT_API_BY_TASK && (!known || known->chat));
    return 0;
}

static int set_parts(const struct kvt_prompter *prompter, const struct kvt_row *row,
                     const struct kvt_rendered *rendered, struct kvt_prompt *prompt,
                     struct kvt_error *error)
{
    prompt->context_end = 0;
    if (!prompter->two_parts)
        return 0;
    if (!prompt->chat)
        return kvt_fail(error, KVT_USAGE,
                        "kv.compress_after=context needs chat messages, and task %s goes to "
                        "/v1/completions; set engine.api to chat or kv.compress_after to question",
                        prompt->task);
    if (rendered->input_before)
        return kvt_fail(error, KVT_USAGE,
                        "kv.compress_after=context needs the question after the context; set "
                        "dataset.question to last");
    if (rendered->context_end == 0)
        return kvt_fail(error, KVT_DATA,
                        "row %s has no context to compress: its context is empty and stands first "
                        "in the prompt, and kv.compress_after is context",
                        row->id);
    prompt->context_end = rendered->context_end;
    return 0;
}

/*
 * The text of ids[0..n): bytes of the tokens, control tokens left out. A SentencePiece-style
 * vocabulary decodes its first visible space to nothing.
 */
static size_t decode(const struct kvt_tokenizer *tokenizer, const int32_t *ids, size_t n,
                     struct kvt_buffer *out)
{
    struct kvt_buffer bytes = {0};
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *text = kvt_tokenizer_bytes(tokenizer, ids[i], &length);
        kvt_buffer_append(&bytes, text, length);
    }
    size_t start =
        bytes.length > 0 && bytes.data[0] == ' ' && kvt_tokenizer_prepends_space(tokenizer);
    size_t before = out->length;
    kvt_utf8_repair(out, kvt_buffer_string(&bytes) + start, bytes.length - start);
    kvt_buffer_free(&bytes);
    return out->length - before;
}

/* LongBench's own cut: the first half and the last half of the tokens, joined without a separator.
 */
static int cut_middle(const struct kvt_prompter *prompter, const struct kvt_token_ids *ids,
                      struct kvt_prompt *prompt, struct kvt_error *error)
{
    size_t half = (size_t)prompter->max_prompt_tokens / 2;
    size_t after = prompt->text.length - prompt->context_end; /* bytes of the second part */
    struct kvt_buffer cut = {0};
    decode(prompter->tokenizer, ids->ids, half, &cut);
    size_t tail = decode(prompter->tokenizer, ids->ids + ids->count - half, half, &cut);
    int status = 0;
    if (prompt->context_end && after > tail)
        status = kvt_fail(error, KVT_DATA,
                          "dataset.max_prompt_tokens cuts into the question, so that it "
                          "has no context part left to compress");
    else if (prompt->context_end)
        prompt->context_end = cut.length - after;
    kvt_buffer_free(&prompt->text);
    prompt->text = cut;
    return status;
}

static int limit_remote(const struct kvt_prompter *prompter, struct kvt_prompt *prompt,
                        struct kvt_error *error)
{
    prompt->full_tokens = kvt_remote_count(prompter->remote, prompt->text.data, prompt->text.length,
                                           true, NULL, error);
    if (prompt->full_tokens < 0)
        return -1;
    prompt->overlong = prompt->full_tokens > prompter->max_prompt_tokens;
    if (prompt->overlong && !prompter->drop)
        return kvt_fail(
            error, KVT_USAGE,
            "dataset.max_prompt_tokens cuts prompts, which needs the tokenizer's file; set "
            "dataset.overlong to drop, or give --tokenizer=FILE");
    return 0;
}

static int limit(const struct kvt_prompter *prompter, struct kvt_prompt *prompt,
                 struct kvt_error *error)
{
    prompt->overlong = false;
    prompt->full_tokens = 0;
    if (prompter->max_prompt_tokens <= 0)
        return 0;
    if (!prompter->tokenizer)
        return limit_remote(prompter, prompt, error);
    struct kvt_token_ids ids = {0};
    int status = kvt_encoder_encode(prompt->encoder, prompt->text.data, prompt->text.length,
                                    KVT_ENCODE_SPECIAL, &ids, error);
    prompt->full_tokens = (int64_t)ids.count;
    prompt->overlong = status == 0 && prompt->full_tokens > prompter->max_prompt_tokens;
    if (prompt->overlong && !prompter->drop)
        status = cut_middle(prompter, &ids, prompt, error);
    kvt_token_ids_free(&ids);
    return status;
}

static int64_t count_chat(const struct kvt_prompter *prompter, const struct kvt_prompt *prompt,
                          struct kvt_error *error)
{
    struct kvt_chat_message message = {.role = "user",
                                       .text = prompt->text.data,
                                       .length = prompt->text.length,
                                       .context_length = prompt->context_end};
    return kvt_chat_count(prompter->chat, prompter->tokenizer, prompt->encoder, &message, 1, error);
}

static int64_t count_remote(const struct kvt_prompter *prompter, const struct kvt_prompt *prompt,
                            struct kvt_error *error)
{
    struct kvt_remote *remote = prompter->remote;
    const char *text = prompt->text.data;
    size_t length = prompt->text.length;
    bool bare = prompt->chat && prompter->chat_overhead >= 0;
    if (prompt->chat && !bare) {
        struct kvt_buffer messages = {0};
        kvt_prompt_write(prompt, &messages);
        json_t *tree = kvt_json_parse(messages.data, messages.length, NULL, error);
        int64_t count = tree ? kvt_remote_count_chat(remote, tree, error) : -1;
        json_decref(tree);
        kvt_buffer_free(&messages);
        if (count != 0)
            return count;
    }
    int64_t count = kvt_remote_count(remote, text, length, !bare, NULL, error);
    return count < 0 ? -1 : count + (bare ? prompter->chat_overhead : 0);
}

/* Tokens of the whole prompt as the server sees it. */
static int64_t count_tokens(const struct kvt_prompter *prompter, const struct kvt_prompt *prompt,
                            struct kvt_error *error)
{
    const char *text = prompt->text.data;
    size_t length = prompt->text.length;
    if (!prompter->tokenizer)
        return count_remote(prompter, prompt, error);
    if (!prompt->chat)
        return kvt_encoder_count(prompt->encoder, text, length, KVT_ENCODE_SPECIAL, error);
    if (prompter->chat_overhead >= 0) {
        int64_t count = kvt_encoder_count(prompt->encoder, text, length, 0, error);
        return count < 0 ? -1 : count + prompter->chat_overhead;
    }
    if (prompter->chat)
        return count_chat(prompter, prompt, error);
    return kvt_encoder_count(prompt->encoder, text, length, KVT_ENCODE_SPECIAL, error);
}

int kvt_prompt_build(const struct kvt_prompter *prompter, const struct kvt_row *row, bool count,
                     struct kvt_prompt *prompt, struct kvt_error *error)
{
    struct kvt_rendered rendered;
    if (!prompt->encoder && prompter->tokenizer)
        prompt->encoder = kvt_encoder_new(prompter->tokenizer);
    if (choose_task(prompter, row, prompt, error) != 0)
        return -1;
    prompt->template = kvt_templates_find(prompter->templates, prompt->task, prompt->chat, error);
    if (!prompt->template)
        return -1;
    kvt_buffer_clear(&prompt->text);
    kvt_template_render(prompt->template, row->context, row->input, &prompt->text, &rendered);
    kvt_buffer_reserve(&prompt->text, 1);
    if (set_parts(prompter, row, &rendered, prompt, error) != 0 ||
        limit(prompter, prompt, error) != 0)
        return -1;
    if (!count && !prompt->overlong)
        return 0;
    prompt->token_len = count_tokens(prompter, prompt, error);
    return prompt->token_len < 0 ? -1 : 0;
}

void kvt_prompt_free(struct kvt_prompt *prompt)
{
    kvt_buffer_free(&prompt->text);
    kvt_encoder_free(prompt->encoder);
    prompt->encoder = NULL;
}

static void write_part(struct kvt_buffer *out, const char *text, size_t length)
{
    kvt_buffer_text(out, "{\"type\":\"text\",\"text\":");
    kvt_json_write_string(out, text, length);
    kvt_buffer_byte(out, '}');
}

void kvt_prompt_write(const struct kvt_prompt *prompt, struct kvt_buffer *out)
{
    const char *text = prompt->text.data;
    size_t length = prompt->text.length, first = prompt->context_end;
    if (!prompt->chat) {
        kvt_json_write_string(out, text, length);
        return;
    }
    kvt_buffer_text(out, "[{\"role\":\"user\",\"content\":");
    if (first) {
        kvt_buffer_byte(out, '[');
        write_part(out, text, first);
        kvt_buffer_byte(out, ',');
        write_part(out, text + first, length - first);
        kvt_buffer_byte(out, ']');
    } else {
        kvt_json_write_string(out, text, length);
    }
    kvt_buffer_text(out, "}]");
}
