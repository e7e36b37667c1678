/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image`: log images looked at while nobody serves them, or in a copy. */
#include "server/base/option_table.h"
#include "server/ctl/command.h"
#include "server/ctl/image_commands.h"

#include <string.h>

static const struct option_entry image_entries[] = {
	{.help = "Read alone:"},
	{"show", .help = "whose it is, its regions, and what becomes of it at RESUME"},
	{"check", .help = "what is wrong with it, and what to do about it"},
	{"diff", .help = "the regions that are dirty in one of two only"},
	{.help = "Written, if --write is given:"},
	{"convert", .help = "an image for dirtylogd, the kernel's disk log or cmirrord"},
	{0},
};

/* In the order of image_entries[]. */
static ctl_command *const image_functions[] = {NULL,	       ctl_image_show, ctl_image_check,
					       ctl_image_diff, NULL,	       ctl_image_convert};

static const struct option_table image_table = {
	.program = "dirtylogctl image",
	.arguments = "COMMAND [ARGUMENT...]",
	.doc = "Log images of dirtylogd, of the kernel's disk log and of cmirrord, on a device or "
	       "in a file.\vdirtylogctl image COMMAND --help shows a command's options.",
	.entries = image_entries,
	.in_order = true,
};

int ctl_image(int argc, char **argv)
{
	int next, status;

	argv[0] = (char *)image_table.program; /* for argp's messages */
	status = option_table_parse(&image_table, NULL, argc, argv, &next);
	if (status >= 0)
		return status;
	if (next == argc)
		return option_table_fault(&image_table, "a command is expected");
	for (unsigned i = 0; image_entries[i].help; i++)
		if (image_entries[i].name && strcmp(image_entries[i].name, argv[next]) == 0)
			return image_functions[i](argc - next, argv + next);
	return option_table_fault(&image_table, "%s: no such command", argv[next]);
}
