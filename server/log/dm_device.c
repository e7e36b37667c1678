/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioctls of <linux/dm-ioctl.h>, version 4. */
#include "server/log/dm_device.h"

#include "server/base/clock.h"
#include "server/protocol/mirror_table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STATUS_BYTES (256u * 1024u) /* of a device of some thousand targets */

static struct {
	int control_fd;
	uint64_t number;
	union {
		struct dm_ioctl head;
		char bytes[STATUS_BYTES];
	} request;
} device;

/* As the kernel's huge_encode_dev(). */
static uint64_t encode(unsigned major, unsigned minor)
{
	return (minor & 0xffu) | (uint64_t)major << 8 | (uint64_t)(minor & ~0xffu) << 12;
}

int dm_device_open(unsigned major, unsigned minor)
{
	device.number = encode(major, minor);
	if (device.control_fd > 0)
		return 0;
	device.control_fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	return device.control_fd < 0 ? -errno : 0;
}

static int dm_control(unsigned long command, uint32_t flags, uint32_t bytes)
{
	struct dm_ioctl *head = &device.request.head;

	memset(head, 0, sizeof(*head));
	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = bytes;
	head->data_start = sizeof(*head);
	head->flags = flags;
	head->dev = device.number;
	return ioctl(device.control_fd, command, head) < 0 ? -errno : 0;
}

int dm_device_look(struct cycle_look *look)
{
	const struct dm_ioctl *head = &device.request.head;
	int r = dm_control(DM_DEV_STATUS, 0, sizeof(*head));

	memset(look, 0, sizeof(*look));
	if (r == -ENXIO)
		return 0;
	if (r < 0)
		return r;
	look->exists = true;
	look->live_table = head->flags & DM_ACTIVE_PRESENT_FLAG;
	look->inactive_table = head->flags & DM_INACTIVE_PRESENT_FLAG;
	look->suspended = head->flags & DM_SUSPEND_FLAG;
	memcpy(look->name, head->name, sizeof(look->name) - 1);
	memcpy(look->uuid, head->uuid, sizeof(look->uuid) - 1);
	return 0;
}

int dm_device_suspend(void)
{
	return dm_control(DM_DEV_SUSPEND, DM_SUSPEND_FLAG | DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG,
			  sizeof(struct dm_ioctl));
}

/* Should it have been resumed, and given another table, the kernel would suspend it for that first. */
int dm_device_resume(void)
{
	return dm_control(DM_DEV_SUSPEND, DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG,
			  sizeof(struct dm_ioctl));
}

int dm_device_query(void)
{
	return dm_control(DM_TABLE_STATUS, DM_NOFLUSH_FLAG, STATUS_BYTES);
}

static int visit_targets(dm_target_visit *visit, void *context)
{
	const struct dm_ioctl *head = &device.request.head;
	const char *first = device.request.bytes + head->data_start, *at = first;

	if (head->flags & DM_BUFFER_FULL_FLAG)
		return -E2BIG;
	for (uint32_t i = 0; i < head->target_count; i++) {
		const struct dm_target_spec *target = (const struct dm_target_spec *)at;
		int r = visit(target->sector_start, target->length, target->target_type,
			      (const char *)(target + 1), context);

		if (r != 0)
			return r;
		at = first + target->next;
	}
	return 0;
}

int dm_device_table(dm_target_visit *visit, void *context)
{
	int r = dm_control(DM_TABLE_STATUS, DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG, STATUS_BYTES);

	return r < 0 ? r : visit_targets(visit, context);
}

int dm_device_status(dm_target_visit *visit, void *context)
{
	int r = dm_device_query();

	return r < 0 ? r : visit_targets(visit, context);
}

static int is_alive(uint64_t start, uint64_t sectors, const char *type, const char *params,
		    void *context)
{
	return strcmp(type, "mirror") != 0 || mirror_status_all_alive(params) ? 0 : -EIO;
}

bool dm_device_all_alive(void)
{
	return dm_device_status(is_alive, NULL) == 0;
}

int dm_device_brace(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0,
	      0); /* the kernel allocates for us without writing anything */
	return mlockall(MCL_CURRENT | MCL_FUTURE) != 0 ? -errno : 0;
}

void dm_device_pause(void)
{
	struct timespec pause = {.tv_nsec = CYCLE_PAUSE_MSEC * NSEC_PER_MSEC};

	nanosleep(&pause, NULL);
}

/* --- another table --- */

static struct {
	uint32_t targets, used; /* used: bytes of the request */
	union {
		struct dm_ioctl head;
		char bytes[STATUS_BYTES];
	} request;
} table;

void dm_device_table_begin(void)
{
	table.targets = 0;
	table.used = sizeof(struct dm_ioctl);
}

int dm_device_table_add(uint64_t start, uint64_t sectors, const char *type, const char *params)
{
	size_t bytes = (sizeof(struct dm_target_spec) + strlen(params) + 1 + 7) & ~(size_t)7;
	struct dm_target_spec *target = (struct dm_target_spec *)(table.request.bytes + table.used);

	if (bytes > STATUS_BYTES - table.used || strlen(type) >= sizeof(target->target_type))
		return -E2BIG;
	memset(target, 0, bytes);
	target->sector_start = start;
	target->length = sectors;
	target->next = (uint32_t)bytes;
	memcpy(target->target_type, type, strlen(type));
	memcpy(target + 1, params, strlen(params));
	table.used += (uint32_t)bytes;
	table.targets++;
	return 0;
}

int dm_device_table_load(void)
{
	struct dm_ioctl *head = &table.request.head;
	int r = dm_control(DM_DEV_STATUS, 0, sizeof(*head));

	if (r < 0)
		return r;
	memset(head, 0, sizeof(*head));
	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = table.used;
	head->data_start = sizeof(*head);
	head->dev = device.number;
	head->flags = device.request.head.flags & DM_READONLY_FLAG; /* it stays what it is */
	head->target_count = table.targets;
	return ioctl(device.control_fd, DM_TABLE_LOAD, head) < 0 ? -errno : 0;
}

int dm_device_table_clear(void)
{
	return dm_control(DM_TABLE_CLEAR, 0, sizeof(struct dm_ioctl));
}
