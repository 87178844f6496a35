/* Answers folded from chunks and documents, in the forms servers send them; errors in all their
 * shapes. */
#include "http/chunk.h"
#include "http/completion.h"
#include "http/failure.h"
#include "tap.h"

#include <stdlib.h>

static struct kvt_completion completion;
static double now;

static void start(void)
{
    kvt_completion_free(&completion);
    now = 100;
}

/* One event, a tenth of a second after the one before. */
static void event(const char *data)
{
    now += 0.1;
    kvt_completion_event(&completion, "", data, strlen(data), now);
}

static void delta(const char *members)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":null}]}", members);
    event(text);
}

static void finish(const char *reason)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}", reason);
    event(text);
}

static const char *failure_type(void)
{
    kvt_completion_end(&completion);
    return completion.failure.type ? completion.failure.type : "none";
}

static void test_chunks(void)
{
    start();
    delta("\"role\":\"assistant\",\"content\":\"\"");
    delta("\"content\":null");
    delta("\"content\":\"Hel\"");
    delta("\"content\":\"lo\"");
    finish("length");
    event("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,"
          "\"prompt_tokens_details\":null}}");
    event("[DONE]");
    is_text(failure_type(), "none", "a plain stream");
    is_text(kvt_buffer_string(&completion.text), "Hello", "its text");
    is_text(completion.finish_reason, "length", "its finish_reason");
    is_near(completion.first_event, 100.1, 1e-9, "the first event is the role");
    is_near(completion.first_content, 100.3, 1e-9, "the first token is the first content");
    is_int(kvt_completion_prompt_tokens(&completion), 7, "prompt tokens");
    is_int(kvt_completion_tokens(&completion), 2, "completion tokens");
    is_int(kvt_completion_cached_tokens(&completion), -1, "null details are unknown, not 0");
    is_near(kvt_completion_gap(&completion, 0.5), 0.1, 1e-5, "inter-token time");

    start();
    delta("\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]");
    finish("stop");
    is_text(kvt_buffer_string(&completion.text), "ab", "content in parts");

    start();
    delta("\"reasoning_content\":\"hm\"");
    delta("\"reasoning_content\":\"m\",\"content\":null");
    delta("\"content\":\"yes\"");
    finish("stop");
    is_text(kvt_buffer_string(&completion.reasoning), "hmm", "reasoning_content");
    ok(completion.first_reasoning < completion.first_content, "reasoning comes first");
    start();
    delta("\"reasoning\":\"well\"");
    finish("stop");
    is_text(kvt_buffer_string(&completion.reasoning), "well", "reasoning");
    ok(completion.first_content == 0, "reasoning is no content");

    start();
    event("{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}},"
          "{\"index\":0,\"delta\":{\"content\":\"ours\"}}]}");
    finish("stop");
    is_text(kvt_buffer_string(&completion.text), "ours", "only choice 0 counts");

    start();
    event("{\"choices\":[{\"index\":0,\"text\":\"abc\",\"finish_reason\":\"stop\"}],\"usage\":"
          "{\"prompt_tokens\":3,\"completion_tokens\":1}}");
    is_text(failure_type(), "none", "a completions chunk, usage beside it");
    is_text(kvt_buffer_string(&completion.text), "abc", "its text");
    is_int(kvt_completion_prompt_tokens(&completion), 3, "its usage");

    start();
    event(
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":9,"
        "\"completion_tokens\":1}}");
    event("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{"
          "\"prompt_tokens\":9,"
          "\"completion_tokens\":4}}");
    event("{\"choices\":[],\"usage\":null}");
    is_int(kvt_completion_tokens(&completion), 4,
           "of continuous usage the last counts, null is none");
}

