/*
 * text/pairing.h: which prediction of one run belongs to which of another. A published file has
 * seldom ids, and its rows may be repeated or shifted, so a row is known by its id, or else by its
 * golds and length, and by order among rows that are equal in those.
 */
#ifndef KVT_TEXT_PAIRING_H
#define KVT_TEXT_PAIRING_H

#include "core/error.h"
#include "text/prediction.h"

#include <stdbool.h>
#include <stddef.h>

enum { KVT_ENTRY_ID_SIZE = 17 };

/* One row of a run (a group of rows with the same task, policy and budget). */
struct kvt_paired {
    struct kvt_prediction *prediction;
    size_t occurrence; /* 0, or how many rows before it have the same key */
    size_t first;      /* index of the first row with its key */
    bool dropped;
    char entry_id[KVT_ENTRY_ID_SIZE];
    long bin;      /* -1 until known */
    double tokens; /* of the entry of a manifest; NaN without one */
};

struct kvt_pairing {
    struct kvt_paired *rows;
    size_t count, capacity;
    bool with_ids; /* every row has one */
};

/* Sets occurrences, and entry_id = hash of dataset, key and occurrence. Dropped rows do not count.
 */
void kvt_pairing_identify(struct kvt_pairing *pairing, const char *dataset_id);

struct kvt_repeats {
    size_t rows;      /* rows whose key an earlier row has */
    size_t certain;   /* of those, how many cannot be questions of their own */
    size_t same_text; /* of those, how many have the same text too */
};

/*
 * Looks for rows that came twice, as a run that was started again leaves them. With ids a repeated
 * id is certain. Without, two questions can have the same golds and length: only rows beyond the
 * number the benchmark has (n_questions, 0: unknown) are certain; where that is not known, rows
 * with the same text.
 */
struct kvt_repeats kvt_pairing_repeats(const struct kvt_pairing *pairing, size_t n_questions);
/* Drops as many repeated rows as are certain, rows with the same text first. */
void kvt_pairing_dedupe(struct kvt_pairing *pairing, size_t n_questions);

void kvt_pairing_free(struct kvt_pairing *pairing);

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
