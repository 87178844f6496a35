/*
 * engine/api.h: the OpenAI-compatible API without its transport: a request body becomes a struct
 * kvt_request or an error; a running job becomes JSON. api_server.c moves bytes, api_queue.c runs
 * the jobs.
 */
#ifndef KVT_ENGINE_API_H
#define KVT_ENGINE_API_H

#include "core/buffer.h"
#include "engine/engine.h"
#include "engine/policy.h"
#include "stream/json.h"
#include "token/chat.h"
#include "token/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVT_MAX_STOPS = 16, KVT_MAX_TOP = 20 };

/* What every request of a server shares. Immutable once serving. */
struct kvt_service {
    struct kvt_engine *engine;
    const struct kvt_engine_info *info;
    struct kvt_tokenizer *tokenizer;
    struct kvt_chat_template *chat;
    const char *model_name;
    long long created; /* of the model, seconds since 1970 */
};

/* An answer other than 200. status 0: no error. */
struct kvt_api_error {
    int status;
    char type[48];
    char param[64]; /* field at fault; "" for none */
    char message[1024];
    size_t n_prompt, n_context; /* for exceed_context_size_error */
};

/* Fills *error and returns -1. type: invalid_request_error and the like; param may be NULL. */
int kvt_api_fail(struct kvt_api_error *error, int status, const char *type, const char *param,
                 const char *format, ...) KVT_PRINTF(5, 6);

enum kvt_compress_after { KVT_AFTER_QUESTION, KVT_AFTER_CONTEXT, KVT_AFTER_PROMPT };

struct kvt_request {
    bool chat; /* /v1/chat/completions, else /v1/completions */
    bool stream, include_usage;
    struct kvt_token_ids prompt;
    struct kvt_plan plan;
    enum kvt_compress_after compress_after;
    size_t max_tokens;
    double temperature, top_p;
    uint64_t seed;
    bool ignore_eos;
    bool logprobs;
    size_t top; /* alternatives reported with each token */
    char *stops[KVT_MAX_STOPS];
    size_t stop_lengths[KVT_MAX_STOPS];
    size_t n_stops;
};

/* Reads a body. Returns 0, or -1 and *error. Release with kvt_request_free in either case. */
int kvt_request_parse(const struct kvt_service *service, bool chat, const char *body, size_t length,
                      struct kvt_request *request, struct kvt_api_error *error);
void kvt_request_free(struct kvt_request *request);
/*
 * POST /tokenize: {prompt} or {messages} -> {count, max_model_len, tokens} (vLLM's form), {content}
 * -> {tokens} (llama.cpp's). Appends the answer to out.
 */
int kvt_tokenize(const struct kvt_service *service, const char *body, size_t length,
                 struct kvt_buffer *out, struct kvt_api_error *error);

/* One generated token. */
struct kvt_piece {
    int32_t token;
    size_t text_start, text_length; /* its share of the job's text; may be empty */
    double log_probability;
    size_t n_top; /* 0 unless asked for */
    struct kvt_alternative {
        int32_t token;
        double log_probability;
    } * top;
};

/* How a job ended and what it used; valid once it has finished. */
struct kvt_outcome {
    const char *finish_reason; /* "stop", "length"; NULL: see error */
    struct kvt_api_error error;
    size_t prompt_tokens, completion_tokens;
    double queue_s, prompt_s, predicted_s;
    struct kvt_kv_report kv; /* kept_per_layer is owned by the job */
};

struct kvt_job_view { /* what the JSON of a job is made from */
    const struct kvt_service *service;
    const struct kvt_request *request;
    const char *id;
    long long created;
    const struct kvt_piece *pieces;
    size_t n_pieces;
    const struct kvt_buffer *text;
    const struct kvt_outcome *outcome;
};

void kvt_reply_error(struct kvt_buffer *out, const struct kvt_api_error *error);
void kvt_reply_whole(struct kvt_buffer *out, const struct kvt_job_view *job);
/* Events of a stream, "data: ...\n\n" each. */
void kvt_reply_first(struct kvt_buffer *out,
                     const struct kvt_job_view *job); /* the role, for chat */
void kvt_reply_piece(struct kvt_buffer *out, const struct kvt_job_view *job, size_t index);
void kvt_reply_last(struct kvt_buffer *out, const struct kvt_job_view *job); /* to [DONE] */
void kvt_reply_models(struct kvt_buffer *out, const struct kvt_service *service);

/*
 * The text of an answer as it grows: bytes become valid UTF-8 (an incomplete character is held back
 * until it is complete, a broken one becomes U+FFFD) and stop strings are cut off.
 */
struct kvt_answer {
    const struct kvt_request *request; /* its stop strings */
    struct kvt_buffer bytes;           /* not yet decoded */
    struct kvt_buffer held;            /* decoded, but perhaps the start of a stop string */
    bool stopped;                      /* a stop string was found; nothing follows */
};

/* Adds a token's bytes; appends to out what can be shown now. */
void kvt_answer_add(struct kvt_answer *answer, const char *bytes, size_t length,
                    struct kvt_buffer *out);
/* The end: appends what was held back. */
void kvt_answer_end(struct kvt_answer *answer, struct kvt_buffer *out);
void kvt_answer_free(struct kvt_answer *answer);

#endif
