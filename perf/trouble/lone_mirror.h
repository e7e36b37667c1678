/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's part of one mirror that asks one thing at a time, and beside it may have one request on its way that its
 * device holds up. What no server may do (no answer, one too many, another's) ends the process, with status 1 and a
 * line that says what: so callers look at what was answered alone.
 *
 * One mirror in a process, and one thread.
 */
#ifndef PERF_TROUBLE_LONE_MIRROR_H
#define PERF_TROUBLE_LONE_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "server/protocol/wire.h"

/* Say it, and end with status 1. */
__attribute__((format(printf, 1, 2), noreturn)) void lone_mirror_die(const char *format, ...);

/* Before all others: in this network namespace, as a mirror that no other process of ours has. */
void lone_mirror_open(void);

/* Ask, and wait for the answer, which is valid until the next one. Its error is the caller's to look at. */
const struct wire_message *lone_mirror_ask(unsigned type, const uint64_t *words, unsigned count);

/* The error of the answer: 0 or -errno. */
int lone_mirror_error(unsigned type, const uint64_t *words, unsigned count);

/* The same, where there may be no server for a moment: what is not answered for 2 s is asked again, as the kernel does. Of
 * each time an answer may still come, and no more than one. */
int lone_mirror_error_at_last(unsigned type, const uint64_t *words, unsigned count);

/* CTR and RESUME of a log on this device. sync: " nosync", or "" for what the device holds. 0 or -errno. */
int lone_mirror_make(const char *device, unsigned regions, const char *sync);

/* The same, of a mirror that runs and whose log was forgotten: the kernel sends the table's words with their end then,
 * and dirtylogd tells the two apart by it. */
int lone_mirror_make_again(void);

/* As the kernel takes a mirror down. Its device may have failed: what it says behind the DTR counts. */
void lone_mirror_remove(void);

/* The health that STATUS_INFO tells of the log, a letter: dm-log-userspace's A, D, F. */
char lone_mirror_health(void);

/* FLUSH with this mark in it, which is not waited for. */
void lone_mirror_send_mark(uint64_t region);

/* Whether its answer comes in this time. */
bool lone_mirror_mark_answered(int64_t ns);

/* The error of that answer, which has come. Then another mark may be sent. */
int lone_mirror_mark_error(void);

/* Nothing more may come. */
void lone_mirror_close(void);

#endif
