/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command is run by a shell that it replaces (exec), so that the process we know is the daemon
 * and not its shell. Under a supervisor the server is that process's only child, as /proc tells;
 * memory and processor time are read from there and from the process's own clock.
 */
#include "perf/generator/server_process.h"

#include "server/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_LIMIT_NS (30 * NSEC_PER_SEC)
#define COMMAND_MAX 4096

int server_process_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno;
}

int server_process_try_pin(int cpu)
{
	cpu_set_t before; /* too small for a host of more than 1,024, which need not be pinned */
	int r;

	if (cpu < 0)
		return 0;
	if (sched_getaffinity(0, sizeof(before), &before) != 0)
		return -errno;
	r = server_process_pin(cpu);
	sched_setaffinity(0, sizeof(before), &before);
	return r;
}

/* In the child. A terminal's Ctrl-C is for the generator, which ends the daemon in order. */
static void run_command(const char *line, int cpu)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	server_process_pin(cpu);
	execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

int server_process_start(struct server_process *process, const char *command, int cpu)
{
	char line[COMMAND_MAX];
	int n = snprintf(line, sizeof(line), "exec %s --foreground --accept-from any", command);

	if (n >= (int)sizeof(line))
		return -E2BIG;
	process->pid = fork();
	if (process->pid == 0)
		run_command(line, cpu);
	return process->pid < 0 ? -errno : 0;
}

/* A supervisor has others, that see to the dead. The first server is the oldest, and serves. */
static bool is_server(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "undertaker\n") != 0;
}

pid_t server_process_serving(const struct server_process *process)
{
	char path[64];
	int child = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", process->pid, process->pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	do
		if (fscanf(file, "%d", &child) != 1)
			child = 0;
	while (child > 0 && !is_server(child));
	fclose(file);
	return child;
}

bool server_process_alive(struct server_process *process)
{
	if (process->pid > 0 && waitpid(process->pid, &process->status, WNOHANG) == process->pid)
		process->pid = 0;
	return process->pid > 0;
}

static int read_rss(pid_t pid, int64_t *bytes)
{
	int64_t kib = -1;
	char path[32], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %" SCNd64, &kib) != 1)
			kib = -1;
	fclose(file);
	*bytes = kib * 1024;
	return kib < 0 ? -ESRCH : 0; /* a process that has ended has no such line */
}

/* The process's clock counts nanoseconds, /proc/PID/stat only ticks. */
static int read_cpu(pid_t pid, int64_t *ns)
{
	struct timespec time;
	clockid_t clock;
	int r = clock_getcpuclockid(pid, &clock);

	if (r != 0)
		return -r;
	if (clock_gettime(clock, &time) != 0)
		return -errno;
	*ns = time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
	return 0;
}

int server_process_usage(const struct server_process *process, struct server_process_usage *usage)
{
	pid_t pid;
	int r;

	if (process->pid <= 0)
		return -ESRCH;
	pid = server_process_serving(process);
	if (pid == 0) /* without a supervisor */
		pid = process->pid;
	r = read_rss(pid, &usage->rss_bytes);
	return r == 0 ? read_cpu(pid, &usage->cpu_ns) : r;
}

static int say_status(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		fprintf(stderr, "dirtylog-load: the daemon was ended by signal %d (%s)\n",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "dirtylog-load: the daemon ended with status %d%s\n",
			WEXITSTATUS(status),
			WEXITSTATUS(status) == 127 ? " (no such program: see --spawn)" : "");
	return -EPIPE;
}

int server_process_stop(struct server_process *process)
{
	int64_t end_ns = clock_now() + STOP_LIMIT_NS;

	if (process->pid > 0)
		kill(process->pid, SIGTERM);
	while (server_process_alive(process)) {
		if (clock_now() > end_ns) {
			fprintf(stderr, "dirtylog-load: the daemon does not end: killed\n");
			kill(process->pid, SIGKILL);
			waitpid(process->pid, &process->status, 0);
			process->pid = 0;
		}
		usleep(5000);
	}
	return say_status(process->status);
}
