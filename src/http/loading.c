#include "http/loading.h"

#include "core/error.h"

#include <math.h>

static const double FIRST_PAUSE_S = 0.1, LAST_PAUSE_S = 5, TELL_S = 30;

double kvt_loading_wait(struct kvt_loading *loading, const char *where, double limit_s,
                        double asked, double asked_max, double now)
{
    if (loading->since <= 0) {
        loading->since = loading->told = now;
        kvt_say("%s is loading its model; it is waited for, up to %g s "
                "(engine.request.load_wait_s)",
                where, limit_s);
    } else if (now - loading->told >= TELL_S) {
        loading->told = now;
        kvt_say("%s is still loading its model (%.0f s)", where, now - loading->since);
    }
    double waited = now - loading->since, left = limit_s - waited;
    if (left <= 0)
        return NAN;
    if (asked > asked_max) /* NAN compares false */
        asked = asked_max;
    double pause = asked > 0 ? asked : waited / 10;
    pause = fmin(fmax(pause, FIRST_PAUSE_S), asked > 0 ? left : LAST_PAUSE_S);
    loading->due = now + fmin(pause, left); /* the last time at the limit */
    return loading->due;
}

void kvt_loading_end(struct kvt_loading *loading, const char *where, double now)
{
    if (loading->since > 0)
        kvt_say("%s has loaded its model, after %.1f s", where, now - loading->since);
    *loading = (struct kvt_loading){0};
}
