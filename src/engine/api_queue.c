#include "engine/api_queue.h"

#include "core/clock.h"
#include "core/memory.h"
#include "engine/sampler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct kvt_job {
    struct kvt_queue *queue;
    struct kvt_request request;
    char id[64];
    long long created;
    double submitted, started, prompted, last_token; /* monotonic */
    atomic_bool cancelled;

    /* Guarded by lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int references; /* the connection's and the queue's */
    struct kvt_piece *pieces;
    size_t n_pieces, pieces_capacity;
    struct kvt_buffer text;
    bool finished;
    struct kvt_outcome outcome;

    /* Used by the engine's thread alone. */
    struct kvt_session *session;
    struct kvt_random random;
    struct kvt_answer answer;
    size_t fed; /* prompt tokens */
    size_t n_generated;
    int32_t next_token;   /* chosen, not yet fed */
    struct kvt_job *next; /* in the waiting line */
};

struct kvt_queue {
    const struct kvt_service *service;
    struct kvt_queue_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    struct kvt_job *first, *last; /* waiting */
    size_t n_waiting;
    size_t n_running;
    size_t serial;
    bool stop;
    struct kvt_queue_counts counts;
};

static void job_free(struct kvt_job *job)
{
    for (size_t i = 0; i < job->n_pieces; i++)
        free(job->pieces[i].top);
    free(job->pieces);
    free(job->outcome.kv.kept_per_layer);
    kvt_buffer_free(&job->text);
    kvt_answer_free(&job->answer);
    kvt_request_free(&job->request);
    pthread_cond_destroy(&job->changed);
    pthread_mutex_destroy(&job->lock);
    free(job);
}

static void drop_reference(struct kvt_job *job)
{
    pthread_mutex_lock(&job->lock);
    int left = --job->references;
    pthread_mutex_unlock(&job->lock);
    if (left == 0)
        job_free(job);
}

void kvt_job_release(struct kvt_job *job)
{
    if (!job)
        return;
    atomic_store(&job->cancelled, true);
    drop_reference(job);
}

/* The report outlives its session, so the job gets its own copy. */
static void copy_report(struct kvt_job *job)
{
    struct kvt_kv_report *kv = &job->outcome.kv;
    kvt_session_report(job->session, kv);
    if (kv->n_layers == 0) {
        kv->kept_per_layer = NULL;
        return;
    }
    double *copy = kvt_alloc_array(kv->n_layers, sizeof *copy);
    memcpy(copy, kv->kept_per_layer, kv->n_layers * sizeof *copy);
    kv->kept_per_layer = copy;
}

/* Before anyone learns that the job has ended: who has its answer no longer finds it running. */
static void count_outcome(struct kvt_job *job)
{
    struct kvt_queue *queue = job->queue;
    pthread_mutex_lock(&queue->lock);
    queue->n_running--;
    if (job->outcome.finish_reason)
        queue->counts.finished++;
    else if (atomic_load(&job->cancelled))
        queue->counts.cancelled++;
    else
        queue->counts.failed++;
    queue->counts.prompt_tokens += job->fed;
    queue->counts.generated_tokens += job->n_generated;
    pthread_mutex_unlock(&queue->lock);
}

/* Frees the cache at once and tells the waiting connection. reason NULL: job->outcome.error says
 * why. */
static void finish(struct kvt_job *job, const char *reason)
{
    pthread_mutex_lock(&job->lock);
    struct kvt_outcome *o = &job->outcome;
    o->finish_reason = reason;
    o->prompt_tokens = job->request.prompt.count;
    o->completion_tokens = job->n_generated;
    o->queue_s = (job->session ? job->started : kvt_clock_monotonic()) - job->submitted;
    o->prompt_s = job->prompted > 0 ? job->prompted - job->started : 0;
    o->predicted_s = job->n_generated > 0 ? job->last_token - job->prompted : 0;
    kvt_answer_end(&job->answer, &job->text);
    if (job->session)
        copy_report(job);
    kvt_session_close(job->session);
    job->session = NULL;
    pthread_mutex_unlock(&job->lock);
    count_outcome(job);
    pthread_mutex_lock(&job->lock);
    job->finished = true;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
}

static void fail(struct kvt_job *job, const struct kvt_error *error)
{
    if (error->code == KVT_SYSTEM)
        kvt_api_fail(&job->outcome.error, 503, "overloaded_error", NULL, "%s", error->text);
    else
        kvt_api_fail(&job->outcome.error, 500, "server_error", NULL, "%s", error->text);
    finish(job, NULL);
}

