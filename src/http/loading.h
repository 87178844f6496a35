/*
 * http/loading.h: a server that answers, and says that it is still loading its model. It is asked
 * again until it has, which takes minutes, and people are told.
 */
#ifndef KVT_HTTP_LOADING_H
#define KVT_HTTP_LOADING_H

/* Of one endpoint. Zero-initialised: it is not loading. Times are monotonic seconds. */
struct kvt_loading {
    double since; /* when it first said so; 0: it is not loading */
    double due;   /* nothing is sent to it before */
    double told;  /* when people were last told */
};

/*
 * `where` (a base URL without credentials) said at `now` that it is loading. Returns the time at
 * which to ask again, or NAN when it has been waited for `limit_s` seconds. The pauses are a tenth
 * of the time waited so far, from FIRST_PAUSE_S to LAST_PAUSE_S, or `asked` (NAN: nothing) where
 * the server asks for one, at most `asked_max`. All in seconds. Says so on standard error: at
 * first, then every half minute.
 */
double kvt_loading_wait(struct kvt_loading *loading, const char *where, double limit_s,
                        double asked, double asked_max, double now);

/* It answered something else at `now`; says how long it took if it was loading. */
void kvt_loading_end(struct kvt_loading *loading, const char *where, double now);

#endif
