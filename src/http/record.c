#include "http/record.h"

#include "core/clock.h"
#include "core/memory.h"
#include "stream/json.h"
#include "stream/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the entry --- */

/* A member of the entry as it stands there; `fallback` where it is missing or null. */
static void add_member(struct kvt_buffer *out, const char *line, size_t length, const char *key,
                       const char *fallback)
{
    struct kvt_member member;
    kvt_buffer_printf(out, "%s\"%s\":", out->length ? "," : "", key);
    bool found = kvt_scan_find(line, length, key, &member) &&
                 !(member.value_length == 4 && memcmp(member.value, "null", 4) == 0);
    if (found)
        kvt_buffer_append(out, member.value, member.value_length);
    else
        kvt_buffer_text(out, fallback);
}

int kvt_entry_read(struct kvt_entry *entry, const char *line, size_t length,
                   struct kvt_error *error)
{
    static const char *const heavy[] = {"context", "messages", "prompt", NULL};
    *entry = (struct kvt_entry){.token_len = -1};
    struct kvt_member member;
    if (!kvt_scan_find(line, length, "entry_id", &member) || member.value_length < 3 ||
        member.value[0] != '"')
        return kvt_fail(error, KVT_DATA, "the entry has no entry_id");
    entry->entry_id = kvt_strndup(member.value + 1, member.value_length - 2);
    if (kvt_scan_find(line, length, "token_len", &member))
        entry->token_len = strtoll(member.value, NULL, 10);
    struct kvt_buffer text = {0};
    add_member(&text, line, length, "entry_id", "null");
    add_member(&text, line, length, "bin_idx", "0");
    add_member(&text, line, length, "token_len", "null");
    entry->place = kvt_buffer_take(&text);
    add_member(&text, line, length, "answers", "[]");
    add_member(&text, line, length, "cluster", "null");
    add_member(&text, line, length, "meta", "{}");
    entry->rest = kvt_buffer_take(&text);
    if (kvt_splice(&text, line, length, heavy, NULL, 0) != 0) {
        kvt_buffer_free(&text);
        kvt_entry_free(entry);
        return kvt_fail(error, KVT_DATA, "not one JSON object");
    }
    entry->line_length = text.length;
    entry->line = kvt_buffer_take(&text);
    return 0;
}

void kvt_entry_free(struct kvt_entry *entry)
{
    free(entry->entry_id);
    free(entry->place);
    free(entry->rest);
    free(entry->line);
    *entry = (struct kvt_entry){0};
}

/* --- the head --- */

void kvt_record_head(struct kvt_buffer *out, const struct kvt_entry *entry,
                     const struct kvt_run *run, const char *request_id, long repeat)
{
    kvt_buffer_printf(
        out, "{\"kind\":\"response\",\"request_id\":\"%s\",\"run_id\":\"%s\",%s,\"kv_policy\":",
        request_id, run->run_id, entry->place);
    kvt_json_write_string(out, run->policy, strlen(run->policy));
    kvt_buffer_text(out, ",\"kv_budget\":");
    struct kvt_writer number; /* a writer of its own per value: no comma is due */
    kvt_writer_start(&number, out);
    kvt_write_number(&number, run->budget);
    kvt_buffer_printf(
        out, ",\"budget_unit\":\"%s\",\"reference\":%s,\"replicate\":\"%c\",\"repeat\":%ld,%s",
        run->unit, run->reference ? "true" : "false", run->replicate, repeat, entry->rest);
}

/* --- the tail --- */

static void member_count(struct kvt_writer *writer, const char *key, long long value)
{
    if (value >= 0)
        kvt_member_integer(writer, key, value);
    else
        kvt_member_null(writer, key);
}

static void member_text(struct kvt_writer *writer, const char *key, const struct kvt_buffer *text,
                        bool known)
{
    kvt_write_key(writer, key);
    if (known)
        kvt_write_string_n(writer, text->data ? text->data : "", text->length);
    else
        kvt_write_null(writer);
}

static void write_request(struct kvt_writer *writer, const struct kvt_exchange *exchange,
                          const struct kvt_record_settings *settings)
{
    kvt_write_key(writer, "request");
    kvt_write_object(writer);
    member_count(writer, "prompt_tokens", kvt_completion_prompt_tokens(&exchange->completion));
    kvt_member_integer(writer, "max_tokens", exchange->request.max_tokens);
    kvt_member_number(writer, "temperature", settings->temperature); /* NAN becomes null */
    kvt_member_integer(writer, "seed", exchange->request.seed);
    kvt_member_string(writer, "body_sha256", exchange->request.body_sha256);
    kvt_write_end(writer);
}

