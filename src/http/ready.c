#include "http/ready.h"

#include "core/error.h"
#include "core/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void add(struct kvt_ready *ready, int descriptor, short events)
{
    kvt_grow(&ready->polled, &ready->polled_capacity, ready->n_polled, sizeof *ready->polled);
    ready->polled[ready->n_polled++] = (struct pollfd){descriptor, events, 0};
}

void kvt_ready_open(struct kvt_ready *ready)
{
    *ready = (struct kvt_ready){.waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (ready->waker < 0)
        kvt_die(KVT_SYSTEM, "cannot wait for sockets: %s", strerror(errno));
    add(ready, ready->waker, POLLIN);
}

void kvt_ready_set(struct kvt_ready *ready, int descriptor, short events)
{
    while (ready->n_places <= (size_t)descriptor) {
        kvt_grow(&ready->places, &ready->places_capacity, ready->n_places, sizeof *ready->places);
        ready->places[ready->n_places++] = 0;
    }
    size_t *place = &ready->places[descriptor];
    if (events && *place) {
        ready->polled[*place].events = events;
    } else if (events) {
        *place = ready->n_polled;
        add(ready, descriptor, events);
    } else if (*place) { /* the last one takes its place */
        const struct pollfd *last = &ready->polled[--ready->n_polled];
        ready->polled[*place] = *last;
        ready->places[last->fd] = *place;
        *place = 0;
    }
}

static void clear_waker(const struct kvt_ready *ready)
{
    uint64_t count;
    while (read(ready->waker, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

size_t kvt_ready_wait(struct kvt_ready *ready, int ms, int extra)
{
    if (extra >= 0)
        add(ready, extra, POLLIN);
    int n = poll(ready->polled, (nfds_t)ready->n_polled, ms);
    if (extra >= 0)
        ready->n_polled--;
    size_t found = 0;
    if (n > 0 && ready->polled[0].revents)
        clear_waker(ready);
    for (size_t i = 1; n > 0 && i < ready->n_polled; i++) {
        if (!ready->polled[i].revents)
            continue;
        kvt_grow(&ready->found, &ready->found_capacity, found, sizeof *ready->found);
        ready->found[found++] = ready->polled[i];
    }
    return found;
}

void kvt_ready_wake(const struct kvt_ready *ready)
{
    uint64_t one = 1;
    while (write(ready->waker, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void kvt_ready_close(struct kvt_ready *ready)
{
    close(ready->waker);
    free(ready->polled);
    free(ready->places);
    free(ready->found);
}
