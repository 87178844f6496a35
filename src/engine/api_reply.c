#include "engine/api.h"

#include "core/option.h"

#include <math.h>
#include <stdio.h>

static const char *const after_names[] = {"question", "context", "prompt"};

void kvt_reply_error(struct kvt_buffer *out, const struct kvt_api_error *error)
{
    struct kvt_writer w;
    kvt_writer_start(&w, out);
    kvt_write_object(&w);
    kvt_write_key(&w, "error");
    kvt_write_object(&w);
    kvt_member_string(&w, "message", error->message);
    kvt_member_string(&w, "type", error->type);
    kvt_member_string(&w, "param", error->param[0] ? error->param : NULL);
    kvt_member_integer(&w, "code", error->status);
    if (error->n_context > 0) {
        kvt_member_integer(&w, "n_prompt_tokens", (long long)error->n_prompt);
        kvt_member_integer(&w, "n_ctx", (long long)error->n_context);
    }
    kvt_write_end(&w);
    kvt_write_end(&w);
}

static void write_size(struct kvt_writer *w, const char *name, size_t value)
{
    kvt_member_integer(w, name, (long long)value);
}

/* usage.kv_cache: what the cache and its allocator hold; kvt-stream(5) describes the first seven.
 */
static void write_kv(struct kvt_writer *w, const struct kvt_job_view *job)
{
    const struct kvt_kv_report *kv = &job->outcome->kv;
    const struct kvt_plan *plan = &job->request->plan;
    kvt_write_key(w, "kv_cache");
    kvt_write_object(w);
    write_size(w, "prompt_tokens", kv->prompt_tokens);
    kvt_member_number(w, "kept_tokens", kv->kept_tokens);
    kvt_write_key(w, "kept_per_layer");
    kvt_write_array(w);
    for (size_t i = 0; i < kv->n_layers; i++)
        kvt_write_number(w, kv->kept_per_layer[i]);
    kvt_write_end(w);
    write_size(w, "uncompressed_tail", kv->uncompressed_tail);
    write_size(w, "bytes", kv->bytes);
    write_size(w, "peak_bytes", kv->peak_bytes);
    write_size(w, "full_bytes", kv->full_bytes);
    write_size(w, "compressible_tokens", kv->compressible);
    write_size(w, "kept_compressible", kv->kept_compressible);
    kvt_member_number(w, "entries_at_end", kv->entries_now);
    write_size(w, "bytes_at_end", kv->bytes_now);
    kvt_member_string(w, "policy", plan->policy->name);
    if (plan->capacity > 0)
        write_size(w, "capacity", plan->capacity);
    else
        kvt_member_number(w, "budget", plan->budget);
    kvt_member_string(w, "compress_after", after_names[job->request->compress_after]);
    if (kv->window > 0)
        write_size(w, "window", kv->window);
    if (kv->window_not_below_kept)
        kvt_member_bool(w, "window_not_below_kept", true);
    kvt_write_end(w);
}

static void write_usage(struct kvt_writer *w, const struct kvt_job_view *job)
{
    const struct kvt_outcome *o = job->outcome;
    kvt_write_key(w, "usage");
    kvt_write_object(w);
    write_size(w, "prompt_tokens", o->prompt_tokens);
    write_size(w, "completion_tokens", o->completion_tokens);
    write_size(w, "total_tokens", o->prompt_tokens + o->completion_tokens);
    kvt_write_key(w, "prompt_tokens_details");
    kvt_write_object(w);
    kvt_member_integer(w, "cached_tokens", 0);
    kvt_write_end(w);
    if (o->kv.n_layers > 0)
        write_kv(w, job);
    kvt_write_end(w);
}

static double milliseconds(double seconds)
{
    return round(seconds * 1e6) / 1e3;
}

static void write_rate(struct kvt_writer *w, const char *each, const char *rate, double seconds,
                       size_t n)
{
    kvt_member_number(w, each, n > 0 ? milliseconds(seconds / (double)n) : NAN);
    kvt_member_number(w, rate, n > 0 && seconds > 0 ? round((double)n / seconds * 1e3) / 1e3 : NAN);
}

