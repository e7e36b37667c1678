/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirtylogd answers in lines, read. */
#include "server/ctl/answers.h"
#include "server/ctl/metrics_read.h"

#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

#define LINE(uuid, device) uuid " 7f disk " device " 1024 4096 4000 12 3 active\n"

/* --- the end --- */

static bool take_end(const char *answer, const char *left)
{
	char text[64];
	size_t size = strlen(answer);
	bool whole;

	strcpy(text, answer);
	whole = answer_take_end(text, &size);
	cr_assert_str_eq(text, left);
	cr_assert_eq(size, strlen(left));
	return whole;
}

Test(answers, an_answer_is_whole_if_its_end_has_come)
{
	cr_assert(take_end("logs 1\n\n.end\n", "logs 1\n"));
	cr_assert(take_end("\n.end\n", ""));
	cr_assert_not(take_end("logs 1\n\n.end", "logs 1\n\n.end"));
	cr_assert_not(take_end("logs 1\n", "logs 1\n"));
	cr_assert_not(take_end("", ""));
}

/* --- logs --- */

static json_t *first_log(const char *answer)
{
	char text[512];
	json_t *logs, *log;

	strcpy(text, answer);
	logs = answer_logs(text);
	log = json_incref(json_array_get(logs, 0));
	json_decref(logs);
	return log;
}

static void expect_text(const char *answer, const char *key, const char *wanted)
{
	json_t *log = first_log(answer);
	const char *text = json_string_value(json_object_get(log, key));

	cr_assert_str_eq(text ? text : "none", wanted);
	json_decref(log);
}

Test(answers, a_logs_words_have_their_names)
{
	json_t *log = first_log(LINE("u", "8:1"));

	cr_assert_eq(json_integer_value(json_object_get(log, "in_sync")), 4000);
	cr_assert_eq(json_integer_value(json_object_get(log, "lazy")), 3);
	json_decref(log);
	expect_text(LINE("u", "8:1"), "luid", "7f");
	expect_text(LINE("u", "8:1"), "device", "8:1");
	expect_text(LINE("u", "8:1"), "state", "active");
}

Test(answers, a_uuid_may_have_spaces)
{
	expect_text(LINE("a b", "8:1"), "uuid", "a b");
}

/* As in `status`. */
Test(answers, a_uuid_that_is_not_utf8_is_told)
{
	expect_text(LINE("g\xfcn", "8:1"), "uuid", "g\xc3\xbcn");
	expect_text(LINE("g\xc3\xbcn", "8:1"), "uuid", "g\xc3\xbcn");
}

static void expect_device(const char *logs, const char *uuid, const char *wanted)
{
	char device[ANSWER_DEVICE_MAX];
	bool known = answer_log_device(logs, uuid, device);

	cr_assert_str_eq(known ? device : "unknown", wanted);
}

Test(answers, a_log_is_on_one_device)
{
	expect_device(LINE("t", "8:9") LINE("u", "8:1"), "u", "8:1");
	expect_device(LINE("u", "8:1") LINE("u", "8:1"), "u", "8:1");
	expect_device(LINE("u", "8:1") LINE("u", "8:2"), "u", "unknown");
	expect_device(LINE("u", "-"), "u", "unknown");
	expect_device(LINE("u", "8:1"), "v", "unknown");
	expect_device("", "u", "unknown");
}

static bool has_log(const char *logs, const char *uuid)
{
	json_t *uuids = answer_log_uuids(logs);
	bool has = json_object_get(uuids, uuid) != NULL;

	json_decref(uuids);
	return has;
}

/* Its second and third word could be another's luid and type. */
Test(answers, a_log_whose_name_has_spaces_is_no_others)
{
	expect_device(LINE("u 1 disk 9:9", "8:1"), "u", "unknown");
	expect_device(LINE("u 1 disk 9:9", "8:1"), "u 1 disk 9:9", "8:1");
	cr_assert_not(has_log(LINE("u v", "8:1"), "u"));
	cr_assert(has_log(LINE("u v", "8:1"), "u v"));
}

Test(answers, each_log_is_there_by_the_bytes_of_its_uuid)
{
	const char *logs = LINE("u", "8:1") LINE("g\xfcn", "8:2") LINE("u", "8:3");
	json_t *uuids = answer_log_uuids(logs);

	cr_assert_eq(json_object_size(uuids), 2);
	json_decref(uuids);
	cr_assert(has_log(logs, "g\xfcn"));
	cr_assert_not(has_log(logs, "g\xc3\xbcn"));
}

Test(answers, half_a_line_is_no_log)
{
	cr_assert_not(has_log("u 7f disk", "u"));
}

/* --- numbers --- */

static double counted(const char *answer, const char *name)
{
	char text[128];
	json_t *counters;
	double value;

	strcpy(text, answer);
	counters = answer_counters(text);
	value = json_number_value(json_object_get(counters, name));
	json_decref(counters);
	return value;
}

Test(answers, counters_have_their_numbers)
{
	cr_assert_eq(counted("writes 5\nflushes 7\n", "flushes"), 7);
	cr_assert_eq(answer_counter("writes 5\nflushes 7\n", "flushes"), 7);
	cr_assert_eq(answer_counter("flushes_x 5\nflushes 7\n", "flushes"), 7);
	cr_assert_eq(answer_counter("writes 5\n", "flushes"), 0);
}

Test(answers, a_number_of_64_bits_is_not_cut)
{
	cr_assert_eq(counted("writes 18446744073709551615\n", "writes"), 18446744073709551615.0);
}

static json_t *setting(const char *answer, const char *name)
{
	char text[128];
	json_t *settings, *value;

	strcpy(text, answer);
	settings = answer_settings(text);
	value = json_incref(json_object_get(settings, name));
	json_decref(settings);
	return value;
}

Test(answers, a_setting_is_a_number_or_a_word)
{
	json_t *delay = setting("clear-delay 2.5\nlog-level info\n", "clear-delay");
	json_t *level = setting("clear-delay 2.5\nlog-level info\n", "log-level");

	cr_assert_eq(json_real_value(delay), 2.5);
	cr_assert_str_eq(json_string_value(level), "info");
	json_decref(delay);
	json_decref(level);
}

/* --- metrics --- */

static json_t *sample_of(const char *line)
{
	char text[256];
	json_t *families, *sample;

	snprintf(text, sizeof(text), "# HELP f Help.\n# TYPE f gauge\n%s\n# EOF\n", line);
	families = metrics_read(text);
	sample = json_incref(
		json_array_get(json_object_get(json_array_get(families, 0), "samples"), 0));
	json_decref(families);
	return sample;
}

Test(answers, a_labels_escapes_are_undone)
{
	json_t *sample = sample_of("f{uuid=\"a\\\"b\\\\c\\nd}\",device=\"8:1\"} 5");
	json_t *labels = json_object_get(sample, "labels");

	cr_assert_str_eq(json_string_value(json_object_get(labels, "uuid")), "a\"b\\c\nd}");
	cr_assert_str_eq(json_string_value(json_object_get(labels, "device")), "8:1");
	cr_assert_eq(json_integer_value(json_object_get(sample, "value")), 5);
	json_decref(sample);
}

Test(answers, a_sample_of_64_bits_is_not_cut)
{
	json_t *sample = sample_of("f 18446744073709551615");

	cr_assert_eq(json_number_value(json_object_get(sample, "value")), 18446744073709551615.0);
	json_decref(sample);
}