static void report_alternatives(struct kvt_job *job, struct kvt_piece *piece, const float *logits)
{
    const struct kvt_request *request = &job->request;
    size_t n = job->queue->service->info->vocabulary;
    if (!request->logprobs)
        return;
    piece->log_probability = kvt_log_probability(logits, n, piece->token);
    if (request->top == 0)
        return;
    int32_t tokens[KVT_MAX_TOP];
    piece->n_top = kvt_most_likely(logits, n, request->top, tokens);
    piece->top = kvt_alloc_array(piece->n_top, sizeof *piece->top);
    for (size_t i = 0; i < piece->n_top; i++)
        piece->top[i] =
            (struct kvt_alternative){tokens[i], kvt_log_probability(logits, n, tokens[i])};
}

/* Publishes one token. */
static void add_piece(struct kvt_job *job, int32_t token, const float *logits)
{
    struct kvt_piece piece = {.token = token};
    size_t length;
    const char *bytes = kvt_tokenizer_bytes(job->queue->service->tokenizer, token, &length);
    report_alternatives(job, &piece, logits);
    pthread_mutex_lock(&job->lock);
    piece.text_start = job->text.length;
    kvt_answer_add(&job->answer, bytes, bytes ? length : 0, &job->text);
    piece.text_length = job->text.length - piece.text_start;
    kvt_grow(&job->pieces, &job->pieces_capacity, job->n_pieces, sizeof *job->pieces);
    job->pieces[job->n_pieces++] = piece;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
}

/* Chooses the next token. Returns false when the job has ended with it. */
static bool choose(struct kvt_job *job)
{
    const struct kvt_service *service = job->queue->service;
    const struct kvt_request *request = &job->request;
    if (job->n_generated >= request->max_tokens) {
        finish(job, "length");
        return false;
    }
    const float *logits = kvt_session_logits(job->session);
    int32_t token = kvt_sample(logits, service->info->vocabulary, request->temperature,
                               request->top_p, &job->random);
    job->n_generated++;
    job->last_token = kvt_clock_monotonic();
    job->next_token = token;
    if (kvt_tokenizer_ends(service->tokenizer, token) && !request->ignore_eos) {
        finish(job, "stop");
        return false;
    }
    add_piece(job, token, logits);
    if (job->answer.stopped)
        finish(job, "stop");
    else if (job->n_generated >= request->max_tokens)
        finish(job, "length");
    return !job->finished;
}

static bool start(struct kvt_job *job)
{
    struct kvt_error error;
    job->started = kvt_clock_monotonic();
    job->session = kvt_session_open(job->queue->service->engine, &job->request.plan, &error);
    if (!job->session)
        fail(job, &error);
    return job->session != NULL;
}

/* One turn: a block of the prompt, or one token. Returns false when the job has ended. */
static bool turn(struct kvt_job *job)
{
    struct kvt_error error;
    const struct kvt_token_ids *prompt = &job->request.prompt;
    if (atomic_load(&job->cancelled)) {
        kvt_api_fail(&job->outcome.error, 503, "unavailable_error", NULL,
                     "the request was cancelled");
        finish(job, NULL);
        return false;
    }
    if (!job->session && !start(job))
        return false;
    const int32_t *tokens = job->fed < prompt->count ? prompt->ids + job->fed : &job->next_token;
    size_t n = job->fed < prompt->count ? prompt->count - job->fed : 1;
    ptrdiff_t taken = kvt_session_feed(job->session, tokens, n, &error);
    if (taken < 0) {
        fail(job, &error);
        return false;
    }
    if (job->fed < prompt->count) {
        job->fed += (size_t)taken;
        if (job->fed < prompt->count)
            return true;
        job->prompted = kvt_clock_monotonic();
    }
    return choose(job);
}

/* Waits for work. Moves waiting jobs into free slots; false when it is time to end. */
static bool admit(struct kvt_queue *queue, struct kvt_job **slots, size_t *n_slots)
{
    pthread_mutex_lock(&queue->lock);
    queue->n_running = *n_slots;
    while (*n_slots == 0 && !queue->first && !queue->stop)
        pthread_cond_wait(&queue->work, &queue->lock);
    while (*n_slots < queue->options.slots && queue->first) {
        struct kvt_job *job = queue->first;
        queue->first = job->next;
        queue->last = queue->first ? queue->last : NULL;
        queue->n_waiting--;
        slots[(*n_slots)++] = job;
    }
    queue->n_running = *n_slots;
    bool stop = queue->stop;
    for (size_t i = 0; stop && i < *n_slots; i++)
        atomic_store(&slots[i]->cancelled, true);
    pthread_mutex_unlock(&queue->lock);
    return !(stop && *n_slots == 0);
}

static void *serve(void *argument)
{
    struct kvt_queue *queue = argument;
    struct kvt_job **slots = kvt_alloc_zero(queue->options.slots, sizeof(struct kvt_job *));
    size_t n_slots = 0;
    while (admit(queue, slots, &n_slots)) {
        size_t left = 0;
        for (size_t i = 0; i < n_slots; i++) {
            if (turn(slots[i]))
                slots[left++] = slots[i];
            else
                drop_reference(slots[i]);
        }
        n_slots = left;
    }
    free(slots);
    return NULL;
}