/* llama.cpp's names; predicted_ms runs from the first token to the last. */
static void write_timings(struct kvt_writer *w, const struct kvt_outcome *o)
{
    kvt_write_key(w, "timings");
    kvt_write_object(w);
    kvt_member_integer(w, "cache_n", 0);
    write_size(w, "prompt_n", o->prompt_tokens);
    kvt_member_number(w, "prompt_ms", milliseconds(o->prompt_s));
    write_rate(w, "prompt_per_token_ms", "prompt_per_second", o->prompt_s, o->prompt_tokens);
    write_size(w, "predicted_n", o->completion_tokens);
    kvt_member_number(w, "predicted_ms", milliseconds(o->predicted_s));
    size_t steps = o->completion_tokens > 0 ? o->completion_tokens - 1 : 0;
    write_rate(w, "predicted_per_token_ms", "predicted_per_second", o->predicted_s, steps);
    kvt_member_number(w, "queue_ms", milliseconds(o->queue_s));
    kvt_write_end(w);
}

static void write_head(struct kvt_writer *w, const struct kvt_job_view *job,
                       const char *chat_object, const char *text_object)
{
    kvt_write_object(w);
    kvt_member_string(w, "id", job->id);
    kvt_member_string(w, "object", job->request->chat ? chat_object : text_object);
    kvt_member_integer(w, "created", job->created);
    kvt_member_string(w, "model", job->service->model_name);
    kvt_member_string(w, "system_fingerprint", "kvt-serve-" KVT_VERSION);
}

/* A token's text; what is not UTF-8 by itself shows U+FFFD, its bytes are beside it. */
static void write_token_text(struct kvt_writer *w, const struct kvt_job_view *job, int32_t token)
{
    size_t length;
    const char *bytes = kvt_tokenizer_bytes(job->service->tokenizer, token, &length);
    kvt_write_string_n(w, bytes ? bytes : "", bytes ? length : 0);
}

static void write_token(struct kvt_writer *w, const struct kvt_job_view *job, int32_t token,
                        double log_probability)
{
    size_t length;
    const char *bytes = kvt_tokenizer_bytes(job->service->tokenizer, token, &length);
    kvt_write_key(w, "token");
    write_token_text(w, job, token);
    kvt_member_integer(w, "id", token);
    kvt_member_number(w, "logprob", log_probability);
    kvt_write_key(w, "bytes");
    kvt_write_array(w);
    for (size_t i = 0; bytes && i < length; i++)
        kvt_write_integer(w, (unsigned char)bytes[i]);
    kvt_write_end(w);
}

static void write_chat_logprobs(struct kvt_writer *w, const struct kvt_job_view *job, size_t first,
                                size_t last)
{
    kvt_write_object(w);
    kvt_write_key(w, "content");
    kvt_write_array(w);
    for (size_t i = first; i < last; i++) {
        const struct kvt_piece *piece = &job->pieces[i];
        kvt_write_object(w);
        write_token(w, job, piece->token, piece->log_probability);
        kvt_write_key(w, "top_logprobs");
        kvt_write_array(w);
        for (size_t j = 0; j < piece->n_top; j++) {
            kvt_write_object(w);
            write_token(w, job, piece->top[j].token, piece->top[j].log_probability);
            kvt_write_end(w);
        }
        kvt_write_end(w);
        kvt_write_end(w);
    }
    kvt_write_end(w);
    kvt_write_end(w);
}

