/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a log device is told apart from what must lie there. Needs root (a loop device). */
#include "bitmap/log_image.h"
#include "perf/generator/device_look.h"
#include "perf/generator/loop_device.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define REGIONS 600005u /* the last byte of bits is not full, and there are two pieces */
#define BYTES (1 << 20)

static struct loop_device loop;
static struct log_model model;
static _Alignas(8) uint8_t memory[REGIONS / 4 + 64];
static uint8_t image[BYTES] __attribute__((aligned(4096)));
static char fault[256];

static void write_image(void)
{
	int fd = open(loop.path, O_RDWR | O_DIRECT | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, image, sizeof(image), 0), (ssize_t)sizeof(image));
	close(fd);
}

/* All clean, in the model and on the device. */
static void set_up(void)
{
	struct loop_device_config config = {
		.directory = "/var/tmp", .bytes = BYTES, .block_bytes = 512, .direct = true};

	cr_assert_eq(loop_device_make(&loop, &config), 0, "no loop device (root is needed)");
	log_model_init(&model, memory, REGIONS, true);
	log_image_encode_header(image, REGIONS, 8);
	memset(image + LOG_IMAGE_BITS_OFFSET, 0xff, REGIONS / 8);
	image[LOG_IMAGE_BITS_OFFSET + REGIONS / 8] = (1u << REGIONS % 8) - 1;
	write_image();
}

static void tear_down(void)
{
	loop_device_close(&loop);
}

TestSuite(device_look, .init = set_up, .fini = tear_down);

static void write_dirty(uint64_t region)
{
	image[LOG_IMAGE_BITS_OFFSET + region / 8] &= (uint8_t) ~(1u << region % 8);
	write_image();
}

static bool look(bool exact)
{
	return device_look_at_all(loop.path, &model, exact, fault, sizeof(fault));
}

static void expect_mark_seen(uint64_t region)
{
	cr_assert(device_look_at_all(loop.path, &model, true, fault, sizeof(fault)), "%s", fault);
	log_model_mark(&model, region);
	cr_assert_not(look(false), "region %lu is clean on the device", (unsigned long)region);
	cr_assert_not(device_look_at_marks(loop.path, &region, 1, fault, sizeof(fault)));
	write_dirty(region);
	cr_assert(look(true), "%s", fault);
	cr_assert(device_look_at_marks(loop.path, &region, 1, fault, sizeof(fault)), "%s", fault);
}

Test(device_look, a_mark_that_is_not_on_the_device_is_seen)
{
	expect_mark_seen(0);
	expect_mark_seen(REGIONS - 1);
	expect_mark_seen(REGIONS / 2);
}

Test(device_look, what_is_dirty_on_the_device_alone_matters_only_when_all_is_written)
{
	write_dirty(9);
	cr_assert(look(false), "%s", fault);
	cr_assert_not(look(true));
	cr_assert(strstr(fault, "region 9 "), "%s", fault);
}

Test(device_look, one_mark_among_many_is_seen)
{
	uint64_t regions[3] = {0, REGIONS - 1, 1};

	write_dirty(0);
	write_dirty(1);
	cr_assert_not(device_look_at_marks(loop.path, regions, 3, fault, sizeof(fault)));
	write_dirty(REGIONS - 1);
	cr_assert(device_look_at_marks(loop.path, regions, 3, fault, sizeof(fault)), "%s", fault);
}

Test(device_look, an_image_without_its_header_is_none)
{
	log_image_encode_header(image, REGIONS - 1, 8);
	write_image();
	cr_assert_not(look(false), "another number of regions");
	memset(image, 0, 16);
	write_image();
	cr_assert_not(look(false));
}

Test(device_look, a_device_that_cannot_be_read_is_a_fault)
{
	cr_assert_not(device_look_at_all("/nowhere", &model, false, fault, sizeof(fault)));
	model.regions = UINT64_C(8) * BYTES;
	log_image_encode_header(image, model.regions, 8);
	write_image();
	cr_assert_not(device_look_at_marks(loop.path, &model.regions, 1, fault, sizeof(fault)),
		      "behind its end");
}
