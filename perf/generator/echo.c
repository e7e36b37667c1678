/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A batch of requests is received, turned into answers in place and sent from the same memory;
 * nothing is looked up and nothing is remembered. The two sockets are opened in a namespace that no
 * path names: the generator enters it, opens them, goes home, and the fork inherits its end.
 */
#include "perf/generator/echo.h"

#include "perf/generator/connector.h"
#include "perf/generator/server_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	struct wire_message messages[CLIENT_BATCH];
	struct sockaddr_nl from[CLIENT_BATCH];
	struct iovec iov[CLIENT_BATCH];
	struct mmsghdr headers[CLIENT_BATCH];
} batch;

static int open_server(uint32_t *port)
{
	struct sockaddr_nl address;
	int fd = connector_open(0, &address);
	int r;

	if (fd < 0)
		return fd;
	r = connector_make_room(fd);
	if (r == 0)
		r = connector_join(fd);
	if (r == 0) {
		*port = address.nl_pid;
		return fd;
	}
	close(fd);
	return r;
}

static void set_up_batch(void)
{
	for (unsigned i = 0; i < CLIENT_BATCH; i++) {
		batch.iov[i].iov_base = &batch.messages[i].nl;
		batch.headers[i].msg_hdr.msg_iov = &batch.iov[i];
		batch.headers[i].msg_hdr.msg_iovlen = 1;
		batch.headers[i].msg_hdr.msg_name = &batch.from[i];
	}
}

static int receive_batch(int fd, bool poll)
{
	for (unsigned i = 0; i < CLIENT_BATCH; i++) {
		batch.iov[i].iov_len = WIRE_DATAGRAM_MAX;
		batch.headers[i].msg_hdr.msg_namelen = sizeof(batch.from[i]);
	}
	return recvmmsg(fd, batch.headers, CLIENT_BATCH, poll ? MSG_DONTWAIT : MSG_WAITFORONE,
			NULL);
}

static void answer_batch(int fd, unsigned count, const struct echo_config *config)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < count; i++) {
		struct wire_message *message = &batch.messages[i];

		wire_reply(message, 0, config->reply_bytes[wire_type(message) % WIRE_TYPES]);
		batch.iov[i].iov_len = wire_length(message);
		batch.from[i].nl_groups = 0;
	}
	while (sent < count) {
		int n = sendmmsg(fd, batch.headers + sent, count - sent, 0);

		if (n <= 0)
			_exit(1); /* the generator has ended */
		sent += (unsigned)n;
	}
}

static void serve(int fd, const struct echo_config *config)
{
	set_up_batch();
	for (;;) {
		int n = receive_batch(fd, config->poll);

		if (n > 0)
			answer_batch(fd, (unsigned)n, config);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			_exit(1);
	}
}

/* Both sockets in a new namespace, which lives as long as they do. */
static int open_both(struct client *client, uint32_t *port)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd, r;

	if (home < 0)
		return -errno;
	fd = unshare(CLONE_NEWNET) == 0 ? open_server(port) : -errno;
	if (fd >= 0) {
		r = client_open(client, 0);
		if (r < 0) {
			close(fd);
			fd = r;
		}
	}
	if (setns(home, CLONE_NEWNET) != 0)
		fd = -errno;
	close(home);
	return fd;
}

int echo_start(const struct echo_config *config, struct client *client, pid_t *pid, uint32_t *port)
{
	int fd = open_both(client, port);

	if (fd < 0)
		return fd;
	*pid = fork();
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		server_process_pin(config->cpu);
		serve(fd, config);
	}
	close(fd);
	return *pid < 0 ? -errno : 0;
}

void echo_pause(pid_t pid)
{
	kill(pid, SIGSTOP);
}

void echo_resume(pid_t pid)
{
	kill(pid, SIGCONT);
}

void echo_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
