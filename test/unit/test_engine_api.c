/*
 * The API without its transport: text that grows token by token, and request bodies of every kind,
 * damaged ones included. The model is the example's; HTTP is tested in test/serve.t.
 */
#include "tap.h"

#include "core/memory.h"
#include "core/random.h"
#include "engine/api_queue.h"

#include <stdlib.h>

static const char model[] = "examples/recall/recall.gguf";

/* Feeds pieces (NULL-terminated) and joins what is shown, with '|' after each piece that shows
 * something. */
static char *grow(const char *const *pieces, const char *stop_a, const char *stop_b, bool *stopped)
{
    struct kvt_request request = {0};
    const char *const stops[] = {stop_a, stop_b};
    for (size_t i = 0; i < 2 && stops[i]; i++) {
        request.stops[request.n_stops] = kvt_strdup(stops[i]);
        request.stop_lengths[request.n_stops++] = strlen(stops[i]);
    }
    struct kvt_answer answer = {.request = &request};
    struct kvt_buffer out = {0};
    for (; *pieces; pieces++) {
        size_t before = out.length;
        kvt_answer_add(&answer, *pieces, strlen(*pieces), &out);
        if (out.length > before)
            kvt_buffer_byte(&out, '|');
    }
    kvt_answer_end(&answer, &out);
    *stopped = answer.stopped;
    kvt_answer_free(&answer);
    kvt_request_free(&request);
    kvt_buffer_append(&out, "", 0);
    return kvt_buffer_take(&out);
}

static void check_text(const char *name, const char *const *pieces, const char *stop_a,
                       const char *stop_b, const char *expected, bool expect_stop)
{
    bool stopped;
    char *text = grow(pieces, stop_a, stop_b, &stopped);
    is_text(text, expected, name);
    ok(stopped == expect_stop, "and it stopped, or did not");
    free(text);
}

#define PIECES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_answers(void)
{
    check_text("plain pieces", PIECES(" old", " arch"), NULL, NULL, " old| arch|", false);
    check_text("a character in three pieces", PIECES("a\xe2", "\x82", "\xac"), NULL, NULL,
               "a|\xe2\x82\xac|", false);
    check_text("a character that is never finished", PIECES("a\xe2\x82"), NULL, NULL,
               "a|\xef\xbf\xbd", false);
    check_text("a broken character is shown as soon as it is known", PIECES("\xe2", "b"), NULL,
               NULL,
               "\xef\xbf\xbd"
               "b|",
               false);
    check_text("a byte that begins nothing", PIECES("\xff", "b"), NULL, NULL,
               "\xef\xbf\xbd"
               "b|",
               false);
    check_text("a stop string in one piece", PIECES("ab###cd", "ef"), "###", NULL, "ab|", true);
    check_text("a stop string over three pieces", PIECES("ab#", "#", "#cd"), "###", NULL, "ab|",
               true);
    check_text("what only began like one", PIECES("ab#", "#", "c"), "###", NULL, "ab|##c|", false);
    check_text("what began like one at the end", PIECES("ab#", "#"), "###", NULL, "ab|##", false);
    check_text("a stop string that overlaps its own start", PIECES("aab", "aabb"), "aabb", NULL,
               "aab|", true);
    check_text("the first of two", PIECES("one two three"), "three", "two", "one |", true);
    check_text("a stop string of several bytes to a character", PIECES("x\xe2\x82", "\xacy"),
               "\xe2\x82\xac", NULL, "x|", true);
}

static void open_service(struct kvt_service *service)
{
    struct kvt_error error;
    struct kvt_engine_options options = {.threads = 1};
    service->tokenizer = kvt_tokenizer_load(model, &error);
    service->engine = service->tokenizer ? kvt_engine_open(model, &options, &error) : NULL;
    service->chat =
        service->engine ? kvt_chat_from_gguf(kvt_engine_gguf(service->engine), &error) : NULL;
    if (!service->chat) {
        printf("Bail out! %s\n", error.text);
        exit(1);
    }
    service->info = kvt_engine_info(service->engine);
    service->model_name = "recall";
}

static void close_service(struct kvt_service *service)
{
    kvt_chat_free(service->chat);
    kvt_engine_close(service->engine);
    kvt_tokenizer_free(service->tokenizer);
}

static int parse(const struct kvt_service *service, bool chat, const char *body,
                 struct kvt_request *request, struct kvt_api_error *error)
{
    *error = (struct kvt_api_error){0};
    return kvt_request_parse(service, chat, body, strlen(body), request, error);
}

