/*
 * token/symbols.h: the first symbols of a piece, which merging starts from: its bytes, or its
 * characters with bytes for those that have no token, and the unknown token for what has neither.
 */
#ifndef KVT_TOKEN_SYMBOLS_H
#define KVT_TOKEN_SYMBOLS_H

#include "token/internal.h"

/* Sets the symbols of text[0..length); false when they are more than can be numbered. */
bool kvt_symbols_push(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                      struct kvt_merge_work *work);

/*
 * The ids of the symbols when there are no more than `most` and each has a token of its own, and
 * how many they are; else 0.
 */
size_t kvt_symbols_short(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         int32_t *ids, size_t most);

/* The symbols of a token's own key, behind those in `work`; a kvt_symbols_function. */
bool kvt_symbols_of_key(const void *tokenizer, const char *key, size_t length,
                        struct kvt_merge_work *work);

/* Bytes of the stretch at the start of the text whose every symbol is in the vocabulary. */
size_t kvt_symbols_known(const struct kvt_tokenizer *tokenizer, const char *text, size_t length);

/* Are there tokens for all of these bytes, each by itself? */
bool kvt_symbols_has_bytes(const struct kvt_tokenizer *tokenizer, const char *text, size_t length);

#endif
