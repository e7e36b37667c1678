/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of two looks at the mirrors. */
#include "server/ctl/changes.h"

#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

/* Words of all that was told, as "mirror event; ". */
static char told[512];

static void note(void *context, const char *event, const char *mirror, const char *text)
{
	size_t length = strlen(told);

	snprintf(told + length, sizeof(told) - length, "%s %s; ", mirror, event);
}

static json_t *parse(const char *text)
{
	char copy[2048];
	json_error_t error;
	json_t *json;
	size_t i;

	for (i = 0; text[i] && i < sizeof(copy) - 1; i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	copy[i] = '\0';
	json = json_loads(copy, 0, &error);
	cr_assert_not_null(json, "%s: %s", text, error.text);
	return json;
}

#define VIEW(mirrors, kernels) "{'mirrors': [" mirrors "], 'kernels': [" kernels "]}"
#define MIRROR(name, health, log) \
	"{'name': '" name "', 'dm': '" name "', 'legs': [{'health': '" health "'}]" log "}"
#define LOG(more) ", 'log': {'health': 'sound', 'regions': 8" more "}"
#define SYNCED LOG(", 'in_sync': 8")

/* What is told behind the first of the views. */
static void expect_told(const char *wanted, const char *const *views)
{
	json_t *before = NULL;

	for (; *views; views++) {
		json_t *after = parse(*views);

		told[0] = '\0';
		changes_compare(before, after, note, NULL);
		json_decref(before);
		before = after;
	}
	json_decref(before);
	cr_assert_str_eq(told, wanted);
}

#define EXPECT_TOLD(wanted, ...) expect_told(wanted, (const char *const[]){__VA_ARGS__, NULL})

Test(changes, first_how_each_is)
{
	EXPECT_TOLD(
		"m well; n degraded; n resyncing; ",
		VIEW(MIRROR("m", "A", SYNCED) ", "
					      "{'name': 'n', 'dm': 'n', 'legs': [{'health': 'A'}, "
					      "{'health': 'D'}]" LOG(", 'in_sync': 3") "}",
		     ""));
}

Test(changes, nothing_is_told_of_what_stays)
{
	EXPECT_TOLD("", VIEW(MIRROR("m", "A", LOG(", 'in_sync': 3")), ""),
		    VIEW(MIRROR("m", "A", LOG(", 'in_sync': 4")), ""));
}

Test(changes, a_resync_begins_and_ends)
{
	EXPECT_TOLD("m in-sync; ", VIEW(MIRROR("m", "A", LOG(", 'in_sync': 3")), ""),
		    VIEW(MIRROR("m", "A", SYNCED), ""));
	EXPECT_TOLD("m resyncing; ", VIEW(MIRROR("m", "A", SYNCED), ""),
		    VIEW(MIRROR("m", "A", LOG(", 'in_sync': 7")), ""));
	EXPECT_TOLD("m paused; ", VIEW(MIRROR("m", "A", LOG(", 'in_sync': 3")), ""),
		    VIEW(MIRROR("m", "A", LOG(", 'in_sync': 3, 'paused': true")), ""));
}

Test(changes, a_leg_dies_and_comes_back)
{
	EXPECT_TOLD("m failed; ", VIEW(MIRROR("m", "A", SYNCED), ""),
		    VIEW(MIRROR("m", "D", SYNCED), ""));
	EXPECT_TOLD("m well; ", VIEW(MIRROR("m", "D", SYNCED), ""),
		    VIEW(MIRROR("m", "A", SYNCED), ""));
}

Test(changes, adopted_is_what_was_on_the_kernels_log)
{
	EXPECT_TOLD("m adopted; m well; ", VIEW("", "'m'"), VIEW(MIRROR("m", "A", SYNCED), ""));
	EXPECT_TOLD("m made; m well; ", VIEW("", ""), VIEW(MIRROR("m", "A", SYNCED), ""));
	EXPECT_TOLD("m released; ", VIEW(MIRROR("m", "A", SYNCED), ""), VIEW("", "'m'"));
	EXPECT_TOLD("m gone; ", VIEW(MIRROR("m", "A", SYNCED), ""), VIEW("", ""));
}

/* It is just being made or removed, unless it stays so. */
Test(changes, a_mirror_without_a_log_counts_when_it_is_seen_twice)
{
	EXPECT_TOLD("", VIEW(MIRROR("m", "A", SYNCED), ""), VIEW(MIRROR("m", "A", ""), ""));
	EXPECT_TOLD("m failed; ", VIEW(MIRROR("m", "A", SYNCED), ""),
		    VIEW(MIRROR("m", "A", ""), ""), VIEW(MIRROR("m", "A", ""), ""));
	EXPECT_TOLD("m gone; ", VIEW(MIRROR("m", "A", SYNCED), ""), VIEW(MIRROR("m", "A", ""), ""),
		    VIEW("", ""));
}

/* A load generator's, or one of a table that is not in use yet. */
Test(changes, a_log_without_a_mirror_is_not_told)
{
	EXPECT_TOLD("", VIEW("", ""), VIEW("{'name': 'u'" SYNCED "}", ""));
}

Test(changes, errors_and_long_waits)
{
#define ERROR(when) ", 'in_sync': 8, 'last_error': {'at': 'write', 'text': 'bad', 'time': " when "}"
	EXPECT_TOLD("m error; ", VIEW(MIRROR("m", "A", SYNCED), ""),
		    VIEW(MIRROR("m", "A", LOG(ERROR("5"))), ""));
	EXPECT_TOLD("", VIEW(MIRROR("m", "A", LOG(ERROR("5"))), ""),
		    VIEW(MIRROR("m", "A", LOG(ERROR("5"))), ""));
	EXPECT_TOLD("m error; ", VIEW(MIRROR("m", "A", LOG(ERROR("5"))), ""),
		    VIEW(MIRROR("m", "A", LOG(ERROR("6"))), ""));
	EXPECT_TOLD("m degraded; m waiting; ", VIEW(MIRROR("m", "A", SYNCED), ""),
		    VIEW(MIRROR("m", "A", LOG(", 'in_sync': 8, 'oldest_wait_ms': 5000")), ""));
	EXPECT_TOLD("m well; m answered; ",
		    VIEW(MIRROR("m", "A", LOG(", 'in_sync': 8, 'oldest_wait_ms': 5000")), ""),
		    VIEW(MIRROR("m", "A", SYNCED), ""));
	/* Degraded it was and is. */
	EXPECT_TOLD("m answered; ",
		    VIEW(MIRROR("m", "", LOG(", 'in_sync': 8, 'oldest_wait_ms': 5000")), ""),
		    VIEW(MIRROR("m", "", SYNCED), ""));
}
