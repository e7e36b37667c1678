/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror's table from the kernel's log to ours and back. */
#include "server/protocol/mirror_params.h"

#include <criterion/criterion.h>
#include <string.h>

static char text[256];

static void adopts(const char *params, bool in_sync, const char *wanted)
{
	cr_assert(mirror_params_adopt(params, "LVM-u", in_sync, false, text, sizeof(text)), "%s",
		  params);
	cr_assert_str_eq(text, wanted);
}

static void releases(const char *params, bool in_sync, const char *wanted)
{
	cr_assert(mirror_params_release(params, in_sync, NULL, text, sizeof(text)), "%s", params);
	cr_assert_str_eq(text, wanted);
}

/* The kernel's disk log with nosync takes every region for clean at each resume, whatever its device says. */
Test(mirror_params, a_disk_log_keeps_all_its_words_but_its_state)
{
	adopts("disk 2 254:0 1024 2 254:1 0 254:2 0 1 handle_errors", false,
	       "userspace 4 LVM-u disk 254:0 1024 2 254:1 0 254:2 0 1 handle_errors");
	adopts("disk 3 254:0 1024 nosync 2 254:1 0 254:2 8", true,
	       "userspace 4 LVM-u disk 254:0 1024 2 254:1 0 254:2 8");
	adopts("disk 4 254:0 1024 sync block_on_error 3 254:1 0 254:2 0 254:3 0 2 handle_errors "
	       "keep_log",
	       false,
	       "userspace 5 LVM-u disk 254:0 1024 block_on_error 3 254:1 0 254:2 0 254:3 0 2 "
	       "handle_errors keep_log");
}

Test(mirror_params, a_core_log_is_told_what_is_known_now)
{
	adopts("core 1 1024 2 254:1 0 254:2 0", false,
	       "userspace 3 LVM-u core 1024 2 254:1 0 254:2 0");
	adopts("core 1 1024 2 254:1 0 254:2 0", true,
	       "userspace 4 LVM-u core 1024 nosync 2 254:1 0 254:2 0");
	adopts("core 2 1024 nosync 2 254:1 0 254:2 0", false,
	       "userspace 3 LVM-u core 1024 2 254:1 0 254:2 0");
	adopts("core 3 1024 sync block_on_error 2 254:1 0 254:2 0", true,
	       "userspace 5 LVM-u core 1024 nosync block_on_error 2 254:1 0 254:2 0");
}

Test(mirror_params, release_is_the_way_back)
{
	releases("userspace 4 LVM-u disk 254:0 1024 2 254:1 0 254:2 0 1 handle_errors", false,
		 "disk 2 254:0 1024 2 254:1 0 254:2 0 1 handle_errors");
	releases("userspace 6 LVM-u integrated_flush disk 254:0 1024 nosync 2 254:1 0 254:2 0",
		 true, "disk 2 254:0 1024 2 254:1 0 254:2 0");
	releases("userspace 4 LVM-u core 1024 nosync 2 254:1 0 254:2 0", false,
		 "core 1 1024 2 254:1 0 254:2 0");
	releases("userspace 3 LVM-u core 1024 2 254:1 0 254:2 0", true,
		 "core 2 1024 nosync 2 254:1 0 254:2 0");
}

static void resyncs(const char *params, bool begin, const char *wanted)
{
	cr_assert(mirror_params_resync(params, begin, NULL, text, sizeof(text)), "%s", params);
	cr_assert_str_eq(text, wanted);
}

Test(mirror_params, resync_is_said_for_one_table)
{
	const char *disk = "userspace 4 u disk 254:0 1024 2 254:1 0 254:2 0 1 handle_errors";
	const char *core = "userspace 4 u core 1024 block_on_error 2 254:1 0 254:2 0";

	resyncs(disk, true, "userspace 5 u disk 254:0 1024 sync 2 254:1 0 254:2 0 1 handle_errors");
	resyncs("userspace 5 u disk 254:0 1024 sync 2 254:1 0 254:2 0 1 handle_errors", false,
		disk);
	resyncs("userspace 5 u core 1024 nosync block_on_error 2 254:1 0 254:2 0", true,
		"userspace 5 u core 1024 sync block_on_error 2 254:1 0 254:2 0");
	resyncs("userspace 5 u core 1024 sync block_on_error 2 254:1 0 254:2 0", false, core);
	resyncs("userspace 5 u integrated_flush disk 254:3 1024 2 254:1 0 254:2 0", true,
		"userspace 6 u integrated_flush disk 254:3 1024 sync 2 254:1 0 254:2 0");
	cr_assert_not(mirror_params_resync("disk 2 254:0 1024 2 254:1 0 254:2 0", true, NULL, text,
					   sizeof(text)));
}

/* A name may be another device's by now, which would be written. */
Test(mirror_params, a_device_that_is_named_goes_by_its_number_alone)
{
	const char *named = "userspace 4 u disk /dev/vg/log 1024 2 254:1 0 254:2 0";

	cr_assert_not(mirror_params_release(named, false, NULL, text, sizeof(text)));
	cr_assert_not(mirror_params_release(named, false, "-", text, sizeof(text)));
	cr_assert(mirror_params_release(named, false, "254:7", text, sizeof(text)));
	cr_assert_str_eq(text, "disk 2 254:7 1024 2 254:1 0 254:2 0");
	cr_assert_not(mirror_params_resync(named, true, NULL, text, sizeof(text)));
	cr_assert(mirror_params_resync(named, true, "254:7", text, sizeof(text)));
	cr_assert_str_eq(text, "userspace 5 u disk 254:7 1024 sync 2 254:1 0 254:2 0");
	/* A log of this uuid that dirtylogd had before: its device's number may be another one's by now. */
	cr_assert(mirror_params_release("userspace 4 u disk 254:9 1024 2 254:1 0 254:2 0", false,
					"254:7", text, sizeof(text)));
	cr_assert_str_eq(text, "disk 2 254:9 1024 2 254:1 0 254:2 0");
}

