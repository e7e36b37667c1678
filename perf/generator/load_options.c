/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylog-load. */
#include "perf/generator/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILLS_MAX 100000u
#define LOGS_MAX 100000u
#define DEPTH_MAX 1000000u
#define OPEN_LOOP_DEPTH 65536u /* a server that falls so far behind is not sent more */
#define SECONDS_MAX 1e6
#define SLOW_MSEC_MAX 2000u /* the daemon gives up a write after 10 s */
#define REGIONS_MAX (UINT64_C(1) << 40)

static const char usage_text[] =
	"Usage: dirtylog-load [OPTION]...\n"
	"Play the kernel's part to dirtylogd: send requests of many mirrors, check the answers,\n"
	"measure.\n"
	"\n"
	"Server:\n"
	"  --spawn[=COMMAND]      start it in a private network namespace (default command: the\n"
	"                         dirtylogd beside this program), end it afterwards. Without this\n"
	"                         option one must be running with --accept-from any\n"
	"  --unicast              send to its port instead of the group\n"
	"  --echo                 measure an echo server in turn with it, and tell the ratio\n"
	"  --echo-poll            the echo server never sleeps\n"
	"  --busy-poll            the generator never sleeps\n"
	"  --cpus G,S             the generator runs on CPU G, the servers on CPU S\n"
	"\n"
	"Logs:\n"
	"  --logs N               how many (default 1)\n"
	"  --regions R            of each (default 8192; K, M, G may follow)\n"
	"  --region-size SECTORS  (default 1024)\n"
	"  --type core|disk       (default core)\n"
	"  --loop-dir DIR         disk logs are loop devices on files there (default /var/tmp)\n"
	"  --slow-device MSEC     one disk log more, whose device answers after up to so long; it\n"
	"                         gets MARKs and FLUSHes, one at a time, beside the others' load\n"
	"  --device PATH          disk logs are on these, one each; may be repeated. Overwritten!\n"
	"\n"
	"Requests:\n"
	"  --workload NAME        kernel (default): what dm-mirror sends; resync: recovery alone;\n"
	"                         mark_flush: in turn; or one type: in_sync, is_clean, mark, "
	"clear,\n"
	"                         flush, get_resync_work, set_region_sync, get_sync_count,\n"
	"                         get_region_size, status_info, status_table,\n"
	"                         is_remote_recovering, ctr\n"
	"  --reads PERCENT        kernel: so many of the I/Os are reads (default 0)\n"
	"  --writers N            kernel: writes that a mirror has in hand, 1 to 32 (default 1)\n"
	"  --integrated-flush     marks travel in the FLUSH\n"
	"  --resync               kernel: all is out of sync at first and is recovered meanwhile\n"
	"  --pattern P            uniform (default), sequential or hot:N (N regions only)\n"
	"  --depth D              requests on their way (default: 1, or the number of logs where\n"
	"                         each log waits for its answer)\n"
	"  --burst N              N requests at once, then all answers, and again\n"
	"  --rate R               open loop: R requests a second, latencies from the time when "
	"each\n"
	"                         was due\n"
	"  --replay FILE          the requests of a recording\n"
	"  --speed X|max          of the replay (default 1)\n"
	"  --seed N\n"
	"\n"
	"Run:\n"
	"  --seconds S            (default 5, with --echo half of it for each server; of a\n"
	"                         recording all)\n"
	"  --warmup S             not measured (default 0.2; 0 with --count)\n"
	"  --idle S               leave the logs alone for so long at first, and tell the "
	"daemon's\n"
	"                         share of a core meanwhile (needs --spawn)\n"
	"  --count N              end after N requests\n"
	"  --kill N               kill the serving process N times at random moments, and then "
	"end;\n"
	"                         needs --spawn\n"
	"  --lost-after S         an answer that takes longer is lost (default 5)\n"
	"  --sweep depth=A,B,...  a run for each; or logs=A,B,...\n"
	"\n"
	"Output:\n"
	"  --json FILE            results too; -: to stdout, instead of the table\n"
	"  --plot FILE.png        latencies and throughput (needs gnuplot)\n"
	"  --quiet                no progress\n"
	"  --help\n"
	"  --version\n"
	"\n"
	"Exit status: 0; 1 if an answer was wrong, lost or came twice, or the daemon failed; 2 for "
	"a\n"
	"wrong command line.\n";

