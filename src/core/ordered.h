/*
 * core/ordered.h: items that are taken one after the other, worked on by several threads at once,
 * and finished one after the other in the order in which they were taken. What is finished is the
 * same for any number of threads, as long as the work on an item depends on that item alone.
 */
#ifndef KVT_CORE_ORDERED_H
#define KVT_CORE_ORDERED_H

#include <stdbool.h>
#include <stddef.h>

struct kvt_ordered;

/*
 * An item is the number of its place, 0..window-1; what stands there is the caller's. `take` and
 * `finish` each run in one thread at a time, beside each other and beside any number of `work`.
 * An item goes through all three before its place is taken again.
 */
struct kvt_ordered_work {
    size_t n_threads; /* the caller is one of them; 0 counts as 1 */
    size_t window;    /* items under way at a time, at least 1 */
    void *context;
    /* The next item comes to `place`; false when there is none. May wait for it: what was taken
     * before is worked on and finished meanwhile. */
    bool (*take)(struct kvt_ordered *ordered, void *context, size_t place);
    /* `thread`: 0..n_threads-1, so that each thread can have memory of its own. */
    void (*work)(void *context, size_t place, size_t thread);
    void (*finish)(void *context, size_t place);
};

/* Returns when all items are finished. Threads are started with the second item; what the system
 * does not give is done without. */
void kvt_ordered_run(const struct kvt_ordered_work *work);

/* For `take` alone: returns when all items taken before are finished, so that nothing but the
 * caller of this function runs. */
void kvt_ordered_drain(struct kvt_ordered *ordered);

/* Processors that are online, at least 1. */
size_t kvt_processors(void);

#endif
