/* When bytes arrived, who is ready, and a file that keeps nobody waiting. */
#include "core/clock.h"
#include "http/appender.h"
#include "http/arrival.h"
#include "http/ready.h"
#include "tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kvt_error error;

/* Two ends of a TCP connection on loopback; the second was accepted. */
static void connect_pair(int ends[2], bool noted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (noted)
        kvt_arrival_note(listener);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ends[0], (struct sockaddr *)&address, size) != 0)
        abort();
    setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void send_bytes(int socket, size_t length)
{
    char bytes[2 * KVT_ARRIVAL_REACH] = {0};
    if (send(socket, bytes, length, 0) != (ssize_t)length)
        abort();
}

static size_t read_bytes(int socket)
{
    char bytes[4 * KVT_ARRIVAL_REACH];
    ssize_t got = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

/* The kernel begins to stamp a moment after it was asked; until then bytes get the time at which
 * they are looked at. Sends some and looks at them later, until it does; a minute at most. */
static void wait_for_stamps(const int ends[2])
{
    double sent, end = kvt_clock_monotonic() + 60;
    do {
        send_bytes(ends[0], 1);
        sent = kvt_clock_monotonic();
        kvt_clock_sleep(0.02);
    } while (kvt_arrival_last(ends[1]).time > sent + 0.01 && read_bytes(ends[1]) > 0 && sent < end);
    read_bytes(ends[1]);
}

static void test_arrival(void)
{
    int ends[2];
    connect_pair(ends, true);
    is_int((long long)kvt_arrival_last(ends[1]).length, 0, "nothing has arrived");
    wait_for_stamps(ends);
    double before = kvt_clock_monotonic();
    send_bytes(ends[0], 100);
    double after = kvt_clock_monotonic();
    kvt_clock_sleep(0.2);
    struct kvt_arrival first = kvt_arrival_last(ends[1]);
    ok(first.length == 100 && first.time > before - 0.01 && first.time < after + 0.01,
       "bytes arrived when they were sent, not when they were looked at");
    send_bytes(ends[0], 100);
    kvt_clock_sleep(0.2);
    struct kvt_arrival second = kvt_arrival_last(ends[1]);
    ok(second.length == 200 && second.time > first.time + 0.15,
       "with more behind them they are not taken to be earlier than the last");
    is_int((long long)read_bytes(ends[1]), 200, "nothing was consumed");
    send_bytes(ends[0], KVT_ARRIVAL_REACH + 1);
    kvt_clock_sleep(0.05);
    is_int((long long)kvt_arrival_last(ends[1]).length, 0, "far behind, it is not asked");
    close(ends[0]);
    close(ends[1]);
    is_int((long long)kvt_arrival_last(-1).length, 0, "no socket, no time");
    connect_pair(ends, false);
    send_bytes(ends[0], 1);
    kvt_clock_sleep(0.05);
    is_int((long long)kvt_arrival_last(ends[1]).length, 0, "nobody asked the kernel");
    close(ends[0]);
    close(ends[1]);
}

static void test_ready(void)
{
    struct kvt_ready ready;
    int a[2], b[2], extra[2];
    if (pipe(a) != 0 || pipe(b) != 0 || pipe(extra) != 0)
        abort();
    kvt_ready_open(&ready);
    kvt_ready_set(&ready, a[0], POLLIN);
    kvt_ready_set(&ready, b[0], POLLIN);
    is_int((long long)kvt_ready_wait(&ready, 0, extra[0]), 0, "nobody is ready");
    if (write(a[1], "x", 1) != 1 || write(b[1], "x", 1) != 1 || write(extra[1], "x", 1) != 1)
        abort();
    is_int((long long)kvt_ready_wait(&ready, -1, extra[0]), 2,
           "both are; the extra one is not told");
    kvt_ready_set(&ready, a[0], 0);
    ok(kvt_ready_wait(&ready, -1, -1) == 1 && ready.found[0].fd == b[0], "one was given up");
    kvt_ready_set(&ready, a[0], POLLIN);
    kvt_ready_set(&ready, b[0], 0);
    kvt_ready_set(&ready, b[0], 0);
    ok(kvt_ready_wait(&ready, -1, -1) == 1 && ready.found[0].fd == a[0], "and the other, later");
    kvt_ready_set(&ready, a[0], 0);
    is_int((long long)kvt_ready_wait(&ready, -1, extra[0]), 0, "the extra one ends a wait");
    kvt_ready_wake(&ready);
    kvt_ready_wake(&ready);
    is_int((long long)kvt_ready_wait(&ready, -1, -1), 0, "so does a call");
    is_int((long long)kvt_ready_wait(&ready, 1, -1), 0, "which counts once");
    kvt_ready_close(&ready);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
        close(extra[i]);
    }
}

/* A pipe that nobody reads is a disk that does not get on; and no pipe can be synced. */
static void test_slow_file(void)
{
    struct kvt_appender appender;
    struct kvt_buffer held = {0};
    int ends[2];
    char block[4096] = {0};
    if (pipe(ends) != 0)
        abort();
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], block, sizeof block) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    kvt_appender_open(&appender, ends[1], "x", 1000);
    kvt_appender_add(&appender, "first\n", 6);
    ok(kvt_appender_start_sync(&appender, &error) == 0, "a sync begins");
    kvt_clock_sleep(0.05); /* the thread waits for the file now */
    kvt_appender_add(&appender, "second\n", 7);
    ok(kvt_appender_start_sync(&appender, &error) == 0, "nobody waits for a file that is slow");
    ok(kvt_appender_held(&appender, 1000, 5, &held) && kvt_appender_held(&appender, 1006, 6, &held),
       "what is not in the file yet is held");
    is_text(kvt_buffer_string(&held), "firstsecond", "all of it");
    ok(!kvt_appender_held(&appender, 10, 5, &held), "what was there before is not");
    is_int((long long)kvt_appender_synced(&appender), 1000, "and is not said to be on disk");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    double end = kvt_clock_monotonic() + 60;
    while (kvt_appender_check(&appender, &error) == 0 && kvt_clock_monotonic() < end) {
        while (read(ends[0], block, sizeof block) > 0)
            continue;
        kvt_clock_sleep(0.005);
    }
    ok(kvt_appender_check(&appender, &error) == -1, "a sync that fails is told");
    is_text(error.text, "cannot sync the journal x: Invalid argument", "with its reason");
    ok(kvt_appender_sync(&appender, &error) == -1, "for ever");
    is_int((long long)kvt_appender_synced(&appender), 1000, "nothing got to the disk");
    ok(kvt_appender_close(&appender, &error) == -1, "also at the end");
    close(ends[0]);
    close(ends[1]);
    kvt_buffer_free(&held);
}

static void test_unwritable_file(void)
{
    struct kvt_appender appender;
    int file = open("/dev/null", O_RDONLY);
    kvt_appender_open(&appender, file, "x", 0);
    ok(kvt_appender_sync(&appender, &error) == 0, "nothing to do, nothing to fail");
    kvt_appender_add(&appender, "first\n", 6);
    ok(kvt_appender_sync(&appender, &error) == -1, "a write that fails is told");
    is_text(error.text, "cannot write to the journal x: Bad file descriptor", "with its reason");
    kvt_appender_close(&appender, &error);
    close(file);
}

int main(void)
{
    test_arrival();
    test_ready();
    test_slow_file();
    test_unwritable_file();
    return tap_done();
}
