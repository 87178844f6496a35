#include "engine/api_send.h"

#include "core/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const double look_again = 0.05; /* seconds between looks whether the client is still there */

/* A streamed answer. */
struct stream {
    struct kvt_job *job;
    int client;
    size_t n_sent;
    bool first_sent, last_sent;
    struct kvt_buffer out;
    size_t out_at;
};

enum MHD_Result kvt_send_buffer(struct MHD_Connection *connection, unsigned status,
                                struct kvt_buffer *body, const char *type)
{
    size_t length = body->length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, kvt_buffer_take(body), MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result kvt_send_error(struct MHD_Connection *connection, const struct kvt_api_error *error)
{
    struct kvt_buffer body = {0};
    kvt_reply_error(&body, error);
    return kvt_send_buffer(connection, (unsigned)error->status, &body, "application/json");
}

static int client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

/* The client has closed its end, or the connection is broken. */
static bool client_gone(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Waits for more than `seen` pieces or the end; false when the client has gone. */
static bool wait_for(struct kvt_job *job, int client, size_t seen)
{
    while (!kvt_job_wait(job, seen, look_again))
        if (client_gone(client))
            return false;
    return true;
}

/* Turns what is new in the job into events. */
static void collect_events(struct stream *stream)
{
    struct kvt_job_view view;
    kvt_job_lock(stream->job, &view);
    if (!stream->first_sent) {
        kvt_reply_first(&stream->out, &view);
        stream->first_sent = true;
    }
    while (stream->n_sent < view.n_pieces)
        kvt_reply_piece(&stream->out, &view, stream->n_sent++);
    if (view.outcome) {
        kvt_reply_last(&stream->out, &view);
        stream->last_sent = true;
    }
    kvt_job_unlock(stream->job);
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t size)
{
    (void)position;
    struct stream *stream = context;
    if (stream->out_at == stream->out.length) {
        if (stream->last_sent)
            return MHD_CONTENT_READER_END_OF_STREAM;
        kvt_buffer_clear(&stream->out);
        stream->out_at = 0;
        if (!wait_for(stream->job, stream->client, stream->n_sent))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        collect_events(stream);
    }
    size_t left = stream->out.length - stream->out_at, n = left < size ? left : size;
    memcpy(to, stream->out.data + stream->out_at, n);
    stream->out_at += n;
    return (ssize_t)n;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    kvt_job_release(stream->job);
    kvt_buffer_free(&stream->out);
    free(stream);
}

static enum MHD_Result send_stream(struct MHD_Connection *connection, struct kvt_job *job)
{
    struct stream *stream = kvt_alloc_zero(1, sizeof *stream);
    stream->job = job;
    stream->client = client_of(connection);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 16384, read_stream, stream, free_stream);
    if (!response) {
        free_stream(stream);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_whole(struct MHD_Connection *connection, struct kvt_job *job)
{
    struct kvt_job_view view;
    struct kvt_buffer body = {0};
    if (!wait_for(job, client_of(connection), SIZE_MAX - 1)) {
        kvt_job_release(job);
        return MHD_NO;
    }
    unsigned status = MHD_HTTP_OK;
    kvt_job_lock(job, &view);
    if (view.outcome->finish_reason) {
        kvt_reply_whole(&body, &view);
    } else {
        status = (unsigned)view.outcome->error.status;
        kvt_reply_error(&body, &view.outcome->error);
    }
    kvt_job_unlock(job);
    kvt_job_release(job);
    return kvt_send_buffer(connection, status, &body, "application/json");
}

enum MHD_Result kvt_send_job(struct MHD_Connection *connection, struct kvt_job *job, bool streamed)
{
    if (!wait_for(job, client_of(connection), 0)) {
        kvt_job_release(job);
        return MHD_NO;
    }
    struct kvt_job_view view;
    kvt_job_lock(job, &view);
    bool failed = view.outcome && !view.outcome->finish_reason;
    kvt_job_unlock(job);
    return streamed && !failed ? send_stream(connection, job) : send_whole(connection, job);
}
