/*
 * Answers, errors, headers and addresses with random damage: nothing may crash (sanitizers watch),
 * text stays valid UTF-8, and an answer that is not whole is never a success.
 */
#include "core/random.h"
#include "core/utf8.h"
#include "http/completion.h"
#include "http/gauge.h"
#include "http/proof.h"
#include "http/retry.h"
#include "http/sse.h"
#include "http/url.h"
#include "tap.h"

#include <stdlib.h>

static const char *const seeds[] = {
    "data: "
    "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}"
    "\n\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xc3\xa9\\n\"}}],\"usage\":null}\n\n: "
    "ping\n\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"hm\"},\"logprobs\":{\"content\":[{"
    "\"logprob\":-1}]},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"kv_cache\":{\"prompt_tokens\":9,"
    "\"kept_tokens\":3,"
    "\"kept_per_layer\":[3,3],\"bytes\":10}}}\r\n\r\ndata: [DONE]\r\r",
    "event: error\ndata: {\"error\":{\"message\":\"maximum context length is "
    "4096\",\"code\":400}}\n\n",
    "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"reasoning_"
    "content\":\"r\"},"
    "\"finish_reason\":\"length\"}],\"timings\":{\"prompt_n\":3,\"cache_n\":1,\"prompt_ms\":2}}",
    "{\"detail\":[{\"loc\":[\"body\",\"kv_budget\"],\"msg\":\"Extra inputs are not permitted\"}]}",
    "<html><body><h1>502 Bad Gateway</h1>nginx</body></html>",
    "vllm:kv_cache_usage_perc{engine=\"0\"} "
    "0.25\nvllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"9\"} 1\n",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "2026-11-24T21:30:44.5+01:00",
    "1h2m3.5s",
    "https://user:pa%20ss@host.example:8080/v1/?key=1#x",
};
enum { SEEDS = sizeof seeds / sizeof *seeds };

static struct kvt_completion completion;

static void on_event(void *context, const char *name, const char *data, size_t length)
{
    struct kvt_sse *sse = context;
    if (sse->ending)
        kvt_completion_last_event(&completion, name, data, length, 1);
    else
        kvt_completion_event(&completion, name, data, length, 1);
}

/* A seed with a few bytes changed, doubled, dropped or cut off. */
static size_t damage(struct kvt_random *random, char *out, size_t size)
{
    const char *seed = seeds[kvt_random_bounded(random, SEEDS)];
    size_t length = strlen(seed);
    memcpy(out, seed, length);
    for (uint32_t n = kvt_random_bounded(random, 5); n > 0 && length > 1; n--) {
        size_t at = kvt_random_bounded(random, (uint32_t)length);
        size_t span = 1 + kvt_random_bounded(random, 8);
        if (at + span > length)
            span = length - at;
        switch (kvt_random_bounded(random, 5)) {
        case 0:
            out[at] = (char)kvt_random_bounded(random, 256);
            break;
        case 1:
            memmove(out + at, out + at + span, length - at - span);
            length -= span;
            break;
        case 2:
            if (length + span < size) {
                memmove(out + at + span, out + at, length - at);
                length += span;
            }
            break;
        case 3:
            length = at;
            break;
        default:
            out[at] = "{}[]\",:\\\n\r01e"[kvt_random_bounded(random, 13)];
        }
    }
    out[length] = '\0';
    return length;
}

static int valid(const struct kvt_buffer *text)
{
    return text->length == 0 || kvt_utf8_valid(text->data, text->length) == text->length;
}

int main(void)
{
    enum { ROUNDS = 30000 };
    struct kvt_random random;
    kvt_random_seed(&random, 20261124);
    char bytes[4096];
    long streams = 0, wrong = 0, invalid = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t length = damage(&random, bytes, sizeof bytes);
        struct kvt_sse sse = {.event = on_event};
        sse.context = &sse;
        for (size_t at = 0; at < length;) {
            size_t piece = 1 + kvt_random_bounded(&random, 64);
            if (piece > length - at)
                piece = length - at;
            kvt_sse_feed(&sse, bytes + at, piece);
            at += piece;
        }
        kvt_sse_end(&sse);
        kvt_completion_end(&completion);
        streams += completion.streamed;
        wrong += !completion.failure.type && !completion.finish_reason;
        invalid += !valid(&completion.text) || !valid(&completion.reasoning) ||
                   kvt_utf8_valid(completion.failure.message, strlen(completion.failure.message)) !=
                       strlen(completion.failure.message);
        struct kvt_report report;
        kvt_report_read(&report, completion.final, NULL);
        kvt_completion_gap(&completion, 0.95);
        kvt_completion_free(&completion);
        kvt_sse_free(&sse);

        kvt_completion_document(&completion, bytes, length, 1);
        kvt_completion_end(&completion);
        wrong += !completion.failure.type && !completion.answered;
        invalid += !valid(&completion.text);
        kvt_completion_free(&completion);

        struct kvt_failure failure;
        kvt_failure_from_body(&failure, 100 + (long)kvt_random_bounded(&random, 500), bytes,
                              length);
        kvt_failure_redact(&failure, "permitted");
        wrong += !failure.type || !failure.message[0];
        invalid +=
            kvt_utf8_valid(failure.message, strlen(failure.message)) != strlen(failure.message);
        double wait = kvt_retry_after(bytes, 1764021600);
        wrong += wait < 0;
        struct kvt_gauge_reading reading;
        kvt_gauge_read(&reading, bytes, length, round % 2 ? "auto" : "/a/0");
        struct kvt_url url;
        struct kvt_error error;
        if (kvt_url_parse(&url, bytes, &error) == 0)
            kvt_url_free(&url);
    }
    ok(streams > ROUNDS / 8, "damaged streams were read");
    is_int(wrong, 0, "none that was not whole passed for a success");
    is_int(invalid, 0, "all text is valid");
    return tap_done();
}
