/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nobody may wait for a log: it may lie on a mirror that waits for us, and then its reader stands still.
 *
 * stderr belongs to others too, so O_NONBLOCK would change it for them. A socket has MSG_DONTWAIT instead;
 * a pipe or terminal (or /dev/kmsg, of which poll says that it takes nothing, in an initramfs) is opened once more,
 * which makes an open file of our own. What can be neither is
 * written to when poll says that it takes something: a line is shorter than PIPE_BUF, so a pipe that takes
 * something takes it whole. A regular file is always said to, and can make its writer wait.
 *
 * syslog(3) can wait for ever, with its lock held: we speak to /dev/log ourselves.
 */
#include "server/base/diag_sink.h"

#include "server/base/clock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES 80u
#define FIELDS_BYTES 320u /* of an event: names, lengths and what is short */
#define JOURNAL "/run/systemd/journal/socket"

enum sink_kind {
	SINK_SHARED, /* stderr as it is */
	SINK_OWN, /* stderr, opened once more */
	SINK_SOCKET, /* stderr */
	SINK_SYSLOG,
};

static struct {
	enum sink_kind kind;
	int fd;
	bool journal;
	int fields_fd; /* the journal's own protocol */
} sink = {.kind = SINK_SHARED, .fd = STDERR_FILENO, .fields_fd = -1};

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
static const char *const names[] = {"error", "warning", "info", "debug"};

static int connect_syslog_as(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int connect_syslog(void)
{
	int fd = connect_syslog_as(SOCK_DGRAM);

	return fd == -EPROTOTYPE ? connect_syslog_as(SOCK_STREAM) : fd;
}

static void open_syslog(void)
{
	sink.kind = SINK_SYSLOG;
	tzset(); /* reads a file */
	sink.fd = connect_syslog();
}

static void open_stderr(void)
{
	struct stat st;

	sink.kind = SINK_SHARED;
	sink.fd = STDERR_FILENO;
	if (fstat(STDERR_FILENO, &st) != 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		sink.kind = SINK_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

		if (fd < 0)
			return;
		sink.kind = SINK_OWN;
		sink.fd = fd;
	}
}

void diag_sink_open(bool to_syslog)
{
	diag_sink_close();
	sink.journal = getenv("JOURNAL_STREAM") != NULL;
	if (to_syslog)
		open_syslog();
	else
		open_stderr();
	if (sink.journal && !to_syslog && sink.fields_fd < 0)
		sink.fields_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void diag_sink_close(void)
{
	if (sink.kind != SINK_OWN)
		return;
	close(sink.fd);
	sink.kind = SINK_SHARED;
	sink.fd = STDERR_FILENO;
}

/* --- a line --- */

static int format_syslog(char *line, size_t bytes, int priority, const char *text)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %T", &tm);
	return snprintf(line, bytes, "<%d>%s dirtylogd[%d]: %s", LOG_DAEMON | priority, stamp,
			(int)getpid(), text);
}

/* A stream's messages end with a 0, which a datagram may have as well. */
static size_t format_line(char *line, size_t bytes, enum diag_level level, const char *text)
{
	if (sink.kind == SINK_SYSLOG)
		return (size_t)format_syslog(line, bytes, priorities[level], text) + 1;
	if (sink.journal)
		return (size_t)snprintf(line, bytes, "<%d>%s\n", priorities[level], text);
	return (size_t)snprintf(line, bytes, "dirtylogd: %s: %s\n", names[level], text);
}

static bool takes_something(int64_t wait_ns)
{
	struct pollfd poll_fd = {.fd = sink.fd, .events = POLLOUT};

	return poll(&poll_fd, 1, wait_ns > 0 ? (int)(wait_ns / NSEC_PER_MSEC) + 1 : 0) > 0;
}

static int send_line(const char *line, size_t bytes)
{
	return send(sink.fd, line, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* It may have been started anew, or only now. */
static int send_to_syslog(const char *line, size_t bytes)
{
	int r = send_line(line, bytes);

	if (r == 0 || r == -EAGAIN || r == -EINTR)
		return r;
	if (sink.fd >= 0)
		close(sink.fd);
	sink.fd = connect_syslog();
	return sink.fd < 0 ? sink.fd : send_line(line, bytes);
}

static int write_now(const char *line, size_t bytes)
{
	if (sink.kind == SINK_SYSLOG)
		return send_to_syslog(line, bytes);
	if (sink.kind == SINK_SOCKET)
		return send_line(line, bytes);
	if (sink.kind == SINK_SHARED && !takes_something(0))
		return -EAGAIN;
	return write(sink.fd, line, bytes) < 0 ? -errno : 0;
}

int diag_sink_write(enum diag_level level, const char *text, int64_t wait_ns)
{
	int64_t end_ns = clock_now() + wait_ns;
	char line[DIAG_LINE_BYTES + HEADER_BYTES];
	size_t bytes = format_line(line, sizeof(line), level, text);

	for (;;) {
		int r = write_now(line, bytes);

		if (r != -EAGAIN && r != -EINTR)
			return r;
		wait_ns = end_ns - clock_now();
		if (wait_ns <= 0)
			return -EAGAIN;
		takes_something(wait_ns);
	}
}

/* --- fields, systemd's "Native Journal Protocol" --- */

/* Behind its length, since a value may have any bytes. */
static size_t put_field(char *at, const char *name, const char *value)
{
	uint64_t length = strlen(value), little_endian = htole64(length);
	size_t name_length = strlen(name);

	memcpy(at, name, name_length);
	at[name_length] = '\n';
	memcpy(at + name_length + 1, &little_endian, sizeof(little_endian));
	memcpy(at + name_length + 1 + sizeof(little_endian), value, length);
	at[name_length + 1 + sizeof(little_endian) + length] = '\n';
	return name_length + sizeof(little_endian) + length + 2;
}

static size_t format_event(char *buffer, enum diag_level level, const struct diag_event *event,
			   const char *text)
{
	char number[32];
	size_t bytes = 0;

	snprintf(number, sizeof(number), "%d", priorities[level]);
	bytes += put_field(buffer + bytes, "PRIORITY", number);
	bytes += put_field(buffer + bytes, "SYSLOG_IDENTIFIER", "dirtylogd");
	bytes += put_field(buffer + bytes, "MESSAGE", text);
	bytes += put_field(buffer + bytes, "MESSAGE_ID", event->id);
	if (event->log[0])
		bytes += put_field(buffer + bytes, "DIRTYLOGD_LOG", event->log);
	snprintf(number, sizeof(number), "%u:%u", event->major, event->minor);
	if (event->major || event->minor)
		bytes += put_field(buffer + bytes, "DIRTYLOGD_DEVICE", number);
	return bytes;
}

static bool send_fields(const char *buffer, size_t bytes)
{
	static const struct sockaddr_un journal = {.sun_family = AF_UNIX, .sun_path = JOURNAL};

	return sendto(sink.fields_fd, buffer, bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&journal, sizeof(journal)) >= 0;
}

int diag_sink_write_event(enum diag_level level, const struct diag_event *event, const char *text,
			  int64_t wait_ns)
{
	char buffer[DIAG_LINE_BYTES + DIAG_LOG_BYTES + FIELDS_BYTES];

	if (event->id && sink.fields_fd >= 0 &&
	    send_fields(buffer, format_event(buffer, level, event, text)))
		return 0;
	return diag_sink_write(level, text, wait_ns);
}
