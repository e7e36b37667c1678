/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The constructor string of a log: `<sectors> <type> [<device>] <region_size> [[no]sync]
 * [block_on_error]`, as the kernel joins it (build_constructor_string() in
 * drivers/md/dm-log-userspace-base.c). Pure; any thread.
 */
#ifndef SERVER_PROTOCOL_CTR_ARGS_H
#define SERVER_PROTOCOL_CTR_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/protocol/wire.h"

#define CTR_ARGS_TEXT_MAX WIRE_PAYLOAD_MAX
#define CTR_ARGS_TYPE_MAX 16u
#define CTR_ARGS_DEVICE_MAX 256u
#define CTR_ARGS_MIN_REGION_SECTORS 8u /* a page */

enum ctr_args_sync {
	CTR_ARGS_DEFAULTSYNC, /* the image decides */
	CTR_ARGS_SYNC, /* all regions out of sync at the first resume */
	CTR_ARGS_NOSYNC, /* what no valid image covers is in sync */
};

struct ctr_args {
	uint64_t sectors; /* of the mirror, 512 bytes each */
	uint64_t region_count;
	uint32_t region_size; /* sectors, a power of two */
	bool disk; /* has a log device */
	bool clustered; /* meant for several hosts */
	bool block_on_error; /* accepted, as cmirrord does; the mirror decides by itself */
	enum ctr_args_sync sync;
	char type[CTR_ARGS_TYPE_MAX]; /* as given: disk, core, clustered-disk, clustered-core */
	char device[CTR_ARGS_DEVICE_MAX]; /* path or major:minor, "" for a core log */
	/* Of a string that is refused, if its words look miscounted: <ARGC> of the table line as it was, and as
	 * it should be, without integrated_flush, which the kernel keeps to itself. Else 0. */
	unsigned argc_was, argc_fits;
};

/* Parse length bytes of text (untrusted, no NUL inside). 0, or -EINVAL with *why naming the fault
 * (a static string). */
int ctr_args_parse(const char *text, size_t length, struct ctr_args *args, const char **why);

#endif
