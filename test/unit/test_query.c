/* Base URLs, placeholders, the grid of runs, request bodies and identities, retries, proof. */
#include "core/memory.h"
#include "http/grid.h"
#include "http/placeholder.h"
#include "http/proof.h"
#include "http/query.h"
#include "http/retry.h"
#include "http/url.h"
#include "stream/json.h"
#include "tap.h"

#include <stdlib.h>

static json_t *parse(const char *text)
{
    struct kvt_error error;
    json_t *value = kvt_json_parse(text, strlen(text), NULL, &error);
    if (!value)
        printf("# %s: %s\n", text, error.text);
    return value;
}

static void test_urls(void)
{
    static const struct {
        const char *text, *joined, *root, *host, *credentials;
    } cases[] = {
        {"http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/x", "http://127.0.0.1:8000",
         "127.0.0.1", NULL},
        {"http://h:1/", "http://h:1/v1/x", "http://h:1", "h", NULL},
        {"http://h/v3", "http://h/v3/x", "http://h", "h", NULL},
        {"https://h.example/a/v1/", "https://h.example/a/v1/x", "https://h.example", "h.example",
         NULL},
        {"https://u:p%40@h/v1", "https://h/v1/x", "https://h", "h", "u:p%40"},
        {"https://u:p@ss@h/v1", "https://h/v1/x", "https://h", "h", "u:p@ss"},
        {"https://h/v1?api-version=2#frag", "https://h/v1/x?api-version=2", "https://h", "h", NULL},
        {"http://[::1]:8080", "http://[::1]:8080/v1/x", "http://[::1]:8080", "::1", NULL},
        {"HTTP://Host", "http://Host/v1/x", "http://Host", "Host", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kvt_url url;
        struct kvt_error error;
        if (!ok(kvt_url_parse(&url, cases[i].text, &error) == 0, cases[i].text))
            continue;
        char *joined = kvt_url_join(&url, "/x");
        is_text(joined, cases[i].joined, "joined");
        is_text(url.root, cases[i].root, "root");
        is_text(url.host, cases[i].host, "host");
        if (cases[i].credentials)
            is_text(url.credentials, cases[i].credentials, "credentials apart");
        else
            ok(url.credentials == NULL, "no credentials");
        free(joined);
        kvt_url_free(&url);
    }
    static const char *const bad[] = {"",
                                      "127.0.0.1:80",
                                      "ftp://h/",
                                      "http://",
                                      "http:///v1",
                                      "http://h/a b",
                                      "file:///etc/passwd",
                                      "http://h/\"x",
                                      "http://h:0",
                                      "http://h:65536",
                                      "http://h:80x/v1",
                                      "http://[::1]:x",
                                      "http://[::1]8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kvt_url url;
        struct kvt_error error;
        ok(kvt_url_parse(&url, bad[i], &error) == -1 && error.code == KVT_USAGE, "no base URL");
    }
    struct kvt_url url;
    struct kvt_error error;
    kvt_url_parse(&url, "ftp://user:secret@h", &error);
    ok(strstr(error.text, "secret") == NULL, "an error does not repeat credentials");
}

static const char *filled(const char *template)
{
    static struct kvt_buffer out;
    struct kvt_error error = {0};
    json_t *values =
        parse("{\"kv_budget\":0.2,\"kv_policy\":\"snapkv\",\"kv_capacity\":null,\"kv_window\":16}");
    json_t *tree = parse(template);
    json_t *result = kvt_placeholder_fill(tree, values, &error);
    kvt_buffer_clear(&out);
    if (result)
        kvt_json_write(&out, result);
    else
        kvt_buffer_text(&out, error.text);
    json_decref(result);
    json_decref(tree);
    json_decref(values);
    return kvt_buffer_string(&out);
}

static void test_placeholders(void)
{
    is_text(filled("{\"a\":\"{kv_budget}\",\"b\":\"{kv_policy}\"}"), "{\"a\":0.2,\"b\":\"snapkv\"}",
            "typed values");
    is_text(filled("{\"a\":\"x-{kv_budget}-{kv_policy}\"}"), "{\"a\":\"x-0.2-snapkv\"}",
            "inside longer text");
    is_text(filled("{\"a\":{\"b\":[1,\"{kv_window}\",{\"c\":\"{kv_budget}\"}]}}"),
            "{\"a\":{\"b\":[1,16,{\"c\":0.2}]}}", "at any depth");
    is_text(filled("{\"a\":\"{kv_capacity}\",\"b\":\"cap={kv_capacity}\",\"c\":[\"{kv_capacity}\"],"
                   "\"d\":null}"),
            "{\"c\":[],\"d\":null}",
            "a member without a value is left out, a null of one's own stays");
    is_text(filled("{\"a\":\"{{kv_budget}}\",\"b\":\"{{}}\"}"),
            "{\"a\":\"{kv_budget}\",\"b\":\"{}\"}", "escaped braces");
    is_text(filled("{\"a\":true,\"b\":1.5,\"{kv_budget}\":1}"),
            "{\"a\":true,\"b\":1.5,\"{kv_budget}\":1}", "other values and names stay");
    ok(strstr(filled("{\"a\":\"{kv_bugdet}\"}"),
              "unknown placeholder {kv_bugdet}; the nearest is {kv_budget}"),
       "an unknown placeholder names the nearest");
    ok(strstr(filled("{\"a\":\"b{kv_bugdet}\"}"), "unknown placeholder"), "also inside text");
    ok(strstr(filled("{\"a\":\"{kv_budget\"}"), "without its }"), "a brace left open");
    json_t *tree = parse("{\"a\":[{\"b\":\"x{kv_budget}\"}],\"c\":\"{{kv_policy}}\"}");
    ok(kvt_placeholder_uses(tree, "kv_budget"), "a use is found");
    ok(!kvt_placeholder_uses(tree, "kv_policy"), "an escaped one is none");
    json_decref(tree);
}

static const char *const settings_text =
    "{\"seed\":3,\"model\":{\"name\":\"m\"},\"engine\":{\"base_url\":\"http://"
    "a.example:1\",\"endpoints\":{},"
    "\"extra_body\":{\"kv_budget\":\"{kv_budget}\",\"kv_capacity\":\"{kv_capacity}\",\"kv_policy\":"
    "\"{kv_policy}\","
    "\"kv_window\":\"{kv_window}\"},\"request\":{\"max_tokens_field\":\"max_tokens\","
    "\"temperature\":true}},"
    "\"kv\":{\"policy\":\"h2o\",\"budgets\":[0.5,1.0,0.2],\"budget_unit\":\"fraction\",\"window\":"
    "8,\"replicates\":2},"
    "\"decoding\":{\"temperature\":0,\"seed\":5,\"repeats\":2}}";

static json_t *settings(const char *path, const char *value)
{
    json_t *tree = parse(settings_text);
    if (path) {
        char section[64];
        const char *dot = strrchr(path, '.');
        snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
        json_object_set_new(kvt_json_get(tree, section), dot + 1, parse(value));
    }
    return tree;
}

static void test_grid(void)
{
    struct kvt_grid grid;
    struct kvt_error error = {0};
    struct kvt_grid_options options = {.exp_group_id = "g"};
    json_t *tree = settings(NULL, NULL);
    ok(kvt_grid_open(&grid, tree, &options, &error) == 0, "a grid");
    is_int(grid.n_runs, 4, "three budgets and a second reference");
    ok(grid.runs[0].budget == 0.5 && grid.runs[1].reference && grid.runs[1].replicate == 'a' &&
           grid.runs[2].reference && grid.runs[2].replicate == 'b' && grid.runs[3].budget == 0.2,
       "in the order of the config");
    is_text(grid.engine_name, "a.example", "engine_name is the host, without port");
    is_text(grid.runs[1].policy, "full", "the reference's policy");
    struct kvt_buffer text = {0};
    kvt_json_write(&text, grid.runs[1].extra);
    is_text(text.data, "{\"kv_budget\":1,\"kv_policy\":\"full\"}", "the reference has no window");
    kvt_buffer_clear(&text);
    kvt_json_write(&text, grid.runs[3].extra);
    is_text(text.data, "{\"kv_budget\":0.2,\"kv_policy\":\"h2o\",\"kv_window\":8}",
            "a budget's body");
    size_t order[8], again[8], seen = 0;
    kvt_grid_order(&grid, "entry-1", order);
    kvt_grid_order(&grid, "entry-1", again);
    for (size_t i = 0; i < 8; i++)
        seen |= (size_t)1 << order[i];
    is_int(seen, 255, "the order is a permutation");
    ok(memcmp(order, again, sizeof order) == 0, "and seeded");
    kvt_grid_order(&grid, "entry-2", again);
    ok(memcmp(order, again, sizeof order) != 0, "another one for another entry");
    char run_id[KVT_SHA256_HEX];
    memcpy(run_id, grid.runs[0].run_id, sizeof run_id);
    kvt_grid_close(&grid);
    options.salt = "s";
    kvt_grid_open(&grid, tree, &options, &error);
    ok(strcmp(run_id, grid.runs[0].run_id) != 0, "the salt is part of run_id");
    kvt_grid_close(&grid);
    options.salt = NULL;
    options.base_url = "http://a.example:999/v1";
    kvt_grid_open(&grid, tree, &options, &error);
    is_text(grid.runs[0].run_id, run_id, "the port is not");
    kvt_grid_close(&grid);
    json_decref(tree);
    kvt_buffer_free(&text);
}

static const char *grid_error(const char *path, const char *value)
{
    static struct kvt_error error;
    struct kvt_grid grid;
    struct kvt_grid_options options = {0};
    json_t *tree = settings(path, value);
    error.text[0] = '\0';
    if (kvt_grid_open(&grid, tree, &options, &error) == 0)
        kvt_grid_close(&grid);
    json_decref(tree);
    return error.text;
}

static void test_grid_settings(void)
{
    struct kvt_grid grid;
    struct kvt_error error = {0};
    struct kvt_grid_options options = {0};
    json_t *tree = settings("kv.budgets", "[128,32]");
    json_object_set_new(kvt_json_get(tree, "kv"), "budget_unit", json_string("tokens"));
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 4, "tokens: the reference is added, twice");
    ok(grid.runs[0].reference && grid.runs[0].budget == 1, "at the front, as a fraction of 1");
    is_text(grid.runs[0].unit, "fraction", "of its own unit");
    is_text(grid.runs[2].unit, "tokens", "beside budgets in tokens");
    struct kvt_buffer text = {0};
    kvt_json_write(&text, grid.runs[2].extra);
    is_text(text.data, "{\"kv_capacity\":128,\"kv_policy\":\"h2o\",\"kv_window\":8}",
            "kv_capacity in their body");
    kvt_buffer_free(&text);
    kvt_grid_close(&grid);
    json_decref(tree);

    options.engine_name = "kvt-serve";
    tree = settings("kv.replicates", "null");
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 4, "one reference on the embedded engine");
    size_t again = grid.runs[0].reference ? 1 : 2;
    is_int(grid.runs[again].sample, 3, "and a sample of the second");
    ok(grid.runs[again].replicate == 'b' && grid.runs[again].reference, "which is replicate b");
    char sampled[KVT_SHA256_HEX];
    strcpy(sampled, grid.runs[again].run_id);
    kvt_grid_close(&grid);
    json_object_set_new(kvt_json_get(tree, "kv"), "replicates", json_integer(2));
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 4, "two when two are asked for");
    is_int(grid.runs[again].sample, 0, "both whole");
    ok(strcmp(grid.runs[again].run_id, sampled) != 0, "a sample is another run than a whole one");
    kvt_grid_close(&grid);
    json_object_set_new(kvt_json_get(tree, "kv"), "replicates", json_integer(1));
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 3, "one, and no sample, when one is asked for");
    kvt_grid_close(&grid);
    json_object_set_new(kvt_json_get(tree, "kv"), "replicates", json_null());
    json_object_set_new(kvt_json_get(tree, "kv"), "noise_sample", json_integer(0));
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 3, "no sample of 0");
    kvt_grid_close(&grid);
    json_object_set_new(kvt_json_get(tree, "kv"), "noise_sample", json_null());
    options.engine_name = "other";
    kvt_grid_open(&grid, tree, &options, &error);
    is_int(grid.n_runs, 4, "two elsewhere");
    kvt_grid_close(&grid);
    json_decref(tree);

    ok(strstr(grid_error("engine.extra_body", "{}"), "nothing tells budget"),
       "budgets that do not travel are refused");
    ok(strstr(grid_error("engine.extra_body", "{\"p\":\"{kv_policy}\"}"), "nothing tells budget"),
       "also when only the policy travels");
    is_text(grid_error("engine.endpoints", "{\"0.5\":\"http://b\",\"0.2\":\"http://c\"}"), "",
            "endpoints per budget");
    ok(strstr(grid_error("kv.budgets", "[1.5]"), "no fraction"), "a budget above 1");
    ok(strstr(grid_error("kv.budgets", "[0]"), "no fraction"), "a budget of 0");
    ok(strstr(grid_error("kv.budgets", "[0.5,0.5]"), "twice"), "a budget twice");
    ok(strstr(grid_error("kv.budget_unit", "\"tokens\""), "whole number"), "half a token");
    ok(strstr(grid_error("kv.noise_sample", "2"), "leave one of them out"),
       "a sample beside two whole runs");
    ok(strstr(grid_error("kv.replicates", "0"), "kv.replicates"), "no reference at all");
    ok(strstr(grid_error("engine.extra_body", "{\"a\":\"{nope}\"}"), "unknown placeholder"),
       "a placeholder in the dark");
    unsetenv("BASE_URL");
    unsetenv("OPENAI_BASE_URL");
    ok(strstr(grid_error("engine.base_url", "null"), "no server"), "no server");
    setenv("OPENAI_BASE_URL", "http://openai", 1);
    is_text(grid_error("engine.base_url", "null"), "", "OPENAI_BASE_URL names one");
    tree = settings("engine.base_url", "null");
    setenv("BASE_URL", "http://base", 1);
    options = (struct kvt_grid_options){0};
    kvt_grid_open(&grid, tree, &options, &error);
    is_text(grid.endpoints[0].host, "base", "BASE_URL before OPENAI_BASE_URL");
    kvt_grid_close(&grid);
    json_decref(tree);
    tree = settings(NULL, NULL);
    kvt_grid_open(&grid, tree, &options, &error);
    is_text(grid.endpoints[0].host, "a.example", "the config before both");
    kvt_grid_close(&grid);
    options.base_url = "http://option";
    kvt_grid_open(&grid, tree, &options, &error);
    is_text(grid.endpoints[0].host, "option", "the option before all");
    kvt_grid_close(&grid);
    json_decref(tree);

    tree = settings("engine.endpoints", "{\"1.0\":\"http://full\",\"0.20\":\"http://fifth\"}");
    options = (struct kvt_grid_options){0};
    kvt_grid_open(&grid, tree, &options, &error);
    is_text(grid.endpoints[grid.runs[1].endpoint].host, "full",
            "an endpoint by its budget, written 1.0");
    is_text(grid.endpoints[grid.runs[3].endpoint].host, "fifth", "or 0.20");
    is_text(grid.endpoints[grid.runs[0].endpoint].host, "a.example", "the rest at the base URL");
    kvt_grid_close(&grid);
    json_decref(tree);
}

