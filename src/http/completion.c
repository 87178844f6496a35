#include "http/completion.h"

#include "core/memory.h"
#include "http/chunk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Members of a chunk that are the answer itself, or differ from chunk to chunk and say nothing. */
static bool is_envelope(const char *key)
{
    static const char *const names[] = {"id", "object", "created", "choices", NULL};
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], key) == 0)
            return true;
    return false;
}

static void fold_members(struct kvt_completion *completion, json_t *value)
{
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member)
    {
        if (is_envelope(key) || json_is_null(member))
            continue;
        if (!completion->final)
            completion->final = json_object();
        json_object_set(completion->final, key, member);
    }
}

/* Appends a string or the texts of an array of parts; returns the bytes appended. */
static size_t append_content(struct kvt_buffer *out, const json_t *content)
{
    size_t before = out->length;
    if (json_is_string(content)) {
        kvt_buffer_append(out, json_string_value(content), json_string_length(content));
    } else if (json_is_array(content)) {
        for (size_t i = 0; i < json_array_size(content); i++) {
            const json_t *part = json_array_get(content, i);
            const json_t *text = json_is_string(part) ? part : json_object_get(part, "text");
            if (json_is_string(text))
                kvt_buffer_append(out, json_string_value(text), json_string_length(text));
        }
    }
    return out->length - before;
}

/* Some reasoning or answer text came, in bytes. */
static void note_text(struct kvt_completion *completion, size_t thought, size_t said, double now)
{
    if (thought && completion->first_reasoning == 0)
        completion->first_reasoning = now;
    if (said && completion->first_content == 0)
        completion->first_content = now;
    if (!thought && !said)
        return;
    if (completion->n_content > 0) {
        kvt_grow(&completion->gaps, &completion->gaps_capacity, completion->n_gaps,
                 sizeof *completion->gaps);
        completion->gaps[completion->n_gaps++] = (float)(now - completion->last_content);
    }
    completion->n_content++;
    completion->last_content = now;
}

static void add_logprob(struct kvt_completion *completion, const json_t *value)
{
    if (!json_is_number(value))
        return;
    kvt_grow(&completion->logprobs, &completion->logprobs_capacity, completion->n_logprobs,
             sizeof *completion->logprobs);
    completion->logprobs[completion->n_logprobs++] = json_number_value(value);
}

/* chat: logprobs.content[].logprob; completions: logprobs.token_logprobs[] */
static void fold_logprobs(struct kvt_completion *completion, const json_t *logprobs)
{
    const json_t *content = json_object_get(logprobs, "content");
    const json_t *tokens = json_object_get(logprobs, "token_logprobs");
    for (size_t i = 0; i < json_array_size(content); i++)
        add_logprob(completion, json_object_get(json_array_get(content, i), "logprob"));
    for (size_t i = 0; i < json_array_size(tokens); i++)
        add_logprob(completion, json_array_get(tokens, i));
}

/* `source` is a delta, a message, or the choice itself (completions: `text`). */
static void fold_choice(struct kvt_completion *completion, const json_t *choice, double now)
{
    completion->answered = true;
    const json_t *source = json_object_get(choice, "delta");
    if (!json_is_object(source))
        source = json_object_get(choice, "message");
    /* At the end of a stream some servers say the whole message once more. */
    bool again =
        completion->n_content > 0 && source && source == json_object_get(choice, "message");
    const json_t *content, *reasoning;
    if (json_is_object(source)) {
        content = json_object_get(source, "content");
        reasoning = json_object_get(source, "reasoning_content");
        if (!reasoning || json_is_null(reasoning))
            reasoning = json_object_get(source, "reasoning");
    } else {
        content = json_object_get(choice, "text");
        reasoning = NULL;
    }
    size_t thought = again ? 0 : append_content(&completion->reasoning, reasoning);
    size_t said = again ? 0 : append_content(&completion->text, content);
    note_text(completion, thought, said, now);
    fold_logprobs(completion, json_object_get(choice, "logprobs"));
    const char *reason = kvt_json_text(choice, "finish_reason", NULL);
    if (reason) {
        free(completion->finish_reason);
        completion->finish_reason = kvt_strdup(reason);
    }
}

