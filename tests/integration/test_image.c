/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl image: on what a real dirtylogd leaves, and on images that are made by hand. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 12u
#define OUTPUT_BYTES 16384u
#define PIECE_BYTES (1u << 20) /* of an image, as it is read */

static char directory[] = "/tmp/test_image.XXXXXX";

static struct {
	char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
	int status; /* exit status, or -1 */
	long resident_kib;
} ctl;

static void set_up_files(void)
{
	set_up();
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
}

static void tear_down_files(void)
{
	char command[64];

	tear_down();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
}

TestSuite(image, .init = set_up_files, .fini = tear_down_files, .timeout = 60);

/* --- the tool --- */

static void take_output(int fd, char *text)
{
	ssize_t n = pread(fd, text, OUTPUT_BYTES - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

static void run_words(char **argv)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
	struct rusage usage;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execv(DIRTYLOGCTL, argv);
		_exit(127);
	}
	wait4(pid, &status, 0, &usage);
	ctl.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ctl.resident_kib = usage.ru_maxrss;
	take_output(out, ctl.out);
	take_output(err, ctl.err);
}

/* Words with a space between. */
__attribute__((format(printf, 1, 2))) static void run_image(const char *format, ...)
{
	char line[512], *argv[WORDS_MAX + 3] = {"dirtylogctl", "image"}, *save;
	unsigned argc = 2;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_leq(argc, WORDS_MAX);
		argv[argc++] = word;
	}
	run_words(argv);
}

static void expect_status(int status)
{
	cr_assert_eq(ctl.status, status, "status %d, and not %d\n%s%s", ctl.status, status, ctl.out,
		     ctl.err);
}

static void expect_out(const char *words)
{
	cr_expect(strstr(ctl.out, words), "no \"%s\" in:\n%s%s", words, ctl.out, ctl.err);
}

static void expect_err(const char *words)
{
	cr_expect(strstr(ctl.err, words), "no \"%s\" in:\n%s", words, ctl.err);
}

/* A line of show. */
static void expect_line(const char *name, const char *value)
{
	char line[256];

	snprintf(line, sizeof(line), "%-16s %s\n", name, value);
	expect_out(line);
}

static void expect_no_line(const char *name)
{
	cr_expect_null(strstr(ctl.out, name), "%s is told:\n%s", name, ctl.out);
}

/* --- images --- */

static int make_file(const char *name, off_t bytes)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, bytes), 0);
	return fd;
}

static void put(int fd, const void *bytes, size_t count, off_t at)
{
	cr_assert_eq(pwrite(fd, bytes, count, at), (ssize_t)count);
}

static void put_byte(const char *name, off_t at, uint8_t byte)
{
	int fd = open(name, O_RDWR);

	put(fd, &byte, 1, at);
	close(fd);
}

static uint8_t byte_of(const char *name, off_t at)
{
	int fd = open(name, O_RDONLY);
	uint8_t byte = 0;

	cr_assert_eq(pread(fd, &byte, 1, at), 1);
	close(fd);
	return byte;
}

/* The header alone: all regions are dirty. */
static int make_image(const char *name, uint64_t regions, uint32_t region_size, off_t bytes)
{
	uint8_t header[LOG_IMAGE_HEADER_BYTES];
	int fd = make_file(name, bytes);

	log_image_encode_header(header, regions, region_size);
	put(fd, header, sizeof(header), 0);
	return fd;
}

/* Of 20 regions, of which 3 and 17 are dirty. */
static void make_kernel_image(const char *name)
{
	int fd = make_image(name, REGIONS, 0, 8192);

	put(fd, (uint8_t[]){0xF7, 0xFF, 0x0D}, 3, LOG_IMAGE_BITS_OFFSET);
	close(fd);
}

/* Of more than one piece, all clean but [first, last]. */
static void make_large_image(const char *name, uint64_t regions, uint64_t first, uint64_t last)
{
	int fd = make_image(name, regions, 0,
			    (off_t)(LOG_IMAGE_BITS_OFFSET + (regions + 4095) / 4096 * 512));
	size_t bytes = regions / 8;
	uint8_t *bits = malloc(bytes);

	memset(bits, 0xFF, bytes);
	for (uint64_t region = first; region <= last; region++)
		bits[region / 8] &= (uint8_t) ~(1u << region % 8);
	put(fd, bits, bytes, LOG_IMAGE_BITS_OFFSET);
	free(bits);
	close(fd);
}

