/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file is mapped and read through twice: once to find its logs, their sizes and whether each is
 * made by a constructor of its own, and once to play it. Logs are found by luid and uuid as
 * recorded, in a hash with open addressing. The next record is held until its time has come and its
 * log has answered; since records are in order, the logs behind it wait too.
 */
#include "perf/generator/replay.h"

#include "perf/generator/connector.h"
#include "perf/generator/mirror_script.h"
#include "server/base/container_of.h"
#include "server/protocol/ctr_args.h"
#include "server/protocol/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUESSED_REGION_SIZE 1024u /* sectors; of a log whose constructor is not recorded */
/* So many have a number of sectors that a constructor can tell. */
#define GUESSED_REGIONS_MAX (INT64_MAX / GUESSED_REGION_SIZE)
#define ANY_BYTES UINT64_MAX

struct replay_log {
	uint64_t luid; /* as recorded */
	char recorded_uuid[DM_UUID_LEN];
	char uuid[DM_UUID_LEN];
	uint64_t regions; /* as its constructor says, or as its requests show */
	bool has_ctr; /* its first request makes it */
	bool busy;
	bool gone; /* its DTR was sent */
};

struct replay {
	struct traffic traffic;
	void *data;
	size_t bytes;
	struct recording_reader reader;
	struct recording_record record; /* the next */
	bool has_record;
	double speed;
	uint64_t first_ns; /* time of the first record */
	int64_t start_ns;
	enum replay_phase phase;
	unsigned at; /* log of the phases that go through all */
	struct replay_log *logs;
	unsigned nlogs, room;
	uint32_t *index; /* hash of luid to log + 1; 2 * room places */
	const struct log_devices *devices;
	uint64_t marks;
};

static struct replay *replay_of(struct traffic *traffic)
{
	return container_of(traffic, struct replay, traffic);
}

/* --- the logs of a recording --- */

