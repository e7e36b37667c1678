/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the changelogs of Debian's linux packages (linux-image-6.1.0-57-amd64 6.1.192-3, 6.12.117-1), which list what
 * each upload has of the stable branches: so a kernel of somebody else's may have a fix some patch levels earlier. */
#include "server/ctl/kernel_faults.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct branch {
	unsigned major, minor;
} branches[] = {{6, 1}, {6, 12}};

#define BRANCHES (sizeof(branches) / sizeof(branches[0]))

static const struct fault {
	const char *what;
	unsigned fixed[BRANCHES];
} faults[] = {
	{"a mirror that is removed while its last write ends can crash the kernel (dm-mirror: fix "
	 "a "
	 "tiny race condition)",
	 {147, 35}},
	{"suspending a mirror while its table is changed can crash the kernel (dm: fix NULL "
	 "pointer "
	 "dereference in __dm_suspend)",
	 {158, 57}},
	{"a kernel's log of very many regions writes behind its memory, as after a release (dm "
	 "log: "
	 "fix out-of-bounds write due to region_count overflow)",
	 {176, 94}},
	{"a long table line of a userspace log writes one byte behind its memory (dm raid1: "
	 "reserve "
	 "space for NUL-terminator in build_constructor_string)",
	 {190, 111}},
	{"a mirror that is removed or given another table while it is resumed can crash the kernel "
	 "(CVE-2026-89997, CVE-2026-89998, CVE-2026-99036)",
	 {192, 113}},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static bool read_numbers(const char *text, struct kernel_version *read)
{
	return sscanf(text, "%u.%u.%u", &read->major, &read->minor, &read->patch) == 3;
}

bool kernel_version_read(const char *release, const char *version, struct kernel_version *read)
{
	const char *debian = strstr(version, "Debian ");

	return (debian && read_numbers(debian + strlen("Debian "), read)) ||
	       read_numbers(release, read);
}

static size_t branch_of(const struct kernel_version *version)
{
	size_t i = 0;

	while (i < BRANCHES &&
	       (branches[i].major != version->major || branches[i].minor != version->minor))
		i++;
	return i;
}

bool kernel_faults_known(const struct kernel_version *version)
{
	return branch_of(version) < BRANCHES;
}

const char *kernel_faults_next(const struct kernel_version *version, unsigned *at, unsigned *fixed)
{
	size_t branch = branch_of(version);

	while (branch < BRANCHES && *at < FAULTS) {
		const struct fault *fault = &faults[(*at)++];

		*fixed = fault->fixed[branch];
		if (version->patch < *fixed)
			return fault->what;
	}
	return NULL;
}