static void test_ends(void)
{
    start();
    delta("\"content\":\"half\"");
    is_text(failure_type(), "STREAM_CUT", "no finish_reason: cut");
    start();
    delta("\"content\":\"half\"");
    event("[DONE]");
    is_text(failure_type(), "STREAM_CUT", "[DONE] without finish_reason: cut");
    start();
    delta("\"content\":\"all\"");
    finish("stop");
    is_text(failure_type(), "none", "finish_reason without [DONE]: whole");
    start();
    delta("\"content\":\"x\"");
    finish("abort");
    is_text(failure_type(), "ENGINE_ERROR", "finish_reason abort");
    is_text(completion.finish_reason, "abort", "which is kept");
    start();
    is_text(failure_type(), "STREAM_CUT", "nothing at all");
    start();
    delta("\"content\":\"good\"");
    event("{\"error\":{\"message\":\"CUDA out of memory\",\"code\":500}}");
    delta("\"content\":\"more\"");
    finish("stop");
    is_text(failure_type(), "ENGINE_ERROR", "an error amid the stream");
    is_int(completion.failure.status, 500, "with its own code");
    is_text(completion.failure.message, "CUDA out of memory", "and message");
    start();
    now++;
    kvt_completion_event(&completion, "error", "{\"message\":\"boom\"}", 18, now);
    is_text(failure_type(), "ENGINE_ERROR", "event: error");
    start();
    event("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}");
    is_text(failure_type(), "ENGINE_ERROR", "an event that is not JSON");
    start();
    event("[1,2]");
    is_text(failure_type(), "ENGINE_ERROR", "an event that is no object");
    start();
    event("{\"error\":{\"message\":\"Context size has been "
          "exceeded.\",\"type\":\"server_error\",\"code\":500}}");
    is_text(failure_type(), "CONTEXT_OVERFLOW", "overflow in the middle of a run");
    ok(!completion.failure.retryable, "which is not asked again");
    start();
    event("{\"error\":null,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_"
          "reason\":\"stop\"}]}");
    is_text(failure_type(), "none", "error: null is none");
}

/* What the parser makes of an event, as the only one of a stream. */
static const char *parsed(const char *data, size_t length)
{
    start();
    kvt_completion_event(&completion, "", data, length, 101);
    bool plain = !completion.failure.type && !completion.finish_reason && completion.answered;
    return plain ? kvt_buffer_string(&completion.text) : NULL;
}

static void test_fast_path(void)
{
    static const char *const taken[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
        "word\"},\"logprobs\":null,\"finish_reason\":null}]}",
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"
        "\"model\":\"m\","
        "\"system_fingerprint\":null,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
        "\"content\":\"x\"},"
        "\"finish_reason\":null}],\"usage\":null}",
        "{ \"choices\" : [ { \"delta\" : { \"content\" : \"a\\n\\t\\\"\\\\\\/b\" } } ] }",
        "{\"choices\":[{\"text\":\"\\u00e9 t\\u00e9\",\"finish_reason\":null}]}",
        "{\"choices\":[{\"text\":\"caf\xc3\xa9\",\"finish_reason\":null}]}",
        "{\"choices\":[{\"delta\":{\"content\":null}}]}",
        "{\"choices\":[{\"delta\":{}}]}",
    };
    static const char *const left[] = {
        "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}",
        "{\"choices\":[{\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"y\"}}]}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":1}}",
        "{\"choices\":[{\"delta\":{\"reasoning\":\"x\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":[{\"text\":\"x\"}]}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"logprobs\":{\"content\":[]}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"error\":{\"message\":\"m\"}}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}]",
        "{\"choices\":[{\"delta\":{\"content\":\"x\",}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\ny\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"\\q\"}}]}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"created\":01}",
        "{\"choices\":[{\"delta\":{\"content\":\"x\"},\"delta\":{\"content\":\"y\"}}]}",
        "{}",
        "",
    };
    struct kvt_buffer text = {0};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        kvt_buffer_clear(&text);
        kvt_buffer_text(&text, "before ");
        bool quick = kvt_chunk_read(taken[i], strlen(taken[i]), &text);
        if (i != 3) /* escapes by number are left to the parser */
            ok(quick, "a plain chunk is read without a tree");
        const char *slow = parsed(taken[i], strlen(taken[i]));
        is_text(quick ? text.data + 7 : slow, slow, "as the parser reads it");
        for (size_t cut = 0; cut < strlen(taken[i]); cut++)
            if (kvt_chunk_read(taken[i], cut, &text))
                ok(false, "a torn chunk is not");
    }
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        kvt_buffer_clear(&text);
        kvt_buffer_text(&text, "before");
        ok(!kvt_chunk_read(left[i], strlen(left[i]), &text), "anything else is left to the parser");
        is_text(text.data, "before", "and leaves no text");
    }
    /* Every byte of a chunk replaced by every other: what the quick way takes, the parser takes
     * too. */
    char mutant[128];
    size_t length = strlen(taken[0]), differ = 0, accepted = 0;
    for (size_t at = 0; at < length; at++)
        for (int byte = 0; byte < 256; byte++) {
            memcpy(mutant, taken[0], length);
            mutant[at] = (char)byte;
            kvt_buffer_clear(&text);
            kvt_buffer_text(&text, "");
            if (!kvt_chunk_read(mutant, length, &text))
                continue;
            const char *slow = parsed(mutant, length);
            accepted++;
            bool same = slow && strcmp(slow, text.data) == 0;
            if (!same)
                printf("# %.*s\n# quick: %s, parser: %s\n", (int)length, mutant, text.data,
                       slow ? slow : completion.failure.message);
            differ += !same;
        }
    ok(accepted > 400, "one-byte changes that are still plain chunks");
    is_int(differ, 0, "mean the same to both");
    kvt_buffer_free(&text);
}

