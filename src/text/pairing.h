/*
 * text/pairing.h: which prediction of one run belongs to which of another. A published file has
 * seldom ids, and its rows may be repeated or shifted, so a row is known by its id, or else by its
 * golds and length, and by order among rows that are equal in those.
 */
#ifndef KVT_TEXT_PAIRING_H
#define KVT_TEXT_PAIRING_H

#include "core/buffer.h"
#include "text/prediction.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { KVT_ENTRY_ID_SIZE = 17 };

/* One row of a run (a group of rows with the same task, policy and budget). */
struct kvt_paired {
    struct kvt_prediction *prediction;
    size_t occurrence; /* 0, or how many rows before it have the same key */
    size_t first;      /* index of the first row with its key */
    bool repeated;     /* marked as one that came twice */
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

/*
 * Writes what a row is known by into the buffer, in place of what it holds: "id: ID LENGTH", or
 * without an id (NULL) "golds: JSON LENGTH". LENGTH may be NaN.
 */
void kvt_pairing_key(struct kvt_buffer *key, const char *id, const json_t *answers, double length);

/* Sets occurrence and first of each row, and with_ids. Dropped rows do not count. */
void kvt_pairing_number(struct kvt_pairing *pairing);
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
/* Marks as many repeated rows as are certain, rows with the same text first. Once. */
void kvt_pairing_mark(struct kvt_pairing *pairing, size_t n_questions);
/* Drops the marked rows. */
void kvt_pairing_dedupe(struct kvt_pairing *pairing);

/* How many rows are not dropped. */
size_t kvt_pairing_kept(const struct kvt_pairing *pairing);

/*
 * Gives all rows of a file the classes of its last one, or none if that has none, as the
 * benchmark's own scorer takes them.
 */
void kvt_pairing_share_classes(struct kvt_pairing *pairing);

void kvt_pairing_free(struct kvt_pairing *pairing);

#endif
