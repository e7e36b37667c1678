/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers of block devices, in a tree that looks like /sys. */
#include "server/ctl/beneath.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

static char sys[] = "/tmp/dirtylogd-sys.XXXXXX";

static void __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	cr_assert_eq(system(command), 0, "%s", command);
}

static void stand(const char *above, const char *below)
{
	shell("cd %s/dev/block 2>/dev/null || mkdir -p %s/dev/block && cd %s/dev/block; "
	      "mkdir -p %s/slaves/%s && echo %s >%s/slaves/%s/dev && echo %s >%s/dev",
	      sys, sys, sys, above, below, below, above, below, above, above);
}

static void make_tree(void)
{
	cr_assert_not_null(mkdtemp(sys));
}

static void remove_tree(void)
{
	shell("rm -r %s", sys);
}

TestSuite(beneath, .init = make_tree, .fini = remove_tree);

Test(beneath, a_device_stands_on_all_that_is_below)
{
	stand("253:3", "253:2");
	stand("253:2", "253:0");
	stand("253:2", "253:1");
	stand("253:1", "8:17");
	cr_assert(beneath_device(sys, makedev(253, 3), makedev(253, 3)));
	cr_assert(beneath_device(sys, makedev(253, 3), makedev(253, 1)));
	cr_assert(beneath_device(sys, makedev(253, 3), makedev(8, 17)));
}

Test(beneath, a_device_does_not_stand_on_others)
{
	stand("253:3", "253:2");
	cr_assert_not(beneath_device(sys, makedev(253, 2), makedev(253, 3)));
	cr_assert_not(beneath_device(sys, makedev(253, 3), makedev(8, 1)));
	cr_assert_not(beneath_device(sys, makedev(7, 0), makedev(8, 1)));
}

Test(beneath, a_tree_that_has_no_bottom_ends)
{
	stand("253:1", "253:2");
	stand("253:2", "253:1");
	cr_assert_not(beneath_device(sys, makedev(253, 1), makedev(8, 1)));
}

Test(beneath, a_file_system_without_a_device_stands_on_none)
{
	cr_assert_not(beneath_mount("/proc/self/mountinfo", "/proc", makedev(8, 1)));
	cr_assert_not(beneath_mount("/proc/self/mountinfo", "/nowhere", makedev(8, 1)));
	cr_assert_not(beneath_mount("/nowhere", "/", makedev(8, 1)));
}

/* `slaves/..` is the device, and has a file `dev`. */
Test(beneath, many_layers_are_looked_through_once, .timeout = 30)
{
	char above[16], below[16];

	for (unsigned i = 0; i < 12; i++) {
		snprintf(above, sizeof(above), "253:%u", i + 1);
		snprintf(below, sizeof(below), "253:%u", i);
		stand(above, below);
	}
	cr_assert(beneath_device(sys, makedev(253, 12), makedev(253, 0)));
	cr_assert_not(beneath_device(sys, makedev(253, 12), makedev(8, 1)));
}

/* LVM renames a volume that is mounted, and another one may get its name. */
Test(beneath, what_is_mounted_is_known_by_its_number)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/mountinfo", sys);
	shell("cd %s && echo '28 1 0:5 / /proc rw - proc proc rw' >mountinfo && "
	      "echo '29 1 253:7 / / rw shared:1 - ext4 /dev/mapper/vg-gone rw' >>mountinfo && "
	      "echo '30 1 0:40 / /usr rw - btrfs /dev/null rw' >>mountinfo",
	      sys);
	cr_assert(beneath_mount(path, "/", makedev(253, 7)));
	cr_assert_not(beneath_mount(path, "/", makedev(253, 8)));
	cr_assert_not(beneath_mount(path, "/usr", makedev(253, 7)));
}
