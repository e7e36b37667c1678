/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylog-load. */
#include "perf/generator/load_options.h"

#include "server/base/option_table.h"

#include <stdio.h>
#include <string.h>

#define CPUS_MAX 1024
#define KILLS_MAX 100000u
#define KILL_PAUSE_MAX 60000u
#define LOGS_MAX 100000u
#define DEPTH_MAX 1000000u
#define OPEN_LOOP_DEPTH 65536u /* a server that falls so far behind is not sent more */
#define RATE_MIN 1e-3
#define RATE_MAX 1e9
#define SPEED_MAX 1e6
#define SECONDS_MIN 0.01
#define SECONDS_MAX 1e6
#define DEFAULT_SECONDS 5
#define DEFAULT_WARMUP 0.2
#define LOST_AFTER_MAX 1e5
#define SECONDS_TEXT OPTION_DIGITS(DEFAULT_SECONDS)
#define WARMUP_TEXT OPTION_DIGITS(DEFAULT_WARMUP)
#define DEFAULT_LOOP_DIR "/var/tmp"
#define SLOW_MSEC_MAX 2000u /* the daemon gives up a write after 10 s */
#define REGIONS_MAX (UINT64_C(1) << 40)
#define REGION_SECTORS_MIN 8
#define REGION_SECTORS_MAX (1u << 30)

static const char doc[] =
	"Play the kernel's part to dirtylogd: send the requests of many mirrors, check the "
	"answers, measure.\v"
	"Numbers may end in K, M or G (powers of 1024).\n\n"
	"Exit status: 0; 1 if an answer was wrong, lost or came twice, or if the daemon failed; 2 "
	"for a wrong command line.";

static bool set_spawn(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	options->spawn = true;
	options->spawn_command = text;
	return true;
}

static bool set_echo_poll(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	options->echo = options->echo_poll = true;
	return true;
}

static bool set_cpus(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;
	int end = 0;

	return sscanf(text, "%d,%d%n", &options->generator_cpu, &options->server_cpu, &end) == 2 &&
	       text[end] == '\0' && options->generator_cpu >= -1 && options->server_cpu >= -1 &&
	       options->generator_cpu < CPUS_MAX && options->server_cpu < CPUS_MAX;
}

static bool set_region_size(const struct option_entry *entry, const char *text, void *field)
{
	uint64_t size;

	if (!option_parse_number(text, entry->min, entry->max, &size) || (size & (size - 1)) != 0)
		return false;
	*(uint32_t *)field = (uint32_t)size;
	return true;
}

static bool set_loop_dir(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	options->loop_dir = text;
	options->disk = true;
	return true;
}

static bool set_device(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	if (options->ndevices == LOAD_OPTIONS_DEVICES_MAX)
		return false;
	options->devices[options->ndevices++] = text;
	options->disk = true;
	return true;
}

static bool set_workload(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	options->script.workload = mirror_script_workload(text);
	return options->script.workload != NULL;
}

static bool set_pattern(const struct option_entry *entry, const char *text, void *field)
{
	struct mirror_script_config *script = &((struct load_options *)field)->script;

	script->hot = 0;
	script->pattern = MIRROR_SCRIPT_UNIFORM;
	if (strcmp(text, "uniform") == 0)
		return true;
	if (strncmp(text, "hot:", 4) == 0)
		return option_parse_number(text + 4, 1, REGIONS_MAX, &script->hot);
	script->pattern = MIRROR_SCRIPT_SEQUENTIAL;
	return strcmp(text, "sequential") == 0;
}

static bool set_speed(const struct option_entry *entry, const char *text, void *field)
{
	double *speed = field;

	*speed = 0;
	return strcmp(text, "max") == 0 || option_parse_real(text, 1 / SPEED_MAX, SPEED_MAX, speed);
}

