/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as what dirtylogd answers in lines (`logs`, `stats`, `set`, `metrics`), whole or cut: what is read twice is read
 * the same. And any bytes as a log's name, any number as a count, written as dirtylogd writes them and read back: the name is
 * one in `logs`, `metrics` and JSON. Input: the text; the first 8 bytes are the number, too.
 */
#include "server/base/metric_text.h"
#include "server/control.h"
#include "server/ctl/answers.h"
#include "server/ctl/json_values.h"
#include "server/ctl/metrics_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG_KEYS 10u

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static char *copy_of(const char *text, size_t size)
{
	char *copy = malloc(size + 1);

	memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}

/* --- the end --- */

static void check_end(const char *text, size_t size)
{
	size_t end = strlen(CONTROL_END), left = size;
	char *copy = copy_of(text, size);
	bool whole = answer_take_end(copy, &left);

	check(whole == (size >= end && memcmp(text + size - end, CONTROL_END, end) == 0));
	check(left == (whole ? size - end : size) && copy[left] == '\0');
	free(copy);
}

/* --- lines --- */

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (const char *at = text; *at; at++)
		count += *at != '\n' && (at == text || at[-1] == '\n');
	return count;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static void check_writable(const json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	check(text);
	free(text);
}

static bool has_log(const char *logs, const char *uuid)
{
	json_t *uuids = answer_log_uuids(logs);
	bool has = json_object_get(uuids, uuid) != NULL;

	json_decref(uuids);
	return has;
}

/* The device is what all lines of the log say. */
static void check_device(const json_t *logs, const char *text, const char *uuid)
{
	char device[ANSWER_DEVICE_MAX];
	bool known = answer_log_device(text, uuid, device);
	json_t *log;

	check(has_log(text, uuid));
	for (size_t i = 0; (log = json_array_get(logs, i)); i++) {
		const char *other = json_string_value(json_object_get(log, "device"));

		if (known && other && json_object_size(log) == LOG_KEYS &&
		    strcmp(json_string_value(json_object_get(log, "uuid")), uuid) == 0)
			check(strcmp(other, device) == 0);
	}
}

static void check_logs(const char *text)
{
	char *copy = copy_of(text, strlen(text));
	json_t *log, *logs = answer_logs(copy);
	bool same = is_ascii(text) && strlen(text) < 512; /* bytes, and no line too long */

	check(json_array_size(logs) == count_lines(text));
	for (size_t i = 0; (log = json_array_get(logs, i)); i++) {
		const char *uuid = json_string_value(json_object_get(log, "uuid"));

		check(uuid);
		if (same && json_object_size(log) == LOG_KEYS)
			check_device(logs, text, uuid);
	}
	check_writable(logs);
	json_decref(logs);
	free(copy);
}

static void check_counters(const char *text)
{
	char *copy = copy_of(text, strlen(text));
	json_t *value, *counters = answer_counters(copy);
	bool each_once = json_object_size(counters) == count_lines(text);
	const char *name;

	json_object_foreach(counters, name, value) if (each_once && json_is_integer(value))
		check(answer_counter(text, name) == json_integer_value(value));
	check_writable(counters);
	json_decref(counters);
	free(copy);
}

static void check_settings(const char *text)
{
	char *copy = copy_of(text, strlen(text));
	json_t *value, *settings = answer_settings(copy);
	const char *name;

	json_object_foreach(settings, name, value)
		check(json_is_real(value) || json_is_string(value));
	check_writable(settings);
	json_decref(settings);
	free(copy);
}

static void check_metrics(const char *text)
{
	char *copy = copy_of(text, strlen(text));
	json_t *family, *families = metrics_read(copy);

	for (size_t i = 0; (family = json_array_get(families, i)); i++)
		check(json_is_string(json_object_get(family, "name")) &&
		      json_is_array(json_object_get(family, "samples")));
	check_writable(families);
	json_decref(families);
	free(copy);
}

/* --- there and back --- */

static void check_told_metric(const char *name, uint64_t number, bool open)
{
	const struct metric_label labels[] = {{"uuid", name}, {"device", "8:1"}, {0}};
	char *told = NULL;
	size_t told_size;
	struct metric_text text = {.out = open_memstream(&told, &told_size), .open = open};
	json_t *families, *sample, *wanted = json_of_text(name);

	metric_family(&text, "dirtylogd_x", METRIC_GAUGE, "What it is.");
	metric_count(&text, labels, number);
	metric_end(&text);
	fclose(text.out);
	families = metrics_read(told);
	check(json_array_size(families) == 1);
	sample = json_array_get(json_object_get(json_array_get(families, 0), "samples"), 0);
	check(json_equal(json_object_get(json_object_get(sample, "labels"), "uuid"), wanted));
	check(json_number_value(json_object_get(sample, "value")) == (double)number);
	json_decref(wanted);
	json_decref(families);
	free(told);
}

/* As print_log() in control.c has it. What of a name's bytes is no line break is told apart. */
static void check_told_log(const char *name, uint64_t number)
{
	char line[512], device[ANSWER_DEVICE_MAX];
	json_t *logs, *log, *uuid = json_of_text(name);

	snprintf(line, sizeof(line), "%s %" PRIx64 " disk 8:1 1024 %" PRIu64 " 1 2 3 active\n",
		 name, number, number);
	check(has_log(line, name));
	check(answer_log_device(line, name, device) && strcmp(device, "8:1") == 0);
	logs = answer_logs(line);
	log = json_array_get(logs, 0);
	check(json_array_size(logs) == 1 && json_object_size(log) == LOG_KEYS);
	check(json_equal(json_object_get(log, "uuid"), uuid));
	check(json_is_string(json_object_get(log, "luid")));
	check(json_number_value(json_object_get(log, "regions")) == (double)number);
	check(json_integer_value(json_object_get(log, "lazy")) == 3);
	json_decref(uuid);
	json_decref(logs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_of((const char *)data, size), name[129];
	uint64_t number = 0;

	check_end(text, size);
	check_logs(text);
	check_counters(text);
	check_settings(text);
	check_metrics(text);
	memcpy(&number, data, size < sizeof(number) ? size : sizeof(number));
	snprintf(name, sizeof(name), "%s", text);
	check_told_metric(name, number, size % 2);
	name[strcspn(name, "\n")] = '\0';
	check_told_log(name, number);
	free(text);
	return 0;
}
