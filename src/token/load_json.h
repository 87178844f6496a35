/* token/load_json.h: the parts of a tokenizer.json around the model, as read by load_json.c. */
#ifndef KVT_TOKEN_LOAD_JSON_H
#define KVT_TOKEN_LOAD_JSON_H

#include "token/internal.h"

#include <jansson.h>

/* `normalizer`, `pre_tokenizer` and `post_processor`; NULL and null mean none. -1 and *error naming
 * what cannot be done exactly. */
int kvt_load_normalizer(struct kvt_tokenizer *tokenizer, const json_t *value,
                        struct kvt_error *error);
int kvt_load_pre(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);
/* After the vocabulary and the added tokens. */
int kvt_load_post(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);
/* After kvt_load_post: what the tokenizer_config.json beside the file at `path`, if there is one,
 * changes of the template. */
int kvt_load_config(struct kvt_tokenizer *tokenizer, const char *path, struct kvt_error *error);
int kvt_load_added(struct kvt_tokenizer *tokenizer, const json_t *value, struct kvt_error *error);

#endif