static void test_bodies(void)
{
    struct kvt_grid grid;
    struct kvt_error error = {0};
    struct kvt_grid_options options = {.exp_group_id = "g"};
    json_t *tree = settings(NULL, NULL);
    kvt_grid_open(&grid, tree, &options, &error);
    struct kvt_query_settings asked;
    kvt_query_read_settings(&asked, tree);
    asked.stream = false;
    json_t *entry = parse(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"meta\":{\"max_tokens\":32}}");
    struct kvt_query plain, other;
    ok(kvt_query_build(&plain, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error) == 0,
       "a body");
    is_text(plain.body.data,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":"
            "32,\"temperature\":0,"
            "\"seed\":5,\"kv_budget\":0.5,\"kv_policy\":\"h2o\",\"kv_window\":8}",
            "as documented");
    /* printf '%s' BODY | sha256sum */
    is_text(plain.body_sha256, "18c509a09ab5fc7395f0c97e9341d38ba35a6c6cdb640eb92b23476b1803c913",
            "its hash is that of these bytes");
    asked.stream = true;
    kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error);
    ok(strstr(other.body.data, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"),
       "streamed");
    is_text(other.request_id, plain.request_id, "the stream fields are no part of the identity");
    kvt_query_free(&other);
    asked.nonce = true;
    kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error);
    char nonce[32];
    snprintf(nonce, sizeof nonce, "\"content\":\"[%.12s] hi\"", plain.request_id);
    ok(strstr(other.body.data, nonce), "a nonce from the request_id before the prompt");
    is_text(other.request_id, plain.request_id, "the nonce is no part of the identity");
    kvt_query_free(&other);
    kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 1, NULL, &error);
    ok(strstr(other.body.data, "\"seed\":6"), "a repeat has a seed of its own");
    ok(strcmp(other.request_id, plain.request_id) != 0, "and an identity");
    kvt_query_free(&other);
    char first[KVT_SHA256_HEX];
    kvt_query_build(&other, &asked, &grid, &grid.runs[1], entry, 0, NULL, &error);
    memcpy(first, other.request_id, sizeof first);
    kvt_query_free(&other);
    kvt_query_build(&other, &asked, &grid, &grid.runs[2], entry, 0, NULL, &error);
    ok(strcmp(other.request_id, first) != 0, "replicates differ in identity");
    kvt_query_free(&other);
    asked.api = "completions";
    asked.nonce = false;
    ok(kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error) == 0 &&
           strstr(other.body.data, "\"prompt\":\"hi\""),
       "a question by the completions API");
    is_text(kvt_api_path(other.api), "/completions", "which has its own path");
    kvt_query_free(&other);
    json_decref(entry);
    entry = parse("{\"prompt\":\"text\"}");
    asked.api = NULL;
    asked.max_tokens_field = "max_completion_tokens";
    asked.send_temperature = false;
    kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error);
    ok(other.api == KVT_API_COMPLETIONS &&
           strstr(other.body.data, "\"prompt\":\"text\",\"max_completion_tokens\":128"),
       "a prompt goes to completions; the cap under another name, 128 by default");
    ok(!strstr(other.body.data, "temperature"), "no temperature");
    kvt_query_free(&other);
    json_decref(entry);
    entry = parse("{\"question\":\"x\"}");
    ok(kvt_query_build(&other, &asked, &grid, &grid.runs[0], entry, 0, NULL, &error) == -1 &&
           error.code == KVT_DATA,
       "an entry without prompt is bad data");
    json_decref(entry);
    kvt_query_free(&plain);
    kvt_grid_close(&grid);
    json_decref(tree);
}

