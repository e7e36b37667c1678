/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An estate with two logs, requests and writes on their way, in which the input has damaged what it likes: a successor
 * refuses it, or takes it over (slots, records, flights, bits), without a stray access.
 * Input: pieces of six bytes: which part, where in it (two), what is put there, how (a byte, or eight of its sort), and
 * whether the part's checksum is made to fit.
 */
#include "server/restart/estate.h"

#include "server/base/container_of.h"
#include "server/base/diag.h"
#include "server/base/fnv.h"
#include "server/log/registry.h"
#include "server/takeover.h"
#include "server/work/backlog.h"
#include "server/work/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE 6u
#define BITS_0 11u /* among the parts */
#define REGIONS 5000u
#define FIRST_PART offsetof(struct estate_fixed, intake)

static struct estate estate;
static struct estate_fixed *fresh; /* what it was, but for its slots */
static struct log_record *records[2];
static uint8_t *fresh_extents[2];

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* --- a server's, that has died --- */

static struct log_record *make_record(uint64_t luid, bool disk)
{
	const char *text = disk ? "40000 disk 7:1 8" : "40000 core 8";
	struct dirty_log_config config = {.region_count = REGIONS,
					  .block_bytes = disk ? 512 : 0,
					  .persistent = disk,
					  .region_size = 8};
	struct log_record *record = estate_add(&estate, dirty_log_bytes(&config));
	struct dirty_log log;

	check(record);
	record->luid = record->id = luid;
	record->block_bytes = config.block_bytes;
	record->major = disk ? 7 : 0;
	record->minor = disk ? 1 : 0;
	strcpy(record->uuid, disk ? "disk" : "core");
	strcpy(record->ctr_text, text);
	dirty_log_init(&log, log_record_memory(record), &config);
	if (disk)
		dirty_log_begin(&log, 0, true, true);
	else
		dirty_log_begin_core(&log);
	for (uint64_t region = 0; region < 100; region += 7)
		dirty_log_set_region_sync(&log, region, true);
	dirty_log_clear(&log, 7);
	estate_publish(&estate, record);
	atomic_store(&record->status, LOG_ACTIVE | (uint64_t) ~(uint32_t)LOG_ACTIVE << 32);
	return record;
}

