/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper's tables are read first, then dirtylogd asked, and then the kernel for the legs' health, which
 * makes it ask dirtylogd in turn: if that did not answer, nothing is asked of it by way of the kernel. */
#include "server/ctl/view.h"

#include "server/base/clock.h"
#include "server/ctl/ask.h"
#include "server/ctl/dm_mirrors.h"
#include "server/ctl/mirror_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#define NAMES_TOLD 20u
#define AGAIN_MSEC 200

json_int_t view_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *view_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* --- put together --- */

static void name_mirror(json_t *mirror)
{
	const char *dm_name = view_text(mirror, "dm");
	char name[MIRROR_NAME_MAX];

	if (strncmp(view_text(mirror, "dm_uuid"), "LVM-", 4) == 0 &&
	    mirror_name_of_lvm(dm_name, name))
		json_object_set_new(mirror, "name", json_string(name));
	else
		json_object_set_new(mirror, "name",
				    json_string(*dm_name ? dm_name : view_text(mirror, "uuid")));
}

/* Device-mapper's mirrors by the uuid of their log. */
static json_t *index_by_uuid(json_t *found)
{
	json_t *mirror, *index = json_object();
	size_t i;

	for (i = 0; (mirror = json_array_get(found, i)); i++) {
		const char *uuid = view_text(mirror, "uuid");
		json_t *same = json_object_get(index, uuid);

		if (!same)
			json_object_set_new(index, uuid, same = json_array());
		json_array_append(same, mirror);
	}
	return index;
}

/* A table of pvmove's has many logs of one uuid; which is whose only the kernel knows. Each gets one. */
static json_t *mirror_of_log(json_t *index, json_t *log)
{
	json_t *same = json_object_get(index, view_text(log, "uuid"));
	json_t *mirror = json_array_get(same, 0);

	if (!mirror)
		return json_pack("{s:O}", "uuid", json_object_get(log, "uuid"));
	mirror = json_deep_copy(mirror);
	if (json_array_size(same) > 1)
		json_array_remove(same, 0);
	return mirror;
}

static void add_mirror(json_t *mirrors, json_t *mirror, json_t *log)
{
	if (log)
		json_object_set(mirror, "log", log);
	name_mirror(mirror);
	json_array_append_new(mirrors, mirror);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(view_text(*(json_t *const *)left, "name"),
		      view_text(*(json_t *const *)right, "name"));
}

static json_t *sorted(json_t *mirrors)
{
	size_t count = json_array_size(mirrors);
	json_t **all = calloc(count + 1, sizeof(json_t *)), *array = json_array();

	for (size_t i = 0; all && i < count; i++)
		all[i] = json_array_get(mirrors, i);
	if (all)
		qsort(all, count, sizeof(json_t *), by_name);
	for (size_t i = 0; all && i < count; i++)
		json_array_append(array, all[i]);
	free(all);
	return array;
}

static bool has_log(json_t *logs_by_uuid, json_t *mirror)
{
	return json_object_get(logs_by_uuid, view_text(mirror, "uuid")) != NULL;
}

json_t *view_join(json_t *found, json_t *answer)
{
	json_t *index = index_by_uuid(found), *known = json_object(), *mirrors = json_array();
	json_t *log, *mirror, *view;
	size_t i;

	for (i = 0; (log = json_array_get(json_object_get(answer, "logs"), i)); i++) {
		add_mirror(mirrors, mirror_of_log(index, log), log);
		json_object_set_new(known, view_text(log, "uuid"), json_true());
	}
	for (i = 0; (mirror = json_array_get(found, i)); i++)
		if (!has_log(known, mirror))
			add_mirror(mirrors, json_deep_copy(mirror), NULL);
	view = json_pack("{s:o, s:i}", "mirrors", sorted(mirrors), "left_out",
			 (int)view_number(answer, "left_out"));
	json_decref(index);
	json_decref(known);
	json_decref(mirrors);
	return view;
}

/* --- asked, or recorded --- */

static json_t *ask_status(void)
{
	char *text = ctl_ask("status", NULL);
	json_error_t error;
	json_t *answer;

	if (!text)
		return NULL;
	answer = json_loads(text, 0, &error);
	free(text);
	if (!answer)
		fprintf(stderr, "dirtylogctl: the answer is not understood: %s\n", error.text);
	return answer;
}

json_t *view_ask(json_t *found, bool health)
{
	json_t *answer = ask_status(), *view = NULL;

	if (answer) {
		if (health)
			dm_mirrors_ask_health(found);
		view = view_join(found, answer);
	}
	json_decref(answer);
	return view;
}