/* The server's own numbers; of an answer full of other things only the known ones. */
static void write_raw(struct kvt_writer *writer, const json_t *final)
{
    enum { RAW_MAX = 16384 };
    struct kvt_buffer text = {0};
    kvt_json_write(&text, final);
    if (text.length <= RAW_MAX) {
        kvt_member_json(writer, "raw", final);
    } else {
        static const char *const known[] = {"usage", "timings", "metrics", NULL};
        json_t *part = json_object();
        for (size_t i = 0; known[i]; i++) {
            json_t *value = json_object_get(final, known[i]);
            kvt_buffer_clear(&text);
            kvt_json_write(&text, value);
            if (value && text.length <= RAW_MAX)
                json_object_set(part, known[i], value);
        }
        kvt_member_json(writer, "raw", part);
        json_decref(part);
    }
    kvt_buffer_free(&text);
}

static void write_response(struct kvt_writer *writer, const struct kvt_exchange *exchange)
{
    const struct kvt_completion *completion = &exchange->completion;
    kvt_write_key(writer, "response");
    kvt_write_object(writer);
    member_text(writer, "text", &completion->text, completion->answered);
    kvt_member_string(writer, "finish_reason", completion->finish_reason);
    member_count(writer, "completion_tokens", kvt_completion_tokens(completion));
    member_text(writer, "reasoning", &completion->reasoning, completion->reasoning.length > 0);
    write_raw(writer, completion->final);
    kvt_write_end(writer);
}

/* Times are kept to the microsecond: more digits than any of them is worth. */
static double rounded(double seconds)
{
    return round(seconds * 1e6) / 1e6; /* NAN stays NAN */
}

/* Seconds from the start of the attempt; NAN for a moment that never came. */
static double since(const struct kvt_exchange *exchange, double moment)
{
    return moment > 0 ? rounded(moment - exchange->start) : NAN;
}

static void write_times(struct kvt_writer *writer, struct kvt_exchange *exchange)
{
    struct kvt_completion *completion = &exchange->completion;
    bool streamed = completion->streamed;
    double latency = since(exchange, exchange->end);
    double reasoning = streamed ? since(exchange, completion->first_reasoning) : NAN;
    double content = streamed ? since(exchange, completion->first_content) : NAN;
    double ttft = isnan(content) ? reasoning : content;
    struct kvt_phases phases = kvt_completion_phases(completion);
    if (!phases.source && !isnan(ttft)) {
        double first = isnan(reasoning) || content < reasoning ? ttft : reasoning;
        phases = (struct kvt_phases){first, latency - first, "derived"};
    }
    kvt_member_number(writer, "latency_s", latency);
    kvt_member_number(writer, "ttfb_s", since(exchange, exchange->first_byte));
    kvt_member_number(writer, "ttft_s", ttft);
    kvt_member_string(writer, "ttft_of",
                      isnan(ttft)      ? NULL
                      : isnan(content) ? "reasoning"
                                       : "content");
    kvt_member_number(writer, "first_event_s",
                      streamed ? since(exchange, completion->first_event) : NAN);
    kvt_member_number(writer, "first_reasoning_s", reasoning);
    kvt_member_number(writer, "prefill_s", rounded(phases.prefill_s));
    kvt_member_number(writer, "decode_s", rounded(phases.decode_s));
    kvt_member_string(writer, "phase_source", phases.source);
    kvt_member_number(writer, "itl_p50_s", rounded(kvt_completion_gap(completion, 0.5)));
    kvt_member_number(writer, "itl_p95_s", rounded(kvt_completion_gap(completion, 0.95)));
}

/*
 * Signs that the row does not measure what it seems to. A prompt much shorter than the entry was
 * cut without a word; the margin leaves room for another chat template.
 */
static void write_flags(struct kvt_writer *writer, const struct kvt_exchange *exchange,
                        const struct kvt_entry *entry, const struct kvt_record_settings *settings)
{
    kvt_write_key(writer, "flags");
    kvt_write_array(writer);
    if (kvt_completion_cached_tokens(&exchange->completion) > 0)
        kvt_write_string(writer, "prefix_cached");
    long long prompt = kvt_completion_prompt_tokens(&exchange->completion);
    if (prompt > 0 && entry->token_len > 0) {
        double margin = 16 + 0.02 * (double)entry->token_len;
        double excess = (double)(prompt - entry->token_len);
        if (excess < -margin)
            kvt_write_string(writer, "prompt_truncated");
        else if (excess > margin + (settings->nonce ? 24 : 0))
            kvt_write_string(writer, "prompt_longer");
    }
    kvt_write_end(writer);
}

