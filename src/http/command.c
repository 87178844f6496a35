#include "http/command.h"

#include "core/buffer.h"
#include "core/memory.h"
#include "http/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct kvt_command {
    char *text;
    struct kvt_ready ready; /* ends the wait for what it writes */
    pthread_mutex_t lock;   /* of what follows */
    pid_t group; /* the running shell and its process group; 0: none. Never a reaped one */
    bool ended;
};

struct kvt_command *kvt_command_new(const char *text)
{
    struct kvt_command *command = kvt_alloc_zero(1, sizeof *command);
    command->text = kvt_strdup(text);
    kvt_ready_open(&command->ready);
    pthread_mutex_init(&command->lock, NULL);
    return command;
}

void kvt_command_free(struct kvt_command *command)
{
    if (!command)
        return;
    pthread_mutex_destroy(&command->lock);
    kvt_ready_close(&command->ready);
    free(command->text);
    free(command);
}

/* In the child, which may only call what is safe after fork() in a process of several threads. The
 * mask and the dispositions are this program's own; the command gets the usual ones. */
static _Noreturn void become_shell(const char *text, int output)
{
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(output, STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

/* Starts the shell and returns the end of the pipe it writes to, which does not block; or -1. */
static int start(struct kvt_command *command)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pthread_mutex_lock(&command->lock);
    pid_t child = command->ended ? -1 : fork();
    if (child == 0)
        become_shell(command->text, ends[1]);
    if (child > 0) {
        setpgid(child, child); /* here too: whoever ends it may come before the child has run */
        command->group = child;
    }
    pthread_mutex_unlock(&command->lock);
    close(ends[1]);
    if (child > 0)
        return ends[0];
    close(ends[0]);
    return -1;
}

static bool is_ended(struct kvt_command *command)
{
    pthread_mutex_lock(&command->lock);
    bool ended = command->ended;
    pthread_mutex_unlock(&command->lock);
    return ended;
}

/* The larger of `largest` (NAN: none) and the number that the line starts with, which is emptied.
 */
static double take_line(struct kvt_buffer *line, double largest)
{
    const char *text = kvt_buffer_string(line);
    char *end;
    double value = strtod(text, &end);
    if (end != text && isfinite(value) && (isnan(largest) || value > largest))
        largest = value;
    kvt_buffer_clear(line);
    return largest;
}

/* Takes the lines that are complete and keeps the rest. */
static double take_bytes(struct kvt_buffer *line, const char *bytes, size_t length, double largest)
{
    const char *newline;
    while ((newline = memchr(bytes, '\n', length)) != NULL) {
        size_t taken = (size_t)(newline - bytes) + 1;
        kvt_buffer_append(line, bytes, taken);
        largest = take_line(line, largest);
        bytes += taken;
        length -= taken;
    }
    kvt_buffer_append(line, bytes, length);
    return largest;
}

/*
 * The largest number that comes through the pipe until it ends; NAN without one, or when the
 * command was ended: what has left its process group lives on, and may hold the pipe open for ever.
 */
static double read_largest(struct kvt_command *command, int output)
{
    double largest = NAN;
    struct kvt_buffer line = {0};
    char bytes[4096];
    ssize_t got = -1;
    while (got != 0 && !is_ended(command)) {
        got = read(output, bytes, sizeof bytes);
        if (got > 0)
            largest = take_bytes(&line, bytes, (size_t)got, largest);
        else if (got < 0 && errno == EAGAIN)
            kvt_ready_wait(&command->ready, -1, output);
        else if (got < 0 && errno != EINTR)
            break;
    }
    largest = got == 0 ? take_line(&line, largest) : NAN;
    kvt_buffer_free(&line);
    return largest;
}

/* Waits for the shell; true when it ended well. */
static bool reap(struct kvt_command *command)
{
    siginfo_t info;
    int status = -1;
    /* Its number stays taken until it is reaped, and that is done under the lock, so that no other
     * process is ever killed in its place. */
    while (waitid(P_PID, (id_t)command->group, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
    pthread_mutex_lock(&command->lock);
    pid_t reaped = waitpid(command->group, &status, 0);
    command->group = 0;
    pthread_mutex_unlock(&command->lock);
    return reaped > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

double kvt_command_run(void *context)
{
    struct kvt_command *command = context;
    int output = start(command);
    if (output < 0)
        return NAN;
    double largest = read_largest(command, output);
    close(output);
    return reap(command) ? largest : NAN;
}

void kvt_command_end(void *context)
{
    struct kvt_command *command = context;
    pthread_mutex_lock(&command->lock);
    command->ended = true;
    if (command->group > 0) {
        kill(-command->group, SIGKILL);
        kill(command->group, SIGKILL); /* the shell, or what it became, may be in another group */
    }
    pthread_mutex_unlock(&command->lock);
    kvt_ready_wake(&command->ready);
}
