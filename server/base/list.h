/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doubly linked lists. A node lies in what is listed, and knows its list: so it can be asked whether
 * it is on one, and taken out without naming it. All zero is an empty list, and a node on none.
 * Not thread-safe; list_node_listed may be read by another thread that nothing changes it under.
 */
#ifndef SERVER_BASE_LIST_H
#define SERVER_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list;

struct list_node {
	struct list_node *previous, *next;
	struct list *list; /* NULL: on none */
};

struct list {
	struct list_node *first, *last;
};

static inline bool list_node_listed(const struct list_node *node)
{
	return node->list != NULL;
}

static inline void list_append(struct list *list, struct list_node *node)
{
	assert(!list_node_listed(node));
	node->list = list;
	node->next = NULL;
	node->previous = list->last;
	if (list->last)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
}

/* Take it out, if it is on a list. */
static inline void list_remove(struct list_node *node)
{
	struct list *list = node->list;

	if (!list)
		return;
	assert(list->first && list->last);
	if (node->previous)
		node->previous->next = node->next;
	else
		list->first = node->next;
	if (node->next)
		node->next->previous = node->previous;
	else
		list->last = node->previous;
	node->list = NULL;
}

#endif
