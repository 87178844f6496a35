/*
 * token/chat.h: chat messages to the token ids a server would see. A chat template is a Jinja
 * program; this is not a Jinja interpreter but a table of the templates in common use (recognised
 * by their markers), plus the `kvt.chat.user_prefix` / `kvt.chat.generation_prompt` keys a GGUF may
 * carry. A template that is not recognised is refused by name, never approximated.
 */
#ifndef KVT_TOKEN_CHAT_H
#define KVT_TOKEN_CHAT_H

#include "core/error.h"
#include "token/gguf.h"
#include "token/tokenizer.h"

struct kvt_chat_template; /* immutable, shareable between threads */

/* The template of a GGUF. A file without chat_template gives the "plain" one (content alone). */
struct kvt_chat_template *kvt_chat_from_gguf(const struct kvt_gguf *gguf, struct kvt_error *error);
void kvt_chat_free(struct kvt_chat_template *chat);
const char *kvt_chat_name(const struct kvt_chat_template *chat); /* "chatml", "llama-3", … */

struct kvt_chat_message {
    const char *role; /* system, user, assistant */
    const char *text; /* the parts of the content, joined */
    size_t length;
    size_t context_length; /* bytes of the first of two content parts; 0 when there is one part */
};

struct kvt_chat_prompt {
    struct kvt_token_ids tokens; /* BOS included where the model wants one */
    size_t context_end;  /* tokens wholly inside everything up to the end of the first part of the
                            last  user message; 0 when that message had one part */
    size_t question_end; /* tokens before the generation prompt (the assistant header) */
};

/* Returns 0, or -1 and *error. Release with kvt_token_ids_free(&out->tokens). */
int kvt_chat_encode(const struct kvt_chat_template *chat, const struct kvt_tokenizer *tokenizer,
                    const struct kvt_chat_message *messages, size_t n_messages,
                    struct kvt_chat_prompt *out, struct kvt_error *error);

/* The number of tokens kvt_chat_encode would make, or -1 and *error. Faster: places are not kept.
 */
int64_t kvt_chat_count(const struct kvt_chat_template *chat, const struct kvt_tokenizer *tokenizer,
                       struct kvt_encoder *encoder, const struct kvt_chat_message *messages,
                       size_t n_messages, struct kvt_error *error);

#endif
