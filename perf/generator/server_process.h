/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon under load, when the generator starts it: its life, which CPU it runs on, and what it
 * uses. It is killed when the thread that has started it ends. One thread.
 */
#ifndef PERF_GENERATOR_SERVER_PROCESS_H
#define PERF_GENERATOR_SERVER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server_process {
	pid_t pid; /* 0: none, or it has ended */
	int status; /* of waitpid, once it has ended */
};

/* Bind the calling thread to a CPU; -1 changes nothing. 0 or -errno. */
int server_process_pin(int cpu);

/* Whether it can be bound to it. Changes nothing. 0 or -errno. */
int server_process_try_pin(int cpu);

/* Run command with a shell (so that it may be quoted), with `--foreground --accept-from any`
 * behind it, in the caller's network namespace. 0 or -errno. */
int server_process_start(struct server_process *process, const char *command, int cpu);

/* The child of the process that we have started: the server of a supervisor. 0: none at the
 * moment. */
pid_t server_process_serving(const struct server_process *process);

/* False once it has ended. */
bool server_process_alive(struct server_process *process);

struct server_process_usage {
	int64_t cpu_ns; /* of all its threads, user and system, since it was started */
	int64_t rss_bytes; /* VmRSS */
};

/* What it has used so far. Of a command that starts another program, the command's own. 0, or
 * -errno: -ESRCH when there is none. */
int server_process_usage(const struct server_process *process, struct server_process_usage *usage);

/* SIGTERM, and SIGKILL when that does not end it in 30 s. 0 if it has ended well; -EPIPE if not,
 * said on stderr. */
int server_process_stop(struct server_process *process);

#endif
