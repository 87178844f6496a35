#include "http/command.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct kvt_command {
    char *text;
    pthread_mutex_t lock; /* of what follows */
    pid_t group;          /* the running shell and its process group; 0: none. Never a reaped one */
    bool ended;
};

struct kvt_command *kvt_command_new(const char *text)
{
    struct kvt_command *command = kvt_alloc_zero(1, sizeof *command);
    command->text = kvt_strdup(text);
    pthread_mutex_init(&command->lock, NULL);
    return command;
}

void kvt_command_free(struct kvt_command *command)
{
    if (!command)
        return;
    pthread_mutex_destroy(&command->lock);
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

/* Starts the shell and returns what it writes, or NULL. */
static FILE *start(struct kvt_command *command)
{
    int ends[2];
    if (pipe(ends) != 0)
        return NULL;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
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
    FILE *output = child > 0 ? fdopen(ends[0], "r") : NULL;
    if (!output)
        close(ends[0]);
    return output;
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
    FILE *output = start(command);
    if (!output && command->group == 0)
        return NAN;
    double largest = NAN;
    char *line = NULL;
    size_t capacity = 0;
    while (output && getline(&line, &capacity, output) > 0) {
        char *end;
        double value = strtod(line, &end);
        if (end != line && isfinite(value) && (isnan(largest) || value > largest))
            largest = value;
    }
    free(line);
    if (output)
        fclose(output);
    return reap(command) ? largest : NAN;
}

void kvt_command_end(void *context)
{
    struct kvt_command *command = context;
    pthread_mutex_lock(&command->lock);
    command->ended = true;
    if (command->group > 0)
        kill(-command->group, SIGKILL);
    pthread_mutex_unlock(&command->lock);
}
