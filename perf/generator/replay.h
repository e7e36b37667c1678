/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recording (server/protocol/recording.h) as traffic: the requests of each log in their order, each after
 * the answer to the one before it.
 *
 * Logs get other uuids and luids than they had, so that no mirror of this host is touched, and
 * other log devices, or none. Answers must be without error and of the right size. One thread.
 */
#ifndef PERF_GENERATOR_REPLAY_H
#define PERF_GENERATOR_REPLAY_H

#include "perf/generator/log_devices.h"
#include "perf/generator/traffic.h"

struct replay;

enum replay_phase {
	REPLAY_CTR, /* logs whose constructor is not recorded are made */
	REPLAY_RESUME, /* and resumed */
	REPLAY_REQUESTS,
	REPLAY_DTR, /* all logs go */
};

/* Open and look through the whole recording. speed: 2 is twice as fast as recorded, 0 as fast as
 * answers come. 0, or -errno said on stderr. */
int replay_open(struct replay **replay, const char *path, double speed);
void replay_close(struct replay *replay);

/* Logs in it, and the regions of the largest one. */
unsigned replay_logs(const struct replay *replay);
uint64_t replay_regions(const struct replay *replay);

/* Disk logs use these, one for each log, instead of becoming core logs. They outlive the replay. */
void replay_use_devices(struct replay *replay, const struct log_devices *devices);

/* Nothing is on its way. The pace is counted from now_ns. */
void replay_begin(struct replay *replay, enum replay_phase phase, int64_t now_ns);

struct traffic *replay_traffic(struct replay *replay);

/* Regions marked so far. */
uint64_t replay_marks(const struct replay *replay);

#endif
