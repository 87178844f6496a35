/*
 * http/command.h: a shell command whose output is numbers, run again and again on one thread and
 * ended from another. It has a process group of its own, so that all it starts ends with it; what
 * leaves that group (setsid) lives on, and is not waited for.
 */
#ifndef KVT_HTTP_COMMAND_H
#define KVT_HTTP_COMMAND_H

struct kvt_command; /* opaque */

/* Copies the text. Ends the process with exit 3 when the system has no descriptor left. Release
 * with kvt_command_free. */
struct kvt_command *kvt_command_new(const char *text);
/* Runs it and returns the largest number at the start of its output lines; NAN without one, when it
 * fails, cannot be started, or was ended. `command` is a struct kvt_command *: a kvt_probe. */
double kvt_command_run(void *command);
/* Kills what kvt_command_run waits for and makes it return at once, and lets it start nothing more.
 * Any thread may call it. */
void kvt_command_end(void *command);
/* NULL is allowed; not while it runs. */
void kvt_command_free(struct kvt_command *command);

#endif
