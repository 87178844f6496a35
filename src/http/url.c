#include "http/url.h"

#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *host_of(const char *authority, size_t length)
{
    if (length && authority[0] == '[') { /* IPv6 */
        const char *close = memchr(authority, ']', length);
        if (close)
            return kvt_strndup(authority + 1, (size_t)(close - authority - 1));
    }
    const char *colon = memchr(authority, ':', length);
    return kvt_strndup(authority, colon ? (size_t)(colon - authority) : length);
}

/* Is what follows the host a port, or nothing? */
static bool is_port(const char *authority, size_t length)
{
    const char *end = authority + length, *host_end = memchr(authority, ']', length);
    const char *colon = host_end ? host_end + 1 : memchr(authority, ':', length);
    if (!colon || colon == end)
        return true;
    long port = 0;
    for (const char *at = colon + 1; at < end && port <= 65535; at++)
        port = *at >= '0' && *at <= '9' ? 10 * port + (*at - '0') : 65536;
    return *colon == ':' && (colon + 1 == end || (port >= 1 && port <= 65535));
}

int kvt_url_parse(struct kvt_url *url, const char *text, struct kvt_error *error)
{
    *url = (struct kvt_url){0};
    size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
                    : strncasecmp(text, "https://", 8) == 0 ? 8
                                                            : 0;
    if (scheme == 0) /* the text may hold credentials, so it is not repeated */
        return kvt_fail(error, KVT_USAGE, "the base URL must start with http:// or https://");
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '"' || *at == '\\')
            return kvt_fail(error, KVT_USAGE, "the base URL holds a blank, a quote or a backslash");
    const char *authority = text + scheme;
    size_t length = strcspn(authority, "/?#");
    const char *rest = authority + length;
    for (size_t i = length; i-- > 0;)
        if (authority[i] == '@') { /* the last one: a password may hold an @ */
            url->credentials = kvt_strndup(authority, i);
            authority += i + 1;
            length -= i + 1;
            break;
        }
    size_t path = strcspn(rest, "?#");
    size_t query = strcspn(rest + path, "#");
    size_t trimmed = path;
    while (trimmed && rest[trimmed - 1] == '/')
        trimmed--;
    url->host = host_of(authority, length);
    if (!url->host[0]) {
        kvt_url_free(url);
        return kvt_fail(error, KVT_USAGE, "the base URL names no host");
    }
    if (!is_port(authority, length)) {
        kvt_url_free(url);
        return kvt_fail(error, KVT_USAGE, "the base URL's port is none: it must be 1 to 65535");
    }
    url->root =
        kvt_asprintf("%s%.*s", scheme == 7 ? "http://" : "https://", (int)length, authority);
    url->base =
        kvt_asprintf("%s%.*s", url->root, (int)(trimmed ? trimmed : 3), trimmed ? rest : "/v1");
    url->query = kvt_strndup(rest + path, query);
    return 0;
}

void kvt_url_free(struct kvt_url *url)
{
    free(url->base);
    free(url->root);
    free(url->query);
    free(url->credentials);
    free(url->host);
    *url = (struct kvt_url){0};
}

char *kvt_url_join(const struct kvt_url *url, const char *path)
{
    return kvt_asprintf("%s%s%s", url->base, path, url->query);
}
