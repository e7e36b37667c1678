/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylogd. */
#include "server/options.h"

#include "server/base/option_table.h"
#include "server/config.h"
#include "server/restart/estate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_FILE "/etc/dirtylogd/dirtylogd.conf"
#define DEFAULT_WORKERS_MAX 4
#define WORKERS_TEXT OPTION_DIGITS(DEFAULT_WORKERS_MAX)
#define MARK_AHEAD_MAX 64
#define SECONDS_MAX 86400
#define RCVBUF_MIN (64 << 10)
#define RCVBUF_MAX (1 << 30)
#define BUSY_POLL_USEC_MAX 1000000

static const char doc[] =
	"Serve device-mapper's userspace dirty log (mirror log type \"userspace\").\v"
	"Numbers may end in K, M or G (powers of 1024).\n\n"
	"SIGTERM: answers every request it has received, writes the pending clears and exits. "
	"SIGHUP: goes on as the program that is installed now; the kernel does not notice.\n\n"
	"dirtylogctl shows what it is doing; the README explains how to set up a mirror.";

static bool set_level(const struct option_entry *entry, const char *text, void *field)
{
	struct options *options = field;

	return diag_parse_level(text, &options->log_level);
}

static bool set_cpus(const struct option_entry *entry, const char *text, void *field)
{
	struct options *options = field;
	struct placement placement = {0};

	if (!placement_parse(&placement, text))
		return false;
	options->placement = placement;
	return true;
}

static bool set_metrics_listen(const struct option_entry *entry, const char *text, void *field)
{
	struct options *options = field;

	return metrics_address_parse(text, &options->metrics_listen);
}

static const struct option_entry entries[] = {
	{.help = "Process:"},
	{"foreground", 'f', NULL, "stay in the foreground and log to stderr",
	 OPTION_FLAG(struct options, foreground), .line_only = true},
	{"config", 'C', "FILE",
	 "options are read from here; those of the command line go before. A line that is wrong is "
	 "told, and passed over",
	 OPTION_TEXT(struct options, config), .preset = CONFIG_FILE, .line_only = true},
	{"check", .help = "say what is wrong with the file of options, and do nothing else: 0 or 1",
	 OPTION_FLAG(struct options, check), .line_only = true},
	{"print-config", .help = "print a file of options with all of them, commented out",
	 OPTION_FLAG(struct options, print_config), .line_only = true},
	{"supervise", 's', "yes|no",
	 "serve in a child process, and start it again if it dies; no: a single process, for a "
	 "debugger",
	 OPTION_BOOL(struct options, supervise, "yes"), .preset = "yes"},
	{"take-over",
	 .help = "if another dirtylogd serves, as one that an initramfs has started, have it hand "
		 "over and end; it must have a supervisor",
	 OPTION_FLAG(struct options, take_over), .line_only = true},
	{"metrics-listen", .argument = "ADDRESS:PORT",
	 .help = "tell metrics over HTTP, /metrics, to whoever asks on this host (default: to "
		 "nobody)",
	 .set = set_metrics_listen,
	 .wanted = "an address of this host alone and a port, as 127.0.0.1:9733 or [::1]:9733"},
	{"log-level", 'l', "error|warning|info|debug", "log messages of this severity and above",
	 .set = set_level, .preset = "info"},

	{.help = "Threads:"},
	{"workers", 'w', "N",
	 "threads for requests that wait for storage (default: one for each processor, at "
	 "most " WORKERS_TEXT ")",
	 OPTION_UNSIGNED(struct options, workers, 1, ESTATE_WORKERS_MAX), .wanted = "a number"},
	{"cpus", 'u', "LIST",
	 "run only on these processors, such as 0-3,8, with each worker bound to one of them "
	 "(default: the scheduler decides)",
	 .set = set_cpus, .wanted = "processors that may be used, as 0-3,8"},

	{.help = "Receiving requests:"},
	{"rcvbuf", 'r', "BYTES", "netlink receive buffer",
	 OPTION_INT(struct options, rcvbuf, RCVBUF_MIN, RCVBUF_MAX), .wanted = "bytes",
	 .preset = "64M"},
	{"busy-poll", 'p', "USEC", "poll this long after a request before going to sleep",
	 OPTION_USEC(struct options, busy_poll_ns, 0, BUSY_POLL_USEC_MAX), .wanted = "microseconds",
	 .preset = "0"},
	{"follow", 'F', "yes|no",
	 "bind the receiver to the processor that single requests come from; not done with "
	 "--busy-poll, or where bpf is unavailable",
	 OPTION_BOOL(struct options, follow, "yes"), .preset = "yes"},
	{"accept-from", 'a', "kernel|any", "whose requests to serve; any: for load tests only",
	 OPTION_BOOL(struct options, accept_any, "any"), .preset = "kernel"},
	{"clustered-as-single-host",
	 .help = "serve the types clustered-disk and clustered-core; only "
		 "where no other host has the mirror active",
	 OPTION_FLAG(struct options, clustered_as_single_host)},
	{"record", 'o', "FILE",
	 "record the requests for dirtylog-load --replay; FILE must not exist yet",
	 OPTION_TEXT(struct options, record)},

	{.help = "Log devices:"},
	{"clear-delay", 'c', "SECONDS",
	 "how long a cleared region stays dirty on the log device; 0: as with the kernel's disk "
	 "log; 0.5 is allowed",
	 OPTION_SECONDS(struct options, clear_delay_ns, 0, SECONDS_MAX), .wanted = "seconds",
	 .preset = "5"},
	{"max-lazy", 'm', "REGIONS",
	 "how many cleared regions of a log may stay dirty there at a time",
	 OPTION_U64(struct options, max_lazy, 0, OPTION_UNLIMITED), .wanted = "a number of regions",
	 .preset = "4096"},
	{"mark-ahead", 0, "REGIONS",
	 "how many regions are marked ahead of a stream of writes at most, with the write of the "
	 "log "
	 "that its mark takes; 0: none",
	 OPTION_UNSIGNED(struct options, mark_ahead, 0, MARK_AHEAD_MAX),
	 .wanted = "a number of regions", .preset = OPTION_DIGITS(MARK_AHEAD_MAX)},
	{"resync-rate", 0, "BYTES",
	 "how much of a mirror is resynced in a second at most; 0: no limit",
	 OPTION_U64(struct options, resync_rate, 0, OPTION_UNLIMITED), .wanted = "bytes",
	 .preset = "0"},
	{"io-retry", 'R', "SECONDS",
	 "how long a failed write to a log device is retried before the mirror is told",
	 OPTION_SECONDS(struct options, log.retry_limit_ns, 0, SECONDS_MAX), .wanted = "seconds",
	 .preset = "10"},
	{"probe", 0, "SECONDS",
	 "after how long without a write the log device of a mirror that is written gets one, so "
	 "that "
	 "its death is seen although all marks are lazy; 0: never",
	 OPTION_SECONDS(struct options, log.probe_ns, 0, SECONDS_MAX), .wanted = "seconds",
	 .preset = "10"},
	{"io-engine", 'e', "auto|uring|sync", "how to write log devices",
	 OPTION_CHOICE(struct options, io_engine), .preset = "auto"},

	/* How long a thread may take for one turn (watchdog.h). */
	{"watchdog", .argument = "SECONDS",
	 OPTION_SECONDS(struct options, watchdog_ns, 0.1, SECONDS_MAX), .wanted = "seconds",
	 .preset = "10", .hidden = true},
	/* What a child process is asked to do, see mirrors.h. */
	{"query-device", .argument = "DEVICE", OPTION_TEXT(struct options, query_device),
	 .hidden = true},
	{"wake-devices", .argument = "LIST", OPTION_TEXT(struct options, wake_devices),
	 .hidden = true},
	{"cycle-device", .argument = "DEVICE", OPTION_TEXT(struct options, cycle_device),
	 .hidden = true},
	{0},
};