static json_t *load_view(const char *from)
{
	json_error_t error;
	json_t *view = json_load_file(from, 0, &error);

	if (!view)
		fprintf(stderr, "dirtylogctl: %s: %s\n", from, error.text);
	return view;
}

static void tell_incomplete(const json_t *view)
{
	if (json_is_true(json_object_get(view, "incomplete")))
		fprintf(stderr, "dirtylogctl: device-mapper does not answer: names and legs are "
				"missing\n");
}

static json_t *ask_both(bool health)
{
	bool all;
	json_t *found = dm_mirrors_find(&all), *view = view_ask(found, health);

	if (view && !all)
		json_object_set_new(view, "incomplete", json_true());
	json_decref(found);
	return view;
}

bool view_lacks_log(const json_t *view)
{
	json_t *mirror, *mirrors = json_object_get(view, "mirrors");

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++)
		if (!json_object_get(mirror, "log"))
			return true;
	return false;
}

json_t *view_get(const char *from, bool health)
{
	const struct timespec again = {.tv_nsec = AGAIN_MSEC * NSEC_PER_MSEC};
	json_t *view;

	if (from)
		return load_view(from);
	view = ask_both(health);
	/* It may have gone in between: that it has no log counts when it is seen again. */
	if (view && view_lacks_log(view)) {
		json_decref(view);
		nanosleep(&again, NULL);
		view = ask_both(health);
	}
	tell_incomplete(view);
	return view;
}

/* --- judged --- */

static enum view_verdict judge_legs(const json_t *mirror)
{
	json_t *leg, *legs = json_object_get(mirror, "legs");
	size_t i, alive = 0, dead = 0, count = json_array_size(legs);

	for (i = 0; (leg = json_array_get(legs, i)); i++) {
		const char *health = view_text(leg, "health");

		alive += health[0] == 'A';
		dead += health[0] != 'A' && health[0] != '\0';
	}
	if (count > 0 && dead == count)
		return VIEW_FAILED;
	return alive == count ? VIEW_GOOD : VIEW_DEGRADED;
}

bool view_waits_long(const json_t *log)
{
	return view_number(log, "oldest_wait_ms") >= VIEW_LONG_WAIT_MSEC;
}

enum view_verdict view_judge(const json_t *mirror)
{
	const json_t *log = json_object_get(mirror, "log");
	const char *health = view_text(log, "health");

	if (!log || (*health && strcmp(health, "sound") != 0))
		return VIEW_FAILED;
	if (judge_legs(mirror) != VIEW_GOOD)
		return judge_legs(mirror);
	/* One whose health is not known yet is being made for a mirror that runs, and waits for it. */
	if (*health == '\0' && strcmp(view_text(log, "state"), "opening") == 0)
		return VIEW_DEGRADED;
	if (json_is_true(json_object_get(log, "retries")) ||
	    json_is_true(json_object_get(log, "spoilt")))
		return VIEW_DEGRADED;
	/* A device that hangs reports no error: that the mirror waits is all there is to see of it. */
	if (view_waits_long(log))
		return VIEW_DEGRADED;
	return VIEW_GOOD;
}

/* --- selected --- */

static bool is_device(const json_t *mirror, const char *path)
{
	struct stat st;
	char number[32];

	if (path[0] != '/' || stat(path, &st) != 0 || !S_ISBLK(st.st_mode))
		return false;
	snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return strcmp(view_text(mirror, "device"), number) == 0;
}

static bool is_meant(const json_t *mirror, const char *name)
{
	const char *dm_name = view_text(mirror, "dm");

	return strcmp(view_text(mirror, "uuid"), name) == 0 ||
	       (*dm_name && mirror_name_means(name, dm_name)) || is_device(mirror, name);
}

static void tell_names(const json_t *mirrors)
{
	size_t i, count = json_array_size(mirrors);
	json_t *mirror;

	if (count == 0)
		fprintf(stderr, "; there is none\n");
	for (i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		if (i == NAMES_TOLD)
			break;
		fprintf(stderr, "%s%s", i ? ", " : "; there are: ", view_text(mirror, "name"));
	}
	if (count > NAMES_TOLD)
		fprintf(stderr, " and %zu more\n", count - NAMES_TOLD);
	else if (count > 0)
		fputc('\n', stderr);
}

json_t *view_select(const json_t *view, const char *command, const char *name)
{
	json_t *mirror, *mirrors = json_object_get(view, "mirrors"), *meant = json_array();
	size_t i;

	for (i = 0; (mirror = json_array_get(mirrors, i)); i++)
		if (is_meant(mirror, name))
			json_array_append(meant, mirror);
	if (json_array_size(meant) == 0) {
		fprintf(stderr, "dirtylogctl %s: no mirror %s", command, name);
		tell_names(mirrors);
	}
	return meant;
}
