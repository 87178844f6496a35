/*
 * engine/api_queue.h: one thread that owns the engine and works on up to `slots` requests in turns:
 * a block of prompt or one token each, so that a long prompt does not hold up short answers.
 * Requests beyond that wait in order of arrival. Results do not depend on what else is running.
 */
#ifndef KVT_ENGINE_API_QUEUE_H
#define KVT_ENGINE_API_QUEUE_H

#include "engine/api.h"

struct kvt_queue;
struct kvt_job;

struct kvt_queue_options {
    size_t slots;   /* requests worked on at a time */
    size_t waiting; /* requests that may wait */
};

struct kvt_queue_counts { /* since the start, or at the moment */
    size_t running, waiting;
    size_t finished, failed, cancelled;
    size_t prompt_tokens, generated_tokens;
};

struct kvt_queue *kvt_queue_open(const struct kvt_service *service,
                                 const struct kvt_queue_options *options, struct kvt_error *error);
/* Cancels what is left and ends the thread; jobs can still be looked at and released. */
void kvt_queue_stop(struct kvt_queue *queue);
void kvt_queue_close(struct kvt_queue *queue); /* after its jobs were released; NULL is fine */
void kvt_queue_counts(struct kvt_queue *queue, struct kvt_queue_counts *counts);
/* The counts and the bytes of the KV allocator in Prometheus' text format. */
void kvt_queue_metrics(struct kvt_queue *queue, struct kvt_buffer *out);

/*
 * Takes the request over (it is emptied) and queues it. NULL and *error (503) when too many wait.
 * The job is released with kvt_job_release, which cancels it if it has not finished.
 */
struct kvt_job *kvt_job_submit(struct kvt_queue *queue, struct kvt_request *request,
                               struct kvt_api_error *error);
void kvt_job_release(struct kvt_job *job);

/*
 * Waits up to `seconds` until more than `seen` pieces are there or the job has finished. True if
 * so.
 */
bool kvt_job_wait(struct kvt_job *job, size_t seen, double seconds);
/*
 * A look at the job under its lock: view is valid until kvt_job_unlock; outcome is NULL until the
 * job has finished.
 */
void kvt_job_lock(struct kvt_job *job, struct kvt_job_view *view);
void kvt_job_unlock(struct kvt_job *job);

#endif