static unsigned default_workers(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > DEFAULT_WORKERS_MAX ? DEFAULT_WORKERS_MAX : (unsigned)cores;
}

static const struct option_table table = {.program = "dirtylogd", .doc = doc, .entries = entries};

bool options_set(struct options *options, const char *name, const char *value, FILE *wanted)
{
	return option_table_set(&table, options, name, value, wanted);
}

void options_print_config(FILE *out)
{
	fputs("# Options of dirtylogd, see dirtylogd(8). Taken by: systemctl reload dirtylogd\n",
	      out);
	option_table_print_file(&table, out);
}

static void read_config(struct options *options, const char *path)
{
	size_t size;
	FILE *faults = open_memstream(&options->config_faults, &size);
	int r;

	if (!faults)
		abort();
	r = config_read(path, &table, options, faults);
	/* The one that nobody has named need not be there. */
	if (r < 0 && (r != -ENOENT || strcmp(path, CONFIG_FILE) != 0))
		fprintf(faults, "%s: %s\n", path, strerror(-r));
	fclose(faults);
	if (size > 0)
		return;
	free(options->config_faults);
	options->config_faults = NULL;
}

/* The command line is read twice: it names the file, and goes before it. */
int options_parse(struct options *options, int argc, char **argv)
{
	struct option_table again = table;
	const char *path;
	int r;

	memset(options, 0, sizeof(*options));
	options->workers = default_workers();
	r = option_table_parse(&table, options, argc, argv, NULL);
	if (r >= 0)
		return r;
	path = options->config;
	memset(options, 0, sizeof(*options));
	options->workers = default_workers();
	option_table_preset(&table, options);
	read_config(options, path);
	again.keep = true;
	return option_table_parse(&again, options, argc, argv, NULL);
}
