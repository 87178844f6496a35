/*
 * dataset/ladder.h: the same question at several lengths. A marked row has `evidence` (the texts
 * that hold the answer) and `distractors` (texts that do not); each rung is a row whose context is
 * the evidence among the first distractors, as many as fit. Rungs are nested and the evidence keeps
 * its relative depth, so that length is not confounded with content.
 */
#ifndef KVT_DATASET_LADDER_H
#define KVT_DATASET_LADDER_H

#include "core/buffer.h"
#include "core/error.h"
#include "dataset/prompt.h"

#include <stddef.h>
#include <stdint.h>

struct kvt_ladder {
    const struct kvt_prompter *prompter;
    int64_t seed;     /* of the depth of rows that bring none */
    int64_t *lengths; /* tokens of the whole prompt on each rung, ascending */
    size_t count;
};

/* "256,512,1024"; -1 and *error (KVT_USAGE). Release with kvt_ladder_free. */
int kvt_ladder_parse(struct kvt_ladder *ladder, const char *text, struct kvt_error *error);
void kvt_ladder_free(struct kvt_ladder *ladder);

/* Called for each rung's row, a line without its newline. */
typedef void (*kvt_rung_function)(void *context, const struct kvt_buffer *line);

/* Builds the rungs of one marked row. Nothing is put out when it is bad: -1 and *error. */
int kvt_ladder_build(const struct kvt_ladder *ladder, const char *line, size_t length,
                     struct kvt_prompt *prompt, kvt_rung_function put, void *context,
                     struct kvt_error *error);

#endif
