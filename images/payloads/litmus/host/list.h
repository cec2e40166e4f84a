/* SPDX-License-Identifier: GPL-2.0-only */
/* The case list. */
#ifndef NVH_LITMUS_HOST_LIST_H
#define NVH_LITMUS_HOST_LIST_H

#include "host/case.h"

struct list {
	struct litmus *cases;
	size_t count, room;
};
struct litmus *list_add(struct list *list, const struct litmus *l, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