static uint32_t *place_of(const struct replay *replay, uint64_t luid, const char *uuid)
{
	uint32_t mask = 2 * replay->room - 1;
	uint32_t at = (uint32_t)(luid * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;

	while (replay->index[at]) {
		const struct replay_log *log = &replay->logs[replay->index[at] - 1];

		if (log->luid == luid && strncmp(log->recorded_uuid, uuid, DM_UUID_LEN - 1) == 0)
			break;
		at = (at + 1) & mask;
	}
	return &replay->index[at];
}

static int grow_logs(struct replay *replay)
{
	unsigned room = replay->room ? 2 * replay->room : 64;
	struct replay_log *logs = realloc(replay->logs, room * sizeof(*logs));
	uint32_t *index = calloc(2 * (size_t)room, sizeof(*index));

	if (logs)
		replay->logs = logs;
	if (!logs || !index) {
		free(index);
		return -ENOMEM;
	}
	free(replay->index);
	replay->index = index;
	replay->room = room;
	for (unsigned i = 0; i < replay->nlogs; i++)
		*place_of(replay, logs[i].luid, logs[i].recorded_uuid) = i + 1;
	return 0;
}

static struct replay_log *log_of(const struct replay *replay, const struct dm_ulog_request *request)
{
	uint32_t *place = place_of(replay, request->luid, request->uuid);

	return *place ? &replay->logs[*place - 1] : NULL;
}

static struct replay_log *add_log(struct replay *replay, const struct dm_ulog_request *request)
{
	struct replay_log *log;

	if (replay->nlogs == replay->room && grow_logs(replay) < 0)
		return NULL;
	log = &replay->logs[replay->nlogs];
	memset(log, 0, sizeof(*log));
	log->luid = request->luid;
	snprintf(log->recorded_uuid, sizeof(log->recorded_uuid), "%.*s", DM_UUID_LEN - 1,
		 request->uuid);
	snprintf(log->uuid, sizeof(log->uuid), "LVM-dirtylog-load-%d-%u", getpid(), replay->nlogs);
	log->has_ctr = DM_ULOG_REQUEST_TYPE(request->request_type) == DM_ULOG_CTR;
	*place_of(replay, request->luid, request->uuid) = ++replay->nlogs;
	return log;
}

/* --- looking through it --- */

static unsigned count_regions(const struct wire_message *message)
{
	switch (wire_opcode(message)->payload) {
	case WIRE_STRING:
	case WIRE_NOTHING:
		return 0;
	case WIRE_REGION_SYNC:
		return 1;
	default:
		return wire_region_count(message);
	}
}

/* No mirror has the others, and dirtylogd has refused them. */
static bool regions_are_possible(struct wire_message *message)
{
	for (unsigned i = 0; i < count_regions(message); i++)
		if (wire_regions(message)[i] >= GUESSED_REGIONS_MAX)
			return false;
	return true;
}

/* The recording has what came, good or not; only good requests are played. */
static bool to_message(const struct recording_record *record, struct wire_message *message)
{
	const char *why;
	int error;

	memcpy(&message->request, record->request, record->length);
	message->nl.nlmsg_len =
		(uint32_t)(WIRE_DATAGRAM_MIN - sizeof(message->request) + record->length);
	message->cn.id.idx = CN_IDX_DM;
	message->cn.id.val = CN_VAL_DM_USERSPACE_LOG;
	message->cn.len = (uint16_t)record->length;
	message->request.version = DM_ULOG_REQUEST_VERSION;
	return wire_check(message, message->nl.nlmsg_len, &error, &why) == WIRE_GOOD &&
	       regions_are_possible(message);
}

static size_t ctr_length(const struct wire_message *message)
{
	return strnlen((const char *)message->payload, message->request.data_size);
}

static void learn_regions(struct replay_log *log, struct wire_message *message)
{
	struct ctr_args args;
	const char *why;

	if (wire_opcode(message)->payload == WIRE_STRING &&
	    ctr_args_parse((const char *)message->payload, ctr_length(message), &args, &why) == 0 &&
	    args.region_count > log->regions)
		log->regions = args.region_count;
	for (unsigned i = 0; !log->has_ctr && i < count_regions(message); i++)
		if (wire_regions(message)[i] >= log->regions)
			log->regions = wire_regions(message)[i] + 1;
}

static int learn(struct replay *replay, const struct recording_record *record)
{
	struct wire_message message;
	struct replay_log *log;

	if (!to_message(record, &message))
		return 0;
	log = replay->nlogs ? log_of(replay, &message.request) : NULL;
	if (!log)
		log = add_log(replay, &message.request);
	if (!log)
		return -ENOMEM;
	if (log->regions == 0)
		log->regions = 1;
	learn_regions(log, &message);
	return 0;
}

static int look_through(struct replay *replay)
{
	struct recording_record record;
	uint64_t count = 0;
	int r = recording_open(&replay->reader, replay->data, replay->bytes);

	while (r == 0 && (r = recording_next(&replay->reader, &record)) == 1) {
		if (count++ == 0)
			replay->first_ns = record.time_ns;
		r = learn(replay, &record);
	}
	return r == 0 && replay->nlogs == 0 ? -ENODATA : r;
}

static int map_file(struct replay *replay, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || st.st_size < (off_t)RECORDING_HEADER_BYTES) {
		r = -EBADMSG;
	} else {
		replay->bytes = (size_t)st.st_size;
		replay->data = mmap(NULL, replay->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (replay->data == MAP_FAILED) {
			replay->data = NULL;
			r = -errno;
		}
	}
	close(fd);
	return r;
}

static void say_no_recording(const char *path, const struct replay *replay, int r)
{
	if (r == -EBADMSG && replay->reader.at == 0)
		fprintf(stderr,
			"dirtylog-load: %s is no recording of this version (dirtylogd --record "
			"makes them)\n",
			path);
	else if (r == -EBADMSG)
		fprintf(stderr, "dirtylog-load: %s is damaged at byte %zu\n", path,
			replay->reader.at);
	else if (r == -ENODATA)
		fprintf(stderr, "dirtylog-load: %s holds no requests\n", path);
	else
		fprintf(stderr, "dirtylog-load: %s: %s\n", path, strerror(-r));
}

/* --- playing it --- */

static const char *path_of(const struct replay *replay, const struct replay_log *log)
{
	unsigned index = (unsigned)(log - replay->logs);

	if (!replay->devices || index >= replay->devices->count)
		return NULL;
	return replay->devices->entries[index].path;
}

static const char *number_of(const struct replay *replay, const struct replay_log *log)
{
	return replay->devices->entries[log - replay->logs].number;
}

static void address(const struct replay_log *log, unsigned index, struct wire_message *message)
{
	message->request.luid = TRAFFIC_FIRST_LUID + (uint64_t)index * TRAFFIC_LUID_STEP;
	memcpy(message->request.uuid, log->uuid, sizeof(log->uuid));
}

static const char *sync_text(enum ctr_args_sync sync)
{
	switch (sync) {
	case CTR_ARGS_SYNC:
		return " sync";
	case CTR_ARGS_NOSYNC:
		return " nosync";
	default:
		return "";
	}
}

/* The log's constructor with a device of ours, or as a core log. nul: a reconnect, whose answer
 * has no device in it. Returns the bytes of the good answer. */
static uint64_t write_ctr(const struct replay *replay, const struct replay_log *log,
			  const struct ctr_args *args, bool nul, struct wire_message *message)
{
	const char *device = args->disk ? path_of(replay, log) : NULL;
	int length = snprintf((char *)message->payload, sizeof(message->payload),
			      "%" PRIu64 " %s %s%s%u%s", args->sectors, device ? "disk" : "core",
			      device ? device : "", device ? " " : "", args->region_size,
			      sync_text(args->sync));

	message->request.request_type = DM_ULOG_CTR;
	message->request.data_size = (uint32_t)length + nul;
	return device && !nul ? strlen(number_of(replay, log)) + 1 : 0;
}

/* Returns false when the recorded string is not one that a server takes. */
static bool rewrite_ctr(const struct replay *replay, const struct replay_log *log,
			struct wire_message *message, uint64_t *reply_bytes)
{
	size_t length = ctr_length(message);
	bool nul = length < message->request.data_size;
	struct ctr_args args;
	const char *why;

	if (ctr_args_parse((const char *)message->payload, length, &args, &why) != 0)
		return false;
	*reply_bytes = write_ctr(replay, log, &args, nul, message);
	return true;
}

static void count_marks(struct replay *replay, struct wire_message *message)
{
	unsigned type = wire_type(message);

	if (type == DM_ULOG_MARK_REGION || type == DM_ULOG_FLUSH)
		replay->marks += wire_region_count(message);
}

static uint64_t expected_bytes(unsigned type)
{
	if (type == DM_ULOG_STATUS_INFO || type == DM_ULOG_STATUS_TABLE)
		return ANY_BYTES;
	return wire_opcodes[type].reply_bytes;
}

/* What is asked of a log that is gone is refused, as it was when it was recorded. */
static int16_t expected_error(struct replay_log *log, unsigned type)
{
	if (type == DM_ULOG_CTR || type == DM_ULOG_DTR)
		log->gone = type == DM_ULOG_DTR;
	else if (log->gone)
		return -ESRCH;
	return 0;
}

static void read_record(struct replay *replay)
{
	replay->has_record = recording_next(&replay->reader, &replay->record) == 1;
}

static int64_t due_of(const struct replay *replay, int64_t now_ns)
{
	double ns = (double)replay->record.time_ns - (double)replay->first_ns;

	return replay->speed > 0 ? replay->start_ns + (int64_t)(ns / replay->speed) : now_ns;
}

static bool load_record(struct replay *replay, struct wire_message *message,
			struct replay_log **log, uint64_t *bytes)
{
	if (!to_message(&replay->record, message))
		return false;
	*log = log_of(replay, &message->request);
	*bytes = expected_bytes(wire_type(message));
	return wire_type(message) != DM_ULOG_CTR || rewrite_ctr(replay, *log, message, bytes);
}

static enum traffic_state next_recorded(struct replay *replay, int64_t now_ns,
					struct wire_message *message,
					struct traffic_pending *pending, int64_t *due_ns)
{
	struct replay_log *log = NULL;
	uint64_t bytes;

	while (replay->has_record && !load_record(replay, message, &log, &bytes))
		read_record(replay);
	if (!replay->has_record)
		return TRAFFIC_END;
	pending->start_ns = due_of(replay, now_ns);
	*due_ns = log->busy ? INT64_MAX : pending->start_ns;
	if (log->busy || pending->start_ns > now_ns)
		return TRAFFIC_LATER;
	pending->mirror = (uint32_t)(log - replay->logs);
	pending->expected =
		(struct mirror_expected){.type = (uint8_t)wire_type(message),
					 .value = bytes,
					 .error = expected_error(log, wire_type(message))};
	log->busy = true;
	count_marks(replay, message);
	address(log, pending->mirror, message);
	read_record(replay);
	return TRAFFIC_REQUEST;
}

static uint64_t make_request(struct replay *replay, const struct replay_log *log,
			     struct wire_message *message)
{
	struct ctr_args args = {.sectors = log->regions * GUESSED_REGION_SIZE,
				.region_size = GUESSED_REGION_SIZE,
				.disk = replay->devices != NULL,
				.sync = CTR_ARGS_NOSYNC};

	message->request.data_size = 0;
	if (replay->phase == REPLAY_CTR)
		return write_ctr(replay, log, &args, false, message);
	message->request.request_type =
		replay->phase == REPLAY_RESUME ? DM_ULOG_RESUME : DM_ULOG_DTR;
	return 0;
}

/* The phases before and after the recording: each log once. */
static enum traffic_state next_of_all(struct replay *replay, int64_t now_ns,
				      struct wire_message *message, struct traffic_pending *pending)
{
	struct replay_log *log;

	while (replay->phase != REPLAY_DTR && replay->at < replay->nlogs &&
	       replay->logs[replay->at].has_ctr)
		replay->at++;
	if (replay->at == replay->nlogs)
		return TRAFFIC_END;
	log = &replay->logs[replay->at];
	pending->start_ns = now_ns;
	pending->mirror = replay->at++;
	pending->expected = (struct mirror_expected){.value = make_request(replay, log, message)};
	pending->expected.type = (uint8_t)wire_type(message);
	address(log, pending->mirror, message);
	return TRAFFIC_REQUEST;
}

static enum traffic_state replay_next(struct traffic *traffic, int64_t now_ns,
				      struct wire_message *message, struct traffic_pending *pending,
				      int64_t *due_ns)
{
	struct replay *replay = replay_of(traffic);

	*due_ns = INT64_MAX;
	if (replay->phase == REPLAY_REQUESTS)
		return next_recorded(replay, now_ns, message, pending, due_ns);
	return next_of_all(replay, now_ns, message, pending);
}

static bool replay_answered(struct traffic *traffic, const struct traffic_pending *pending,
			    const struct wire_message *reply, size_t length, char *fault,
			    size_t fault_bytes)
{
	struct replay *replay = replay_of(traffic);
	const char *frame = connector_frame_fault(reply, length);

	replay->logs[pending->mirror].busy = false;
	if (frame)
		snprintf(fault, fault_bytes, "%s", frame);
	else if (reply->request.error != pending->expected.error)
		snprintf(fault, fault_bytes, "error %d, %d expected", reply->request.error,
			 pending->expected.error);
	else if (pending->expected.value != ANY_BYTES &&
		 reply->request.data_size != pending->expected.value)
		snprintf(fault, fault_bytes, "%u bytes, %" PRIu64 " expected",
			 reply->request.data_size, pending->expected.value);
	else
		return true;
	return false;
}

static const char *replay_name(const struct traffic *traffic, const struct traffic_pending *pending)
{
	return container_of(traffic, const struct replay, traffic)
		->logs[pending->mirror]
		.recorded_uuid;
}

/* --- the outside --- */

int replay_open(struct replay **replay, const char *path, double speed)
{
	struct replay *new = calloc(1, sizeof(*new));
	int r = new ? map_file(new, path) : -ENOMEM;

	if (r == 0)
		r = look_through(new);
	if (r < 0) {
		if (new)
			say_no_recording(path, new, r);
		replay_close(new);
		return r;
	}
	new->traffic = (struct traffic){replay_next, replay_answered, replay_name};
	new->speed = speed;
	*replay = new;
	return 0;
}

void replay_close(struct replay *replay)
{
	if (!replay)
		return;
	if (replay->data)
		munmap(replay->data, replay->bytes);
	free(replay->logs);
	free(replay->index);
	free(replay);
}

unsigned replay_logs(const struct replay *replay)
{
	return replay->nlogs;
}

uint64_t replay_regions(const struct replay *replay)
{
	uint64_t regions = 0;

	for (unsigned i = 0; i < replay->nlogs; i++)
		if (replay->logs[i].regions > regions)
			regions = replay->logs[i].regions;
	return regions;
}

void replay_use_devices(struct replay *replay, const struct log_devices *devices)
{
	replay->devices = devices;
}

void replay_begin(struct replay *replay, enum replay_phase phase, int64_t now_ns)
{
	replay->phase = phase;
	replay->at = 0;
	replay->start_ns = now_ns;
	if (phase == REPLAY_REQUESTS) {
		recording_open(&replay->reader, replay->data, replay->bytes);
		read_record(replay);
	}
}

struct traffic *replay_traffic(struct replay *replay)
{
	return &replay->traffic;
}

uint64_t replay_marks(const struct replay *replay)
{
	return replay->marks;
}