static void make_requests(void)
{
	struct estate_fixed *fixed = estate.fixed;
	struct slots slots = {.all = fixed->slots, .arrivals = &fixed->arrivals};

	for (unsigned i = 0; i < 4; i++) {
		struct slot *slot = &fixed->slots[i];

		slot->message.request.request_type = DM_ULOG_MARK_REGION;
		slot->message.request.data_size = 8;
		slot_arrived(&slots, slot, sizeof(slot->message));
		slot_checked(slot);
	}
	slot_set_phase(&fixed->slots[1], SLOT_ANSWERED);
	fixed->intake.headers[0].msg_len = WIRE_DATAGRAM_MIN;
	fixed->intake.numbers[0] = 5;
	fixed->executors[0].dispatch.headers[0].msg_len = 100;
	fixed->executors[0].dispatch.numbers[0] = 1;
	fixed->executors[0].dispatch.arrivals[0] = slot_arrival(&fixed->slots[1]);
	fixed->executors[0].flights[0] = (struct flight){.log = 1, .first = 1, .count = 1};
	atomic_store(&fixed->crashed, 1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	check(estate_create(&estate) == 0);
	records[0] = make_record(1, true);
	records[1] = make_record(2, false);
	make_requests();
	fresh = malloc(sizeof(*fresh));
	check(fresh);
	memcpy(fresh, estate.fixed, sizeof(*fresh));
	for (unsigned i = 0; i < 2; i++) {
		fresh_extents[i] = malloc(records[i]->bytes);
		check(fresh_extents[i]);
		memcpy(fresh_extents[i], records[i], records[i]->bytes);
	}
	diag_set_level(DIAG_ERROR);
	return 0;
}

static size_t extent_bytes(unsigned i)
{
	return ((const struct log_record *)fresh_extents[i])->bytes;
}

static void be_fresh(void)
{
	memcpy(estate.fixed, fresh, offsetof(struct estate_fixed, executors[1]));
	estate.fixed->entries = fresh->entries;
	memcpy(estate.fixed->directory, fresh->directory, 64 * sizeof(fresh->directory[0]));
	memcpy(estate.fixed->slots, fresh->slots, 16 * sizeof(fresh->slots[0]));
	for (unsigned i = 0; i < 2; i++)
		memcpy(records[i], fresh_extents[i], extent_bytes(i));
}

/* --- damage --- */

static void put(uint8_t *at, size_t room, uint8_t value, uint8_t how)
{
	static const uint64_t sorts[] = {0,    1,	   UINT64_MAX, INT64_MAX,
					 4096, UINT32_MAX, 1ull << 40, 64};
	uint64_t word = sorts[value % 8];

	if (how & 1)
		memcpy(at, &word, room < sizeof(word) ? room : sizeof(word));
	else
		*at = value;
}

/* Of the bits of a log nothing is known but that they are whole if it was not being changed (docs/restart.md). */
static void set_changing(struct log_record *record)
{
	struct dirty_log_head *head = log_record_memory(record);

	atomic_store(&head->changing, 1);
}

static void damage(const uint8_t *piece)
{
	struct estate_fixed *fixed = estate.fixed;
	size_t place = piece[1] | (size_t)piece[2] << 8;
	struct {
		void *at;
		size_t bytes;
	} parts[] = {
		{&fixed->header, sizeof(fixed->header)},
		{&fixed->settings, FIRST_PART - offsetof(struct estate_fixed, settings)},
		{&fixed->intake, sizeof(fixed->intake)},
		{&fixed->executors[0], sizeof(fixed->executors[0])},
		{(void *)&fixed->entries, sizeof(fixed->entries)},
		{fixed->directory, 4 * sizeof(fixed->directory[0])},
		{fixed->slots, 6 * sizeof(fixed->slots[0])},
		{records[0], sizeof(*records[0])},
		{records[1], sizeof(*records[1])},
		{log_record_memory(records[0]), sizeof(struct dirty_log_head)},
		{log_record_memory(records[1]), sizeof(struct dirty_log_head)},
		{log_record_memory(records[0]), 4096},
		{log_record_memory(records[1]), 1536},
	};
	unsigned part = piece[0] % (sizeof(parts) / sizeof(parts[0]));

	place %= parts[part].bytes;
	put((uint8_t *)parts[part].at + place, parts[part].bytes - place, piece[3], piece[4]);
	if (part >= BITS_0)
		set_changing(records[part - BITS_0]);
	if (!(piece[5] & 1))
		return;
	estate_seal(&fixed->header);
	for (unsigned i = 0; i < 2; i++)
		records[i]->checksum = fnv1a(records[i], offsetof(struct log_record, checksum));
}

/* --- its successor --- */

static void restore_requests(struct estate *other)
{
	for (unsigned i = 0; i < 6; i++)
		if (slot_phase(&other->fixed->slots[i]) == SLOT_ASKED)
			slot_restore(&other->fixed->slots[i], NULL);
}

/* Numbers that come out of it are regions and blocks of its own. */
static void use(struct dirty_log *log)
{
	uint64_t count, block, region = dirty_log_get_resync_work(log);

	check(region == DIRTY_LOG_NO_REGION || region < log->config.region_count);
	check(dirty_log_sync_count(log) <= log->config.region_count);
	dirty_log_mark(log, 7);
	dirty_log_clear(log, 7);
	dirty_log_age(log);
	dirty_log_release(log);
	if (!dirty_log_has_changed(log))
		return;
	block = dirty_log_next_changed(log, 4, &count);
	check(block < log_image_blocks(&log->geometry));
	check(count > 0 && count <= log_image_blocks(&log->geometry) - block);
}

/* What its worker would begin with. */
static void settle_all(struct worker *worker)
{
	struct mail *link = mailbox_take(&worker->queue.logs);

	while (link) {
		struct mirror_log *log = container_of(link, struct mirror_log, run_link);

		link = link->next;
		if (mirror_log_settle(log) == 0)
			use(&log->dirty);
		mirror_log_put(log);
	}
}

static void take_up(struct estate *other)
{
	struct worker worker = {.index = 0};
	struct registry registry;
	struct backlog backlog = {
		.estate = other, .registry = &registry, .workers = &worker, .nworkers = 1};

	check(registry_create(&registry) == 0);
	check(backlog_open(&backlog) == 0);
	backlog_take(&backlog, 2);
	backlog_take_all(&backlog);
	check(backlog_empty(&backlog));
	settle_all(&worker);
	backlog_close(&backlog);
	registry_destroy(&registry);
}

/* Another mapping is as good as ours, which has its pages already. */
static bool is_taken(void)
{
	struct estate other;
	const char *why;
	int fd = dup(estate.fd);

	if (estate_take_over(&other, fd, &why) == 0) {
		estate_close(&other);
		return true;
	}
	check(why && *why);
	close(fd);
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	be_fresh();
	for (size_t at = 0; at + PIECE <= size && at < (size_t)20 * PIECE; at += PIECE)
		damage(data + at);
	if (!is_taken())
		return 0;
	takeover_slots(&estate);
	restore_requests(&estate);
	take_up(&estate);
	return 0;
}
