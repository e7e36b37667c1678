/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image is read in pieces: large ones where all of it is, and else of 64 KiB, a block of any
 * device, once for marks that follow each other in it.
 */
#include "perf/generator/device_look.h"

#include "bitmap/log_image.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (64u << 10)
#define LARGE_PIECE_BYTES (1u << 20)

struct look {
	int fd;
	size_t bytes; /* of a piece */
	uint64_t at, end; /* bytes of the device that are in piece */
	char *fault;
	size_t fault_bytes;
};

static _Thread_local uint8_t piece[LARGE_PIECE_BYTES] __attribute__((aligned(4096)));

__attribute__((format(printf, 2, 3))) static bool say_no(const struct look *look,
							 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(look->fault, look->fault_bytes, format, args);
	va_end(args);
	return false;
}

static bool open_look(struct look *look, const char *path)
{
	look->at = look->end = 0;
	look->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return look->fd >= 0 ||
	       say_no(look, "log device %s cannot be opened: %s", path, strerror(errno));
}

static bool read_piece(struct look *look, uint64_t offset)
{
	ssize_t n;

	look->at = look->end = offset - offset % look->bytes;
	n = pread(look->fd, piece, look->bytes, (off_t)look->at);
	if (n < 0)
		return say_no(look, "log device cannot be read: %s", strerror(errno));
	look->end += (uint64_t)n;
	return true;
}

/* The 64 bits that begin with this byte, as the image has them: little-endian. */
static bool read_word(struct look *look, uint64_t offset, uint64_t *word)
{
	if ((offset < look->at || offset >= look->end) && !read_piece(look, offset))
		return false;
	if (offset + sizeof(*word) > look->end)
		return say_no(look, "log device ends at byte %" PRIu64, look->end);
	memcpy(word, piece + (offset - look->at), sizeof(*word));
	*word = le64toh(*word);
	return true;
}

static bool header_is_right(struct look *look, const struct log_model *model)
{
	struct log_image_header header;
	uint64_t word;

	if (!read_word(look, 0, &word))
		return false;
	if (log_image_decode_header(piece, &header) != LOG_IMAGE_VALID)
		return say_no(look, "no image on the log device");
	if (header.nr_regions != model->regions)
		return say_no(look, "%" PRIu64 " regions on the log device, %" PRIu64 " expected",
			      header.nr_regions, model->regions);
	return true;
}

/* got: the bits of 64 regions on the device. */
static bool word_is_right(const struct look *look, const struct log_model *model, uint64_t word,
			  uint64_t got, bool exact)
{
	uint64_t left = model->regions - 64 * word;
	uint64_t mask = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
	uint64_t clean = log_model_clean_word(model, word);
	uint64_t lost = got & ~clean & mask, kept = ~got & clean & mask;

	if (lost)
		return say_no(look, "region %" PRIu64 " is dirty, and clean on the log device",
			      64 * word + (uint64_t)__builtin_ctzll(lost));
	if (exact && kept)
		return say_no(look, "region %" PRIu64 " is clean, and dirty on the log device",
			      64 * word + (uint64_t)__builtin_ctzll(kept));
	return true;
}

static bool bits_are_right(struct look *look, const struct log_model *model, bool exact)
{
	uint64_t words = (model->regions + 63) / 64;
	uint64_t got;

	for (uint64_t i = 0; i < words; i++)
		if (!read_word(look, LOG_IMAGE_BITS_OFFSET + i * sizeof(got), &got) ||
		    !word_is_right(look, model, i, got, exact))
			return false;
	return true;
}

bool device_look_at_all(const char *path, const struct log_model *model, bool exact, char *fault,
			size_t fault_bytes)
{
	struct look look = {.bytes = LARGE_PIECE_BYTES, .fault = fault, .fault_bytes = fault_bytes};
	bool right;

	if (!open_look(&look, path))
		return false;
	right = header_is_right(&look, model) && bits_are_right(&look, model, exact);
	close(look.fd);
	return right;
}

bool device_look_at_marks(const char *path, const uint64_t *regions, unsigned count, char *fault,
			  size_t fault_bytes)
{
	struct look look = {.bytes = PIECE_BYTES, .fault = fault, .fault_bytes = fault_bytes};
	bool right = true;
	uint64_t got;

	if (!open_look(&look, path))
		return false;
	for (unsigned i = 0; right && i < count; i++) {
		right = read_word(&look, LOG_IMAGE_BITS_OFFSET + regions[i] / 64 * sizeof(got),
				  &got);
		if (right && got >> regions[i] % 64 & 1)
			right = say_no(&look,
				       "region %" PRIu64
				       " was marked, and is clean on the log device",
				       regions[i]);
	}
	close(look.fd);
	return right;
}
