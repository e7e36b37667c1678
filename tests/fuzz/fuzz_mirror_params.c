/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a mirror's table: what is adopted can be released, and adopted again; and likewise
 * with a log in front. */
#include "server/protocol/mirror_params.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_way_back(const char *line, bool front, size_t room)
{
	char *ours = malloc(room), *kernels = malloc(room), *again = malloc(room);

	if (mirror_params_adopt(line, "u", false, front, ours, room) &&
	    (!mirror_params_release(ours, false, "254:0", kernels, room) ||
	     !mirror_params_adopt(kernels, "u", false, front, again, room) || strlen(again) > room))
		abort();
	free(ours);
	free(kernels);
	free(again);
}

/* A log of ours: with one in front and without, and made anew. */
static void expect_front_and_back(const char *line, size_t room)
{
	bool front = mirror_params_has_front(line);
	char *other = malloc(room), *again = malloc(room);

	if (mirror_params_front(line, false, !front, "254:0", other, room) &&
	    (mirror_params_has_front(other) == front ||
	     !mirror_params_front(other, false, front, "254:0", again, room) ||
	     !mirror_params_resync(other, true, "254:0", again, room)))
		abort();
	free(other);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	mirror_status_in_sync(line);
	expect_way_back(line, false, size + 96);
	expect_way_back(line, true, size + 96);
	expect_front_and_back(line, size + 128);
	free(line);
	return 0;
}
