/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a mirror asks of its log, for Criterion: bench.asker's requests by name, each with the
 * answer that it must have. The log is LVM-one with luid 1 until a test becomes another. All
 * functions assert.
 */
#ifndef TESTS_LIB_REQUESTS_H
#define TESTS_LIB_REQUESTS_H

#include "perf/generator/loop_device.h"
#include "tests/lib/daemon.h"

#define REGIONS 20u /* regions of most logs */

/* The next requests are those of this log. */
void become(uint64_t luid, const char *uuid);

/* --- any request --- */

/* Its answer, whatever error and payload it has. */
struct answer ask(unsigned type, const void *payload, uint32_t size);
/* Its error: 0 or -errno. */
int ask_error(unsigned type, const void *payload, uint32_t size);
/* It succeeds, with an empty payload. */
void ask_ok(unsigned type, const void *payload, uint32_t size);
/* It succeeds, with one number. */
uint64_t ask_u64(unsigned type, const void *payload, uint32_t size);
void expect_pair(unsigned type, const void *payload, uint32_t size, uint64_t first,
		 uint64_t second);
void expect_text(unsigned type, const char *text);

/* Send a request; await_answer has its answer, which is its own, whatever error it has. */
struct wire_message send_request(unsigned type, const void *payload, uint32_t size);
struct answer await_answer(const struct wire_message *request);
/* As await_answer; it succeeds. */
void await_success(const struct wire_message *request);
/* Each request had its answer, or has none yet: nothing comes for so long. */
void expect_silence(unsigned msec);

/* --- a log's life --- */

/* The answer to a CTR with this constructor string. */
__attribute__((format(printf, 1, 2))) struct answer ctr(const char *format, ...);
/* A CTR that succeeds. */
__attribute__((format(printf, 1, 2))) void ctr_ok(const char *format, ...);
/* As the kernel does when a request was answered with -ESRCH: with the NUL. */
void reconnect(const struct loop_device *loop, unsigned regions);
/* The error of such a CTR, with this constructor string. */
__attribute__((format(printf, 1, 2))) int reconnect_error(const char *format, ...);
void resume(void);
/* A log of regions on the loop device, resumed. options: "", " sync" or " nosync". */
void make_log(const struct loop_device *loop, unsigned regions, const char *options);
void destroy_log(void);

/* --- regions --- */

void mark(uint64_t region);
void clear(uint64_t region);
void flush(void);
uint64_t in_sync(uint64_t region);
uint64_t is_clean(uint64_t region);
uint64_t sync_count(void);
int set_region_sync(uint64_t region, int64_t value); /* the error */
void expect_work(uint64_t region); /* is handed out for recovery */
void expect_no_work(void);
void expect_hint(uint64_t hint); /* where recovery stands, as IS_REMOTE_RECOVERING tells */

#endif