static void fronts(const char *params, bool in_sync, bool front, const char *wanted)
{
	cr_assert(mirror_params_front(params, in_sync, front, NULL, text, sizeof(text)), "%s",
		  params);
	cr_assert_str_eq(text, wanted);
}

#define PLAIN_CORE "userspace 4 u core 1024 nosync 2 254:1 0 254:2 0"
#define FRONT_DISK \
	"cached 8 max_lazy 5 userspace u integrated_flush disk 254:0 1024 2 254:1 0 254:2 0"

Test(mirror_params, a_log_in_front_comes_and_goes)
{
	cr_assert(mirror_params_adopt("disk 2 254:0 1024 2 254:1 0 254:2 0 1 handle_errors", "u",
				      false, true, text, sizeof(text)));
	cr_assert_str_eq(text, "cached 6 userspace u integrated_flush disk 254:0 1024 2 254:1 0 "
			       "254:2 0 1 handle_errors");
	cr_assert(mirror_params_has_front(text));
	cr_assert_eq(mirror_params_log(text), MIRROR_PARAMS_OURS_DISK);
	releases(text, false, "disk 2 254:0 1024 2 254:1 0 254:2 0 1 handle_errors");
	fronts(PLAIN_CORE, true, true,
	       "cached 6 userspace u integrated_flush core 1024 nosync 2 254:1 0 254:2 0");
	fronts(FRONT_DISK, false, false,
	       "userspace 5 u integrated_flush disk 254:0 1024 2 254:1 0 254:2 0");
	cr_assert_not(mirror_params_front(PLAIN_CORE, true, false, NULL, text, sizeof(text)));
	cr_assert_not(mirror_params_front(FRONT_DISK, true, true, NULL, text, sizeof(text)));
}

Test(mirror_params, the_kernels_log_behind_one_in_front_is_the_kernels)
{
	cr_assert_eq(mirror_params_log("cached 3 disk 254:0 1024 2 254:1 0 254:2 0"),
		     MIRROR_PARAMS_DISK);
	adopts("cached 4 clear_delay 9 core 1024 2 254:1 0 254:2 0", false,
	       "userspace 3 LVM-u core 1024 2 254:1 0 254:2 0");
	resyncs(FRONT_DISK, true,
		"cached 9 max_lazy 5 userspace u integrated_flush disk 254:0 1024 sync 2 254:1 0 "
		"254:2 0");
}

Test(mirror_params, what_is_not_understood_is_left)
{
	static const char *const others[] = {
		"",
		"core",
		"core 1",
		"core 1 1024",
		"core x 1024 2 254:1 0",
		"core 99 1024 2",
		"clustered-disk 3 u 254:0 1024 2 254:1 0 254:2 0",
		"userspace 4 u clustered-disk 254:0 1024 2 254:1 0",
		"userspace 1 u disk",
		"userspace",
		"core 0 2 254:1 0 254:2 0",
		"core 1 nosync 2 254:1 0 254:2 0",
		"disk 2 254:0 sync 2 254:1 0",
		"cached",
		"cached 2 max_lazy 5",
		"cached 1 max_lazy 5 core 1024 2 254:1 0 254:2 0",
		"cached 9 core 1024 2 254:1 0 254:2 0",
		"cached 4 cached 3 core 1024 2 254:1 0 254:2 0",
	};

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		cr_assert_not(mirror_params_adopt(others[i], "u", true, false, text, sizeof(text)),
			      "%s", others[i]);
		cr_assert_not(mirror_params_release(others[i], true, NULL, text, sizeof(text)),
			      "%s", others[i]);
	}
	/* Each is the other's. */
	cr_assert_not(mirror_params_release("core 1 1024 2 254:1 0 254:2 0", true, NULL, text,
					    sizeof(text)));
	cr_assert_not(mirror_params_adopt("userspace 3 u core 1024 2 254:1 0 254:2 0", "u", true,
					  false, text, sizeof(text)));
}

Test(mirror_params, nothing_is_cut)
{
	const char *params = "disk 2 254:0 1024 2 254:1 0 254:2 0 1 handle_errors";

	cr_assert(mirror_params_adopt(params, "u", false, false, text, sizeof(text)));
	cr_assert_not(mirror_params_adopt(params, "u", false, false, text, strlen(text)));
}

Test(mirror_params, in_sync_is_all_of_it)
{
	cr_assert(mirror_status_in_sync("2 254:1 254:2 192/192 1 AA 1 core"));
	cr_assert_not(mirror_status_in_sync("2 254:1 254:2 191/192 1 AA 1 core"));
	cr_assert_not(mirror_status_in_sync("2 254:1 254:2 0/0 1 AA 1 core"));
	cr_assert_not(mirror_status_in_sync("2 254:1"));
	cr_assert_not(mirror_status_in_sync(""));
}
