/* SPDX-License-Identifier: GPL-2.0-only */
/* L0's own events to the event memory, which a step asks for with an offset into it. */
#ifndef NVH_LITMUS_HOST_EVENTS_H
#define NVH_LITMUS_HOST_EVENTS_H

#include "host/vm_state.h"

enum event_action {
	EVENT_SET_UP,  /* the first memory, with the old value; the second has the new one */
	EVENT_REPLACE,	/* one page gives way to another, with the new value */
	EVENT_DONTNEED,	 /* drop all of it, and write the new value */
	EVENT_MOVE,  /* the second memory in its place */
	EVENT_DELETE,  /* no memory: accesses are MMIO and read the new value */
	EVENT_READ_ONLY,
	EVENT_DIRTY_ON,	 /* log dirty pages from now on */
	EVENT_DIRTY_READ, /* 1: the page is not in the log, 2: it is; the log begins anew */
	EVENT_ONLINE,  /* the spare vCPUs of a VM with config.late come online */
	EVENT_KICK,  /* a signal for the other vCPUs: each leaves KVM_RUN and comes back */
	EVENT_OTHER_VM,	 /* another VM is made, runs an L2, and ends */
	EVENT_OTHER_VM_BEGINS, /* the first two of these: its memory at EVENT_PA is this one's second */
	EVENT_OTHER_VM_ENDS,
	EVENT_PREEMPT,	/* the other vCPUs' threads lose their CPU and get it back, for some milliseconds */
	EVENT_HOP,  /* the same threads go from one CPU of L0 to the next, for some milliseconds */
	EVENT_SHARE,  /* all of them are on one CPU of L0, and take turns on it */
	EVENT_CHANGED,	 /* 1: the memory is what it was when this was asked last, 2: it is not */
};

/* Drop memory that the other VM has, if there is one: MMU notifiers of that VM. Any vCPU's thread may. */
bool event_drop(struct vm *vm);
bool event_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer);
/*
 * L2's access to where EVENT_PA has no memory, or none to write, of which a read gives the new value of that address, or to a
 * device; false when `run` is about something else.
 */
bool event_mmio(struct kvm_run *run);

#endif
