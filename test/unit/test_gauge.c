/* KV use out of Prometheus text and JSON, and its conversion to bytes; sampling between two
 * moments. */
#include "core/clock.h"
#include "http/command.h"
#include "http/gauge.h"
#include "http/sampler.h"
#include "stream/json.h"
#include "tap.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct kvt_gauge_reading reading;

static double value(const char *text, const char *name)
{
    kvt_gauge_read(&reading, text, strlen(text), name);
    return reading.value;
}

static const char *name(void)
{
    return reading.name ? reading.name : "none";
}

static void test_reading(void)
{
    const char *vllm =
        "# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.\n"
        "# TYPE vllm:kv_cache_usage_perc gauge\n"
        "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"a}b\\\"{\"} 0.125\n"
        "vllm:kv_cache_usage_perc{engine=\"1\",model_name=\"m\"} 0.25 1764021600000\n"
        "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"1000\"} 1.0\n";
    is_near(value(vllm, "auto"), 0.25, 0, "vLLM's gauge: the largest over engines");
    is_text(name(), "vllm:kv_cache_usage_perc", "by its name");
    is_int(reading.unit, KVT_GAUGE_FRACTION, "a fraction");
    is_near(reading.capacity_tokens, 16000, 0, "of a pool whose size it tells");
    is_near(value("vllm:gpu_cache_usage_perc 0.5\n", "auto"), 0.5, 0, "its old name");
    is_near(value("sglang:token_usage 0.1\nsglang:num_used_tokens{x=\"y\"} 640.0\n", "auto"), 640,
            0, "SGLang: tokens before the fraction");
    is_int(reading.unit, KVT_GAUGE_TOKENS, "tokens");
    is_near(value("kvt_kv_cache_bytes 4096\nkvt_kv_cache_bytes_total 9\n", "auto"), 4096, 0,
            "kvt-serve: bytes");
    ok(isnan(value("a 1\n", "auto")), "none of them");
    is_text(name(), "none", "has no name");
    is_near(value("my_kv_bytes 7\n", "my_kv_bytes"), 7, 0, "a name of one's own");
    is_int(reading.unit, KVT_GAUGE_BYTES, "whose unit is in its ending");
    value("x_usage 1\n", "x_usage");
    is_int(reading.unit, KVT_GAUGE_FRACTION, "usage is a fraction");
    ok(isnan(value("my_kv_bytes_total 7\nmy_kv_byte 3\n", "my_kv_bytes")),
       "no part of another name");
    ok(isnan(value("m{x=\"1\" 5\n", "m")) && isnan(value("m\n", "m")) &&
           isnan(value("m x\n", "m")) && isnan(value("", "m")),
       "torn lines");
    is_near(value("m 1e3", "m"), 1000, 0, "without a newline at the end");
    ok(isnan(value("m NaN\n", "m")), "NaN is no value");
    is_near(value("{\"stats\":[{\"kv_bytes\":12}]}", "/stats/0/kv_bytes"), 12, 0, "a JSON pointer");
    ok(isnan(value("{\"stats\":[]}", "/stats/0/kv_bytes")) && isnan(value("oops", "/a")),
       "to nothing");
}

static void test_bytes(void)
{
    struct kvt_error error;
    const char *text = "{\"n_layers\":4,\"n_kv_heads\":2,\"head_dim\":16,\"bytes_per_value\":4}";
    json_t *geometry = kvt_json_parse(text, strlen(text), NULL, &error);
    double token = 2.0 * 4 * 2 * 16 * 4;
    reading = (struct kvt_gauge_reading){"x", KVT_GAUGE_BYTES, 0, NAN};
    is_near(kvt_gauge_bytes(&reading, 100, NULL), 100, 0, "bytes stay");
    reading.unit = KVT_GAUGE_TOKENS;
    is_near(kvt_gauge_bytes(&reading, 100, geometry), 100 * token, 0, "tokens by the geometry");
    ok(isnan(kvt_gauge_bytes(&reading, 100, NULL)), "or not at all");
    reading.unit = KVT_GAUGE_FRACTION;
    ok(isnan(kvt_gauge_bytes(&reading, 0.5, geometry)), "a fraction needs the pool's size");
    reading.capacity_tokens = 1000;
    is_near(kvt_gauge_bytes(&reading, 0.5, geometry), 500 * token, 0, "as the server tells it");
    json_object_set_new(geometry, "capacity_tokens", json_integer(200));
    is_near(kvt_gauge_bytes(&reading, 0.5, geometry), 100 * token, 0,
            "or the settings, which come first");
    reading.name = NULL;
    ok(isnan(kvt_gauge_bytes(&reading, 1, geometry)), "no gauge, no bytes");
    json_decref(geometry);
}

