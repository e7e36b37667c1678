/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The estate: what a successor takes up, and what it refuses. */
#include "server/restart/estate.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define BITS 100000u

static struct estate estate;

static void set_up(void)
{
	cr_assert_eq(estate_create(&estate), 0);
	/* Its memory is there when it is looked at; from here on only extents take more. */
	for (size_t at = 0; at < sizeof(*estate.fixed); at += 4096)
		(void)*(volatile uint8_t *)((uint8_t *)estate.fixed + at);
}

static void tear_down(void)
{
	estate_close(&estate);
}

TestSuite(estate, .init = set_up, .fini = tear_down);

/* Another process would have it mapped anew. */
static struct estate successor(void)
{
	struct estate other;
	const char *why;

	cr_assert_eq(estate_take_over(&other, dup(estate.fd), &why), 0, "%s", why);
	return other;
}

static void expect_refused(const char *text)
{
	struct estate other;
	const char *why = NULL;
	int fd = dup(estate.fd);

	cr_assert_eq(estate_take_over(&other, fd, &why), -EINVAL);
	cr_assert(why && strstr(why, text), "%s", why);
	close(fd);
}

static uint64_t bytes_used(void)
{
	struct stat st;

	fstat(estate.fd, &st);
	return (uint64_t)st.st_blocks * 512;
}

/* A log as CTR makes it. */
static struct log_record *make_record(const char *uuid)
{
	struct log_record *record = estate_add(&estate, BITS);

	cr_assert_not_null(record);
	strcpy(record->uuid, uuid);
	memset(log_record_memory(record), 0x5a, BITS);
	estate_publish(&estate, record);
	atomic_store(&record->status, 1);
	return record;
}

static unsigned count_logs(struct estate *of, unsigned *damaged)
{
	uint32_t entries = atomic_load(&of->fixed->entries);
	unsigned count = 0;

	*damaged = 0;
	for (uint32_t i = 0; i < entries; i++) {
		struct log_record *record = estate_open(of, i, damaged);
		const uint8_t *bits;

		if (!record)
			continue;
		bits = log_record_memory(record);
		cr_assert_eq(record->memory_bytes, BITS);
		cr_assert_eq(bits[0], 0x5a);
		cr_assert_eq(bits[BITS - 1], 0x5a);
		estate_unmap(record);
		count++;
	}
	return count;
}

static void expect_logs(unsigned wanted, unsigned wanted_damaged)
{
	struct estate other = successor();
	unsigned damaged;

	cr_assert_eq(count_logs(&other, &damaged), wanted);
	cr_assert_eq(damaged, wanted_damaged);
	estate_close(&other);
}

Test(estate, a_successor_finds_all_logs)
{
	for (unsigned i = 0; i < 300; i++)
		make_record("one");
	expect_logs(300, 0);
	expect_logs(300, 0);
}

Test(estate, what_is_gone_stays_gone_and_takes_no_memory)
{
	uint64_t empty = bytes_used();
	struct log_record *records[20];

	for (unsigned i = 0; i < 20; i++)
		records[i] = make_record("one");
	cr_assert_geq(bytes_used(), empty + 20 * BITS);
	for (unsigned i = 0; i < 20; i += 2)
		estate_free(&estate, records[i]);
	expect_logs(10, 0);
	for (unsigned i = 1; i < 20; i += 2)
		estate_free(&estate, records[i]);
	expect_logs(0, 0);
	cr_assert_leq(bytes_used(), empty + 4096, "%lu", bytes_used() - empty);
}

Test(estate, a_log_of_which_the_kernel_has_heard_that_it_is_gone_is_cleared_away)
{
	uint64_t empty = bytes_used();

	estate_drop(make_record("one"));
	expect_logs(0, 0);
	cr_assert_leq(bytes_used(), empty + 4096);
}

Test(estate, a_half_made_log_is_cleared_away)
{
	uint64_t empty = bytes_used();
	struct log_record *record = estate_add(&estate, BITS);

	memset(log_record_memory(record), 1, BITS);
	expect_logs(0, 0);
	cr_assert_leq(bytes_used(), empty + 4096);
	make_record("one");
	expect_logs(1, 0);
}

Test(estate, a_damaged_record_is_refused_alone)
{
	struct log_record *record = make_record("one");

	make_record("two");
	record->ctr_text[3] ^= 1;
	expect_logs(1, 1);
	expect_logs(1, 0);
}

