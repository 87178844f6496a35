#include "http/window.h"

#include "core/memory.h"
#include "stream/contract.h"
#include "stream/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROBE_TOKENS = 64 };

struct kvt_slot {
    struct kvt_slot *next_answered;
    struct kvt_item *item;
    const struct kvt_run *run;
    size_t run_index;
    long repeat;
    struct kvt_exchange exchange;
    struct kvt_exchange *probe; /* --latency-probe: asked after the exchange, NULL: not */
    struct kvt_buffer record;
    bool answered; /* the exchange has ended */
    bool noted;    /* all has ended; the record is due */
    bool ready;
    bool missing;        /* --offline, and not in the journal */
    bool left_out;       /* the run asks a sample of the entries, without this one */
    uint64_t written_to; /* end of the record in the journal; it is shown once that is synced */
};

struct kvt_item {
    struct kvt_item *next;
    struct kvt_window *window;
    char kind[KVT_KIND_SIZE];
    char *line; /* emitted first */
    size_t length;
    uint64_t written_to;
    bool line_emitted;
    bool is_entry;
    struct kvt_entry entry;
    struct kvt_slot *slots; /* in output order */
    size_t n_slots, n_emitted;
};

void kvt_window_open(struct kvt_window *window)
{
    kvt_tally_open(&window->tally, window->grid->n_runs);
}

static void append(struct kvt_window *window, struct kvt_item *item)
{
    item->window = window;
    if (window->last)
        window->last->next = item;
    else
        window->first = item;
    window->last = item;
}

static void queue_text(struct kvt_window *window, const char *kind, char *text, size_t length,
                       uint64_t written_to)
{
    struct kvt_item *item = kvt_alloc_zero(1, sizeof *item);
    snprintf(item->kind, sizeof item->kind, "%s", kind);
    item->line = text;
    item->length = length;
    item->written_to = written_to;
    append(window, item);
}

void kvt_window_line(struct kvt_window *window, const struct kvt_line *line)
{
    queue_text(window, line->kind, kvt_strndup(line->data, line->length), line->length, 0);
}

int kvt_window_runs(struct kvt_window *window, const char *preflight, struct kvt_error *error)
{
    if (preflight)
        queue_text(window, "preflight", kvt_strdup(preflight), strlen(preflight), 0);
    for (size_t i = 0; i < window->grid->n_runs; i++) {
        const struct kvt_run *run = &window->grid->runs[i];
        struct kvt_buffer record = {0};
        uint64_t written_to = 0;
        int found = kvt_journal_find(window->journal, "run", run->run_id, &record, error);
        if (found == 0) {
            kvt_grid_run_record(window->grid, run, window->created, &record);
            if (window->client) /* --offline writes nothing */
                kvt_journal_append(window->journal, "run", run->run_id, &record);
            written_to = window->journal->size;
            window->unsynced = true;
        }
        if (found < 0) {
            kvt_buffer_free(&record);
            return -1;
        }
        size_t length = record.length;
        queue_text(window, "run", kvt_buffer_take(&record), length, written_to);
    }
    return 0;
}

/* --- an answer came --- */

/* Writes the record, once all that it tells of is known. */
static void complete(struct kvt_slot *slot)
{
    struct kvt_item *item = slot->item;
    struct kvt_window *window = item->window;
    struct kvt_exchange *exchange = &slot->exchange;
    const char *id = exchange->request.request_id;
    kvt_record_head(&slot->record, &item->entry, slot->run, id, slot->repeat);
    kvt_record_tail(&slot->record, exchange, &item->entry, slot->run, &window->record, slot->probe);
    kvt_journal_append(window->journal, "response", id, &slot->record);
    slot->written_to = window->journal->size;
    slot->ready = true;
    window->unsynced = true;
    window->tally.asked++;
    kvt_tally_record(&window->tally, slot->run_index, &slot->record);
    kvt_exchange_free(exchange); /* the body and the answer are no longer needed */
    *exchange = (struct kvt_exchange){0};
}

/*
 * Writing a record takes a tenth of a millisecond; in a callback of the network it would delay the
 * time of every token that arrives meanwhile. So answers are only noted here.
 */
static void note_answered(struct kvt_slot *slot)
{
    struct kvt_window *window = slot->item->window;
    slot->noted = true;
    slot->next_answered = NULL;
    if (window->answered_last)
        window->answered_last->next_answered = slot;
    else
        window->answered_first = slot;
    window->answered_last = slot;
}

static bool complete_next(struct kvt_window *window)
{
    struct kvt_slot *slot = window->answered_first;
    if (!slot)
        return false;
    window->answered_first = slot->next_answered;
    if (!window->answered_first)
        window->answered_last = NULL;
    complete(slot);
    return true;
}

