/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings come back as they were, and damaged ones are told. */
#include "server/protocol/recording.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

static _Alignas(8) uint8_t file[8192];
static size_t file_bytes;
static struct recording_reader reader;
static struct recording_record record;

static struct wire_message request(unsigned type, uint32_t data_size)
{
	struct wire_message message;

	memset(&message, 0, sizeof(message));
	message.request.luid = 0x1122334455667788;
	strcpy(message.request.uuid, "LVM-uuid");
	message.request.request_type = type;
	message.request.data_size = data_size;
	memset(message.payload, 0xA5, data_size);
	return message;
}

static void start(void)
{
	recording_encode_header(file);
	file_bytes = RECORDING_HEADER_BYTES;
}

static size_t add(uint64_t time_ns, unsigned type, uint32_t data_size)
{
	struct wire_message message = request(type, data_size);
	size_t bytes = recording_encode(file + file_bytes, time_ns, &message.request,
					RECORDING_DATA_MIN + data_size);

	file_bytes += bytes;
	return bytes;
}

static void expect_record(uint64_t time_ns, unsigned type, uint32_t data_size)
{
	struct wire_message message = request(type, data_size);

	cr_assert_eq(recording_next(&reader, &record), 1);
	cr_assert_eq(record.time_ns, time_ns);
	cr_assert_eq(record.length, RECORDING_DATA_MIN + data_size);
	cr_assert_eq(memcmp(record.request, &message.request, record.length), 0);
}

Test(recording, an_empty_one_has_a_clean_end)
{
	start();
	cr_assert_eq(recording_open(&reader, file, file_bytes), 0);
	cr_assert_eq(recording_next(&reader, &record), 0);
	cr_assert_eq(recording_next(&reader, &record), 0);
}

Test(recording, records_come_back_as_they_were)
{
	start();
	add(0, DM_ULOG_CTR, 13);
	add(1, DM_ULOG_IN_SYNC, 8);
	add(UINT64_MAX, DM_ULOG_FLUSH, 0);
	add(3, DM_ULOG_CTR, WIRE_PAYLOAD_MAX);
	cr_assert_eq(recording_open(&reader, file, file_bytes), 0);
	expect_record(0, DM_ULOG_CTR, 13);
	expect_record(1, DM_ULOG_IN_SYNC, 8);
	expect_record(UINT64_MAX, DM_ULOG_FLUSH, 0);
	expect_record(3, DM_ULOG_CTR, WIRE_PAYLOAD_MAX);
	cr_assert_eq(recording_next(&reader, &record), 0);
}

Test(recording, every_record_is_padded_to_8_bytes_with_zeros)
{
	start();
	for (uint32_t size = 0; size <= WIRE_PAYLOAD_MAX; size++) {
		uint8_t *at = file + file_bytes;
		size_t used = RECORDING_HEADER_BYTES + RECORDING_DATA_MIN + size;
		size_t bytes;

		memset(at, 0xFF, RECORDING_RECORD_MAX);
		bytes = add(size, DM_ULOG_CTR, size);
		cr_assert_eq(bytes % 8, 0);
		cr_assert_leq(bytes, RECORDING_RECORD_MAX);
		for (size_t i = used; i < bytes; i++)
			cr_assert_eq(at[i], 0);
		file_bytes = RECORDING_HEADER_BYTES;
	}
}

Test(recording, lengths_of_no_request_are_not_encoded)
{
	struct wire_message message = request(DM_ULOG_CTR, 0);

	cr_assert_eq(recording_encode(file, 0, &message.request, RECORDING_DATA_MIN - 1), 0);
	cr_assert_eq(recording_encode(file, 0, &message.request, RECORDING_DATA_MAX + 1), 0);
}

Test(recording, another_file_or_version_is_refused)
{
	start();
	for (size_t bytes = 0; bytes < RECORDING_HEADER_BYTES; bytes++)
		cr_assert_eq(recording_open(&reader, file, bytes), -EBADMSG);
	for (size_t i = 0; i < RECORDING_HEADER_BYTES; i++) {
		start();
		file[i] ^= 0x40;
		cr_assert_eq(recording_open(&reader, file, file_bytes), -EBADMSG, "byte %zu", i);
	}
}

Test(recording, a_cut_record_is_damage)
{
	start();
	add(0, DM_ULOG_IN_SYNC, 8);
	for (size_t bytes = RECORDING_HEADER_BYTES + 1; bytes < file_bytes; bytes++) {
		cr_assert_eq(recording_open(&reader, file, bytes), 0);
		cr_assert_eq(recording_next(&reader, &record), -EBADMSG, "%zu bytes", bytes);
	}
}

static void expect_damage(unsigned byte, uint8_t value)
{
	start();
	add(0, DM_ULOG_IN_SYNC, 8);
	file[RECORDING_HEADER_BYTES + byte] = value;
	cr_assert_eq(recording_open(&reader, file, file_bytes), 0);
	cr_assert_eq(recording_next(&reader, &record), -EBADMSG, "byte %u is %u", byte, value);
}

Test(recording, lengths_of_no_request_are_damage)
{
	expect_damage(8, RECORDING_DATA_MIN - 1);
	expect_damage(8, 0);
	expect_damage(8, 177); /* more than the file has */
	expect_damage(10, 1);
	expect_damage(11, 0xFF);
	expect_damage(12, 1); /* reserved */
}
