/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters, and the names that `dirtylogctl stats` prints them under. */
#include "server/base/stats.h"

struct stats stats;

const char *const stats_names[STATS_COUNTERS] = {
	[STATS_DROPPED] = "dropped",
	[STATS_REFUSED] = "refused",
	[STATS_UNKNOWN_LOG] = "unknown_log",
	[STATS_SERVED_INLINE] = "served_inline",
	[STATS_EXPRESS] = "express_writes",
	[STATS_LOG_WRITES] = "log_writes",
	[STATS_LOG_BYTES] = "log_bytes_written",
	[STATS_PROBES] = "probes",
	[STATS_LEG_FLUSHES] = "leg_flushes",
	[STATS_CLEARS_WRITTEN] = "clears_written",
	[STATS_IO_ERRORS] = "io_errors",
	[STATS_OPEN_ERRORS] = "open_errors",
	[STATS_READ_ERRORS] = "read_errors",
	[STATS_WRITE_ERRORS] = "write_errors",
	[STATS_LEG_FLUSH_ERRORS] = "leg_flush_errors",
	[STATS_RESYNC_WAKES] = "resync_wakes",
	[STATS_REPLIES_LOST] = "replies_lost",
};
