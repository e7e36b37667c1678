/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands behind `dirtylogctl image`. The main thread's. */
#ifndef SERVER_CTL_IMAGE_COMMANDS_H
#define SERVER_CTL_IMAGE_COMMANDS_H

#include "server/ctl/command.h"

/* convert alone writes, and only if it is told to. */
ctl_command ctl_image_show, ctl_image_check, ctl_image_diff, ctl_image_convert;

#endif
