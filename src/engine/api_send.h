/*
 * engine/api_send.h: one answer on its way to one connection (libmicrohttpd): a document, an error,
 * or what a job makes, whole or as a stream of events. For api_server.c alone.
 *
 * What is returned is for libmicrohttpd: MHD_NO closes the connection.
 */
#ifndef KVT_ENGINE_API_SEND_H
#define KVT_ENGINE_API_SEND_H

#include "core/buffer.h"
#include "engine/api_queue.h"

#include <microhttpd.h>
#include <stdbool.h>

/* Sends a document of this HTTP status and media type; takes what `body` holds. */
enum MHD_Result kvt_send_buffer(struct MHD_Connection *connection, unsigned status,
                                struct kvt_buffer *body, const char *type);
enum MHD_Result kvt_send_error(struct MHD_Connection *connection,
                               const struct kvt_api_error *error);
/*
 * Waits for the job and sends what becomes of it; takes the job over, which ends when the client
 * goes away. The status line waits for the first token, so that what fails before it has an HTTP
 * status of its own, in streams too.
 */
enum MHD_Result kvt_send_job(struct MHD_Connection *connection, struct kvt_job *job, bool streamed);

#endif
