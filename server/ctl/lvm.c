/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/lvm.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The next part of a name in which `-` divides, and is doubled inside of a part. False: it is empty, or too long. */
static bool next_part(const char **at, char *part, size_t room)
{
	size_t length = 0;

	while (**at && length < room - 1) {
		if (**at == '-' && *++*at != '-')
			break;
		part[length++] = *(*at)++;
	}
	part[length] = '\0';
	return length > 0;
}

bool lvm_volume_of(const char *dm_name, const char *uuid, char volume[LVM_NAME_MAX])
{
	const char *at = dm_name;
	char vg[140], lv[140];

	if (strncmp(uuid, "LVM-", 4) != 0 || !next_part(&at, vg, sizeof(vg)) ||
	    !next_part(&at, lv, sizeof(lv)))
		return false;
	snprintf(volume, LVM_NAME_MAX, "%s/%s", vg, lv);
	return true;
}

bool lvm_is_hidden(const char *volume)
{
	const char *slash = strchr(volume, '/');

	return slash && (strncmp(slash + 1, "pvmove", 6) == 0 || strstr(slash, "_mlog") ||
			 strstr(slash, "_mimagetmp"));
}

/* --- commands --- */

/* Its standard output goes to the fd, and no signal is blocked in it. LVM would complain of fds that it does not know: ours
 * close on exec. */
static bool run_lvm(char *const *words, int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int status = -1;
	sigset_t none;
	pid_t pid;
	bool started;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	started = posix_spawnp(&pid, words[0], &files, &attributes, words, environ) == 0;
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	if (!started) {
		fprintf(stderr, "dirtylogctl: %s cannot be run\n", words[0]);
		return false;
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool change_tag(const char *option, const char *volume, const char *tag)
{
	char *words[] = {"lvchange", "-q", (char *)option, (char *)tag, (char *)volume, NULL};
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool changed = run_lvm(words, nowhere);

	close(nowhere);
	return changed;
}

bool lvm_add_tag(const char *volume, const char *tag)
{
	return change_tag("--addtag", volume, tag);
}

bool lvm_remove_tag(const char *volume, const char *tag)
{
	return change_tag("--deltag", volume, tag);
}

/* What lvm.conf may have said of reports. */
#define AS_WE_READ_IT                                                                 \
	"report{prefixes=0 quoted=1 compact_output=0 list_item_separator=\",\"} log{" \
	"report_command_log=0}"

bool lvm_lists_tag(char *list, const char *wanted)
{
	char *save;

	for (char *tag = strtok_r(list, " ,\n", &save); tag; tag = strtok_r(NULL, " ,\n", &save))
		if (strcmp(tag, wanted) == 0)
			return true;
	return false;
}

/* All that was written to it; free(3) it. NULL: nothing was, or there is no memory. */
static char *read_whole(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = size > 0 ? malloc((size_t)size + 1) : NULL;
	ssize_t n = text ? pread(fd, text, (size_t)size, 0) : -1;

	if (n == (ssize_t)size) {
		text[n] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

/* Any number of tags, each of up to a KiB. */
enum lvm_tagged lvm_tagged(const char *volume, const char *tag)
{
	char *words[] = {"lvs",		"-q", "--noheadings", "--reportformat", "basic", "--config",
			 AS_WE_READ_IT, "-o", "lv_tags",      (char *)volume,	NULL};
	enum lvm_tagged tagged = LVM_UNKNOWN;
	int fd = memfd_create("lvs", MFD_CLOEXEC);
	char *text;

	if (fd < 0)
		return LVM_UNKNOWN;
	text = run_lvm(words, fd) ? read_whole(fd) : NULL;
	close(fd);
	if (text)
		tagged = lvm_lists_tag(text, tag) ? LVM_TAGGED : LVM_NOT_TAGGED;
	free(text);
	return tagged;
}
