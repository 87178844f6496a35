/*
 * http/retry.h: when to ask again. Pure. Waits are exponential with seeded jitter; a server's own
 * Retry-After or rate-limit reset is obeyed, up to the same cap.
 */
#ifndef KVT_HTTP_RETRY_H
#define KVT_HTTP_RETRY_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_retry_policy {
    int max_attempts;
    double timeout_s;  /* one attempt */
    double deadline_s; /* one request with all its attempts and waits */
    double backoff_s;  /* before the second attempt; doubles each time */
    double backoff_max_s;
    uint64_t seed;
};

/*
 * Seconds that a Retry-After or x-ratelimit-reset value asks to wait, at wall-clock time `now`:
 * plain seconds ("2", "0.5"), a duration ("1m30s", "250ms", "20 seconds", "PT1M30S"), an HTTP date,
 * an ISO-8601 date, or a Unix time in seconds or milliseconds. Never negative; NAN when the text is
 * none of these.
 */
double kvt_retry_after(const char *value, double now);

/* What the headers of an answer ask to wait, in seconds; NAN: nothing. */
struct kvt_retry_asked {
    double after; /* Retry-After, the longest of several */
    double reset; /* x-ratelimit-reset, the longest of several */
};
#define KVT_RETRY_UNASKED ((struct kvt_retry_asked){NAN, NAN})

/*
 * Notes what a header line (`length` bytes, not terminated) asks, at wall-clock time `now`. A
 * status line begins anew: what came before it was an interim answer.
 */
void kvt_retry_header(struct kvt_retry_asked *asked, const char *line, size_t length, double now);
/*
 * Seconds that an answer of this HTTP status asks to wait, NAN without: Retry-After, else the reset
 * of a limit where a limit is why it refused (servers send the reset with every answer).
 */
double kvt_retry_asked(const struct kvt_retry_asked *asked, long status);

/*
 * Seconds to wait after failed attempt number `attempt` (from 1). `asked` is what the server asked
 * for, or NAN; asked for no wait at all, it gets the back-off. Jitter (between half the back-off
 * and all of it) depends on seed, key and attempt only.
 */
double kvt_retry_wait(const struct kvt_retry_policy *policy, int attempt, double asked,
                      const char *key);

#endif
