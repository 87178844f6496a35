/*
 * engine/api_prompt.h: what a request says to the model, as tokens: messages through the chat
 * template, a text, or ids as they are. For the files api_*.
 *
 * Functions return 0, or -1 and *error (400, naming the field); what they made so far is the
 * caller's to free in either case.
 */
#ifndef KVT_ENGINE_API_PROMPT_H
#define KVT_ENGINE_API_PROMPT_H

#include "engine/api.h"

#include <jansson.h>

/* `list`: the member `messages`; a content is a string or text parts, which are joined. Of a
 * message of two parts the first is the context. */
int kvt_api_encode_chat(const struct kvt_service *service, const json_t *list,
                        struct kvt_chat_prompt *prompt, struct kvt_api_error *error);
/* `text`: a JSON string; `flags`: KVT_ENCODE_... */
int kvt_api_encode_text(const struct kvt_service *service, const json_t *text, unsigned flags,
                        struct kvt_token_ids *ids, struct kvt_api_error *error);
/* `prompt`: a string, a list of token ids, or a list that holds just one of these. */
int kvt_api_encode_prompt(const struct kvt_service *service, const json_t *prompt,
                          struct kvt_token_ids *ids, struct kvt_api_error *error);

#endif