/* --- show --- */

/* Of 20 regions, all in sync but 3, which is being written. */
static struct loop_device make_served_log(void)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	flush();
	return loop;
}

Test(image, shows_what_a_dirtylogd_has_left)
{
	struct loop_device loop = make_served_log();

	destroy_log();
	run_image("show %s", loop.path);
	expect_status(0);
	expect_line("kind", "dirtylogd");
	expect_line("regions", "20");
	expect_line("region_size", "8");
	expect_line("dirty_range", "3-3");
	expect_line("clean", "19");
	expect_line("at_dirtylogd", "1 of 20 regions are resynced");
	expect_no_line("in_use_by");
	cr_expect_str_empty(ctl.err);
	run_image("check %s", loop.path);
	expect_status(0);
	expect_out("good: ");
}

Test(image, a_log_that_is_served_is_shown_with_a_warning)
{
	struct loop_device loop = make_served_log();

	run_image("show %s", loop.path);
	expect_status(0);
	expect_line("dirty_range", "3-3");
	expect_line("in_use_by", "dirtylogd");
	expect_err("is in use by dirtylogd");
}

/* A lock is on a node, and this is another one of the same device. */
Test(image, a_log_that_is_served_is_known_by_its_number)
{
	struct loop_device loop = make_served_log();
	struct stat st;

	cr_assert_eq(fstat(loop.fd, &st), 0);
	cr_assert_eq(mknod("node", S_IFBLK | 0600, st.st_rdev), 0);
	run_image("show node");
	expect_status(0);
	expect_line("in_use_by", "dirtylogd");
}

/* Whoever writes a log does not write it to the page cache. */
Test(image, a_device_is_read_past_the_page_cache)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t cached[4096];

	fill_loop(&loop, 2, REGIONS, (uint8_t[]){0xFF, 0xFF, 0x0F}, 3);
	cr_assert_eq(pread(loop.fd, cached, sizeof(cached), 0), (ssize_t)sizeof(cached));
	fill_loop(&loop, 2, REGIONS, (uint8_t[]){0xFF, 0xFF, 0x07}, 3);
	run_image("show %s", loop.path);
	expect_line("dirty_range", "19-19");
}

Test(image, a_log_is_shown_as_it_is_now)
{
	struct loop_device loop = make_served_log();

	run_image("show %s", loop.path);
	mark(9);
	flush();
	run_image("show %s", loop.path);
	expect_line("dirty_range", "9-9");
}

Test(image, shows_the_kernels)
{
	make_kernel_image("kernel");
	run_image("show kernel");
	expect_status(0);
	expect_line("kind", "kernel");
	expect_line("dirty_range", "3-3");
	expect_line("dirty_range", "17-17");
	expect_line("dirty", "2");
	expect_line("at_kernel", "2 of 20 regions are resynced");
	expect_no_line("region_size");
}

Test(image, regions_that_the_header_does_not_vouch_for_are_dirty)
{
	make_kernel_image("kernel");
	put_byte("kernel", LOG_IMAGE_BITS_OFFSET + 3, 0xFF);
	run_image("show --regions 40 kernel");
	expect_status(0);
	expect_line("dirty_range", "20-39");
	expect_line("not_vouched_for", "20");
	expect_line("clean_beyond_the_end", "8");
	expect_line("at_dirtylogd", "22 of 40 regions are resynced");
}

Test(image, of_lvms_new_log_every_bit_counts)
{
	int fd = make_image("lvm", UINT64_MAX, 0, 1536);

	put(fd, (uint8_t[]){0xFF}, 1, LOG_IMAGE_BITS_OFFSET);
	close(fd);
	run_image("show lvm");
	expect_status(0);
	expect_line("kind", "lvm-new");
	expect_no_line("dirty_range");
	run_image("show --regions 20 lvm");
	expect_line("dirty_range", "8-19");
}

