/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anything said to the control socket, in as many pieces as there are NULs in it: the server lives on, and says something
 * to every whole line. Two logs are there. Input: what the client sends.
 */
#include "server/control.h"

#include "server/log/registry.h"
#include "server/settings.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct estate estate;
static struct registry registry;
static struct worker worker;
static struct slots slots;
static struct transport transport = {.fd = -1};
static struct metrics metrics;
static struct estate_executor watched;
static struct control control;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void make_log(uint64_t luid, const char *uuid)
{
	struct ctr_args args = {
		.region_count = 5000, .region_size = 8, .sectors = 40000, .type = "core"};
	struct mirror_log *log = mirror_log_create(&estate, uuid, luid, "40000 core 8", 12, &args);

	check(log && mirror_log_make_bits(log) == 0);
	log->run_queue = &worker.queue;
	dirty_log_begin_core(&log->dirty);
	mirror_log_set_state(log, LOG_ACTIVE);
	registry_add(&registry, log);
}

static int listen_somewhere(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			      "dirtylogd-fuzz-%d", getpid());

	address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	check(fd >= 0 && bind(fd, (struct sockaddr *)&address, address_length) == 0);
	check(listen(fd, 16) == 0);
	return fd;
}

static void *serve(void *argument)
{
	control_run(argument);
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	pthread_t thread;

	check(estate_create(&estate) == 0 && registry_create(&registry) == 0);
	slots_open(&slots, estate.fixed->slots, ESTATE_SLOTS, &estate.fixed->arrivals);
	make_log(1, "one");
	make_log(0xffff888012345678, "LVM-two");
	check(flush_engine_create(&worker.executor.engine, FLUSH_ENGINE_SYNC, 1) == 0);
	worker.queue.engine = worker.executor.engine;
	metrics = (struct metrics){.registry = &registry, .slots = &slots, .transport = &transport};
	control = (struct control){
		.listen_fds = {listen_somewhere(), -1},
		.stop_fd = eventfd(0, EFD_CLOEXEC),
		.relief_fds = {-1, -1, -1, -1, -1},
		.registry = &registry,
		.slots = &slots,
		.metrics = &metrics,
		.settings = &estate.fixed->settings,
		.estate = estate.fixed,
		.until_ns = INT64_MAX,
		.workers = &worker,
		.nworkers = 1,
		.generation = 1,
		.watched = &watched,
	};
	check(pthread_create(&thread, NULL, serve, &control) == 0);
	return 0;
}

static void say(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		const uint8_t *end = memchr(data, 0, size);
		size_t piece = end ? (size_t)(end - data) + 1 : size;

		/* It may have heard enough. */
		if (send(fd, data, piece, MSG_NOSIGNAL) < 0)
			return;
		data += piece;
		size -= piece;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[4096];
	size_t said = 0;
	ssize_t n;

	check(fd >= 0 && connect(fd, (struct sockaddr *)&address, address_length) == 0);
	say(fd, data, size);
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, answer, sizeof(answer), 0)) > 0)
		said += (size_t)n;
	if (size < CONTROL_LINE_MAX && memchr(data, '\n', size) && !memchr(data, 0, size))
		check(said > 0 || n < 0);
	close(fd);
	return 0;
}
