/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/overwrite.h"

#include "server/base/clock.h"
#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/json_values.h"
#include "server/log/dm_device.h"
#include "server/protocol/mirror_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT_NS (5 * NSEC_PER_SEC) /* a server that dies now has a successor by then */
#define PAUSE_NS (200 * NSEC_PER_MSEC)
#define LINE_BYTES 256u

static bool is_done(const char *uuid, const char *luid)
{
	char line[LINE_BYTES], *text;
	bool done;

	snprintf(line, sizeof(line), "rewrite %s %s", uuid, luid ? luid : "");
	text = ctl_try(line);
	done = text && strncmp(text, "done", 4) == 0;
	free(text);
	return done;
}

/* Each table of a mirror has a log of the uuid; those that are suspended have nothing to do. */
static bool all_are_done(const char *uuid)
{
	char *text = ctl_try("logs");
	json_t *logs = text ? answer_logs(text) : NULL, *wanted = json_of_text(uuid), *log;
	bool found = false, done = true;

	for (size_t i = 0; (log = json_array_get(logs, i)); i++) {
		if (!json_equal(json_object_get(log, "uuid"), wanted))
			continue;
		found = true;
		done &= is_done(uuid, json_string_value(json_object_get(log, "luid")));
	}
	json_decref(wanted);
	json_decref(logs);
	free(text);
	return found && done;
}

static int overwrite_target(uint64_t start, uint64_t sectors, const char *type, const char *params,
			    void *context)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	static struct mirror_table table;
	int64_t began_ns = clock_now();
	const char *name = context;

	if (strcmp(type, "mirror") != 0 || mirror_table_parse(params, &table) != MIRROR_TABLE_OURS)
		return 0;
	while (!all_are_done(table.uuid)) {
		if (clock_now() - began_ns >= LIMIT_NS) {
			fprintf(stderr,
				"%s: dirtylogd does not say that it has written its log behind "
				"the kernel's: if a leg had not answered for seconds, suspend and "
				"resume it\n",
				name);
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

void overwrite(const char *name)
{
	dm_device_table(overwrite_target, (void *)name);
}
