/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/kernel_faults.h"

#include <criterion/criterion.h>

static struct kernel_version read(const char *release, const char *version)
{
	struct kernel_version numbers;

	cr_assert(kernel_version_read(release, version, &numbers));
	return numbers;
}

static unsigned count(const char *release)
{
	struct kernel_version version = read(release, "");
	unsigned at = 0, fixed, n = 0;

	while (kernel_faults_next(&version, &at, &fixed)) {
		cr_assert_gt(fixed, version.patch);
		n++;
	}
	return n;
}

Test(kernel_faults, debians_version_is_that_of_its_sources)
{
	struct kernel_version version =
		read("6.1.0-57-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-11-09)");

	cr_assert_eq(version.patch, 192);
	version = read("6.12.117+deb12-amd64", "#1 SMP");
	cr_assert_eq(version.minor, 12);
	cr_assert_eq(version.patch, 117);
	cr_assert_not(kernel_version_read("strange", "#1 SMP", &version));
}

Test(kernel_faults, each_is_told_until_it_is_fixed)
{
	cr_assert_eq(count("6.1.146"), 5);
	cr_assert_eq(count("6.1.147"), 4);
	cr_assert_eq(count("6.1.191"), 1);
	cr_assert_eq(count("6.1.192"), 0);
	cr_assert_eq(count("6.12.34"), 5);
	cr_assert_eq(count("6.12.113"), 0);
}

Test(kernel_faults, of_other_branches_nothing_is_known)
{
	struct kernel_version version = read("5.10.1", "");

	cr_assert_not(kernel_faults_known(&version));
	cr_assert_eq(count("5.10.1"), 0);
}
