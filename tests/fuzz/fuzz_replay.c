/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any file as a recording that dirtylog-load plays: it comes to an end, and each request is one that dirtylogd takes, of a log
 * of the generator's own. Input: u8 whether the answers have a wrong size; then the file.
 */
#include "perf/generator/connector.h"
#include "perf/generator/replay.h"
#include "server/protocol/ctr_args.h"
#include "server/protocol/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fd;
static char path[64];
static bool lies; /* answers have a wrong size */

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What is complained of is of no interest; the fuzzer's own words have the descriptor. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stderr = fopen("/dev/null", "w");
	fd = memfd_create("recording", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return stderr && fd >= 0 ? 0 : -1;
}

static void check_ctr(const struct wire_message *message)
{
	const char *text = (const char *)message->payload, *why;
	struct ctr_args args;

	check(ctr_args_parse(text, strnlen(text, message->request.data_size), &args, &why) == 0);
	check(args.region_count > 0 && !args.disk && !args.clustered);
}

static void check_request(struct wire_message *message, const struct replay *replay,
			  unsigned mirror)
{
	const char *why;
	int error;

	connector_frame(message, 7);
	check(wire_check(message, wire_length(message), &error, &why) == WIRE_GOOD);
	check(mirror < replay_logs(replay));
	check(message->request.luid == TRAFFIC_FIRST_LUID + mirror * (uint64_t)TRAFFIC_LUID_STEP);
	check(strncmp(message->request.uuid, "LVM-dirtylog-load-", 18) == 0);
	if (wire_type(message) == DM_ULOG_CTR)
		check_ctr(message);
}

/* A good answer is taken for one, and a longer one for none. */
static void answer(struct traffic *traffic, const struct traffic_pending *pending,
		   struct wire_message *message)
{
	bool any = pending->expected.value > WIRE_PAYLOAD_MAX - 1;
	char fault[256];

	message->request.data_size = any ? 0 : (uint32_t)pending->expected.value + lies;
	connector_frame(message, 7);
	message->request.error = pending->expected.error;
	check(traffic->answered(traffic, pending, message, wire_length(message), fault,
				sizeof(fault)) == (any || !lies));
}

/* Returns how many requests there were. */
static uint64_t play(struct replay *replay, enum replay_phase phase)
{
	struct traffic *traffic = replay_traffic(replay);
	struct traffic_pending pending = {0};
	struct wire_message message;
	uint64_t count = 0;
	int64_t due_ns;

	replay_begin(replay, phase, 1000);
	for (;;) {
		memset(&message, 0, sizeof(message));
		if (traffic->next(traffic, 1000, &message, &pending, &due_ns) != TRAFFIC_REQUEST)
			return count;
		check_request(&message, replay, pending.mirror);
		answer(traffic, &pending, &message);
		count++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct replay *replay = NULL;

	if (size < 1)
		return 0;
	lies = data[0] % 2;
	check(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
	if (replay_open(&replay, path, 0) < 0)
		return 0;
	check(play(replay, REPLAY_CTR) <= replay_logs(replay));
	check(play(replay, REPLAY_RESUME) <= replay_logs(replay));
	check(play(replay, REPLAY_REQUESTS) <= size / RECORDING_DATA_MIN);
	check(play(replay, REPLAY_DTR) == replay_logs(replay));
	check(replay_regions(replay) > 0);
	replay_close(replay);
	return 0;
}
