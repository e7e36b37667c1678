/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl: one program, many commands. */
#include "server/base/option_table.h"
#include "server/base/output.h"
#include "server/base/standard_fds.h"
#include "server/ctl/command.h"

#include <string.h>

/* In the order of commands[]. */
static ctl_command *const functions[] = {
	NULL,	      ctl_status,  ctl_show,  ctl_watch,   ctl_events, ctl_stats,
	ctl_logs,     ctl_metrics, ctl_check, NULL,	   ctl_set,    ctl_reload,
	ctl_stay,     NULL,	   ctl_adopt, ctl_release, ctl_keep,   ctl_pause,
	ctl_continue, ctl_resync,  NULL,      ctl_image,
};

static const struct option_entry commands[] = {
	{.help = "What dirtylogd does:"},
	{"status", .help = "a line for each mirror, or those named: legs, log, resync, what waits"},
	{"show", .help = "a picture of a mirror's regions"},
	{"watch", .help = "the mirrors once a second: the hot, the slow, the resyncing"},
	{"events", .help = "what happens to the mirrors, a line each, as it happens"},
	{"stats",
	 .help = "counters since the start: requests of each type, writes, flushes, errors"},
	{"logs", .help = "a line for each log: UUID LUID TYPE DEVICE REGION_SIZE REGIONS IN_SYNC "
			 "DIRTY LAZY STATE"},
	{"metrics", .help = "all counters and how the logs are, in the OpenMetrics format"},
	{"check", .help = "what is wrong with this host, and what to do"},
	{.help = "What it shall do otherwise:"},
	{"set", .help = "change an option while it runs: clear-delay, max-lazy, mark-ahead, ..."},
	{"reload", .help = "go on as the program and with the options that are installed now; the "
			   "mirrors notice nothing"},
	{"stay", .help = "serve on without a supervisor, for one that is about to be started"},
	{.help = "Mirrors that run:"},
	{"adopt", .help = "give mirrors on the kernel's core or disk log dirtylogd's"},
	{"release", .help = "give mirrors on dirtylogd the kernel's log back"},
	{"keep", .help = "adopt what has the tag again and again (dirtylogd-keep.service)"},
	{"pause", .help = "hold back the resync of mirrors (continue lets it go on)"},
	{"continue", .help = "let a resync go on that was paused"},
	{"resync", .help = "copy all regions of mirrors again"},
	{.help = "What is on log devices, without dirtylogd:"},
	{"image", .help = "show, check, diff or convert a log image; dirtylogctl image --help"},
	{0},
};

static ctl_command *find_command(const char *text)
{
	for (unsigned i = 0; commands[i].help; i++)
		if (commands[i].name && strcmp(commands[i].name, text) == 0)
			return functions[i];
	return NULL;
}

/* Returns the exit status. */
static int run_command(int argc, char **argv)
{
	static const struct option_table table = {
		.program = "dirtylogctl",
		.arguments = "COMMAND [ARGUMENT...]",
		.doc = "Ask the running dirtylogd, and see to its mirrors.",
		.entries = commands,
		.in_order = true,
	};
	ctl_command *command;
	int next, status;

	status = option_table_parse(&table, NULL, argc, argv, &next);
	if (status >= 0)
		return status;
	if (next == argc)
		return option_table_fault(&table, "a command is expected");
	command = find_command(argv[next]);
	if (!command)
		return option_table_fault(&table, "%s: no such command", argv[next]);
	return command(argc - next, argv + next);
}

int main(int argc, char **argv)
{
	standard_fds_open();
	return output_end("dirtylogctl", run_command(argc, argv));
}
