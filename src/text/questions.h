/*
 * text/questions.h: question files, from which predictions take what they do not say: ids, golds,
 * lengths, and from a manifest their entries.
 */
#ifndef KVT_TEXT_QUESTIONS_H
#define KVT_TEXT_QUESTIONS_H

#include "core/error.h"
#include "text/pairing.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Questions, as LongBench rows or as the entries of a manifest (kvt-bin). */
struct kvt_questions {
    json_t **items; /* objects */
    size_t count, capacity;
    bool manifest; /* they are entries */
};

/* Takes question rows and entry lines from the file's text; other kinds are passed over. */
int kvt_questions_read(struct kvt_questions *questions, const char *data, size_t length,
                       const char *source, struct kvt_error *error);
/*
 * How many questions the rows, which were numbered, can have answered: those of the file if they
 * are joined with them by order, else the benchmark's; 0 where that is not known (LongBench-E and
 * unknown tasks).
 */
size_t kvt_questions_expected(const struct kvt_questions *questions,
                              const struct kvt_pairing *pairing, const char *task);
/*
 * Joins the rows with the questions, whose ids, golds, classes and lengths they take (of a manifest
 * also entry_id, bin and tokens; rows of questions that were not selected are dropped). By id where
 * the row has one; else with a manifest by golds and length, with question rows by order. Returns
 * -1 with *error, naming the first row whose golds are not those of its question, or when the
 * numbers differ.
 */
int kvt_questions_join(const struct kvt_questions *questions, struct kvt_pairing *pairing,
                       struct kvt_error *error);
void kvt_questions_free(struct kvt_questions *questions);

#endif