static void test_retries(void)
{
    const double t = 1764021600; /* 2025-11-24T22:00:00Z, by date -d */
    is_near(kvt_retry_after("2", t), 2, 1e-9, "seconds");
    is_near(kvt_retry_after(" 0.5\r\n", t), 0.5, 1e-9, "with blanks around");
    is_near(kvt_retry_after("Mon, 24 Nov 2025 22:01:00 GMT", t), 60, 1e-6, "an HTTP date");
    is_near(kvt_retry_after("Mon, 24 Nov 2025 21:59:00 GMT", t), 0, 1e-6, "one that has passed");
    is_near(kvt_retry_after("2025-11-24T22:00:30Z", t), 30, 1e-6, "an ISO date");
    is_near(kvt_retry_after("2025-11-24T22:00:30.5Z", t), 30.5, 1e-6, "with a fraction");
    is_near(kvt_retry_after("2025-11-25T00:00:10+02:00", t), 10, 1e-6, "with an offset");
    is_near(kvt_retry_after("2024-02-29T00:00:00Z", 1709164800 - 5), 5, 1e-6, "on a leap day");
    is_near(kvt_retry_after("1m30s", t), 90, 1e-9, "a duration");
    is_near(kvt_retry_after("250ms", t), 0.25, 1e-9, "milliseconds");
    is_near(kvt_retry_after("6m0s", t), 360, 1e-9, "OpenAI's reset");
    is_near(kvt_retry_after("1h2m3s", t), 3723, 1e-9, "with hours");
    is_near(kvt_retry_after("PT1M30S", t), 90, 1e-9, "ISO 8601's duration");
    is_near(kvt_retry_after("20 seconds", t), 20, 1e-9, "in words");
    is_near(kvt_retry_after("1 min 5 sec", t), 65, 1e-9, "in several");
    is_near(kvt_retry_after("2025-11-25T00:00:10+0200", t), 10, 1e-6, "an offset without colon");
    is_near(kvt_retry_after("1764021610", t), 10, 1e-6, "Unix seconds");
    is_near(kvt_retry_after("1764021610000", t), 10, 1e-6, "Unix milliseconds");
    ok(isnan(kvt_retry_after("soon", t)) && isnan(kvt_retry_after("", t)) &&
           isnan(kvt_retry_after("1x", t)) && isnan(kvt_retry_after("PT", t)) &&
           isnan(kvt_retry_after("1 second ago", t)),
       "anything else is nothing");
    struct kvt_retry_policy policy = {.backoff_s = 1, .backoff_max_s = 10, .seed = 7};
    for (int attempt = 1; attempt <= 6; attempt++) {
        double most = attempt < 5 ? 1 << (attempt - 1) : 10;
        double wait = kvt_retry_wait(&policy, attempt, NAN, "k");
        ok(wait >= most / 2 && wait <= most,
           "back-off doubles up to its cap, between half and all");
    }
    ok(kvt_retry_wait(&policy, 2, NAN, "k") == kvt_retry_wait(&policy, 2, NAN, "k"), "seeded");
    ok(kvt_retry_wait(&policy, 2, NAN, "k") != kvt_retry_wait(&policy, 2, NAN, "l"),
       "another for another request");
    is_near(kvt_retry_wait(&policy, 1, 3, "k"), 3, 0, "what the server asks for is obeyed");
    is_near(kvt_retry_wait(&policy, 1, 3600, "k"), 10, 0, "up to the cap");
    ok(kvt_retry_wait(&policy, 1, 0, "k") == kvt_retry_wait(&policy, 1, NAN, "k"),
       "one that asks for no wait gets the back-off");
}

