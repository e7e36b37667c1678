/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl check`: what is wrong with this host, each with what to do. A line for each thing that was looked at. */
#include "server/base/option_table.h"
#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/json_values.h"
#include "server/ctl/kernel_faults.h"
#include "server/ctl/lvm.h"
#include "server/ctl/mirrors.h"
#include "server/netlink/transport.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct check_options {
	bool json;
};

static const struct option_entry check_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct check_options, json)},
	{0},
};

static const struct option_table check_table = {
	.program = "dirtylogctl check",
	.doc = "Say what is wrong with this host's mirrors and their server, and what to do about "
	       "it. "
	       "Exit status 1 if anything is.",
	.entries = check_entries,
};

static unsigned faults;
static json_t *found; /* NULL: a line each */

static void tell_found(bool ok, const char *what)
{
	if (found)
		json_array_append_new(
			found, json_pack("{s:b, s:o}", "ok", ok, "what", json_of_text(what)));
	else
		printf("%s %s\n", ok ? "ok   " : "bad  ", what);
}

static void good(const char *what)
{
	tell_found(true, what);
}

static void __attribute__((format(printf, 1, 2))) bad(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;

	faults++;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	tell_found(false, text ? text : format);
	free(text);
}

/* --- the kernel --- */

static void check_module(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK) == 0)
		good(name);
	else
		bad("%s: the kernel's module is not loaded: modprobe %s", name, name);
}

static void check_kernel(void)
{
	struct kernel_version version;
	unsigned at = 0, fixed, before = faults;
	struct utsname names;
	const char *what;

	if (uname(&names) != 0 || !kernel_version_read(names.release, names.version, &version) ||
	    !kernel_faults_known(&version)) {
		good("kernel: of this one's branch no faults are known to this program");
		return;
	}
	while ((what = kernel_faults_next(&version, &at, &fixed)))
		bad("kernel %u.%u.%u: %s; install %u.%u.%u or later, and reboot", version.major,
		    version.minor, version.patch, what, version.major, version.minor, fixed);
	if (faults == before)
		good("kernel: no known fault");
}

static void check_listeners(void)
{
	unsigned listeners = transport_count_listeners();

	if (listeners <= 1)
		good("nobody else listens to the kernel's requests");
	else
		bad("%u sockets listen to the kernel's requests: while any of them lives, the "
		    "kernel does not notice that dirtylogd has gone. Stop the other (cmirrord?): "
		    "/proc/net/netlink has its port, which mostly is its process",
		    listeners);
}

/* --- the service --- */

/* The first line of what a command says; "" if it cannot be run. */
static void first_line(const char *command, char *line, int size)
{
	FILE *pipe = popen(command, "re");

	line[0] = '\0';
	if (!pipe)
		return;
	if (!fgets(line, size, pipe))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	while (fgetc(pipe) != EOF)
		;
	pclose(pipe);
}

static void check_active(const char *unit)
{
	char command[128], line[64];

	snprintf(command, sizeof(command), "systemctl is-active %s 2>/dev/null", unit);
	first_line(command, line, sizeof(line));
	if (strcmp(line, "active") == 0 || strcmp(line, "reloading") == 0)
		good(unit);
	else
		bad("%s is %s: systemctl start %s; journalctl -u %s says why it is not", unit, line,
		    unit, unit);
}

static void check_unit(const char *unit, const char *consequence)
{
	char command[128], line[64];

	snprintf(command, sizeof(command), "systemctl is-enabled %s 2>/dev/null", unit);
	first_line(command, line, sizeof(line));
	if (strncmp(line, "enabled", strlen("enabled")) == 0)
		check_active(unit);
	else if (strncmp(line, "masked", strlen("masked")) == 0)
		bad("%s is masked: %s; systemctl unmask %s, and then enable --now it", unit,
		    consequence, unit);
	else
		bad("%s is %s: %s; systemctl enable --now %s", unit,
		    line[0] ? line : "not installed", consequence, unit);
}

/* What needs mirrors at its own end has to end first. */
static void check_order(void)
{
	char line[4096];

	first_line("systemctl show -P Before dirtylogd.service 2>/dev/null", line, sizeof(line));
	if (strstr(line, "blk-availability.service") && strstr(line, "lvm2-monitor.service"))
		good("it starts before LVM, and ends after it");
	else
		bad("dirtylogd.service is not ordered before blk-availability.service and "
		    "lvm2-monitor.service, which wait for it at a shutdown: systemctl revert "
		    "dirtylogd.service takes local changes away");
}

static void check_service(void)
{
	if (access("/run/systemd/system", F_OK) != 0)
		return;
	check_unit("dirtylogd.service", "mirrors hang after the next boot");
	check_unit("dirtylogd-keep.service", "what LVM takes back is not adopted again");
	check_order();
}

/* --- the mirrors --- */

static void check_served(const struct ctl_mirror *mirror, const json_t *uuids)
{
	char uuid[DM_UUID_LEN];

	if (!uuids) {
		bad("%s: its log is dirtylogd's, which does not answer: its I/O waits",
		    ctl_mirror_text(mirror));
		return;
	}
	if (!swap_log_uuid(mirror, uuid)) {
		bad("%s: its table is not understood, and whether it is served is not known: "
		    "dmsetup table says what it is, if it is there still",
		    ctl_mirror_text(mirror));
		return;
	}
	if (json_object_get(uuids, uuid))
		return;
	bad("%s: dirtylogd does not serve its log %s, so its I/O hangs: journalctl -u dirtylogd "
	    "says "
	    "why; it may have been refused, or served by another program",
	    ctl_mirror_text(mirror), uuid);
}

static void check_adopted(const struct ctl_mirror *mirror)
{
	enum lvm_tagged tagged = LVM_NOT_TAGGED;
	char volume[LVM_NAME_MAX];

	if (lvm_volume_of(mirror->name, mirror->uuid, volume) && !lvm_is_hidden(volume))
		tagged = lvm_tagged(volume, LVM_TAG);
	if (tagged == LVM_UNKNOWN)
		bad("%s: LVM does not say whether it has the tag " LVM_TAG ": lvs -o lv_tags %s "
		    "says why",
		    volume, volume);
	else if (tagged == LVM_TAGGED)
		bad("%s has the tag " LVM_TAG " and is on the kernel's log: dirtylogctl adopt %s; "
		    "journalctl -u dirtylogd-keep says why it was not adopted",
		    volume, volume);
}

static void check_mirrors(const json_t *uuids)
{
	struct ctl_mirrors mirrors;
	unsigned before = faults;

	if (ctl_mirrors_find(&mirrors) < 0) {
		bad("device-mapper cannot be asked (/dev/mapper/control): modprobe dm-mod");
		return;
	}
	for (unsigned i = 0; i < mirrors.count; i++) {
		if (mirrors.all[i].ours > 0)
			check_served(&mirrors.all[i], uuids);
		else
			check_adopted(&mirrors.all[i]);
	}
	if (faults == before)
		good("every mirror of dirtylogd's is served, and every one with the tag adopted");
	free(mirrors.all);
}

static void check_daemon(void)
{
	char *logs = ctl_try("logs");
	json_t *uuids = logs ? answer_log_uuids(logs) : NULL;

	if (logs)
		good("dirtylogd answers");
	else
		bad("no dirtylogd answers (within 2 s, and to this user): systemctl status "
		    "dirtylogd");
	check_mirrors(uuids);
	json_decref(uuids);
	free(logs);
}

static void print_found(void)
{
	if (!found)
		return;
	json_dumpf(found, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(found);
}

int ctl_check(int argc, char **argv)
{
	struct check_options options = {0};
	int status = option_table_parse(&check_table, &options, argc, argv, NULL);

	if (status >= 0)
		return status;
	if (options.json)
		found = json_array();
	check_kernel();
	check_module("dm_mirror");
	check_module("dm_log_userspace");
	check_service();
	check_listeners();
	check_daemon();
	print_found();
	return faults > 0;
}
