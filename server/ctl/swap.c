/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/swap.h"

#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/beneath.h"
#include "server/ctl/hung.h"
#include "server/ctl/overwrite.h"
#include "server/log/dm_device.h"
#include "server/log/lvm_lock.h"
#include "server/log/mirror_cycle.h"
#include "server/protocol/mirror_params.h"
#include "server/protocol/mirror_table.h"
#include "server/restart/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARAMS_MAX 4096u
#define GUARDIAN_READY_MSEC 10000

/* The log that a mirror shall get. */
enum wanted_log {
	WANTED_OURS,
	WANTED_KERNELS,
	WANTED_AFRESH, /* ours, and all regions are out of sync */
	WANTED_AGAIN, /* ours, and no more is said of its state */
};

/* What is at hand. */
static struct {
	const struct ctl_mirror *mirror;
	enum wanted_log wanted;
	bool front; /* with a log in front of ours */
	bool in_sync; /* said by the table that is loaded */
	unsigned converted; /* targets */
	char *logs; /* dirtylogd's, a line each */
	int error; /* of the load */
	char hung[PATH_MAX]; /* a device beneath it; "": none */
	int lock_fd;
	pid_t guardian;
	int guardian_fd;
} swap;

/* --- tables --- */

static int count_target(uint64_t start, uint64_t sectors, const char *type, const char *params,
			void *context)
{
	struct ctl_mirror *mirror = context;

	if (strcmp(type, "mirror") != 0)
		return 0;
	switch (mirror_params_log(params)) {
	case MIRROR_PARAMS_CORE:
	case MIRROR_PARAMS_DISK:
		mirror->kernels++;
		break;
	case MIRROR_PARAMS_OURS_CORE:
	case MIRROR_PARAMS_OURS_DISK:
		mirror->ours++;
		mirror->fronted += mirror_params_has_front(params);
		break;
	case MIRROR_PARAMS_OTHER:
		break;
	}
	return 0;
}

bool swap_look(struct ctl_mirror *mirror)
{
	static struct cycle_look look;

	mirror->kernels = mirror->ours = mirror->fronted = 0;
	if (dm_device_open(mirror->major, mirror->minor) < 0 || dm_device_look(&look) < 0 ||
	    !look.exists)
		return false;
	memcpy(mirror->name, look.name, sizeof(mirror->name));
	memcpy(mirror->uuid, look.uuid, sizeof(mirror->uuid));
	return dm_device_table(count_target, mirror) == 0 && mirror->kernels + mirror->ours > 0;
}

static int take_uuid(uint64_t start, uint64_t sectors, const char *type, const char *params,
		     void *context)
{
	static struct mirror_table table;

	if (strcmp(type, "mirror") != 0)
		return 0;
	switch (mirror_table_parse(params, &table)) {
	case MIRROR_TABLE_OURS:
	case MIRROR_TABLE_BROKEN:
		memcpy(context, table.uuid, sizeof(table.uuid));
		return 1;
	default:
		return 0;
	}
}

bool swap_log_uuid(const struct ctl_mirror *mirror, char uuid[DM_UUID_LEN])
{
	return dm_device_open(mirror->major, mirror->minor) == 0 &&
	       dm_device_table(take_uuid, uuid) == 1;
}

/* A log's name: the device's uuid, which LVM keeps, or its name; and the target's number behind the first. */
static void name_log(unsigned target, char uuid[DM_UUID_LEN])
{
	const struct ctl_mirror *mirror = swap.mirror;
	const char *name = mirror->uuid[0] ? mirror->uuid : mirror->name;

	if (target == 0)
		snprintf(uuid, DM_UUID_LEN, "%.*s", (int)(DM_UUID_LEN - 8), name);
	else
		snprintf(uuid, DM_UUID_LEN, "%.*s-%u", (int)(DM_UUID_LEN - 8), name,
			 target % 10000);
}

/* The log device that dirtylogd has open for the log, as major:minor: in a table it may be a name, and another
 * device's by now. NULL: not known, or it has logs of this uuid on several. */
static const char *log_device_of(const char *params)
{
	static struct mirror_table table;
	static char device[ANSWER_DEVICE_MAX];

	if (!swap.logs || mirror_table_parse(params, &table) != MIRROR_TABLE_OURS)
		return NULL;
	return answer_log_device(swap.logs, table.uuid, device) ? device : NULL;
}

static bool to_ours(const char *params, const char *uuid, char *text)
{
	return mirror_params_adopt(params, uuid, swap.in_sync, swap.front, text, PARAMS_MAX) ||
	       mirror_params_front(params, swap.in_sync, swap.front, log_device_of(params), text,
				   PARAMS_MAX);
}

static bool to_kernels(const char *params, char *text)
{
	return mirror_params_release(params, swap.in_sync, log_device_of(params), text, PARAMS_MAX);
}

/* A mirror's target that has the log that is wanted gets the same again: what its words say of its state was true
 * when it was made. */
