/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records put into bytes and taken out again; the reader trusts no length. */
#include "server/protocol/recording.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const char magic[8] = {'d', 'l', 'r', 'e', 'c', 'o', 'r', 'd'};

static void put_u32(uint8_t *out, uint32_t value)
{
	value = htole32(value);
	memcpy(out, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *in)
{
	uint32_t value;

	memcpy(&value, in, sizeof(value));
	return le32toh(value);
}

static size_t padded(uint32_t length)
{
	return ((size_t)length + 7) & ~(size_t)7;
}

void recording_encode_header(uint8_t out[RECORDING_HEADER_BYTES])
{
	memcpy(out, magic, sizeof(magic));
	put_u32(out + 8, RECORDING_VERSION);
	put_u32(out + 12, 0);
}

size_t recording_encode(uint8_t *out, uint64_t time_ns, const struct dm_ulog_request *request,
			uint32_t length)
{
	uint64_t time = htole64(time_ns);

	if (length < RECORDING_DATA_MIN || length > RECORDING_DATA_MAX)
		return 0;
	memcpy(out, &time, sizeof(time));
	put_u32(out + 8, length);
	put_u32(out + 12, 0);
	memcpy(out + RECORDING_HEADER_BYTES, request, length);
	memset(out + RECORDING_HEADER_BYTES + length, 0, padded(length) - length);
	return RECORDING_HEADER_BYTES + padded(length);
}

size_t recording_record_bytes(const uint8_t length[4])
{
	return RECORDING_HEADER_BYTES + padded(get_u32(length));
}

int recording_open(struct recording_reader *reader, const void *data, size_t bytes)
{
	*reader = (struct recording_reader){.data = data, .bytes = bytes};
	if (bytes < RECORDING_HEADER_BYTES || memcmp(data, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (get_u32(reader->data + 8) != RECORDING_VERSION || get_u32(reader->data + 12) != 0)
		return -EBADMSG;
	reader->at = RECORDING_HEADER_BYTES;
	return 0;
}

int recording_next(struct recording_reader *reader, struct recording_record *record)
{
	const uint8_t *at = reader->data + reader->at;
	size_t left = reader->bytes - reader->at;
	uint64_t time;

	if (left == 0)
		return 0;
	if (left < RECORDING_HEADER_BYTES)
		return -EBADMSG;
	memcpy(&time, at, sizeof(time));
	record->time_ns = le64toh(time);
	record->length = get_u32(at + 8);
	if (record->length < RECORDING_DATA_MIN || record->length > RECORDING_DATA_MAX ||
	    get_u32(at + 12) != 0 || padded(record->length) > left - RECORDING_HEADER_BYTES)
		return -EBADMSG;
	record->request = (const struct dm_ulog_request *)(at + RECORDING_HEADER_BYTES);
	reader->at += RECORDING_HEADER_BYTES + padded(record->length);
	return 1;
}
