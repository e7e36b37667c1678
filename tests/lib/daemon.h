/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as it is, over netlink and loop devices, for Criterion. Each test has a network namespace
 * of its own: its own daemon, and no ear for another's. Needs root. All functions assert.
 */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include "bitmap/log_image.h"
#include "server/control.h"
#include "tests/lib/asker.h"

#include <stdbool.h>
#include <sys/types.h>
#include <criterion/criterion.h>

#define REGIONS 20u /* regions of most logs */
#define DEVICE_BYTES (1 << 20) /* of most log devices */
#define NEVER "3600" /* a clear delay that no test lives to see */
#define WAIT_MSEC 10000 /* for what must come */
#define QUIET_MSEC 200 /* for what must not */

/* A log device: a loop device on a file without a name. It goes when all its fds are closed. */
struct loop {
	int file, fd;
	char name[32]; /* /dev/loop7 */
	char number[16]; /* 7:7 */
};

/* One for each test, since each test is a process. */
struct bench {
	pid_t daemon;
	int output; /* what it says */
	const char *max_lazy, *io_retry, *cpus; /* of the next start, NULL: the default */
	bool frozen; /* the file system in $DIR */
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
void set_frozen(bool frozen);
void tear_down(void);
struct loop make_loop_in(const char *directory, off_t bytes, uint32_t block);
struct loop make_loop(off_t bytes, uint32_t block);
/* On a file system that set_frozen freezes: then its writes wait. One for each test. */
struct loop make_cold_loop(void);
void end_cold_loop(void);
void fill_loop(const struct loop *loop, uint32_t version, uint64_t nr_regions, const uint8_t *bits,
	       size_t bytes);
bool clean_on_disk(const struct loop *loop, unsigned region);
uint64_t regions_on_disk(const struct loop *loop);
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
void reconnect(const struct loop *loop, unsigned regions);
void resume(void);
void make_log(const struct loop *loop, unsigned regions, const char *options);
void destroy_log(void);
void become(uint64_t luid, const char *uuid);

#endif