static void test_requests(const struct kvt_service *service)
{
    struct kvt_request r;
    struct kvt_api_error e;
    ok(parse(service, false, "{\"prompt\":[5,6,7,8]}", &r, &e) == 0 && r.prompt.count == 4 &&
           r.plan.compress_at == 3 && r.plan.prompt_tokens == 4 && r.max_tokens == 16 &&
           r.plan.budget == 1 && strcmp(r.plan.policy->name, "full") == 0 && !r.stream,
       "defaults of a completion");
    kvt_request_free(&r);
    ok(parse(service, false, "{\"prompt\":[5],\"kv_policy\":\"h2o\",\"kv_budget\":0.5}", &r, &e) ==
               0 &&
           r.plan.compress_at == 0,
       "a prompt of one token has nothing to compress");
    kvt_request_free(&r);
    ok(parse(service, false,
             "{\"prompt\":[[5,6]],\"kv_capacity\":null,\"seed\":null,\"stop\":null}", &r,
             &e) == 0 &&
           r.prompt.count == 2,
       "null is absent, a list of one list is that list");
    kvt_request_free(&r);
    ok(parse(service, true,
             "{\"messages\":[{\"role\":\"user\",\"content\":\"where does ned go "
             "?\"}],\"max_tokens\":7.0,"
             "\"kv_policy\":\"snapkv\",\"kv_budget\":0.25,\"kv_window\":3,\"kv_kernel\":7,\"seed\":"
             "-4}",
             &r, &e) == 0 &&
           r.max_tokens == 7 && r.plan.parameters.window == 3 && r.plan.parameters.kernel == 7 &&
           r.plan.budget == 0.25 && r.plan.compress_at + 2 == r.prompt.count &&
           r.seed == (uint64_t)-4,
       "fields of a chat request");
    kvt_request_free(&r);
    static const struct {
        const char *body, *param;
    } refused[] = {
        {"{\"prompt\":[5],\"max_tokens\":-1}", "max_tokens"},
        {"{\"prompt\":[5],\"max_tokens\":1.5}", "max_tokens"},
        {"{\"prompt\":[5],\"max_tokens\":\"9\"}", "max_tokens"},
        {"{\"prompt\":[5],\"temperature\":-1}", "temperature"},
        {"{\"prompt\":[5],\"temperature\":1e400}", ""},
        {"{\"prompt\":[5],\"stream\":1}", "stream"},
        {"{\"prompt\":[5],\"stop\":\"\"}", "stop"},
        {"{\"prompt\":[5],\"stop\":[1]}", "stop"},
        {"{\"prompt\":[5],\"echo\":true}", "echo"},
        {"{\"prompt\":[5],\"response_format\":{\"type\":\"json_object\"}}", "response_format"},
        {"{\"prompt\":[5],\"kv_window\":0}", "kv_window"},
        {"{\"prompt\":[5],\"kv_capacity\":0,\"kv_policy\":\"h2o\"}", "kv_capacity"},
        {"{\"prompt\":[5],\"kv_compress_after\":\"end\"}", "kv_compress_after"},
        {"{\"prompt\":[5],\"kv_compress_after\":\"context\"}", "kv_compress_after"},
        {"{\"prompt\":[5,\"x\"]}", "prompt"},
        {"{\"prompt\":[-1]}", "prompt"},
        {"{\"prompt\":[1217]}", "prompt"},
        {"{\"prompt\":[]}", "prompt"},
        {"{\"prompt\":[\"a\",\"b\"]}", "prompt"},
        {"{\"prompt\":{}}", "prompt"},
        {"{}", "prompt"},
        {"[1]", ""},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int result = parse(service, false, refused[i].body, &r, &e);
        if (!ok(result == -1 && e.status == 400 && strcmp(e.param, refused[i].param) == 0 &&
                    e.message[0],
                refused[i].body))
            printf("# param \"%s\": %s\n", e.param, e.message);
        kvt_request_free(&r);
    }
}

/* Bodies with a few bytes changed: accepted or refused, never more. */
static void test_damage(const struct kvt_service *service)
{
    static const char whole[] =
        "{\"messages\":[{\"role\":\"system\",\"content\":\"a \\u00e9 "
        "b\"},{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"context : ned\"},{\"type\":\"text\",\"text\":\" where "
        "?\"}]}],"
        "\"prompt\":[1,2,3],\"temperature\":0.5,\"stop\":[\"x\"],\"kv_policy\":\"snapkv\",\"kv_"
        "budget\":0.5,"
        "\"kv_compress_after\":\"context\",\"logprobs\":true,\"top_logprobs\":3,\"max_tokens\":4}";
    struct kvt_random random;
    kvt_random_seed(&random, 8);
    size_t accepted = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        char body[sizeof whole];
        memcpy(body, whole, sizeof whole);
        size_t hits = kvt_random_bounded(&random, 4);
        for (size_t i = 0; i < hits; i++)
            body[kvt_random_bounded(&random, sizeof whole - 1)] =
                (char)kvt_random_bounded(&random, 256);
        struct kvt_request request;
        struct kvt_api_error error = {0};
        if (kvt_request_parse(service, round % 2, body, sizeof whole - 1, &request, &error) == 0)
            accepted += request.plan.compress_at <= request.prompt.count;
        else
            refused += error.status == 400;
        kvt_request_free(&request);
    }
    ok(accepted + refused == 4000 && accepted > 400 && refused > 1000,
       "damaged bodies are accepted or refused with 400");
}

/* Whoever has an answer finds its request among those that have ended, and not among those at work.
 */
static void test_counts(const struct kvt_service *service)
{
    struct kvt_error error;
    struct kvt_request request;
    struct kvt_api_error refusal;
    struct kvt_queue_counts counts;
    struct kvt_queue *queue =
        kvt_queue_open(service, &(struct kvt_queue_options){.slots = 2, .waiting = 2}, &error);
    size_t right = 0, rounds = 300;
    for (size_t i = 1; i <= rounds; i++) {
        parse(service, false, "{\"prompt\":[5],\"max_tokens\":1}", &request, &refusal);
        struct kvt_job *job = kvt_job_submit(queue, &request, &refusal);
        while (!kvt_job_wait(job, SIZE_MAX - 1, 1))
            continue;
        kvt_queue_counts(queue, &counts);
        right += counts.running == 0 && counts.waiting == 0 && counts.finished == i;
        kvt_job_release(job);
    }
    is_int((long long)right, (long long)rounds,
           "an answered request is no longer counted as running");
    kvt_queue_close(queue);
}

int main(void)
{
    struct kvt_service service = {0};
    test_answers();
    open_service(&service);
    test_requests(&service);
    test_damage(&service);
    test_counts(&service);
    close_service(&service);
    return tap_done();
}
