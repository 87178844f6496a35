/*
 * core/redact.h: texts from which what may be secret has been taken away, for messages and records.
 */
#ifndef KVT_CORE_REDACT_H
#define KVT_CORE_REDACT_H

#include "core/buffer.h"

/*
 * Appends the URL (NUL-terminated) without user name, password, query and fragment:
 * "https://user:secret@host/v1?key=x" -> "https://host/v1". A text without a scheme is taken for an
 * authority and a path. Cannot fail.
 */
void kvt_redact_url(const char *url, struct kvt_buffer *out);

#endif
