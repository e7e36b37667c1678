/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket is made here, so that what is wrong with it can be told. */
#include "server/metrics_http.h"

#include "server/base/confine.h"
#include "server/base/diag.h"
#include "server/base/option_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4
#define CONNECTIONS 4u
#define PATIENCE_SEC 5u
#define STACK_BYTES ((size_t)256 << 10) /* all memory is locked */
#define CONNECTION_BYTES ((size_t)16 << 10)
#define OPEN_METRICS "application/openmetrics-text"

/* --- the address --- */

static bool parse_host(const char *host, uint16_t port, struct metrics_address *address)
{
	struct metrics_address made = {.ip4 = {.sin_family = AF_INET, .sin_port = htons(port)},
				       .length = sizeof(made.ip4)};

	if (strcmp(host, "[::1]") == 0) {
		made.ip6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
						 .sin6_port = htons(port),
						 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		made.length = sizeof(made.ip6);
	} else if (inet_pton(AF_INET, host, &made.ip4.sin_addr) != 1 ||
		   ntohl(made.ip4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT != IN_LOOPBACKNET) {
		return false;
	}
	*address = made;
	return true;
}

bool metrics_address_parse(const char *text, struct metrics_address *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) ||
	    !option_parse_number(colon + 1, 1, UINT16_MAX, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	return parse_host(host, (uint16_t)port, address);
}

static int listen_on(const struct metrics_address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	/* Connections of the server before linger on the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address->any, address->length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* --- answers --- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status,
			     const char *content_type, struct MHD_Response *response)
{
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_constant(struct MHD_Connection *connection, unsigned status,
				      const char *text)
{
	return reply(connection, status, "text/plain",
		     MHD_create_response_from_buffer(strlen(text), (void *)text,
						     MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result reply_metrics(struct MHD_Connection *connection,
				     const struct metrics *metrics, bool open)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return MHD_NO;
	metrics_print(out, metrics, open);
	if (fclose(out) != 0) {
		free(text);
		return MHD_NO;
	}
	return reply(connection, MHD_HTTP_OK,
		     open ? OPEN_METRICS "; version=1.0.0; charset=utf-8"
			  : "text/plain; version=0.0.4; charset=utf-8",
		     MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE));
}

/* A body is nothing to us: who sends one is left. */
static enum MHD_Result answer_http(void *context, struct MHD_Connection *connection,
				   const char *url, const char *method, const char *version,
				   const char *upload, size_t *upload_size, void **request)
{
	const char *accepts;

	if (*upload_size > 0)
		return MHD_NO;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return reply_constant(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET is expected\n");
	if (strcmp(url, "/metrics") != 0)
		return reply_constant(connection, MHD_HTTP_NOT_FOUND,
				      "/metrics is what there is\n");
	accepts = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	return reply_metrics(connection, context, accepts && strstr(accepts, OPEN_METRICS));
}

/* --- the thread --- */

/* Its first call of ours: before it has read a byte of anybody's. Without the filter it answers all the same. */
static void confine_it(void *context, struct MHD_Connection *connection, void **of_connection,
		       enum MHD_ConnectionNotificationCode code)
{
	static _Thread_local bool confined;
	int r;

	if (confined)
		return;
	confined = true;
	r = confine_to_answering();
	if (r < 0)
		diag_warning("the thread for metrics over HTTP keeps all its rights: %s",
			     strerror(-r));
}

/* poll: descriptors of log devices are beyond what select takes. */
static struct MHD_Daemon *start_thread(int fd, const struct metrics *metrics)
{
	return MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, answer_http,
		(void *)metrics, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION,
		confine_it, NULL, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_END);
}

struct metrics_http *metrics_http_start(const struct metrics_address *address,
					const struct metrics *metrics)
{
	struct MHD_Daemon *http;
	int fd;

	if (address->length == 0)
		return NULL;
	fd = listen_on(address);
	if (fd < 0) {
		diag_error("no metrics over HTTP, all else is served: %s", strerror(-fd));
		return NULL;
	}
	http = start_thread(fd, metrics);
	if (!http) {
		diag_error("no metrics over HTTP, all else is served: no thread");
		close(fd);
	}
	return (struct metrics_http *)http;
}

void metrics_http_stop(struct metrics_http *http)
{
	if (http)
		MHD_stop_daemon((struct MHD_Daemon *)http);
}
