/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file or device that a log image is on: read in pieces, past the page cache where it is a device, since
 * those who write a log do not write it there. The main thread's. All that fails is said on stderr, with the
 * path, the byte and what to do.
 */
#ifndef SERVER_CTL_IMAGE_FILE_H
#define SERVER_CTL_IMAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A multiple of any logical block. A fuzzer has its images in several all the same. */
#ifdef DIRTYLOG_FUZZ
#define IMAGE_PIECE_BYTES (1u << 16)
#else
#define IMAGE_PIECE_BYTES (1u << 20)
#endif

struct image_file {
	const char *path; /* the caller's */
	int fd;
	bool is_device;
	dev_t device; /* its number, or that of the file system it is on */
	ino_t inode; /* of a file */
	uint32_t block_bytes; /* logical block; 512 of a file */
	uint64_t bytes;
	uint8_t *piece; /* IMAGE_PIECE_BYTES, as image_file_read has left it */
	char holder[96]; /* who has the device in use, for a message; "": nobody that we know of */
};

/* Open for reading. 0 or -errno. */
int image_file_open(struct image_file *file, const char *path);
void image_file_close(struct image_file *file);

/* Read the piece at this byte, a multiple of IMAGE_PIECE_BYTES; zeros behind the end. 0 or -errno. */
int image_file_read(struct image_file *file, uint64_t offset);

/* Whether both are the same file or device. */
bool image_file_is_same(const struct image_file *a, const struct image_file *b);

/* Say on stderr what is wrong with the file at path. */
void image_fault(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
