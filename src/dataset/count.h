/* dataset/count.h: kvt-bin --count: texts in, token counts or ids out, a line at a time. */
#ifndef KVT_DATASET_COUNT_H
#define KVT_DATASET_COUNT_H

#include "core/buffer.h"
#include "core/option.h"
#include "dataset/remote.h"
#include "token/tokenizer.h"

struct kvt_count_options {
    const char *field;    /* member that holds the text */
    bool ids;             /* write ids, not their number */
    unsigned flags;       /* of kvt_tokenizer_encode */
    const char *skip_bad; /* file for lines that cannot be counted; NULL: stop there */
};

/*
 * Reads the files, writes standard output; ends the process with a message when something is wrong.
 * Without a tokenizer, `remote` is asked.
 */
void kvt_count_run(const struct kvt_tokenizer *tokenizer, struct kvt_remote *remote,
                   const struct kvt_count_options *options, const struct kvt_arguments *arguments);

/*
 * Appends the text of a JSON string (with its quotes) to out: escapes decoded, U+0000 kept, lone
 * surrogates and invalid UTF-8 replaced by U+FFFD. Returns -1 when it is not a string.
 */
int kvt_count_unescape(struct kvt_buffer *out, const char *value, size_t length);

#endif
