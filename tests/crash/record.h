/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record of what a daemon wrote to its log devices and what it answered, in one order: each event is appended
 * in one write, followed by its bytes of data.
 */
#ifndef TESTS_CRASH_RECORD_H
#define TESTS_CRASH_RECORD_H

#include <stdint.h>

#define RECORD_VARIABLE "DIRTYLOGD_CRASH_RECORD" /* its path */

enum record_kind {
	RECORD_SUBMIT = 1, /* a write begins; its data follows */
	RECORD_DONE, /* it is durable, or has failed */
	RECORD_ANSWER, /* a reply is about to be sent; the request's payload follows */
	RECORD_REQUEST, /* the test is about to send one; its payload follows */
	RECORD_LOG, /* the test's: a log begins on the device, with `id` regions; `error`: nosync */
};

struct record_event {
	uint32_t kind;
	uint32_t bytes; /* of data behind it */
	uint64_t id; /* of the write */
	uint64_t offset;
	uint32_t type; /* of the request */
	int32_t error;
};

#endif
