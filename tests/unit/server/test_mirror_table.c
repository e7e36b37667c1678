/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table line of a mirror: what is found in it, and what is not taken for one of ours. */
#include "server/protocol/mirror_table.h"

#include <string.h>
#include <criterion/criterion.h>

static struct mirror_table table;

static bool parse(const char *line)
{
	memset(&table, 0xA5, sizeof(table));
	return mirror_table_parse(line, &table);
}

Test(mirror_table, finds_uuid_and_legs)
{
	cr_assert(
		parse("userspace 4 LVM-abc disk 254:2 1024 2 254:0 0 254:16 2048 1 handle_errors"));
	cr_assert_str_eq(table.uuid, "LVM-abc");
	cr_assert_eq(table.nlegs, 2);
	cr_assert_eq(table.legs[0][0], 254);
	cr_assert_eq(table.legs[0][1], 0);
	cr_assert_eq(table.legs[1][0], 254);
	cr_assert_eq(table.legs[1][1], 16);
}

Test(mirror_table, takes_the_kernels_double_spaces)
{
	cr_assert(parse("userspace 5 u integrated_flush core 1024 nosync  2 7:1 0 7:2 0"));
	cr_assert_eq(table.nlegs, 2);
	cr_assert_eq(table.legs[1][1], 2);
}

Test(mirror_table, takes_as_many_legs_as_the_kernel)
{
	cr_assert(parse(
		"userspace 3 u core 8 9 1:1 0 1:2 0 1:3 0 1:4 0 1:5 0 1:6 0 1:7 0 1:8 0 1:9 0"));
	cr_assert_eq(table.legs[8][1], 9);
	cr_assert_not(
		parse("userspace 3 u core 8 10 1:1 0 1:2 0 1:3 0 1:4 0 1:5 0 1:6 0 1:7 0 1:8 0 "
		      "1:9 0 1:10 0"));
}

Test(mirror_table, another_log_type_is_not_ours)
{
	cr_assert_not(parse("disk 2 254:2 1024 2 254:0 0 254:16 0"));
	cr_assert_not(parse("userspacex 3 u core 8 2 1:1 0 1:2 0"));
}

Test(mirror_table, a_broken_line_is_not_taken)
{
	static const char *const lines[] = {
		"",
		" ",
		"userspace",
		"userspace 3",
		"userspace x u core 8 2 1:1 0 1:2 0",
		"userspace -1 u core 8 2 1:1 0 1:2 0",
		"userspace 0 u core 8 2 1:1 0 1:2 0",
		"userspace 99999999999 u core 8",
		"userspace 4294967 u core 8",
		"userspace 3 u core 8",
		"userspace 3 u core 8 0",
		"userspace 3 u core 8 2 1:1 0 1:2",
		"userspace 3 u core 8 2 1:1 0 /dev/sda 0",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_not(parse(lines[i]), "\"%s\" was taken", lines[i]);
}

Test(mirror_table, a_uuid_longer_than_the_kernels_is_not_taken)
{
	char line[300] = "userspace 3 ";
	size_t at = strlen(line);

	memset(line + at, 'u', DM_UUID_LEN - 1);
	strcpy(line + at + DM_UUID_LEN - 1, " core 8 2 1:1 0 1:2 0");
	cr_assert(parse(line));
	memset(line + at, 'u', DM_UUID_LEN);
	strcpy(line + at + DM_UUID_LEN, " core 8 2 1:1 0 1:2 0");
	cr_assert_not(parse(line));
}
