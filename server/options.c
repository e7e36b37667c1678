/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylogd. */
#include "server/options.h"

#include "server/base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX ((long long)ESTATE_WORKERS_MAX)
#define DEFAULT_WORKERS_MAX 4
#define DEFAULT_RCVBUF (64 << 20)
#define DEFAULT_CLEAR_DELAY_NS (5 * NSEC_PER_SEC)
#define DEFAULT_MAX_LAZY 4096
#define DEFAULT_RETRY_NS (10 * NSEC_PER_SEC)

static const char usage_text[] =
	"Usage: dirtylogd [OPTION]...\n"
	"Serve device-mapper's userspace dirty log (mirror log type \"userspace\").\n"
	"\n"
	"  -f, --foreground            stay in the foreground, log to stderr\n"
	"  -w, --workers N             threads for what waits for storage (default: the cores, at\n"
	"                              most 4)\n"
	"  -l, --log-level LEVEL       error, warning, info (default) or debug\n"
	"  -c, --clear-delay SECONDS   how long a cleared region stays dirty on the log device\n"
	"                              (default 5; 0: as the kernel's disk log; 0.5 is allowed)\n"
	"  -m, --max-lazy REGIONS      how many of them a log may have (default 4096)\n"
	"  -R, --io-retry SECONDS      how long a failed write to a log device is tried again\n"
	"                              before the mirror hears of it (default 10)\n"
	"  -r, --rcvbuf BYTES          netlink receive buffer (default 67108864)\n"
	"  -p, --busy-poll USEC        poll for so long after a request before sleeping (default "
	"0)\n"
	"  -F, --follow yes|no         bind the receiver to the processor that single requests "
	"come\n"
	"                              from (default yes; no with --busy-poll)\n"
	"  -u, --cpus LIST             run there only, each worker on one of them (0-3,8; default: "
	"the\n"
	"                              scheduler decides)\n"
	"  -e, --io-engine ENGINE      auto (default), uring or sync\n"
	"  -a, --accept-from WHO       kernel (default), or any: for load tests only\n"
	"  -o, --record FILE           record the requests for dirtylog-load --replay; FILE is "
	"made\n"
	"  -s, --supervise yes|no      start the server again when it dies (default yes); no: one\n"
	"                              process, for a debugger\n"
	"  -h, --help\n"
	"  -V, --version\n"
	"\n"
	"SIGTERM: answers everything in hand, writes pending clears, ends. SIGHUP: goes on with "
	"the\n"
	"program that is installed now; the kernel does not notice.\n"
	"See dirtylogctl for what it does, and the README for how to give it a mirror.\n";