Test(image, what_nobody_can_take_is_shown_with_its_fate)
{
	make_kernel_image("version");
	put_byte("version", 4, 3);
	run_image("show version");
	expect_status(0);
	expect_line("kind", "other-version");
	expect_line("version", "3");
	expect_line("at_kernel", "fails the log: all regions are out of sync, status D");
	close(make_file("zeros", 4096));
	run_image("show zeros");
	expect_status(0);
	expect_line("kind", "none");
}

Test(image, many_ranges_are_cut_but_for_all)
{
	int fd = make_image("many", 4096, 0, 1536);
	uint8_t bits[512];

	memset(bits, 0x55, sizeof(bits));
	put(fd, bits, sizeof(bits), LOG_IMAGE_BITS_OFFSET);
	close(fd);
	run_image("show many");
	expect_line("dirty_range", "63-63");
	expect_no_line("65-65");
	expect_line("ranges_left_out", "2016");
	expect_line("dirty", "2048");
	run_image("show --all many");
	expect_line("dirty_range", "65-65");
	expect_no_line("ranges_left_out");
}

Test(image, json_has_the_same_names)
{
	json_t *root, *ranges;

	make_kernel_image("a\"b");
	run_image("show --json a\"b");
	expect_status(0);
	root = json_loads(ctl.out, 0, NULL);
	cr_assert_not_null(root, "no JSON: %s", ctl.out);
	cr_expect_str_eq(json_string_value(json_object_get(root, "image")), "a\"b");
	cr_expect_eq(json_integer_value(json_object_get(root, "regions")), 20);
	cr_expect_eq(json_integer_value(json_object_get(root, "dirty")), 2);
	ranges = json_object_get(root, "dirty_ranges");
	cr_expect_eq(json_array_size(ranges), 2);
	cr_expect_eq(json_integer_value(json_array_get(json_array_get(ranges, 1), 0)), 17);
	json_decref(root);
}

/* 512 MiB of bits, none of which is on the disk. */
Test(image, a_huge_image_is_not_held_in_memory)
{
	uint64_t regions = UINT64_C(1) << 32;

	close(make_image("huge", regions, 0, (off_t)(LOG_IMAGE_BITS_OFFSET + regions / 8)));
	run_image("show huge");
	expect_status(0);
	expect_line("dirty_range", "0-4294967295");
	expect_line("at_kernel", "cannot count so many regions");
	cr_expect_lt(ctl.resident_kib, 128 << 10);
}

Test(image, a_range_goes_on_over_pieces)
{
	uint64_t border = (PIECE_BYTES - LOG_IMAGE_BITS_OFFSET) * UINT64_C(8);
	char range[64];

	make_large_image("large", border + 8192, border - 9, border + 70);
	snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)border - 9,
		 (unsigned long long)border + 70);
	run_image("show large");
	expect_status(0);
	expect_line("dirty_range", range);
	expect_line("dirty", "80");
}

Test(image, a_short_copy_ends_where_it_ends)
{
	int fd = make_image("short", 100000, 0, 2024);
	uint8_t bits[1000];

	memset(bits, 0xFF, sizeof(bits));
	put(fd, bits, sizeof(bits), LOG_IMAGE_BITS_OFFSET);
	close(fd);
	run_image("show short");
	expect_status(0);
	expect_err("ends at byte 2024, and 100000 regions need 13824");
	expect_line("dirty_range", "8000-99999");
	expect_line("not_vouched_for", "92000");
	run_image("check short");
	expect_status(1);
	expect_out("problem: it ends at byte 2024");
}

/* Readers of devices want whole blocks. */
Test(image, a_copy_without_the_end_of_its_last_block_has_all_bits)
{
	close(make_image("ragged", 32, 0, LOG_IMAGE_BITS_OFFSET + 4));
	run_image("check ragged");
	expect_status(1);
	expect_out("problem: it ends at byte 1028, and 32 regions need 1536: all bits are there");
}

Test(image, a_header_that_is_cut_has_no_regions)
{
	int fd = make_image("cut", REGIONS, 8, 8192);

	cr_assert_eq(ftruncate(fd, 8), 0);
	close(fd);
	run_image("check cut");
	expect_status(1);
	expect_out("problem: no regions (byte 8)");
}

