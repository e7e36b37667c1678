/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children ask libdevmapper, and write a line of JSON for each answer. For the health they take one mirror after
 * the other from a common counter, so that one that hangs stops one child and no other mirror. */
#include "server/ctl/dm_mirrors.h"

#include "server/ctl/children.h"
#include "server/ctl/json_values.h"
#include "server/ctl/mirrors.h"
#include "server/protocol/mirror_params.h"
#include "server/protocol/mirror_table.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ASKERS 8u

/* NULL: errno says why. */
static struct dm_task *dm_ask(int type, unsigned device_major, unsigned device_minor)
{
	struct dm_task *task = dm_task_create(type);
	int error = ENOMEM;

	if (task && dm_task_set_major(task, (int)device_major) &&
	    dm_task_set_minor(task, (int)device_minor) && dm_task_no_flush(task) &&
	    dm_task_run(task))
		return task;
	if (task) {
		error = dm_task_get_errno(task);
		dm_task_destroy(task);
	}
	errno = error;
	return NULL;
}

static void write_line(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	putc('\n', out);
	json_decref(object);
}

/* --- tables --- */

static json_t *json_of_legs(const struct mirror_table *table)
{
	json_t *legs = json_array();

	for (unsigned i = 0; i < table->nlegs; i++)
		json_array_append_new(legs, json_pack("{s:o}", "device",
						      json_sprintf("%u:%u", table->legs[i][0],
								   table->legs[i][1])));
	return legs;
}

json_t *dm_mirrors_target(const struct dm_device *device, unsigned target, const char *params)
{
	struct mirror_table table = {0};
	enum mirror_table_kind kind = mirror_table_parse(params, &table);

	if (kind == MIRROR_TABLE_OTHERS || kind == MIRROR_TABLE_NAMELESS)
		return NULL;
	if (kind == MIRROR_TABLE_BROKEN)
		table.nlegs = 0;
	return json_pack("{s:o, s:o, s:o, s:i, s:o, s:b, s:o}", "dm", json_of_text(device->name),
			 "dm_uuid", json_of_text(device->uuid), "device",
			 json_sprintf("%u:%u", device->major, device->minor), "target", (int)target,
			 "uuid", json_of_text(table.uuid), "front", mirror_params_has_front(params),
			 "legs", json_of_legs(&table));
}

static void write_target(FILE *out, const struct dm_device *device, unsigned target,
			 const char *params)
{
	json_t *mirror = dm_mirrors_target(device, target, params);

	if (mirror)
		write_line(out, mirror);
}

/* Targets of the device, each with its number. */
static void each_target(struct dm_task *task,
			void (*visit)(FILE *, const struct dm_device *, unsigned, const char *),
			FILE *out, const struct dm_device *device)
{
	char *type, *params;
	uint64_t start, length;
	void *next = NULL;
	unsigned target = 0;

	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (type && params && strcmp(type, "mirror") == 0)
			visit(out, device, target, params);
		target++;
	} while (next);
}

/* False: what it has is not known. A device that is gone since it was listed has nothing. */
static bool write_table(FILE *out, const char *name, uint64_t number)
{
	struct dm_task *task = dm_ask(DM_DEVICE_TABLE, major(number), minor(number));
	struct dm_device device = {.name = name, .major = major(number), .minor = minor(number)};

	if (!task)
		return errno == ENXIO;
	device.uuid = dm_task_get_uuid(task);
	if (!device.uuid)
		device.uuid = "";
	each_target(task, write_target, out, &device);
	dm_task_destroy(task);
	return true;
}

/* False: not each one's table could be had. */
static bool write_each_table(FILE *out, const struct dm_names *names)
{
	bool all = true;
	uint32_t next;

	if (!names->dev)
		return true;
	do {
		all &= write_table(out, names->name, names->dev);
		next = names->next;
		names = (const struct dm_names *)((const char *)names + next);
	} while (next);
	return all;
}

static bool is_registered(FILE *devices)
{
	char line[128];

	while (fgets(line, sizeof(line), devices))
		if (strstr(line, " device-mapper\n"))
			return true;
	return false;
}

/* Where there is none the list fails as it does without memory, or the right to ask. */
static bool is_devmapper_here(void)
{
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	bool here = fd >= 0 || (errno != ENOENT && errno != ENODEV && errno != ENXIO);
	FILE *devices = fopen("/proc/misc", "re");

	if (fd >= 0)
		close(fd);
	if (devices) {
		here = here && is_registered(devices);
		fclose(devices);
	}
	return here;
}

