/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model knows of each region whether it is in sync and whether it is marked, from what was asked and
 * answered alone. A region that is marked or not in sync has to be dirty in every image; and once a mark was
 * answered the header has to be there, or a mirror with the option nosync would take all for in sync. */
#include "tests/crash/enumerate.h"

#include "bitmap/log_image.h"
#include "server/protocol/wire.h"
#include "tests/crash/record.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITES_MAX 64u

struct pending {
	uint64_t id, offset;
	const uint8_t *data;
	uint32_t bytes;
};

struct cut {
	uint8_t *device, *image;
	size_t bytes;
	uint32_t block;
	struct pending pending[WRITES_MAX];
	unsigned npending;
	uint64_t nregions;
	bool *in_sync, *marked;
	bool any_marked; /* or out of sync, and answered, since the log began */
	unsigned limit;
	uint64_t at; /* byte of the record */
	struct enumeration done;
};

/* --- an image --- */

static bool is_clean(const uint8_t *image, uint64_t region)
{
	return image[LOG_IMAGE_BITS_OFFSET + region / 8] >> region % 8 & 1;
}

static void check_image(struct cut *cut)
{
	struct log_image_header header;
	bool valid = log_image_decode_header(cut->image, &header) == LOG_IMAGE_VALID;

	cut->done.images++;
	cr_assert(valid || !cut->any_marked, "record %zu: no header, and a mark was answered",
		  (size_t)cut->at);
	for (uint64_t r = 0; valid && r < cut->nregions && r < header.nr_regions; r++)
		cr_assert(!is_clean(cut->image, r) || (cut->in_sync[r] && !cut->marked[r]),
			  "record %zu: region %zu is clean on the device, and %s", (size_t)cut->at,
			  (size_t)r, cut->marked[r] ? "marked" : "not in sync");
	for (uint64_t r = header.nr_regions; valid && r < cut->nregions; r++)
		cr_assert(!cut->marked[r],
			  "record %zu: region %zu is marked, and not in the header",
			  (size_t)cut->at, (size_t)r);
}

/* The blocks of what is pending, one after the other: block n arrives if arrives(n). */
static void build_image(struct cut *cut, bool (*arrives)(const void *context, unsigned n),
			const void *context)
{
	unsigned n = 0;

	memcpy(cut->image, cut->device, cut->bytes);
	for (unsigned i = 0; i < cut->npending; i++) {
		const struct pending *write = &cut->pending[i];

		for (uint32_t at = 0; at < write->bytes; at += cut->block)
			if (arrives(context, n++))
				memcpy(cut->image + write->offset + at, write->data + at,
				       cut->block);
	}
}

static bool in_mask(const void *context, unsigned n)
{
	return *(const uint64_t *)context >> n & 1;
}

static bool by_lot(const void *context, unsigned n)
{
	(void)context;
	(void)n;
	return rand() & 1;
}

static bool always(const void *context, unsigned n)
{
	(void)n;
	return context != NULL;
}

static void check_moment(struct cut *cut)
{
	unsigned blocks = 0;

	for (unsigned i = 0; i < cut->npending; i++)
		blocks += cut->pending[i].bytes / cut->block;
	cut->done.moments++;
	if (blocks <= cut->limit) {
		for (uint64_t mask = 0; mask < UINT64_C(1) << blocks; mask++) {
			build_image(cut, in_mask, &mask);
			check_image(cut);
		}
		return;
	}
	cut->done.sampled++;
	build_image(cut, always, NULL);
	check_image(cut);
	build_image(cut, always, cut);
	check_image(cut);
	for (unsigned i = 0; i < 1u << cut->limit; i++) {
		build_image(cut, by_lot, NULL);
		check_image(cut);
	}
}

/* --- events --- */

static void submitted(struct cut *cut, const struct record_event *event, const uint8_t *data)
{
	cr_assert_lt(cut->npending, WRITES_MAX);
	cr_assert_leq(event->offset + event->bytes, cut->bytes);
	/* Of two the older one may land last. */
	for (unsigned i = 0; i < cut->npending; i++)
		cr_assert(event->offset >= cut->pending[i].offset + cut->pending[i].bytes ||
				  cut->pending[i].offset >= event->offset + event->bytes,
			  "record %zu: two writes of a block are on their way", (size_t)cut->at);
	cut->pending[cut->npending++] = (struct pending){
		.id = event->id, .offset = event->offset, .data = data, .bytes = event->bytes};
}

