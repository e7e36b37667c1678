/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Differences of the counters in tally.h. */
#include "server/ctl/ranking.h"

#include "server/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ranked {
	json_t *mirror;
	double score;
};

static void log_key(const json_t *log, char key[256])
{
	snprintf(key, 256, "%s %s", view_text(log, "luid"), view_text(log, "uuid"));
}

static json_t *logs_by_key(const json_t *view)
{
	const json_t *mirrors = json_object_get(view, "mirrors");
	json_t *mirror, *logs = json_object();
	char key[256];

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		json_t *log = json_object_get(mirror, "log");

		log_key(log, key);
		if (log)
			json_object_set(logs, key, log);
	}
	return logs;
}

static double grown(const json_t *log, const json_t *before, const char *key)
{
	return (double)view_number(log, key) - (double)view_number(before, key);
}

static void compare_log(json_t *mirror, const json_t *log, const json_t *before, double seconds)
{
	double commits = grown(log, before, "commits");

	/* The server may be another one, whose counters have begun anew. */
	if (commits < 0 || grown(log, before, "changes") < 0)
		return;
	json_object_set_new(mirror, "hot", json_real(grown(log, before, "changes") / seconds));
	if (commits > 0)
		json_object_set_new(mirror, "slow",
				    json_real(grown(log, before, "commits_us") / commits / 1000));
}

void ranking_compare(json_t *view, const json_t *before, double seconds)
{
	const json_t *mirrors = json_object_get(view, "mirrors");
	json_t *mirror, *logs = logs_by_key(before);
	char key[256];

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		const json_t *log = json_object_get(mirror, "log");
		const json_t *earlier;

		log_key(log, key);
		earlier = json_object_get(logs, key);
		if (log && earlier)
			compare_log(mirror, log, earlier, seconds);
	}
	json_decref(logs);
}

static double score_of(const json_t *mirror, enum ranking_mode mode)
{
	const json_t *log = json_object_get(mirror, "log");
	double slow = json_number_value(json_object_get(mirror, "slow"));
	double oldest = (double)view_number(log, "oldest_wait_ms");

	switch (mode) {
	case RANKING_HOT:
		return json_number_value(json_object_get(mirror, "hot"));
	case RANKING_SLOW:
		return oldest > slow ? oldest : slow;
	case RANKING_RESYNCING:
		return ((double)view_number(log, "regions") - (double)view_number(log, "in_sync")) *
		       (double)view_number(log, "region_size");
	}
	return 0;
}

static int by_score(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return strcmp(view_text(a->mirror, "name"), view_text(b->mirror, "name"));
}

json_t *ranking_first(const json_t *view, enum ranking_mode mode, size_t max)
{
	const json_t *mirrors = json_object_get(view, "mirrors");
	size_t count = json_array_size(mirrors);
	struct ranked *ranked = calloc(count + 1, sizeof(*ranked));
	json_t *first = ranked ? json_array() : NULL;

	for (size_t i = 0; first && i < count; i++) {
		ranked[i].mirror = json_array_get(mirrors, i);
		ranked[i].score = score_of(ranked[i].mirror, mode);
	}
	if (first)
		qsort(ranked, count, sizeof(*ranked), by_score);
	for (size_t i = 0; first && i < count && i < max; i++)
		json_array_append(first, ranked[i].mirror);
	free(ranked);
	return first;
}
