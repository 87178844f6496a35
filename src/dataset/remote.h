/*
 * dataset/remote.h: token counts asked from a server's /tokenize, in the forms of vLLM (and
 * kvt-serve), llama.cpp and TGI. One request at a time. A server that says that it is loading its
 * model is asked again until it has (http/loading.h).
 */
#ifndef KVT_DATASET_REMOTE_H
#define KVT_DATASET_REMOTE_H

#include "core/error.h"
#include "http/loading.h"
#include "token/tokenizer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kvt_remote_options {
    const char *url;      /* …/tokenize */
    const char *model;    /* its name in requests */
    const char *api_key;  /* NULL or "": none; borrowed, must outlive the remote */
    double load_wait_s;   /* how long a server that loads its model is waited for; 0: not at all */
    double backoff_max_s; /* longest pause that it may ask for meanwhile */
};

struct kvt_remote {
    struct kvt_remote_options options; /* url and model are the remote's own */
    char *shown;                       /* the URL without secrets, for messages */
    struct kvt_loading loading;
};

/* Is it an address, not a file? */
bool kvt_remote_is_url(const char *text);
/* Release with kvt_remote_free. */
struct kvt_remote *kvt_remote_new(const struct kvt_remote_options *options);
void kvt_remote_free(struct kvt_remote *remote); /* NULL is fine */

/* Tokens of a text; with `special`, as the server adds BOS to a completion. `ids` may be NULL. -1
 * and *error (KVT_SYSTEM) when the server cannot be asked, is still loading its model after
 * load_wait_s, or its answer has none of the known forms. */
int64_t kvt_remote_count(struct kvt_remote *remote, const char *text, size_t length, bool special,
                         struct kvt_token_ids *ids, struct kvt_error *error);

/*
 * Tokens of the chat prompt of these messages, template included: by /tokenize where it takes
 * messages, else by /apply-template and /tokenize (llama.cpp), else by /chat_tokenize (TGI). 0 when
 * the server can do none of it.
 */
int64_t kvt_remote_count_chat(struct kvt_remote *remote, const json_t *messages,
                              struct kvt_error *error);

#endif
