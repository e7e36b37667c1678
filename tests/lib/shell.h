/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs as a user runs them, for Criterion. Asserts. */
#ifndef TESTS_LIB_SHELL_H
#define TESTS_LIB_SHELL_H

#include <stddef.h>

/* Run the command by a shell, and wait for its end. Returns its exit status; said has the beginning of its stdout. */
int shell_says(const char *command, char *said, size_t bytes);

#endif
