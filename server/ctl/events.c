/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `events`: what happens to the mirrors, a line each. dirtylogd is asked once a second; device-mapper, which costs
 * requests to dirtylogd, when the kernel says that something has happened (DM_DEV_ARM_POLL), but not sooner
 * than a second behind the last time, or after a minute. */
#include "server/base/clock.h"
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/changes.h"
#include "server/ctl/command.h"
#include "server/ctl/dm_mirrors.h"
#include "server/ctl/json_values.h"
#include "server/ctl/mirrors.h"
#include "server/ctl/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_MSEC 1000
#define FIND_NS (60 * NSEC_PER_SEC)
#define FIND_LEAST_NS (1 * NSEC_PER_SEC)
#define SECONDS_MAX 1e9 /* fits into nanoseconds */
#define FOR_EVER -1

struct events {
	bool json;
	double seconds; /* or FOR_EVER */
	int dm_fd; /* -1: the kernel says nothing */
	bool find; /* device-mapper is to be asked */
	int64_t found_ns;
	json_t *found, *kernels, *view;
	bool lost; /* dirtylogd does not answer */
};

static const struct option_entry events_entries[] = {
	{"json", .help = "as JSON, an object a line", OPTION_FLAG(struct events, json)},
	{"for", .argument = "SECONDS", .help = "end after so long (default: never)",
	 OPTION_REAL(struct events, seconds, 0, SECONDS_MAX), .wanted = "seconds"},
	{0},
};

static const struct option_table events_table = {
	.program = "dirtylogctl events",
	.doc = "What happens to the mirrors, a line each, as it happens; first how each one is.\v"
	       "Events: well, degraded, failed; resyncing, in-sync; paused, continued; adopted, "
	       "released, made, gone; error (of a log device, or a leg's flush); waiting, answered "
	       "(a request, for 5 s); and of dirtylogd itself lost and found.",
	.entries = events_entries,
};

/* --- telling --- */

static void print_time(char text[32])
{
	time_t now = time(NULL);
	struct tm local;

	strftime(text, 32, "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &local));
}

static void print_event(const char *at, const char *event, const char *mirror, const char *text)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "time", at, "event", event, "mirror",
				 mirror, "text", text);

	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
}

/* Whoever reads has gone: the end. */
static void tell_event(void *context, const char *event, const char *mirror, const char *text)
{
	const struct events *events = context;
	char at[32];

	print_time(at);
	if (events->json)
		print_event(at, event, mirror, text);
	else
		printf("%s %s %s%s%s\n", at, mirror, event, *text ? ": " : "", text);
	if (fflush(stdout) != 0)
		exit(1);
}

static void tell_whether_lost(struct events *events, bool lost)
{
	if (lost == events->lost)
		return;
	events->lost = lost;
	tell_event(events, lost ? "lost" : "found", "dirtylogd",
		   lost ? "no dirtylogd answers: mirrors wait" : "it answers again");
}

/* --- looking --- */

static json_t *names_of_kernels(void)
{
	struct ctl_mirrors mirrors;
	json_t *names = json_array();

	if (ctl_mirrors_find(&mirrors) < 0)
		return names;
	for (unsigned i = 0; i < mirrors.count; i++)
		if (mirrors.all[i].kernels > 0)
			json_array_append_new(names, json_of_text(mirrors.all[i].name));
	free(mirrors.all);
	return names;
}

/* Mirrors that a list lacks which is not whole are not gone: the former one holds until the next look. */
static bool take_list(struct events *events)
{
	bool all;
	json_t *found = dm_mirrors_find(&all);

	if (!all && events->found) {
		json_decref(found);
		return false;
	}
	json_decref(events->found);
	json_decref(events->kernels);
	events->found = found;
	events->kernels = names_of_kernels();
	return all;
}

static void ask_devmapper(struct events *events)
{
	bool all = take_list(events);

	events->found_ns = clock_now();
	events->find = !all;
}

/* Legs keep the health that they had when the kernel was asked. */
static json_t *take_look(struct events *events)
{
	bool finds = events->find || clock_now() > events->found_ns + FIND_NS;
	json_t *view;

	if (finds)
		ask_devmapper(events);
	view = view_ask(events->found, finds);
	if (view)
		json_object_set(view, "kernels", events->kernels);
	events->find |= finds && !view;
	return view;
}

static void look_and_tell(struct events *events)
{
	json_t *view = take_look(events);

	tell_whether_lost(events, !view);
	if (!view)
		return;
	changes_compare(events->view, view, tell_event, events);
	json_decref(events->view);
	events->view = view;
}

/* --- waiting --- */

static void open_dm(struct events *events)
{
	events->dm_fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
}

static void arm(const struct events *events)
{
	struct dm_ioctl request = {
		.version = {DM_VERSION_MAJOR, 0, 0},
		.data_size = sizeof(request),
	};

	if (events->dm_fd >= 0)
		(void)ioctl(events->dm_fd, DM_DEV_ARM_POLL, &request);
}

/* A host that makes and removes devices without end is not looked at without end. */
static void let_pass(int64_t until_ns)
{
	int64_t left_ns = until_ns - clock_now();
	struct timespec left = {.tv_sec = left_ns / NSEC_PER_SEC,
				.tv_nsec = left_ns % NSEC_PER_SEC};

	if (left_ns > 0)
		nanosleep(&left, NULL);
}

static void wait_for_news(struct events *events)
{
	struct pollfd dm = {.fd = events->dm_fd, .events = POLLIN};

	if (poll(&dm, 1, PERIOD_MSEC) <= 0)
		return;
	events->find = true;
	let_pass(events->found_ns + FIND_LEAST_NS);
	arm(events); /* what happens from here on is told again */
}

/* What ctl_ask says of each try is told once, as an event. */
static void be_quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
}

static void follow(struct events *events)
{
	int64_t until_ns = clock_now() + (int64_t)(events->seconds * NSEC_PER_SEC);

	open_dm(events);
	arm(events);
	events->find = true;
	look_and_tell(events);
	be_quiet();
	while (events->seconds == FOR_EVER || clock_now() < until_ns) {
		wait_for_news(events);
		look_and_tell(events);
	}
}

int ctl_events(int argc, char **argv)
{
	struct events events = {.seconds = FOR_EVER};
	int status = option_table_parse(&events_table, &events, argc, argv, NULL);

	if (status >= 0)
		return status;
	follow(&events);
	status = events.lost ? CTL_NO_ANSWER : 0;
	json_decref(events.found);
	json_decref(events.kernels);
	json_decref(events.view);
	return status;
}
