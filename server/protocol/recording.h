/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recorded request stream: what came, and when. Written by the daemon, read by dirtylog-load.
 *
 * Little-endian. A header of 16 bytes {char magic[8] "dlrecord"; u32 version; u32 0}, then records
 * {u64 time_ns; u32 length; u32 0}, length bytes (struct dm_ulog_request and its payload, as they
 * stood in cn_msg.data) and zeros up to the next multiple of 8. Pure; any thread.
 */
#ifndef SERVER_PROTOCOL_RECORDING_H
#define SERVER_PROTOCOL_RECORDING_H

#include <stddef.h>
#include <stdint.h>

#include "server/protocol/wire.h"

#define RECORDING_VERSION 1u
#define RECORDING_HEADER_BYTES 16u
#define RECORDING_DATA_MIN ((uint32_t)sizeof(struct dm_ulog_request))
#define RECORDING_DATA_MAX (RECORDING_DATA_MIN + WIRE_PAYLOAD_MAX)
#define RECORDING_RECORD_MAX (RECORDING_HEADER_BYTES + RECORDING_DATA_MAX)

_Static_assert(RECORDING_DATA_MAX % 8 == 0, "the longest record needs no padding");

void recording_encode_header(uint8_t out[RECORDING_HEADER_BYTES]);

/* Put a record of length bytes from request on into out, which has RECORDING_RECORD_MAX bytes.
 * time_ns: since the start of the recording. Returns its bytes, a multiple of 8; 0 when length is
 * not that of a request (RECORDING_DATA_MIN to RECORDING_DATA_MAX). */
size_t recording_encode(uint8_t *out, uint64_t time_ns, const struct dm_ulog_request *request,
			uint32_t length);

/* Bytes of a record, of which these are those at RECORDING_LENGTH_OFFSET. */
#define RECORDING_LENGTH_OFFSET 8u
size_t recording_record_bytes(const uint8_t length[4]);

/* Where a reader stands in a recording that is in memory. */
struct recording_reader {
	const uint8_t *data;
	size_t bytes;
	size_t at;
};

struct recording_record {
	uint64_t time_ns;
	uint32_t length; /* of request and payload */
	const struct dm_ulog_request *request; /* untrusted; in the reader's memory */
};

/* data: the whole file, 8-byte aligned (mmap), the caller's, outliving the reader and its records.
 * 0, or -EBADMSG when it is no recording of this version. */
int recording_open(struct recording_reader *reader, const void *data, size_t bytes);

/* 1 with the next record, 0 at the end, -EBADMSG when the rest is damaged. */
int recording_next(struct recording_reader *reader, struct recording_record *record);

#endif