/* What these header lines, an answer of that status, ask to wait. */
static double asked_by(const char *const *lines, long status)
{
    struct kvt_retry_asked asked = KVT_RETRY_UNASKED;
    for (; *lines; lines++)
        kvt_retry_header(&asked, *lines, strlen(*lines), 1764021600);
    return kvt_retry_asked(&asked, status);
}

static void test_headers(void)
{
    const char *const none[] = {"HTTP/1.1 503 x\r\n", "Retry-Afters: 3\r\n", "\r\n", NULL};
    const char *const both[] = {"x-ratelimit-reset-tokens: 9s\r\n", "Retry-After: 2\r\n", NULL};
    const char *const limits[] = {"X-RateLimit-Reset-Requests: 250ms\r\n",
                                  "x-ratelimit-reset-tokens: 9s\r\n", "x-ratelimit-reset: 1\r\n",
                                  NULL};
    const char *const interim[] = {"HTTP/1.1 100 x\r\n", "retry-after-ms: 500\r\n",
                                   "HTTP/1.1 503 x\r\n", NULL};
    ok(isnan(asked_by(none, 503)), "headers that ask for nothing");
    is_near(asked_by(both, 503), 2, 1e-9, "Retry-After goes before the reset of a limit");
    is_near(asked_by(limits, 429), 9, 1e-9, "of several resets the longest");
    ok(isnan(asked_by(limits, 500)), "where a limit is why it refused");
    ok(isnan(asked_by(interim, 503)), "an interim answer asks for nothing");
}

