#include "text/row_notes.h"

#include "core/error.h"

#include <jansson.h>
#include <string.h>

enum { SHOWN = 5 }; /* rows that a message names */

void kvt_row_notes_repeats(const struct kvt_pairing *pairing, struct kvt_buffer *out)
{
    size_t count = 0;
    bool marked = false;
    for (size_t i = 0; i < pairing->count; i++)
        marked = marked || pairing->rows[i].repeated;
    for (size_t i = 0; i < pairing->count; i++) {
        const struct kvt_paired *row = &pairing->rows[i];
        if (!(marked ? row->repeated : row->occurrence > 0) || ++count > SHOWN)
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
                "no repetition, as %s",
                source, repeats.rows, task, rows.data,
                known ? "there are not more rows than questions" : "their texts differ");
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

size_t kvt_row_notes_unpaired(const struct kvt_pairing *pairing, const struct kvt_pairing *other,
                              struct kvt_buffer *out)
{
    json_t *partners = json_object();
    for (size_t i = 0; i < other->count; i++)
        if (!other->rows[i].dropped)
            json_object_set_new(partners, other->rows[i].entry_id, json_true());
    size_t count = 0;
    for (size_t i = 0; i < pairing->count; i++) {
        const struct kvt_paired *row = &pairing->rows[i];
        if (row->dropped || row->occurrence > 0 || json_object_get(partners, row->entry_id) ||
            ++count > SHOWN)
            continue;
        const struct kvt_prediction *alone = row->prediction;
        kvt_buffer_printf(out, "%s%zu", count > 1 ? ", " : "row ", alone->row);
        if (strcmp(alone->source, pairing->rows[0].prediction->source) != 0)
            kvt_buffer_printf(out, " of %s", alone->source);
    }
    if (count > SHOWN)
        kvt_buffer_text(out, ", ...");
    json_decref(partners);
    return count;
}

void kvt_row_notes_partners(const struct kvt_pairing *pairing, const struct kvt_pairing *other)
{
    const char *source = pairing->rows[0].prediction->source;
    const char *others = other->rows[0].prediction->source;
    struct kvt_buffer rows = {0};
    size_t count = kvt_row_notes_unpaired(pairing, other, &rows);
    if (count > 0)
        kvt_say("%s: %zu rows without a partner in %s, by golds and length or id: %s", source,
                count, others, rows.data);
    kvt_buffer_clear(&rows);
    count = kvt_row_notes_unpaired(other, pairing, &rows);
    if (count > 0)
        kvt_say("%s: no partner for %zu rows of %s: %s", source, count, others, rows.data);
    kvt_buffer_free(&rows);
}
