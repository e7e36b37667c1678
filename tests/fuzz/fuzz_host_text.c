/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what the kernel and LVM tell dirtylogctl: names of device-mapper, tables, tags, uevents, lines of mountinfo, a
 * kernel's version; and names, tags and uevents as they write them, read back. Input: the bytes; names that are made of them
 * end at a '/'.
 */
#include "server/ctl/beneath.h"
#include "server/ctl/dm_mirrors.h"
#include "server/ctl/json_values.h"
#include "server/ctl/kernel_faults.h"
#include "server/ctl/lvm.h"
#include "server/ctl/mirror_name.h"
#include "server/ctl/uevent.h"
#include "server/protocol/mirror_table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PART_MAX 28u /* doubled dashes and all, a name is no longer than device-mapper's are */

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* --- names --- */

/* The next part of a name, as LVM takes one: it does not begin with a dash. */
static void take_part(const char **text, char part[PART_MAX + 1])
{
	size_t length = strcspn(*text, "/");

	snprintf(part, PART_MAX + 1, "%.*s", (int)length, *text);
	if (part[0] == '-' || part[0] == '\0')
		part[0] = 'v', part[1] = '\0';
	*text += length + ((*text)[length] == '/');
}

/* build_dm_name() of LVM2. */
static void add_part(char *name, const char *part)
{
	name += strlen(name);
	for (; *part; part++) {
		if (*part == '-')
			*name++ = '-';
		*name++ = *part;
	}
	*name = '\0';
}

static void check_name_of(const char *vg, const char *lv)
{
	char dm_name[4 * PART_MAX + 8] = "", wanted[2 * PART_MAX + 2], volume[LVM_NAME_MAX];
	char name[MIRROR_NAME_MAX];

	snprintf(wanted, sizeof(wanted), "%s/%s", vg, lv);
	add_part(dm_name, vg);
	strcat(dm_name, "-");
	add_part(dm_name, lv);
	check(mirror_name_of_lvm(dm_name, name) && strcmp(name, wanted) == 0);
	check(mirror_name_means(wanted, dm_name));
	check(lvm_volume_of(dm_name, "LVM-x", volume) && strcmp(volume, wanted) == 0);
	strcat(dm_name, "-real"); /* a layer of it */
	check(lvm_volume_of(dm_name, "LVM-x", volume) && strcmp(volume, wanted) == 0);
}

static void check_names(const char *text)
{
	char name[MIRROR_NAME_MAX], volume[LVM_NAME_MAX], vg[PART_MAX + 1], lv[PART_MAX + 1];

	mirror_name_of_lvm(text, name);
	mirror_name_means(text, text + strlen(text) / 2);
	if (lvm_volume_of(text, "LVM-x", volume))
		lvm_is_hidden(volume);
	check(!lvm_volume_of(text, "CRYPT-x", volume));
	take_part(&text, vg);
	take_part(&text, lv);
	check_name_of(vg, lv);
}

/* --- a table --- */

static void check_target(const char *text)
{
	const struct dm_device device = {.name = text, .uuid = text, .major = 253, .minor = 7};
	json_t *mirror = dm_mirrors_target(&device, 1, text), *uuid, *again;
	struct mirror_table table;
	enum mirror_table_kind kind = mirror_table_parse(text, &table);
	char *line;

	check((mirror != NULL) == (kind == MIRROR_TABLE_OURS || kind == MIRROR_TABLE_BROKEN));
	if (!mirror)
		return;
	uuid = json_of_text(table.uuid);
	check(json_equal(json_object_get(mirror, "uuid"), uuid));
	check(json_is_string(json_object_get(mirror, "dm")));
	line = json_dumps(mirror, JSON_COMPACT | JSON_ENSURE_ASCII);
	check(line && !strchr(line, '\n'));
	again = json_loads(line, 0, NULL);
	check(json_equal(again, mirror));
	free(line);
	json_decref(again);
	json_decref(uuid);
	json_decref(mirror);
}

/* --- tags --- */

static bool is_tag(const char *tag)
{
	return *tag && strlen(tag) < 64 && !strpbrk(tag, " ,\n");
}

static void check_tags(const char *text)
{
	char *copy = strdup(text), list[128];

	lvm_lists_tag(copy, LVM_TAG);
	free(copy);
	if (!is_tag(text))
		return;
	snprintf(list, sizeof(list), "  a,%s,b\n", text);
	check(lvm_lists_tag(list, text));
	snprintf(list, sizeof(list), "  x%s,%sx\n", text, text);
	check(!lvm_lists_tag(list, text));
}

/* --- uevents --- */

static void check_uevent(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* exactly as long */
	uint32_t number[2];

	memcpy(text, data, size);
	text[size] = '\0';
	uevent_of_change(text, size, &number[0], &number[1]);
	free(text);
}

/* Whatever field is before the number, unless it is one of the two. */
static void check_told_uevent(const char *field, uint32_t minor)
{
	char text[256];
	uint32_t number[2];
	int length;

	if (strlen(field) > 100 || strncmp(field, "MAJOR=", 6) == 0 ||
	    strncmp(field, "MINOR=", 6) == 0)
		return;
	length = snprintf(text, sizeof(text),
			  "change@/devices/virtual/block/dm-%u%cACTION=change%c%s%cMAJOR=253%c"
			  "MINOR=%u",
			  minor, 0, 0, field, 0, 0, minor);
	check(uevent_of_change(text, (size_t)length + 1, &number[0], &number[1]));
	check(number[0] == 253 && number[1] == minor);
}

/* --- mounts --- */

static void check_mount(const char *text)
{
	char source[PATH_MAX], line[512], directory[256];
	unsigned number[2];

	beneath_is_mount(text, "/usr", number, source);
	if (strlen(text) > 200 || strpbrk(text, " \t\n\v\f\r") || !*text)
		return;
	snprintf(directory, sizeof(directory), "/%s", text);
	snprintf(line, sizeof(line), "36 35 98:7 / %s rw shared:1 - ext4 %s rw\n", directory, text);
	check(beneath_is_mount(line, directory, number, source));
	check(number[0] == 98 && number[1] == 7 && strcmp(source, text) == 0);
	check(!beneath_is_mount(line, "other directory", number, source));
}

/* --- the kernel --- */

static void check_version(const char *text)
{
	struct kernel_version version;
	unsigned at = 0, fixed;

	if (!kernel_version_read(text, text, &version))
		return;
	while (kernel_faults_next(&version, &at, &fixed))
		check(kernel_faults_known(&version) && fixed > version.patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	check_names(text);
	check_target(text);
	check_tags(text);
	check_uevent(data, size);
	check_told_uevent(text, (uint32_t)size * 2654435761u);
	check_mount(text);
	check_version(text);
	free(text);
	return 0;
}
