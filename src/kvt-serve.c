/*
 * kvt-serve: the embedded engine behind an OpenAI-compatible HTTP API.
 *
 * In:     HTTP requests; a GGUF model. Out: answers, with usage.kv_cache read from the KV cache.
 * Memory: the model, and for each request in work the cache entries it holds (bounded by
 * --parallel,
 *         --context and --kv-limit); bodies are bounded by --max-body.
 *
 * The API is engine/api_server.h; this program loads the model and ends it all by a signal.
 */
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "engine/api_queue.h"
#include "engine/api_server.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static const char *model_path, *host = "127.0.0.1", *alias;
static int die_with_parent;
static long port = 8080, ready_fd = -1, threads, parallel = 4, queue_length = 1024, context_length;
static long max_body = 16L << 20, kv_limit;
static int verbose;

static const struct kvt_option options[] = {
    {KVT_OPTION_TEXT, 'm', "model", &model_path, "FILE",
     "GGUF model (llama or qwen2; F32, F16, BF16, Q8_0, Q4_0)", 0},
    {KVT_OPTION_TEXT, 0, "host", &host, "ADDRESS", "address to listen on [127.0.0.1]", 0},
    {KVT_OPTION_INTEGER, 'p', "port", &port, "N", "port; 0 takes a free one [8080]", 0},
    {KVT_OPTION_FLAG, 0, "die-with-parent", &die_with_parent, 0,
     "drain and stop when the process that started this one is gone", 0},
    {KVT_OPTION_INTEGER, 0, "ready-fd", &ready_fd, "N",
     "write the port and a newline to this descriptor when listening", 0},
    {KVT_OPTION_TEXT, 0, "alias", &alias, "NAME", "model name in answers [the file's name]", 0},
    {KVT_OPTION_INTEGER, 0, "threads", &threads, "N",
     "threads of the engine [one for each processor]", 0},
    {KVT_OPTION_INTEGER, 0, "parallel", &parallel, "N", "requests worked on at a time [4]", 0},
    {KVT_OPTION_INTEGER, 0, "queue", &queue_length, "N",
     "requests that may wait before others get 503 [1024]", 0},
    {KVT_OPTION_INTEGER, 0, "context", &context_length, "N",
     "tokens of a request, prompt and answer [the model's]", 0},
    {KVT_OPTION_INTEGER, 0, "max-body", &max_body, "BYTES", "longest request body [16777216]", 0},
    {KVT_OPTION_INTEGER, 0, "kv-limit", &kv_limit, "BYTES",
     "KV caches of all requests together; 0: no limit [0]", 0},
    {KVT_OPTION_FLAG, 0, "verbose", &verbose, 0, "one line on stderr for each request", 0},
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-serve --model FILE.gguf [options]",
    "Answers /v1/chat/completions, /v1/completions, /v1/models, /tokenize, /health and /metrics.\n"
    "Requests may carry kv_policy, kv_budget or kv_capacity, kv_window, kv_kernel and\n"
    "kv_compress_after; answers say in usage.kv_cache what the KV cache then held.",
    "  kvt-serve --model examples/recall/recall.gguf --port 8080", options};

static struct kvt_service service;

/* "models/recall.gguf" -> "recall". */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".gguf") == 0)
        length -= 5;
    return kvt_strndup(base, length);
}

