/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a thread that is seen waiting is not seen again in its program: SIGKILL is pending for each thread
 * before the first one counts as ended (zap_other_threads() of the kernel), and is heard on the way out of
 * the kernel. One that runs when looked at may still be on its way in or out, and has to be looked at again. */
#include "server/restart/process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_BYTES 1024u

/* What follows its name, which may have all characters; NULL: it is gone. */
static const char *read_stat(const char *path, char text[STAT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	const char *end;

	if (fd < 0)
		return NULL;
	n = read(fd, text, STAT_BYTES - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end + 2 : NULL;
}

char process_thread_state(pid_t process, pid_t thread)
{
	char path[64], text[STAT_BYTES];
	const char *fields;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process, thread);
	fields = read_stat(path, text);
	return fields ? fields[0] : '\0';
}

/* The last field is its wait status. */
static bool has_ended(pid_t process, int *status)
{
	char path[64], text[STAT_BYTES];
	const char *fields, *last;

	snprintf(path, sizeof(path), "/proc/%d/stat", process);
	fields = read_stat(path, text);
	if (!fields || fields[0] != 'Z')
		return false;
	last = strrchr(fields, ' ');
	*status = last ? atoi(last) : 0;
	return true;
}

static bool may_run(pid_t process, pid_t thread)
{
	char state = process_thread_state(process, thread);

	return state != '\0' && !strchr("DZX", state);
}

/* Of the threads in one piece of the directory. */
static bool any_may_run(pid_t process, const char *entries, ssize_t bytes)
{
	const struct dirent64 *entry;

	for (ssize_t at = 0; at < bytes; at += entry->d_reclen) {
		entry = (const struct dirent64 *)(entries + at);
		if (entry->d_name[0] != '.' && may_run(process, atoi(entry->d_name)))
			return true;
	}
	return false;
}

static bool all_wait(pid_t process)
{
	_Alignas(struct dirent64) char entries[4096];
	char path[64];
	ssize_t bytes;
	bool any = false;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (!any && (bytes = getdents64(fd, entries, sizeof(entries))) > 0)
		any = any_may_run(process, entries, bytes);
	close(fd);
	return !any && bytes == 0;
}

bool process_is_lost(pid_t process, int *status)
{
	return has_ended(process, status) && all_wait(process);
}
