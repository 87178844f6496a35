#include "http/retry.h"

#include "core/random.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Days since 1970-01-01 of a Gregorian date (Fliegel and Van Flandern's formula, shifted). */
static long long days_of(long long year, int month, int day)
{
    long long a = (14 - month) / 12, y = year + 4800 - a, m = month + 12 * a - 3;
    return day + (153 * m + 2) / 5 + 365 * y + y / 4 - y / 100 + y / 400 - 32045 - 2440588;
}

/* "2026-11-24T21:30:44Z", also with a fraction or an offset; NAN if it is not that. */
static double iso_date(const char *text)
{
    int year, month, day, hour, minute, used = 0;
    double second;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%lf%n", &year, &month, &day, &hour, &minute,
               &second, &used) < 6 ||
        used == 0)
        return NAN;
    double offset = 0;
    int zone_hour, zone_minute;
    char sign[2];
    if (sscanf(text + used, "%1[+-]%2d:%2d", sign, &zone_hour, &zone_minute) == 3 ||
        sscanf(text + used, "%1[+-]%2d%2d", sign, &zone_hour, &zone_minute) == 3)
        offset = (sign[0] == '-' ? -1 : 1) * (zone_hour * 3600.0 + zone_minute * 60.0);
    return (double)days_of(year, month, day) * 86400 + hour * 3600.0 + minute * 60.0 + second -
           offset;
}

/* Seconds of the unit at *text, which is moved behind it; NAN if there is none. */
static double unit_at(const char **text)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"milliseconds", 0.001},
                 {"millisecond", 0.001},
                 {"ms", 0.001},
                 {"us", 1e-6},
                 {"seconds", 1},
                 {"second", 1},
                 {"secs", 1},
                 {"sec", 1},
                 {"s", 1},
                 {"minutes", 60},
                 {"minute", 60},
                 {"mins", 60},
                 {"min", 60},
                 {"m", 60},
                 {"hours", 3600},
                 {"hour", 3600},
                 {"h", 3600},
                 {"days", 86400},
                 {"day", 86400},
                 {"d", 86400}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strncasecmp(*text, units[i].name, strlen(units[i].name)) == 0) {
            *text += strlen(units[i].name);
            return units[i].seconds;
        }
    return NAN;
}

/* "1m30s", "250ms", "20 seconds", "PT1M30S" (ISO 8601): numbers with their units and nothing else;
 * NAN otherwise. */
static double duration(const char *text)
{
    double total = 0;
    if (strncasecmp(text, "PT", 2) == 0)
        text += 2;
    do {
        char *end;
        double value = strtod(text, &end);
        if (end == text || !isfinite(value))
            return NAN;
        text = end + strspn(end, " ");
        value *= unit_at(&text);
        if (isnan(value))
            return NAN;
        total += value;
        text += strspn(text, " ");
    } while (*text);
    return total;
}

double kvt_retry_after(const char *value, double now)
{
    while (*value == ' ' || *value == '\t')
        value++;
    char text[128];
    size_t length = strcspn(value, "\r\n");
    while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= sizeof text)
        return NAN;
    memcpy(text, value, length);
    text[length] = '\0';
    char *end;
    double number = strtod(text, &end);
    double wait;
    if (*end == '\0' && isfinite(number)) {
        if (number > 1e12)
            wait = number / 1000 - now; /* Unix time in milliseconds */
        else if (number > 1e9)
            wait = number - now;
        else
            wait = number;
    } else if (!isnan(wait = duration(text))) {
        /* nothing to convert */
    } else if (!isnan(wait = iso_date(text))) {
        wait -= now;
    } else {
        time_t date = curl_getdate(text, NULL);
        if (date < 0)
            return NAN;
        wait = (double)date - now;
    }
    return wait > 0 ? wait : 0;
}

static bool header_is(const char *line, size_t length, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (length <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return false;
    *value = line + n + 1;
    return true;
}

void kvt_retry_header(struct kvt_retry_asked *asked, const char *line, size_t length, double now)
{
    static const struct {
        const char *name;
        bool reset;
        double unit;
    } headers[] = {{"retry-after", false, 1},
                   {"retry-after-ms", false, 0.001},
                   {"x-ratelimit-reset", true, 1},
                   {"x-ratelimit-reset-requests", true, 1},
                   {"x-ratelimit-reset-tokens", true, 1}};
    char text[128];
    const char *value;
    if (length > 5 && strncasecmp(line, "HTTP/", 5) == 0)
        *asked = KVT_RETRY_UNASKED;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (!header_is(line, length, headers[i].name, &value))
            continue;
        size_t n = length - (size_t)(value - line);
        if (n >= sizeof text)
            return;
        memcpy(text, value, n);
        text[n] = '\0';
        double wait = kvt_retry_after(text, now) * headers[i].unit;
        double *noted = headers[i].reset ? &asked->reset : &asked->after;
        if (isnan(*noted) || wait > *noted)
            *noted = wait;
        return;
    }
}

double kvt_retry_asked(const struct kvt_retry_asked *asked, long status)
{
    if (!isnan(asked->after))
        return asked->after;
    return status == 429 || status == 503 ? asked->reset : NAN;
}

double kvt_retry_wait(const struct kvt_retry_policy *policy, int attempt, double asked,
                      const char *key)
{
    if (asked > 0) /* NAN compares false; "now" would only spend the attempts */
        return asked < policy->backoff_max_s ? asked : policy->backoff_max_s;
    double backoff = policy->backoff_s * pow(2, attempt - 1);
    if (!(backoff < policy->backoff_max_s))
        backoff = policy->backoff_max_s;
    char purpose[128];
    snprintf(purpose, sizeof purpose, "backoff:%d:%.80s", attempt, key);
    struct kvt_random random;
    kvt_random_stream(&random, policy->seed, purpose);
    return backoff * (0.5 + 0.5 * kvt_random_double(&random));
}
