/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Known faults of the kernel that mirrors with a userspace log can meet. Pure; any thread. */
#ifndef SERVER_CTL_KERNEL_FAULTS_H
#define SERVER_CTL_KERNEL_FAULTS_H

#include <stdbool.h>

struct kernel_version {
	unsigned major, minor, patch;
};

/* From what uname(2) says: Debian has the version of its sources in `version` ("#1 SMP ... Debian 6.1.192-3"), and
 * another in `release`. False: neither is one. */
bool kernel_version_read(const char *release, const char *version, struct kernel_version *read);

/* Whether the faults of its branch are known here. */
bool kernel_faults_known(const struct kernel_version *version);

/* The next one that it has, from *at on, which begins at 0; NULL: no more. *fixed: the patch level without it. */
const char *kernel_faults_next(const struct kernel_version *version, unsigned *at, unsigned *fixed);

#endif
