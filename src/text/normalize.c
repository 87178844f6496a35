#include "text/normalize.h"

#include "text/kernels.h"

size_t kvt_normalize_english(struct kvt_buffer *out, const char *text, size_t length)
{
    return kvt_text_kernels()->normalize_english(out, text, length, length);
}

size_t kvt_normalize_english_within(struct kvt_buffer *out, const char *text, size_t length,
                                    size_t readable)
{
    return kvt_text_kernels()->normalize_english(out, text, length, readable);
}
