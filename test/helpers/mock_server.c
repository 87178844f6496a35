/*
 * mock_server: a server that misbehaves on request, byte by byte.
 *
 *     mock_server --scripts=DIR [--log=FILE] [--port=N]
 *
 * Listens on loopback, prints its port on one line, and plays scripts. A request to /s/NAME/...
 * plays DIR/NAME.K for the K-th request of that name (from 1), else DIR/NAME. A script is a list of
 * lines:
 *
 *     header NAME: VALUE    one more header for the next head or json
 *     head STATUS [TYPE]    status line and headers; the body is chunked [text/event-stream]
 *     head-close STATUS [TYPE]   the same, the body ends with the connection
 *     json STATUS TEXT      a whole answer with Content-Length
 *     data TEXT             one event: "data: TEXT\n\n"
 *     raw TEXT              bytes of the body, with \n \r \t \\ and \xHH
 *     wire TEXT             bytes on the socket, outside chunks
 *     file PATH             bytes of the body from a file
 *     fill N C              N times the character C
 *     role | token TEXT | reason TEXT | finish REASON | usage P C | done   chat events
 *     text TEXT             a completions event
 *     tokens N              N token events
 *     answer MODE           a whole chat answer about the cache, see kv_answer
 *     drip N SECONDS        from here on N bytes at a time, with a pause after each
 *     sleep SECONDS
 *     read                  waits until the client has read all that was sent
 *     touch NAME            creates a file beside the scripts
 *     await NAME            waits until that file is there; after a minute the connection is closed
 *     end                   ends a chunked body; the connection stays open
 *     close | reset         closes the connection, cleanly or by RST
 *     hold SECONDS          keeps the connection open and silent, then closes it
 *
 * TEXT runs to the end of the line. Without `end`, `close` or `reset` a chunked body is ended and
 * the connection kept. The log gets one JSON line per request as it arrives ("request", with
 * method, path, headers of interest, body, its bytes and the request's number), one when its first
 * token is sent ("content") and one at its end ("end"), with monotonic times. They are those of the
 * bytes, not of this process: a request's is the kernel's, of its arrival, and a token's is taken
 * when nothing but send(2) is left to do.
 */
#include "core/buffer.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/sha256.h"
#include "http/arrival.h"
#include "stream/json.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *script_directory = ".", *log_path;
static long port;
static FILE *log_file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum { MAX_NAMES = 512 };
static struct {
    char name[64];
    long count;
} names[MAX_NAMES];
static size_t n_names;
static long n_requests;

struct connection {
    int socket;
    struct kvt_buffer input;
    /* of the request being answered */
    long number;
    char method[16], path[512], name[64];
    char authorization[256], host[256];
    long name_count;
    char *body;
    size_t body_length;
    json_t *request;
    struct kvt_buffer headers;
    bool chunked, headed, content_sent;
    double arrived; /* when the last bytes read came in; then, the whole request was here */
    double sent;    /* when the first of the last bytes sent went out */
    size_t drip;
    double drip_pause;
    bool broken; /* the peer is gone, or the script closed */
};

/* --- bytes out --- */

static void send_all(struct connection *c, const char *data, size_t length)
{
    c->sent = kvt_clock_monotonic();
    while (length && !c->broken) {
        size_t piece = c->drip && c->drip < length ? c->drip : length;
        ssize_t sent = send(c->socket, data, piece, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            c->broken = true;
            return;
        }
        data += sent;
        length -= (size_t)sent;
        if (c->drip && c->drip_pause > 0)
            kvt_clock_sleep(c->drip_pause);
    }
}

static void send_body(struct connection *c, const char *data, size_t length)
{
    if (length == 0)
        return;
    if (!c->chunked) {
        send_all(c, data, length);
        return;
    }
    struct kvt_buffer chunk = {0};
    kvt_buffer_printf(&chunk, "%zx\r\n", length);
    kvt_buffer_append(&chunk, data, length);
    kvt_buffer_append(&chunk, "\r\n", 2);
    send_all(c, chunk.data, chunk.length);
    kvt_buffer_free(&chunk);
}

