/*
 * http/failure.h: what went wrong with one attempt, in the stream's words. Pure: status codes and
 * bodies in, a verdict out. The classes are those of kvt-stream(5): infrastructure failures, never
 * a wrong answer of the model.
 */
#ifndef KVT_HTTP_FAILURE_H
#define KVT_HTTP_FAILURE_H

#include "stream/json.h"

#include <stdbool.h>
#include <stddef.h>

#define KVT_TIMEOUT "TIMEOUT"
#define KVT_RATE_LIMITED "RATE_LIMITED"
#define KVT_ENGINE_ERROR "ENGINE_ERROR"
#define KVT_STREAM_CUT "STREAM_CUT"
#define KVT_CONTEXT_OVERFLOW "CONTEXT_OVERFLOW"

enum { KVT_FAILURE_TEXT = 400 };

/* Zero-initialised: no failure. */
struct kvt_failure {
    const char *type; /* one of the names above; NULL: none */
    long status;      /* HTTP status, 0 when there was no answer */
    char message[KVT_FAILURE_TEXT];
    bool retryable;
    bool unreachable; /* no connection could be made */
    bool loading;     /* the server is there and loads its model: it will answer later */
    bool spent;       /* the account is: no request will be answered until it is filled */
    char field[64];   /* the kv_ field a 400 or 422 complains of, else "" */
};

void kvt_failure_set(struct kvt_failure *failure, const char *type, long status, bool retryable,
                     const char *message);

/*
 * The failure that an error body means. Every shape met in the wild is read: {"error":{...}},
 * {"error":"text"}, {"object":"error","message":...}, {"detail":...}, a list of one of them, plain
 * text, HTML. `status` may be 200: an error amid a stream, or in place of an answer.
 */
void kvt_failure_from_body(struct kvt_failure *failure, long status, const char *body,
                           size_t length);
void kvt_failure_from_json(struct kvt_failure *failure, long status, const json_t *body);

/* Takes a secret (NULL or shorter than 8: none) out of the message, should the server have repeated
 * it. */
void kvt_failure_redact(struct kvt_failure *failure, const char *secret);

/* Is this JSON value an error rather than an answer? */
bool kvt_failure_in(const json_t *value);

/* Does the text say that the prompt does not fit the context, in any server's words? */
bool kvt_failure_is_overflow(const char *text);

/* May another attempt help after this status? */
bool kvt_status_retryable(long status);

#endif