/* As many as would take a year to look at. */
Test(image, regions_that_no_device_can_have_are_not_looked_at)
{
	close(make_image("absurd", UINT64_C(1) << 60, 0, 8192));
	run_image("show absurd");
	expect_status(0);
	expect_line("dirty_range", "0-1152921504606846975");
	run_image("diff absurd absurd");
	expect_status(0);
}

Test(image, what_cannot_be_read_is_named)
{
	run_image("show nowhere");
	expect_status(1);
	expect_err("nowhere: cannot be opened: No such file");
	run_image("show /dev/null");
	expect_status(1);
	expect_err("/dev/null: is neither a file nor a block device");
}

/* What it read before that must not pass for the whole. */
Test(image, a_device_that_fails_is_told)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	fill_loop(&loop, 2, 100000, NULL, 0);
	cr_assert_eq(ftruncate(loop.file, LOG_IMAGE_BITS_OFFSET), 0);
	run_image("show %s", loop.path);
	expect_status(1);
	expect_err("cannot be read at byte ");
	run_image("check %s", loop.path);
	expect_status(1);
	expect_err("cannot be read at byte ");
}

/* --- check --- */

static void expect_problem(off_t at, uint8_t byte, const char *words)
{
	make_kernel_image("bad");
	put_byte("bad", at, byte);
	run_image("check bad");
	expect_status(1);
	expect_out(words);
}

Test(image, check_tells_what_is_wrong)
{
	make_kernel_image("good");
	run_image("check good");
	expect_status(0);
	run_image("check --regions 21 good");
	expect_status(1);
	expect_out("20 regions (byte 8), and 21 are expected");
	expect_problem(0, 0, "no log image: magic 0x4d695200 at byte 0");
	expect_problem(4, 3, "version 3 at byte 4");
	expect_problem(8, 0, "no regions (byte 8)");
	expect_problem(LOG_IMAGE_BITS_OFFSET + 2, 0x1D,
		       "clean bits behind the last region, at byte 1024");
}

/* The kernel leaves them there when a mirror shrinks. */
Test(image, clean_bits_past_the_last_word_are_good)
{
	make_kernel_image("shrunk");
	put_byte("shrunk", LOG_IMAGE_BITS_OFFSET + 4, 0xFF);
	run_image("check shrunk");
	expect_status(0);
}

Test(image, check_knows_the_other_byte_order)
{
	int fd = make_file("swapped", 4096);

	put(fd, (uint8_t[]){0x4D, 0x69, 0x52, 0x72}, 4, 0);
	close(fd);
	run_image("check swapped");
	expect_status(1);
	expect_out("other byte order");
}

/* dirtylogd takes no size of regions from it. */
Test(image, a_note_that_does_not_count_is_shown_so)
{
	int fd = make_image("note", REGIONS, 1024, 1536);
	uint64_t regions = REGIONS + 1;

	put_byte("note", 69, 9);
	run_image("show note");
	expect_status(0);
	expect_line("note", "damaged: does not count");
	close(fd);
	close(make_image("note", REGIONS, 1024, 1536));
	fd = open("note", O_RDWR);
	put(fd, &regions, sizeof(regions), 8);
	close(fd);
	run_image("show note");
	expect_line("note", "of another number of regions: does not count");
}

Test(image, check_sees_a_damaged_note)
{
	close(make_image("note", REGIONS, 1024, 1536));
	run_image("check note");
	expect_status(0);
	put_byte("note", 69, 9);
	run_image("check note");
	expect_status(1);
	expect_out("the note of the region size (byte 64) is damaged");
}

/* --- diff --- */

Test(image, diff_tells_both_directions)
{
	make_kernel_image("a");
	make_kernel_image("b");
	run_image("diff a b");
	expect_status(0);
	cr_expect_str_empty(ctl.out);
	put_byte("b", LOG_IMAGE_BITS_OFFSET, 0xCF);
	run_image("diff a b");
	expect_status(1);
	expect_out("dirty only in A 3-3\n");
	expect_out("dirty only in B 4-5\n");
	expect_out("dirty only in B: 2 regions\n");
	expect_no_line("17");
}

static json_t *json_out(void)
{
	json_error_t error;
	json_t *json = json_loads(ctl.out, 0, &error);

	cr_assert_not_null(json, "%s: %s", error.text, ctl.out);
	return json;
}

