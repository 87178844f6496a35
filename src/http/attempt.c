#include "http/attempt.h"

#include <string.h>

enum {
    DOCUMENT_MAX = 256 * 1024 * 1024, /* longest JSON answer */
    TEXT_MAX = 64 * 1024 * 1024,      /* longest text of a stream */
    ERROR_BODY_MAX = 1024 * 1024,     /* longest error body that is read */
};

void kvt_attempt_reset(struct kvt_exchange *exchange)
{
    kvt_completion_free(&exchange->completion);
    kvt_sse_free(&exchange->sse);
    exchange->sse = (struct kvt_sse){0};
    kvt_buffer_clear(&exchange->document);
    exchange->sniffed = exchange->is_document = false;
    exchange->done_at = 0;
    exchange->failure = (struct kvt_failure){0};
}

static void on_event(void *context, const char *name, const char *data, size_t length)
{
    struct kvt_exchange *exchange = context;
    double now = exchange->transfer.last_byte;
    if (exchange->sse.ending)
        kvt_completion_last_event(&exchange->completion, name, data, length, now);
    else
        kvt_completion_event(&exchange->completion, name, data, length, now);
}

/*
 * Decides at the first byte that is no blank whether this is a document (JSON, a proxy's HTML) or
 * an event stream. Servers mislabel their answers, so the bytes count: no line of an event stream
 * starts with these. Returns what comes before it and means nothing to either: blanks, and the
 * byte-order mark that some send before a document.
 */
static size_t sniff(struct kvt_exchange *exchange, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length && memchr(" \t\r\n", bytes[at], 4))
        at++;
    if (length - at > 3 && memcmp(bytes + at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    if (at == length)
        return at;
    exchange->sniffed = true;
    exchange->sse.event = on_event;
    exchange->sse.context = exchange;
    exchange->is_document = memchr("{[<", bytes[at], 3) != NULL;
    return at;
}

bool kvt_attempt_bytes(void *context, const char *bytes, size_t length, double now)
{
    struct kvt_exchange *exchange = context;
    if (!exchange->sniffed) {
        size_t blanks = sniff(exchange, bytes, length);
        bytes += blanks;
        length -= blanks;
        if (length == 0)
            return true;
    }
    if (exchange->is_document) {
        if (exchange->document.length + length > DOCUMENT_MAX)
            return false;
        kvt_buffer_append(&exchange->document, bytes, length);
        return true;
    }
    /* An error body of another kind: its first part is enough for the message. */
    if (exchange->document.length < ERROR_BODY_MAX && exchange->completion.n_events == 0)
        kvt_buffer_append(&exchange->document, bytes, length);
    kvt_sse_feed(&exchange->sse, bytes, length);
    if (exchange->completion.n_events)
        kvt_buffer_free(&exchange->document);
    if (exchange->completion.done && exchange->done_at == 0)
        exchange->done_at = now;
    size_t text = exchange->completion.text.length + exchange->completion.reasoning.length;
    return !exchange->sse.overflow && text <= TEXT_MAX;
}

/* --- how an attempt ended --- */

static void judge_answer(struct kvt_exchange *exchange)
{
    struct kvt_transfer *transfer = &exchange->transfer;
    long status = transfer->status;
    if (!exchange->is_document)
        kvt_sse_end(&exchange->sse);
    if (status < 200 || status > 299) {
        const char *event =
            exchange->completion.failure.type ? exchange->completion.failure.message : NULL;
        kvt_failure_from_body(&exchange->failure, status,
                              event ? event : kvt_buffer_string(&exchange->document),
                              event ? strlen(event) : exchange->document.length);
        return;
    }
    if (exchange->is_document)
        kvt_completion_document(&exchange->completion, kvt_buffer_string(&exchange->document),
                                exchange->document.length, transfer->last_byte);
    if (!exchange->is_document && !exchange->completion.streamed && exchange->document.length > 0 &&
        exchange->sse.n_comments == 0)
        kvt_failure_set(&exchange->failure, KVT_ENGINE_ERROR, status, true,
                        "the answer is neither JSON nor an event stream");
    else
        kvt_completion_end(&exchange->completion);
    if (exchange->completion.failure.type)
        exchange->failure = exchange->completion.failure;
}

/*
 * Is all of the answer here, although the connection did not end as it should? What may come after
 * the finish_reason is the usage; a server that then only holds the connection sends none.
 */
static bool has_finished(const struct kvt_exchange *exchange)
{
    const struct kvt_completion *completion = &exchange->completion;
    if (!completion->finish_reason || completion->failure.type)
        return false;
    return completion->done || json_object_get(completion->final, "usage") ||
           exchange->transfer.end == KVT_TRANSFER_TIMEOUT;
}

static void judge_cut(struct kvt_exchange *exchange)
{
    const struct kvt_transfer *transfer = &exchange->transfer;
    /* What arrived in full before the cut may say more than the cut: an error event, an error body.
     */
    if (transfer->status >= 400) {
        judge_answer(exchange);
        return;
    }
    if (exchange->completion.failure.type) {
        exchange->failure = exchange->completion.failure;
        return;
    }
    if (exchange->completion.streamed || exchange->is_document || transfer->status == 200)
        kvt_failure_set(&exchange->failure, KVT_STREAM_CUT, transfer->status, true,
                        transfer->message);
    else
        kvt_failure_set(&exchange->failure, KVT_ENGINE_ERROR, 0, true, transfer->message);
}

void kvt_attempt_judge(struct kvt_exchange *exchange)
{
    struct kvt_transfer *transfer = &exchange->transfer;
    struct kvt_failure *failure = &exchange->failure;
    if (transfer->end != KVT_TRANSFER_COMPLETE && has_finished(exchange)) {
        kvt_completion_end(&exchange->completion); /* how the connection ended is no matter */
        *failure = exchange->completion.failure;
        return;
    }
    switch (transfer->end) {
    case KVT_TRANSFER_COMPLETE:
        judge_answer(exchange);
        break;
    case KVT_TRANSFER_CUT:
        judge_cut(exchange);
        break;
    case KVT_TRANSFER_TIMEOUT:
        kvt_failure_set(failure, KVT_TIMEOUT, transfer->status, true, transfer->message);
        break;
    case KVT_TRANSFER_UNREACHABLE:
        kvt_failure_set(failure, KVT_ENGINE_ERROR, 0, true, transfer->message);
        failure->unreachable = true;
        break;
    case KVT_TRANSFER_STOPPED:
        kvt_failure_set(failure, KVT_ENGINE_ERROR, transfer->status, false,
                        "the answer is too long");
        break;
    case KVT_TRANSFER_FAILED:
        kvt_failure_set(failure, KVT_ENGINE_ERROR, transfer->status, !transfer->verify_failed,
                        transfer->message);
        break;
    }
}