enum option_key {
	KEY_SPAWN = 256,
	KEY_UNICAST,
	KEY_ECHO,
	KEY_ECHO_POLL,
	KEY_BUSY_POLL,
	KEY_CPUS,
	KEY_LOGS,
	KEY_REGIONS,
	KEY_REGION_SIZE,
	KEY_TYPE,
	KEY_LOOP_DIR,
	KEY_SLOW_DEVICE,
	KEY_DEVICE,
	KEY_WORKLOAD,
	KEY_READS,
	KEY_WRITERS,
	KEY_INTEGRATED_FLUSH,
	KEY_RESYNC,
	KEY_PATTERN,
	KEY_DEPTH,
	KEY_BURST,
	KEY_RATE,
	KEY_REPLAY,
	KEY_SPEED,
	KEY_SEED,
	KEY_SECONDS,
	KEY_WARMUP,
	KEY_IDLE,
	KEY_COUNT,
	KEY_LOST_AFTER,
	KEY_KILL,
	KEY_SWEEP,
	KEY_JSON,
	KEY_PLOT,
	KEY_QUIET,
	KEY_HELP,
	KEY_VERSION,
};

static const struct option long_options[] = {
	{"spawn", optional_argument, NULL, KEY_SPAWN},
	{"unicast", no_argument, NULL, KEY_UNICAST},
	{"echo", no_argument, NULL, KEY_ECHO},
	{"echo-poll", no_argument, NULL, KEY_ECHO_POLL},
	{"busy-poll", no_argument, NULL, KEY_BUSY_POLL},
	{"cpus", required_argument, NULL, KEY_CPUS},
	{"logs", required_argument, NULL, KEY_LOGS},
	{"regions", required_argument, NULL, KEY_REGIONS},
	{"region-size", required_argument, NULL, KEY_REGION_SIZE},
	{"type", required_argument, NULL, KEY_TYPE},
	{"loop-dir", required_argument, NULL, KEY_LOOP_DIR},
	{"slow-device", required_argument, NULL, KEY_SLOW_DEVICE},
	{"device", required_argument, NULL, KEY_DEVICE},
	{"workload", required_argument, NULL, KEY_WORKLOAD},
	{"reads", required_argument, NULL, KEY_READS},
	{"writers", required_argument, NULL, KEY_WRITERS},
	{"integrated-flush", no_argument, NULL, KEY_INTEGRATED_FLUSH},
	{"resync", no_argument, NULL, KEY_RESYNC},
	{"pattern", required_argument, NULL, KEY_PATTERN},
	{"depth", required_argument, NULL, KEY_DEPTH},
	{"burst", required_argument, NULL, KEY_BURST},
	{"rate", required_argument, NULL, KEY_RATE},
	{"replay", required_argument, NULL, KEY_REPLAY},
	{"speed", required_argument, NULL, KEY_SPEED},
	{"seed", required_argument, NULL, KEY_SEED},
	{"seconds", required_argument, NULL, KEY_SECONDS},
	{"warmup", required_argument, NULL, KEY_WARMUP},
	{"idle", required_argument, NULL, KEY_IDLE},
	{"count", required_argument, NULL, KEY_COUNT},
	{"lost-after", required_argument, NULL, KEY_LOST_AFTER},
	{"kill", required_argument, NULL, KEY_KILL},
	{"sweep", required_argument, NULL, KEY_SWEEP},
	{"json", required_argument, NULL, KEY_JSON},
	{"plot", required_argument, NULL, KEY_PLOT},
	{"quiet", no_argument, NULL, KEY_QUIET},
	{"help", no_argument, NULL, KEY_HELP},
	{"version", no_argument, NULL, KEY_VERSION},
	{NULL, 0, NULL, 0},
};

static unsigned shift_of(char suffix)
{
	switch (suffix) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	}
	return 0;
}

/* Digits, and K, M or G. */
static bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long number;
	unsigned shift;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || end == text || text[0] == '-')
		return false;
	shift = shift_of(*end);
	if (shift)
		end++;
	*value = (uint64_t)number << shift;
	return *end == '\0' && *value >> shift == number && *value >= min && *value <= max;
}

