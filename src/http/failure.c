#include "http/failure.h"

#include "core/memory.h"
#include "core/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool kvt_status_retryable(long status)
{
    return status == 408 || status == 409 || status == 429 || (status >= 500 && status <= 599);
}

/* Case-insensitive search; strcasestr is no part of POSIX. */
static const char *find_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (; *text; text++)
        if (strncasecmp(text, word, length) == 0)
            return text;
    return NULL;
}

static bool says_any(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (find_word(text, *words))
            return true;
    return false;
}

bool kvt_failure_is_overflow(const char *text)
{
    static const char *const words[] = {
        "exceed_context_size",                  /* llama.cpp, error type */
        "exceeds the available context size",   /* llama.cpp, before the run */
        "context size has been exceeded",       /* llama.cpp, mid-run */
        "maximum context length",               /* vLLM, SGLang, OpenAI */
        "longer than the model's context",      /* SGLang */
        "exceeds the model's maximum",          /* SGLang, vLLM */
        "context_length_exceeded",              /* OpenAI, error code */
        "reduce the length of the messages",    /* OpenAI, Groq */
        "`max_new_tokens` must be <=",          /* TGI */
        "`inputs` must have less than",         /* TGI */
        "longer than the maximum model length", /* vLLM, completions */
        "max_tokens must be at least 1, got -", /* vLLM, prompt longer than the context */
        "exceeds model max length",             /* OpenVINO Model Server */
        "exceeds maximum input length",         /* TensorRT-LLM */
        "exceeds maximum sequence length",      /* TensorRT-LLM */
        "should not exceed max_seq_len",        /* TensorRT-LLM */
        "loaded with context length of only",   /* LM Studio */
        "is greater than the context length",   /* LM Studio */
        "exceeds the maximum number of tokens", /* Gemini */
        "maximum prompt length is",             /* xAI */
        "exceeded max context length",          /* Ollama */
        "exceeds the context length",           /* Ollama */
        "exceeds the context window",
        "exceeds context window",
        "prompt is too long",
        "input is too long",
        NULL,
    };
    return says_any(text, words);
}

/* A 429 for a request that can never pass: waiting does not help. */
static bool is_oversize(const char *text)
{
    static const char *const words[] = {"request too large", "tokens per request",
                                        "exceeds the maximum request", NULL};
    return says_any(text, words);
}

/* The account is empty: neither waiting nor another request helps. */
static bool is_spent(const char *text)
{
    static const char *const words[] = {"insufficient_quota", "exceeded your current quota",
                                        "insufficient credit", "insufficient balance", NULL};
    return says_any(text, words);
}

/* Not there yet, but soon; of other 503s nobody knows. */
static bool is_loading(const char *text)
{
    static const char *const words[] = {"loading model",     /* llama.cpp */
                                        "currently loading", /* Hugging Face's inference API */
                                        NULL};
    return says_any(text, words);
}

/* Copies text to the failure: control bytes and runs of white space become one space. */
static void set_message(struct kvt_failure *failure, const char *text, size_t length)
{
    struct kvt_buffer clean = {0};
    kvt_utf8_repair(&clean, text, length);
    size_t used = 0, limit = sizeof failure->message - 1;
    bool space = false;
    for (size_t i = 0; i < clean.length; i++) {
        unsigned char c = (unsigned char)clean.data[i];
        if (c <= ' ' || c == 0x7f) {
            space = used > 0;
            continue;
        }
        if (used + (space ? 2u : 1u) > limit)
            break;
        if (space)
            failure->message[used++] = ' ';
        space = false;
        failure->message[used++] = (char)c;
    }
    used = kvt_utf8_valid(failure->message, used); /* the cut may have split a character */
    failure->message[used] = '\0';
    kvt_buffer_free(&clean);
}

void kvt_failure_set(struct kvt_failure *failure, const char *type, long status, bool retryable,
                     const char *message)
{
    *failure = (struct kvt_failure){.type = type, .status = status, .retryable = retryable};
    set_message(failure, message, strlen(message));
}

/* The first whole word of the form kv_... in the text. */
static void find_field(struct kvt_failure *failure, const char *text)
{
    for (const char *at = text; (at = strstr(at, "kv_")) != NULL; at += 3) {
        if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_' || at[-1] == '.'))
            continue;
        size_t length = 3;
        while (islower((unsigned char)at[length]) || isdigit((unsigned char)at[length]) ||
               at[length] == '_')
            length++;
        if (length > 3 && length < sizeof failure->field) {
            memcpy(failure->field, at, length);
            failure->field[length] = '\0';
            return;
        }
    }
}

/*
 * Fills in type and retryable from the status and everything the server said (`text`).
 * Precedence: overflow, then rate limit, then the rest.
 */