static const char *applied(const char *cache, double budget, const char *unit, bool reference,
                           enum kvt_evidence evidence)
{
    char text[512];
    snprintf(text, sizeof text, "{\"usage\":{\"prompt_tokens\":1000%s%s}}",
             *cache ? ",\"kv_cache\":" : "", cache);
    json_t *final = parse(text);
    struct kvt_run run = {.budget = budget, .unit = unit, .reference = reference};
    struct kvt_report report;
    kvt_report_read(&report, final, NULL);
    const char *result = kvt_proof_judge(&report, &run, evidence);
    json_decref(final);
    return result;
}

static void test_proof(void)
{
    const char *fifth = "{\"prompt_tokens\":1000,\"kept_tokens\":200.5,\"uncompressed_tail\":0}";
    is_text(applied(fifth, 0.2, "fraction", false, KVT_EVIDENCE_CHANGED), "proven",
            "count and probe");
    is_text(applied(fifth, 0.2, "fraction", false, KVT_EVIDENCE_NONE), "reported", "count alone");
    is_text(applied(fifth, 0.5, "fraction", false, KVT_EVIDENCE_CHANGED), "contradicted",
            "another count");
    is_text(applied(fifth, 0.2, "fraction", false, KVT_EVIDENCE_UNCHANGED), "contradicted",
            "a count, but nothing changes");
    is_text(applied("", 0.2, "fraction", false, KVT_EVIDENCE_CHANGED), "behavioural",
            "probe alone");
    is_text(applied("", 0.2, "fraction", false, KVT_EVIDENCE_NONE), "unproven", "nothing");
    is_text(applied("", 0.2, "fraction", false, KVT_EVIDENCE_UNCHANGED), "contradicted",
            "a budget without effect");
    is_text(applied("{\"kv_budget\":0.2}", 0.2, "fraction", false, KVT_EVIDENCE_NONE), "unproven",
            "an echo of the budget is no evidence");
    const char *full = "{\"prompt_tokens\":1000,\"kept_tokens\":1000}";
    is_text(applied(full, 1, "fraction", true, KVT_EVIDENCE_NONE), "proven", "a full reference");
    is_text(applied(full, 1, "fraction", true, KVT_EVIDENCE_UNCHANGED), "proven",
            "which nothing has to change");
    is_text(applied(fifth, 1, "fraction", true, KVT_EVIDENCE_CHANGED), "contradicted",
            "a reference that is not full");
    is_text(applied("", 1, "fraction", true, KVT_EVIDENCE_NONE), "unproven",
            "a reference without report");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":219}", 0.2, "fraction", false,
                    KVT_EVIDENCE_NONE),
            "reported", "within 0.02");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":221}", 0.2, "fraction", false,
                    KVT_EVIDENCE_NONE),
            "contradicted", "beyond 0.02");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":261,\"uncompressed_tail\":50}", 0.2,
                    "fraction", false, KVT_EVIDENCE_NONE),
            "reported", "the uncompressed tail widens it");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_per_layer\":[100,300]}", 0.2, "fraction", false,
                    KVT_EVIDENCE_NONE),
            "reported", "a mean over layers");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":2000}", 0.2, "fraction", false,
                    KVT_EVIDENCE_NONE),
            "contradicted", "more kept than there was");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":131,\"uncompressed_tail\":3}", 128,
                    "tokens", false, KVT_EVIDENCE_NONE),
            "reported", "a capacity and its tail");
    is_text(applied("{\"prompt_tokens\":1000,\"kept_tokens\":140,\"uncompressed_tail\":3}", 128,
                    "tokens", false, KVT_EVIDENCE_NONE),
            "contradicted", "another capacity");
    is_text(applied("{\"prompt_tokens\":100,\"kept_tokens\":100,\"uncompressed_tail\":3}", 128,
                    "tokens", false, KVT_EVIDENCE_NONE),
            "reported", "a prompt shorter than the capacity");

    json_t *final =
        parse("{\"usage\":{\"prompt_tokens\":10},\"stats\":{\"a/b\":{\"kept\":[3,4]}}}");
    json_t *pointers = parse("{\"kept_tokens\":\"/stats/a~1b/kept/1\",\"bytes\":\"/stats/none\"}");
    struct kvt_report report;
    kvt_report_read(&report, final, pointers);
    is_near(report.kept_tokens, 4, 0, "another server's count by JSON pointer");
    ok(isnan(report.bytes), "a pointer to nothing");
    is_text(report.source, "none", "no bytes, no source");
    json_t *geometry =
        parse("{\"n_layers\":2,\"n_kv_heads\":3,\"head_dim\":4,\"bytes_per_value\":2}");
    struct kvt_run run = {.budget = 0.4, .unit = "fraction"};
    kvt_report_analytic(&report, &run, geometry, 10);
    is_near(report.bytes, 4 * 2 * 2 * 3 * 4 * 2, 0,
            "bytes from the geometry: counted entries x 96");
    is_near(report.full_bytes, 960, 0, "and of a full cache");
    is_text(report.source, "analytic", "said so");
    json_decref(geometry);
    json_decref(pointers);
    json_decref(final);
}

int main(void)
{
    test_urls();
    test_placeholders();
    test_grid();
    test_grid_settings();
    test_bodies();
    test_retries();
    test_headers();
    test_proof();
    return tap_done();
}
