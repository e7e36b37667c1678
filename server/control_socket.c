/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who listens is told by the kernel (SO_PEERCRED): the credentials of the process at its listen(2). */
#include "server/control_socket.h"

#include "server/restart/place.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static socklen_t abstract_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path + 1, CONTROL_NAME, strlen(CONTROL_NAME));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(CONTROL_NAME));
}

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == PLACE_PATH_MAX, "a path fits");

static socklen_t file_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	place_path(address->sun_path, "control");
	return sizeof(*address);
}

static int listen_at(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static struct ucred peer_of(int fd)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return (struct ucred){0};
	return peer;
}

/* Not waited for: it may not accept anybody. */
static struct ucred holder_of(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred holder = {0};

	if (fd < 0)
		return holder;
	if (connect(fd, (const struct sockaddr *)address, length) == 0)
		holder = peer_of(fd);
	close(fd);
	return holder;
}

int control_listen(struct ucred *holder)
{
	struct sockaddr_un address;
	socklen_t length = abstract_address(&address);
	int fd = listen_at(&address, length);

	*holder = (struct ucred){0};
	if (fd == -EADDRINUSE)
		*holder = holder_of(&address, length);
	return fd;
}

int control_listen_file(void)
{
	struct sockaddr_un address;
	socklen_t length = file_address(&address);
	mode_t before;
	int fd;

	unlink(address.sun_path);
	before = umask(S_IXUSR | S_IRWXG | S_IRWXO);
	fd = listen_at(&address, length);
	umask(before);
	return fd;
}

void control_listen_again(int fd)
{
	if (fd >= 0)
		listen(fd, BACKLOG);
}

static int connect_to(const struct sockaddr_un *address, socklen_t length, struct timeval patience,
		      struct ucred *holder)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)address, length) != 0) {
		r = -errno;
	} else {
		*holder = peer_of(fd);
		if (holder->pid == 0 || holder->uid != 0)
			r = -EPERM;
	}
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int control_connect(struct timeval patience, struct ucred *holder)
{
	struct sockaddr_un address;
	socklen_t length = file_address(&address);
	int fd;

	*holder = (struct ucred){0};
	fd = connect_to(&address, length, patience, holder);
	if (fd >= 0 || fd == -EAGAIN)
		return fd;
	length = abstract_address(&address);
	return connect_to(&address, length, patience, holder);
}
