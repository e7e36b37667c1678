/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any constructor string: no stray access, and what is taken keeps the promises of
 * server/protocol/ctr_args.h. Input: the string.
 */
#include "server/protocol/ctr_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_taken(const struct ctr_args *args)
{
	uint64_t last = args->region_count - 1;

	check(args->sectors > 0 && args->sectors <= INT64_MAX);
	check(args->region_size >= CTR_ARGS_MIN_REGION_SECTORS);
	check((args->region_size & (args->region_size - 1)) == 0);
	/* The last region has at least a sector, and none is behind it. */
	check(args->region_count > 0 && last < UINT64_MAX / args->region_size);
	check(last * args->region_size < args->sectors);
	check(args->sectors - last * args->region_size <= args->region_size);
	check(memchr(args->type, '\0', sizeof(args->type)) && args->type[0]);
	check(memchr(args->device, '\0', sizeof(args->device)));
	check(args->disk == (args->device[0] != '\0'));
	check(args->disk == (strstr(args->type, "disk") != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, and without a NUL behind. */
	char *text = malloc(size ? size : 1);
	struct ctr_args args;
	const char *why = NULL;
	int r;

	memcpy(text, data, size);
	r = ctr_args_parse(text, size, &args, &why);
	if (r == 0) {
		check(size <= CTR_ARGS_TEXT_MAX);
		check_taken(&args);
	} else {
		check(r == -EINVAL && why && *why);
	}
	free(text);
	return 0;
}