static void document(const char *text)
{
    start();
    kvt_completion_document(&completion, text, strlen(text), 101);
}

static void test_documents(void)
{
    document("{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\","
             "\"reasoning\":\"r\"},"
             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,"
             "\"prompt_tokens_details\":{\"cached_tokens\":4}},\"timings\":{\"prompt_ms\":120.5,"
             "\"predicted_ms\":30}}");
    is_text(failure_type(), "none", "a chat document");
    is_text(kvt_buffer_string(&completion.text), "hi", "its text");
    is_int(kvt_completion_cached_tokens(&completion), 4, "cached tokens");
    struct kvt_phases phases = kvt_completion_phases(&completion);
    is_text(phases.source, "timings", "llama.cpp timings");
    is_near(phases.prefill_s, 0.1205, 1e-12, "prefill");
    is_near(phases.decode_s, 0.03, 1e-12, "decode");

    document("{\"choices\":[{\"text\":\"t\",\"finish_reason\":null}],\"metrics\":{\"time_to_first_"
             "token_ms\":50,"
             "\"generation_time_ms\":20}}");
    is_text(failure_type(), "none", "a completions document without finish_reason is whole");
    ok(completion.finish_reason == NULL, "its finish_reason stays unknown");
    is_text(kvt_completion_phases(&completion).source, "metrics", "vLLM metrics");
    document("{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
             "\"timings\":{\"prompt_n\":6,"
             "\"cache_n\":94,\"predicted_n\":3}}");
    is_int(kvt_completion_prompt_tokens(&completion), 100,
           "llama.cpp's prompt_n leaves out the cached part");
    is_int(kvt_completion_cached_tokens(&completion), 94, "cache_n");
    document(
        "{\"error\":{\"message\":\"Loading model\",\"type\":\"unavailable_error\",\"code\":503}}");
    is_text(failure_type(), "ENGINE_ERROR", "an error inside a 200");
    ok(completion.failure.retryable && completion.failure.status == 503, "asked again by its code");
    ok(completion.failure.loading, "which says what it is waiting for");
    document("{\"object\":\"list\",\"data\":[]}");
    is_text(failure_type(), "ENGINE_ERROR", "JSON without choices");
    document("<html>hello</html>");
    is_text(failure_type(), "ENGINE_ERROR", "HTML");
}

static struct kvt_failure failure;

static const char *from_body(long status, const char *body)
{
    kvt_failure_from_body(&failure, status, body, strlen(body));
    return failure.type;
}