static bool parse_unsigned(const char *text, unsigned min, unsigned max, unsigned *value)
{
	uint64_t number;

	if (!parse_u64(text, min, max, &number))
		return false;
	*value = (unsigned)number;
	return true;
}

static bool parse_double(const char *text, double min, double max, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *value >= min && *value <= max;
}

static bool parse_cpus(struct load_options *options, const char *text)
{
	int end = 0;

	return sscanf(text, "%d,%d%n", &options->generator_cpu, &options->server_cpu, &end) == 2 &&
	       text[end] == '\0' && options->generator_cpu >= -1 && options->server_cpu >= -1 &&
	       options->generator_cpu < 1024 && options->server_cpu < 1024;
}

static bool parse_pattern(struct mirror_script_config *script, const char *text)
{
	script->hot = 0;
	script->pattern = MIRROR_SCRIPT_UNIFORM;
	if (strcmp(text, "uniform") == 0)
		return true;
	if (strncmp(text, "hot:", 4) == 0)
		return parse_u64(text + 4, 1, REGIONS_MAX, &script->hot);
	script->pattern = MIRROR_SCRIPT_SEQUENTIAL;
	return strcmp(text, "sequential") == 0;
}

static bool parse_type(struct load_options *options, const char *text)
{
	options->disk = strcmp(text, "disk") == 0;
	return options->disk || strcmp(text, "core") == 0;
}

static bool parse_device(struct load_options *options, const char *text)
{
	if (options->ndevices == LOAD_OPTIONS_DEVICES_MAX)
		return false;
	options->devices[options->ndevices++] = text;
	options->disk = true;
	return true;
}

static bool parse_speed(struct load_options *options, const char *text)
{
	options->replay_speed = 0;
	return strcmp(text, "max") == 0 || parse_double(text, 1e-6, 1e6, &options->replay_speed);
}

static bool parse_points(struct load_options *options, const char *text, unsigned max)
{
	char copy[256];
	char *save, *item;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	for (item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		if (options->npoints == LOAD_OPTIONS_POINTS_MAX ||
		    !parse_unsigned(item, 1, max, &options->points[options->npoints++]))
			return false;
	}
	return options->npoints > 0;
}

static bool parse_sweep(struct load_options *options, const char *text)
{
	options->npoints = 0;
	if (strncmp(text, "depth=", 6) == 0) {
		options->sweep = LOAD_SWEEP_DEPTH;
		return parse_points(options, text + 6, DEPTH_MAX);
	}
	options->sweep = LOAD_SWEEP_LOGS;
	return strncmp(text, "logs=", 5) == 0 && parse_points(options, text + 5, LOGS_MAX);
}

static bool parse_region_size(struct load_options *options, const char *text)
{
	uint64_t size;

	if (!parse_u64(text, 8, UINT32_MAX / 2, &size) || (size & (size - 1)) != 0)
		return false;
	options->region_size = (uint32_t)size;
	return true;
}

static bool parse_workload(struct load_options *options, const char *text)
{
	options->script.workload = mirror_script_workload(text);
	return options->script.workload != NULL;
}

static bool parse_spawn(struct load_options *options, const char *text)
{
	options->spawn = true;
	options->spawn_command = text;
	return true;
}

static bool take_flag(struct load_options *options, int key)
{
	switch (key) {
	case KEY_UNICAST:
		options->unicast = true;
		return true;
	case KEY_ECHO:
		options->echo = true;
		return true;
	case KEY_ECHO_POLL:
		options->echo = options->echo_poll = true;
		return true;
	case KEY_BUSY_POLL:
		options->busy_poll = true;
		return true;
	case KEY_INTEGRATED_FLUSH:
		options->script.integrated_flush = true;
		return true;
	case KEY_RESYNC:
		options->script.resync = true;
		return true;
	case KEY_QUIET:
		options->quiet = true;
		return true;
	default:
		return false;
	}
}

