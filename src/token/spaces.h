/*
 * token/spaces.h: SentencePiece's visible spaces: U+0020 is written U+2581, and one goes before a
 * part of the text where the tokenizer says so.
 */
#ifndef KVT_TOKEN_SPACES_H
#define KVT_TOKEN_SPACES_H

#include "token/internal.h"

/* A text so written, reused from text to text; zero-initialise, release with kvt_spaces_free. */
struct kvt_spaces {
    struct kvt_buffer text;
    size_t *origins; /* by byte of it: how many bytes of the raw text are covered after that byte */
    size_t origins_capacity;
};

/*
 * Writes text[0..length), which starts `base` bytes after the start of the raw text;
 * `with_origins`: and where its bytes come from.
 */
void kvt_spaces_show(struct kvt_spaces *spaces, const struct kvt_tokenizer *tokenizer,
                     const char *text, size_t length, size_t base, bool with_origins);
void kvt_spaces_free(struct kvt_spaces *spaces);

#endif
