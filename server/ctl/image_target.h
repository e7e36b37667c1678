/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an image is written to: a device that nobody else has in use, or a file. Until the last step it has no
 * header, so that whatever breaks off leaves a log that nobody believes. The main thread's. All that fails is
 * said on stderr.
 */
#ifndef SERVER_CTL_IMAGE_TARGET_H
#define SERVER_CTL_IMAGE_TARGET_H

#include "server/ctl/image.h"

struct image_target {
	const char *path; /* the caller's */
	bool exists;
	bool is_device;
	dev_t device; /* its number */
	uint32_t block_bytes;
	uint64_t bytes; /* 0 if it does not exist */
	int fd; /* once it is open for writing */
};

/* Look at it without changing anything: refused are `from` itself, a device that is in use, and what holds
 * something else than a log or nothing. 0 or -errno. */
int image_target_look(struct image_target *target, const char *path, const struct image *from);

/* Open it for writing, of at least so many bytes, which its file system must have, and take its header away. 0 or -errno. */
int image_target_begin(struct image_target *target, uint64_t bytes);

/* Write length bytes, whole blocks, of a piece at this byte; buffer is aligned as image_file's. 0 or -errno. */
int image_target_write(struct image_target *target, const uint8_t *buffer, uint64_t length,
		       uint64_t offset);

/* All that was written is durable. 0 or -errno. */
int image_target_sync(struct image_target *target);

/* done: it stays. Else a file that was made for it is taken away again. */
void image_target_close(struct image_target *target, bool done);

#endif