static void write_text_logprobs(struct kvt_writer *w, const struct kvt_job_view *job, size_t first,
                                size_t last)
{
    kvt_write_object(w);
    kvt_write_key(w, "tokens");
    kvt_write_array(w);
    for (size_t i = first; i < last; i++)
        write_token_text(w, job, job->pieces[i].token);
    kvt_write_end(w);
    kvt_write_key(w, "token_logprobs");
    kvt_write_array(w);
    for (size_t i = first; i < last; i++)
        kvt_write_number(w, job->pieces[i].log_probability);
    kvt_write_end(w);
    kvt_write_key(w, "top_logprobs");
    kvt_write_array(w);
    for (size_t i = first; i < last; i++) {
        kvt_write_object(w);
        for (size_t j = 0; j < job->pieces[i].n_top; j++) {
            const struct kvt_alternative *top = &job->pieces[i].top[j];
            struct kvt_buffer key = {0};
            size_t length;
            const char *bytes = kvt_tokenizer_bytes(job->service->tokenizer, top->token, &length);
            kvt_buffer_append(&key, bytes ? bytes : "", bytes ? length : 0);
            kvt_member_number(w, kvt_buffer_string(&key), top->log_probability);
            kvt_buffer_free(&key);
        }
        kvt_write_end(w);
    }
    kvt_write_end(w);
    kvt_write_key(w, "text_offset");
    kvt_write_array(w);
    for (size_t i = first; i < last; i++)
        kvt_write_integer(w, (long long)job->pieces[i].text_start);
    kvt_write_end(w);
    kvt_write_end(w);
}

static void write_logprobs(struct kvt_writer *w, const struct kvt_job_view *job, size_t first,
                           size_t last)
{
    kvt_write_key(w, "logprobs");
    if (!job->request->logprobs)
        kvt_write_null(w);
    else if (job->request->chat)
        write_chat_logprobs(w, job, first, last);
    else
        write_text_logprobs(w, job, first, last);
}

void kvt_reply_whole(struct kvt_buffer *out, const struct kvt_job_view *job)
{
    struct kvt_writer w;
    kvt_writer_start(&w, out);
    write_head(&w, job, "chat.completion", "text_completion");
    kvt_write_key(&w, "choices");
    kvt_write_array(&w);
    kvt_write_object(&w);
    kvt_member_integer(&w, "index", 0);
    const char *text = job->text->length ? job->text->data : "";
    if (job->request->chat) {
        kvt_write_key(&w, "message");
        kvt_write_object(&w);
        kvt_member_string(&w, "role", "assistant");
        kvt_write_key(&w, "content");
        kvt_write_string_n(&w, text, job->text->length);
        kvt_write_end(&w);
    } else {
        kvt_write_key(&w, "text");
        kvt_write_string_n(&w, text, job->text->length);
    }
    write_logprobs(&w, job, 0, job->n_pieces);
    kvt_member_string(&w, "finish_reason", job->outcome->finish_reason);
    kvt_write_end(&w);
    kvt_write_end(&w);
    write_usage(&w, job);
    write_timings(&w, job->outcome);
    kvt_write_end(&w);
}

/* One event up to its delta: text NULL for none; role for the first chunk of a chat. */
static void begin_chunk(struct kvt_writer *w, struct kvt_buffer *out,
                        const struct kvt_job_view *job, const char *role, const char *text,
                        size_t length)
{
    kvt_buffer_text(out, "data: ");
    kvt_writer_start(w, out);
    write_head(w, job, "chat.completion.chunk", "text_completion");
    kvt_write_key(w, "choices");
    kvt_write_array(w);
    kvt_write_object(w);
    kvt_member_integer(w, "index", 0);
    if (job->request->chat) {
        kvt_write_key(w, "delta");
        kvt_write_object(w);
        if (role)
            kvt_member_string(w, "role", role);
        if (text) {
            kvt_write_key(w, "content");
            kvt_write_string_n(w, text, length);
        }
        kvt_write_end(w);
    } else {
        kvt_write_key(w, "text");
        kvt_write_string_n(w, text ? text : "", text ? length : 0);
    }
}

void kvt_reply_first(struct kvt_buffer *out, const struct kvt_job_view *job)
{
    if (!job->request->chat)
        return;
    struct kvt_writer w;
    begin_chunk(&w, out, job, "assistant", "", 0);
    kvt_member_null(&w, "logprobs");
    kvt_member_null(&w, "finish_reason");
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_buffer_text(out, "\n\n");
}

