/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as it is, over netlink and loop devices, for Criterion. Each test has a network namespace
 * of its own: its own daemon, and no ear for another's. Needs root. All functions assert.
 */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include "server/control.h"
#include "tests/lib/asker.h"
#include "tests/lib/log_device.h"

#include <stdbool.h>
#include <sys/types.h>
#include <criterion/criterion.h>

#define REGIONS 20u /* regions of most logs */
#define NEVER "3600" /* a clear delay that no test lives to see */
#define WAIT_MSEC 10000 /* for what must come */
#define QUIET_MSEC 200 /* for what must not */

/* One for each test, since each test is a process. */
struct bench {
	pid_t daemon;
	int output; /* what it says */
	const char *max_lazy, *io_retry, *cpus; /* of the next start, NULL: the default */
	bool supervised; /* of the next start */
	void (*in_child)(void); /* before exec, NULL: nothing */
	struct asker asker;
};

extern struct bench bench;

void sleep_msec(unsigned msec);
int64_t now_msec(void);
void control_ask(const char *line, char *text, size_t bytes);
unsigned long stat_of(const char *name); /* a line of `dirtylogctl stats`; 0: none */
bool control_answers(void);
const char *daemon_path(void);
pid_t spawn(char *const *args);
void start_with(const char *accept, const char *engine, const char *delay);
void start(void);
int end_daemon(int signal_number);
char *output(void);
bool said(const char *first, const char *second);
void expect_said(const char *first, const char *second);
void set_up(void);
void tear_down(void);
struct answer ask(unsigned type, const void *payload, uint32_t size);
int ask_error(unsigned type, const void *payload, uint32_t size);
void ask_ok(unsigned type, const void *payload, uint32_t size);
uint64_t ask_u64(unsigned type, const void *payload, uint32_t size);
uint64_t in_sync(uint64_t region);
uint64_t is_clean(uint64_t region);
uint64_t sync_count(void);
void mark(uint64_t region);
void clear(uint64_t region);
void flush(void);
int set_region_sync(uint64_t region, int64_t value);
void expect_text(unsigned type, const char *text);
void expect_pair(unsigned type, const void *payload, uint32_t size, uint64_t first,
		 uint64_t second);
void expect_work(uint64_t region);
void expect_no_work(void);
void expect_hint(uint64_t hint);
__attribute__((format(printf, 1, 2))) struct answer ctr(const char *format, ...);
void reconnect(const struct loop_device *loop, unsigned regions);
void resume(void);
void make_log(const struct loop_device *loop, unsigned regions, const char *options);
void destroy_log(void);
void become(uint64_t luid, const char *uuid);

#endif
