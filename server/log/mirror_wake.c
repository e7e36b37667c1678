/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/log/mirror_wake.h"

#include "server/log/log_device.h"
#include "server/log/lvm_lock.h"
#include "server/restart/place.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 4096u
#define SECTOR_BYTES 512

/* Without the offset: what is of one mirror has one name. */
static size_t format_mirror(char *text, size_t bytes, const struct wake_place *place)
{
	return (size_t)snprintf(text, bytes, "%u:%u@%" PRIu64, place->major, place->minor,
				place->start);
}

bool wake_list_add(char list[WAKE_LIST_MAX], const struct wake_place *place)
{
	char text[80];
	size_t length = strlen(list), more = format_mirror(text, sizeof(text), place);

	more += (size_t)snprintf(text + more, sizeof(text) - more, "+%" PRIu64, place->offset);
	if (length + 1 + more >= WAKE_LIST_MAX)
		return false;
	snprintf(list + length, WAKE_LIST_MAX - length, "%s%s", length ? "," : "", text);
	return true;
}

bool wake_list_next(const char **at, struct wake_place *place)
{
	int length = 0;

	if (sscanf(*at, "%" SCNu32 ":%" SCNu32 "@%" SCNu64 "+%" SCNu64 "%n", &place->major,
		   &place->minor, &place->start, &place->offset, &length) != 4)
		return false;
	*at += length;
	*at += **at == ',';
	return true;
}

/* The one before may hang still. The file stays, one for each mirror. */
static bool is_alone(const struct wake_place *place)
{
	char name[80] = "wake-";

	format_mirror(name + strlen(name), sizeof(name) - strlen(name), place);
	return device_lock_try(PLACE_DIR, name) >= 0; /* held until we end */
}

/* Past the page cache, which would answer in the mirror's place. */
static void read_block(const struct wake_place *place)
{
	void *block;
	int fd;

	if (!is_alone(place) || posix_memalign(&block, READ_BYTES, READ_BYTES) != 0)
		return;
	fd = log_device_open_number(place->major, place->minor, O_RDONLY | O_DIRECT);
	if (fd >= 0)
		(void)!pread(fd, block, READ_BYTES,
			     (off_t)(place->start + place->offset) * SECTOR_BYTES);
}

int mirror_wake(const char *list)
{
	struct wake_place place;

	while (wake_list_next(&list, &place)) {
		if (fork() != 0)
			continue;
		read_block(&place);
		_exit(0);
	}
	return *list == '\0' ? 0 : 1;
}
