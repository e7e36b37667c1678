/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of mirrors to be read. */
#include "server/log/mirror_wake.h"

#include <criterion/criterion.h>
#include <string.h>

static char list[WAKE_LIST_MAX];

Test(mirror_wake, a_list_is_read_as_it_was_written)
{
	const struct wake_place places[] = {
		{254, 3, 0, 0}, {4294967295, 1048575, UINT64_MAX, UINT64_MAX}, {8, 1, 7, 12}};
	const char *at = list;
	struct wake_place place;

	for (unsigned i = 0; i < 3; i++)
		cr_assert(wake_list_add(list, &places[i]));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(wake_list_next(&at, &place));
		cr_assert_eq(place.major, places[i].major);
		cr_assert_eq(place.minor, places[i].minor);
		cr_assert_eq(place.start, places[i].start);
		cr_assert_eq(place.offset, places[i].offset);
	}
	cr_assert_not(wake_list_next(&at, &place));
	cr_assert_eq(*at, '\0');
}

Test(mirror_wake, what_has_no_room_is_left_out)
{
	const struct wake_place place = {254, 1048575, UINT64_MAX, UINT64_MAX};
	size_t before;

	do
		before = strlen(list);
	while (wake_list_add(list, &place));
	cr_assert_eq(strlen(list), before);
	cr_assert_geq(before, WAKE_LIST_MAX - 80);
}

Test(mirror_wake, what_is_no_place_ends_it)
{
	const char *at = "254:3,8:1@0+0";
	struct wake_place place;

	cr_assert_not(wake_list_next(&at, &place));
}
