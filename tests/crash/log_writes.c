/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylog-log-writes: would the mirror have survived a power cut at any moment of a recording?
 *
 * The recording is dm-log-writes': one device, with the log device and both legs of a mirror side by side, so
 * that it has their order too: every write when it was durable, and not before. Each prefix of it is what a
 * power cut could have left. What one flush made durable had no order before: of each such batch all orders of
 * log, leg 0 and leg 1 are tried. In each state, of every region that the log calls clean the legs are the same,
 * and hold what was acknowledged; and the log's header vouches for nothing but that.
 *
 * Blocks of 4 KiB begin with a number, which grows with each write to the same block. A mark "a-NUMBER-BLOCK"
 * says that this write was acknowledged.
 *
 * Source of the format: struct log_write_super and struct log_write_entry, drivers/md/dm-log-writes.c.
 */
#include "bitmap/log_image.h"

#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u
#define BLOCK 4096u
#define MAGIC UINT64_C(0x6a736677736872)
#define BATCH_MAX 4096u
#define FLAG_FLUSH 1u
#define FLAG_FUA 2u
#define FLAG_DISCARD 4u
#define FLAG_MARK 8u

struct recording_super {
	uint64_t magic, version, nr_entries;
	uint32_t sector_bytes;
};

struct recording_entry {
	uint64_t sector, nr_sectors, flags, data_bytes;
};

/* A write that has no place among its like until a flush ends them. */
struct batched {
	uint64_t at, bytes;
	uint8_t *new, *old;
};

static struct {
	struct batched batch[BATCH_MAX];
	unsigned batched;
	int recording;
	off_t at;
	uint64_t log_bytes, leg_bytes, region_bytes, regions, blocks;
	uint8_t *image; /* log, leg 0, leg 1 */
	uint64_t *acknowledged; /* a number for each block; 0: none */
	bool *differs; /* of each region's legs */
	bool valid; /* the header vouches for the bits */
	unsigned long states, log_prefixes, unlike, faults;
} replay;

static uint8_t *leg(unsigned number, uint64_t at)
{
	return replay.image + replay.log_bytes + number * replay.leg_bytes + at;
}

static void read_on(void *bytes, size_t count)
{
	ssize_t n = pread(replay.recording, bytes, count, replay.at);

	if (n != (ssize_t)count)
		err(2, "reading the recording at %lld", (long long)replay.at);
	replay.at += n;
}

/* --- what a prefix must be --- */

static bool is_clean(uint64_t region)
{
	const uint8_t *bits = replay.image + LOG_IMAGE_BITS_OFFSET;

	return replay.valid && bits[region / 8] >> region % 8 & 1;
}

static void complain(const char *what, uint64_t region, uint64_t block)
{
	if (replay.faults++ < 10)
		printf("state %lu: region %" PRIu64 " is clean, and %s (block %" PRIu64 ")\n",
		       replay.states, region, what, block);
}

static uint64_t number_of(unsigned which, uint64_t block)
{
	uint64_t number;

	memcpy(&number, leg(which, block * BLOCK), sizeof(number));
	return le64toh(number);
}

static void check_acknowledged(uint64_t region)
{
	uint64_t blocks = replay.region_bytes / BLOCK;

	for (uint64_t b = region * blocks; b < (region + 1) * blocks; b++)
		if (number_of(0, b) < replay.acknowledged[b])
			complain("an acknowledged write is not there", region, b);
}

static void check_region(uint64_t region)
{
	if (!is_clean(region))
		return;
	if (replay.differs[region])
		complain("its legs differ", region, region * (replay.region_bytes / BLOCK));
	check_acknowledged(region);
}

static void check_all(void)
{
	for (uint64_t r = 0; r < replay.regions; r++)
		check_region(r);
}

/* --- what it is made of --- */

static void log_changed(void)
{
	struct log_image_header header;

	replay.valid = log_image_decode_header(replay.image, &header) == LOG_IMAGE_VALID;
	replay.log_prefixes++;
	check_all();
}

static void compare_region(uint64_t region)
{
	uint64_t at = region * replay.region_bytes;

	replay.differs[region] = memcmp(leg(0, at), leg(1, at), replay.region_bytes) != 0;
	replay.unlike += replay.differs[region];
	check_region(region);
}

/* A leg's, from `at` on, bytes long. */
static void leg_changed(uint64_t at, uint64_t bytes)
{
	uint64_t last = (at + bytes - 1) / replay.region_bytes;

	for (uint64_t r = at / replay.region_bytes; r <= last && r < replay.regions; r++)
		compare_region(r);
}

static void changed(uint64_t at, uint64_t bytes)
{
	if (at < replay.log_bytes)
		log_changed();
	else
		leg_changed((at - replay.log_bytes) % replay.leg_bytes, bytes);
}

static void apply(struct batched *write)
{
	memcpy(write->old, replay.image + write->at, write->bytes);
	memcpy(replay.image + write->at, write->new, write->bytes);
	replay.states++;
	changed(write->at, write->bytes);
}

static unsigned device_of(const struct batched *write)
{
	return write->at < replay.log_bytes
		       ? 0
		       : 1 + (unsigned)((write->at - replay.log_bytes) / replay.leg_bytes);
}

