#include "http/client_options.h"

#include "stream/json.h"

#include <stdlib.h>
#include <string.h>

static int check_least(const json_t *tree, const char *path, double least, struct kvt_error *error)
{
    double value = kvt_json_number(tree, path, least);
    if (value >= least)
        return 0;
    return kvt_fail(error, KVT_USAGE, "%s is %g; it must be at least %g", path, value, least);
}

int kvt_client_read_options(struct kvt_client_options *options, const json_t *tree,
                            struct kvt_error *error)
{
    static const struct {
        const char *path;
        double least;
    } bounds[] = {{"engine.request.max_attempts", 1},
                  {"engine.request.timeout_s", 0.001},
                  {"engine.request.deadline_s", 0.001},
                  {"engine.request.backoff_s", 0},
                  {"engine.request.backoff_max_s", 0},
                  {"engine.request.load_wait_s", 0},
                  {"engine.concurrency", 1},
                  {"engine.rpm", 0}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (check_least(tree, bounds[i].path, bounds[i].least, error) != 0)
            return -1;
    const char *variable = kvt_json_text(tree, "engine.api_key_env", "OPENAI_API_KEY");
    const char *key = *variable ? getenv(variable) : NULL;
    if (key && key[strcspn(key, "\r\n")])
        return kvt_fail(error, KVT_USAGE,
                        "the key in the environment's %s (engine.api_key_env) holds a line end",
                        variable);
    *options = (struct kvt_client_options){
        .retry = {.max_attempts = (int)kvt_json_integer(tree, "engine.request.max_attempts", 5),
                  .timeout_s = kvt_json_number(tree, "engine.request.timeout_s", 120),
                  .deadline_s = kvt_json_number(tree, "engine.request.deadline_s", 600),
                  .backoff_s = kvt_json_number(tree, "engine.request.backoff_s", 0.5),
                  .backoff_max_s = kvt_json_number(tree, "engine.request.backoff_max_s", 30),
                  .seed = (uint64_t)kvt_json_integer(tree, "seed", 1)},
        .load_wait_s = kvt_json_number(tree, "engine.request.load_wait_s", 600),
        .concurrency = (size_t)kvt_json_integer(tree, "engine.concurrency", 1),
        .rpm = kvt_json_number(tree, "engine.rpm", 0),
        .api_key = key && *key ? key : NULL,
        .api_key_env = variable,
    };
    return 0;
}
