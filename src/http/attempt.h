/*
 * http/attempt.h: one attempt of a request: its bytes as they come, and the verdict at its end. No
 * network: http/client.c feeds it.
 */
#ifndef KVT_HTTP_ATTEMPT_H
#define KVT_HTTP_ATTEMPT_H

#include "http/client.h"

/* Forgets the attempt before. */
void kvt_attempt_reset(struct kvt_exchange *exchange);
/* Takes bytes of the answer's body; false when there are too many. `context` is the exchange. */
bool kvt_attempt_bytes(void *context, const char *bytes, size_t length, double now);
/* Sets exchange->failure by how the transfer ended and what came. */
void kvt_attempt_judge(struct kvt_exchange *exchange);

#endif
