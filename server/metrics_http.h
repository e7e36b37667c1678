/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.h over HTTP, on an address of this host alone: libmicrohttpd, by a thread of its own that touches nothing
 * that a request needs. Who asks may be any user of the host. Where it cannot be it is told, and all else goes on.
 */
#ifndef SERVER_METRICS_HTTP_H
#define SERVER_METRICS_HTTP_H

#include <netinet/in.h>

#include "server/metrics.h"

struct metrics_address {
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
	};
	socklen_t length; /* 0: none */
};

/* text: 127.X.X.X:PORT or [::1]:PORT. False: it is nothing of the kind. */
bool metrics_address_parse(const char *text, struct metrics_address *address);

struct metrics_http;

/* NULL: none is wanted, or it was told why there is none. metrics: stays the caller's, until metrics_http_stop. The
 * thread runs where the calling one may. */
struct metrics_http *metrics_http_start(const struct metrics_address *address,
					const struct metrics *metrics);

/* Waits for an answer that is being made, and for no client. http may be NULL. */
void metrics_http_stop(struct metrics_http *http);

#endif
