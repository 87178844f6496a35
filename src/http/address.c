#include "http/address.h"

#include "stream/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *kvt_address_base(const json_t *tree, const char *option)
{
    const char *url = option;
    if (!url || !*url)
        url = kvt_json_text(tree, "engine.base_url", NULL);
    if (!url || !*url)
        url = getenv("BASE_URL");
    if (!url || !*url)
        url = getenv("OPENAI_BASE_URL");
    return url && *url ? url : NULL;
}

const char *kvt_address_of(const json_t *tree, double budget, bool reference)
{
    const json_t *endpoints = kvt_json_get(tree, "engine.endpoints");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)endpoints, key, value)
    {
        char *end;
        double number = strtod(key, &end);
        bool named = reference && (strcmp(key, "full") == 0 || strcmp(key, "reference") == 0);
        if (named || (end != key && *end == '\0' && number == budget))
            return json_string_value(value);
    }
    return NULL;
}

static bool has_credentials(const json_t *url)
{
    const char *text = json_string_value(url);
    const char *authority = text ? strstr(text, "://") : NULL;
    return authority && authority[3 + strcspn(authority + 3, "/?#@")] == '@';
}

int kvt_address_check_secrets(const json_t *tree, struct kvt_error *error)
{
    bool found = has_credentials(kvt_json_get(tree, "engine.base_url"));
    const char *key;
    json_t *url;
    json_object_foreach(kvt_json_get(tree, "engine.endpoints"), key, url)
    {
        found = found || has_credentials(url);
    }
    if (!found)
        return 0;
    return kvt_fail(
        error, KVT_USAGE,
        "a URL in the settings holds a user name or password, and settings are published in "
        "the stream: give the URL by BASE_URL or --base-url, or a key by engine.api_key_env");
}
