/*
 * http/ready.h: descriptors that are waited for, by poll(2): curl changes what it waits for with
 * every answer, which costs poll nothing.
 */
#ifndef KVT_HTTP_READY_H
#define KVT_HTTP_READY_H

#include <poll.h>
#include <stddef.h>

struct kvt_ready {
    int waker; /* eventfd; the first of `polled` */
    struct pollfd *polled;
    size_t n_polled, polled_capacity;
    size_t *places; /* by descriptor: its place in `polled`; 0: it is not waited for */
    size_t n_places, places_capacity;
    struct pollfd *found; /* what kvt_ready_wait found; not changed by kvt_ready_set */
    size_t found_capacity;
};

/* Ends the process with exit 3 when the system has no descriptor left. */
void kvt_ready_open(struct kvt_ready *ready);
/* Waits for these events of poll(2) at `descriptor` from now on; 0: for none. */
void kvt_ready_set(struct kvt_ready *ready, int descriptor, short events);
/*
 * Waits until a descriptor is ready, up to `ms` milliseconds, and returns how many of `found` are,
 * without the waker and `extra`. `extra` is one more descriptor whose readability ends the wait, or
 * -1. Returns 0 when a signal comes.
 */
size_t kvt_ready_wait(struct kvt_ready *ready, int ms, int extra);
/* Ends the wait, or the next one; any thread may call it. */
void kvt_ready_wake(const struct kvt_ready *ready);
void kvt_ready_close(struct kvt_ready *ready);

#endif
