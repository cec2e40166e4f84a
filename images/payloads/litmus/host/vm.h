/* SPDX-License-Identifier: GPL-2.0-only */
/* How a VM begins and ends. A false leaves its reason in vm->broken. */
#ifndef NVH_LITMUS_HOST_VM_H
#define NVH_LITMUS_HOST_VM_H

#include "host/vm_state.h"

bool vm_create(struct vm *vm, const struct config *config);
void vm_destroy(struct vm *vm);
/* It runs no more; the end of this process ends it. */
void vm_leave(struct vm *vm);
/* Its work is done. With `leave` nobody waits until its memory is free (host/leave.h). */
static inline void vm_end(struct vm *vm, bool leave)
{
	if (leave)
		vm_leave(vm);
	else
		vm_destroy(vm);
}

/* why="…": which level each vCPU was at, and where, after a hang. Only vm_destroy() may follow. */
void vm_where(struct vm *vm, char *out, size_t size);

#endif
