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
	shell("cd %s && mkdir -p dev/block/%s/slaves/%s && echo %s >dev/block/%s/slaves/%s/dev",
	      sys, above, below, below, above, below);
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
	cr_assert_not(beneath_mount("/proc", makedev(8, 1)));
	cr_assert_not(beneath_mount("/nowhere", makedev(8, 1)));
}
