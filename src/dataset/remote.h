/*
 * dataset/remote.h: token counts asked from a server's /tokenize, in the forms of vLLM (and
 * kvt-serve), llama.cpp and TGI. One request at a time.
 */
#ifndef KVT_DATASET_REMOTE_H
#define KVT_DATASET_REMOTE_H

#include "core/error.h"
#include "token/tokenizer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kvt_remote {
    char *url;   /* …/tokenize */
    char *shown; /* the same without secrets, for messages */
    char *model;
    const char *api_key; /* borrowed; NULL: none */
};

/* Is it an address, not a file? */
bool kvt_remote_is_url(const char *text);
struct kvt_remote *kvt_remote_new(const char *url, const char *model, const char *api_key);
void kvt_remote_free(struct kvt_remote *remote); /* NULL is fine */

/* Tokens of a text; with `special`, as the server adds BOS to a completion. `ids` may be NULL. -1
 * and *error (KVT_SYSTEM) when the server cannot be asked or its answer has none of the known
 * forms. */
int64_t kvt_remote_count(const struct kvt_remote *remote, const char *text, size_t length,
                         bool special, struct kvt_token_ids *ids, struct kvt_error *error);

/*
 * Tokens of the chat prompt of these messages, template included: by /tokenize where it takes
 * messages, else by /apply-template and /tokenize (llama.cpp), else by /chat_tokenize (TGI). 0 when
 * the server can do none of it.
 */
int64_t kvt_remote_count_chat(const struct kvt_remote *remote, const json_t *messages,
                              struct kvt_error *error);

#endif