static void on_probe_done(struct kvt_exchange *probe, void *context)
{
    (void)probe;
    note_answered(context);
}

static void on_done(struct kvt_exchange *exchange, void *context)
{
    struct kvt_slot *slot = context;
    slot->answered = true;
    if (slot->probe && !exchange->failure.type)
        kvt_client_submit_next(slot->item->window->client, slot->probe);
    else
        note_answered(slot);
}

/* --- an entry comes in --- */

/* Takes a slot's record from the journal. 1 taken, 0 to be asked, -1 the journal is unusable. */
static int replay(struct kvt_window *window, struct kvt_slot *slot, struct kvt_buffer *held,
                  struct kvt_error *error)
{
    const char *id = slot->exchange.request.request_id;
    int found = kvt_journal_find(window->journal, "response", id, held, error);
    if (found <= 0)
        return found;
    if (window->retry_failed && window->client && kvt_record_failed(held))
        return 0;
    kvt_record_head(&slot->record, &slot->item->entry, slot->run, id, slot->repeat);
    if (kvt_record_replay(&slot->record, held, slot->run, window->record.evidence, error) != 0)
        return kvt_fail(error, KVT_DATA,
                        "%s: the response %.16s... has no request or no telemetry.kv, so another "
                        "version wrote it: remove that line, and it is asked again",
                        window->journal->path, id);
    slot->ready = true;
    window->tally.replayed++;
    kvt_tally_record(&window->tally, slot->run_index, &slot->record);
    kvt_exchange_free(&slot->exchange);
    return 1;
}

static void free_item(struct kvt_item *item)
{
    for (size_t i = 0; i < item->n_slots; i++) {
        kvt_exchange_free(&item->slots[i].exchange);
        if (item->slots[i].probe)
            kvt_exchange_free(item->slots[i].probe);
        free(item->slots[i].probe);
        kvt_buffer_free(&item->slots[i].record);
    }
    free(item->slots);
    kvt_entry_free(&item->entry);
    free(item->line);
    free(item);
}

/*
 * The same request with a fixed answer length: abstentions are short and look fast, so latency over
 * budgets is compared on answers of equal length.
 */
static int make_probe(struct kvt_window *window, struct kvt_slot *slot, const json_t *entry,
                      struct kvt_error *error)
{
    json_t *add = json_object();
    json_object_set_new(add, window->request.max_tokens_field, json_integer(PROBE_TOKENS));
    json_object_set_new(add, "ignore_eos", json_true());
    slot->probe = kvt_alloc_zero(1, sizeof *slot->probe);
    slot->probe->endpoint = slot->run->endpoint;
    slot->probe->done = on_probe_done;
    slot->probe->context = slot;
    int status = kvt_query_build(&slot->probe->request, &window->request, window->grid, slot->run,
                                 entry, slot->repeat, add, error);
    json_decref(add);
    return status;
}

/* Builds all requests of an entry, so that a mistake in it shows before anything is sent. */
static int make_slots(struct kvt_window *window, struct kvt_item *item, const json_t *entry,
                      struct kvt_error *error)
{
    const struct kvt_grid *grid = window->grid;
    long long rank = kvt_json_integer(entry, "rank", (long long)window->n_read);
    bool probed = rank < window->latency_probe;
    item->n_slots = grid->n_runs * (size_t)grid->repeats;
    item->slots = kvt_alloc_zero(item->n_slots, sizeof *item->slots);
    for (size_t i = 0; i < item->n_slots; i++) {
        struct kvt_slot *slot = &item->slots[i];
        slot->item = item;
        slot->run_index = i / (size_t)grid->repeats;
        slot->run = &grid->runs[slot->run_index];
        slot->repeat = (long)(i % (size_t)grid->repeats);
        slot->left_out = slot->run->sample && rank >= slot->run->sample;
        if (slot->left_out) {
            slot->ready = true;
            continue;
        }
        slot->exchange.endpoint = slot->run->endpoint;
        slot->exchange.done = on_done;
        slot->exchange.context = slot;
        if (kvt_query_build(&slot->exchange.request, &window->request, grid, slot->run, entry,
                            slot->repeat, NULL, error) != 0)
            return -1;
        if (probed && make_probe(window, slot, entry, error) != 0)
            return -1;
    }
    return 0;
}

