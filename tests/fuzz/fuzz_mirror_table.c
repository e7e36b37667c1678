/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a mirror's table line, and as its status. */
#include "server/protocol/mirror_table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mirror_table table;
	struct mirror_status status;
	char *line = malloc(size + 1);

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	mirror_status_all_alive(line);
	if (mirror_status_parse(line, &status) && strlen(status.legs) != status.nlegs)
		abort();
	if (mirror_table_parse(line, &table) == MIRROR_TABLE_OURS &&
	    (table.nlegs < 1 || table.nlegs > MIRROR_TABLE_LEGS_MAX ||
	     strlen(table.uuid) >= DM_UUID_LEN || strlen(table.uuid) == 0))
		abort();
	free(line);
	return 0;
}
