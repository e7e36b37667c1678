/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices: found, checked, opened once, shared by the logs that use them. Any thread. */
#ifndef SERVER_LOG_LOG_DEVICE_H
#define SERVER_LOG_LOG_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/dm-ioctl.h>

/* A device that hangs, or is slow, has no more of the operations and buffers that all share. */
#define LOG_DEVICE_IOS_MAX 32u
#define LOG_IO_BYTES 65536u /* of one operation: the largest logical block of a log device */

/* A log device, shared by the logs (live and inactive table) that use it. */
struct log_device {
	struct log_device *next;
	unsigned refs; /* under the table's lock: who may look at it */
	unsigned users; /* under the table's lock: who may use fd; it is closed with the last */
	uint32_t major, minor;
	int fd; /* O_DIRECT */
	uint32_t block_bytes;
	uint64_t bytes;
	uint64_t
		diskseq; /* which the kernel gives no other disk until it boots again; 0: not known */
	_Atomic bool claimed; /* see log_device_claim */
	_Atomic unsigned
		ios; /* operations on their way, LOG_DEVICE_IOS_MAX at most or a few more */
	_Atomic unsigned strays; /* writes on their way whose log waits for them no longer */
	uint64_t wrote; /* under the table's lock: see log_device_take_over_writer */
	_Atomic uint64_t last_writer; /* log->id of the log that wrote or read it last */
	_Atomic bool
		stale; /* a mirror of ours ran without what stands on it: nothing there is clean */
	_Atomic uint32_t region_size; /* of that log, sectors; 0: nobody has since we opened it */
	/* Under the table's lock: the log that is resumed, and so may write it. 0: none. */
	uint64_t active_id;
	char active_uuid[DM_UUID_LEN];
};

/* Descriptors that a new log leaves to what is opened for a moment: by the control socket, the flushes of
 * legs, children, and a takeover, which opens all devices at once and has no more than was allowed before. */
#define LOG_DEVICE_SPARE 64u

/* Open the device named (path or major:minor; the latter without udev too) for a log of region_count
 * regions: nobody knows of it yet. 0 with it in *fresh, or -errno with what is wrong in why (why_bytes
 * long): -ENODEV not there, -ENOTBLK not a block device, -ENOSPC too small, -EINVAL its blocks are too
 * large, else what open(2) says. May wait for the device, for ever if that hangs: opener.h. */
int log_device_open(const char *name, uint64_t region_count, struct log_device **fresh, char *why,
		    size_t why_bytes);

/* Share what was opened: *device is it, or the one of the same number that is in use already, with a reference;
 * fresh is gone either way. 0, or -EMFILE with the reason in why: a device that is not in use yet would leave
 * less than spare descriptors. */
int log_device_share(struct log_device *fresh, unsigned spare, struct log_device **device,
		     char *why, size_t why_bytes);

/* Close and forget one that is not shared. */
void log_device_discard(struct log_device *fresh);

static inline bool log_device_is_full(const struct log_device *device)
{
	return atomic_load_explicit(&device->ios, memory_order_relaxed) >= LOG_DEVICE_IOS_MAX;
}

/* A device that cannot be opened, of a log that must be served all the same: fd is -1. NULL: no memory. */
struct log_device *log_device_absent(uint32_t major, uint32_t minor, uint32_t block_bytes);

/* A log is resumed, and wants to write the device. False: another mirror's log, whose uuid is in *other
 * (DM_UUID_LEN bytes), is active on it. Tables of one mirror follow one another. */
bool log_device_activate(struct log_device *device, uint64_t log_id, const char *uuid, char *other);

/* This log is. */
bool log_device_is_active(struct log_device *device, uint64_t log_id);

/* It is suspended, or has ended. */
void log_device_deactivate(struct log_device *device, uint64_t log_id);

/* The log has ended: its device is closed if no other log uses it, so that it can be removed. The
 * reference stays, and with it the numbers. */
void log_device_leave(struct log_device *device);

/* Whether the device may be read and written: a predecessor that was killed can have writes on their
 * way, which must not land behind ours. Its open file lives as long as they do, and holds a lock. Nor must
 * those of ours that are strays. */
bool log_device_claim(struct log_device *device);

/* A write's log waits for it no longer; the device stays open for it. It has ended. */
void log_device_begin_stray(struct log_device *device);
void log_device_end_stray(struct log_device *device);

/* Who of a predecessor's logs wrote the device last: the one with the highest `wrote`. */
void log_device_take_over_writer(struct log_device *device, uint64_t log_id, uint64_t wrote);

/* Drop the reference, after log_device_leave. */
void log_device_put(struct log_device *device);

/* Open a block device by number, without udev as well. An fd, or -errno. */
int log_device_open_number(uint32_t major, uint32_t minor, int flags);

#endif