Test(image, each_command_prints_json)
{
	json_t *json, *only_b;
	json_int_t dirty;

	make_kernel_image("a");
	make_kernel_image("b");
	put_byte("b", LOG_IMAGE_BITS_OFFSET, 0xCF);
	run_image("diff --json a b");
	expect_status(1);
	json = json_out();
	only_b = json_object_get(json_object_get(json, "b"), "ranges");
	cr_assert_eq(json_integer_value(json_array_get(json_array_get(only_b, 0), 1)), 5);
	json_decref(json);
	run_image("check --json a");
	expect_status(0);
	json = json_out();
	cr_assert(json_is_true(json_object_get(json, "good")));
	json_decref(json);
	run_image("convert --json --to kernel a c");
	expect_status(0);
	json = json_out();
	cr_assert(json_is_false(json_object_get(json, "written")));
	dirty = json_integer_value(json_object_get(json, "dirty"));
	cr_assert_gt(dirty, 0);
	json_decref(json);
}

/* A name is bytes: those that are no UTF-8 are told as a character each. */
Test(image, a_name_that_is_no_text_is_told_in_json)
{
	json_t *json;

	make_kernel_image("a\xff");
	run_image("show --json a\xff");
	expect_status(0);
	json = json_out();
	cr_expect_str_eq(json_string_value(json_object_get(json, "image")), "a\u00ff");
	json_decref(json);
	run_image("convert --json --to kernel a\xff \xe9\\\u00e9");
	expect_status(0);
	json = json_out();
	cr_expect_str_eq(json_string_value(json_object_get(json, "target")), "\u00e9\\\u00e9");
	json_decref(json);
	run_image("convert --json --to kernel a\xff \u00e9");
	json = json_out();
	cr_expect_str_eq(json_string_value(json_object_get(json, "target")), "\u00e9");
	json_decref(json);
}

/* As LVM makes it: there is no end to compare up to, nor to convert. */
Test(image, an_image_that_tells_no_number_of_regions_needs_one)
{
	make_kernel_image("a");
	close(make_image("fresh", UINT64_MAX, 0, 8192));
	run_image("diff a fresh");
	expect_status(1);
	cr_expect_str_empty(ctl.out);
	expect_err("fresh: tells no number of regions: give --regions");
	run_image("convert --to dirtylogd --write fresh new");
	expect_status(1);
	expect_err("fresh: tells no number of regions: give --regions");
	run_image("check fresh");
	expect_out("its size is not checked: it tells no number of regions (--regions)");
}

Test(image, diff_goes_over_pieces)
{
	uint64_t border = (PIECE_BYTES - LOG_IMAGE_BITS_OFFSET) * UINT64_C(8);

	make_large_image("a", border + 8192, border, border);
	make_large_image("b", border + 8192, border, border + 1);
	run_image("diff a b");
	expect_status(1);
	expect_out("dirty only in B: 1 regions\n");
	expect_no_line("only in A");
}

Test(image, images_of_other_mirrors_are_not_equal)
{
	make_kernel_image("a");
	close(make_image("larger", REGIONS + 1, 0, 8192));
	run_image("diff a larger");
	expect_status(1);
	expect_out("regions: 20 in A, 21 in B");
	close(make_image("b", REGIONS, 8, 8192));
	close(make_image("c", REGIONS, 16, 8192));
	run_image("diff b c");
	expect_status(1);
	expect_out("region size: 8 sectors in A, 16 in B");
	close(make_file("zeros", 4096));
	run_image("diff a zeros");
	expect_status(1);
	expect_err("zeros: no log image");
}

/* --- convert --- */

Test(image, a_dirtylogd_takes_what_was_converted_for_it)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	make_kernel_image("kernel");
	run_image("convert --to dirtylogd --region-size 8 --write kernel %s", loop.path);
	expect_status(0);
	expect_out("20 regions for dirtylogd, 2 of them dirty");
	start();
	make_log(&loop, REGIONS, "");
	cr_expect_eq(sync_count(), 18);
	cr_expect_eq(in_sync(3), 0);
	cr_expect_eq(in_sync(17), 0);
	cr_expect_eq(in_sync(16), 1);
}