static bool to_wanted(const char *params, const char *uuid, char *text)
{
	switch (swap.wanted) {
	case WANTED_OURS:
		return to_ours(params, uuid, text);
	case WANTED_KERNELS:
		return to_kernels(params, text);
	default:
		return mirror_params_resync(params, swap.wanted == WANTED_AFRESH,
					    log_device_of(params), text, PARAMS_MAX);
	}
}

static bool convert(const char *params, const char *uuid, char *text)
{
	static char between[PARAMS_MAX];

	if (to_wanted(params, uuid, text)) {
		swap.converted++;
		return true;
	}
	if (swap.wanted == WANTED_OURS)
		return to_kernels(params, between) && to_ours(between, uuid, text);
	return to_ours(params, uuid, between) && to_kernels(between, text);
}

/* context: the number of mirrors before it. */
static int add_target(uint64_t start, uint64_t sectors, const char *type, const char *params,
		      void *context)
{
	static char text[PARAMS_MAX], uuid[DM_UUID_LEN];
	unsigned *mirrors = context;

	if (strcmp(type, "mirror") != 0)
		return dm_device_table_add(start, sectors, type, params);
	name_log((*mirrors)++, uuid);
	if (!convert(params, uuid, text))
		return -EOPNOTSUPP;
	return dm_device_table_add(start, sectors, type, text);
}

/* -EALREADY: there is nothing to change. Under the lock: the logs are those of the table that it is made from. */
static int load_table(void)
{
	unsigned mirrors = 0;
	int r;

	free(swap.logs);
	swap.logs = ctl_try("logs");
	swap.converted = 0;
	dm_device_table_begin();
	r = dm_device_table(add_target, &mirrors);
	if (r == 0 && swap.converted == 0)
		return -EALREADY;
	return r == 0 ? dm_device_table_load() : r;
}

static int is_in_sync(uint64_t start, uint64_t sectors, const char *type, const char *params,
		      void *context)
{
	return strcmp(type, "mirror") != 0 || mirror_status_in_sync(params) ? 0 : -EAGAIN;
}

/* --- standing by --- */

/* In the child, when the other end is closed. */
static void rescue(void)
{
	static struct cycle_look look;

	dm_device_table_clear();
	if (dm_device_look(&look) == 0 && look.suspended)
		dm_device_resume();
}

