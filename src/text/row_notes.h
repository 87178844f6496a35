/*
 * text/row_notes.h: what there is to say of a run's rows before its numbers are believed.
 */
#ifndef KVT_TEXT_ROW_NOTES_H
#define KVT_TEXT_ROW_NOTES_H

#include "core/buffer.h"
#include "text/pairing.h"

#include <stdbool.h>
#include <stddef.h>

/* What is known of the rows beside themselves. */
struct kvt_row_context {
    const char *task;
    size_t n_questions; /* of the task; 0: unknown */
    bool questions;     /* the rows are joined with questions or a manifest */
    bool dedupe;        /* repeated rows are dropped next */
};

/* Says on stderr (kvt_say) which rows came twice, whether there are too few, and how rows without
 * ids find their entries. The rows are numbered and marked, and at least one. */
void kvt_row_notes_say(const struct kvt_pairing *pairing, const struct kvt_row_context *context);

/*
 * Says which rows have no partner in the other run, which is the one to compare with, and of which
 * of its rows there is none here. Rows that have an earlier one's key are passed over:
 * kvt_row_notes_say names them. Both runs have entry_ids.
 */
void kvt_row_notes_partners(const struct kvt_pairing *pairing, const struct kvt_pairing *other);

/* Appends the first marked rows, or if none is marked the first that have an earlier row's key:
 * "4 (as 1), 5 (as 2)", with the names of the files where they are of two. */
void kvt_row_notes_repeats(const struct kvt_pairing *pairing, struct kvt_buffer *out);

/* Appends the first rows of `pairing` without a partner in `other`: "row 3, 4", each with its file
 * where that is not the first row's. Returns how many there are. */
size_t kvt_row_notes_unpaired(const struct kvt_pairing *pairing, const struct kvt_pairing *other,
                              struct kvt_buffer *out);

#endif