static const struct option long_options[] = {
	{"foreground", no_argument, NULL, 'f'},
	{"workers", required_argument, NULL, 'w'},
	{"log-level", required_argument, NULL, 'l'},
	{"clear-delay", required_argument, NULL, 'c'},
	{"max-lazy", required_argument, NULL, 'm'},
	{"io-retry", required_argument, NULL, 'R'},
	{"rcvbuf", required_argument, NULL, 'r'},
	{"follow", required_argument, NULL, 'F'},
	{"cpus", required_argument, NULL, 'u'},
	{"busy-poll", required_argument, NULL, 'p'},
	{"io-engine", required_argument, NULL, 'e'},
	{"accept-from", required_argument, NULL, 'a'},
	{"record", required_argument, NULL, 'o'},
	{"supervise", required_argument, NULL, 's'},
	{"query-device", required_argument, NULL, 'Q'},
	{"cycle-device", required_argument, NULL, 'C'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static bool parse_number(const char *text, long long min, long long max, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= min && *value <= max;
}

static bool parse_seconds(const char *text, int64_t *ns)
{
	char *end;
	double seconds;

	errno = 0;
	seconds = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(seconds >= 0 && seconds <= 86400))
		return false;
	*ns = (int64_t)(seconds * (double)NSEC_PER_SEC);
	return true;
}

static bool parse_engine(const char *text, enum flush_engine_kind *kind)
{
	if (strcmp(text, "auto") == 0)
		*kind = FLUSH_ENGINE_AUTO;
	else if (strcmp(text, "uring") == 0)
		*kind = FLUSH_ENGINE_URING;
	else if (strcmp(text, "sync") == 0)
		*kind = FLUSH_ENGINE_SYNC;
	else
		return false;
	return true;
}

static bool parse_accept(const char *text, bool *any)
{
	*any = strcmp(text, "any") == 0;
	return *any || strcmp(text, "kernel") == 0;
}

static bool parse_yes(const char *text, bool *yes)
{
	*yes = strcmp(text, "yes") == 0;
	return *yes || strcmp(text, "no") == 0;
}

/* Returns what the value should have been, or NULL if it is good. */
static const char *set_option(struct options *options, int option, const char *value)
{
	long long number = 0;

	switch (option) {
	case 'f':
		options->foreground = true;
		return NULL;
	case 'w':
		if (!parse_number(value, 1, WORKERS_MAX, &number))
			return "a number from 1 to 64";
		options->workers = (unsigned)number;
		return NULL;
	case 'l':
		return diag_parse_level(value, &options->log_level)
			       ? NULL
			       : "error, warning, info or debug";
	case 'c':
		return parse_seconds(value, &options->log.clear_delay_ns)
			       ? NULL
			       : "seconds from 0 to 86400";
	case 'm':
		if (!parse_number(value, 0, INT64_MAX, &number))
			return "a number of regions";
		options->log.max_lazy = (uint64_t)number;
		return NULL;
	case 'R':
		return parse_seconds(value, &options->log.retry_limit_ns)
			       ? NULL
			       : "seconds from 0 to 86400";
	case 'r':
		if (!parse_number(value, 65536, 1 << 30, &number))
			return "bytes from 65536 to 1073741824";
		options->rcvbuf = (int)number;
		return NULL;
	case 'p':
		if (!parse_number(value, 0, 1000000, &number))
			return "microseconds from 0 to 1000000";
		options->busy_poll_ns = number * NSEC_PER_USEC;
		return NULL;
	case 'F':
		return parse_yes(value, &options->follow) ? NULL : "yes or no";
	case 'u':
		return placement_parse(&options->placement, value)
			       ? NULL
			       : "processors that may be used, as 0-3,8";
	case 'e':
		return parse_engine(value, &options->io_engine) ? NULL : "auto, uring or sync";
	case 'a':
		return parse_accept(value, &options->accept_any) ? NULL : "kernel or any";
	case 's':
		return parse_yes(value, &options->supervise) ? NULL : "yes or no";
	case 'o':
		options->record = value;
		return NULL;
	case 'Q':
		options->query_device = value;
		return NULL;
	case 'C':
		options->cycle_device = value;
		return NULL;
	}
	return "a known option";
}

static void set_defaults(struct options *options)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	memset(options, 0, sizeof(*options));
	options->workers = cores < 1			 ? 1
			   : cores > DEFAULT_WORKERS_MAX ? DEFAULT_WORKERS_MAX
							 : (unsigned)cores;
	options->log_level = DIAG_INFO;
	options->log.clear_delay_ns = DEFAULT_CLEAR_DELAY_NS;
	options->log.max_lazy = DEFAULT_MAX_LAZY;
	options->log.retry_limit_ns = DEFAULT_RETRY_NS;
	options->rcvbuf = DEFAULT_RCVBUF;
	options->follow = true;
	options->supervise = true;
}

static const char *option_name(int option)
{
	for (const struct option *o = long_options; o->name; o++)
		if (o->val == option)
			return o->name;
	return "?";
}

int options_parse(struct options *options, int argc, char **argv)
{
	int option;

	set_defaults(options);
	while ((option = getopt_long(argc, argv, "fw:l:c:m:R:r:p:F:u:e:a:o:s:hV", long_options,
				     NULL)) != -1) {
		const char *wanted;

		if (option == '?') {
			fprintf(stderr, "Try 'dirtylogd --help'.\n");
			return 2;
		}
		if (option == 'h') {
			fputs(usage_text, stdout);
			return 0;
		}
		if (option == 'V') {
			puts("dirtylogd " DIRTYLOG_VERSION);
			return 0;
		}
		wanted = set_option(options, option, optarg);
		if (wanted) {
			fprintf(stderr, "dirtylogd: --%s %s: expected %s\n", option_name(option),
				optarg, wanted);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "dirtylogd: %s: no arguments are expected. Try 'dirtylogd --help'.\n",
		argv[optind]);
	return 2;
}
