/*
 * dataset/prompt.h: from a row to the prompt that is sent, and its length in tokens as the server
 * sees it.
 */
#ifndef KVT_DATASET_PROMPT_H
#define KVT_DATASET_PROMPT_H

#include "core/buffer.h"
#include "core/error.h"
#include "dataset/remote.h"
#include "dataset/row.h"
#include "dataset/template.h"
#include "token/chat.h"
#include "token/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kvt_api { KVT_API_BY_TASK, KVT_API_CHAT, KVT_API_COMPLETIONS };

/* What all prompts of a run have in common. Shared between threads; only `templates` changes. */
struct kvt_prompter {
    const struct kvt_tokenizer *tokenizer; /* NULL: `remote` is asked */
    struct kvt_remote *remote;
    const struct kvt_chat_template *chat; /* NULL: the tokenizer file has none */
    int64_t chat_overhead; /* tokens of the chat template, BOS included; -1: not given */
    struct kvt_templates *templates;
    const char *name; /* data set: the task of rows that name none */
    const char *task; /* dataset.task, or NULL */
    enum kvt_api api;
    bool two_parts;            /* content in two parts, context and question */
    int64_t max_prompt_tokens; /* 0: no limit */
    bool drop;                 /* longer prompts are dropped, not cut */
};

struct kvt_prompt {
    struct kvt_buffer text; /* user content, or the whole prompt of a completion */
    size_t context_end;     /* bytes of the first part; 0: one part */
    bool chat;
    const char *task; /* borrowed from the row or the prompter */
    const struct kvt_template *template;
    int64_t token_len;
    bool overlong;               /* longer than the limit: cut, or to be dropped */
    int64_t full_tokens;         /* of the prompt before it was cut, as the limit counts them */
    struct kvt_encoder *encoder; /* made when first needed */
};

/*
 * Builds the prompt (buffers are reused). With `count` false token_len is left alone unless the
 * prompt had to be cut. Returns 0, or -1 and *error: KVT_DATA for the row, KVT_USAGE for the
 * settings.
 */
int kvt_prompt_build(const struct kvt_prompter *prompter, const struct kvt_row *row, bool count,
                     struct kvt_prompt *prompt, struct kvt_error *error);
void kvt_prompt_free(struct kvt_prompt *prompt);

/* Appends the value of `messages` (an array) or of `prompt` (a string). */
void kvt_prompt_write(const struct kvt_prompt *prompt, struct kvt_buffer *out);

#endif
