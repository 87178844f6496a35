/* text/pattern.h: regular expressions (PCRE2, UTF-8), compiled once, with a bound on their work. */
#ifndef KVT_TEXT_PATTERN_H
#define KVT_TEXT_PATTERN_H

#include "core/error.h"
#include "text/unicode.h"

#include <stdbool.h>

struct kvt_pattern; /* searches do not change it */

/* What a search writes to; each thread has its own. */
struct kvt_matcher;

struct kvt_matcher *kvt_matcher_make(void);
void kvt_matcher_free(struct kvt_matcher *matcher);

/* NULL with *error set (code KVT_USAGE, naming the offset of the mistake) if it does not compile.
 */
struct kvt_pattern *kvt_pattern_compile(const char *text, struct kvt_error *error);
/* Whether a text that begins with this character can match: false only if none can. */
bool kvt_pattern_opens(const struct kvt_pattern *pattern, unsigned char first);
/* The text is well-formed UTF-8 (not checked again). 1 if it matches anywhere in the text, 0 if
 * not, -1 with *error set if it gives up. */
int kvt_pattern_search(const struct kvt_pattern *pattern, struct kvt_matcher *matcher,
                       struct kvt_span text, struct kvt_error *error);
void kvt_pattern_free(struct kvt_pattern *pattern);

#endif
