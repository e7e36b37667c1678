/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What two looks at the mirrors tell together, and which of them come first. Pure; any thread. */
#ifndef SERVER_CTL_RANKING_H
#define SERVER_CTL_RANKING_H

#include <jansson.h>
#include <stddef.h>

enum ranking_mode {
	RANKING_HOT, /* most requests in a second that change a region */
	RANKING_SLOW, /* longest write of the log, or longest wait */
	RANKING_RESYNCING, /* furthest from being in sync */
};

/* Give each mirror of a view "hot" (requests in a second) and, if its log was written, "slow" (milliseconds that a
 * write took in the mean), from an earlier view; seconds > 0 lie between. */
void ranking_compare(json_t *view, const json_t *before, double seconds);

/* The first ones, at most max, in an array. NULL: no memory. */
json_t *ranking_first(const json_t *view, enum ranking_mode mode, size_t max);

#endif