/* Replays or submits every slot, in the entry's seeded order. */
static int dispatch(struct kvt_window *window, struct kvt_item *item, struct kvt_error *error)
{
    size_t *order = kvt_alloc_array(item->n_slots, sizeof *order);
    struct kvt_buffer held = {0};
    int status = 0;
    kvt_grid_order(window->grid, item->entry.entry_id, order);
    for (size_t i = 0; i < item->n_slots && status == 0; i++) {
        struct kvt_slot *slot = &item->slots[order[i]];
        if (slot->left_out)
            continue;
        int taken = replay(window, slot, &held, error);
        if (taken < 0) {
            status = -1;
        } else if (taken == 0 && window->client) {
            kvt_client_submit(window->client, &slot->exchange);
        } else if (taken == 0) {
            slot->ready = slot->missing = true;
            window->tally.missing++;
        }
    }
    kvt_buffer_free(&held);
    free(order);
    return status;
}

int kvt_window_entry(struct kvt_window *window, const struct kvt_line *line,
                     struct kvt_error *error)
{
    json_t *entry = kvt_json_parse(line->data, line->length, NULL, error);
    if (!entry)
        return -1;
    /* its members go into the responses, which nobody could use when they are of another type */
    if (kvt_contract_types(entry, "entry", error) != 0) {
        json_decref(entry);
        return -1;
    }
    struct kvt_item *item = kvt_alloc_zero(1, sizeof *item);
    memcpy(item->kind, line->kind, sizeof item->kind);
    item->is_entry = true;
    if (kvt_entry_read(&item->entry, line->data, line->length, error) != 0 ||
        make_slots(window, item, entry, error) != 0) {
        error->code = KVT_DATA;
        free_item(item);
        json_decref(entry);
        return -1;
    }
    json_decref(entry);
    append(window, item);
    window->n_entries++;
    window->n_read++;
    if (dispatch(window, item, error) == 0)
        return 0;
    if (error->code == KVT_DATA) /* the journal, not the line, is bad */
        error->code = KVT_SYSTEM;
    return -1;
}

bool kvt_window_full(const struct kvt_window *window)
{
    return window->n_entries >= window->capacity;
}

bool kvt_window_empty(const struct kvt_window *window)
{
    return window->first == NULL;
}

/* --- records leave --- */

/* Emits what may be emitted of the first item; true when all of it is out. */
static bool emit_item(struct kvt_window *window, struct kvt_item *item)
{
    uint64_t synced = kvt_journal_synced(window->journal);
    if (!item->line_emitted) {
        if (item->written_to > synced)
            return false;
        const char *line = item->is_entry ? item->entry.line : item->line;
        kvt_stage_emit(window->stage, item->kind, line,
                       item->is_entry ? item->entry.line_length : item->length);
        item->line_emitted = true;
    }
    while (item->n_emitted < item->n_slots) {
        struct kvt_slot *slot = &item->slots[item->n_emitted];
        if (!slot->ready || slot->written_to > synced)
            return false;
        if (!slot->missing && !slot->left_out)
            kvt_stage_emit_buffer(window->stage, "response", &slot->record);
        kvt_buffer_free(&slot->record);
        item->n_emitted++;
    }
    return true;
}

/* Starts a sync of what was written, and emits what is on disk. */
static int emit_ready(struct kvt_window *window, struct kvt_error *error)
{
    if (window->unsynced && kvt_journal_start_sync(window->journal, error) != 0)
        return -1;
    window->unsynced = false;
    /* What waits for a sync that has failed would wait for ever. */
    if (kvt_journal_check(window->journal, error) != 0)
        return -1;
    bool emitted = false;
    while (window->first && emit_item(window, window->first)) {
        struct kvt_item *item = window->first;
        window->first = item->next;
        if (!window->first)
            window->last = NULL;
        if (item->is_entry)
            window->n_entries--;
        free_item(item);
        emitted = true;
    }
    if (emitted) /* the next stage of a pipe sees records as they come */
        kvt_stage_flush(window->stage);
    return 0;
}

int kvt_window_flush(struct kvt_window *window, struct kvt_error *error)
{
    while (complete_next(window))
        if (window->answered_first && kvt_client_flying(window->client) > 0 &&
            kvt_client_step(window->client, 0, -1, error) != 0)
            return -1;
    return emit_ready(window, error);
}

int kvt_window_finish(struct kvt_window *window, struct kvt_error *error)
{
    while (complete_next(window))
        continue;
    for (struct kvt_item *item = window->first; item; item = item->next)
        for (size_t i = 0; i < item->n_slots; i++)
            if (item->slots[i].answered && !item->slots[i].noted)
                complete(&item->slots[i]);
    if (window->journal && kvt_journal_sync(window->journal, error) != 0)
        return -1;
    return window->journal ? emit_ready(window, error) : 0;
}

void kvt_window_close(struct kvt_window *window)
{
    while (window->first) {
        struct kvt_item *item = window->first;
        window->first = item->next;
        free_item(item);
    }
    kvt_tally_close(&window->tally);
    window->first = window->last = NULL;
}