/* Bytes by the server's gauge: what the request added to it. */
static void report_gauge(struct kvt_report *report, const struct kvt_exchange *exchange,
                         const struct kvt_record_settings *settings)
{
    if (strcmp(report->source, "none") != 0 || !settings->gauge ||
        isnan(exchange->observed.gauge_peak))
        return;
    double before = exchange->observed.gauge_before;
    report->bytes = kvt_gauge_bytes(settings->gauge, exchange->observed.gauge_last - before,
                                    settings->geometry);
    report->peak_bytes = kvt_gauge_bytes(settings->gauge, exchange->observed.gauge_peak - before,
                                         settings->geometry);
    if (!isnan(report->peak_bytes))
        report->source = "gauge";
}

static void write_gauge(struct kvt_writer *writer, const struct kvt_observed *observed,
                        const struct kvt_gauge_reading *gauge)
{
    if (!gauge)
        return;
    kvt_write_key(writer, "gauge");
    kvt_write_object(writer);
    kvt_member_string(writer, "name", gauge->name);
    kvt_member_number(writer, "before", observed->gauge_before);
    kvt_member_number(writer, "last", observed->gauge_last);
    kvt_member_number(writer, "peak", observed->gauge_peak);
    kvt_write_end(writer);
}

static void write_kv(struct kvt_writer *writer, const struct kvt_exchange *exchange,
                     const struct kvt_run *run, const struct kvt_record_settings *settings)
{
    struct kvt_report report;
    kvt_report_read(&report, exchange->completion.final, settings->kv_report);
    double prompt = (double)kvt_completion_prompt_tokens(&exchange->completion);
    if (!exchange->failure.type) {
        report_gauge(&report, exchange, settings);
        kvt_report_analytic(&report, run, settings->geometry, prompt);
    }
    kvt_write_key(writer, "kv");
    kvt_write_object(writer);
    kvt_member_number(writer, "prompt_tokens", report.prompt_tokens);
    kvt_member_number(writer, "kept_tokens", report.kept_tokens);
    kvt_member_json(writer, "kept_per_layer", report.kept_per_layer);
    kvt_member_number(writer, "uncompressed_tail", report.uncompressed_tail);
    kvt_member_number(writer, "bytes", report.bytes);
    kvt_member_number(writer, "peak_bytes", report.peak_bytes);
    kvt_member_number(writer, "full_bytes", report.full_bytes);
    kvt_member_string(writer, "source", report.source);
    kvt_member_string(writer, "applied", kvt_proof_judge(&report, run, settings->evidence));
    write_gauge(writer, &exchange->observed, settings->gauge);
    kvt_write_end(writer);
}

/* Times of the request with a forced length, where one was asked. */
static void write_probe(struct kvt_writer *writer, struct kvt_exchange *probe)
{
    if (!probe)
        return;
    kvt_write_key(writer, "probe");
    if (probe->failure.type || !probe->completion.answered) {
        kvt_write_null(writer);
        return;
    }
    kvt_write_object(writer);
    write_times(writer, probe);
    member_count(writer, "completion_tokens", kvt_completion_tokens(&probe->completion));
    member_count(writer, "cached_tokens", kvt_completion_cached_tokens(&probe->completion));
    kvt_write_end(writer);
}

static void write_error(struct kvt_writer *writer, const struct kvt_failure *failure)
{
    kvt_write_key(writer, "error");
    if (!failure->type) {
        kvt_write_null(writer);
        return;
    }
    kvt_write_object(writer);
    kvt_member_string(writer, "type", failure->type);
    if (failure->status > 0)
        kvt_member_integer(writer, "status", failure->status);
    else
        kvt_member_null(writer, "status");
    kvt_member_string(writer, "message", failure->message);
    kvt_member_bool(writer, "retryable", failure->retryable);
    kvt_write_end(writer);
}

/* --- the key, where a server repeats it --- */

static void redact_text(struct kvt_buffer *text, const char *secret)
{
    struct kvt_buffer clean = {0};
    const char *from = kvt_buffer_string(text), *at;
    while ((at = strstr(from, secret)) != NULL) {
        kvt_buffer_append(&clean, from, (size_t)(at - from));
        kvt_buffer_text(&clean, "[key]");
        from = at + strlen(secret);
    }
    if (clean.length) {
        kvt_buffer_text(&clean, from);
        kvt_buffer_free(text);
        *text = clean;
    }
}

