/* A server that loads its model: when it is asked again, for how long, and what people are told. */
#include "core/error.h"
#include "http/loading.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const where = "http://h/v1";

/* Polls until the limit, as the client does; returns how often. */
static int poll_until(struct kvt_loading *loading, double start, double limit, double *last)
{
    int n = 0;
    for (double due = start; !isnan(due); n++) {
        *last = due;
        due = kvt_loading_wait(loading, where, limit, NAN, 30, due);
    }
    return n;
}

static void count_messages(const char *path, int *first, int *still, int *done)
{
    char line[256];
    FILE *file = fopen(path, "r");
    *first = *still = *done = 0;
    while (file && fgets(line, sizeof line, file)) {
        *first +=
            strstr(line, "http://h/v1 is loading its model; it is waited for, up to ") != NULL;
        *still += strstr(line, "http://h/v1 is still loading its model (") != NULL;
        *done += strstr(line, "http://h/v1 has loaded its model, after 240.0 s") != NULL;
    }
    if (file)
        fclose(file);
}

int main(void)
{
    char path[] = "/tmp/kvt-loading-XXXXXX";
    int descriptor = mkstemp(path), first, still, done;
    double last;
    if (descriptor < 0 || !freopen(path, "w", stderr))
        return 3;
    struct kvt_loading loading = {0};
    is_near(kvt_loading_wait(&loading, where, 600, NAN, 30, 1000), 1000.1, 1e-12, "soon at first");
    is_near(kvt_loading_wait(&loading, where, 600, NAN, 30, 1020), 1022, 1e-12,
            "then after a tenth of the time waited");
    is_near(kvt_loading_wait(&loading, where, 600, NAN, 30, 1200), 1205, 1e-12,
            "at least every 5 s");
    is_near(kvt_loading_wait(&loading, where, 600, 20, 30, 1210), 1230, 1e-12,
            "or as the server asks");
    is_near(kvt_loading_wait(&loading, where, 600, 50, 30, 1230), 1260, 1e-12, "up to a cap");
    is_near(kvt_loading_wait(&loading, where, 600, NAN, 30, 1598), 1600, 1e-12,
            "the last time at the limit");
    ok(isnan(kvt_loading_wait(&loading, where, 600, NAN, 30, 1600)), "then no more");
    loading = (struct kvt_loading){0};
    ok(poll_until(&loading, 50, 600, &last) < 200, "ten minutes are fewer than 200 requests");
    is_near(last, 650, 1e-9, "all of the time is waited");
    loading = (struct kvt_loading){0};
    kvt_loading_end(&loading, where, 10);
    fflush(stderr);
    count_messages(path, &first, &still, &done);
    int before = still;
    ok(first == 2 && done == 0, "said once, and no end without a beginning");
    kvt_loading_wait(&loading, where, 600, NAN, 30, 2000);
    kvt_loading_wait(&loading, where, 600, NAN, 30, 2029);
    kvt_loading_wait(&loading, where, 600, NAN, 30, 2031);
    kvt_loading_wait(&loading, where, 600, NAN, 30, 2060);
    kvt_loading_wait(&loading, where, 600, NAN, 30, 2062);
    kvt_loading_end(&loading, where, 2240);
    fflush(stderr);
    count_messages(path, &first, &still, &done);
    is_int(still - before, 2, "again every half minute");
    is_int(done, 1, "and at the end, with the time it took");
    ok(loading.since <= 0 && loading.due <= 0, "then it is not loading");
    close(descriptor);
    remove(path);
    return tap_done();
}
