#include "text/row_notes.h"

#include "core/error.h"

#include <string.h>

void kvt_row_notes_repeats(const struct kvt_pairing *pairing, struct kvt_buffer *out)
{
    enum { SHOWN = 5 };
    size_t count = 0;
    for (size_t i = 0; i < pairing->count; i++) {
        const struct kvt_paired *row = &pairing->rows[i];
        if (row->occurrence == 0 || ++count > SHOWN)
            continue;
        const struct kvt_prediction *again = row->prediction;
        const struct kvt_prediction *first = pairing->rows[row->first].prediction;
        const char *separator = count > 1 ? ", " : "";
        if (strcmp(again->source, first->source) == 0)
            kvt_buffer_printf(out, "%s%zu (as %zu)", separator, again->row, first->row);
        else
            kvt_buffer_printf(out, "%s%zu of %s (as %zu of %s)", separator, again->row,
                              again->source, first->row, first->source);
    }
    if (count > SHOWN)
        kvt_buffer_text(out, ", ...");
}

void kvt_row_notes_say(const struct kvt_pairing *pairing, const struct kvt_row_context *context)
{
    const char *task = context->task;
    size_t known = context->n_questions;
    if (context->questions && !pairing->rows[0].prediction->answers)
        return; /* a row without golds is like any other */
    struct kvt_repeats repeats = kvt_pairing_repeats(pairing, known);
    const char *source = pairing->rows[0].prediction->source;
    struct kvt_buffer rows = {0};
    kvt_row_notes_repeats(pairing, &rows);
    if (repeats.certain > 0)
        kvt_say("%s: %zu rows of %s, %zu repeated: row %s; %s", source, pairing->count, task,
                repeats.certain, rows.data,
                context->dedupe ? "dropped"
                                : "kept, as published means count them; --dedupe drops them");
    else if (repeats.rows > 0)
        kvt_say("%s: %zu rows of %s have the golds and length of an earlier one: row %s; they are "
                "no repetition, as there are not more rows than questions",
                source, repeats.rows, task, rows.data);
    if (known && pairing->count < known)
        kvt_say("%s: %zu rows of %s, which has %zu questions", source, pairing->count, task, known);
    if (!pairing->with_ids)
        kvt_say("%s: rows without ids: %s", source,
                context->questions
                    ? "joined with the questions by golds or order"
                    : "paired with other runs by golds and length, and by order where those "
                      "are equal");
    kvt_buffer_free(&rows);
}
