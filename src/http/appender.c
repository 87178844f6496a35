#include "http/appender.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void kvt_appender_open(struct kvt_appender *appender, int descriptor, const char *path,
                       uint64_t size)
{
    *appender = (struct kvt_appender){.path = path,
                                      .descriptor = descriptor,
                                      .added_at = size,
                                      .writing_at = size,
                                      .wanted = size,
                                      .synced = size};
    pthread_mutex_init(&appender->lock, NULL);
    pthread_cond_init(&appender->changed, NULL);
}

void kvt_appender_add(struct kvt_appender *appender, const void *bytes, size_t length)
{
    pthread_mutex_lock(&appender->lock);
    kvt_buffer_append(&appender->added, bytes, length);
    pthread_mutex_unlock(&appender->lock);
}

bool kvt_appender_held(struct kvt_appender *appender, uint64_t offset, size_t length,
                       struct kvt_buffer *out)
{
    pthread_mutex_lock(&appender->lock);
    const struct kvt_buffer *held = NULL;
    uint64_t at = 0;
    if (offset >= appender->added_at) {
        held = &appender->added;
        at = offset - appender->added_at;
    } else if (offset >= appender->writing_at) {
        held = &appender->writing;
        at = offset - appender->writing_at;
    }
    if (held)
        kvt_buffer_append(out, held->data + at, length);
    pthread_mutex_unlock(&appender->lock);
    return held != NULL;
}

/* --- the thread --- */

/* 0, or the errno of what failed. */
static int write_all(int descriptor, const struct kvt_buffer *bytes)
{
    size_t written = 0;
    while (written < bytes->length) {
        ssize_t done = write(descriptor, bytes->data + written, bytes->length - written);
        if (done < 0 && errno != EINTR)
            return errno;
        if (done > 0)
            written += (size_t)done;
    }
    return 0;
}

/* With the lock held: what was added is what is written next. */
static void take(struct kvt_appender *appender)
{
    struct kvt_buffer empty = appender->writing;
    appender->writing = appender->added;
    appender->writing_at = appender->added_at;
    appender->added_at += appender->writing.length;
    appender->added = empty;
}

/* One sync covers all that was added while the one before was under way. */
static void *work(void *argument)
{
    struct kvt_appender *appender = argument;
    pthread_mutex_lock(&appender->lock);
    for (;;) {
        while (!appender->stop && appender->wanted <= appender->synced)
            pthread_cond_wait(&appender->changed, &appender->lock);
        if (appender->wanted <= appender->synced)
            break; /* asked to stop, and nothing is left */
        take(appender);
        pthread_mutex_unlock(&appender->lock);
        int write_errno = write_all(appender->descriptor, &appender->writing);
        int sync_errno = write_errno == 0 && fdatasync(appender->descriptor) != 0 ? errno : 0;
        pthread_mutex_lock(&appender->lock);
        appender->write_errno = write_errno;
        appender->sync_errno = sync_errno;
        bool failed = write_errno || sync_errno;
        if (!failed) {
            kvt_buffer_clear(&appender->writing);
            appender->synced = appender->writing_at = appender->added_at;
        }
        pthread_cond_broadcast(&appender->changed);
        if (appender->wake)
            appender->wake(appender->wake_context);
        if (failed)
            break;
    }
    pthread_mutex_unlock(&appender->lock);
    return NULL;
}

static int start_thread(struct kvt_appender *appender, struct kvt_error *error)
{
    /* Signals are for the main thread: its waits must end when one comes. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int status = pthread_create(&appender->thread, NULL, work, appender);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return kvt_fail(error, KVT_SYSTEM, "cannot start a thread: %s", strerror(status));
    appender->threaded = true;
    return 0;
}

/* --- what the caller asks for --- */

/* With the lock held. */
static bool has_failed(const struct kvt_appender *appender)
{
    return appender->write_errno || appender->sync_errno;
}

/* With the lock held: 0, or -1 and what failed. */
static int verdict(const struct kvt_appender *appender, struct kvt_error *error)
{
    if (appender->write_errno)
        return kvt_fail(error, KVT_SYSTEM, "cannot write to the journal %s: %s", appender->path,
                        strerror(appender->write_errno));
    if (appender->sync_errno)
        return kvt_fail(error, KVT_SYSTEM, "cannot sync the journal %s: %s", appender->path,
                        strerror(appender->sync_errno));
    return 0;
}

int kvt_appender_start_sync(struct kvt_appender *appender, struct kvt_error *error)
{
    pthread_mutex_lock(&appender->lock);
    appender->wanted = appender->added_at + appender->added.length;
    int status = verdict(appender, error);
    bool needed = appender->wanted > appender->synced;
    pthread_cond_broadcast(&appender->changed);
    pthread_mutex_unlock(&appender->lock);
    return status == 0 && needed && !appender->threaded ? start_thread(appender, error) : status;
}

void kvt_appender_on_sync(struct kvt_appender *appender, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&appender->lock);
    appender->wake = wake;
    appender->wake_context = context;
    pthread_mutex_unlock(&appender->lock);
}

uint64_t kvt_appender_synced(struct kvt_appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    uint64_t synced = appender->synced;
    pthread_mutex_unlock(&appender->lock);
    return synced;
}

int kvt_appender_check(struct kvt_appender *appender, struct kvt_error *error)
{
    pthread_mutex_lock(&appender->lock);
    int status = verdict(appender, error);
    pthread_mutex_unlock(&appender->lock);
    return status;
}

int kvt_appender_sync(struct kvt_appender *appender, struct kvt_error *error)
{
    if (kvt_appender_start_sync(appender, error) != 0)
        return -1;
    pthread_mutex_lock(&appender->lock);
    while (appender->synced < appender->wanted && !has_failed(appender))
        pthread_cond_wait(&appender->changed, &appender->lock);
    int status = verdict(appender, error);
    pthread_mutex_unlock(&appender->lock);
    return status;
}

int kvt_appender_close(struct kvt_appender *appender, struct kvt_error *error)
{
    int status = kvt_appender_sync(appender, error);
    if (appender->threaded) {
        pthread_mutex_lock(&appender->lock);
        appender->stop = true;
        pthread_cond_broadcast(&appender->changed);
        pthread_mutex_unlock(&appender->lock);
        pthread_join(appender->thread, NULL);
    }
    pthread_cond_destroy(&appender->changed);
    pthread_mutex_destroy(&appender->lock);
    kvt_buffer_free(&appender->added);
    kvt_buffer_free(&appender->writing);
    return status;
}
