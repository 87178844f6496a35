/* text/unicode_table.h: character data, as written by scripts/unicode-table. All from U+0080 up. */
#ifndef KVT_TEXT_UNICODE_TABLE_H
#define KVT_TEXT_UNICODE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct kvt_range {
    uint32_t first, last;
};

/* first, first + stride, ... last: each becomes itself + delta. */
struct kvt_lower_range {
    uint32_t first, last, stride;
    int32_t delta;
};

struct kvt_lower_text {
    uint32_t code_point;
    const char *text; /* UTF-8 */
};

/* Sorted, not overlapping. */
extern const struct kvt_range kvt_text_table_space[];     /* str.isspace */
extern const struct kvt_range kvt_text_table_digit[];     /* \d: decimal digits */
extern const struct kvt_range kvt_text_table_word[];      /* \w */
extern const struct kvt_range kvt_text_table_ignorable[]; /* Case_Ignorable */
extern const struct kvt_range kvt_text_table_cased[];     /* Cased, and not Case_Ignorable */
extern const struct kvt_lower_range kvt_text_table_lower[];
extern const struct kvt_lower_text kvt_text_table_lower_text[];
extern const size_t kvt_text_table_space_count, kvt_text_table_digit_count,
    kvt_text_table_word_count, kvt_text_table_ignorable_count, kvt_text_table_cased_count,
    kvt_text_table_lower_count, kvt_text_table_lower_text_count;

#endif
