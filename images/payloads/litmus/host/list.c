// SPDX-License-Identifier: GPL-2.0-only
/* The case list, which the families fill. */
#include "host/list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct litmus *list_add(struct list *list, const struct litmus *l, const char *format, ...)
{
	struct litmus *slot;
	va_list args;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 1024;
		list->cases = realloc(list->cases, list->room * sizeof(*list->cases));
		if (!list->cases)
			abort();
	}
	slot = &list->cases[list->count++];
	*slot = *l;
	slot->number = (unsigned)list->count;
	va_start(args, format);
	vsnprintf(slot->name, sizeof(slot->name), format, args);
	va_end(args);
	return slot;
}
