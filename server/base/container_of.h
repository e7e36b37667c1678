/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a member to the structure that it lies in. */
#ifndef SERVER_BASE_CONTAINER_OF_H
#define SERVER_BASE_CONTAINER_OF_H

#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