static bool take_log_option(struct load_options *options, int key, const char *text)
{
	switch (key) {
	case KEY_LOGS:
		return parse_unsigned(text, 1, LOGS_MAX, &options->logs);
	case KEY_REGIONS:
		return parse_u64(text, 1, REGIONS_MAX, &options->regions);
	case KEY_REGION_SIZE:
		return parse_region_size(options, text);
	case KEY_TYPE:
		return parse_type(options, text);
	case KEY_LOOP_DIR:
		options->loop_dir = text;
		options->disk = true;
		return true;
	case KEY_SLOW_DEVICE:
		return parse_unsigned(text, 1, SLOW_MSEC_MAX, &options->slow_msec);
	case KEY_DEVICE:
		return parse_device(options, text);
	case KEY_SPAWN:
		return parse_spawn(options, text);
	case KEY_CPUS:
		return parse_cpus(options, text);
	case KEY_JSON:
		options->json = text;
		return true;
	case KEY_PLOT:
		options->plot = text;
		return true;
	default:
		return take_flag(options, key);
	}
}

static bool take_option(struct load_options *options, int key, const char *text)
{
	switch (key) {
	case KEY_WORKLOAD:
		return parse_workload(options, text);
	case KEY_READS:
		return parse_unsigned(text, 0, 100, &options->script.reads_percent);
	case KEY_WRITERS:
		return parse_unsigned(text, 1, MIRROR_SCRIPT_WRITERS_MAX, &options->script.writers);
	case KEY_PATTERN:
		return parse_pattern(&options->script, text);
	case KEY_DEPTH:
		return parse_unsigned(text, 1, DEPTH_MAX, &options->depth);
	case KEY_BURST:
		return parse_unsigned(text, 1, DEPTH_MAX, &options->burst);
	case KEY_RATE:
		return parse_double(text, 0.001, 1e9, &options->rate);
	case KEY_REPLAY:
		options->replay = text;
		return true;
	case KEY_SPEED:
		return parse_speed(options, text);
	case KEY_SEED:
		return parse_u64(text, 0, UINT64_MAX, &options->seed);
	case KEY_SECONDS:
		return parse_double(text, 0.01, SECONDS_MAX, &options->seconds);
	case KEY_WARMUP:
		return parse_double(text, 0, 1e6, &options->warmup);
	case KEY_IDLE:
		return parse_double(text, 0.01, 1e6, &options->idle);
	case KEY_COUNT:
		return parse_u64(text, 1, UINT64_MAX, &options->count);
	case KEY_LOST_AFTER:
		return parse_double(text, 0.01, 1e5, &options->lost_after);
	case KEY_KILL:
		return parse_unsigned(text, 1, KILLS_MAX, &options->kills);
	case KEY_SWEEP:
		return parse_sweep(options, text);
	default:
		return take_log_option(options, key, text);
	}
}

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
		.script = {.workload = mirror_script_workload("kernel"), .writers = 1},
		.logs = 1,
		.regions = 8192,
		.region_size = 1024,
		.seconds = -1,
		.warmup = -1,
		.lost_after = 5,
		.count = UINT64_MAX,
		.seed = 1,
		.generator_cpu = -1,
		.server_cpu = -1,
		.replay_speed = 1,
	};
}

static int fault(const char *text)
{
	fprintf(stderr, "dirtylog-load: %s\nTry dirtylog-load --help.\n", text);
	return 2;
}

static int take_argument(struct load_options *options, int key, int index)
{
	char text[320];

	if (key == KEY_HELP) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (key == KEY_VERSION) {
		puts("dirtylog-load " DIRTYLOG_VERSION);
		return 0;
	}
	if (key == '?')
		return fault("unknown option, or its value is missing");
	if (take_option(options, key, optarg))
		return -1;
	snprintf(text, sizeof(text), "--%s %.256s: no such value", long_options[index].name,
		 optarg ? optarg : "");
	return fault(text);
}

int load_options_parse(struct load_options *options, int argc, char **argv)
{
	const char *text;
	int key, index;

	set_defaults(options);
	while ((key = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		int status;

		/* --spawn COMMAND as well as --spawn=COMMAND */
		if (key == KEY_SPAWN && !optarg && optind < argc && argv[optind][0] != '-')
			optarg = argv[optind++];
		status = take_argument(options, key, index);
		if (status >= 0)
			return status;
	}
	if (optind < argc)
		return fault("arguments without an option");
	text = contradiction(options);
	if (text)
		return fault(text);
	if (!options->loop_dir)
		options->loop_dir = "/var/tmp";
	if (options->seconds < 0) /* a recording and kills have an end of their own */
		options->seconds = options->replay || options->kills ? SECONDS_MAX : 5;
	if (options->warmup < 0)
		options->warmup = options->count == UINT64_MAX ? 0.2 : 0;
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
