/*
 * text/declared.h: the settings under scoring.*, ready for use: which metric a task has, and what
 * it declares. Patterns are compiled once per task.
 */
#ifndef KVT_TEXT_DECLARED_H
#define KVT_TEXT_DECLARED_H

#include "core/error.h"
#include "stream/json.h"
#include "text/failure.h"
#include "text/metric.h"

struct kvt_rules;

/*
 * From the object `scoring` of the settings (borrowed until kvt_rules_free). Returns NULL with
 * *error set, code KVT_USAGE, naming the key of an unknown metric or of a pattern that does not
 * compile.
 */
struct kvt_rules *kvt_rules_make(const json_t *scoring, struct kvt_error *error);
void kvt_rules_free(struct kvt_rules *rules);

struct kvt_rule {
    struct kvt_declared declared;
    const struct kvt_metric *metric;
};

/* The rule of a task (NULL: none named). Never NULL; valid until kvt_rules_free. */
const struct kvt_rule *kvt_rules_find(const struct kvt_rules *rules, const char *task);

#endif
