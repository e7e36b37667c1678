/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mirrors are found again by name and target. One that dirtylogd does not know may be one that is just being made or
 * removed, since device-mapper and dirtylogd are asked one after the other: that counts when it is seen twice. */
#include "server/ctl/changes.h"

#include "server/ctl/table.h"
#include "server/ctl/view.h"

#include <stdio.h>
#include <string.h>

#define MISSES_NOTED 2
#define KEY_MAX 400u

struct comparison {
	const json_t *before, *after; /* views */
	changes_tell *tell;
	void *context;
};

static void tell_of(const struct comparison *comparison, const json_t *mirror, const char *event,
		    const char *text)
{
	comparison->tell(comparison->context, event, view_text(mirror, "name"), text);
}

/* --- which is which --- */

static void key_of_mirror(const json_t *mirror, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "%s %lld", view_text(mirror, "dm"),
		 (long long)view_number(mirror, "target"));
}

/* A log of which device-mapper knows no mirror is one that is just being loaded, or a load generator's. */
static bool is_a_mirror(const json_t *mirror)
{
	return *view_text(mirror, "dm") != '\0';
}

/* A view's mirrors by key, and the names of the kernel's: each is looked for in the other view at each look. */
static void index_view(json_t *view)
{
	json_t *by_key = json_object(), *kernels = json_object();
	json_t *entry, *mirrors = json_object_get(view, "mirrors");
	char key[KEY_MAX];

	for (size_t i = 0; (entry = json_array_get(mirrors, i)); i++) {
		key_of_mirror(entry, key);
		if (!json_object_get(by_key, key))
			json_object_set_nocheck(by_key, key, entry);
	}
	for (size_t i = 0; (entry = json_array_get(json_object_get(view, "kernels"), i)); i++)
		if (json_is_string(entry))
			json_object_set_new_nocheck(kernels, json_string_value(entry), json_true());
	json_object_set_new(view, "by_key", by_key);
	json_object_set_new(view, "kernels_by_name", kernels);
}

static json_t *find_in(const json_t *view, const json_t *mirror)
{
	char key[KEY_MAX];

	key_of_mirror(mirror, key);
	return json_object_get(json_object_get(view, "by_key"), key);
}

static bool is_kernels(const json_t *view, const json_t *mirror)
{
	return json_object_get(json_object_get(view, "kernels_by_name"), view_text(mirror, "dm"));
}

/* --- what is told of one --- */

static const char *const verdicts[] = {"well", "degraded", "failed"};

static void compare_health(const struct comparison *comparison, const json_t *before, json_t *after)
{
	json_int_t misses = json_object_get(after, "log") ? 0 : view_number(before, "misses") + 1;
	enum view_verdict verdict = view_judge(after);
	char text[2 * TABLE_CELL_MAX + 32], legs[TABLE_CELL_MAX], log[TABLE_CELL_MAX];

	json_object_set_new(after, "misses", json_integer(misses));
	if (misses > 0 && misses < MISSES_NOTED)
		verdict = before ? (enum view_verdict)view_number(before, "verdict") : VIEW_GOOD;
	json_object_set_new(after, "verdict", json_integer(verdict));
	if (before && (enum view_verdict)view_number(before, "verdict") == verdict)
		return;
	table_legs(after, legs);
	table_log(after, log);
	/* A device that hangs shows in neither of them. */
	snprintf(text, sizeof(text), "legs %s, log %s%s", legs, log,
		 view_waits_long(json_object_get(after, "log")) ? ", requests wait" : "");
	tell_of(comparison, after, verdicts[verdict], text);
}

static bool is_synced(const json_t *log)
{
	return view_number(log, "in_sync") == view_number(log, "regions");
}

static void compare_sync(const struct comparison *comparison, const json_t *before,
			 const json_t *after)
{
	char text[96];

	if (before ? is_synced(before) == is_synced(after) : is_synced(after))
		return;
	snprintf(text, sizeof(text), "%lld of %lld regions in sync",
		 (long long)view_number(after, "in_sync"),
		 (long long)view_number(after, "regions"));
	tell_of(comparison, comparison->after, is_synced(after) ? "in-sync" : "resyncing", text);
}

static bool is_held(const json_t *log)
{
	return json_is_true(json_object_get(log, "paused"));
}

static void compare_pause(const struct comparison *comparison, const json_t *before,
			  const json_t *after)
{
	if (is_held(before) != is_held(after))
		tell_of(comparison, comparison->after, is_held(after) ? "paused" : "continued",
			is_held(after) ? "dirtylogctl continue lets its resync go on" : "");
}

static void compare_errors(const struct comparison *comparison, const json_t *before,
			   const json_t *after)
{
	const json_t *error = json_object_get(after, "last_error");
	char text[TABLE_CELL_MAX];

	if (!error || json_equal(error, json_object_get(before, "last_error")))
		return;
	snprintf(text, sizeof(text), "%s: %s", view_text(error, "at"), view_text(error, "text"));
	tell_of(comparison, comparison->after, "error", text);
}

static void compare_waits(const struct comparison *comparison, const json_t *before,
			  const json_t *after)
{
	char text[96] = "";

	if (view_waits_long(before) == view_waits_long(after))
		return;
	if (view_waits_long(after))
		snprintf(text, sizeof(text), "%lld requests, the oldest for %lld s",
			 (long long)view_number(after, "waiting"),
			 (long long)view_number(after, "oldest_wait_ms") / 1000);
	tell_of(comparison, comparison->after, view_waits_long(after) ? "waiting" : "answered",
		text);
}

/* A log that is being made has no counts yet. */
static bool is_open(const json_t *log)
{
	return json_object_get(log, "in_sync");
}

static void compare_logs(const struct comparison *comparison, const json_t *before,
			 const json_t *after)
{
	if (!is_open(after))
		return;
	if (!is_open(before))
		before = NULL;
	compare_sync(comparison, before, after);
	compare_pause(comparison, before, after);
	compare_errors(comparison, before, after);
	compare_waits(comparison, before, after);
}

static void compare_mirror(const struct comparison *views, const json_t *before, json_t *after)
{
	struct comparison comparison = *views;

	comparison.after = after;
	if (!before && views->before)
		tell_of(views, after, is_kernels(views->before, after) ? "adopted" : "made", "");
	compare_health(&comparison, before, after);
	compare_logs(&comparison, json_object_get(before, "log"), json_object_get(after, "log"));
}

static void tell_gone(const struct comparison *comparison)
{
	json_t *mirror, *mirrors = json_object_get(comparison->before, "mirrors");

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++)
		if (is_a_mirror(mirror) && !find_in(comparison->after, mirror))
			tell_of(comparison, mirror,
				is_kernels(comparison->after, mirror) ? "released" : "gone", "");
}

void changes_compare(const json_t *before, json_t *after, changes_tell *tell, void *context)
{
	const struct comparison comparison = {
		.before = before, .after = after, .tell = tell, .context = context};
	json_t *mirror, *mirrors = json_object_get(after, "mirrors");

	index_view(after);
	tell_gone(&comparison);
	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++)
		if (is_a_mirror(mirror))
			compare_mirror(&comparison, find_in(before, mirror), mirror);
}
