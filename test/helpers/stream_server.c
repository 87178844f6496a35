/*
 * stream_server: the fastest honest stream we can serve, to measure clients against.
 *
 *     stream_server --tokens=N [--port=N]
 *
 * Answers every POST on loopback with N token events, a finish_reason, usage and [DONE], each event
 * a chunk written by its own send(2), taking turns between connections. One thread, epoll. Prints
 * its port first.
 */
#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct piece {
    char *data;
    size_t length;
};

static long tokens = 32, port;
static struct piece *pieces; /* of one answer, each sent by one call */
static size_t n_pieces;
static int poller;

struct connection {
    int socket;
    struct kvt_buffer input;
    bool sending, blocked;
    size_t piece, sent;                 /* where in the answer we are */
    struct connection *next, *previous; /* of those that can send now */
};

static struct connection ready = {.next = &ready, .previous = &ready};

static void add_piece(const char *text, bool chunk)
{
    pieces = kvt_realloc_array(pieces, n_pieces + 1, sizeof *pieces);
    char *data = chunk ? kvt_asprintf("%zx\r\n%s\r\n", strlen(text), text) : kvt_strdup(text);
    pieces[n_pieces++] = (struct piece){data, strlen(data)};
}

static void make_answer(void)
{
    add_piece(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        false);
    for (long i = 0; i < tokens; i++)
        add_piece(
            "data: "
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
            "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},"
            "\"logprobs\":null,\"finish_reason\":null}]}\n\n",
            true);
    add_piece("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n",
              true);
    char *usage = kvt_asprintf(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":%ld}}\n\n",
        tokens);
    add_piece(usage, true);
    free(usage);
    add_piece("data: [DONE]\n\n", true);
    add_piece("0\r\n\r\n", false);
}

static void link_ready(struct connection *c)
{
    c->previous = ready.previous;
    c->next = &ready;
    ready.previous->next = c;
    ready.previous = c;
}

static void unlink_ready(struct connection *c)
{
    c->previous->next = c->next;
    c->next->previous = c->previous;
}

static void drop(struct connection *c)
{
    if (c->sending && !c->blocked)
        unlink_ready(c);
    close(c->socket);
    kvt_buffer_free(&c->input);
    free(c);
}

static void watch(struct connection *c, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(poller, how, c->socket, &event);
}

/* Removes one whole request from the input; false if it is not complete yet. */
static bool take_request(struct connection *c)
{
    char *end = c->input.data ? strstr(c->input.data, "\r\n\r\n") : NULL;
    if (!end)
        return false;
    size_t head = (size_t)(end - c->input.data) + 4, body = 0;
    for (char *line = c->input.data; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = (size_t)strtoul(line + 15, NULL, 10);
    if (c->input.length < head + body)
        return false;
    kvt_buffer_drop(&c->input, head + body);
    return true;
}

static void begin(struct connection *c)
{
    if (c->sending || !take_request(c))
        return;
    c->sending = true;
    c->blocked = false;
    c->piece = c->sent = 0;
    link_ready(c);
}

static void on_input(struct connection *c)
{
    char chunk[65536];
    ssize_t got = recv(c->socket, chunk, sizeof chunk, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(c);
        return;
    }
    if (got > 0)
        kvt_buffer_append(&c->input, chunk, (size_t)got);
    begin(c);
}

/* Sends the next piece; false when the connection is gone. */
static bool send_piece(struct connection *c)
{
    const struct piece *piece = &pieces[c->piece];
    ssize_t sent = send(c->socket, piece->data + c->sent, piece->length - c->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
        unlink_ready(c);
        c->blocked = true;
        watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        return true;
    }
    if (sent < 0) {
        drop(c);
        return false;
    }
    c->sent += (size_t)sent;
    if (c->sent < piece->length)
        return true;
    c->sent = 0;
    if (++c->piece == n_pieces) {
        unlink_ready(c);
        c->sending = false;
        begin(c);
    }
    return true;
}

static void accept_all(int listener)
{
    int peer;
    while ((peer = accept(listener, NULL, NULL)) >= 0) {
        int on = 1;
        fcntl(peer, F_SETFL, O_NONBLOCK);
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = kvt_alloc_zero(1, sizeof *c);
        c->socket = peer;
        watch(c, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static void serve(int listener)
{
    struct epoll_event events[256];
    for (;;) {
        bool busy = ready.next != &ready;
        int n = epoll_wait(poller, events, 256, busy ? 0 : -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                accept_all(listener);
                continue;
            }
            if (c->blocked && (events[i].events & EPOLLOUT)) {
                c->blocked = false;
                link_ready(c);
                watch(c, EPOLLIN, EPOLL_CTL_MOD);
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_input(c);
        }
        for (struct connection *c = ready.next, *next; c != &ready; c = next) {
            next = c->next;
            send_piece(c);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct kvt_option options[] = {
        {KVT_OPTION_INTEGER, 0, "tokens", &tokens, "N", "token events in an answer [32]", 0},
        {KVT_OPTION_INTEGER, 0, "port", &port, "N", "port, 0: any free one [0]", 0},
        {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
    };
    static const struct kvt_usage usage = {
        "stream_server [--tokens=N] [--port=N]",
        "Streams answers as fast as it can; its port is printed first.", NULL, options};
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_arguments_free(&arguments);
    signal(SIGPIPE, SIG_IGN);
    make_answer();
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        kvt_die(KVT_SYSTEM, "cannot listen: %s", strerror(errno));
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    serve(listener);
}