/* `time` is when it happened: writing the log must not stand between a time and its bytes. */
static void log_event(const struct connection *c, const char *event, double time)
{
    if (!log_file)
        return;
    pthread_mutex_lock(&lock);
    fprintf(log_file, "{\"event\":\"%s\",\"n\":%ld,\"t\":%.6f}\n", event, c->number, time);
    fflush(log_file);
    pthread_mutex_unlock(&lock);
}

static void send_event(struct connection *c, const char *text)
{
    struct kvt_buffer event = {0};
    kvt_buffer_printf(&event, "data: %s\n\n", text);
    send_body(c, event.data, event.length);
    kvt_buffer_free(&event);
}

static void send_delta(struct connection *c, const char *member, const char *text)
{
    struct kvt_buffer event = {0};
    kvt_buffer_text(&event,
                    "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{");
    kvt_json_write_string(&event, member, strlen(member));
    kvt_buffer_byte(&event, ':');
    kvt_json_write_string(&event, text, strlen(text));
    kvt_buffer_text(&event, "},\"finish_reason\":null}]}");
    bool first = !c->content_sent && strcmp(member, "content") == 0;
    send_event(c, event.data);
    if (first) {
        c->content_sent = true;
        log_event(c, "content", c->sent);
    }
    kvt_buffer_free(&event);
}

static void send_finish(struct connection *c, const char *reason)
{
    struct kvt_buffer event = {0};
    kvt_buffer_text(&event, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":");
    kvt_json_write_string(&event, reason, strlen(reason));
    kvt_buffer_text(&event, "}]}");
    send_event(c, event.data);
    kvt_buffer_free(&event);
}

static const char *reason_phrase(int status)
{
    return status == 200 ? "OK" : status < 400 ? "Elsewhere" : status < 500 ? "Refused" : "Broken";
}

static void send_head(struct connection *c, int status, const char *type, bool chunked)
{
    struct kvt_buffer head = {0};
    kvt_buffer_printf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", status,
                      reason_phrase(status), type);
    if (c->headers.length)
        kvt_buffer_append(&head, c->headers.data, c->headers.length);
    kvt_buffer_text(&head,
                    chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Connection: close\r\n\r\n");
    send_all(c, head.data, head.length);
    kvt_buffer_free(&head);
    c->chunked = chunked;
    c->headed = true;
}

static void send_json(struct connection *c, int status, const char *text)
{
    struct kvt_buffer answer = {0};
    kvt_buffer_printf(&answer, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n", status,
                      reason_phrase(status));
    if (c->headers.length)
        kvt_buffer_append(&answer, c->headers.data, c->headers.length);
    kvt_buffer_printf(&answer, "Content-Length: %zu\r\n\r\n%s", strlen(text), text);
    send_all(c, answer.data, answer.length);
    kvt_buffer_free(&answer);
}

/* --- what the client and the test have done --- */

/* Bytes that wait in the receive queue of the other end, a socket of this machine too. */
static unsigned unread_by_client(int socket)
{
    struct sockaddr_in own, peer;
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    if (getsockname(socket, (struct sockaddr *)&own, &own_size) != 0 ||
        getpeername(socket, (struct sockaddr *)&peer, &peer_size) != 0)
        return 0;
    FILE *table = fopen("/proc/net/tcp", "r");
    char line[512];
    unsigned local, local_port, remote, remote_port, waiting, found = 0;
    while (table && fgets(line, sizeof line, table))
        if (sscanf(line, " %*u: %x:%x %x:%x %*x %*x:%x", &local, &local_port, &remote, &remote_port,
                   &waiting) == 5 &&
            local == peer.sin_addr.s_addr && local_port == ntohs(peer.sin_port) &&
            remote == own.sin_addr.s_addr && remote_port == ntohs(own.sin_port))
            found = waiting;
    if (table)
        fclose(table);
    return found;
}