static void apply_all_of(unsigned device)
{
	for (unsigned i = 0; i < replay.batched; i++)
		if (device_of(&replay.batch[i]) == device)
			apply(&replay.batch[i]);
}

static void undo_all_of(unsigned device)
{
	for (unsigned i = replay.batched; i-- > 0;) {
		struct batched *write = &replay.batch[i];

		if (device_of(write) == device)
			memcpy(replay.image + write->at, write->old, write->bytes);
	}
}

/* Without a look at what it is on the way back. */
static void refresh(void)
{
	struct log_image_header header;

	replay.valid = log_image_decode_header(replay.image, &header) == LOG_IMAGE_VALID;
	for (uint64_t r = 0; r < replay.regions; r++)
		replay.differs[r] =
			memcmp(leg(0, r * replay.region_bytes), leg(1, r * replay.region_bytes),
			       replay.region_bytes) != 0;
}

static void try_order(const unsigned order[3])
{
	for (unsigned i = 0; i < 3; i++)
		apply_all_of(order[i]);
	for (unsigned i = 3; i-- > 0;)
		undo_all_of(order[i]);
	refresh();
}

static void end_batch(void)
{
	static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	if (replay.batched == 0)
		return;
	for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		try_order(orders[i]);
	for (unsigned i = 0; i < replay.batched; i++) {
		struct batched *write = &replay.batch[i];

		apply(write);
		free(write->new);
		free(write->old);
	}
	replay.batched = 0;
}

static void add_write(const struct recording_entry *entry)
{
	struct batched *write = &replay.batch[replay.batched++];

	write->at = entry->sector * SECTOR;
	write->bytes = entry->nr_sectors * SECTOR;
	if (write->at + write->bytes > replay.log_bytes + 2 * replay.leg_bytes)
		errx(2, "a write beyond the mirror: sector %" PRIu64, entry->sector);
	if (entry->flags & FLAG_DISCARD || replay.batched == BATCH_MAX)
		errx(2, "a discard, or a batch larger than is known here");
	write->new = malloc(write->bytes);
	write->old = malloc(write->bytes);
	if (!write->new || !write->old)
		err(2, "a write of %" PRIu64 " bytes", write->bytes);
	read_on(write->new, write->bytes);
}

static void take_mark(const char *text)
{
	uint64_t number, block;

	if (sscanf(text, "a-%" SCNu64 "-%" SCNu64, &number, &block) != 2)
		return;
	if (block >= replay.blocks)
		errx(2, "a mark of block %" PRIu64, block);
	replay.acknowledged[block] = number;
	check_region(block / (replay.region_bytes / BLOCK));
}

static void take_entry(void)
{
	uint8_t sector[SECTOR + 1] = {0};
	struct recording_entry entry;

	read_on(sector, SECTOR);
	memcpy(&entry, sector, sizeof(entry));
	entry = (struct recording_entry){le64toh(entry.sector), le64toh(entry.nr_sectors),
					 le64toh(entry.flags), le64toh(entry.data_bytes)};
	if (entry.flags & FLAG_MARK)
		take_mark((const char *)sector + sizeof(entry));
	else if (entry.nr_sectors > 0)
		add_write(&entry);
	if (entry.flags & (FLAG_FLUSH | FLAG_FUA))
		end_batch();
}

static uint64_t open_recording(const char *path)
{
	uint8_t sector[SECTOR];
	struct recording_super super;

	replay.recording = open(path, O_RDONLY | O_CLOEXEC);
	if (replay.recording < 0)
		err(2, "%s", path);
	read_on(sector, sizeof(sector));
	memcpy(&super, sector, sizeof(super));
	if (le64toh(super.magic) != MAGIC || le32toh(super.sector_bytes) != SECTOR)
		errx(2, "%s is no recording of sectors of %u bytes", path, SECTOR);
	return le64toh(super.nr_entries);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end || value == 0)
		errx(2, "not a number: %s", text);
	return value;
}

static void set_up(char *const *args)
{
	replay.log_bytes = number(args[0]) * SECTOR;
	replay.region_bytes = number(args[1]) * SECTOR;
	replay.regions = number(args[2]);
	replay.leg_bytes = replay.regions * replay.region_bytes;
	replay.blocks = replay.leg_bytes / BLOCK;
	replay.image = calloc(1, replay.log_bytes + 2 * replay.leg_bytes);
	replay.acknowledged = calloc(replay.blocks, sizeof(uint64_t));
	replay.differs = calloc(replay.regions, sizeof(bool));
	if (!replay.image || !replay.acknowledged || !replay.differs)
		errx(2, "no memory");
	/* What lay there before: bits that mean nothing. */
	memset(replay.image, 0xFF, replay.log_bytes);
}

int main(int argc, char **argv)
{
	uint64_t entries;

	if (argc != 5)
		errx(2, "usage: %s RECORDING LOG-SECTORS REGION-SECTORS REGIONS", argv[0]);
	set_up(argv + 2);
	entries = open_recording(argv[1]);
	for (uint64_t i = 0; i < entries; i++)
		take_entry();
	end_batch();
	printf("%lu states, %lu of them behind a write to the log, legs of a region found to "
	       "differ %lu times, %lu faults\n",
	       replay.states, replay.log_prefixes, replay.unlike, replay.faults);
	return replay.faults > 0;
}
