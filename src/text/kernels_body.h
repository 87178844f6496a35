/*
 * text/kernels_body.h: all inner loops of scoring. Who includes this has chosen an instruction set
 * and defined
 *   KERNELS       the name of the table that is made
 *   KERNELS_NAME  what it is called
 */
#include "text/kernels.h"
#include "text/normalize_body.h"
#include "text/tokens_body.h"

const struct kvt_text_kernels KERNELS = {
    .name = KERNELS_NAME,
    .normalize_english = normalize_english,
    .tokens_start = tokens_start,
    .tokens_add = tokens_add,
    .tokens_count = tokens_count,
};