static const json_t *first_choice(const json_t *value)
{
    const json_t *choices = json_object_get(value, "choices");
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *choice = json_array_get(choices, i);
        if (json_is_object(choice) && kvt_json_integer(choice, "index", 0) == 0)
            return choice;
    }
    return NULL;
}

static void fold(struct kvt_completion *completion, json_t *value, double now)
{
    fold_members(completion, value);
    const json_t *choice = first_choice(value);
    if (choice)
        fold_choice(completion, choice, now);
}

static void unreadable(struct kvt_completion *completion, const char *what, const char *data,
                       size_t length)
{
    char message[KVT_FAILURE_TEXT];
    snprintf(message, sizeof message, "%s: %.*s", what, (int)(length < 120 ? length : 120), data);
    kvt_failure_set(&completion->failure, KVT_ENGINE_ERROR, 200, true, message);
}

void kvt_completion_event(struct kvt_completion *completion, const char *name, const char *data,
                          size_t length, double now)
{
    if (completion->done || completion->failure.type)
        return;
    completion->streamed = true;
    completion->n_events++;
    if (completion->first_event == 0)
        completion->first_event = now;
    while (length && strchr(" \t\r\n", data[length - 1]))
        length--;
    if (length == 6 && memcmp(data, "[DONE]", 6) == 0) {
        completion->done = true;
        return;
    }
    if (length == 0)
        return;
    /* The first event is always parsed: it says what model and server these are. */
    size_t before = completion->text.length;
    if (completion->answered && name[0] == '\0' &&
        kvt_chunk_read(data, length, &completion->text)) {
        note_text(completion, 0, completion->text.length - before, now);
        return;
    }
    struct kvt_error ignored;
    json_t *value = kvt_json_parse(data, length, NULL, &ignored);
    if (!json_is_object(value))
        unreadable(completion, "an event is not a JSON object", data, length);
    else if (strcmp(name, "error") == 0 || kvt_failure_in(value))
        kvt_failure_from_json(&completion->failure, 200, value);
    else
        fold(completion, value, now);
    json_decref(value);
}

void kvt_completion_last_event(struct kvt_completion *completion, const char *name,
                               const char *data, size_t length, double now)
{
    struct kvt_error ignored;
    json_t *value = kvt_json_parse(data, length, NULL, &ignored);
    bool whole_event = value || (length >= 6 && memcmp(data, "[DONE]", 6) == 0);
    json_decref(value);
    if (whole_event)
        kvt_completion_event(completion, name, data, length, now);
    else
        completion->streamed = true;
}

void kvt_completion_document(struct kvt_completion *completion, const char *text, size_t length,
                             double now)
{
    struct kvt_error ignored;
    json_t *value = kvt_json_parse(text, length, NULL, &ignored);
    if (kvt_failure_in(value))
        kvt_failure_from_json(&completion->failure, 200, value);
    else if (!json_is_object(value))
        unreadable(completion, "the answer is neither JSON nor an event stream", text, length);
    else {
        fold(completion, value, now);
        if (!completion->answered)
            unreadable(completion, "the answer has no choices", text, length);
    }
    json_decref(value);
}

