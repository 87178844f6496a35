/*
 * http/record.h: `response` records. A record is a head, taken from the entry and the run as they
 * are now, and a tail, what was measured. The journal keeps whole records; when one is shown again
 * its tail is kept and its head made anew, because bins, answers and experiments change while an
 * answer stays.
 */
#ifndef KVT_HTTP_RECORD_H
#define KVT_HTTP_RECORD_H

#include "core/buffer.h"
#include "core/error.h"
#include "http/client.h"
#include "http/gauge.h"
#include "http/grid.h"
#include "http/proof.h"

#include <jansson.h>

/* An entry, reduced to what its responses carry. Release with kvt_entry_free. */
struct kvt_entry {
    char *entry_id;
    long long token_len; /* -1: unknown */
    char *place;         /* "entry_id":...,"bin_idx":...,"token_len":... */
    char *rest;          /* "answers":...,"cluster":...,"meta":... */
    char *line;          /* the entry line without context, messages and prompt */
    size_t line_length;
};

/* Reads one entry line. -1 when it has no entry_id. */
int kvt_entry_read(struct kvt_entry *entry, const char *line, size_t length,
                   struct kvt_error *error);
void kvt_entry_free(struct kvt_entry *entry);

struct kvt_record_settings {
    const json_t *kv_report; /* engine.kv_report */
    const json_t *geometry;  /* kv.geometry */
    double temperature;      /* NAN: not sent */
    enum kvt_evidence evidence;
    const struct kvt_gauge_reading *gauge; /* the gauge that is read, or NULL */
    const char *secret;                    /* the API key: wherever it appears it is replaced */
    bool nonce;                            /* prompts are a little longer than token_len */
};

/* Appends {"kind":"response",...,"meta":{...} without the closing brace. */
void kvt_record_head(struct kvt_buffer *out, const struct kvt_entry *entry,
                     const struct kvt_run *run, const char *request_id, long repeat);
/*
 * Appends ,"request":{...},"response":{...},"telemetry":{...},"error":...}. `probe` is the
 * forced-length request of --latency-probe, or NULL.
 */
void kvt_record_tail(struct kvt_buffer *out, struct kvt_exchange *exchange,
                     const struct kvt_entry *entry, const struct kvt_run *run,
                     const struct kvt_record_settings *settings, struct kvt_exchange *probe);
/*
 * Appends the tail of a journaled record, its `applied` judged again by what is known now. -1 when
 * the record has no tail.
 */
int kvt_record_replay(struct kvt_buffer *out, const struct kvt_buffer *journaled,
                      const struct kvt_run *run, enum kvt_evidence evidence,
                      struct kvt_error *error);
/* Does a journaled record hold a failure? */
bool kvt_record_failed(const struct kvt_buffer *journaled);

#endif