void kvt_reply_piece(struct kvt_buffer *out, const struct kvt_job_view *job, size_t index)
{
    struct kvt_writer w;
    const struct kvt_piece *piece = &job->pieces[index];
    const char *text = piece->text_length ? job->text->data + piece->text_start : "";
    begin_chunk(&w, out, job, NULL, text, piece->text_length);
    write_logprobs(&w, job, index, index + 1);
    kvt_member_null(&w, "finish_reason");
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_buffer_text(out, "\n\n");
}

static void error_event(struct kvt_buffer *out, const struct kvt_job_view *job)
{
    kvt_buffer_text(out, "data: ");
    kvt_reply_error(out, &job->outcome->error);
    kvt_buffer_text(out, "\n\n");
}

/* Usage and timings go into the last chunk, or into one of their own without choices if that was
 * asked. */
void kvt_reply_last(struct kvt_buffer *out, const struct kvt_job_view *job)
{
    if (!job->outcome->finish_reason) {
        error_event(out, job);
        return;
    }
    /* text that was held back and belongs to no token's chunk */
    size_t shown = job->n_pieces ? job->pieces[job->n_pieces - 1].text_start +
                                       job->pieces[job->n_pieces - 1].text_length
                                 : 0;
    struct kvt_writer w;
    bool rest = job->text->length > shown;
    begin_chunk(&w, out, job, NULL, rest ? job->text->data + shown : NULL,
                job->text->length - shown);
    kvt_member_null(&w, "logprobs");
    kvt_member_string(&w, "finish_reason", job->outcome->finish_reason);
    kvt_write_end(&w);
    kvt_write_end(&w);
    if (job->request->include_usage) {
        kvt_write_end(&w);
        kvt_buffer_text(out, "\n\ndata: ");
        kvt_writer_start(&w, out);
        write_head(&w, job, "chat.completion.chunk", "text_completion");
        kvt_write_key(&w, "choices");
        kvt_write_array(&w);
        kvt_write_end(&w);
    }
    write_usage(&w, job);
    write_timings(&w, job->outcome);
    kvt_write_end(&w);
    kvt_buffer_text(out, "\n\ndata: [DONE]\n\n");
}

void kvt_reply_models(struct kvt_buffer *out, const struct kvt_service *service)
{
    const struct kvt_engine_info *info = service->info;
    struct kvt_writer w;
    kvt_writer_start(&w, out);
    kvt_write_object(&w);
    kvt_member_string(&w, "object", "list");
    kvt_write_key(&w, "data");
    kvt_write_array(&w);
    kvt_write_object(&w);
    kvt_member_string(&w, "id", service->model_name);
    kvt_member_string(&w, "object", "model");
    kvt_member_integer(&w, "created", service->created);
    kvt_member_string(&w, "owned_by", "kvt-serve");
    write_size(&w, "max_model_len", info->context);
    kvt_member_string(&w, "sha256", kvt_tokenizer_sha256(service->tokenizer));
    kvt_write_key(&w, "meta");
    kvt_write_object(&w);
    kvt_member_string(&w, "architecture", info->architecture);
    kvt_member_string(&w, "name", info->name);
    kvt_member_string(&w, "chat_template", kvt_chat_name(service->chat));
    write_size(&w, "n_params", info->n_parameters);
    write_size(&w, "n_vocab", info->vocabulary);
    write_size(&w, "n_ctx_train", info->model_context);
    write_size(&w, "n_layer", info->n_layers);
    write_size(&w, "n_embd", info->dim);
    write_size(&w, "n_head", info->n_heads);
    write_size(&w, "n_head_kv", info->n_kv_heads);
    write_size(&w, "head_dim", info->head_dim);
    kvt_write_end(&w);
    kvt_write_key(&w, "kv_policies");
    kvt_write_object(&w);
    const struct kvt_policy *policy;
    for (size_t i = 0; (policy = kvt_policy_at(i)) != NULL; i++)
        kvt_member_string(&w, policy->name, policy->summary);
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_write_end(&w);
    kvt_write_end(&w);
}
