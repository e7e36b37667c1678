/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which mirrors are well, and how they are shown. */
#include "server/ctl/table.h"
#include "server/ctl/view.h"

#include <string.h>
#include <criterion/criterion.h>

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);

	cr_assert_not_null(json, "%s: %s", text, error.text);
	return json;
}

static enum view_verdict judge(const char *text)
{
	json_t *mirror = parse(text);
	enum view_verdict verdict = view_judge(mirror);

	json_decref(mirror);
	return verdict;
}

#define LOG(more) "'log': {'health': 'sound'" more "}"
#define LEGS(first, second) "'legs': [{'health': '" first "'}, {'health': '" second "'}]"

static const char *quoted(const char *text)
{
	static char copy[512];
	size_t i;

	for (i = 0; text[i] && i < sizeof(copy) - 1; i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	copy[i] = '\0';
	return copy;
}

static void expect_verdict(const char *text, enum view_verdict verdict)
{
	cr_assert_eq(judge(quoted(text)), verdict, "%s", text);
}

Test(view, a_mirror_is_good_while_all_is_alive)
{
	expect_verdict("{" LOG("") "}", VIEW_GOOD);
	expect_verdict("{" LOG(", 'in_sync': 1, 'regions': 5") ", " LEGS("A", "A") "}", VIEW_GOOD);
}

Test(view, a_mirror_is_degraded_by_a_leg_or_a_log_that_is_not_written)
{
	expect_verdict("{" LOG("") ", " LEGS("A", "D") "}", VIEW_DEGRADED);
	expect_verdict("{" LOG("") ", " LEGS("R", "A") "}", VIEW_DEGRADED);
	expect_verdict("{" LOG("") ", 'legs': [{}, {}]}", VIEW_DEGRADED);
	expect_verdict("{" LOG(", 'retries': true") ", " LEGS("A", "A") "}", VIEW_DEGRADED);
	expect_verdict("{" LOG(", 'spoilt': true") ", " LEGS("A", "A") "}", VIEW_DEGRADED);
	expect_verdict("{'log': {'state': 'opening'}, " LEGS("A", "A") "}", VIEW_DEGRADED);
}

/* Of a device that hangs nothing else is to be seen. */
Test(view, a_mirror_is_degraded_whose_requests_wait_for_long)
{
	expect_verdict("{" LOG(", 'oldest_wait_ms': 4999") ", " LEGS("A", "A") "}", VIEW_GOOD);
	expect_verdict("{" LOG(", 'oldest_wait_ms': 5000") ", " LEGS("A", "A") "}", VIEW_DEGRADED);
	expect_verdict("{" LOG(", 'oldest_wait_ms': 5000") ", " LEGS("D", "D") "}", VIEW_FAILED);
}

Test(view, a_mirror_has_failed_that_cannot_be_written)
{
	expect_verdict("{" LEGS("A", "A") "}", VIEW_FAILED);
	expect_verdict("{" LOG("") ", " LEGS("D", "F") "}", VIEW_FAILED);
	expect_verdict("{'log': {'health': 'failed'}, " LEGS("A", "A") "}", VIEW_FAILED);
	expect_verdict("{'log': {'health': 'unusable'}}", VIEW_FAILED);
}

/* --- put together --- */

static void expect_joined(const char *found_text, const char *logs_text, const char *wanted)
{
	json_t *found = parse(quoted(found_text)), *answer = parse(quoted(logs_text));
	json_t *view = view_join(found, answer), *mirror,
	       *mirrors = json_object_get(view, "mirrors");
	char got[256] = "";

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		strcat(got, view_text(mirror, "name"));
		strcat(got, view_text(mirror, "device"));
		strcat(got, view_text(json_object_get(mirror, "log"), "luid"));
		strcat(got, " ");
	}
	cr_assert_str_eq(got, wanted, "%s", got);
	json_decref(found);
	json_decref(answer);
	json_decref(view);
}

Test(view, mirrors_have_their_logs_and_are_in_order)
{
	expect_joined("[{'dm': 'm', 'uuid': 'u1', 'device': '@1:1'}, "
		      "{'dm': 'a--b-c', 'dm_uuid': 'LVM-x', 'uuid': 'u2', 'device': '@1:2'}]",
		      "{'logs': [{'uuid': 'u1', 'luid': '#1'}, {'uuid': 'u2', 'luid': '#2'}]}",
		      "a-b/c@1:2#2 m@1:1#1 ");
}

Test(view, a_name_with_a_dash_is_lvms_only_if_lvm_made_it)
{
	expect_joined("[{'dm': 'a-b', 'dm_uuid': '', 'uuid': 'u1'}]", "{'logs': []}", "a-b ");
}