static void guard(int fd)
{
	char byte;
	ssize_t n;

	setsid();
	if (dm_device_brace() < 0 || send(fd, "", 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		rescue();
	_exit(0);
}

static pid_t fork_guardian(const int ends[2])
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		guard(ends[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

/* Its memory is locked before the mirror is suspended: it would wait for a page that lies there. */
static bool guardian_is_ready(void)
{
	struct pollfd ready = {.fd = swap.guardian_fd, .events = POLLIN};
	char byte;

	return poll(&ready, 1, GUARDIAN_READY_MSEC) == 1 && read(swap.guardian_fd, &byte, 1) == 1;
}

/* It does what is to be done if nothing is well. */
static void dismiss_guardian(bool well)
{
	if (swap.guardian <= 0)
		return;
	if (well)
		(void)!send(swap.guardian_fd, "", 1, MSG_NOSIGNAL);
	close(swap.guardian_fd);
	waitpid(swap.guardian, NULL, 0);
	swap.guardian = 0;
}

static int start_guardian(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	swap.guardian = fork_guardian(ends);
	swap.guardian_fd = ends[1];
	close(ends[0]);
	if (swap.guardian > 0 && guardian_is_ready())
		return 0;
	if (swap.guardian <= 0)
		close(ends[1]);
	else
		kill(swap.guardian, SIGKILL);
	dismiss_guardian(true);
	return -EAGAIN;
}

/* --- the steps --- */

static int lock_vg(const char *vg)
{
	swap.lock_fd = lvm_lock_try(LVM_LOCK_DIR, vg);
	return swap.lock_fd < 0 ? swap.lock_fd : 0;
}

static int hold_device(const char *name)
{
	swap.lock_fd = device_lock_try(PLACE_DIR, name);
	return swap.lock_fd < 0 ? swap.lock_fd : 0;
}

/* Its number may be another device's by now. */
static bool is_same_device(void)
{
	static struct cycle_look look;

	return dm_device_look(&look) == 0 && look.exists &&
	       strcmp(look.name, swap.mirror->name) == 0 &&
	       strcmp(look.uuid, swap.mirror->uuid) == 0;
}

static int load_first(void)
{
	swap.error = -ESTALE;
	if (!is_same_device())
		return swap.error;
	swap.error = -ETIMEDOUT;
	if (hung_beneath(makedev(swap.mirror->major, swap.mirror->minor), swap.hung))
		return swap.error;
	swap.hung[0] = '\0';
	swap.error = start_guardian();
	if (swap.error < 0)
		return swap.error;
	swap.in_sync = swap.wanted != WANTED_AFRESH && dm_device_status(is_in_sync, NULL) == 0;
	swap.error = load_table();
	return swap.error;
}

/* Nobody writes now. A region may have been found out of sync, or a leg dead, since the table was made; and a leg that
 * hung may have held us up so long that dirtylogd has been stopped, and removed. Another table is not loaded: that
 * allocates, and may wait for the mirror that is suspended. */
static int review(void)
{
	if (!dm_device_all_alive())
		return -EIO;
	if (swap.wanted != WANTED_KERNELS && !ctl_answers())
		return -ESRCH;
	if (!swap.in_sync || dm_device_status(is_in_sync, NULL) == 0)
		return 0;
	return -EAGAIN;
}

static void unload(void)
{
	dm_device_table_clear();
}

static void unbrace(void)
{
	sigset_t none;

	munlockall();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum swap_result result_of(enum cycle_outcome outcome)
{
	if (outcome == CYCLE_NOT_LOADED && swap.error == -EALREADY)
		return SWAP_NOTHING;
	switch (outcome) {
	case CYCLE_DONE:
		return SWAP_DONE;
	case CYCLE_NOT_FREE:
	case CYCLE_NOT_LOCKED:
	case CYCLE_NOT_FIT:
		return SWAP_LATER;
	case CYCLE_NOT_RESUMED:
		return SWAP_BAD;
	default:
		return SWAP_REFUSED;
	}
}

static const char *reason_of(enum cycle_outcome outcome)
{
	static char text[PATH_MAX + 80];

	if (outcome != CYCLE_NOT_LOADED)
		return cycle_outcome_text(outcome);
	if (swap.hung[0]) {
		snprintf(text, sizeof(text),
			 "left alone: %s does not answer, and it would stay suspended as long",
			 swap.hung);
		return text;
	}
	if (swap.error == -EALREADY)
		return "has the log that is wanted already";
	if (swap.error == -EOPNOTSUPP)
		return "left alone: its table is not understood, or the number of its log device "
		       "is "
		       "not known to dirtylogd";
	snprintf(text, sizeof(text), "%s: %s (the kernel's log and dirtylogd's say why)",
		 cycle_outcome_text(outcome), strerror(-swap.error));
	return text;
}

static enum swap_result swap_log(const struct ctl_mirror *mirror, enum wanted_log wanted,
				 const char **why)
{
	static const struct cycle_ops ops = {
		.look = dm_device_look,
		.all_alive = dm_device_all_alive,
		.lock_vg = lock_vg,
		.lock_device = hold_device,
		.brace = dm_device_brace,
		.suspend = dm_device_suspend,
		.resume = dm_device_resume,
		.pause = dm_device_pause,
		.load = load_first,
		.review = review,
		.unload = unload,
	};
	int r = dm_device_open(mirror->major, mirror->minor);
	enum cycle_outcome outcome;

	*why = "device-mapper cannot be reached";
	if (r < 0)
		return SWAP_REFUSED;
	swap.mirror = mirror;
	swap.wanted = wanted;
	swap.lock_fd = -1;
	swap.logs = NULL;
	swap.hung[0] = '\0';
	outcome = mirror_cycle(&ops);
	dismiss_guardian(outcome != CYCLE_NOT_RESUMED);
	free(swap.logs);
	if (swap.lock_fd >= 0)
		close(swap.lock_fd);
	/* Before who was told to end does. */
	if (outcome == CYCLE_DONE && wanted == WANTED_OURS && mirror->kernels > 0)
		overwrite(mirror->name);
	unbrace();
	*why = reason_of(outcome);
	return result_of(outcome);
}

static bool has_supervisor(void)
{
	char *stats = ctl_try("stats");
	bool has = stats && !strstr(stats, "\nsupervisor_pid 0\n");

	free(stats);
	return has;
}

/* What a mirror that is ours in part or in whole lacks. */
static bool is_as_wanted(const struct ctl_mirror *mirror, bool front)
{
	return mirror->kernels == 0 && mirror->fronted == (front ? mirror->ours : 0);
}

enum swap_result swap_adopt(const struct ctl_mirror *mirror, bool front, const char **why)
{
	*why = "has dirtylogd's log already";
	if (is_as_wanted(mirror, front))
		return SWAP_NOTHING;
	swap.front = front;
	*why = "left alone: / or /usr stands on it, and this dirtylogd has no supervisor: had it "
	       "died, "
	       "another could not be read from there";
	if (beneath_root(makedev(mirror->major, mirror->minor)) && !has_supervisor())
		return SWAP_REFUSED;
	return swap_log(mirror, WANTED_OURS, why);
}

enum swap_result swap_release(const struct ctl_mirror *mirror, const char **why)
{
	*why = "has no log of dirtylogd's";
	if (mirror->ours == 0)
		return SWAP_NOTHING;
	return swap_log(mirror, WANTED_KERNELS, why);
}

enum swap_result swap_resync(const struct ctl_mirror *mirror, bool begin, const char **why)
{
	*why = "has no log of dirtylogd's";
	if (mirror->ours == 0)
		return SWAP_REFUSED;
	return swap_log(mirror, begin ? WANTED_AFRESH : WANTED_AGAIN, why);
}
