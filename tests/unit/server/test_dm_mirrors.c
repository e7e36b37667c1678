/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target of device-mapper's as JSON. */
#include "server/ctl/dm_mirrors.h"

#include "server/ctl/view.h"

#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#define TABLE(uuid) "userspace 4 " uuid " disk 253:4 1024 2 253:5 0 253:6 0"

static json_t *target(const char *params)
{
	const struct dm_device device = {.name = "m", .uuid = "LVM-x", .major = 253, .minor = 3};

	return dm_mirrors_target(&device, 1, params);
}

Test(dm_mirrors, a_target_has_its_log_and_its_legs)
{
	json_t *mirror = target(TABLE("u"));
	json_t *legs = json_object_get(mirror, "legs");

	cr_assert_str_eq(view_text(mirror, "dm"), "m");
	cr_assert_str_eq(view_text(mirror, "uuid"), "u");
	cr_assert_str_eq(view_text(mirror, "device"), "253:3");
	cr_assert_eq(json_array_size(legs), 2);
	cr_assert_str_eq(view_text(json_array_get(legs, 1), "device"), "253:6");
	json_decref(mirror);
}

Test(dm_mirrors, the_kernels_own_logs_are_none_of_ours)
{
	cr_assert_null(target("disk 2 253:4 1024 2 253:5 0 253:6 0"));
}

/* As dirtylogd says the log's name itself. */
Test(dm_mirrors, a_name_that_is_not_utf8_is_told)
{
	json_t *mirror = target(TABLE("g\xfcn"));

	cr_assert_str_eq(view_text(mirror, "uuid"), "g\xc3\xbcn");
	json_decref(mirror);
}

static void expect_read(const char *text, size_t mirrors, bool whole)
{
	char *lines = strdup(text);
	bool all = !whole;
	json_t *read = dm_mirrors_read(lines, &all);

	cr_assert_eq(json_array_size(read), mirrors, "%s", text);
	cr_assert_eq(all, whole, "%s", text);
	json_decref(read);
	free(lines);
}

/* A child that could not ask says nothing, and ends as one of a host without mirrors does. */
Test(dm_mirrors, a_list_is_whole_with_its_closing_line_alone)
{
	expect_read("{\"all\":true}\n", 0, true);
	expect_read("{\"dm\":\"m\"}\n{\"dm\":\"n\"}\n{\"all\":true}\n", 2, true);
	expect_read("", 0, false);
	expect_read("{\"dm\":\"m\"}\n", 1, false);
	expect_read("{\"dm\":\"m\"}\n{\"all\":tr", 1, false);
}