Test(view, a_log_without_a_mirror_and_a_mirror_without_a_log_are_there)
{
	expect_joined("[{'dm': 'm', 'uuid': 'u1', 'device': '@1:1'}]",
		      "{'logs': [{'uuid': 'u2', 'luid': '#2'}]}", "m@1:1 u2#2 ");
}

/* As pvmove has them. */
Test(view, targets_of_one_uuid_get_a_log_each)
{
	expect_joined(
		"[{'dm': 'm', 'uuid': 'u', 'device': '@1'}, {'dm': 'm', 'uuid': 'u', 'device': "
		"'@2'}]",
		"{'logs': [{'uuid': 'u', 'luid': '#1'}, {'uuid': 'u', 'luid': '#2'}]}",
		"m@1#1 m@2#2 ");
}

static bool lacks_log(const char *text)
{
	json_t *view = parse(quoted(text));
	bool lacks = view_lacks_log(view);

	json_decref(view);
	return lacks;
}

/* It is asked for again: a view that is looked at twice. */
Test(view, a_mirror_that_is_just_gone_has_no_log)
{
	cr_assert(lacks_log("{'mirrors': [{" LOG("") "}, {'dm': 'm'}]}"));
	cr_assert_not(lacks_log("{'mirrors': [{" LOG("") "}]}"));
	cr_assert_not(lacks_log("{'mirrors': []}"));
}

/* --- shown --- */

static void expect_cell(table_cell *cell, const char *mirror_text, const char *wanted)
{
	json_t *mirror = parse(quoted(mirror_text));
	char text[TABLE_CELL_MAX];

	cell(mirror, text);
	cr_assert_str_eq(text, wanted, "%s", text);
	json_decref(mirror);
}

Test(view, all_is_100_percent_and_nothing_less)
{
	expect_cell(table_sync, "{'log': {'regions': 1000000, 'in_sync': 1000000}}", "100%");
	expect_cell(table_sync, "{'log': {'regions': 1000000, 'in_sync': 999999}}", "99.99%");
	expect_cell(table_sync, "{'log': {'regions': 3, 'in_sync': 0}}", "0.00%");
	expect_cell(table_sync, "{'log': {'regions': 3}}", "?");
	expect_cell(table_sync, "{}", "?");
}

Test(view, a_resync_has_a_rate_and_an_end)
{
	const char *runs = "{'log': {'regions': 7201, 'in_sync': 1, 'region_size': 1024, "
			   "'resync_rate': 2.0}}";

	expect_cell(table_rate, runs, "1.0M/s");
	expect_cell(table_left, runs, "1:00:01");
	expect_cell(table_rate, "{'log': {'regions': 2, 'in_sync': 2, 'resync_rate': 2.0}}", "-");
	expect_cell(table_left, "{'log': {'regions': 2, 'in_sync': 2, 'resync_rate': 2.0}}", "-");
	expect_cell(table_left, "{'log': {'regions': 2, 'in_sync': 1, 'resync_rate': 0.0}}", "?");
}

/* A file that --from names can say anything. */
Test(view, what_cannot_be_is_not_known)
{
	expect_cell(table_sync, "{'log': {'regions': 3, 'in_sync': 4}}", "?");
	expect_cell(table_sync, "{'log': {'regions': 3, 'in_sync': -1}}", "?");
	expect_cell(table_left, "{'log': {'regions': 3, 'in_sync': 4, 'resync_rate': 2.0}}", "?");
	expect_cell(table_left,
		    "{'log': {'regions': 9223372036854775807, 'in_sync': -9223372036854775807, "
		    "'resync_rate': 1.0}}",
		    "?");
	expect_cell(table_left, "{'log': {'regions': 2, 'in_sync': 1, 'resync_rate': 1e-300}}",
		    "?");
}

Test(view, very_many_legs_are_cut)
{
	json_t *mirror = json_pack("{s:[]}", "legs");
	char text[TABLE_CELL_MAX];

	for (unsigned i = 0; i < 200; i++)
		json_array_append_new(json_object_get(mirror, "legs"),
				      json_pack("{s:s}", "device", "253:12345"));
	table_legs(mirror, text);
	cr_assert_eq(strlen(text), TABLE_CELL_MAX - 1);
	json_decref(mirror);
}

Test(view, a_log_tells_what_is_wrong_with_it)
{
	expect_cell(table_log, "{'log': {'device': '7:0', 'health': 'sound', 'state': 'active'}}",
		    "7:0(A)");
	expect_cell(table_log, "{'log': {'health': 'sound', 'state': 'suspended'}}",
		    "core(A),suspended");
	expect_cell(table_log,
		    "{'log': {'device': '7:0', 'health': 'sound', 'retries': true, 'state': "
		    "'active'}}",
		    "7:0(retries)");
	expect_cell(table_log, "{}", "none");
}