static bool parse_points(struct load_options *options, const char *text, unsigned max)
{
	char copy[256];
	char *save, *item;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	for (item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		uint64_t point;

		if (options->npoints == LOAD_OPTIONS_POINTS_MAX ||
		    !option_parse_number(item, 1, max, &point))
			return false;
		options->points[options->npoints++] = (unsigned)point;
	}
	return options->npoints > 0;
}

static bool set_sweep(const struct option_entry *entry, const char *text, void *field)
{
	struct load_options *options = field;

	options->npoints = 0;
	if (strncmp(text, "depth=", 6) == 0) {
		options->sweep = LOAD_SWEEP_DEPTH;
		return parse_points(options, text + 6, DEPTH_MAX);
	}
	options->sweep = LOAD_SWEEP_LOGS;
	return strncmp(text, "logs=", 5) == 0 && parse_points(options, text + 5, LOGS_MAX);
}

static const struct option_entry entries[] = {
	{.help = "Server:"},
	{"spawn", 0, "COMMAND",
	 "start dirtylogd in a network namespace of its own, and end it afterwards (default "
	 "command: "
	 "the dirtylogd beside this program). Without this option one must be running with "
	 "--accept-from any",
	 .set = set_spawn, .optional = true},
	{"unicast", 0, NULL, "send to the server's port instead of the group",
	 OPTION_FLAG(struct load_options, unicast)},
	{"echo", 0, NULL, "measure an echo server in turn with dirtylogd, and show the ratio",
	 OPTION_FLAG(struct load_options, echo)},
	{"echo-poll", 0, NULL, "the same, with an echo server that never sleeps",
	 .set = set_echo_poll},
	{"busy-poll", 0, NULL, "the generator never sleeps",
	 OPTION_FLAG(struct load_options, busy_poll)},
	{"cpus", 0, "G,S", "run the generator on processor G and the servers on S; -1: any",
	 .set = set_cpus, .wanted = "two processors, of which -1 is any"},

	{.help = "Logs:"},
	{"logs", 0, "N", "number of logs", OPTION_UNSIGNED(struct load_options, logs, 1, LOGS_MAX),
	 .wanted = "a number", .preset = "1"},
	{"regions", 0, "R", "number of regions of each log",
	 OPTION_U64(struct load_options, regions, 1, REGIONS_MAX), .wanted = "a number",
	 .preset = "8192"},
	{"region-size", 0, "SECTORS", "size of a region", .set = set_region_size,
	 .field = OPTION_FIELD(struct load_options, region_size, uint32_t),
	 .min = REGION_SECTORS_MIN, .max = REGION_SECTORS_MAX, .wanted = "a power of two",
	 .preset = "1024"},
	{"type", 0, "core|disk", "keep logs in memory alone, or on a log device",
	 OPTION_BOOL(struct load_options, disk, "disk"), .preset = "core"},
	{"loop-dir", 0, "DIR",
	 "keep disk logs on loop devices, whose files are there (default " DEFAULT_LOOP_DIR ")",
	 .set = set_loop_dir},
	{"device", 0, "PATH",
	 "keep a disk log on this device, which is overwritten; to be given once for each log",
	 .set = set_device, .wanted = "fewer devices"},
	{"slow-device", 0, "MSEC",
	 "add a disk log whose device takes up to this long to answer; it gets MARKs and FLUSHes, "
	 "one at a time, beside the load of the others",
	 OPTION_UNSIGNED(struct load_options, slow_msec, 1, SLOW_MSEC_MAX),
	 .wanted = "milliseconds"},

	{.help = "Requests:"},
	{"workload", 0, "NAME",
	 "kernel: what dm-mirror sends; resync: recovery alone; mark_flush: MARK and FLUSH in "
	 "turn; ctr: "
	 "logs "
	 "come and go; or one type: in_sync, is_clean, mark, clear, flush, get_resync_work, "
	 "set_region_sync, get_sync_count, get_region_size, status_info, status_table, "
	 "is_remote_recovering",
	 .set = set_workload, .wanted = "one of the workloads that --help names",
	 .preset = "kernel"},
	{"reads", 0, "PERCENT", "kernel: share of the I/Os that are reads",
	 OPTION_UNSIGNED(struct load_options, script.reads_percent, 0, 100),
	 .wanted = "a percentage", .preset = "0"},
	{"writers", 0, "N", "kernel: number of writes that a mirror has in flight",
	 OPTION_UNSIGNED(struct load_options, script.writers, 1, MIRROR_SCRIPT_WRITERS_MAX),
	 .wanted = "a number", .preset = "1"},
	{"integrated-flush", 0, NULL, "marks travel in the FLUSH",
	 OPTION_FLAG(struct load_options, script.integrated_flush)},
	{"resync", 0, NULL,
	 "kernel: everything is out of sync at first, and is recovered meanwhile",
	 OPTION_FLAG(struct load_options, script.resync)},
	{"pattern", 0, "uniform|sequential|hot:N", "which regions are used; hot: N of them only",
	 .set = set_pattern, .preset = "uniform"},
	{"depth", 0, "D",
	 "number of requests in flight (default: 1, or the number of logs where each log waits for "
	 "its answer)",
	 OPTION_UNSIGNED(struct load_options, depth, 1, DEPTH_MAX), .wanted = "a number"},
	{"burst", 0, "N", "send N requests at once, read all answers, and so on",
	 OPTION_UNSIGNED(struct load_options, burst, 1, DEPTH_MAX), .wanted = "a number"},
	{"rate", 0, "R",
	 "open loop: R requests a second, with latencies counted from when each was due",
	 OPTION_REAL(struct load_options, rate, RATE_MIN, RATE_MAX), .wanted = "requests a second"},
	{"replay", 0, "FILE", "send the requests of a recording",
	 OPTION_TEXT(struct load_options, replay)},
	{"speed", 0, "X|max", "play a recording X times as fast, or as fast as answers come",
	 .set = set_speed, .field = OPTION_FIELD(struct load_options, replay_speed, double),
	 .wanted = "a factor, or max", .preset = "1"},
	{"seed", 0, "N", "each seed gives a sequence of regions of its own",
	 OPTION_U64(struct load_options, seed, 0, OPTION_UNLIMITED), .wanted = "a number",
	 .preset = "1"},

	{.help = "Run:"},
	{"seconds", 0, "S",
	 "measure this long (default " SECONDS_TEXT "; with --echo half of it for each server; a "
	 "recording is played to its end)",
	 OPTION_REAL(struct load_options, seconds, SECONDS_MIN, SECONDS_MAX), .wanted = "seconds"},
	{"warmup", 0, "S",
	 "run this long before, unmeasured (default " WARMUP_TEXT "; 0 with --count)",
	 OPTION_REAL(struct load_options, warmup, 0, SECONDS_MAX), .wanted = "seconds"},
	{"idle", 0, "S",
	 "leave the logs alone this long before the warm-up, and show the daemon's share of a core "
	 "meanwhile; needs --spawn",
	 OPTION_REAL(struct load_options, idle, SECONDS_MIN, SECONDS_MAX), .wanted = "seconds"},
	{"count", 0, "N", "end after N requests",
	 OPTION_U64(struct load_options, count, 1, OPTION_UNLIMITED), .wanted = "a number"},
	{"kill", 0, "N",
	 "kill the serving process N times at random moments, and then end; needs --spawn",
	 OPTION_UNSIGNED(struct load_options, kills, 1, KILLS_MAX), .wanted = "a number"},
	{"kill-pause", 0, "MSEC",
	 "kill this long after the kill before, or up to 100 ms later; a server stands by only "
	 "after a while",
	 OPTION_UNSIGNED(struct load_options, kill_pause_msec, 0, KILL_PAUSE_MAX),
	 .wanted = "milliseconds", .preset = "20"},
	{"lost-after", 0, "S", "count an answer as lost if it takes longer",
	 OPTION_REAL(struct load_options, lost_after, SECONDS_MIN, LOST_AFTER_MAX),
	 .wanted = "seconds", .preset = "5"},
	{"sweep", 0, "depth=A,...|logs=A,...",
	 "a run for each of these depths, or of these numbers of logs", .set = set_sweep},

	{.help = "Output:"},
	{"json", 0, "FILE", "write the results there too; -: to stdout, instead of the table",
	 OPTION_TEXT(struct load_options, json)},
	{"plot", 0, "FILE.png", "plot latencies and throughput; needs gnuplot",
	 OPTION_TEXT(struct load_options, plot)},
	{"quiet", 0, NULL, "show no progress", OPTION_FLAG(struct load_options, quiet)},
	{0},
};

