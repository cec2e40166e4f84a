// SPDX-License-Identifier: GPL-2.0-only
/* L0's own events: what KVM's memslots and MMU notifiers make of the event memory while L2 uses it. */
#include "host/events.h"
#include "host/break.h"
#include "host/memory.h"
#include "host/preempt.h"
#include "host/seats.h"
#include "host/value.h"
#include "host/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define OTHERS 16 /* pages that take the one that goes */

static void put(uint8_t *memory, uint64_t offset, uint64_t value)
{
	memcpy(memory + offset, &value, sizeof(value));
}

/* Whether the dirty log has the page, and begin anew: KVM write-protects what it reports. */
static bool read_dirty(struct vm *vm, uint64_t offset, uint64_t *answer)
{
	static uint64_t bits[EVENT_SIZE / 4096 / 64]; /* one for each page of L0 */
	struct kvm_dirty_log log = { .slot = EVENT_SLOT, .dirty_bitmap = bits };
	uint64_t page = offset / (uint64_t)getpagesize();

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log)) {
		vm_break(vm, "KVM_GET_DIRTY_LOG: %s", strerror(errno));
		return false;
	}
	*answer = 1 + (bits[page / 64] >> page % 64 & 1);
	return true;
}

/* A slot of the same address can change its memory or become read-only by being made anew only. */
static bool slot(struct vm *vm, uint8_t *memory, uint32_t flags)
{
	if (vm->event_present && !vm_slot(vm, EVENT_SLOT, EVENT_PA, 0, NULL, 0))
		return false;
	vm->event_present = memory;
	return !memory || vm_slot(vm, EVENT_SLOT, EVENT_PA, EVENT_SIZE, memory, flags);
}

bool event_mmio(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr, value = is_device_pa(at) ? device_value(at) : event_new(at - EVENT_PA);

	if (run->exit_reason != KVM_EXIT_MMIO || (!is_device_pa(at) && at - EVENT_PA >= EVENT_SIZE))
		return false;
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &value, sizeof(value));
	return true;
}

static uint64_t changed(const struct vm *vm, uint64_t offset)
{
	static uint64_t last;
	uint64_t before = last;

	memcpy(&last, vm->event[0] + offset, sizeof(last));
	return last == before ? 1 : 2;
}

static bool online(struct vm *vm)
{
	if (!vm->config.late || vm->online) {
		vm_break(vm, "no vCPU is left to come online");
		return false;
	}
	vm->online = true;
	for (unsigned i = 0; i < vm->config.spare; i++)
		if (!vcpu_online(vm, vm->config.cpus + i))
			return false;
	return true;
}

/*
 * The kernel gives first what it got last, so others take the page that goes. It is no mapping of its own: at the making of one,
 * in the midst of another, MMU notifiers are for 2 MiB.
 */
static bool replace(struct vm *vm, uint64_t offset)
{
	size_t size = (size_t)getpagesize(), more = OTHERS * size;
	uint8_t *at = vm->event[0] + offset / size * size;
	uint8_t *others = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool done = others != MAP_FAILED && !madvise(at, size, MADV_DONTNEED);

	if (done) {
		memset(others, 1, more);
		put(vm->event[0], offset, event_new(offset));
	}
	if (others != MAP_FAILED)
		munmap(others, more);
	return done || vm_fails(vm, "MADV_DONTNEED of a page");
}

static bool other_vm(struct vm *vm, enum other_vm what)
{
	if (vm->other_vm)
		return vm->other_vm(vm, what);
	vm_break(vm, "no other VM can be made here");
	return false;
}

bool event_drop(struct vm *vm)
{
	size_t size = (size_t)getpagesize();

	put(vm->event[1], 0, 0); /* there is something to drop */
	return !madvise(vm->event[1], size, MADV_DONTNEED) || vm_fails(vm, "MADV_DONTNEED of another VM's page");
}

bool event_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer)
{
	switch (action) {
	case EVENT_SET_UP:
		put(vm->event[0], offset, event_old(offset));
		put(vm->event[1], offset, event_new(offset));
		return slot(vm, vm->event[0], 0);
	case EVENT_REPLACE:
		return replace(vm, offset);
	case EVENT_DONTNEED:
		if (madvise(vm->event[0], EVENT_SIZE, MADV_DONTNEED)) {
			vm_break(vm, "MADV_DONTNEED: %s", strerror(errno));
			return false;
		}
		put(vm->event[0], offset, event_new(offset));
		return true;
	case EVENT_MOVE:
		return slot(vm, vm->event[1], 0);
	case EVENT_DELETE:
		return slot(vm, NULL, 0);
	case EVENT_READ_ONLY:
		return slot(vm, vm->event[0], KVM_MEM_READONLY);
	case EVENT_DIRTY_ON: /* flags alone may change in place */
		return vm_slot(vm, EVENT_SLOT, EVENT_PA, EVENT_SIZE, vm->event[0], KVM_MEM_LOG_DIRTY_PAGES) &&
		       read_dirty(vm, offset, answer);
	case EVENT_DIRTY_READ:
		return read_dirty(vm, offset, answer);
	case EVENT_ONLINE:
		return online(vm);
	case EVENT_KICK:
		for (unsigned i = 1; i < vm->config.cpus; i++)
			pthread_kill(vm->vcpu[i].thread, SIGUSR1);
		return true;
	case EVENT_OTHER_VM:
		return other_vm(vm, OTHER_VM_COMES_AND_GOES);
	case EVENT_OTHER_VM_BEGINS:
		return other_vm(vm, OTHER_VM_BEGINS);
	case EVENT_OTHER_VM_ENDS:
		return other_vm(vm, OTHER_VM_ENDS);
	case EVENT_PREEMPT:
		return preempt_start(vm);
	case EVENT_HOP:
		return seats_start(vm, SEATS_HOP);
	case EVENT_SHARE:
		return seats_start(vm, SEATS_SHARE);
	case EVENT_CHANGED:
		*answer = changed(vm, offset);
		return true;
	default:
		vm_break(vm, "the payload asks for action %lu", action);
		return false;
	}
}
