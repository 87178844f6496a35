#include "core/redact.h"

#include <string.h>

void kvt_redact_url(const char *url, struct kvt_buffer *out)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme ? scheme + 3 : url;
    size_t length = strcspn(authority, "/?#");
    const char *host = authority;
    for (size_t i = 0; i < length; i++) /* the last @: a password may hold one */
        if (authority[i] == '@')
            host = authority + i + 1;
    kvt_buffer_append(out, url, (size_t)(authority - url));
    kvt_buffer_append(out, host, strcspn(host, "?#"));
}