static void classify(struct kvt_failure *failure, long status, const char *text)
{
    failure->status = status;
    if (kvt_failure_is_overflow(text) || status == 413) { /* too large for whoever answers */
        failure->type = KVT_CONTEXT_OVERFLOW;
        failure->retryable = false;
        return;
    }
    failure->spent = status == 402 || (status == 429 && is_spent(text));
    if (status == 429) {
        failure->type = KVT_RATE_LIMITED;
        failure->retryable = !failure->spent && !is_oversize(text);
        return;
    }
    if (status == 408 || status == 504) {
        failure->type = KVT_TIMEOUT;
        failure->retryable = true;
        return;
    }
    failure->type = KVT_ENGINE_ERROR;
    /* An error inside a 200 is the engine giving up on this request; asking again may help. */
    failure->loading = status == 503 && is_loading(text);
    failure->retryable = kvt_status_retryable(status) || (status >= 200 && status < 300);
    if (status == 400 || status == 422)
        find_field(failure, text);
}

/* Gemini wraps its errors in a list of one. */
static const json_t *unwrapped(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);
    return json_is_object(first) ? first : value;
}

/* null, false, "" and {} are how some servers say that there is no error. */
static bool is_nothing(const json_t *error)
{
    return !error || json_is_null(error) || json_is_false(error) ||
           (json_is_string(error) && json_string_length(error) == 0) ||
           (json_is_object(error) && json_object_size(error) == 0);
}

bool kvt_failure_in(const json_t *value)
{
    value = unwrapped(value);
    if (!is_nothing(json_object_get(value, "error")))
        return true;
    const char *object = kvt_json_text(value, "object", "");
    if (strcmp(object, "error") == 0)
        return true;
    return json_object_get(value, "detail") && !json_object_get(value, "choices");
}

void kvt_failure_redact(struct kvt_failure *failure, const char *secret)
{
    size_t length = secret ? strlen(secret) : 0;
    char *at;
    while (length >= 8 && (at = strstr(failure->message, secret)) != NULL) {
        memcpy(at, "[key]", 5);
        memmove(at + 5, at + length, strlen(at + length) + 1);
    }
}

/* Where the message stands in the shapes met so far; NULL if it stands in none of them. */
static const json_t *message_of(const json_t *body)
{
    static const char *const paths[] = {"error.message", "error",         "message",
                                        "detail",        "error_message", NULL};
    for (size_t i = 0; paths[i]; i++) {
        const json_t *value = kvt_json_get(body, paths[i]);
        if (value && !json_is_null(value))
            return value;
    }
    return NULL;
}

/* A status in the body, as a number or as text ("code": "429"); 0 without. */
static long code_of(const json_t *body)
{
    static const char *const paths[] = {"error.code", "code", NULL};
    for (size_t i = 0; paths[i]; i++) {
        long code = (long)kvt_json_integer(body, paths[i], 0);
        const char *text = kvt_json_text(body, paths[i], NULL);
        if (text)
            code = strtol(text, NULL, 10);
        if (code >= 400 && code < 600)
            return code;
    }
    return 0;
}

void kvt_failure_from_json(struct kvt_failure *failure, long status, const json_t *body)
{
    body = unwrapped(body);
    *failure = (struct kvt_failure){0};
    struct kvt_buffer whole = {0}, message = {0};
    kvt_json_write(&whole, body);
    const json_t *found = message_of(body);
    if (json_is_string(found))
        kvt_buffer_append(&message, json_string_value(found), json_string_length(found));
    else
        kvt_json_write(&message, found ? found : body);
    long code = code_of(body);
    /* A status inside a 200 (llama.cpp, vLLM put it in `code`) says more than the 200. */
    if (status >= 200 && status < 300 && code)
        status = code;
    classify(failure, status, kvt_buffer_string(&whole));
    set_message(failure, kvt_buffer_string(&message), message.length);
    kvt_buffer_free(&whole);
    kvt_buffer_free(&message);
}

/* Drops what stands between < and >, so that a proxy's page leaves its words. Returns the new
 * length. */
static size_t strip_tags(char *text, size_t length)
{
    size_t kept = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '<') {
            inside = true;
        } else if (text[i] == '>' && inside) {
            inside = false;
            text[kept++] = ' ';
        } else if (!inside) {
            text[kept++] = text[i];
        }
    }
    return kept;
}

void kvt_failure_from_body(struct kvt_failure *failure, long status, const char *body,
                           size_t length)
{
    struct kvt_error ignored;
    json_t *value = kvt_json_parse(body, length, NULL, &ignored);
    if (json_is_object(unwrapped(value))) {
        kvt_failure_from_json(failure, status, value);
        json_decref(value);
        if (failure->message[0])
            return;
    } else {
        json_decref(value);
        *failure = (struct kvt_failure){0};
        char *text = kvt_strndup(body, length);
        if (memchr("<\n\r\t ", text[0], 5))
            length = strip_tags(text, length);
        text[length] = '\0';
        classify(failure, status, text);
        set_message(failure, text, length);
        free(text);
    }
    if (!failure->message[0])
        snprintf(failure->message, sizeof failure->message, "HTTP status %ld without a message",
                 status);
}