/* The number of the sample. */
static double next_value(void *context)
{
    atomic_int *next = context;
    return atomic_fetch_add(next, 1) + 1;
}

/* Until three more samples were begun, however long that takes: the first may have begun before,
 * the second is over. */
static void wait_for_samples(atomic_int *next)
{
    for (int until = atomic_load(next) + 3; atomic_load(next) < until;)
        kvt_clock_sleep(0.005);
}

static void test_sampling(void)
{
    atomic_int next = 0;
    struct kvt_sampler *sampler = kvt_sampler_open(next_value, NULL, &next, 0.005);
    double from = kvt_clock_monotonic();
    kvt_clock_sleep(0.03);
    is_int(kvt_sampler_between(sampler, from, kvt_clock_monotonic()).n, 0,
           "idle: nothing is sampled");
    kvt_sampler_begin(sampler);
    wait_for_samples(&next);
    double middle = kvt_clock_monotonic();
    wait_for_samples(&next);
    kvt_sampler_end(sampler);
    double to = kvt_clock_monotonic();
    struct kvt_samples all = kvt_sampler_between(sampler, from, to);
    struct kvt_samples first = kvt_sampler_between(sampler, from, middle);
    struct kvt_samples second = kvt_sampler_between(sampler, middle, to);
    ok(first.n > 0 && second.n > 0 && first.n + second.n <= all.n, "samples between two moments");
    ok(first.largest < second.largest && second.largest == all.largest, "the largest of them");
    ok(all.last == all.largest, "and the last");
    kvt_sampler_close(sampler);
    kvt_sampler_close(NULL);
}

static double output_of(const char *text)
{
    struct kvt_command *command = kvt_command_new(text);
    double largest = kvt_command_run(command);
    kvt_command_free(command);
    return largest;
}

/* Seconds that closing takes while the command runs. */
static double close_while(const char *text)
{
    struct kvt_command *command = kvt_command_new(text);
    struct kvt_sampler *sampler =
        kvt_sampler_open(kvt_command_run, kvt_command_end, command, 0.005);
    kvt_sampler_begin(sampler);
    kvt_clock_sleep(0.1);
    kvt_sampler_end(sampler);
    double from = kvt_clock_monotonic();
    kvt_sampler_close(sampler);
    double took = kvt_clock_monotonic() - from;
    ok(isnan(kvt_command_run(command)), "after its end nothing is started");
    kvt_command_free(command);
    return took;
}

static void test_command(void)
{
    is_near(output_of("echo 3; echo 12 MiB; echo x"), 12, 0, "a command's largest number");
    ok(isnan(output_of("echo 3; exit 1")), "not of one that failed");
    ok(isnan(output_of("echo none")), "nor of one without numbers");
    ok(isnan(output_of("kill -9 $$")), "nor of one that was killed");
    ok(isnan(output_of("kill -PIPE $$; echo 7")), "signals mean what they mean elsewhere");
    ok(close_while("sleep 60") < 30, "one that hangs is ended");
    ok(close_while("sleep 60 | cat") < 30, "with what it started");
    ok(close_while("exec >&-; sleep 60") < 30, "also when it has closed its output");
    ok(close_while("yes 1") < 30, "and when that has no end");
    ok(close_while("setsid sleep 45 2>/dev/null & sleep 60") < 30,
       "what left the session and holds the output open is not waited for");
    ok(close_while("setsid sleep 45 2>/dev/null & echo 1") < 30, "also when the command has ended");
    ok(close_while("exec perl -e 'setpgrp(0, getpgrp(getppid())); sleep 60'") < 30,
       "a command that joined another group is ended");
    kvt_command_free(NULL);
}

int main(void)
{
    test_reading();
    test_bytes();
    signal(SIGPIPE, SIG_IGN); /* as kvt-infer has it */
    test_sampling();
    test_command();
    return tap_done();
}