/* The size that was noted is what the daemon goes by. */
Test(image, a_dirtylogd_does_not_take_regions_of_another_size)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	make_kernel_image("kernel");
	run_image("convert --to dirtylogd --region-size 16 --write kernel %s", loop.path);
	expect_status(0);
	start();
	make_log(&loop, REGIONS, "");
	cr_expect_eq(sync_count(), 0);
}

Test(image, what_is_converted_and_back_is_the_same)
{
	uint64_t border = (PIECE_BYTES - LOG_IMAGE_BITS_OFFSET) * UINT64_C(8);

	make_large_image("a", border + 8192, border - 9, border + 70);
	run_image("convert --to cmirrord --write a b");
	expect_status(0);
	run_image("convert --to kernel --write b c");
	expect_status(0);
	run_image("diff a c");
	expect_status(0);
	cr_expect_eq(system("cmp a c"), 0);
	run_image("show b");
	expect_out("at_cmirrord      80 of ");
}

/* The file that is written would be in their place, and take the words. */
Test(image, what_is_said_to_a_closed_descriptor_is_not_in_the_image)
{
	make_kernel_image("a");
	run_image("convert --to dirtylogd --write a b");
	expect_status(0);
	cr_expect_eq(system(DIRTYLOGCTL " image convert --to dirtylogd --write a c <&- >&- 2>&-"),
		     0);
	cr_expect_eq(system("cmp b c"), 0);
}

Test(image, blocks_that_hold_header_and_bits_are_written_whole)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 4096);

	make_kernel_image("a");
	run_image("convert --to kernel --write a %s", loop.path);
	expect_status(0);
	run_image("diff a %s", loop.path);
	expect_status(0);
	run_image("check %s", loop.path);
	expect_status(0);
}

Test(image, what_is_not_known_becomes_dirty)
{
	make_kernel_image("a");
	put_byte("a", LOG_IMAGE_BITS_OFFSET + 3, 0xFF);
	put_byte("a", LOG_IMAGE_BITS_OFFSET + 100, 0xFF);
	run_image("convert --to kernel --regions 40 --write a b");
	expect_status(0);
	expect_out("20 regions are dirty since FROM does not vouch for them");
	cr_expect_eq(byte_of("b", LOG_IMAGE_BITS_OFFSET + 2), 0x0D);
	cr_expect_eq(byte_of("b", LOG_IMAGE_BITS_OFFSET + 3), 0);
	cr_expect_eq(byte_of("b", LOG_IMAGE_BITS_OFFSET + 100), 0);
	cr_expect_eq(byte_of("b", 8), 40);
}

/* The kernel would keep a note that it does not keep true. */
Test(image, a_note_is_for_dirtylogd_alone)
{
	close(make_image("a", REGIONS, 1024, 8192));
	run_image("convert --to kernel --write a b");
	expect_status(0);
	run_image("show b");
	expect_line("kind", "kernel");
	run_image("convert --to dirtylogd --write a c");
	run_image("show c");
	expect_line("region_size", "1024");
	run_image("convert --to dirtylogd --region-size 512 --write a d");
	expect_status(1);
	expect_err("notes regions of 1024 sectors");
}

Test(image, nothing_is_written_unless_it_is_said)
{
	make_kernel_image("a");
	run_image("convert --to kernel a b");
	expect_status(0);
	expect_out("b: would be written: 20 regions for kernel, 2 of them dirty");
	expect_out("nothing was written (--write)");
	run_image("convert --to kernel --dry-run a b");
	expect_status(0);
	cr_expect_eq(access("b", F_OK), -1);
	make_kernel_image("b");
	put_byte("b", LOG_IMAGE_BITS_OFFSET, 0);
	run_image("convert --to kernel a b");
	cr_expect_eq(byte_of("b", LOG_IMAGE_BITS_OFFSET), 0);
}

static void expect_refused(const char *from, const char *to, const char *words)
{
	run_image("convert --to kernel --write %s %s", from, to);
	expect_status(1);
	expect_err(words);
	run_image("convert --to kernel %s %s", from, to);
	expect_status(1);
	expect_err(words);
}

Test(image, a_log_that_is_served_is_not_written_nor_copied)
{
	struct loop_device loop = make_served_log();

	make_kernel_image("a");
	expect_refused("a", loop.path, "is in use by dirtylogd: not written");
	expect_refused(loop.path, "b", "is in use by dirtylogd, and a copy would be old");
	cr_expect_eq(access("b", F_OK), -1);
	run_image("show %s", loop.path);
	expect_line("dirty", "1");
}

