/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The estate: one memfd, sealed in its size, all holes but for what is used.
 *
 * What is fixed (header, intake, executors, directory, slots) is mapped whole; the extents of logs lie
 * behind it, each mapped by itself. A new extent goes to the end of the file, an old one becomes a hole.
 * To make one: directory entry, then the mapping, then the record's identity and checksum, then its
 * status, at which it counts. To free one: `gone`, then the pages, the first one last, then the entry. So
 * a successor that finds an entry can tell a log from one that was being made (status 0: cleared away)
 * or freed (gone: freed to the end), whatever instruction its predecessor died at.
 */
#include "server/restart/estate.h"

#include "server/base/check.h"
#include "server/base/diag.h"
#include "server/base/fnv.h"
#include "server/base/memory.h"
#include "server/protocol/dirty_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef OTHER_LAYOUT
#define OTHER_LAYOUT 0u /* 1: a program that perf/soak upgrades to */
#endif
#define MAGIC UINT64_C(0x6474796c6f676501)
#define LAYOUT (14u + OTHER_LAYOUT) /* to be raised when anything in it gets another meaning */
#define FILE_BYTES (INT64_C(1) << 60) /* holes all but a little */
#define PAGE 4096u
#define LOOK_LOGS 64u
#define OTHER_MAPPINGS 1000u /* stacks, libraries, rings, the allocator's */
#define LOOK_BYTES (UINT64_C(64) << 20)
#define RECORD_BYTES ((sizeof(struct log_record) + 63) & ~(size_t)63)

/* One for each extent, and a tenth more, measured, of a successor's memory for them. */
static uint64_t logs_that_can_be_mapped(void)
{
	uint64_t most = memory_mappings_max();

	if (most == UINT64_MAX)
		return most;
	return most > OTHER_MAPPINGS ? (most - OTHER_MAPPINGS) * 100 / 115 : 0;
}

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static void read_boot_id(char id[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(id, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, id, 36) != 36)
		memset(id, 0, 40);
	close(fd);
}

void estate_seal(struct estate_header *header)
{
	header->checksum = fnv1a(header, offsetof(struct estate_header, checksum));
}

static struct estate_header header_of_this_program(void)
{
	struct estate_header header = {
		.magic = MAGIC,
		.layout = LAYOUT,
		.bytes = sizeof(struct estate_fixed),
		.record_bytes = sizeof(struct log_record),
		.head_bytes = sizeof(struct dirty_log_head),
		.slot_bytes = sizeof(struct slot),
		.version = DIRTYLOG_VERSION,
	};

	read_boot_id(header.boot_id);
	estate_seal(&header);
	return header;
}

static int map(struct estate *estate)
{
	void *at = mmap(NULL, page_up(sizeof(struct estate_fixed)), PROT_READ | PROT_WRITE,
			MAP_SHARED, estate->fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	estate->fixed = at;
	pthread_mutex_init(&estate->lock, NULL);
	return 0;
}

int estate_create(struct estate *estate)
{
	int r;

	*estate = (struct estate){
		.fd = memfd_create("dirtylogd-estate", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.logs_max = logs_that_can_be_mapped()};
	if (estate->fd < 0)
		return -errno;
	r = ftruncate(estate->fd, FILE_BYTES) == 0 ? map(estate) : -errno;
	if (r < 0) {
		close(estate->fd);
		return r;
	}
	/* Who takes it over can rely on its size: no access behind its end. */
	fcntl(estate->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	estate->fixed->header = header_of_this_program();
	atomic_store(&estate->fixed->end, page_up(sizeof(struct estate_fixed)));
	return 0;
}

static const char *fault_of(const struct estate_header *header)
{
	struct estate_header own = header_of_this_program();

	if (header->magic != MAGIC)
		return "it is none";
	if (header->checksum != fnv1a(header, offsetof(struct estate_header, checksum)))
		return "its header is damaged";
	if (memcmp(header->boot_id, own.boot_id, sizeof(own.boot_id)) != 0)
		return "it is of another boot";
	if (memcmp(header, &own, offsetof(struct estate_header, version)) != 0)
		return "it is of another version of dirtylogd";
	return NULL;
}

static bool size_is_sealed(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
	       st.st_size == FILE_BYTES;
}

static bool end_is_good(const struct estate *estate)
{
	uint64_t end = atomic_load(&estate->fixed->end);

	return end % PAGE == 0 && end >= page_up(sizeof(struct estate_fixed)) &&
	       end <= (uint64_t)FILE_BYTES;
}

int estate_take_over(struct estate *estate, int fd, const char **why)
{
	struct estate_header header;
	int r;

	*why = NULL;
	*estate = (struct estate){.fd = fd, .logs_max = logs_that_can_be_mapped()};
	if (!size_is_sealed(fd) || pread(fd, &header, sizeof(header), 0) != sizeof(header))
		*why = "it has another size";
	else
		*why = fault_of(&header);
	if (*why)
		return -EINVAL;
	r = map(estate);
	if (r < 0) {
		*why = strerror(-r);
	} else if (!end_is_good(estate)) {
		*why = "its end is damaged";
		munmap(estate->fixed, page_up(sizeof(struct estate_fixed)));
		r = -EINVAL;
	}
	return r;
}

void estate_close(struct estate *estate)
{
	if (estate->fixed)
		munmap(estate->fixed, page_up(sizeof(struct estate_fixed)));
	estate->fixed = NULL;
	close(estate->fd);
}

static void set_entry(struct estate *estate, uint64_t number, uint64_t offset)
{
	struct estate_entry *entry = &estate->fixed->directory[number];

	if (offset != 0 && atomic_load(&estate->fixed->entries) <= number)
		atomic_store(&estate->fixed->entries, (uint32_t)number + 1);
	atomic_store(&entry->luid, 0);
	atomic_store(&entry->device, 0);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store(&entry->offset, offset);
	atomic_signal_fence(memory_order_seq_cst);
}

/* Under the lock. Returns ESTATE_LOGS_MAX if none is free. */
static uint32_t free_entry(struct estate *estate)
{
	for (uint32_t i = 0; i < ESTATE_LOGS_MAX; i++) {
		uint32_t number = (estate->hint + i) % ESTATE_LOGS_MAX;

		if (atomic_load(&estate->fixed->directory[number].offset) == 0) {
			estate->hint = number + 1;
			return number;
		}
	}
	return ESTATE_LOGS_MAX;
}

static struct log_record *map_extent(const struct estate *estate, uint64_t offset, uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, estate->fd, (off_t)offset);

	return at == MAP_FAILED ? NULL : at;
}

static void punch(const struct estate *estate, uint64_t offset, uint64_t bytes)
{
	fallocate(estate->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		  (off_t)bytes);
}

/* Under the lock. A look costs reading some files: it is good for many small logs. Something is left to others. */
static bool may_take(struct estate *estate, uint64_t bytes)
{
	uint64_t most;

	if (bytes <= estate->granted) {
		estate->granted -= bytes;
		return true;
	}
	most = memory_available() / 8 * 7;
	if (bytes > most)
		return false;
	most -= bytes;
	estate->granted = most < LOOK_BYTES ? most : LOOK_BYTES;
	return true;
}

static uint32_t count_entries(const struct estate *estate)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < atomic_load(&estate->fixed->entries); i++)
		count += atomic_load(&estate->fixed->directory[i].offset) != 0;
	return count;
}

