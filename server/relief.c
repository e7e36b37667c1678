/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/relief.h"

#include "server/base/clock.h"
#include "server/control_socket.h"
#include "server/restart/place.h"
#include "server/restart/process_state.h"
#include "server/restart/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_SEC 2
#define END_LIMIT_NS (30 * NSEC_PER_SEC)
#define KILLED_LIMIT_NS (5 * NSEC_PER_SEC)
#define END_PAUSE_USEC 500

union ancillary {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(RELIEF_FDS * sizeof(int))];
};

/* --- the old one --- */

bool relief_is_possible(const int fds[RELIEF_FDS], pid_t supervisor)
{
	for (unsigned i = 0; i < RELIEF_NAME; i++)
		if (fds[i] < 0)
			return false;
	return supervisor > 0;
}

ssize_t relief_send(int client, const char *text, size_t size, const int fds[RELIEF_FDS])
{
	size_t bytes = (fds[RELIEF_NAME] < 0 ? RELIEF_NAME : RELIEF_FDS) * sizeof(int);
	union ancillary ancillary = {.head = {.cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(bytes)}};
	struct iovec part = {.iov_base = (char *)text, .iov_len = size};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &ancillary,
				 .msg_controllen = CMSG_SPACE(bytes)};

	memcpy(CMSG_DATA(&ancillary.head), fds, bytes);
	return sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- the new one --- */

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Into fds, which are -1. What is padding in the message's space is room for a descriptor more, which the kernel fills if
 * the other sends one. */
static void take_fds(struct msghdr *message, int fds[RELIEF_FDS])
{
	const struct cmsghdr *head = CMSG_FIRSTHDR(message);
	int given[CMSG_SPACE(RELIEF_FDS * sizeof(int)) / sizeof(int)];
	unsigned count;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	count = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(given, CMSG_DATA(head), count * sizeof(int));
	for (unsigned i = 0; i < count; i++) {
		if (i < RELIEF_FDS)
			fds[i] = given[i];
		else
			close(given[i]);
	}
}

static int receive(int from, struct relief *relief)
{
	char text[64] = "";
	struct iovec part = {.iov_base = text, .iov_len = sizeof(text) - 1};
	union ancillary ancillary;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &ancillary,
				 .msg_controllen = sizeof(ancillary)};

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	take_fds(&message, relief->fds);
	if (sscanf(text, "%d %d\n", &relief->supervisor, &relief->server) == 2 &&
	    relief_is_possible(relief->fds, relief->server))
		return 0;
	return -EOPNOTSUPP;
}

/* What a pid means may change, what a pidfd means does not. */
static int open_processes(struct relief *relief)
{
	relief->server_fd = pidfd_open(relief->server, 0);
	if (relief->server_fd < 0)
		return -errno;
	if (relief->supervisor == 0)
		return 0;
	relief->supervisor_fd = pidfd_open(relief->supervisor, 0);
	return relief->supervisor_fd < 0 ? -errno : 0;
}

static int ask(struct relief *relief)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = PATIENCE_SEC}, &holder);
	int r;

	if (fd < 0)
		return fd;
	r = dprintf(fd, RELIEF_REQUEST "\n") < 0 ? -errno : receive(fd, relief);
	close(fd);
	return r < 0 ? r : open_processes(relief);
}

void relief_close_turn(struct relief *relief)
{
	close_all(&relief->supervisor_fd, 1);
	close_all(&relief->server_fd, 1);
	close_all(&relief->turn_fd, 1);
}

int relief_ask(struct relief *relief)
{
	int r;

	memset(relief, -1, sizeof(*relief));
	relief->turn_fd = place_turn();
	r = relief->turn_fd < 0 ? relief->turn_fd : ask(relief);
	if (r == 0)
		return 0;
	close_all(relief->fds, RELIEF_FDS);
	relief_close_turn(relief);
	return r;
}

static bool has_gone(int process_fd)
{
	struct pollfd waiting = {.fd = process_fd, .events = POLLIN};

	return poll(&waiting, 1, 0) > 0;
}

/* A server that is left behind, since a thread of it waits for a device, is not waited for: restart.md. */
static bool both_are_gone(const struct relief *relief)
{
	int status;

	return (relief->supervisor_fd < 0 || has_gone(relief->supervisor_fd)) &&
	       (has_gone(relief->server_fd) || process_is_lost(relief->server, &status));
}

static int send_signal_to(int process_fd, int signal_number)
{
	return pidfd_send_signal(process_fd, signal_number, NULL, 0) != 0 ? -errno : 0;
}

static int ask_end(const struct relief *relief, bool hand_over)
{
	if (relief->supervisor_fd < 0)
		return send_signal_to(relief->server_fd, hand_over ? SIGUSR2 : SIGQUIT);
	return hand_over ? supervisor_ask_relief(relief->supervisor_fd)
			 : send_signal_to(relief->supervisor_fd, SIGTERM);
}

int relief_end(struct relief *relief, bool hand_over, struct watchdog *watchdog)
{
	int64_t end_ns = clock_now() + END_LIMIT_NS;
	int r = ask_end(relief, hand_over);

	if (r < 0)
		return r;
	while (!both_are_gone(relief)) {
		if (clock_now() > end_ns + KILLED_LIMIT_NS)
			return -ETIMEDOUT;
		if (clock_now() > end_ns)
			pidfd_send_signal(relief->server_fd, SIGKILL, NULL, 0);
		watchdog_feed(watchdog);
		usleep(END_PAUSE_USEC);
	}
	relief_close_turn(relief);
	return 0;
}