/* As device-mapper claims its devices. */
Test(image, a_device_that_is_claimed_is_not_written)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	int claim = open(loop.path, O_RDONLY | O_EXCL);

	cr_assert_geq(claim, 0);
	make_kernel_image("a");
	expect_refused("a", loop.path, "is in use by device-mapper");
	close(claim);
	run_image("convert --to kernel --write a %s", loop.path);
	expect_status(0);
}

Test(image, no_image_is_written_over_itself)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	make_kernel_image("a");
	cr_assert_eq(symlink("a", "b"), 0);
	cr_assert_eq(link("a", "c"), 0);
	expect_refused("a", "a", "is the image to be converted itself");
	expect_refused("a", "b", "is the image to be converted itself");
	expect_refused("a", "c", "is the image to be converted itself");
	run_image("convert --to kernel --write a %s", loop.path);
	cr_assert_eq(symlink(loop.path, "d"), 0);
	expect_refused(loop.path, "d", "is the image to be converted itself");
}

Test(image, what_is_no_log_is_not_overwritten)
{
	make_kernel_image("a");
	close(make_file("ext4", 65536));
	put_byte("ext4", 1080, 0x53);
	expect_refused("a", "ext4", "holds something else than a log");
	cr_expect_eq(byte_of("ext4", 1080), 0x53);
	make_kernel_image("version");
	put_byte("version", 4, 3);
	expect_refused("a", "version", "holds something else than a log");
	expect_refused("version", "b", "nothing in it can be believed");
}

Test(image, a_device_that_is_too_small_is_not_written)
{
	struct loop_device loop = make_loop(4096, 512);

	make_kernel_image("a");
	run_image("convert --to cmirrord --write a %s", loop.path);
	expect_status(1);
	expect_err("has 4096 bytes, and cmirrord wants 8192");
	cr_expect_eq(byte_of(loop.path, 0), 0);
	run_image("convert --to kernel --write a %s", loop.path);
	expect_status(0);
}

Test(image, a_number_that_the_reader_cannot_count_is_refused)
{
	close(make_image("a", UINT64_C(1) << 31, 0, 8192));
	run_image("convert --to cmirrord a b");
	expect_status(1);
	expect_err("cmirrord counts 2147483647 at most");
}

/* As of a header that is damaged. */
static void make_absurd_image(const char *name)
{
	int fd = make_image(name, UINT64_C(1) << 62, 0, 1088);

	put(fd, (uint8_t[]){0xF7}, 1, LOG_IMAGE_BITS_OFFSET);
	close(fd);
}

Test(image, regions_that_no_device_can_have_are_counted_at_once)
{
	make_absurd_image("a");
	run_image("convert --to dirtylogd a b");
	expect_status(0);
	expect_out("4611686018427387904 regions for dirtylogd, 4611686018427387897 of them dirty");
	expect_out("4611686018427387392 regions are dirty since FROM does not vouch for them");
}

Test(image, regions_of_64_bits_are_no_less_in_json)
{
	close(make_image("a", UINT64_MAX - 5, 0, 8192));
	run_image("convert --json --to dirtylogd a b");
	expect_status(0);
	expect_out("\"regions\": 1.8446744073709552e19");
	run_image("diff --json a a");
	expect_status(0);
	expect_out("\"regions\": 1.8446744073709552e19");
}

static void mount_small(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mkdir("full", 0700), 0);
	cr_assert_eq(mount("none", "full", "tmpfs", 0, "size=64k"), 0);
}

Test(image, a_file_that_there_is_no_room_for_is_not_written)
{
	mount_small();
	make_absurd_image("a");
	run_image("convert --to dirtylogd --write a full/b");
	expect_status(1);
	expect_err("full/b: its file system has 65536 bytes left");
	cr_expect_neq(access("full/b", F_OK), 0);
	make_kernel_image("full/c");
	run_image("convert --to dirtylogd --write a full/c");
	expect_status(1);
	cr_expect_eq(byte_of("full/c", LOG_IMAGE_BITS_OFFSET), 0xF7);
	run_image("show full/c");
	expect_line("kind", "kernel");
	umount2("full", MNT_DETACH);
}