static void check_options(const struct kvt_arguments *arguments)
{
    static const struct {
        const char *name;
        const long *value;
        long lowest, highest;
    } bounds[] = {
        {"port", &port, 0, 65535},
        {"threads", &threads, 0, 256},
        {"parallel", &parallel, 1, 1024},
        {"queue", &queue_length, 1, 1000000},
        {"context", &context_length, 0, 1L << 24},
        {"max-body", &max_body, 1024, 1L << 32},
        {"kv-limit", &kv_limit, 0, LONG_MAX},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (*bounds[i].value < bounds[i].lowest || *bounds[i].value > bounds[i].highest)
            kvt_die(KVT_USAGE, "--%s must be from %ld to %ld", bounds[i].name, bounds[i].lowest,
                    bounds[i].highest);
    if (arguments->n_files > 0)
        kvt_die(KVT_USAGE, "unexpected argument %s; the model is given by --model",
                arguments->files[0]);
    if (!model_path)
        kvt_die(KVT_USAGE, "--model FILE.gguf is needed");
}

static void load_model(void)
{
    struct kvt_error error;
    service.tokenizer = kvt_tokenizer_load(model_path, &error);
    if (!service.tokenizer)
        kvt_die_error(&error);
    struct kvt_engine_options wanted = {.threads = (size_t)threads,
                                        .context = (size_t)context_length,
                                        .kv_limit = (size_t)kv_limit};
    service.engine = kvt_engine_open(model_path, &wanted, &error);
    if (!service.engine)
        kvt_die_error(&error);
    service.info = kvt_engine_info(service.engine);
    if ((size_t)kvt_tokenizer_size(service.tokenizer) != service.info->vocabulary)
        kvt_die(KVT_DATA, "%s: the vocabulary has %d tokens, the embedding %zu", model_path,
                (int)kvt_tokenizer_size(service.tokenizer), service.info->vocabulary);
    service.chat = kvt_chat_from_gguf(kvt_engine_gguf(service.engine), &error);
    if (!service.chat)
        kvt_die_error(&error);
    if (service.info->context > service.info->model_context)
        kvt_say("context %zu is more than the %zu tokens the model was made for",
                service.info->context, service.info->model_context);
    service.created = (long long)kvt_clock_wall();
}

static void announce(unsigned bound)
{
    kvt_say("%s (%s, %zu parameters) on http://%s%s%s:%u, context %zu, %zu threads, %s",
            service.model_name, service.info->architecture, service.info->n_parameters,
            strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", bound,
            service.info->context, service.info->threads, service.info->kernels);
    if (ready_fd < 0)
        return;
    char line[16];
    int length = snprintf(line, sizeof line, "%u\n", bound);
    if (write((int)ready_fd, line, (size_t)length) != length)
        kvt_say("cannot write to descriptor %ld: %s", ready_fd, strerror(errno));
    close((int)ready_fd);
}

/* No new requests; those at work are finished, unless a second signal comes. */
static void drain(struct kvt_server *server, struct kvt_queue *queue, const sigset_t *signals)
{
    kvt_server_refuse(server);
    struct timespec moment = {.tv_nsec = 10000000};
    while (kvt_server_busy(server) && sigtimedwait(signals, NULL, &moment) < 0)
        ;
    kvt_queue_stop(queue); /* cancels what a second signal left over */
    kvt_server_close(server);
    kvt_queue_close(queue);
}

/* A recipe that is killed outright leaves no engine behind: the kernel sends the SIGTERM that
 * drains. */
static void watch_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        kvt_die(KVT_SYSTEM, "--die-with-parent: %s", strerror(errno));
    if (getppid() != parent) /* it went before we asked */
        raise(SIGTERM);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct kvt_error error;
    sigset_t signals;
    pid_t parent = getppid();
    kvt_options_parse(argc, argv, &usage, &arguments);
    check_options(&arguments);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* in every thread: main waits for them */
    if (die_with_parent)
        watch_parent(parent);
    load_model();
    char *name = name_of(model_path);
    service.model_name = alias ? alias : name;
    struct kvt_queue_options limits = {.slots = (size_t)parallel, .waiting = (size_t)queue_length};
    struct kvt_queue *queue = kvt_queue_open(&service, &limits, &error);
    if (!queue)
        kvt_die_error(&error);
    struct kvt_server_options wanted = {.host = host,
                                        .port = (uint16_t)port,
                                        .max_body = (size_t)max_body,
                                        .verbose = verbose != 0};
    struct kvt_server *server = kvt_server_open(&service, queue, &wanted, &error);
    if (!server)
        kvt_die_error(&error);
    announce(kvt_server_port(server));
    int received;
    sigwait(&signals, &received);
    drain(server, queue, &signals);
    kvt_engine_close(service.engine);
    kvt_chat_free(service.chat);
    kvt_tokenizer_free(service.tokenizer);
    kvt_arguments_free(&arguments);
    free(name);
    return KVT_OK;
}
