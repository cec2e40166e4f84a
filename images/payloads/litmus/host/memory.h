/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a VM on /dev/kvm. A false leaves its reason in vm->broken. */
#ifndef NVH_LITMUS_HOST_MEMORY_H
#define NVH_LITMUS_HOST_MEMORY_H

#include "host/vm_state.h"

#define EVENT_SLOT 2 /* the memslot of EVENT_PA */

bool memory_create(struct vm *vm);
void memory_destroy(struct vm *vm);
bool vm_slot(struct vm *vm, unsigned slot, uint64_t pa, uint64_t size, void *memory, uint32_t flags);

#endif
