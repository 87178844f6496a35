/*
 * http/arrival.h: when bytes reached a socket, by the kernel's own note of it.
 *
 * A process learns that bytes are there when it is scheduled again, and reads them when their turn
 * in a batch of sockets has come: tens of microseconds later on an idle machine, milliseconds on a
 * busy one. The kernel stamps each segment as it comes in (SO_TIMESTAMPNS), whatever the process
 * does.
 */
#ifndef KVT_HTTP_ARRIVAL_H
#define KVT_HTTP_ARRIVAL_H

#include <stddef.h>

/*
 * What a segment carries on Ethernet, some events of a stream. Where more waits to be read, the
 * reader is far behind the sender, and to walk over all of it would put it further behind.
 */
enum { KVT_ARRIVAL_REACH = 1448 };

struct kvt_arrival {
    double time;   /* seconds, on the clock of kvt_clock_monotonic */
    size_t length; /* of the bytes that had arrived by then; 0: no byte's arrival is known */
};

/*
 * Asks the kernel to stamp what arrives at `socket` from now on. A socket that cannot do that is
 * left as it is. A socket accepted from one that was asked is asked too.
 */
void kvt_arrival_note(int socket);

/*
 * When the last of the bytes that can be read from the TCP socket now arrived; unknown if they are
 * more than KVT_ARRIVAL_REACH. Consumes nothing. The time is never earlier than the arrival of any
 * of these bytes: of several segments the last one counts.
 */
struct kvt_arrival kvt_arrival_last(int socket);

#endif
