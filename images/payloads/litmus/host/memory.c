// SPDX-License-Identifier: GPL-2.0-only
/* The memory of a VM on /dev/kvm: the payload, what it maps for L2, and what L0 does its events to. */
#include "host/memory.h"
#include "host/break.h"
#include "vmm.h"

#include <string.h>
#include <sys/mman.h>

extern const uint8_t litmus_image[], litmus_image_end[];

bool vm_slot(struct vm *vm, unsigned slot, uint64_t pa, uint64_t size, void *memory, uint32_t flags)
{
	return vmm_slot(vm->fd, slot, pa, size, memory, flags) || vm_fails(vm, "KVM_SET_USER_MEMORY_REGION");
}

#define FIRST_FAR_SLOT 3

static bool far_slots(struct vm *vm)
{
	uint8_t *data = vm->data + (FAR_MEMORY_PA - DATA_PA);

	for (unsigned bit = PHYSICAL_BITS, slot = FIRST_FAR_SLOT; bit < vm->ipa_bits; bit++, slot += 2)
		if (!vm_slot(vm, slot, FAR_MEMORY(bit), FAR_SIZE, data, 0) ||
		    !vm_slot(vm, slot + 1, FAR_EVENT(bit), FAR_SIZE, vm->event[0], 0))
			return false;
	return true;
}

bool memory_create(struct vm *vm)
{
	vm->low = vmm_memory(LOW_SIZE);
	vm->data = vmm_memory(DATA_SIZE);
	vm->event[0] = vmm_memory(EVENT_SIZE);
	vm->event[1] = vmm_memory(EVENT_SIZE);
	if (!vm->low || !vm->data || !vm->event[0] || !vm->event[1])
		return vm_fails(vm, "mmap of the guest's memory");
	if (vm->config.huge)
		madvise(vm->data, DATA_SIZE, MADV_HUGEPAGE);
	else
		madvise(vm->data, DATA_SIZE, MADV_NOHUGEPAGE);
	/* A child of fork() needs the first event memory only (families/huge.c). */
	madvise(vm->low, LOW_SIZE, MADV_DONTFORK);
	madvise(vm->data, DATA_SIZE, MADV_DONTFORK);
	madvise(vm->event[1], EVENT_SIZE, MADV_DONTFORK);
	vm->event_present = true;
	/*
	 * A page that vEL2 reads first is the zero page, and its first write an MMU notifier's business, for which KVM 7.3
	 * walks every shadow context (docs/litmus.md): vEL2's own tables are among them.
	 */
	if (madvise(vm->low, SHARED_PA + SHARED_SIZE - IMAGE_PA, MADV_POPULATE_WRITE))
		return vm_fails(vm, "madvise(MADV_POPULATE_WRITE) of the guest's image");
	memcpy(vm->low, litmus_image, (size_t)(litmus_image_end - litmus_image));
	vm->shared = (struct shared *)(vm->low + (SHARED_PA - IMAGE_PA));
	vm->shared->cpus = vm->config.cpus;
	vm->shared->vel2_shift = vm->config.vel2_shift ? vm->config.vel2_shift : 12;
	return vm_slot(vm, 0, IMAGE_PA, LOW_SIZE, vm->low, 0) && vm_slot(vm, 1, DATA_PA, DATA_SIZE, vm->data, 0) &&
	       vm_slot(vm, EVENT_SLOT, EVENT_PA, EVENT_SIZE, vm->event[0], 0) && far_slots(vm);
}

void memory_destroy(struct vm *vm)
{
	if (vm->low)
		munmap(vm->low, LOW_SIZE);
	if (vm->data)
		munmap(vm->data, DATA_SIZE);
	for (unsigned i = 0; i < 2; i++)
		if (vm->event[i])
			munmap(vm->event[i], EVENT_SIZE);
}