static void test_errors(void)
{
    is_text(from_body(500, "{\"error\":{\"message\":\"m1\",\"type\":\"t\",\"code\":\"x\"}}"),
            "ENGINE_ERROR", "OpenAI's");
    is_text(failure.message, "m1", "message");
    from_body(500, "{\"object\":\"error\",\"message\":\"m2\"}");
    is_text(failure.message, "m2", "vLLM's old shape");
    from_body(500, "{\"error\":\"m3\",\"error_type\":\"generation\"}");
    is_text(failure.message, "m3", "TGI's");
    from_body(422, "{\"detail\":[{\"loc\":[\"body\",\"kv_budget\"],\"msg\":\"Extra inputs are not "
                   "permitted\"}]}");
    is_text(failure.field, "kv_budget", "the kv_ field a 422 names");
    from_body(400, "{\"error\":{\"message\":\"unknown field kv_window\"}}");
    is_text(failure.field, "kv_window", "and a 400");
    from_body(500, "{\"error\":{\"message\":\"kv_cache is broken\"}}");
    is_text(failure.field, "", "other statuses name no field");
    from_body(400, "{\"error\":{\"message\":\"my.kv_x and skv_y\"}}");
    is_text(failure.field, "", "only whole words");
    from_body(500, "plain  text\n here");
    is_text(failure.message, "plain text here", "plain text, blanks folded");
    from_body(502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>");
    is_text(failure.message, "502 Bad Gateway nginx", "a proxy's page");
    from_body(503, "");
    is_text(failure.message, "HTTP status 503 without a message", "nothing");
    ok(!failure.loading, "does not say that a model is loaded");
    from_body(503, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":"
                   "\"unavailable_error\"}}");
    ok(failure.loading && failure.retryable, "llama.cpp does");
    from_body(503, "{\"error\":\"Model m is currently loading\",\"estimated_time\":20.0}");
    ok(failure.loading, "and Hugging Face's inference API");
    from_body(500, "{\"error\":{\"message\":\"error loading model\"}}");
    ok(!failure.loading, "a model that cannot be loaded is another matter");
    is_text(from_body(429, "{\"error\":{\"message\":\"slow down\"}}"), "RATE_LIMITED", "429");
    ok(failure.retryable, "is asked again");
    from_body(
        429,
        "{\"error\":{\"message\":\"Request too large for gpt-x: Limit 10000, Requested 20000\"}}");
    ok(!failure.retryable, "but not one that can never pass");
    from_body(429, "{\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}");
    ok(!failure.retryable && failure.spent, "nor where the account is spent");
    from_body(402, "{\"error\":{\"message\":\"Insufficient Balance\"}}");
    ok(!failure.retryable && failure.spent, "402 says the same");
    from_body(500, "{\"error\":{\"message\":\"insufficient balance of nodes\"}}");
    ok(failure.retryable && !failure.spent, "other statuses do not");
    from_body(400, "[{\"error\":{\"code\":400,\"message\":\"m4\"}}]");
    is_text(failure.message, "m4", "in a list of one");
    is_text(from_body(200, "{\"error\":{\"code\":\"429\",\"message\":\"m5\"}}"), "RATE_LIMITED",
            "a status that is a text");
    is_text(from_body(408, "x"), "TIMEOUT", "408");
    is_text(from_body(504, "x"), "TIMEOUT", "504");
    const long never[] = {400, 401, 403, 404, 422, 301, 413};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        from_body(never[i], "{}");
        ok(!failure.retryable, "never asked again");
    }
    const long again[] = {408, 409, 429, 500, 502, 503, 504, 529};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        from_body(again[i], "{}");
        ok(failure.retryable, "asked again");
    }

    const char *const overflows[] = {
        "{\"error\":{\"code\":400,\"message\":\"request (5000 tokens) exceeds the available "
        "context size (4096 "
        "tokens), try increasing it\",\"type\":\"exceed_context_size_error\"}}",
        "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens. "
        "However, you "
        "requested 5000 tokens\"}",
        "{\"message\":\"The input (5000 tokens) is longer than the model's context length (4096 "
        "tokens).\"}",
        "{\"message\":\"Requested token count exceeds the model's maximum context length of 4096 "
        "tokens.\"}",
        "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
        "Given: 5000\"}",
        "{\"error\":{\"message\":\"too long\",\"code\":\"context_length_exceeded\"}}",
        "Context size has been exceeded.",
        "Number of prompt tokens: 5000 exceeds model max length: 4096",
        "Prompt length (5000) exceeds maximum input length (4096)",
        "The sum of prompt length (4000) and query length (0) max_tokens (2048) should not exceed "
        "max_seq_len (4096)",
        "{\"error\":\"Trying to keep the first 5000 tokens when context the overflows. However, "
        "the "
        "model is loaded with context length of only 4096 tokens, which is not enough.\"}",
        "The number of tokens to keep from the initial prompt is greater than the context length",
        "The input token count (5000) exceeds the maximum number of tokens allowed (4096).",
    };
    for (size_t i = 0; i < sizeof overflows / sizeof *overflows; i++) {
        is_text(from_body(i == 4   ? 422
                          : i == 6 ? 500
                                   : 400,
                          overflows[i]),
                "CONTEXT_OVERFLOW", "overflow");
        ok(!failure.retryable, "which is never asked again");
    }

    char long_text[2000];
    memset(long_text, 'a', sizeof long_text);
    memcpy(long_text + 396, "\xe2\x82\xac\xe2\x82\xac", 6);
    kvt_failure_from_body(&failure, 500, long_text, sizeof long_text);
    ok(strlen(failure.message) <= 399 && strlen(failure.message) >= 396, "a long message is cut");
    ok(failure.message[396] == '\0' || strlen(failure.message) == 399, "between characters");
    kvt_failure_from_body(&failure, 500, "a\0b\xff", 4);
    is_text(failure.message,
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd",
            "bytes JSON cannot carry are replaced");
}

int main(void)
{
    test_chunks();
    test_ends();
    test_fast_path();
    test_documents();
    test_errors();
    kvt_completion_free(&completion);
    return tap_done();
}