/* The bytes are here, or on their way, until they are acknowledged. */
static bool has_read(const struct connection *c, const char *unused)
{
    int here = 0;
    (void)unused;
    return ioctl(c->socket, TIOCOUTQ, &here) != 0 ||
           (here == 0 && unread_by_client(c->socket) == 0);
}

static bool is_there(const struct connection *c, const char *name)
{
    char *path = kvt_asprintf("%s/%s", script_directory, name);
    bool there = access(path, F_OK) == 0;
    (void)c;
    free(path);
    return there;
}

/* Waits for an event; one that does not come is told by a connection that breaks. */
static void wait_until(struct connection *c,
                       bool (*happened)(const struct connection *, const char *), const char *name)
{
    double until = kvt_clock_monotonic() + 60;
    while (!happened(c, name)) {
        if (kvt_clock_monotonic() > until) {
            c->broken = true;
            return;
        }
        kvt_clock_sleep(0.002);
    }
}

static void touch(const char *name)
{
    char *path = kvt_asprintf("%s/%s", script_directory, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        kvt_die(KVT_SYSTEM, "cannot create %s: %s", path, strerror(errno));
    fclose(file);
    free(path);
}

/* --- an answer about the cache --- */

/*
 * MODE says what the server makes of kv_budget (a share of 1000 prompt tokens) or kv_capacity:
 *   honest   counts what the budget asks for; answers change when less than 5% is kept
 *   silent   the same, but reports nothing
 *   echo     reports the budget it was asked for, and ignores it
 *   ignore   neither reports nor applies it
 *   liar     reports a count that matches, and ignores it
 *   full     reports that everything was kept, whatever was asked
 *   noisy    answers differ from request to request; reports nothing
 */
static void kv_answer(struct connection *c, const char *mode)
{
    double prompt = 1000;
    double budget = kvt_json_number(c->request, "kv_budget", 1);
    double capacity = kvt_json_number(c->request, "kv_capacity", NAN);
    double kept = isnan(capacity) ? floor(prompt * budget) : fmin(capacity, prompt);
    bool applies = strcmp(mode, "honest") == 0 || strcmp(mode, "silent") == 0;
    char text[64];
    snprintf(text, sizeof text, "answer %d", applies && kept < 50 ? (int)kept : 1000);
    if (strcmp(mode, "noisy") == 0)
        snprintf(text, sizeof text, "answer %ld", c->number);
    struct kvt_buffer usage = {0};
    kvt_buffer_text(&usage,
                    "{\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":2");
    if (strcmp(mode, "echo") == 0)
        kvt_buffer_printf(&usage, ",\"kv_cache\":{\"kv_budget\":%g}", budget);
    else if (strcmp(mode, "honest") == 0 || strcmp(mode, "liar") == 0 || strcmp(mode, "full") == 0)
        kvt_buffer_printf(
            &usage,
            ",\"kv_cache\":{\"prompt_tokens\":1000,\"kept_tokens\":%g,"
            "\"uncompressed_tail\":0,\"bytes\":%g,\"peak_bytes\":64000,\"full_bytes\":64000}",
            strcmp(mode, "full") == 0 ? prompt : kept, 64 * kept);
    kvt_buffer_text(&usage, "}}");
    send_head(c, 200, "text/event-stream", true);
    send_delta(c, "content", text);
    send_finish(c, "stop");
    send_event(c, usage.data);
    send_event(c, "[DONE]");
    kvt_buffer_free(&usage);
}

/* --- scripts --- */

static void unescape(struct kvt_buffer *out, const char *text)
{
    for (; *text; text++) {
        unsigned value;
        if (*text != '\\' || !text[1]) {
            kvt_buffer_byte(out, *text);
        } else if (text[1] == 'x' && sscanf(text + 2, "%2x", &value) == 1) {
            kvt_buffer_byte(out, (char)value);
            text += 3;
        } else {
            text++;
            kvt_buffer_byte(out, *text == 'n'   ? '\n'
                                 : *text == 'r' ? '\r'
                                 : *text == 't' ? '\t'
                                                : *text);
        }
    }
}

static void send_file(struct connection *c, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        kvt_die(KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        send_body(c, chunk, n);
    fclose(file);
}

static void send_fill(struct connection *c, const char *rest)
{
    char *end;
    long n = strtol(rest, &end, 10);
    struct kvt_buffer text = {0};
    char byte = *end ? end[1] : 'x';
    while (n-- > 0)
        kvt_buffer_byte(&text, byte);
    send_body(c, kvt_buffer_string(&text), text.length);
    kvt_buffer_free(&text);
}

static void close_by_reset(struct connection *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    c->broken = true;
}

static bool is(const char *word, const char *name)
{
    return strcmp(word, name) == 0;
}

/* Chat events and their like; false if the word is none of them. */
static bool play_event(struct connection *c, const char *word, const char *rest)
{
    struct kvt_buffer text = {0};
    if (is(word, "data")) {
        send_event(c, rest);
    } else if (is(word, "role")) {
        send_event(c,
                   "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                   "\"finish_reason\":null}]}");
    } else if (is(word, "token")) {
        send_delta(c, "content", rest);
    } else if (is(word, "reason")) {
        send_delta(c, "reasoning_content", rest);
    } else if (is(word, "finish")) {
        send_finish(c, rest);
    } else if (is(word, "done")) {
        send_event(c, "[DONE]");
    } else if (is(word, "usage")) {
        long prompt = 0, completion = 0;
        sscanf(rest, "%ld %ld", &prompt, &completion);
        kvt_buffer_printf(
            &text, "{\"choices\":[],\"usage\":{\"prompt_tokens\":%ld,\"completion_tokens\":%ld}}",
            prompt, completion);
        send_event(c, text.data);
    } else if (is(word, "text")) {
        kvt_buffer_text(&text, "{\"choices\":[{\"index\":0,\"text\":");
        kvt_json_write_string(&text, rest, strlen(rest));
        kvt_buffer_text(&text, ",\"finish_reason\":null}]}");
        send_event(c, text.data);
    } else if (is(word, "tokens")) {
        for (long i = 0, n = strtol(rest, NULL, 10); i < n && !c->broken; i++)
            send_delta(c, "content", "word ");
    } else if (is(word, "answer")) {
        kv_answer(c, rest);
    } else {
        return false;
    }
    kvt_buffer_free(&text);
    return true;
}

static void play_line(struct connection *c, const char *word, const char *rest)
{
    struct kvt_buffer text = {0};
    char type[128] = "text/event-stream";
    int status = 200;
    if (play_event(c, word, rest)) {
        /* done */
    } else if (is(word, "header")) {
        kvt_buffer_printf(&c->headers, "%s\r\n", rest);
    } else if (is(word, "head") || is(word, "head-close")) {
        sscanf(rest, "%d %127s", &status, type);
        send_head(c, status, type, is(word, "head"));
    } else if (is(word, "json")) {
        send_json(c, atoi(rest), rest + strcspn(rest, " ") + 1);
    } else if (is(word, "raw")) {
        unescape(&text, rest);
        send_body(c, kvt_buffer_string(&text), text.length);
    } else if (is(word, "wire")) {
        unescape(&text, rest);
        send_all(c, kvt_buffer_string(&text), text.length);
    } else if (is(word, "file")) {
        send_file(c, rest);
    } else if (is(word, "fill")) {
        send_fill(c, rest);
    } else if (is(word, "drip")) {
        sscanf(rest, "%zu %lf", &c->drip, &c->drip_pause);
    } else if (is(word, "sleep")) {
        kvt_clock_sleep(atof(rest));
    } else if (is(word, "read")) {
        wait_until(c, has_read, rest);
    } else if (is(word, "touch")) {
        touch(rest);
    } else if (is(word, "await")) {
        wait_until(c, is_there, rest);
    } else if (is(word, "hold")) {
        kvt_clock_sleep(atof(rest));
        c->broken = true;
    } else if (is(word, "end")) {
        if (c->chunked)
            send_all(c, "0\r\n\r\n", 5);
        c->headed = false;
    } else if (is(word, "close")) {
        c->broken = true;
    } else if (is(word, "reset")) {
        close_by_reset(c);
    } else {
        kvt_die(KVT_DATA, "script %s: no such word: %s", c->name, word);
    }
    kvt_buffer_free(&text);
}

static FILE *open_script(const struct connection *c)
{
    char *path = kvt_asprintf("%s/%s.%ld", script_directory, c->name, c->name_count);
    FILE *file = fopen(path, "rb");
    free(path);
    if (file)
        return file;
    path = kvt_asprintf("%s/%s", script_directory, c->name);
    file = fopen(path, "rb");
    free(path);
    return file;
}

static void play(struct connection *c)
{
    FILE *script = open_script(c);
    if (!script) {
        send_json(c, 404, "{\"error\":{\"message\":\"no such script\",\"code\":404}}");
        return;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while (!c->broken && (length = getline(&line, &capacity, script)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        char *rest = line + strcspn(line, " ");
        if (*rest)
            *rest++ = '\0';
        if (line[0] && line[0] != '#')
            play_line(c, line, rest);
    }
    if (!c->broken && c->headed) {
        if (c->chunked)
            send_all(c, "0\r\n\r\n", 5);
        else
            c->broken = true;
    }
    free(line);
    fclose(script);
}

/* --- requests --- */

static void copy_header(const char *line, size_t length, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    if (length <= n + 1 || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return;
    const char *value = line + n + 1;
    size_t rest = length - n - 1;
    while (rest && *value == ' ') {
        value++;
        rest--;
    }
    if (rest >= size)
        rest = size - 1;
    memcpy(out, value, rest);
    out[rest] = '\0';
}

static bool fill_input(struct connection *c)
{
    char chunk[65536];
    ssize_t got;
    do
        got = recv(c->socket, chunk, 1, MSG_PEEK); /* waits */
    while (got < 0 && errno == EINTR);
    struct kvt_arrival arrival = kvt_arrival_last(c->socket);
    c->arrived = arrival.length ? arrival.time : kvt_clock_monotonic();
    if (got > 0)
        got = recv(c->socket, chunk, sizeof chunk, 0);
    if (got <= 0)
        return false;
    kvt_buffer_append(&c->input, chunk, (size_t)got);
    return true;
}

/* Reads one request; false when the peer has closed. */
static bool read_request(struct connection *c)
{
    char *end = NULL;
    while (!c->input.data || !(end = strstr(c->input.data, "\r\n\r\n")))
        if (!fill_input(c))
            return false;
    size_t head = (size_t)(end - c->input.data) + 4;
    char length_text[32] = "0";
    c->authorization[0] = c->host[0] = '\0';
    if (sscanf(c->input.data, "%15s %511s", c->method, c->path) != 2)
        return false;
    for (char *line = c->input.data; line < c->input.data + head - 2;) {
        char *stop = strstr(line, "\r\n");
        size_t n = (size_t)(stop - line);
        copy_header(line, n, "content-length", length_text, sizeof length_text);
        copy_header(line, n, "authorization", c->authorization, sizeof c->authorization);
        copy_header(line, n, "host", c->host, sizeof c->host);
        line = stop + 2;
    }
    c->body_length = (size_t)strtoul(length_text, NULL, 10);
    while (c->input.length < head + c->body_length)
        if (!fill_input(c))
            return false;
    c->body = kvt_strndup(c->input.data + head, c->body_length);
    kvt_buffer_drop(&c->input, head + c->body_length);
    struct kvt_error ignored;
    c->request = kvt_json_parse(c->body, c->body_length, NULL, &ignored);
    return true;
}

static void count_request(struct connection *c)
{
    c->name[0] = '\0';
    sscanf(c->path, "/s/%63[^/?]", c->name);
    pthread_mutex_lock(&lock);
    c->number = ++n_requests;
    size_t i = 0;
    while (i < n_names && strcmp(names[i].name, c->name) != 0)
        i++;
    if (i == n_names && n_names < MAX_NAMES) {
        snprintf(names[n_names].name, sizeof names[n_names].name, "%s", c->name);
        n_names++;
    }
    c->name_count = i < MAX_NAMES ? ++names[i].count : 0;
    pthread_mutex_unlock(&lock);
}

static void log_request(const struct connection *c)
{
    if (!log_file)
        return;
    struct kvt_buffer line = {0};
    struct kvt_writer writer;
    kvt_writer_start(&writer, &line);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "event", "request");
    kvt_member_integer(&writer, "n", c->number);
    kvt_member_string(&writer, "name", c->name);
    kvt_member_integer(&writer, "of_name", c->name_count);
    kvt_member_number(&writer, "t", c->arrived);
    kvt_member_string(&writer, "method", c->method);
    kvt_member_string(&writer, "path", c->path);
    kvt_member_string(&writer, "authorization", c->authorization[0] ? c->authorization : NULL);
    kvt_member_json(&writer, "body", c->request);
    kvt_member_integer(&writer, "body_length", (long long)c->body_length);
    kvt_write_end(&writer);
    pthread_mutex_lock(&lock);
    fprintf(log_file, "%s\n", line.data);
    fflush(log_file);
    pthread_mutex_unlock(&lock);
    kvt_buffer_free(&line);
}

static void *serve(void *argument)
{
    struct connection *c = argument;
    int on = 1;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (!c->broken && read_request(c)) {
        c->chunked = c->headed = c->content_sent = false;
        c->drip = 0;
        kvt_buffer_clear(&c->headers);
        count_request(c);
        log_request(c);
        play(c);
        /* What the client does next it does after the last bytes went out, or the close below. */
        log_event(c, "end", c->broken ? kvt_clock_monotonic() : c->sent);
        free(c->body);
        json_decref(c->request);
        c->body = NULL;
        c->request = NULL;
    }
    close(c->socket);
    free(c->body);
    kvt_buffer_free(&c->input);
    kvt_buffer_free(&c->headers);
    free(c);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct kvt_option options[] = {
        {KVT_OPTION_TEXT, 0, "scripts", &script_directory, "DIR", "where the scripts are [.]", 0},
        {KVT_OPTION_TEXT, 0, "log", &log_path, "FILE", "log of requests, as JSON lines", 0},
        {KVT_OPTION_INTEGER, 0, "port", &port, "N", "port, 0: any free one [0]", 0},
        {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
    };
    static const struct kvt_usage usage = {"mock_server --scripts=DIR [--log=FILE] [--port=N]",
                                           "Plays answers from scripts; its port is printed first.",
                                           NULL, options};
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    kvt_arguments_free(&arguments);
    signal(SIGPIPE, SIG_IGN);
    if (log_path && !(log_file = fopen(log_path, "ab")))
        kvt_die(KVT_SYSTEM, "cannot open %s: %s", log_path, strerror(errno));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    kvt_arrival_note(listener); /* and what it accepts */
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        kvt_die(KVT_SYSTEM, "cannot listen: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer < 0)
            continue;
        struct connection *c = kvt_alloc_zero(1, sizeof *c);
        c->socket = peer;
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, c) != 0)
            kvt_die(KVT_SYSTEM, "cannot start a thread");
        pthread_detach(thread);
    }
}
