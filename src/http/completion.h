/*
 * http/completion.h: one answer, folded from stream chunks or read from one JSON document. Pure:
 * the caller supplies the bytes and the time each piece arrived.
 *
 * Text is taken from choice 0 only. `content` may be a string, null or an array of parts; reasoning
 * comes as `reasoning` or `reasoning_content`. Usage and timings are taken wherever they are sent;
 * the last ones count. All times are absolute, on the caller's monotonic clock; 0 means "not seen".
 */
#ifndef KVT_HTTP_COMPLETION_H
#define KVT_HTTP_COMPLETION_H

#include "core/buffer.h"
#include "http/failure.h"
#include "stream/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise; release with kvt_completion_free. */
struct kvt_completion {
    struct kvt_buffer text;
    struct kvt_buffer reasoning;
    char *finish_reason; /* raw; NULL until one was seen */
    json_t *final;       /* last value of each top-level member but those of the answer itself */
    bool done;           /* [DONE] was seen */
    bool streamed;       /* at least one event */
    bool answered;       /* some choice was seen */
    size_t n_events;
    size_t n_content; /* events that carried answer text or reasoning */
    double first_event, first_reasoning, first_content, last_content;
    float *gaps; /* seconds between consecutive content events */
    size_t n_gaps, gaps_capacity;
    double *logprobs; /* of the tokens of the answer, where they were asked for */
    size_t n_logprobs, logprobs_capacity;
    struct kvt_failure
        failure; /* an error the server put into the stream, or an unreadable event */
};

/* One event of a stream; `now` is when its bytes arrived. */
void kvt_completion_event(struct kvt_completion *completion, const char *name, const char *data,
                          size_t length, double now);
/* The same for an event that the end of the stream cut short: it counts only if it is whole. */
void kvt_completion_last_event(struct kvt_completion *completion, const char *name,
                               const char *data, size_t length, double now);
/* A whole JSON answer. */
void kvt_completion_document(struct kvt_completion *completion, const char *text, size_t length,
                             double now);
/* No more comes. Sets failure to STREAM_CUT when a stream ended without a finish_reason. */
void kvt_completion_end(struct kvt_completion *completion);
void kvt_completion_free(struct kvt_completion *completion);

/* Quantile of the gaps, linear between ranks (numpy's default); NAN without gaps. Sorts them. */
double kvt_completion_gap(struct kvt_completion *completion, double quantile);

/* Numbers of the answer from wherever servers put them; -1 when unknown. */
long long kvt_completion_prompt_tokens(const struct kvt_completion *completion);
long long kvt_completion_tokens(const struct kvt_completion *completion);
long long kvt_completion_cached_tokens(const struct kvt_completion *completion);

/* Durations by the server's own clock, seconds; NAN when it reports none. */
struct kvt_phases {
    double prefill_s, decode_s;
    const char *source; /* "timings" (llama.cpp's form), "metrics" (vLLM's), or NULL */
};
struct kvt_phases kvt_completion_phases(const struct kvt_completion *completion);

#endif