/* The value, or a new one in its place: its texts without the key. Reference given and taken. */
static json_t *redact_json(json_t *value, const char *secret)
{
    const char *key;
    json_t *member;
    void *next;
    if (json_is_string(value) && strstr(json_string_value(value), secret)) {
        struct kvt_buffer text = {0};
        kvt_buffer_text(&text, json_string_value(value));
        redact_text(&text, secret);
        json_decref(value);
        value = json_string(kvt_buffer_string(&text));
        kvt_buffer_free(&text);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_set_new(value, i, redact_json(json_incref(json_array_get(value, i)), secret));
    json_object_foreach_safe(value, next, key, member)
    {
        json_object_set_new(value, key, redact_json(json_incref(member), secret));
    }
    return value;
}

/* In what the server said alone: the members' names and our own values may hold the same letters.
 */
static void redact_answer(struct kvt_completion *completion, const char *secret)
{
    if (!secret || strlen(secret) < 8)
        return;
    redact_text(&completion->text, secret);
    redact_text(&completion->reasoning, secret);
    if (completion->finish_reason && strstr(completion->finish_reason, secret))
        completion->finish_reason[0] = '\0';
    if (completion->final)
        completion->final = redact_json(completion->final, secret);
}

void kvt_record_tail(struct kvt_buffer *out, struct kvt_exchange *exchange,
                     const struct kvt_entry *entry, const struct kvt_run *run,
                     const struct kvt_record_settings *settings, struct kvt_exchange *probe)
{
    struct kvt_buffer members = {0};
    struct kvt_writer writer;
    redact_answer(&exchange->completion, settings->secret);
    kvt_writer_start(&writer, &members);
    kvt_write_object(&writer); /* its brace becomes the comma after the head */
    write_request(&writer, exchange, settings);
    write_response(&writer, exchange);
    kvt_write_key(&writer, "telemetry");
    kvt_write_object(&writer);
    write_times(&writer, exchange);
    kvt_member_integer(&writer, "attempts", exchange->attempts);
    kvt_member_number(&writer, "wait_s", rounded(exchange->wait_s));
    member_count(&writer, "cached_tokens", kvt_completion_cached_tokens(&exchange->completion));
    char date[KVT_DATE_SIZE];
    kvt_clock_date(exchange->started_wall, date);
    kvt_member_string(&writer, "started_at", date);
    kvt_member_integer(&writer, "in_flight", (long long)exchange->in_flight);
    kvt_member_number(&writer, "peak_mem_mb", exchange->observed.peak_mem_mb);
    write_flags(&writer, exchange, entry, settings);
    write_kv(&writer, exchange, run, settings);
    write_probe(&writer, probe);
    kvt_write_end(&writer);
    write_error(&writer, &exchange->failure);
    kvt_write_end(&writer);
    members.data[0] = ',';
    kvt_buffer_append(out, members.data, members.length);
    kvt_buffer_free(&members);
}

/* --- from the journal --- */

bool kvt_record_failed(const struct kvt_buffer *journaled)
{
    struct kvt_member member;
    return kvt_scan_find(journaled->data, journaled->length, "error", &member) &&
           member.value[0] == '{';
}

/* Finds a member of an object inside the line. */
static bool find_in(const struct kvt_member *object, const char *key, struct kvt_member *member)
{
    return object->value[0] == '{' &&
           kvt_scan_find(object->value, object->value_length, key, member);
}

static double number_in(const struct kvt_member *object, const char *key)
{
    struct kvt_member member;
    if (!find_in(object, key, &member) || member.value[0] == 'n')
        return NAN;
    return strtod(member.value, NULL);
}

int kvt_record_replay(struct kvt_buffer *out, const struct kvt_buffer *journaled,
                      const struct kvt_run *run, enum kvt_evidence evidence,
                      struct kvt_error *error)
{
    struct kvt_member request, telemetry, kv, applied;
    const char *line = journaled->data, *end = journaled->data + journaled->length;
    if (!kvt_scan_find(line, journaled->length, "request", &request) ||
        !kvt_scan_find(line, journaled->length, "telemetry", &telemetry) ||
        !find_in(&telemetry, "kv", &kv) || !find_in(&kv, "applied", &applied))
        return kvt_fail(error, KVT_DATA,
                        "the journal holds a response without request or telemetry.kv");
    struct kvt_report report = {
        .prompt_tokens = number_in(&kv, "prompt_tokens"),
        .kept_tokens = number_in(&kv, "kept_tokens"),
        .uncompressed_tail = number_in(&kv, "uncompressed_tail"),
    };
    kvt_buffer_byte(out, ',');
    kvt_buffer_append(out, request.start, (size_t)(applied.value - request.start));
    kvt_buffer_printf(out, "\"%s\"", kvt_proof_judge(&report, run, evidence));
    const char *rest = applied.value + applied.value_length;
    kvt_buffer_append(out, rest, (size_t)(end - rest));
    return 0;
}
