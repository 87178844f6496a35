#include "http/arrival.h"

#include "core/clock.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

void kvt_arrival_note(int socket)
{
    int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

/*
 * The time on both clocks at once. A process that loses its processor between the two reads would
 * take the time it did not run for age of the bytes; so one is read before and after the other, and
 * again where these are too far apart.
 */
static double both_clocks(struct timespec *wall)
{
    enum { TRIES = 10 };
    const double together = 20e-6;
    double before, after = kvt_clock_monotonic();
    int tries = 0;
    do {
        before = after;
        clock_gettime(CLOCK_REALTIME, wall);
        after = kvt_clock_monotonic();
    } while (after - before > together && ++tries < TRIES);
    return before;
}

/*
 * Stamps are of the wall clock. Their age is what is converted, so that a clock that is set matters
 * only to bytes that wait to be read at that very moment.
 */
static double on_monotonic_clock(const struct timespec *stamp)
{
    struct timespec wall;
    double now = both_clocks(&wall);
    double age =
        (double)(wall.tv_sec - stamp->tv_sec) + (double)(wall.tv_nsec - stamp->tv_nsec) * 1e-9;
    return age >= 0 ? now - age : 0;
}

struct kvt_arrival kvt_arrival_last(int socket)
{
    char unread[KVT_ARRIVAL_REACH];
    int waiting;
    union {
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
        struct cmsghdr header; /* for its alignment */
    } control;
    struct iovec all = {unread, sizeof unread};
    struct msghdr message = {.msg_iov = &all,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    /* TRUNC: the bytes are walked over, not copied. PEEK: they stay. */
    struct kvt_arrival arrival = {0, 0};
    if (ioctl(socket, FIONREAD, &waiting) != 0 || waiting > KVT_ARRIVAL_REACH)
        return arrival;
    ssize_t length = recvmsg(socket, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (length <= 0)
        return arrival;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec stamp;
        memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
        arrival.time = on_monotonic_clock(&stamp);
        arrival.length = arrival.time > 0 ? (size_t)length : 0;
    }
    return arrival;
}
