/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/netlink/reply_times.h"

#include "server/base/clock.h"

#define US(n) ((n) * (uint64_t)NSEC_PER_USEC)
#define MS(n) ((n) * (uint64_t)NSEC_PER_MSEC)

const struct bucket_scale reply_times_sampled = {
	.count = 21,
	.unit = 1e-9,
	.limits = {US(2),   US(5),   US(10),  US(20),	US(50),	  US(100),  US(200),
		   US(500), MS(1),   MS(2),   MS(5),	MS(10),	  MS(20),   MS(50),
		   MS(100), MS(200), MS(500), MS(1000), MS(2000), MS(5000), MS(15000)},
};

/* A tick of the coarse clock is up to 10 ms. */
const struct bucket_scale reply_times_waited = {
	.count = 10,
	.unit = 1e-9,
	.limits = {MS(10), MS(20), MS(50), MS(100), MS(200), MS(500), MS(1000), MS(2000), MS(5000),
		   MS(15000)},
};
