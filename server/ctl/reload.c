/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `systemctl reload` runs. */
#include "server/base/clock.h"
#include "server/base/option_table.h"
#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/json_values.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_NS (30 * NSEC_PER_SEC)
#define CHECK_LIMIT_NS (10 * NSEC_PER_SEC)
#define PAUSE_NS (20 * NSEC_PER_MSEC)

extern char **environ;

/* --- what runs --- */

struct running {
	long supervisor, server, program; /* program: changes when it goes on as another one */
};

/* stats: NULL, if there is no answer. It is freed. */
static bool learn(char *stats, struct running *running)
{
	*running = (struct running){0};
	if (stats)
		*running = (struct running){.supervisor = answer_counter(stats, "supervisor_pid"),
					    .server = answer_counter(stats, "server_pid"),
					    .program = answer_counter(stats, "program")};
	free(stats);
	return running->server > 0;
}

/* --- the program that it will go on as --- */

#define WORDS_MAX 256u
#define DELETED " (deleted)"

/* Where the supervisor's program was installed; another may be there now. */
static bool find_program(long supervisor, char path[PATH_MAX])
{
	char link[64];
	size_t end = strlen(DELETED);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%ld/exe", supervisor);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0) {
		fprintf(stderr,
			"dirtylogctl: not reloaded: the program of dirtylogd's supervisor (process "
			"%ld) "
			"is not to be seen: %s: %s\n",
			supervisor, link, strerror(errno));
		return false;
	}
	path[n] = '\0';
	if ((size_t)n > end && strcmp(path + n - end, DELETED) == 0)
		path[(size_t)n - end] = '\0';
	return true;
}

static size_t read_command_line(long supervisor, char *text, size_t room)
{
	char path[64];
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", supervisor);
	file = fopen(path, "re");
	if (file) {
		n = fread(text, 1, room - 1, file);
		fclose(file);
	}
	text[n] = '\0';
	return n;
}

/* What it reads may lie on a mirror that hangs. */
static bool await_check(pid_t pid, int *status)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int64_t end_ns = clock_now() + CHECK_LIMIT_NS;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (clock_now() >= end_ns) {
			kill(pid, SIGKILL);
			return false;
		}
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Its own words, and --check behind them; it says itself what is wrong. */
static bool check_passes(long supervisor, const char *program)
{
	static char text[65536], check[] = "--check";
	size_t size = read_command_line(supervisor, text, sizeof(text));
	char *words[WORDS_MAX + 2];
	unsigned count = 0;
	int status = -1, r;
	pid_t pid;

	for (char *at = text; at < text + size && count < WORDS_MAX; at += strlen(at) + 1)
		words[count++] = at;
	words[count++] = check;
	words[count] = NULL;
	r = posix_spawn(&pid, program, NULL, NULL, words, environ);
	if (r != 0) {
		fprintf(stderr, "dirtylogctl: %s cannot be run: %s\n", program, strerror(r));
		return false;
	}
	if (!await_check(pid, &status) || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr,
			"dirtylogctl: not reloaded: %s --check failed; dirtylogd goes on "
			"as it is\n",
			program);
		return false;
	}
	return true;
}

/* --- whether it is another one --- */

/* A file that is mapped and was removed, as an upgrade does; memory that never had a name is none. */
static bool is_removed_file(const char *line)
{
	const char *path = strchr(line, '/');

	return path && strstr(path, DELETED "\n") && strncmp(path, "/memfd:", 7) != 0 &&
	       strncmp(path, "/dev/", 5) != 0;
}

/* Its program or a library of it. Unknown: as if it did. */
static bool runs_removed_files(long supervisor)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/maps", supervisor);
	file = fopen(path, "re");
	if (!file)
		return true;
	while (!found && fgets(line, sizeof(line), file))
		found = is_removed_file(line);
	fclose(file);
	return found;
}

/* --- going on as it --- */

static bool await_program(const struct running *before, struct running *now)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int64_t end_ns = clock_now() + LIMIT_NS;

	do {
		if (learn(ctl_try("stats"), now) && now->program != before->program)
			return true;
		nanosleep(&pause, NULL);
	} while (clock_now() < end_ns);
	return false;
}

/* It is the supervisor still behind the open, so it was then, and nobody else can have its number meanwhile. */
static int signal_supervisor(const struct running *before)
{
	int fd = pidfd_open((pid_t)before->supervisor, 0), r = -ESRCH;
	struct running now;

	if (fd < 0)
		return -errno;
	if (learn(ctl_try("stats"), &now) && now.supervisor == before->supervisor)
		r = pidfd_send_signal(fd, SIGHUP, NULL, 0) == 0 ? 0 : -errno;
	close(fd);
	return r;
}

struct reload_options {
	bool json, if_removed;
};

static void tell_reloaded(const char *program, const struct running *now, bool json)
{
	json_t *told;

	if (!json) {
		printf("dirtylogd goes on as %s, server process %ld\n", program, now->server);
		return;
	}
	told = json_pack("{s:o, s:I, s:I}", "program", json_of_text(program), "supervisor",
			 (json_int_t)now->supervisor, "server", (json_int_t)now->server);
	json_dumpf(told, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(told);
}

static int reload(const struct running *before, const struct reload_options *options)
{
	char program[PATH_MAX];
	struct running now;
	int r;

	if (!find_program(before->supervisor, program))
		return 1;
	if (options->if_removed && !runs_removed_files(before->supervisor)) {
		tell_reloaded(program, before, options->json);
		return 0;
	}
	if (!check_passes(before->supervisor, program))
		return 1;
	r = signal_supervisor(before);
	if (r < 0) {
		fprintf(stderr, "dirtylogctl: process %ld: %s\n", before->supervisor, strerror(-r));
		return 1;
	}
	if (!await_program(before, &now)) {
		fprintf(stderr,
			"dirtylogctl: dirtylogd has not gone on as %s within %lld s: its log "
			"says why (journalctl -u dirtylogd)\n",
			program, (long long)(LIMIT_NS / NSEC_PER_SEC));
		return 1;
	}
	tell_reloaded(program, &now, options->json);
	return 0;
}

static const struct option_entry reload_entries[] = {
	{"if-removed",
	 .help = "only if the file of its program, or of a library, was removed meanwhile",
	 OPTION_FLAG(struct reload_options, if_removed)},
	{"json", .help = "as JSON", OPTION_FLAG(struct reload_options, json)},
	{0},
};

static const struct option_table reload_table = {
	.program = "dirtylogctl reload",
	.doc = "Have dirtylogd go on as the program that is installed now, with the options that "
	       "its "
	       "file has now. If it cannot, it says so with exit status 1, and goes on as it was.",
	.entries = reload_entries,
};

int ctl_reload(int argc, char **argv)
{
	struct reload_options options = {0};
	int status = option_table_parse(&reload_table, &options, argc, argv, NULL);
	struct running before;

	if (status >= 0)
		return status;
	if (!learn(ctl_ask("stats", NULL), &before))
		return CTL_NO_ANSWER;
	if (before.supervisor > 0)
		return reload(&before, &options);
	fprintf(stderr, "dirtylogctl: it runs without a supervisor, which could reload it: start "
			"it again\n");
	return 1;
}
