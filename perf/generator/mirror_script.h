/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one mirror asks next, and whether it was answered rightly.
 *
 * A mirror is activated, run and deactivated. In each phase _next builds its next request and
 * moves the model on; _check compares the answer with what was expected when the request was
 * built. Pure: no I/O, no clock; the same seed gives the same requests. One thread.
 */
#ifndef PERF_GENERATOR_MIRROR_SCRIPT_H
#define PERF_GENERATOR_MIRROR_SCRIPT_H

#include "perf/generator/log_model.h"
#include "server/protocol/wire.h"

#define MIRROR_SCRIPT_WRITERS_MAX 32u /* the kernel marks at most so many at a time */

enum mirror_script_kind {
	MIRROR_SCRIPT_ONE_TYPE,
	MIRROR_SCRIPT_MARK_FLUSH, /* in turn */
	MIRROR_SCRIPT_KERNEL, /* reads, writes, recovery, status, as dm-mirror does */
	MIRROR_SCRIPT_RESYNC, /* passes of recovery alone */
	MIRROR_SCRIPT_CTR, /* a log comes and goes: CTR, RESUME, DTR */
};

struct mirror_script_workload {
	const char *name;
	enum mirror_script_kind kind;
	uint8_t type; /* of MIRROR_SCRIPT_ONE_TYPE */
	bool chain; /* each request waits for the answer to the last one of its log */
	bool out_of_sync; /* its logs start with all to be recovered */
};

/* NULL if there is none of this name. */
const struct mirror_script_workload *mirror_script_workload(const char *name);

enum mirror_script_pattern { MIRROR_SCRIPT_UNIFORM, MIRROR_SCRIPT_SEQUENTIAL };

struct mirror_script_config {
	const struct mirror_script_workload *workload;
	unsigned reads_percent; /* kernel: of all I/Os */
	unsigned writers; /* kernel: writes in hand at a time, 1 to MIRROR_SCRIPT_WRITERS_MAX */
	bool integrated_flush;
	bool resync; /* kernel: logs start out of sync and are recovered between the I/Os */
	enum mirror_script_pattern pattern;
	uint64_t hot; /* I/O goes to so many regions only; 0: to all */
};

/* The log is suspended behind the run, so that all of it is on the log device, and in a
 * verification resumed. */
enum mirror_script_phase {
	MIRROR_ACTIVATE,
	MIRROR_RUN,
	MIRROR_SETTLE,
	MIRROR_VERIFY,
	MIRROR_DEACTIVATE
};

/* What must be on the log device when a good answer has come, before anything else is asked. */
enum mirror_look {
	MIRROR_LOOK_NOT,
	MIRROR_LOOK_MARKS, /* the marks of the writes in hand */
	MIRROR_LOOK_DIRTY, /* everything that is dirty */
	MIRROR_LOOK_EXACT, /* and what is clean, too */
};

/* What the answer to a request must be. */
struct mirror_expected {
	uint64_t value; /* of a one-word answer; of IS_REMOTE_RECOVERING the hint */
	uint8_t type;
	bool unknown; /* value is not looked at */
	uint8_t look; /* enum mirror_look */
	int16_t error; /* 0 or -errno, and then the payload counts for its size alone */
};

struct mirror {
	const struct mirror_script_config *config;
	struct log_model model;
	uint64_t luid;
	uint32_t region_size; /* sectors */
	char uuid[DM_UUID_LEN];
	char ctr_text[WIRE_PAYLOAD_MAX];
	const char *look_path; /* NULL for a core log */
	char device[24]; /* major:minor, "" for a core log */
	char status[64]; /* STATUS_INFO of a healthy log */
	enum mirror_script_phase phase;
	unsigned step;
	uint64_t dice;
	uint64_t cursor; /* of the sequential pattern */
	uint64_t passed; /* mirror_pass: regions below it are in sync */
	uint64_t operations; /* begun in MIRROR_RUN */
	uint64_t writes; /* groups of them that were begun */
	uint64_t spot; /* first of three regions of a verification */
	uint64_t work; /* region that the last GET_RESYNC_WORK told, or LOG_MODEL_NO_REGION */
	uint64_t marks; /* regions marked so far */
	unsigned asked; /* IN_SYNCs of the writes in hand */
	unsigned nregions; /* of the writes in hand */
	uint64_t regions[MIRROR_SCRIPT_WRITERS_MAX];
};

/* A log that does not exist yet at the server. mem: as log_model_init has it. device: a path and
 * its major:minor, or NULL for a core log. look_path: where to see what lies on it; outlives the mirror. */
struct mirror_description {
	uint64_t luid;
	const char *uuid;
	uint64_t regions;
	uint32_t region_size; /* sectors */
	const char *device_path, *device_number, *look_path;
	uint64_t seed;
};

/* config stays the caller's and outlives the mirror. */
void mirror_init(struct mirror *mirror, const struct mirror_script_config *config,
		 const struct mirror_description *description, void *mem);

/* Nothing is on its way when a phase begins. */
void mirror_begin(struct mirror *mirror, enum mirror_script_phase phase);

/* Fill in the next request's type, payload and data_size. False: the phase is over (MIRROR_RUN
 * never is). A chain (mirror_is_chain) has one request on its way at a time. */
bool mirror_next(struct mirror *mirror, struct wire_message *message,
		 struct mirror_expected *expected);

bool mirror_is_chain(const struct mirror *mirror);

/* Compare the answer, length bytes long, its seq already matched. True if it is right; if not,
 * fault says what is wrong. */
bool mirror_check(struct mirror *mirror, const struct mirror_expected *expected,
		  const struct wire_message *reply, size_t length, char *fault, size_t fault_bytes);

/* The request was answered by somebody who knows nothing of logs (the echo server). */
void mirror_pass(struct mirror *mirror, const struct mirror_expected *expected);

/* Bytes of the payload of a good answer. */
uint32_t mirror_reply_bytes(const struct mirror *mirror, unsigned type);

#endif