void kvt_completion_end(struct kvt_completion *completion)
{
    if (completion->failure.type)
        return;
    const char *reason = completion->finish_reason;
    if (completion->streamed && !reason) {
        kvt_failure_set(&completion->failure, KVT_STREAM_CUT, 200, true,
                        completion->done ? "the stream is over and no finish_reason came"
                                         : "the stream ended before its finish_reason");
    } else if (!completion->streamed && !completion->answered) {
        kvt_failure_set(&completion->failure, KVT_STREAM_CUT, 200, true, "the answer is empty");
    } else if (reason && (strcmp(reason, "error") == 0 || strcmp(reason, "abort") == 0)) {
        char message[KVT_FAILURE_TEXT];
        snprintf(message, sizeof message, "the server ended the answer with finish_reason %s",
                 reason);
        kvt_failure_set(&completion->failure, KVT_ENGINE_ERROR, 200, true, message);
    }
}

void kvt_completion_free(struct kvt_completion *completion)
{
    kvt_buffer_free(&completion->text);
    kvt_buffer_free(&completion->reasoning);
    free(completion->finish_reason);
    json_decref(completion->final);
    free(completion->gaps);
    free(completion->logprobs);
    *completion = (struct kvt_completion){0};
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double kvt_completion_gap(struct kvt_completion *completion, double quantile)
{
    size_t n = completion->n_gaps;
    if (n == 0)
        return NAN;
    qsort(completion->gaps, n, sizeof *completion->gaps, by_value);
    double place = quantile * (double)(n - 1);
    size_t low = (size_t)place;
    size_t high = low + 1 < n ? low + 1 : low;
    double share = place - (double)low;
    return (double)completion->gaps[low] * (1 - share) + (double)completion->gaps[high] * share;
}

/* The first of some dotted paths that holds a number >= 0; NAN if none does. */
static double first_number(const json_t *object, const char *const *paths)
{
    for (; *paths; paths++) {
        double value = kvt_json_number(object, *paths, -1);
        if (value >= 0)
            return value;
    }
    return NAN;
}

static long long whole(double value)
{
    return value < 9e15 ? (long long)value : -1; /* NAN compares false */
}

long long kvt_completion_prompt_tokens(const struct kvt_completion *completion)
{
    static const char *const paths[] = {"usage.prompt_tokens", "usage.input_tokens", NULL};
    long long n = whole(first_number(completion->final, paths));
    if (n >= 0)
        return n;
    /* llama.cpp's prompt_n leaves out what came from its prefix cache. */
    double evaluated = kvt_json_number(completion->final, "timings.prompt_n", -1);
    double cached = kvt_json_number(completion->final, "timings.cache_n", 0);
    return evaluated >= 0 ? whole(evaluated + cached) : -1;
}

long long kvt_completion_tokens(const struct kvt_completion *completion)
{
    static const char *const paths[] = {"usage.completion_tokens", "usage.output_tokens",
                                        "timings.predicted_n", NULL};
    return whole(first_number(completion->final, paths));
}

long long kvt_completion_cached_tokens(const struct kvt_completion *completion)
{
    static const char *const paths[] = {"usage.prompt_tokens_details.cached_tokens",
                                        "usage.cached_tokens", "timings.cache_n", "cached_tokens",
                                        NULL};
    return whole(first_number(completion->final, paths));
}

struct kvt_phases kvt_completion_phases(const struct kvt_completion *completion)
{
    const json_t *final = completion->final;
    double prefill = kvt_json_number(final, "timings.prompt_ms", NAN);
    double decode = kvt_json_number(final, "timings.predicted_ms", NAN);
    if (!isnan(prefill) || !isnan(decode))
        return (struct kvt_phases){prefill / 1000, decode / 1000, "timings"};
    static const char *const first[] = {"metrics.time_to_first_token_ms",
                                        "usage.metrics.time_to_first_token_ms", NULL};
    static const char *const rest[] = {"metrics.generation_time_ms",
                                       "usage.metrics.generation_time_ms", NULL};
    prefill = first_number(final, first);
    decode = first_number(final, rest);
    if (!isnan(prefill) || !isnan(decode))
        return (struct kvt_phases){prefill / 1000, decode / 1000, "metrics"};
    return (struct kvt_phases){NAN, NAN, NULL};
}
