/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The constructor string, as the kernel makes it and as nobody should. */
#include "server/protocol/ctr_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

/* From memory that ends where the text does: it has no NUL. */
static int parse(const char *text, struct ctr_args *args, const char **why)
{
	size_t length = strlen(text);
	char *exact = malloc(length ? length : 1);
	int r;

	memcpy(exact, text, length);
	*why = NULL;
	r = ctr_args_parse(exact, length, args, why);
	free(exact);
	return r;
}

static struct ctr_args parsed(const char *text)
{
	struct ctr_args args;
	const char *why;

	cr_assert_eq(parse(text, &args, &why), 0, "\"%s\": %s", text, why);
	return args;
}

static void refused(const char *text)
{
	struct ctr_args args;
	const char *why;

	cr_assert_eq(parse(text, &args, &why), -EINVAL, "\"%s\" was taken", text);
	cr_assert(why && *why, "\"%s\": no reason given", text);
}

Test(ctr_args, a_disk_log_has_its_device)
{
	struct ctr_args args = parsed("2097152 clustered-disk 253:7 1024 nosync block_on_error");

	cr_assert_eq(args.sectors, 2097152);
	cr_assert_eq(args.region_size, 1024);
	cr_assert_eq(args.region_count, 2048);
	cr_assert(args.disk);
	cr_assert(args.block_on_error);
	cr_assert_eq(args.sync, CTR_ARGS_NOSYNC);
	cr_assert_str_eq(args.type, "clustered-disk");
	cr_assert(args.clustered);
	cr_assert_str_eq(args.device, "253:7");
}

Test(ctr_args, a_core_log_has_none)
{
	struct ctr_args args = parsed("1024 clustered-core 8 sync");

	cr_assert_not(args.disk);
	cr_assert_not(args.block_on_error);
	cr_assert_str_eq(args.type, "clustered-core");
	cr_assert_str_eq(args.device, "");
	cr_assert_eq(args.region_count, 128);
	cr_assert_eq(args.sync, CTR_ARGS_SYNC);
}

Test(ctr_args, the_image_decides_without_an_option)
{
	cr_assert_eq(parsed("1024 core 8").sync, CTR_ARGS_DEFAULTSYNC);
	cr_assert_eq(parsed("1024 disk /dev/x 8").sync, CTR_ARGS_DEFAULTSYNC);
}

Test(ctr_args, the_last_region_may_be_short)
{
	cr_assert_eq(parsed("1025 core 8").region_count, 129);
	cr_assert_eq(parsed("1 core 8").region_count, 1);
	cr_assert_eq(parsed("7 core 2147483648").region_count, 1);
}

Test(ctr_args, the_longest_mirror_does_not_overflow)
{
	struct ctr_args args = parsed("9223372036854775807 core 8");

	cr_assert_eq(args.region_count, UINT64_C(1) << 60);
}

Test(ctr_args, bad_lengths_are_refused)
{
	refused("");
	refused(" ");
	refused("0 core 8");
	refused("-1 core 8");
	refused("+1 core 8");
	refused("0x10 core 8");
	refused("10a core 8");
	refused("9223372036854775808 core 8");
	refused("18446744073709551616 core 8");
	refused("99999999999999999999999999999999999 core 8");
	refused("core 8");
}

Test(ctr_args, bad_types_are_refused)
{
	refused("1024");
	refused("1024 Core 8");
	refused("1024 corex 8");
	refused("1024 clustered_disk 253:0 8");
	refused("1024 userspace 8");
	refused("1024 disk");
}

Test(ctr_args, bad_region_sizes_are_refused)
{
	refused("1024 core");
	refused("1024 disk /dev/x");
	refused("1024 disk 1024");
	refused("1024 core 0");
	refused("1024 core 4");
	refused("1024 core 7");
	refused("1024 core 1000");
	refused("1024 core -8");
	refused("1024 core 8k");
	refused("1024 core 4294967296");
	refused("1024 core 18446744073709551624");
}

Test(ctr_args, bad_options_are_refused)
{
	refused("1024 core 8 sync nosync");
	refused("1024 core 8 sync sync");
	refused("1024 core 8 block_on_error block_on_error");
	refused("1024 core 8 synchron");
	refused("1024 core 8 8");
}

Test(ctr_args, options_come_in_any_order)
{
	struct ctr_args args = parsed("1024 core 8 block_on_error sync");

	cr_assert(args.block_on_error);
	cr_assert_eq(args.sync, CTR_ARGS_SYNC);
}

/* A device name of length bytes. */
static void make_text(char *text, size_t length)
{
	strcpy(text, "8 disk ");
	memset(text + 7, 'd', length);
	strcpy(text + 7 + length, " 8");
}

Test(ctr_args, a_device_name_fills_its_room_and_no_more)
{
	char text[CTR_ARGS_TEXT_MAX + 1];

	make_text(text, CTR_ARGS_DEVICE_MAX - 1);
	cr_assert_eq(strlen(parsed(text).device), CTR_ARGS_DEVICE_MAX - 1);
	make_text(text, CTR_ARGS_DEVICE_MAX);
	refused(text);
}

Test(ctr_args, text_over_the_maximum_is_refused)
{
	char text[CTR_ARGS_TEXT_MAX + 2] = "1024 core 8";

	memset(text + strlen(text), ' ', CTR_ARGS_TEXT_MAX - strlen(text));
	text[CTR_ARGS_TEXT_MAX] = '\0';
	cr_assert_eq(parsed(text).region_count, 128);
	text[CTR_ARGS_TEXT_MAX] = ' ';
	text[CTR_ARGS_TEXT_MAX + 1] = '\0';
	refused(text);
}

Test(ctr_args, a_nul_inside_is_refused)
{
	static const char text[] = "1024 core 8\0 sync";
	struct ctr_args args;
	const char *why = NULL;

	cr_assert_eq(ctr_args_parse(text, sizeof(text) - 1, &args, &why), -EINVAL);
	cr_assert_not_null(why);
}

/* --- <ARGC>, miscounted --- */

static void counts(const char *text, unsigned was, unsigned fits)
{
	struct ctr_args args;
	const char *why;

	cr_assert_eq(parse(text, &args, &why), -EINVAL, "\"%s\" was taken", text);
	cr_assert_eq(args.argc_was, was, "\"%s\": was %u", text, args.argc_was);
	cr_assert_eq(args.argc_fits, fits, "\"%s\": fits %u", text, args.argc_fits);
}

/* userspace 7 UUID disk 253:7 8 nosync 2 253:1 0 253:2 0 */
Test(ctr_args, legs_that_were_counted_are_told)
{
	counts("1024 disk 253:7 8 nosync 2 253:1", 7, 5);
	counts("1024 disk 253:7 8 2", 5, 4);
	counts("1024 core 8 2 253:1 0 253:2 0", 8, 3);
}

Test(ctr_args, words_that_were_not_counted_are_told)
{
	counts("1024 disk 253:7", 3, 4);
	counts("1024 core", 2, 3);
	counts("1024 disk", 2, 4);
}

Test(ctr_args, what_is_wrong_and_not_miscounted_is_told_without)
{
	counts("1024 disk 253:7 7", 0, 0);
	counts("1024 disk 253:7 8 nonsense", 0, 0);
	counts("1024 disk 253:7 nosync", 0, 0);
	counts("1024 raid 8 2", 0, 0);
}
