// SPDX-License-Identifier: GPL-2.0-only
/* The huge page at the beginning of the event memory: L0 drops, protects, collapses and shares parts of it. */
#include "host/huge.h"
#include "host/break.h"
#include "host/value.h"
#include "vmm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int child_report = -1;

static uint64_t get(const struct vm *vm, uint64_t offset)
{
	uint64_t value;

	memcpy(&value, vm->event[0] + offset, sizeof(value));
	return value;
}

static void put(struct vm *vm, uint64_t offset, uint64_t value)
{
	memcpy(vm->event[0] + offset, &value, sizeof(value));
}

static bool is_huge(const struct vm *vm)
{
	return vmm_huge_kib(vm->event[0], HUGE_BLOCK) >= (long)(HUGE_BLOCK >> 10);
}

/* Only the block's mapping may be huge, so that smaps tells about it alone. */
static bool set_up(struct vm *vm, uint64_t *answer)
{
	vm->refused = 0;
	if (mprotect(vm->event[0], EVENT_SIZE, PROT_READ | PROT_WRITE) ||
	    madvise(vm->event[0], EVENT_SIZE, MADV_DONTNEED) || madvise(vm->event[0], EVENT_SIZE, MADV_NOHUGEPAGE) ||
	    madvise(vm->event[0], HUGE_BLOCK, MADV_HUGEPAGE))
		return vm_fails(vm, "madvise of the huge page");
	for (uint64_t offset = 0; offset < HUGE_BLOCK; offset += HUGE_PAGE)
		put(vm, offset, event_old(offset));
	*answer = is_huge(vm) ? 1 : 2;
	return true;
}

/* The child of fork() shares every page until someone writes; it says what it still sees there. */
static bool fork_and_hold(struct vm *vm, uint64_t offset)
{
	int go[2], said[2];
	char byte = 0;
	uint64_t value;
	pid_t pid;

	if (pipe(go) || pipe(said))
		return vm_fails(vm, "pipe");
	pid = fork();
	if (pid < 0)
		return vm_fails(vm, "fork");
	if (!pid) {
		alarm(60); /* its own; SIGALRM's handler is kept, so that read() ends */
		close(go[1]);
		if (read(go[0], &byte, 1) == 1) {
			value = get(vm, offset);
			(void)!write(said[1], &value, sizeof(value));
		}
		_exit(0);
	}
	close(go[0]);
	close(said[1]);
	vm->child = pid;
	vm->child_go = go[1];
	child_report = said[0];
	return true;
}

static bool ask_child(struct vm *vm, uint64_t *answer)
{
	bool done = write(vm->child_go, "", 1) == 1 && read(child_report, answer, sizeof(*answer)) == sizeof(*answer);

	close(vm->child_go);
	close(child_report);
	waitpid(vm->child, NULL, 0);
	return done || vm_fails(vm, "the child of fork()");
}

bool huge_action(struct vm *vm, uint64_t action, uint64_t offset, uint64_t *answer)
{
	uint8_t *at = vm->event[0] + offset;

	switch (action) {
	case HUGE_SET_UP:
		return set_up(vm, answer);
	case HUGE_DONTNEED:
		if (madvise(at, HUGE_PAGE, MADV_DONTNEED))
			return vm_fails(vm, "MADV_DONTNEED");
		put(vm, offset, event_new(offset));
		return true;
	case HUGE_PROTECT:
		vm->refused = 0;
		return !mprotect(at, HUGE_PAGE, PROT_READ) || vm_fails(vm, "mprotect");
	case HUGE_REFUSED: /* how often KVM_RUN refused an access since then */
		*answer = vm->refused;
		return true;
	case HUGE_COLLAPSE:
		if (mprotect(vm->event[0], HUGE_BLOCK, PROT_READ | PROT_WRITE) || !vmm_collapse(vm->event[0], HUGE_BLOCK))
			return vm_fails(vm, "MADV_COLLAPSE");
		put(vm, offset, HUGE_WRITTEN);
		*answer = is_huge(vm) ? 1 : 2;
		return true;
	case HUGE_FORK:
		return fork_and_hold(vm, offset);
	case HUGE_CHILD:
		return ask_child(vm, answer);
	case HUGE_DATA:
		*(volatile uint8_t *)vm->data = 0;
		*answer = vmm_collapse(vm->data, HUGE_BLOCK) ? 1 : 2;
		return true;
	default: /* HUGE_READ */
		*answer = get(vm, offset);
		return true;
	}
}

bool huge_refused(struct vm *vm)
{
	vm->refused++;
	return vm->refused < 100 && !mprotect(vm->event[0], EVENT_SIZE, PROT_READ | PROT_WRITE);
}