/* The closing line tells a list that is whole from that of a child that failed. */
static void write_tables(unsigned number, FILE *out, void *context)
{
	struct dm_task *task;
	const struct dm_names *names;

	ctl_quiet_devmapper();
	task = dm_task_create(DM_DEVICE_LIST);
	names = task && dm_task_run(task) ? dm_task_get_names(task) : NULL;
	if (names ? write_each_table(out, names) : !is_devmapper_here())
		write_line(out, json_pack("{s:b}", "all", true));
	/* the child ends, and what it has with it */
}

/* Call take with the object of each line. */
static void each_line(char *lines, void (*take)(json_t *object, json_t *context), json_t *context)
{
	char *save, *line = strtok_r(lines, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		json_t *object = json_loads(line, 0, NULL);

		if (object)
			take(object, context);
		json_decref(object);
	}
}

static void append(json_t *object, json_t *mirrors)
{
	json_array_append(mirrors, object);
}

json_t *dm_mirrors_read(char *lines, bool *all)
{
	json_t *mirrors = json_array();
	size_t count;

	each_line(lines, append, mirrors);
	count = json_array_size(mirrors);
	*all = count > 0 &&
	       json_is_true(json_object_get(json_array_get(mirrors, count - 1), "all"));
	if (*all)
		json_array_remove(mirrors, count - 1);
	return mirrors;
}

json_t *dm_mirrors_find(bool *all)
{
	bool done;
	char *lines = children_run(1, write_tables, NULL, &done);
	json_t *mirrors = NULL;

	*all = false;
	if (lines)
		mirrors = dm_mirrors_read(lines, all);
	*all &= done;
	free(lines);
	return mirrors;
}

/* --- health --- */

struct health_work {
	json_t *mirrors;
	_Atomic size_t *next; /* shared by the children */
};

static void write_health(FILE *out, const struct dm_device *device, unsigned target,
			 const char *params)
{
	struct mirror_status status;

	if (mirror_status_parse(params, &status))
		write_line(out, json_pack("{s:s, s:i, s:s}", "device", device->name, "target",
					  (int)target, "health", status.legs));
}

/* All targets of a device answer together: the first one's object asks. */
static void ask_health(json_t *mirror, FILE *out)
{
	const char *number = json_string_value(json_object_get(mirror, "device"));
	struct dm_device device = {.name = number};
	struct dm_task *task = NULL;

	if (number && sscanf(number, "%u:%u", &device.major, &device.minor) == 2)
		task = dm_ask(DM_DEVICE_STATUS, device.major, device.minor);
	if (!task)
		return;
	each_target(task, write_health, out, &device);
	dm_task_destroy(task);
}

static bool is_first_target(json_t *mirrors, size_t i)
{
	json_t *before = i > 0 ? json_array_get(mirrors, i - 1) : NULL;

	return !before || !json_equal(json_object_get(before, "device"),
				      json_object_get(json_array_get(mirrors, i), "device"));
}

static void ask_in_turn(unsigned number, FILE *out, void *context)
{
	const struct health_work *work = context;
	size_t i;

	ctl_quiet_devmapper();
	while ((i = atomic_fetch_add(work->next, 1)) < json_array_size(work->mirrors))
		if (is_first_target(work->mirrors, i))
			ask_health(json_array_get(work->mirrors, i), out);
}

static void health_key(json_t *object, char key[64])
{
	const char *device = json_string_value(json_object_get(object, "device"));

	snprintf(key, 64, "%s/%d", device ? device : "",
		 (int)json_integer_value(json_object_get(object, "target")));
}

static void keep_letters(json_t *object, json_t *by_key)
{
	char key[64];

	health_key(object, key);
	json_object_set(by_key, key, json_object_get(object, "health"));
}

static void give_letters(json_t *mirror, const char *letters)
{
	json_t *leg, *legs = json_object_get(mirror, "legs");
	size_t i;

	if (letters && strlen(letters) != json_array_size(legs))
		letters = NULL;
	for (i = 0; (leg = json_array_get(legs, i)); i++)
		if (letters)
			json_object_set_new(leg, "health", json_stringn(letters + i, 1));
		else
			json_object_del(leg, "health");
}

void dm_mirrors_ask_health(json_t *mirrors)
{
	struct health_work work = {.mirrors = mirrors};
	json_t *mirror, *by_key = json_object();
	char *lines, key[64];
	size_t i;
	bool all;

	if (json_array_size(mirrors) == 0 || !by_key)
		goto out;
	work.next = mmap(NULL, sizeof(*work.next), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work.next == MAP_FAILED)
		goto out;
	lines = children_run(ASKERS, ask_in_turn, &work, &all);
	if (lines)
		each_line(lines, keep_letters, by_key);
	free(lines);
	munmap((void *)work.next, sizeof(*work.next));
	for (i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		health_key(mirror, key);
		give_letters(mirror, json_string_value(json_object_get(by_key, key)));
	}
out:
	json_decref(by_key);
}
