/*
 * http/gauge.h: KV use read from a server's own gauges. Pure. A gauge counts all requests, so what
 * it says of one is honest only while that one is alone.
 */
#ifndef KVT_HTTP_GAUGE_H
#define KVT_HTTP_GAUGE_H

#include <jansson.h>
#include <stddef.h>

enum kvt_gauge_unit { KVT_GAUGE_BYTES, KVT_GAUGE_TOKENS, KVT_GAUGE_FRACTION };

struct kvt_gauge_reading {
    const char *name; /* of the gauge that was found; NULL: none */
    enum kvt_gauge_unit unit;
    double value;           /* the largest over label sets; NAN: none */
    double capacity_tokens; /* of the pool, where the server tells; else NAN */
};

/*
 * Finds a gauge in Prometheus text, or, for a name that starts with "/", by JSON pointer. `name`
 * "auto" tries the names of servers that are known. The unit of another name follows from its
 * ending.
 */
void kvt_gauge_read(struct kvt_gauge_reading *reading, const char *text, size_t length,
                    const char *name);

/* A difference of two readings in bytes, by kv.geometry; NAN when it cannot be converted. */
double kvt_gauge_bytes(const struct kvt_gauge_reading *reading, double difference,
                       const json_t *geometry);

#endif
