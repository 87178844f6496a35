/*
 * token/tokenizer.h: text to token ids, exactly as the model's own tokenizer does it. Loads a GGUF
 * vocabulary, a Hugging Face tokenizer.json or a tiktoken rank file; refuses by name what it cannot
 * do exactly. A tokenizer is immutable after loading and may be used from several threads, each
 * with its own struct kvt_token_ids.
 */
#ifndef KVT_TOKEN_TOKENIZER_H
#define KVT_TOKEN_TOKENIZER_H

#include "core/error.h"
#include "core/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_tokenizer;

struct kvt_token_ids {
    int32_t *ids;
    size_t *ends; /* ends[i]: bytes of the text covered after token i; NULL unless asked for */
    size_t count;
    size_t capacity;
};

enum {
    KVT_ENCODE_SPECIAL = 1,  /* add BOS (and what the template of the file adds) */
    KVT_ENCODE_ORDINARY = 2, /* special tokens inside the text are ordinary text */
    KVT_ENCODE_ENDS = 4,     /* fill ends[] */
};

/*
 * The kind of file is found by its content. Behind a file that does not say how text is split may
 * stand an @ and the name: of the encoding (rank files), of the pre-tokenizer (a GGUF without one).
 * NULL and *error on failure.
 */
struct kvt_tokenizer *kvt_tokenizer_load(const char *path, struct kvt_error *error);
void kvt_tokenizer_free(struct kvt_tokenizer *tokenizer); /* NULL is fine */
/* The file itself. */
const char *kvt_tokenizer_path(const struct kvt_tokenizer *tokenizer);

/* Appends to *out. Text may hold any bytes, U+0000 included. Returns 0, or -1 and *error. */
int kvt_tokenizer_encode(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                         unsigned flags, struct kvt_token_ids *out, struct kvt_error *error);
void kvt_token_ids_free(struct kvt_token_ids *ids);
/* The number of ids that encode would append, or -1. */
int64_t kvt_tokenizer_count(const struct kvt_tokenizer *tokenizer, const char *text, size_t length,
                            unsigned flags, struct kvt_error *error);

/*
 * The same with working memory and a cache that are kept from text to text: much faster for many
 * texts. One encoder for each thread; the tokenizer must outlive it.
 */
struct kvt_encoder;
struct kvt_encoder *kvt_encoder_new(const struct kvt_tokenizer *tokenizer);
void kvt_encoder_free(struct kvt_encoder *encoder); /* NULL is fine */
int kvt_encoder_encode(struct kvt_encoder *encoder, const char *text, size_t length, unsigned flags,
                       struct kvt_token_ids *out, struct kvt_error *error);
int64_t kvt_encoder_count(struct kvt_encoder *encoder, const char *text, size_t length,
                          unsigned flags, struct kvt_error *error);

int32_t kvt_tokenizer_size(const struct kvt_tokenizer *tokenizer);
int32_t kvt_tokenizer_bos(const struct kvt_tokenizer *tokenizer); /* -1 when there is none */
/* Is the first token of the text, as encode finds it, the BOS written out ("<s>")? */
bool kvt_tokenizer_starts_with_bos(const struct kvt_tokenizer *tokenizer, const char *text,
                                   size_t length);
bool kvt_tokenizer_adds_bos(const struct kvt_tokenizer *tokenizer);
/* Does decoding drop the space that encoding put before the text? */
bool kvt_tokenizer_prepends_space(const struct kvt_tokenizer *tokenizer);
bool kvt_tokenizer_ends(const struct kvt_tokenizer *tokenizer, int32_t id); /* EOS, EOT… */
bool kvt_tokenizer_is_control(const struct kvt_tokenizer *tokenizer, int32_t id);
/* The bytes a token stands for in output text (not necessarily whole UTF-8). Owned by the
 * tokenizer. Out-of-range ids and control tokens give length 0. */
const char *kvt_tokenizer_bytes(const struct kvt_tokenizer *tokenizer, int32_t id, size_t *length);
/* SHA-256 of the file it was loaded from. */
const char *kvt_tokenizer_sha256(const struct kvt_tokenizer *tokenizer);

#endif
