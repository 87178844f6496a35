/*
 * A process that loses its processor for 50 ms before it reads the wall clock: loaded before
 * the C library. Not where it read that clock within the last 10 ms: who tries again is not held up
 * again.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timespec *time)
{
    return (double)time->tv_sec + (double)time->tv_nsec * 1e-9;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static _Thread_local double last; /* when it came on again */
    int status = (int)syscall(SYS_clock_gettime, clock, time);
    if (status == 0 && clock == CLOCK_REALTIME && seconds(time) - last > 0.01) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        status = (int)syscall(SYS_clock_gettime, clock, time);
        last = seconds(time);
    }
    return status;
}
