/* http/url.h: base URLs. Pure text. */
#ifndef KVT_HTTP_URL_H
#define KVT_HTTP_URL_H

#include "core/error.h"

/* Every member is owned; release with kvt_url_free. */
struct kvt_url {
    char *
        base; /* scheme, host, port and path, no trailing slash; "/v1" added if there was no path */
    char *root;        /* scheme, host and port only */
    char *query;       /* "?api-version=..." or ""; sent, but in no record (it may hold a key) */
    char *credentials; /* "user:password", percent-decoded by curl, or NULL; in no record */
    char *host;        /* without port, brackets or credentials */
};

/* Returns -1 and says what is wrong when the text is no http or https URL. */
int kvt_url_parse(struct kvt_url *url, const char *text, struct kvt_error *error);
void kvt_url_free(struct kvt_url *url);
/* base + path + query ("/chat/completions"); the caller frees it. */
char *kvt_url_join(const struct kvt_url *url, const char *path);

#endif
