#include "http/fetch.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/redact.h"
#include "http/pool.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { BODY_MAX = 16 * 1024 * 1024 };

static size_t on_data(char *bytes, size_t size, size_t count, void *context)
{
    struct kvt_buffer *out = context;
    size_t length = size * count;
    if (out->length + length > BODY_MAX)
        return 0;
    kvt_buffer_append(out, bytes, length);
    return length;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct kvt_retry_asked *asked = context;
    kvt_retry_header(asked, line, size * count, kvt_clock_wall());
    return size * count;
}

static struct curl_slist *headers_of(const struct kvt_fetch_options *options)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (options->body)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (options->api_key && *options->api_key) {
        char *header = kvt_asprintf("Authorization: Bearer %s", options->api_key);
        list = curl_slist_append(list, header);
        free(header);
    }
    return list;
}

static void tell(const char *url, const char *why, struct kvt_error *error)
{
    struct kvt_buffer shown = {0};
    kvt_redact_url(url, &shown);
    kvt_fail(error, KVT_SYSTEM, "%s: %s", kvt_buffer_string(&shown), why);
    kvt_buffer_free(&shown);
}

long kvt_fetch(const char *url, const struct kvt_fetch_options *options, struct kvt_buffer *out,
               struct kvt_error *error)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        return kvt_fail(error, KVT_SYSTEM, "libcurl cannot be initialised");
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(options);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    char *no_proxy = kvt_pool_no_proxy();
    curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "kv-transition");
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(options->timeout_s * 1000));
    if (options->asked) {
        *options->asked = KVT_RETRY_UNASKED;
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, options->asked);
    }
    if (options->body)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, options->body);
    if (options->credentials)
        curl_easy_setopt(easy, CURLOPT_USERPWD, options->credentials);
    if (options->cacert)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->cacert);
    CURLcode code = curl_easy_perform(easy);
    long status = -1;
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    else
        tell(url, message[0] ? message : curl_easy_strerror(code), error);
    free(no_proxy);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return status;
}
