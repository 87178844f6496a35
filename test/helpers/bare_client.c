/*
 * bare_client: what a client that does nothing else sees of a server's send times.
 *
 *     bare_client --port=N [--path=PATH] --streams=N --count=N
 *
 * One thread and one connection per stream, blocking reads, no parsing: the moment read(2) returns
 * with the first content is noted. Prints "QUESTION SECONDS" per answer, from the request's write
 * to that moment. Its distance to the server's own times is what this machine costs a client that
 * looks at the clock when it has read; the benchmark of kvt-infer stands beside it.
 */
#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long port, streams = 1, count = 100;
static const char *path = "/v1";
static long next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double *seconds;

static int connected(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, out = socket(AF_INET, SOCK_STREAM, 0);
    if (out < 0 || connect(out, (struct sockaddr *)&address, sizeof address) != 0)
        kvt_die(KVT_SYSTEM, "cannot connect to port %ld", port);
    setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return out;
}

/* One request; the answer ends with the last chunk. */
static double ask(int server, long question)
{
    char body[128], request[512], answer[65536];
    snprintf(body, sizeof body,
             "{\"messages\":[{\"role\":\"user\",\"content\":\"question %ld\"}],\"stream\":true}",
             question);
    int length = snprintf(request, sizeof request,
                          "POST %s/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          path, strlen(body), body);
    double start = kvt_clock_monotonic(), first = 0;
    if (write(server, request, (size_t)length) != length)
        kvt_die(KVT_SYSTEM, "cannot write");
    for (size_t n = 0;;) {
        ssize_t got = read(server, answer + n, sizeof answer - 1 - n);
        double now = kvt_clock_monotonic();
        if (got <= 0)
            kvt_die(KVT_SYSTEM, "the answer is cut");
        n += (size_t)got;
        answer[n] = '\0';
        if (first == 0 && strstr(answer, "\"delta\":{\"content\":\"")) /* not the role's */
            first = now;
        if (n > 5 && strcmp(answer + n - 5, "0\r\n\r\n") == 0)
            return first - start;
    }
}

static void *stream(void *unused)
{
    int server = connected();
    for (;;) {
        pthread_mutex_lock(&lock);
        long question = next++;
        pthread_mutex_unlock(&lock);
        if (question >= count)
            break;
        seconds[question] = ask(server, question);
    }
    close(server);
    return unused;
}

static const struct kvt_option options[] = {
    {KVT_OPTION_INTEGER, 0, "port", &port, "N", "server on loopback", 0},
    {KVT_OPTION_TEXT, 0, "path", &path, "PATH", "before /chat/completions", 0},
    {KVT_OPTION_INTEGER, 0, "streams", &streams, "N", "answers at a time", 0},
    {KVT_OPTION_INTEGER, 0, "count", &count, "N", "answers in all", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0}};

static const struct kvt_usage usage = {"bare_client --port=N [--streams=N] [--count=N]",
                                       "Times first tokens and does nothing else.", "", options};

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_arguments_free(&arguments);
    seconds = kvt_alloc_array((size_t)count, sizeof *seconds);
    pthread_t *threads = kvt_alloc_array((size_t)streams, sizeof *threads);
    for (long i = 0; i < streams; i++)
        if (pthread_create(&threads[i], NULL, stream, NULL) != 0)
            kvt_die(KVT_SYSTEM, "cannot start a thread");
    for (long i = 0; i < streams; i++)
        pthread_join(threads[i], NULL);
    for (long i = 0; i < count; i++)
        printf("e%ld %.6f\n", i, seconds[i]);
    free(threads);
    free(seconds);
    return 0;
}
