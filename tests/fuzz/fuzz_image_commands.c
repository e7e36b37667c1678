/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image show`, `check`, `diff` and `convert` with any file as an image: what they say is JSON and bounded, show
 * has the dirty regions that dirtylogd would read, check agrees with show, and what convert writes reads back as the same
 * regions.
 *
 * Input: enum image_reader of convert (mod 3); what is at its target before (mod 4: nothing, zeros, ones, the image); a byte
 * that fills the file behind what follows; le24 bytes of the file (mod FILE_MAX); le32 --regions (mod REGIONS_MAX; 0: not given);
 * then the image from its first byte on.
 */
#include "bitmap/log_image.h"
#include "server/ctl/image_commands.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 10u
#define FILE_MAX (80u << 10) /* in two pieces */
#define TARGET_MAX (1u << 20) /* more is refused by the file system, as if it were full */
#define REGIONS_MAX 650000u /* of which the file has the bits */
#define SAID_MAX 16384u
#define WORDS_MAX 10u

enum { BEFORE_NOTHING, BEFORE_ZEROS, BEFORE_ONES, BEFORE_IMAGE, BEFORES };

static const char *const readers[] = {"dirtylogd", "kernel", "cmirrord"};

static struct {
	int fd;
	char path[64];
} from, to;

static char regions_word[16];

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void open_memory(int *fd, char *path, size_t room)
{
	*fd = memfd_create("image", 0);
	check(*fd >= 0);
	snprintf(path, room, "/proc/self/fd/%d", *fd);
}

/* What is complained of is of no interest; the fuzzer's own words have the descriptor. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct rlimit limit = {.rlim_cur = TARGET_MAX, .rlim_max = TARGET_MAX};

	stderr = fopen("/dev/null", "w");
	open_memory(&from.fd, from.path, sizeof(from.path));
	open_memory(&to.fd, to.path, sizeof(to.path));
	return setrlimit(RLIMIT_FSIZE, &limit);
}

/* --- files --- */

static void fill(int fd, uint8_t byte, size_t bytes)
{
	static uint8_t filled[FILE_MAX];

	check(ftruncate(fd, 0) == 0);
	if (byte == 0) {
		check(ftruncate(fd, (off_t)bytes) == 0);
		return;
	}
	memset(filled, byte, bytes);
	check(pwrite(fd, filled, bytes, 0) == (ssize_t)bytes);
}

static size_t make_image(const uint8_t *data, size_t size)
{
	size_t bytes = (data[3] | (uint32_t)data[4] << 8 | (uint32_t)data[5] << 16) % FILE_MAX;
	size_t given = size - HEAD_BYTES < bytes ? size - HEAD_BYTES : bytes;

	fill(from.fd, data[2], bytes);
	check(pwrite(from.fd, data + HEAD_BYTES, given, 0) == (ssize_t)given);
	return bytes;
}

static void make_target(unsigned before, const uint8_t *image, size_t bytes)
{
	fill(to.fd, before == BEFORE_ONES ? 0xff : 0, before == BEFORE_NOTHING ? 0 : bytes);
	if (before == BEFORE_IMAGE)
		check(pwrite(to.fd, image, bytes, 0) == (ssize_t)bytes);
}

/* The caller frees it. */
static uint8_t *image_bytes_of(size_t bytes)
{
	uint8_t *image = malloc(bytes + 1);

	check(pread(from.fd, image, bytes, 0) == (ssize_t)bytes);
	return image;
}

/* --- commands --- */

/* What it says as JSON, NULL if nothing; the caller drops it. words: up to NULL, without the command's own. */
static json_t *run(ctl_command *command, int *status, const char *const *words)
{
	char copies[WORDS_MAX][64] = {"image", "--json"}, *argv[WORDS_MAX + 1], *text = NULL;
	FILE *before = stdout;
	json_t *said = NULL;
	size_t size;
	int argc = 2;

	for (; *words; words++)
		snprintf(copies[argc++], sizeof(copies[0]), "%s", *words);
	for (int i = 0; i < argc; i++)
		argv[i] = copies[i];
	argv[argc] = NULL;
	stdout = open_memstream(&text, &size);
	*status = command(argc, argv);
	check(fclose(stdout) == 0 && size <= SAID_MAX);
	stdout = before;
	if (size > 0) {
		/* Numbers of a damaged header can be more than jansson's integers are. */
		said = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
		check(said);
	}
	free(text);
	return said;
}

#define RUN(command, status, ...)                                                                 \
	run(command, status,                                                                      \
	    regions_word[0] ? (const char *const[]){"--regions", regions_word, __VA_ARGS__, NULL} \
			    : (const char *const[]){__VA_ARGS__, NULL})

static double number(const json_t *said, const char *name)
{
	return json_number_value(json_object_get(said, name));
}

static const char *word(const json_t *said, const char *name)
{
	const char *text = json_string_value(json_object_get(said, name));

	return text ? text : "";
}

/* --- show --- */

/* In order, apart, and as many regions as are counted. */
static void check_ranges(const json_t *shown)
{
	json_t *range, *ranges = json_object_get(shown, "dirty_ranges");
	double next = -1, dirty = 0;

	if (number(shown, "regions") > 1e15)
		return; /* not told apart by a double */
	for (size_t i = 0; (range = json_array_get(ranges, i)); i++) {
		double first = json_number_value(json_array_get(range, 0));
		double last = json_number_value(json_array_get(range, 1));

		check(first > next && last >= first && last < number(shown, "regions"));
		dirty += last - first + 1;
		next = last + 1;
	}
	if (json_object_get(shown, "ranges_left_out"))
		check(dirty < number(shown, "dirty"));
	else
		check(dirty == number(shown, "dirty"));
}

/* What dirtylogd has dirty when it has read the image. */
static uint64_t read_as_dirtylogd(const uint8_t *file, size_t bytes, uint64_t regions)
{
	struct log_image image = {.nregions = regions, .block_bytes = 512};
	size_t room = region_bitmap_bytes(regions), needed = log_image_bytes(&image);
	void *memory = aligned_alloc(64, room);
	uint8_t *padded = calloc(1, needed + LOG_IMAGE_BITS_OFFSET);
	struct log_image_header header;
	struct region_bitmap map;
	uint64_t dirty;

	memset(memory, 0, room);
	region_bitmap_init(&map, memory, regions);
	memcpy(padded, file, bytes < needed ? bytes : needed);
	log_image_decode_header(padded, &header);
	log_image_decode_blocks(&image, &map, header.nr_regions, 0, log_image_blocks(&image),
				padded);
	dirty = regions - region_bitmap_count(&map);
	free(padded);
	free(memory);
	return dirty;
}

static void check_shown(const json_t *shown, const uint8_t *file, size_t bytes)
{
	double regions = number(shown, "regions");

	check(*word(shown, "kind") && *word(shown, "at_dirtylogd"));
	check(number(shown, "bytes") == (double)bytes);
	check_ranges(shown);
	if (regions < 1 || regions > REGIONS_MAX)
		return;
	check(number(shown, "clean") + number(shown, "dirty") == regions);
	check(number(shown, "dirty") == (double)read_as_dirtylogd(file, bytes, (uint64_t)regions));
}

/* --- check --- */

static bool is_believed(const json_t *shown)
{
	return strcmp(word(shown, "kind"), "dirtylogd") == 0 ||
	       strcmp(word(shown, "kind"), "kernel") == 0 ||
	       strcmp(word(shown, "kind"), "lvm-new") == 0;
}

/* What is good has nothing that show warns of, and the other way round. */
static void check_agrees(const json_t *shown, const json_t *checked)
{
	bool good = json_is_true(json_object_get(checked, "good"));
	bool of_note = strncmp(word(shown, "note"), "damaged", 7) == 0;
	bool is_short = number(shown, "bytes") < number(shown, "bytes_needed");
	bool all_there = !json_object_get(shown, "not_vouched_for") && !is_short && !of_note &&
			 is_believed(shown);
	bool as_told = strcmp(word(shown, "kind"), "lvm-new") == 0 ||
		       number(shown, "header_regions") == number(shown, "regions");

	check(good == (json_array_size(json_object_get(checked, "problems")) == 0));
	if (good)
		check(all_there && as_told);
	else
		check(!all_there || !as_told || number(shown, "regions") == 0 ||
		      number(shown, "clean_beyond_the_end") > 0);
}

/* --- convert --- */

/* What is there then is good, has the same dirty regions, and differs in none. */
static void check_target(const json_t *shown, const json_t *converted)
{
	json_t *again, *checked, *compared;
	int status;

	again = RUN(ctl_image_show, &status, to.path);
	check(status == 0 && number(again, "regions") == number(shown, "regions"));
	check(number(again, "dirty") == number(shown, "dirty"));
	check(number(converted, "dirty") == number(shown, "dirty"));
	check(json_equal(json_object_get(again, "dirty_ranges"),
			 json_object_get(shown, "dirty_ranges")));
	checked = RUN(ctl_image_check, &status, to.path);
	check(status == 0);
	compared = RUN(ctl_image_diff, &status, from.path, to.path);
	check(status == 0 && json_is_true(json_object_get(compared, "equal")));
	json_decref(again);
	json_decref(checked);
	json_decref(compared);
}

static void check_convert(const json_t *shown, const char *reader)
{
	int planned_status, status;
	json_t *planned =
		RUN(ctl_image_convert, &planned_status, "--to", reader, from.path, to.path);
	json_t *converted =
		RUN(ctl_image_convert, &status, "--to", reader, "--write", from.path, to.path);

	/* There may be no room for what was planned. */
	check(planned_status == 0 || status != 0);
	check(status != 0 || is_believed(shown));
	if (status == 0) {
		check(number(planned, "dirty") == number(converted, "dirty"));
		check(number(planned, "bytes") == number(converted, "bytes"));
		check_target(shown, converted);
	}
	json_decref(planned);
	json_decref(converted);
}

static void check_itself(const json_t *shown)
{
	int status;
	json_t *compared = RUN(ctl_image_diff, &status, from.path, from.path);

	/* What cannot be compared is nothing to anybody. */
	check(compared == NULL || status == 0);
	check(compared == NULL || is_believed(shown));
	json_decref(compared);
}

static void set_regions(const uint8_t *data)
{
	uint32_t regions = (data[6] | (uint32_t)data[7] << 8 | (uint32_t)data[8] << 16 |
			    (uint32_t)data[9] << 24) %
			   REGIONS_MAX;

	regions_word[0] = '\0';
	if (regions > 0)
		snprintf(regions_word, sizeof(regions_word), "%u", regions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *shown, *checked;
	uint8_t *image;
	size_t bytes;
	int status;

	if (size < HEAD_BYTES)
		return 0;
	signal(SIGXFSZ, SIG_IGN); /* libFuzzer has set its own behind the initialization */
	bytes = make_image(data, size);
	image = image_bytes_of(bytes);
	make_target(data[1] % BEFORES, image, bytes);
	set_regions(data);
	shown = RUN(ctl_image_show, &status, from.path);
	check(status == 0);
	check_shown(shown, image, bytes);
	checked = RUN(ctl_image_check, &status, from.path);
	check((status == 0) == json_is_true(json_object_get(checked, "good")));
	check_agrees(shown, checked);
	check_itself(shown);
	check_convert(shown, readers[data[0] % 3]);
	json_decref(shown);
	json_decref(checked);
	free(image);
	return 0;
}
