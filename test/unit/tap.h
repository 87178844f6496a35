/*
 * test/unit/tap.h: the few lines a unit test needs to speak TAP. A failing check names file and
 * line and shows both sides.
 */
#ifndef KVT_TEST_TAP_H
#define KVT_TEST_TAP_H

#include <math.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

static inline int tap_report(int passed, const char *name, const char *file, int line)
{
    tap_count++;
    printf("%sok %d - %s\n", passed ? "" : "not ", tap_count, name);
    if (!passed) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    return passed;
}

#define ok(condition, name) tap_report(!!(condition), name, __FILE__, __LINE__)

#define is_int(got, expected, name)                                                                \
    do {                                                                                           \
        long long tap_got = (long long)(got), tap_expected = (long long)(expected);                \
        if (!tap_report(tap_got == tap_expected, name, __FILE__, __LINE__))                        \
            printf("# got %lld, expected %lld\n", tap_got, tap_expected);                          \
    } while (0)

#define is_text(got, expected, name)                                                               \
    do {                                                                                           \
        const char *tap_got = (got), *tap_expected = (expected);                                   \
        if (!tap_report(tap_got && strcmp(tap_got, tap_expected) == 0, name, __FILE__, __LINE__))  \
            printf("# got      %s\n# expected %s\n", tap_got ? tap_got : "(null)", tap_expected);  \
    } while (0)

/* |got - expected| <= tolerance * max(1, |expected|) */
#define is_near(got, expected, tolerance, name)                                                    \
    do {                                                                                           \
        double tap_got = (got), tap_expected = (expected);                                         \
        double tap_scale = fabs(tap_expected) > 1 ? fabs(tap_expected) : 1;                        \
        if (!tap_report(fabs(tap_got - tap_expected) <= (tolerance)*tap_scale, name, __FILE__,     \
                        __LINE__))                                                                 \
            printf("# got %.17g, expected %.17g\n", tap_got, tap_expected);                        \
    } while (0)

static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