static const struct option_table table = {
	.program = "dirtylog-load", .doc = doc, .entries = entries};

/* What each option by itself does not show. NULL: nothing. */
static const char *contradiction(const struct load_options *options)
{
	if (options->regions > (UINT64_C(1) << 62) / options->region_size)
		return "--regions times --region-size is more than a mirror can have";
	if (options->burst && options->rate > 0)
		return "--burst and --rate exclude each other";
	if (options->burst && options->sweep == LOAD_SWEEP_DEPTH)
		return "--burst and --sweep depth exclude each other";
	if (options->ndevices && options->loop_dir)
		return "--device and --loop-dir exclude each other";
	if (options->ndevices && options->ndevices < options->logs)
		return "each log needs a --device of its own";
	if (options->ndevices && options->sweep == LOAD_SWEEP_LOGS)
		return "--sweep logs needs loop devices (--loop-dir) or core logs";
	if (options->replay && (options->rate > 0 || options->burst || options->sweep))
		return "--replay excludes --rate, --burst and --sweep";
	if (options->replay && options->echo)
		return "--replay excludes --echo";
	if (options->kills && (!options->spawn || options->echo || options->replay))
		return "--kill needs --spawn, and excludes --echo and --replay";
	if (options->slow_msec && (options->echo || options->replay || options->burst))
		return "--slow-device excludes --echo, --replay and --burst";
	if (options->slow_msec / 1000.0 > options->lost_after / 2)
		return "--lost-after is too short for this --slow-device";
	if (options->idle > 0 && !options->spawn)
		return "--idle needs --spawn: the time of another's process is not ours to tell";
	if (options->idle > 0 && options->replay)
		return "--replay excludes --idle";
	if (!options->spawn && options->server_cpu >= 0)
		return "--cpus G,S pins the server that --spawn starts; without --spawn give G,-1";
	return NULL;
}

