#include "text/pairing.h"

#include "core/memory.h"
#include "core/sha256.h"
#include "stream/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kvt_pairing_key(struct kvt_buffer *key, const char *id, const json_t *answers, double length)
{
    kvt_buffer_clear(key);
    if (id) {
        kvt_buffer_printf(key, "id: %s ", id);
    } else {
        kvt_buffer_text(key, "golds: ");
        kvt_json_write(key, answers);
        kvt_buffer_byte(key, ' ');
    }
    kvt_buffer_printf(key, "%.17g", length);
}

static void key_of(struct kvt_buffer *key, const struct kvt_prediction *prediction)
{
    kvt_pairing_key(key, prediction->id, prediction->answers, prediction->length);
}

/* Key -> [index of the first row, rows so far]. */
static json_t *seen_row(json_t *seen, const char *key, size_t index)
{
    json_t *entry = json_object_get(seen, key);
    if (!entry) {
        entry = json_pack("[I,I]", (json_int_t)index, (json_int_t)0);
        json_object_set_new(seen, key, entry);
    }
    return entry;
}

void kvt_pairing_number(struct kvt_pairing *pairing)
{
    json_t *seen = json_object();
    struct kvt_buffer key = {0};
    pairing->with_ids = true;
    for (size_t i = 0; i < pairing->count; i++) {
        struct kvt_paired *row = &pairing->rows[i];
        if (row->dropped)
            continue;
        key_of(&key, row->prediction);
        pairing->with_ids = pairing->with_ids && row->prediction->id;
        json_t *entry = seen_row(seen, key.data, i);
        row->first = (size_t)json_integer_value(json_array_get(entry, 0));
        row->occurrence = (size_t)json_integer_value(json_array_get(entry, 1));
        json_array_set_new(entry, 1, json_integer((json_int_t)row->occurrence + 1));
    }
    kvt_buffer_free(&key);
    json_decref(seen);
}

void kvt_pairing_identify(struct kvt_pairing *pairing, const char *dataset_id)
{
    kvt_pairing_number(pairing);
    struct kvt_buffer key = {0};
    for (size_t i = 0; i < pairing->count; i++) {
        struct kvt_paired *row = &pairing->rows[i];
        if (row->dropped || row->entry_id[0])
            continue;
        char hex[KVT_SHA256_HEX], number[32];
        struct kvt_sha256 hash;
        key_of(&key, row->prediction);
        snprintf(number, sizeof number, "%zu", row->occurrence);
        kvt_sha256_start(&hash);
        kvt_sha256_field(&hash, dataset_id);
        kvt_sha256_field(&hash, key.data);
        kvt_sha256_field(&hash, number);
        kvt_sha256_hex(&hash, hex);
        memcpy(row->entry_id, hex, KVT_ENTRY_ID_SIZE - 1);
    }
    kvt_buffer_free(&key);
}

static bool same_text(const struct kvt_pairing *pairing, const struct kvt_paired *row)
{
    const char *a = row->prediction->text, *b = pairing->rows[row->first].prediction->text;
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

struct kvt_repeats kvt_pairing_repeats(const struct kvt_pairing *pairing, size_t n_questions)
{
    struct kvt_repeats repeats = {0};
    size_t kept = 0;
    for (size_t i = 0; i < pairing->count; i++) {
        const struct kvt_paired *row = &pairing->rows[i];
        if (row->dropped)
            continue;
        kept++;
        repeats.rows += row->occurrence > 0;
        repeats.same_text += row->occurrence > 0 && same_text(pairing, row);
    }
    size_t excess = kept > n_questions ? kept - n_questions : 0;
    if (pairing->with_ids)
        repeats.certain = repeats.rows;
    else if (n_questions == 0)
        repeats.certain = repeats.same_text;
    else
        repeats.certain = excess < repeats.rows ? excess : repeats.rows;
    return repeats;
}

void kvt_pairing_mark(struct kvt_pairing *pairing, size_t n_questions)
{
    size_t left = kvt_pairing_repeats(pairing, n_questions).certain;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < pairing->count && left > 0; i++) {
            struct kvt_paired *row = &pairing->rows[i];
            if (row->dropped || row->repeated || row->occurrence == 0 ||
                (pass == 0 && !same_text(pairing, row)))
                continue;
            row->repeated = true;
            left--;
        }
}

void kvt_pairing_dedupe(struct kvt_pairing *pairing)
{
    for (size_t i = 0; i < pairing->count; i++)
        pairing->rows[i].dropped = pairing->rows[i].dropped || pairing->rows[i].repeated;
}

size_t kvt_pairing_kept(const struct kvt_pairing *pairing)
{
    size_t kept = 0;
    for (size_t i = 0; i < pairing->count; i++)
        kept += !pairing->rows[i].dropped;
    return kept;
}

void kvt_pairing_share_classes(struct kvt_pairing *pairing)
{
    json_t *last = NULL;
    for (size_t i = pairing->count; i-- > 0;) {
        struct kvt_prediction *row = pairing->rows[i].prediction;
        if (i + 1 == pairing->count || row->source != pairing->rows[i + 1].prediction->source)
            last = row->all_classes;
        if (row->all_classes == last)
            continue;
        json_decref(row->all_classes);
        row->all_classes = json_incref(last);
    }
}

void kvt_pairing_free(struct kvt_pairing *pairing)
{
    free(pairing->rows);
    *pairing = (struct kvt_pairing){0};
}