/* Under the lock. A log more than a successor can map would be lost with the next death. */
static bool may_map(struct estate *estate)
{
	if (estate->logs_granted == 0) {
		uint64_t count = count_entries(estate);
		uint64_t left = estate->logs_max > count ? estate->logs_max - count : 0;

		estate->logs_granted = left < LOOK_LOGS ? (uint32_t)left : LOOK_LOGS;
	}
	if (estate->logs_granted == 0) {
		diag_limited(DIAG_ERROR,
			     "no more than %llu logs: a successor could not map more (sysctl "
			     "vm.max_map_count, and a reload)",
			     (unsigned long long)estate->logs_max);
		return false;
	}
	estate->logs_granted--;
	return true;
}

/* The entry is there before the extent has a page: a successor finds what we were making, and frees it.
 * Returns ESTATE_LOGS_MAX if there is no room. */
static uint32_t reserve(struct estate *estate, uint64_t bytes, uint64_t *offset)
{
	uint32_t number;

	CHECK(bytes % PAGE == 0);
	pthread_mutex_lock(&estate->lock);
	*offset = atomic_load(&estate->fixed->end);
	CHECK(*offset % PAGE == 0);
	number = free_entry(estate);
	if (bytes > (uint64_t)FILE_BYTES - *offset || !may_take(estate, bytes) || !may_map(estate))
		number = ESTATE_LOGS_MAX;
	if (number != ESTATE_LOGS_MAX) {
		atomic_store(&estate->fixed->end, *offset + bytes);
		set_entry(estate, number, *offset);
	}
	pthread_mutex_unlock(&estate->lock);
	return number;
}

static void release(struct estate *estate, uint64_t number)
{
	pthread_mutex_lock(&estate->lock);
	set_entry(estate, number, 0);
	pthread_mutex_unlock(&estate->lock);
}

/* Pages that are not there would be had at the first access, or somebody be killed for them. */
static struct log_record *back(const struct estate *estate, uint64_t offset, uint64_t bytes)
{
	int r;

	do
		r = fallocate(estate->fd, 0, (off_t)offset, (off_t)bytes);
	while (r != 0 && errno == EINTR);
	return r == 0 ? map_extent(estate, offset, bytes) : NULL;
}

struct log_record *estate_add(struct estate *estate, uint64_t memory_bytes)
{
	uint64_t offset, bytes = page_up(RECORD_BYTES + memory_bytes);
	uint32_t number = reserve(estate, bytes, &offset);
	struct log_record *record;

	if (number == ESTATE_LOGS_MAX)
		return NULL;
	record = back(estate, offset, bytes);
	if (!record) {
		punch(estate, offset, bytes);
		release(estate, number);
		return NULL;
	}
	record->number = number;
	record->offset = offset;
	record->bytes = bytes;
	record->memory_bytes = memory_bytes;
	return record;
}