static void set_defaults(struct load_options *options)
{
	*options = (struct load_options){
		.seconds = -1,
		.warmup = -1,
		.count = UINT64_MAX,
		.generator_cpu = -1,
		.server_cpu = -1,
	};
}

/* Defaults that other options decide. */
static void set_late_defaults(struct load_options *options)
{
	if (!options->loop_dir)
		options->loop_dir = DEFAULT_LOOP_DIR;
	if (options->seconds < 0) /* a recording and kills have an end of their own */
		options->seconds =
			options->replay || options->kills ? SECONDS_MAX : DEFAULT_SECONDS;
	if (options->warmup < 0)
		options->warmup = options->count == UINT64_MAX ? DEFAULT_WARMUP : 0;
}

int load_options_parse(struct load_options *options, int argc, char **argv)
{
	const char *text;
	int status;

	set_defaults(options);
	status = option_table_parse(&table, options, argc, argv, NULL);
	if (status >= 0)
		return status;
	text = contradiction(options);
	if (text)
		return option_table_fault(&table, "%s", text);
	set_late_defaults(options);
	return -1;
}

unsigned load_options_depth(const struct load_options *options)
{
	if (options->burst)
		return options->burst;
	if (options->depth)
		return options->depth;
	if (options->rate > 0 || options->replay)
		return OPEN_LOOP_DEPTH;
	return options->script.workload->chain ? options->logs : 1;
}
