#include "core/clock.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double kvt_clock_monotonic(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double kvt_clock_wall(void)
{
    return seconds(CLOCK_REALTIME);
}

void kvt_clock_sleep(double duration)
{
    if (!(duration > 0))
        return;
    struct timespec rest;
    rest.tv_sec = (time_t)duration;
    rest.tv_nsec = (long)((duration - (double)rest.tv_sec) * 1e9);
    nanosleep(&rest, NULL);
}

void kvt_clock_date(double wall, char text[KVT_DATE_SIZE])
{
    time_t whole = (time_t)wall;
    struct tm parts;
    if (!gmtime_r(&whole, &parts) || !strftime(text, KVT_DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts))
        strcpy(text, "1970-01-01T00:00:00Z");
}

double kvt_clock_created(void)
{
    static const long long LAST_SECOND = 253402300799; /* 9999-12-31T23:59:59Z */
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (epoch && *epoch) {
        char *end;
        errno = 0;
        long long value = strtoll(epoch, &end, 10);
        if (*end != '\0' || errno != 0 || value < 0 || value > LAST_SECOND)
            kvt_die(KVT_USAGE, "SOURCE_DATE_EPOCH is %s; it must be seconds since 1970", epoch);
        return (double)value;
    }
    return kvt_clock_wall();
}