static void written(struct cut *cut, const struct record_event *event)
{
	unsigned i = 0;

	while (i < cut->npending && cut->pending[i].id != event->id)
		i++;
	cr_assert_lt(i, cut->npending);
	cr_assert_eq(event->error, 0);
	memcpy(cut->device + cut->pending[i].offset, cut->pending[i].data, cut->pending[i].bytes);
	cut->npending--;
	memmove(&cut->pending[i], &cut->pending[i + 1],
		(cut->npending - i) * sizeof(cut->pending[0]));
}

static void set_all(bool *flags, const struct record_event *event, const uint64_t *regions,
		    bool value)
{
	for (uint32_t i = 0; i < event->bytes / sizeof(uint64_t); i++)
		flags[regions[i]] = value;
}

static void answered(struct cut *cut, const struct record_event *event, const uint64_t *payload)
{
	if (event->error)
		return;
	if (event->type == DM_ULOG_MARK_REGION || event->type == DM_ULOG_FLUSH) {
		set_all(cut->marked, event, payload, true);
		cut->any_marked |= event->bytes > 0;
	} else if (event->type == DM_ULOG_SET_REGION_SYNC && payload[1] == 0) {
		cut->in_sync[payload[0]] = false;
		cut->any_marked = true;
	}
}

/* What it allows is allowed as soon as it is asked. */
static void asked(struct cut *cut, const struct record_event *event, const uint64_t *payload)
{
	if (event->type == DM_ULOG_CLEAR_REGION)
		set_all(cut->marked, event, payload, false);
	else if (event->type == DM_ULOG_SET_REGION_SYNC && payload[1] != 0)
		cut->in_sync[payload[0]] = true;
}

/* A mirror is made on what is there; what was marked or not in sync is not in sync. */
static void log_begins(struct cut *cut, const struct record_event *event)
{
	for (uint64_t r = 0; r < event->id; r++) {
		bool known = r < cut->nregions;

		cut->in_sync[r] = known ? cut->in_sync[r] && !cut->marked[r] : event->error != 0;
		cut->marked[r] = false;
	}
	cut->nregions = event->id;
	cut->any_marked = false;
}

static void take_event(struct cut *cut, const struct record_event *event, const uint8_t *data)
{
	uint64_t payload[64] = {0};

	if (event->kind != RECORD_SUBMIT) {
		cr_assert_leq(event->bytes, sizeof(payload));
		memcpy(payload, data, event->bytes);
	}
	switch (event->kind) {
	case RECORD_SUBMIT:
		submitted(cut, event, data);
		break;
	case RECORD_DONE:
		written(cut, event);
		break;
	case RECORD_ANSWER:
		answered(cut, event, payload);
		break;
	case RECORD_REQUEST:
		asked(cut, event, payload);
		break;
	case RECORD_LOG:
		log_begins(cut, event);
		break;
	default:
		cr_assert_fail("record %zu: kind %u", (size_t)cut->at, event->kind);
	}
}

static const uint8_t *map_record(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const uint8_t *at;

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &st), 0);
	*bytes = (size_t)st.st_size;
	at = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	close(fd);
	return at;
}

struct enumeration enumerate_cuts(const char *record, const uint8_t *device, size_t bytes,
				  uint32_t block, unsigned limit, unsigned seed)
{
	struct cut cut = {.bytes = bytes, .block = block, .limit = limit};
	size_t length;
	const uint8_t *events = map_record(record, &length);

	srand(seed);
	cut.device = malloc(bytes);
	cut.image = malloc(bytes);
	cut.in_sync = calloc(bytes * 8, sizeof(bool));
	cut.marked = calloc(bytes * 8, sizeof(bool));
	cr_assert(cut.device && cut.image && cut.in_sync && cut.marked);
	memcpy(cut.device, device, bytes);
	while (cut.at < length) {
		struct record_event event;

		memcpy(&event, events + cut.at, sizeof(event));
		take_event(&cut, &event, events + cut.at + sizeof(event));
		check_moment(&cut);
		cut.at += sizeof(event) + event.bytes;
	}
	munmap((void *)(uintptr_t)events, length);
	free(cut.marked);
	free(cut.in_sync);
	free(cut.image);
	free(cut.device);
	return cut.done;
}
