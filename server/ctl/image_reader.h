/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Those who read and write log images, and what tells them apart: how many regions they can count, how large
 * they want the device, and what they do with an image at RESUME. Pure.
 *
 * Sources: disk_resume() and create_log_context() in drivers/md/dm-log.c; read_log(), clog_resume() and
 * _clog_ctr() in LVM2's daemons/cmirrord/functions.c; server/work/image_read.c.
 */
#ifndef SERVER_CTL_IMAGE_READER_H
#define SERVER_CTL_IMAGE_READER_H

#include "server/ctl/image.h"

/* In the order of IMAGE_READER_WORDS. */
enum image_reader { IMAGE_FOR_DIRTYLOGD, IMAGE_FOR_KERNEL, IMAGE_FOR_CMIRRORD, IMAGE_READERS };

#define IMAGE_READER_WORDS "dirtylogd|kernel|cmirrord"
#define IMAGE_RESUME_MAX 256u

const char *image_reader_word(enum image_reader reader);

/* The most regions that it can count. */
uint64_t image_reader_regions_max(enum image_reader reader);

/* Bytes that it wants a device of such blocks to have for so many regions (>= 1). */
uint64_t image_reader_bytes(enum image_reader reader, uint64_t regions, uint32_t block_bytes);

/* Into text (IMAGE_RESUME_MAX bytes): what it does with the image at RESUME. dirty: of image->regions. */
void image_reader_resume(enum image_reader reader, const struct image *image, uint64_t dirty,
			 char *text);

#endif