struct kvt_queue *kvt_queue_open(const struct kvt_service *service,
                                 const struct kvt_queue_options *options, struct kvt_error *error)
{
    struct kvt_queue *queue = kvt_alloc_zero(1, sizeof *queue);
    queue->service = service;
    queue->options = *options;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    int status = pthread_create(&queue->thread, NULL, serve, queue);
    if (status == 0)
        return queue;
    kvt_fail(error, KVT_SYSTEM, "cannot start the engine's thread: %s", strerror(status));
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    return NULL;
}

void kvt_queue_stop(struct kvt_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool stopped = queue->stop;
    queue->stop = true;
    pthread_cond_broadcast(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    if (!stopped)
        pthread_join(queue->thread, NULL);
}

void kvt_queue_close(struct kvt_queue *queue)
{
    if (!queue)
        return;
    kvt_queue_stop(queue);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void kvt_queue_counts(struct kvt_queue *queue, struct kvt_queue_counts *counts)
{
    pthread_mutex_lock(&queue->lock);
    *counts = queue->counts;
    counts->running = queue->n_running;
    counts->waiting = queue->n_waiting;
    pthread_mutex_unlock(&queue->lock);
}

static void metric(struct kvt_buffer *out, const char *name, const char *type, const char *help,
                   size_t value)
{
    kvt_buffer_printf(out, "# HELP kvt_%s %s\n# TYPE kvt_%s %s\nkvt_%s %zu\n", name, help, name,
                      type, name, value);
}

void kvt_queue_metrics(struct kvt_queue *queue, struct kvt_buffer *out)
{
    const struct kvt_engine *engine = queue->service->engine;
    struct kvt_queue_counts n;
    kvt_queue_counts(queue, &n);
    metric(out, "kv_cache_bytes", "gauge", "Bytes the KV allocator holds for all requests.",
           kvt_engine_kv_bytes(engine));
    metric(out, "kv_cache_peak_bytes", "gauge", "The most it has held.",
           kvt_engine_kv_peak(engine));
    metric(out, "requests_running", "gauge", "Requests being worked on.", n.running);
    metric(out, "requests_waiting", "gauge", "Requests waiting for a place.", n.waiting);
    metric(out, "requests_finished_total", "counter", "Requests answered.", n.finished);
    metric(out, "requests_failed_total", "counter", "Requests that failed in the engine.",
           n.failed);
    metric(out, "requests_cancelled_total", "counter", "Requests whose client went away.",
           n.cancelled);
    metric(out, "prompt_tokens_total", "counter", "Prompt tokens computed.", n.prompt_tokens);
    metric(out, "generated_tokens_total", "counter", "Tokens generated.", n.generated_tokens);
}

struct kvt_job *kvt_job_submit(struct kvt_queue *queue, struct kvt_request *request,
                               struct kvt_api_error *error)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->stop || queue->n_waiting >= queue->options.waiting) {
        kvt_api_fail(error, 503, "overloaded_error", NULL,
                     "%zu requests are waiting already; try again later", queue->n_waiting);
        pthread_mutex_unlock(&queue->lock);
        return NULL;
    }
    struct kvt_job *job = kvt_alloc_zero(1, sizeof *job);
    job->queue = queue;
    job->request = *request;
    *request = (struct kvt_request){0};
    job->answer.request = &job->request;
    kvt_random_stream(&job->random, job->request.seed, "sample");
    job->created = (long long)kvt_clock_wall();
    snprintf(job->id, sizeof job->id, "%s-%llx%06zx", job->request.chat ? "chatcmpl" : "cmpl",
             (unsigned long long)job->created, ++queue->serial);
    job->submitted = kvt_clock_monotonic();
    job->references = 2;
    pthread_mutex_init(&job->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&job->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->n_waiting++;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    return job;
}

bool kvt_job_wait(struct kvt_job *job, size_t seen, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long long nanoseconds = until.tv_nsec + (long long)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&job->lock);
    int status = 0;
    while (job->n_pieces <= seen && !job->finished && status == 0)
        status = pthread_cond_timedwait(&job->changed, &job->lock, &until);
    bool ready = job->n_pieces > seen || job->finished;
    pthread_mutex_unlock(&job->lock);
    return ready;
}

void kvt_job_lock(struct kvt_job *job, struct kvt_job_view *view)
{
    pthread_mutex_lock(&job->lock);
    *view = (struct kvt_job_view){
        .service = job->queue->service,
        .request = &job->request,
        .id = job->id,
        .created = job->created,
        .pieces = job->pieces,
        .n_pieces = job->n_pieces,
        .text = &job->text,
        .outcome = job->finished ? &job->outcome : NULL,
    };
}

void kvt_job_unlock(struct kvt_job *job)
{
    pthread_mutex_unlock(&job->lock);
}