Test(image, a_file_that_was_made_and_cannot_be_written_is_taken_away)
{
	struct rlimit limit = {.rlim_cur = 65536, .rlim_max = RLIM_INFINITY};

	make_large_image("a", 1 << 24, 0, 0);
	make_kernel_image("c");
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	run_image("convert --to kernel --write a b");
	expect_status(1);
	cr_expect_neq(access("b", F_OK), 0);
	run_image("convert --to kernel --write a c");
	expect_status(1);
	cr_expect_eq(access("c", F_OK), 0, "somebody else's");
}

/* A device with room for the first of several pieces alone (a loop device tells nothing of a write that was
 * cut), and a log on it that was believed. */
static struct loop_device make_small_loop(void)
{
	struct loop_device loop;

	mount_small();
	loop = make_loop_in("full", 4 * DEVICE_BYTES, 512);
	fill_loop(&loop, 2, REGIONS, (uint8_t[]){0xFF}, 1);
	return loop;
}

Test(image, what_breaks_off_leaves_no_header)
{
	struct loop_device loop = make_small_loop();

	make_large_image("a", 1 << 24, 0, 0);
	run_image("convert --to kernel --write a %s", loop.path);
	expect_status(1);
	expect_err("it has no header, so it counts as a new log");
	run_image("show %s", loop.path);
	expect_line("kind", "none");
	umount2("full", MNT_DETACH);
}

static void expect_no_header_after(const char *kill_point)
{
	make_kernel_image("a");
	make_kernel_image("b");
	setenv("DIRTYLOGD_KILL_AT", kill_point, 1);
	run_image("convert --to kernel --write a b");
	unsetenv("DIRTYLOGD_KILL_AT");
	expect_status(-1);
	run_image("show b");
	expect_line("kind", "none");
}

Test(image, the_header_goes_first_and_comes_last)
{
	expect_no_header_after("header_away");
	expect_no_header_after("bits_written");
	cr_expect_eq(byte_of("b", LOG_IMAGE_BITS_OFFSET), 0xF7);
}

/* Of more than one piece, of which FROM has the first alone. */
Test(image, clean_bits_of_an_older_log_do_not_show_through)
{
	uint64_t regions = (PIECE_BYTES - LOG_IMAGE_BITS_OFFSET) * UINT64_C(8) + 8192;
	char count[32];

	make_large_image("old", regions, 0, 0);
	make_kernel_image("a");
	run_image("convert --to kernel --regions %llu --write a old", (unsigned long long)regions);
	expect_status(0);
	snprintf(count, sizeof(count), "%llu", (unsigned long long)regions - 18);
	run_image("show old");
	expect_line("dirty", count);
}

/* --- command lines --- */

static void expect_wrong(const char *line, const char *words)
{
	run_image("%s", line);
	expect_status(2);
	expect_err(words);
	cr_expect_str_empty(ctl.out);
}

Test(image, wrong_command_lines_are_told)
{
	make_kernel_image("a");
	expect_wrong("", "a command is expected");
	expect_wrong("look a", "look: no such command");
	expect_wrong("show", "expected IMAGE");
	expect_wrong("check a a", "expected IMAGE");
	expect_wrong("diff a", "expected A B");
	expect_wrong("show --regions 0 a", "expected a number of at least 1");
	expect_wrong("convert a b", "--to is expected");
	expect_wrong("convert --to lvm a b", "expected dirtylogd, kernel or cmirrord");
	expect_wrong("convert --to kernel --write --dry-run a b", "exclude each other");
	expect_wrong("convert --to dirtylogd --region-size 9 a b", "expected a power of two");
	cr_expect_eq(access("b", F_OK), -1);
}

Test(image, each_command_has_help)
{
	const char *commands[] = {"", "show ", "check ", "diff ", "convert "};
	char usage[64];

	for (unsigned i = 0; i < 5; i++) {
		run_image("%s--help", commands[i]);
		expect_status(0);
		snprintf(usage, sizeof(usage), "Usage: dirtylogctl image %s[OPTION...]",
			 commands[i]);
		expect_out(usage);
	}
}
