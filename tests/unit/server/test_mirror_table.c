/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table line of a mirror: what is found in it, and what is not taken for one of ours. */
#include "server/protocol/mirror_table.h"

#include <string.h>
#include <criterion/criterion.h>

static struct mirror_table table;

static enum mirror_table_kind kind(const char *line)
{
	memset(&table, 0xA5, sizeof(table));
	return mirror_table_parse(line, &table);
}

static bool parse(const char *line)
{
	return kind(line) == MIRROR_TABLE_OURS;
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
	cr_assert_eq(kind("disk 2 254:2 1024 2 254:0 0 254:16 0"), MIRROR_TABLE_OTHERS);
	cr_assert_eq(kind("userspacex 3 u core 8 2 1:1 0 1:2 0"), MIRROR_TABLE_OTHERS);
}

Test(mirror_table, finds_the_log_behind_another)
{
	cr_assert(parse("cached 6 userspace u integrated_flush disk 254:2 1024 2 7:1 0 7:2 0"));
	cr_assert_str_eq(table.uuid, "u");
	cr_assert_eq(table.legs[1][1], 2);
	cr_assert(parse("cached 8 max_lazy 16 clear_delay 5 userspace u core 1024  2 7:1 0 7:2 0 1 "
			"handle_errors"));
	cr_assert_eq(table.legs[1][1], 2);
	cr_assert_eq(kind("cached 3 core 1024 nosync 2 7:1 0 7:2 0"), MIRROR_TABLE_OTHERS);
	cr_assert_eq(kind("cached 5 max_lazy 16 disk 7:3 1024 2 7:1 0 7:2 0"), MIRROR_TABLE_OTHERS);
}

Test(mirror_table, a_line_without_a_uuid_is_nameless)
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
		"cached",
		"cached x userspace u core 8 2 1:1 0 1:2 0",
		"cached 0 userspace u core 8 2 1:1 0 1:2 0",
		"cached 1 userspace u core 8 2 1:1 0 1:2 0",
		"cached 1 max_lazy 1 userspace u core 8 2 1:1 0 1:2 0",
		"cached 2 max_lazy 1 userspace u core 8 2 1:1 0 1:2 0",
		"cached 3 max_lazy 1 userspace u core 8 2 1:1 0 1:2 0",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_eq(kind(lines[i]), MIRROR_TABLE_NAMELESS, "\"%s\"", lines[i]);
}

/* Whose legs are not known is not a mirror without legs. */
Test(mirror_table, a_broken_line_tells_its_uuid)
{
	static const char *const lines[] = {
		"userspace 4294967 u core 8",
		"userspace 3 u core 8",
		"userspace 3 u core 8 0",
		"userspace 3 u core 8 2 1:1 0 1:2",
		"userspace 3 u core 8 2 1:1 0 /dev/sda 0",
		"cached 2 userspace u core 8 2 1:1 0 1:2 0",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cr_assert_eq(kind(lines[i]), MIRROR_TABLE_BROKEN, "\"%s\"", lines[i]);
		cr_assert_str_eq(table.uuid, "u");
	}
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

Test(mirror_status, each_leg_has_its_letter)
{
	struct mirror_status status;

	cr_assert(mirror_status_parse("3 254:0 254:16 254:48 511/512 1 ADR 3 disk 254:32 A",
				      &status));
	cr_assert_eq(status.nlegs, 3);
	cr_assert_str_eq(status.legs, "ADR");
	cr_assert(mirror_status_parse("2 7:1 7:2 0/8 1 AU userspace 1 COM_FAILURE", &status));
	cr_assert_str_eq(status.legs, "AU");
	cr_assert_not(mirror_status_parse("2 7:1 7:2 0/8 1 AAA 1 core", &status));
	cr_assert_not(mirror_status_parse("2 7:1 7:2 0/8 1", &status));
}

Test(mirror_status, all_alive)
{
	cr_assert(mirror_status_all_alive("2 254:0 254:16 512/512 1 AA 3 disk 254:32 A"));
	cr_assert(mirror_status_all_alive("2 254:0 254:16 12/512 1 AA 1 core"));
	cr_assert(mirror_status_all_alive("3 7:1 7:2 7:3 0/8 1 AAA 3 disk 7:4 A"));
}

/* Dead by a write, a resync, a read, a flush, or unknown; or the log. */
Test(mirror_status, one_that_is_not_alive)
{
	static const char *const lines[] = {
		"2 254:0 254:16 511/512 1 AD 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 DA 1 core",
		"2 254:0 254:16 511/512 1 AS 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 RA 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 AF 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 UU 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 AA 3 disk 254:32 D",
		"2 254:0 254:16 511/512 1 AA userspace 1 COM_FAILURE",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_not(mirror_status_all_alive(lines[i]), "%s", lines[i]);
}

Test(mirror_status, what_is_not_understood_is_not_alive)
{
	static const char *const lines[] = {
		"",
		"2",
		"2 254:0 254:16 511/512 1",
		"2 254:0 254:16 511/512 1 AA",
		"2 254:0 254:16 511/512 1 AA 3",
		"2 254:0 254:16 511/512 1 AA 3 disk 254:32",
		"2 254:0 254:16 511/512 1 A 3 disk 254:32 A",
		"2 254:0 254:16 511/512 1 AAA 3 disk 254:32 A",
		"10 1 2 3 4 5 6 7 8 9 10 1/1 1 AAAAAAAAAA 1 core",
		"x",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_not(mirror_status_all_alive(lines[i]), "%s", lines[i]);
}
