/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket, set up by libnl. */
#include "server/netlink/transport.h"

#include "server/base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#define MODULE_DIR "/sys/module/dm_log_userspace"
#define KERNEL_NAME "dmlogusr" /* cn_add_callback() in drivers/md/dm-log-userspace-transfer.c */

static int set_options(struct transport *transport, int rcvbuf)
{
	socklen_t length = sizeof(transport->rcvbuf);
	int on = 1;

	if (setsockopt(transport->fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) != 0 &&
	    setsockopt(transport->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) != 0)
		return -errno;
	/* An overrun shall not shut the socket until it is empty (netlink_overrun()). */
	if (setsockopt(transport->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) != 0)
		return -errno;
	getsockopt(transport->fd, SOL_SOCKET, SO_RCVBUF, &transport->rcvbuf, &length);
	if (transport->rcvbuf / 2 < rcvbuf)
		diag_warning("receive buffer is %d bytes, not the %d asked for: run as root, or "
			     "raise net.core.rmem_max",
			     transport->rcvbuf / 2, rcvbuf);
	return 0;
}

/* libnl's socket object goes, its socket stays. */
static int keep_fd(struct nl_sock *sock)
{
	int fd = fcntl(nl_socket_get_fd(sock), F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int open_socket(struct transport *transport, struct nl_sock *sock, int rcvbuf)
{
	int r = nl_connect(sock, NETLINK_CONNECTOR);

	if (r < 0) {
		diag_error("no netlink connector socket: %s", nl_geterror(r));
		return -EPROTONOSUPPORT;
	}
	transport->fd = nl_socket_get_fd(sock);
	r = set_options(transport, rcvbuf);
	if (r < 0) {
		diag_error("cannot set up the netlink socket: %s", strerror(-r));
		return r;
	}
	r = nl_socket_add_membership(sock, CN_IDX_DM);
	if (r < 0) {
		diag_error("cannot join connector group %d: %s (root in the initial user "
			   "namespace is needed)",
			   CN_IDX_DM, nl_geterror(r));
		return -EPERM;
	}
	return keep_fd(sock);
}

int transport_open(struct transport *transport, int rcvbuf)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r;

	if (!sock)
		return -ENOMEM;
	r = open_socket(transport, sock, rcvbuf);
	nl_socket_free(sock);
	transport->fd = r;
	return r < 0 ? r : 0;
}

int transport_take_over(struct transport *transport, int fd, int rcvbuf)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0)
		return -errno;
	if (protocol != NETLINK_CONNECTOR)
		return -EPROTOTYPE;
	transport->fd = fd;
	return set_options(transport, rcvbuf);
}

void transport_join(struct transport *transport)
{
	int group = CN_IDX_DM;

	if (setsockopt(transport->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) !=
	    0)
		diag_error("cannot join connector group %d: %s", group, strerror(errno));
}

void transport_leave(struct transport *transport)
{
	int group = CN_IDX_DM;

	setsockopt(transport->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

/* A port of ours is not unique, as there is a table for each protocol; an inode is. */
bool transport_drops(const struct transport *transport, uint64_t *drops)
{
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];
	struct stat own;
	bool found = false;

	if (!file)
		return false;
	if (fstat(transport->fd, &own) != 0)
		own.st_ino = 0;
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned long long count, inode;

		found = sscanf(line, "%*s %*u %*u %*x %*d %*d %*d %*d %llu %llu", &count, &inode) ==
				2 &&
			inode == own.st_ino;
		if (found)
			*drops = count;
	}
	fclose(file);
	return found;
}

static uint32_t own_port(const struct transport *transport)
{
	struct sockaddr_nl address = {.nl_pid = 0};
	socklen_t length = sizeof(address);

	getsockname(transport->fd, (struct sockaddr *)&address, &length);
	return address.nl_pid;
}

/* In the list of the connector's users. Built in, it is nowhere else. */
static bool kernel_listens(void)
{
	int fd = open("/proc/net/connector", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, KERNEL_NAME) != NULL;
}

bool transport_kernel_is_there(void)
{
	return access(MODULE_DIR, F_OK) == 0 || kernel_listens();
}

/* Call visit with the port of each socket that is in the dirty log's group. */
static void visit_listeners(void (*visit)(uint32_t port, void *context), void *context)
{
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned protocol, port, groups;

		if (sscanf(line, "%*s %u %u %x", &protocol, &port, &groups) == 3 &&
		    protocol == NETLINK_CONNECTOR && (groups & (1u << (CN_IDX_DM - 1))))
			visit(port, context);
	}
	if (file)
		fclose(file);
}

static void warn_of_listener(uint32_t port, void *own)
{
	if (port != *(const uint32_t *)own)
		diag_warning("netlink port %u also listens to the dirty log's group: the kernel "
			     "will not notice if dirtylogd stops (is cmirrord running?)",
			     port);
}

void transport_warn_of_listeners(const struct transport *transport)
{
	uint32_t own = own_port(transport);

	visit_listeners(warn_of_listener, &own);
}

static void count_listener(uint32_t port, void *count)
{
	++*(unsigned *)count;
}

unsigned transport_count_listeners(void)
{
	unsigned count = 0;

	visit_listeners(count_listener, &count);
	return count;
}
