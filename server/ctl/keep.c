/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl keep`: the volumes with the tag stay adopted. LVM gives a mirror the kernel's log back with nearly every
 * command, and the kernel tells of each resume (a uevent of the device). A device that has the kernel's log then is
 * due; one that cannot be adopted yet is due again, later each time. A look at all devices now and then, and when
 * uevents were lost, is for what no uevent told.
 *
 * Each attempt is a child's: it may wait for LVM, or hang in the kernel, and then the others go on without it.
 */
#include "server/base/clock.h"
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/front.h"
#include "server/ctl/lvm.h"
#include "server/ctl/mirrors.h"
#include "server/ctl/overwrite.h"
#include "server/ctl/uevent.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <linux/netlink.h>

#define FULL_LOOK_NS (60 * NSEC_PER_SEC)
#define ALIVE_NS (10 * NSEC_PER_SEC) /* it says so at least so often, for WatchdogSec */
#define FIRST_PAUSE_NS (200 * NSEC_PER_MSEC)
#define PAUSE_MAX_NS (30 * NSEC_PER_SEC)
#define HURRY_NS (2 * NSEC_PER_SEC)
#define CHILD_LIMIT_NS (30 * NSEC_PER_SEC)
#define CHILDREN_MAX 8u
#define GIVE_BACK_TRIES 3u

enum keep_status { KEPT, NOT_TAGGED, TRY_AGAIN };

/* A device that is on the kernel's log. */
struct due {
	uint32_t major, minor;
	int64_t when_ns, pause_ns;
	pid_t child; /* 0: none */
	int64_t started_ns;
	bool told; /* the child, to end: its time is over */
	bool late; /* the child before was: what it has done nobody has looked at */
	bool again; /* a uevent came while the child was at it */
	struct due *next;
};

struct keep_options {
	bool json;
};

static struct keep_options options;
static volatile sig_atomic_t stopping;
static struct due *dues;
static unsigned children;
static unsigned left_alone; /* children that were told to end and have not */

static struct due *find_due(uint32_t major, uint32_t minor)
{
	for (struct due *due = dues; due; due = due->next)
		if (due->major == major && due->minor == minor)
			return due;
	return NULL;
}

/* What kept it from being adopted may be over: repaired. Not at once, nor with shorter pauses from now on: an attempt that
 * is given up resumes the mirror as well. */
static void hurry(struct due *due)
{
	int64_t soon_ns = clock_now() + HURRY_NS;

	if (due->when_ns > soon_ns)
		due->when_ns = soon_ns;
}

/* Without memory the next full look finds it. */
static void add_due(uint32_t major, uint32_t minor)
{
	struct due *due = find_due(major, minor);

	if (due) {
		due->again = due->child != 0;
		hurry(due);
		return;
	}
	due = calloc(1, sizeof(*due));
	if (!due)
		return;
	*due = (struct due){.major = major, .minor = minor, .when_ns = clock_now(), .next = dues};
	dues = due;
}

static void drop_due(struct due *gone)
{
	struct due **at = &dues;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	free(gone);
}

/* --- an attempt --- */

/* With its priority, where the journal takes it. */
static void __attribute__((format(printf, 1, 2))) warn_of(const char *format, ...)
{
	va_list arguments;

	fputs(getenv("JOURNAL_STREAM") ? SD_WARNING : "", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

/* On stdout, for programs a line each too. */
static void tell_adopted(const char *volume)
{
	json_t *line;

	if (options.json) {
		line = json_pack("{s:s, s:s}", "event", "adopted", "mirror", volume);
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(line);
	} else {
		printf("%s: adopted again\n", volume);
	}
	fflush(stdout);
}

/* Its tag was taken away while it was adopted: who did that wants the kernel's log, and may have given it back already.
 */
static void give_to_kernel(struct ctl_mirror *mirror)
{
	enum swap_result result = SWAP_LATER;
	const char *why = "";

	for (unsigned tries = 0; tries < GIVE_BACK_TRIES && result == SWAP_LATER; tries++)
		if (swap_look(mirror))
			result = swap_release(mirror, &why);
	if (result != SWAP_DONE && result != SWAP_NOTHING)
		warn_of("%s was released, and is on dirtylogd: %s; dirtylogctl release it\n",
			ctl_mirror_text(mirror), why);
}

/* Who is told to end meanwhile ends behind the command, which is told as well: one that hangs is the only one of its
 * volume. */
static enum lvm_tagged is_tagged(const char *volume, const char *tag)
{
	enum lvm_tagged tagged;
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	tagged = lvm_tagged(volume, tag);
	sigprocmask(SIG_UNBLOCK, &end, NULL);
	return tagged;
}

static bool wants_front(const char *volume)
{
	return front_is_there() && is_tagged(volume, LVM_PLAIN_TAG) == LVM_NOT_TAGGED;
}

static enum keep_status adopt_tagged(struct ctl_mirror *mirror, const char *volume)
{
	const char *why = "no dirtylogd answers";
	/* The kernel would wait for ever for a log that nobody serves, and LVM for the lock that we hold. */
	enum swap_result result =
		ctl_answers() ? swap_adopt(mirror, wants_front(volume), &why) : SWAP_LATER;

	if (result == SWAP_DONE && is_tagged(volume, LVM_TAG) == LVM_NOT_TAGGED)
		give_to_kernel(mirror);
	else if (result == SWAP_DONE)
		tell_adopted(volume);
	else if (result != SWAP_NOTHING)
		warn_of("%s has the tag " LVM_TAG " and is not adopted: %s; tried again\n", volume,
			why);
	return result == SWAP_DONE || result == SWAP_NOTHING ? KEPT : TRY_AGAIN;
}

/* The one who was told to end had suspended the mirror, and ended when it had adopted it. */
static enum keep_status look_behind_late(struct ctl_mirror *mirror, const char *volume, bool tagged)
{
	overwrite(volume); /* of which he may not have come to think any more */
	if (tagged)
		tell_adopted(volume);
	else
		give_to_kernel(mirror);
	return KEPT;
}

static enum keep_status keep_device(uint32_t major, uint32_t minor, bool late)
{
	struct ctl_mirror mirror = {.major = major, .minor = minor};
	char volume[LVM_NAME_MAX];
	enum lvm_tagged tagged;

	if (!swap_look(&mirror) || (mirror.kernels == 0 && !late) ||
	    !lvm_volume_of(mirror.name, mirror.uuid, volume) || lvm_is_hidden(volume))
		return NOT_TAGGED;
	tagged = is_tagged(volume, LVM_TAG);
	if (tagged == LVM_UNKNOWN)
		return TRY_AGAIN;
	if (mirror.kernels == 0)
		return look_behind_late(&mirror, volume, tagged == LVM_TAGGED);
	return tagged == LVM_TAGGED ? adopt_tagged(&mirror, volume) : NOT_TAGGED;
}

static void put_off(struct due *due)
{
	due->pause_ns = due->pause_ns == 0		   ? FIRST_PAUSE_NS
			: due->pause_ns < PAUSE_MAX_NS / 2 ? due->pause_ns * 2
							   : PAUSE_MAX_NS;
	due->when_ns = clock_now() + due->pause_ns;
}

static void start_attempt(struct due *due)
{
	pid_t pid = fork();
	sigset_t none;

	if (pid == 0) {
		setpgid(0, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGTERM, SIG_DFL);
		_exit((int)keep_device(due->major, due->minor, due->late));
	}
	if (pid < 0) {
		put_off(due);
		return;
	}
	setpgid(pid, pid); /* whoever of the two is first */
	due->child = pid;
	due->again = due->told = false;
	due->started_ns = clock_now();
	children++;
}

/* One that hangs holds LVM's lock. Told to end it does, with the command of LVM's that it waits for, and its guardian (in a
 * session of its own) lets the mirror go; but not while it suspends the mirror (dm_device_brace): dm-mirror would be
 * without a resync for ever. Its device is not tried meanwhile, and others are. */
static void watch_child(struct due *due)
{
	if (due->told || clock_now() - due->started_ns <= CHILD_LIMIT_NS)
		return;
	warn_of("device %u:%u does not answer\n", due->major, due->minor);
	kill(-due->child, SIGTERM);
	due->told = true;
	left_alone++;
}

static void end_attempt(struct due *due, int status)
{
	bool unsettled = !WIFEXITED(status) || WEXITSTATUS(status) == TRY_AGAIN;

	children--;
	left_alone -= due->told;
	due->child = 0;
	due->late = unsettled && (due->told || due->late);
	/* Of an attempt that came to nothing the uevent may be its own resume's. */
	if (unsettled) {
		put_off(due);
	} else if (due->again) {
		due->pause_ns = 0;
		due->when_ns = clock_now();
	} else {
		drop_due(due);
	}
}

static void look_after(struct due *due)
{
	int status = 0;

	if (waitpid(due->child, &status, WNOHANG) == 0)
		watch_child(due);
	else
		end_attempt(due, status);
}

static void attend_dues(void)
{
	struct due *next;

	for (struct due *due = dues; due; due = next) {
		next = due->next;
		if (due->child > 0)
			look_after(due);
		else if (!stopping && due->when_ns <= clock_now() &&
			 children - left_alone < CHILDREN_MAX)
			start_attempt(due);
	}
}

/* --- what is told --- */

static int open_uevents(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	return fd;
}

/* The process that sends one of the kernel's own is 0. */
static void hear(const char *text, size_t size)
{
	uint32_t device_major, device_minor;

	if (uevent_of_change(text, size, &device_major, &device_minor))
		add_due(device_major, device_minor);
}

/* False: some were lost. */
static bool read_uevents(int fd)
{
	static char text[8192 + 1];
	struct sockaddr_nl sender;
	socklen_t length = sizeof(sender);
	ssize_t n;

	while ((n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&sender, &length)) >
	       0) {
		text[n] = '\0';
		if (sender.nl_pid == 0)
			hear(text, (size_t)n);
	}
	return n >= 0 || errno != ENOBUFS;
}

static void look_at_all(void)
{
	struct ctl_mirrors mirrors;

	if (ctl_mirrors_find(&mirrors) < 0)
		return;
	for (unsigned i = 0; i < mirrors.count; i++)
		if (mirrors.all[i].kernels > 0)
			add_due(mirrors.all[i].major, mirrors.all[i].minor);
	free(mirrors.all);
}

/* --- the loop --- */

static int msec_until_due(int64_t full_ns)
{
	int64_t until_ns = clock_now() + ALIVE_NS, left_ns;

	if (full_ns < until_ns)
		until_ns = full_ns;

	for (const struct due *due = dues; due; due = due->next)
		if (due->child == 0 && due->when_ns < until_ns)
			until_ns = due->when_ns;
	if (children > 0)
		until_ns = clock_now() + 50 * NSEC_PER_MSEC;
	left_ns = until_ns - clock_now();
	return left_ns > 0 ? (int)(left_ns / NSEC_PER_MSEC) + 1 : 0;
}

static void stop(int signal_number)
{
	stopping = 1;
}

/* SIGTERM comes only while we wait. */
static void wait_for_more(int fd, int64_t full_ns)
{
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	int msec = msec_until_due(full_ns);
	struct timespec limit = {.tv_sec = msec / 1000, .tv_nsec = msec % 1000 * NSEC_PER_MSEC};
	sigset_t none;

	sigemptyset(&none);
	ppoll(&waiting, 1, &limit, &none);
}

/* Until SIGTERM, and then until no child is at a mirror any more: who has stopped us knows that none comes. But where no
 * dirtylogd is, systemd has us end before it starts one, and a child may wait for that: it ends by itself. */
static bool goes_on(void)
{
	return !stopping || (children > 0 && ctl_answers());
}

static void keep(int fd)
{
	int64_t full_ns = clock_now();

	while (goes_on()) {
		sd_notify(0, "WATCHDOG=1");
		if (!stopping && clock_now() >= full_ns) {
			look_at_all();
			full_ns = clock_now() + FULL_LOOK_NS;
		}
		attend_dues();
		if (stopping && children == 0)
			break;
		wait_for_more(fd, full_ns);
		if (!read_uevents(fd))
			full_ns = clock_now();
	}
}

static void catch_sigterm(void)
{
	struct sigaction action = {.sa_handler = stop};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static const struct option_entry keep_entries[] = {
	{"json", .help = "as JSON, an object for each adoption",
	 OPTION_FLAG(struct keep_options, json)},
	{0},
};

static const struct option_table keep_table = {
	.program = "dirtylogctl keep",
	.doc = "Adopt again what has the tag " LVM_TAG
	       ", for ever: what dirtylogd-keep.service runs.",
	.entries = keep_entries,
};

int ctl_keep(int argc, char **argv)
{
	int fd, status = option_table_parse(&keep_table, &options, argc, argv, NULL);

	if (status >= 0)
		return status;
	fd = open_uevents();
	if (fd < 0) {
		warn_of("dirtylogctl keep: uevents cannot be heard: %s\n", strerror(-fd));
		return 1;
	}
	catch_sigterm();
	sd_notify(0, "READY=1");
	keep(fd);
	return 0;
}
