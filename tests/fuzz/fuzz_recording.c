/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any file as a recording: no stray access, an end, and records that encode to the same bytes but
 * for the padding. Input: the file.
 */
#include "server/protocol/recording.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_record(const struct recording_record *record)
{
	uint8_t again[RECORDING_RECORD_MAX];
	size_t bytes = recording_encode(again, record->time_ns, record->request, record->length);

	check(bytes >= RECORDING_HEADER_BYTES + record->length && bytes <= sizeof(again));
	check(memcmp(again, (const uint8_t *)record->request - RECORDING_HEADER_BYTES,
		     RECORDING_HEADER_BYTES + record->length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Aligned, and exactly as long. */
	uint8_t *file = malloc(size ? size : 1);
	struct recording_reader reader;
	struct recording_record record;
	int r;

	memcpy(file, data, size);
	r = recording_open(&reader, file, size);
	check(r == 0 || r == -EBADMSG);
	if (r == 0)
		while ((r = recording_next(&reader, &record)) == 1)
			check_record(&record);
	check(r == 0 || r == -EBADMSG);
	free(file);
	return 0;
}