void estate_publish(struct estate *estate, struct log_record *record)
{
	struct estate_entry *entry = &estate->fixed->directory[record->number];

	atomic_store(&entry->luid, record->luid);
	if (record->block_bytes != 0)
		atomic_store(&entry->device, estate_device(record->major, record->minor));
	record->checksum = fnv1a(record, offsetof(struct log_record, checksum));
}

void estate_drop(struct log_record *record)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store(&record->gone, 1);
	atomic_signal_fence(memory_order_seq_cst);
}

void estate_free(struct estate *estate, struct log_record *record)
{
	uint64_t number = record->number, offset = record->offset, bytes = record->bytes;

	CHECK(atomic_load(&estate->fixed->directory[number].offset) == offset);
	estate_drop(record);
	munmap(record, bytes);
	/* Not the first page: it tells a successor how much is left to do. */
	if (bytes > PAGE)
		punch(estate, offset + PAGE, bytes - PAGE);
	punch(estate, offset, PAGE);
	release(estate, number);
}

void estate_blame(struct estate *estate, uint64_t number)
{
	off_t at;
	uint32_t deaths;

	if (number == 0 || number > ESTATE_LOGS_MAX)
		return;
	at = (off_t)atomic_load(&estate->fixed->directory[number - 1].offset);
	if (at < (off_t)sizeof(struct estate_fixed))
		return;
	at += (off_t)offsetof(struct log_record, deaths);
	if (pread(estate->fd, &deaths, sizeof(deaths), at) != sizeof(deaths))
		return;
	deaths++;
	if (pwrite(estate->fd, &deaths, sizeof(deaths), at) != sizeof(deaths))
		return; /* it is tried once more often */
}

void estate_unmap(struct log_record *record)
{
	munmap(record, record->bytes);
}

bool estate_uuid(const struct estate *estate, uint64_t number, char uuid[DM_UUID_LEN])
{
	off_t at = 0;

	if (number > 0 && number <= ESTATE_LOGS_MAX)
		at = (off_t)atomic_load(&estate->fixed->directory[number - 1].offset);
	if (at < (off_t)sizeof(struct estate_fixed))
		return false;
	at += (off_t)offsetof(struct log_record, uuid);
	if (pread(estate->fd, uuid, DM_UUID_LEN, at) != DM_UUID_LEN)
		return false;
	return memchr(uuid, '\0', DM_UUID_LEN) != NULL;
}

static bool record_whole(const struct log_record *record, uint64_t number, uint64_t offset,
			 uint64_t end)
{
	return record->number == number && record->offset == offset && record->bytes % PAGE == 0 &&
	       record->bytes >= RECORD_BYTES && record->bytes <= end - offset &&
	       record->memory_bytes <= record->bytes - RECORD_BYTES &&
	       record->checksum == fnv1a(record, offsetof(struct log_record, checksum)) &&
	       memchr(record->uuid, '\0', sizeof(record->uuid)) &&
	       memchr(record->ctr_text, '\0', sizeof(record->ctr_text));
}

/* Of an extent that is no log: all that lies up to the next one. */
static void clear_away(struct estate *estate, uint32_t number, uint64_t offset)
{
	uint64_t next = atomic_load(&estate->fixed->end);

	for (uint32_t i = 0; i < ESTATE_LOGS_MAX; i++) {
		uint64_t other = atomic_load(&estate->fixed->directory[i].offset);

		if (other > offset && other < next)
			next = other;
	}
	punch(estate, offset, next - offset);
	set_entry(estate, number, 0);
}

/* The record of an entry, mapped; NULL if it is none, *broken if it should be one. */
static struct log_record *open_entry(struct estate *estate, uint32_t number, uint64_t offset,
				     bool *broken)
{
	uint64_t end = atomic_load(&estate->fixed->end);
	struct log_record head;

	*broken = offset % PAGE != 0 || offset < page_up(sizeof(struct estate_fixed)) ||
		  offset >= end ||
		  pread(estate->fd, &head, sizeof(head), (off_t)offset) != (ssize_t)sizeof(head);
	if (*broken) {
		set_entry(estate, number, 0);
		return NULL;
	}
	if (record_whole(&head, number, offset, end)) {
		struct log_record *record = NULL;

		if (!head.gone && head.status)
			record = map_extent(estate, offset, head.bytes);
		if (record)
			return record;
		*broken = !head.gone && head.status; /* no memory for it */
	} else {
		*broken = head.status != 0 && !head.gone;
	}
	clear_away(estate, number, offset);
	return NULL;
}

struct log_record *estate_open(struct estate *estate, uint32_t number, unsigned *damaged)
{
	uint64_t offset = atomic_load(&estate->fixed->directory[number].offset);
	bool broken = false;
	struct log_record *record;

	if (offset == 0)
		return NULL;
	record = open_entry(estate, number, offset, &broken);
	*damaged += broken;
	return record;
}

void *log_record_memory(struct log_record *record)
{
	return (uint8_t *)record + RECORD_BYTES;
}
