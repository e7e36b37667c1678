/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a mirror's table: what is adopted can be released, and adopted again. */
#include "server/protocol/mirror_params.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_way_back(const char *line, size_t room)
{
	char *ours = malloc(room), *kernels = malloc(room), *again = malloc(room);

	if (mirror_params_adopt(line, "u", false, ours, room) &&
	    (!mirror_params_release(ours, false, "254:0", kernels, room) ||
	     !mirror_params_adopt(kernels, "u", false, again, room) || strlen(again) > room))
		abort();
	free(ours);
	free(kernels);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	mirror_status_in_sync(line);
	expect_way_back(line, size + 64);
	free(line);
	return 0;
}