Test(estate, a_length_that_reaches_beyond_the_end_is_damage)
{
	struct log_record *record = make_record("one");

	record->bytes = UINT64_C(1) << 40;
	estate_publish(&estate, record); /* its checksum is good */
	expect_logs(0, 1);
}

Test(estate, an_entry_that_points_anywhere_is_damage)
{
	make_record("one");
	atomic_store(&estate.fixed->directory[7].offset, 4096);
	atomic_store(&estate.fixed->directory[8].offset, UINT64_C(1) << 50);
	atomic_store(&estate.fixed->directory[9].offset, 4097);
	atomic_store(&estate.fixed->entries, 10);
	expect_logs(1, 3);
}

Test(estate, entries_are_used_again)
{
	for (unsigned i = 0; i < 3 * ESTATE_LOGS_MAX; i += 1024) {
		struct log_record *record = estate_add(&estate, 64);

		cr_assert_not_null(record);
		estate.hint += 1023;
		estate_free(&estate, record);
	}
	expect_logs(0, 0);
}

/* Not at the first access. */
Test(estate, an_extent_has_its_pages)
{
	uint64_t before = bytes_used();

	cr_assert_not_null(estate_add(&estate, 1 << 20));
	cr_assert_geq(bytes_used() - before, 1 << 20);
}

Test(estate, what_is_not_there_is_refused)
{
	uint64_t before = bytes_used();

	cr_assert_null(estate_add(&estate, UINT64_C(1) << 50));
	cr_assert_eq(bytes_used(), before);
	expect_logs(0, 0);
	make_record("one");
	expect_logs(1, 0);
}

/* Who could not be mapped by a successor would be lost when this server dies. */
Test(estate, there_are_no_more_logs_than_a_successor_can_map)
{
	struct log_record *first = make_record("one");

	cr_assert_gt(estate.logs_max, 10000);
	cr_assert_lt(estate.logs_max, UINT64_MAX);
	estate.logs_max = 3;
	estate.logs_granted = 0;
	make_record("two");
	make_record("three");
	cr_assert_null(estate_add(&estate, 4096));
	estate_free(&estate, first);
	make_record("four");
	cr_assert_null(estate_add(&estate, 4096));
	expect_logs(3, 0);
}

Test(estate, another_magic_is_no_estate)
{
	estate.fixed->header.magic++;
	expect_refused("it is none");
}

Test(estate, a_damaged_header_is_refused)
{
	estate.fixed->header.slot_bytes++;
	expect_refused("damaged");
}

Test(estate, another_layout_is_refused)
{
	struct estate_header *header = &estate.fixed->header;

	/* The checksum of such a header is good where it was made. */
	header->layout++;
	estate_seal(header);
	expect_refused("another version");
}

Test(estate, another_boot_is_refused)
{
	estate.fixed->header.boot_id[0] ^= 1;
	estate_seal(&estate.fixed->header);
	expect_refused("another boot");
}

Test(estate, a_file_whose_size_can_change_is_refused)
{
	struct estate other;
	const char *why;
	int fd = memfd_create("other", MFD_CLOEXEC);

	cr_assert_eq(pwrite(fd, &estate.fixed->header, sizeof(estate.fixed->header), 0),
		     (ssize_t)sizeof(estate.fixed->header));
	cr_assert_eq(estate_take_over(&other, fd, &why), -EINVAL);
	cr_assert(strstr(why, "size"), "%s", why);
	cr_assert_neq(ftruncate(estate.fd, 8), 0, "an estate can be cut short");
	close(fd);
}

Test(estate, an_end_beyond_the_file_is_refused)
{
	atomic_store(&estate.fixed->end, UINT64_C(1) << 61);
	expect_refused("end");
}

/* Whoever holds another fd of it could cut it while it is mapped: the next look would be a SIGBUS. */
Test(estate, a_file_that_can_be_cut_is_refused)
{
	struct estate whole = estate;
	const size_t bytes = sizeof(struct estate_fixed);
	struct stat st;
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	cr_assert_eq(fstat(whole.fd, &st), 0);
	cr_assert_eq(ftruncate(fd, st.st_size), 0);
	cr_assert_eq(pwrite(fd, whole.fixed, bytes, 0), (ssize_t)bytes);
	estate.fd = fd;
	expect_refused("size");
	estate = whole;
	close(fd);
}
