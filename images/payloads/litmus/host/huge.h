/* SPDX-License-Identifier: GPL-2.0-only */
/* The huge page at the beginning of the event memory, and what L0 does to a part of it. */
#ifndef NVH_LITMUS_HOST_HUGE_H
#define NVH_LITMUS_HOST_HUGE_H

#include "host/vm_state.h"

enum huge_action {
	HUGE_SET_UP = 300, /* 1: there is one, with the old values */
	HUGE_DONTNEED, /* one page of it, with the new value afterwards */
	HUGE_PROTECT,  /* one page of it read-only */
	HUGE_REFUSED,  /* accesses that KVM_RUN has refused since */
	HUGE_COLLAPSE, /* 1: it is one again */
	HUGE_FORK,
	HUGE_CHILD, /* what the child still sees */
	HUGE_READ,
	HUGE_DATA, /* 1: the first of the data's memory is one */
};

#define HUGE_BLOCK (2ull << 20) /* of L0 with 4K pages */
#define HUGE_PAGE 4096u
#define HUGE_WRITTEN 0x77 /* what HUGE_COLLAPSE leaves in the page */

bool huge_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer);
/* KVM_RUN ended with EFAULT: permit what was forbidden and go on. */
bool huge_refused(struct vm *vm);

#endif
