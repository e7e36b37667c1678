/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a recording is played. */
#include "perf/generator/replay.h"

#include "server/protocol/recording.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static FILE *file;

static void begin(void)
{
	uint8_t header[RECORDING_HEADER_BYTES];

	file = fdopen(memfd_create("recording", 0), "w");
	recording_encode_header(header);
	fwrite(header, 1, sizeof(header), file);
}

static void add_mark(uint64_t region)
{
	static struct wire_message message;
	uint8_t record[RECORDING_RECORD_MAX];
	size_t bytes;

	message.request = (struct dm_ulog_request){.luid = 5,
						   .uuid = "u",
						   .version = DM_ULOG_REQUEST_VERSION,
						   .request_type = DM_ULOG_MARK_REGION,
						   .data_size = sizeof(region)};
	memcpy(message.payload, &region, sizeof(region));
	bytes = recording_encode(record, 0, &message.request, RECORDING_DATA_MIN + sizeof(region));
	fwrite(record, 1, bytes, file);
}

static struct replay *end(void)
{
	struct replay *replay;
	char path[64];

	cr_assert_eq(fflush(file), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	cr_assert_eq(replay_open(&replay, path, 0), 0);
	fclose(file);
	return replay;
}

static bool has_request(struct replay *replay)
{
	struct traffic *traffic = replay_traffic(replay);
	struct traffic_pending pending;
	struct wire_message message;
	int64_t due_ns;

	replay_begin(replay, REPLAY_REQUESTS, 0);
	return traffic->next(traffic, 0, &message, &pending, &due_ns) == TRAFFIC_REQUEST;
}

Test(replay, a_log_without_a_constructor_is_as_large_as_its_requests_show)
{
	struct replay *replay;

	begin();
	add_mark(3);
	add_mark(1);
	replay = end();
	cr_assert_eq(replay_logs(replay), 1);
	cr_assert_eq(replay_regions(replay), 4);
	cr_assert(has_request(replay));
	replay_close(replay);
}

/* They are in a recording as they came, and made a log of no region, or of more sectors than there are. */
Test(replay, regions_that_no_mirror_has_are_not_played)
{
	struct replay *replay;

	begin();
	add_mark(3);
	add_mark(UINT64_MAX);
	add_mark(UINT64_C(1) << 60);
	replay = end();
	cr_assert_eq(replay_regions(replay), 4);
	replay_close(replay);
}
