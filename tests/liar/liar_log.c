/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device is opened for each use, so that a successor needs no descriptor of its predecessor's. */
#include "tests/liar/liar_log.h"

#include "tests/liar/lies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLOCK_BYTES 4096u /* loop devices of dirtylog-load have 512; a multiple of that does */

static int learn_number(struct liar_log *log)
{
	struct stat st;

	if (!log->args.disk)
		return 0;
	if (stat(log->args.device, &st) != 0)
		return -errno;
	snprintf(log->number, sizeof(log->number), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

static struct dirty_log_config config_of(const struct liar_log *log)
{
	return (struct dirty_log_config){.region_count = log->args.region_count,
					 .block_bytes = BLOCK_BYTES,
					 .persistent = log->args.disk,
					 .sync = log->args.sync,
					 .region_size = log->args.region_size};
}

int liar_log_make(struct liar_log *log, const struct wire_message *message)
{
	struct dirty_log_config config;
	const char *why;

	memset(log, 0, sizeof(*log));
	memcpy(log->text, message->payload, message->request.data_size);
	if (ctr_args_parse(log->text, strlen(log->text), &log->args, &why) != 0)
		return -EINVAL;
	config = config_of(log);
	if (dirty_log_bytes(&config) > sizeof(log->bits))
		return -ENOMEM;
	dirty_log_init(&log->dirty, log->bits, &config);
	log->luid = message->request.luid;
	memcpy(log->uuid, message->request.uuid, sizeof(log->uuid));
	log->settled = DIRTY_LOG_NO_REGION;
	log->used = true;
	return learn_number(log);
}

static uint8_t block[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));

/* A liar with a device that fails is of no use. */
static int open_device(const struct liar_log *log)
{
	int fd = open(log->args.device, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

static void read_block(int fd, uint64_t index)
{
	if (pread(fd, block, sizeof(block), (off_t)(index * BLOCK_BYTES)) != sizeof(block))
		abort();
}

static void read_image(struct liar_log *log)
{
	struct log_image *image = &log->dirty.geometry;
	struct log_image_header header;
	int fd = open_device(log);

	read_block(fd, 0);
	log_image_decode_header(block, &header);
	for (uint64_t i = 0; i < log_image_blocks(image); i++) {
		read_block(fd, i);
		log_image_decode_blocks(image, &log->dirty.image, header.nr_regions, i, 1, block);
	}
	close(fd);
	dirty_log_begin(&log->dirty, header.nr_regions, true, true);
}

static void write_block(struct liar_log *log, int fd, uint64_t index)
{
	log_image_encode_blocks(&log->dirty.geometry, &log->dirty.image, index, 1, block);
	if (lies(LIE_NO_HEADER) && index == 0)
		memset(block, 0, LOG_IMAGE_HEADER_BYTES);
	if (pwrite(fd, block, sizeof(block), (off_t)(index * BLOCK_BYTES)) != sizeof(block))
		abort();
}

void liar_log_write(struct liar_log *log)
{
	uint64_t first, count;
	int fd;

	if (!dirty_log_has_changed(&log->dirty))
		return;
	fd = open_device(log);
	while ((first = dirty_log_next_changed(&log->dirty, 1, &count)) != BIT_TREE_NONE) {
		dirty_log_take_changed(&log->dirty, first, count);
		write_block(log, fd, first);
	}
	close(fd);
}

void liar_log_release(struct liar_log *log)
{
	if (!log->args.disk)
		return;
	dirty_log_age(&log->dirty);
	dirty_log_release(&log->dirty);
	liar_log_write(log);
}

static void bring_bits(struct liar_log *log)
{
	if (log->args.disk)
		read_image(log);
	else
		dirty_log_begin_core(&log->dirty);
	log->resumed = true;
}

void liar_log_start_over(struct liar_log *log)
{
	struct dirty_log_config config = config_of(log);

	memset(log->bits, 0, sizeof(log->bits));
	dirty_log_init(&log->dirty, log->bits, &config);
	bring_bits(log);
}

void liar_log_resume(struct liar_log *log)
{
	if (!log->resumed)
		bring_bits(log);
	else if (lies(LIE_RESUME_FORGETS))
		liar_log_start_over(log);
	dirty_log_resume(&log->dirty);
	liar_log_write(log);
}
