/* core/clock.h: time. Durations come from the monotonic clock, dates from the wall clock. */
#ifndef KVT_CORE_CLOCK_H
#define KVT_CORE_CLOCK_H

#include <stddef.h>

enum { KVT_DATE_SIZE = 32 };

double kvt_clock_monotonic(void); /* seconds since an arbitrary start */
double kvt_clock_wall(void);      /* seconds since 1970-01-01 UTC */
void kvt_clock_sleep(double seconds);
/* "2026-11-24T21:30:44Z" (fraction dropped). */
void kvt_clock_date(double wall, char text[KVT_DATE_SIZE]);
/* created_at of records: SOURCE_DATE_EPOCH, else now. Ends the process with exit 2 if that is set
 * and no count of seconds up to the year 9999. */
double kvt_clock_created(void);

#endif
