// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0 changes a part of a huge page under an L2 that uses all of it through a block at both stages: the block has to
 * be split, or dropped, and what is left must be what L0's memory is. A page, its neighbour and the last page of the
 * huge page are looked at. l0-huge-remote-*: meanwhile another vCPU stays inside L2 and reads the changed page.
 */
#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK (2ull << 20) /* of L0 with 4K pages */
#define PAGE 4096u
#define WRITTEN 0x77
#define CHANGED 5  /* the page that L0 changes */
#define LAST (BLOCK / PAGE - 1)
#define VICTIM 1

static const unsigned pages[] = { CHANGED, CHANGED + 1, LAST };
#define PAGES (sizeof(pages) / sizeof(*pages))

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
	return vmm_huge_kib(vm->event[0], BLOCK) >= (long)(BLOCK >> 10);
}

/* Only the block's mapping may be huge, so that smaps tells about it alone. */
static bool set_up(struct vm *vm, uint64_t *answer)
{
	vm->refused = 0;
	if (mprotect(vm->event[0], EVENT_SIZE, PROT_READ | PROT_WRITE) ||
	    madvise(vm->event[0], EVENT_SIZE, MADV_DONTNEED) || madvise(vm->event[0], EVENT_SIZE, MADV_NOHUGEPAGE) ||
	    madvise(vm->event[0], BLOCK, MADV_HUGEPAGE))
		return vm_fails(vm, "madvise of the huge page");
	for (unsigned i = 0; i < PAGES; i++)
		put(vm, pages[i] * PAGE, event_old(pages[i] * PAGE));
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
		if (madvise(at, PAGE, MADV_DONTNEED))
			return vm_fails(vm, "MADV_DONTNEED");
		put(vm, offset, event_new(offset));
		return true;
	case HUGE_PROTECT:
		vm->refused = 0;
		return !mprotect(at, PAGE, PROT_READ) || vm_fails(vm, "mprotect");
	case HUGE_REFUSED: /* how often KVM_RUN refused an access since then */
		*answer = vm->refused;
		return true;
	case HUGE_COLLAPSE:
		if (mprotect(vm->event[0], BLOCK, PROT_READ | PROT_WRITE) || !vmm_collapse(vm->event[0], BLOCK))
			return vm_fails(vm, "MADV_COLLAPSE");
		put(vm, offset, WRITTEN);
		*answer = is_huge(vm) ? 1 : 2;
		return true;
	case HUGE_FORK:
		return fork_and_hold(vm, offset);
	case HUGE_CHILD:
		return ask_child(vm, answer);
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

static void ask(struct litmus *l, enum huge_action action, uint64_t offset)
{
	struct step *s = add(l, 0, STEP_HOST);

	s->a = action;
	s->b = offset;
}

static void expect_answer(struct litmus *l, enum huge_action action, uint64_t offset, enum role role, uint64_t answer)
{
	struct probe *p;

	ask(l, action, offset);
	p = add_probe(l, 0, l->steps[0] - 1, role);
	p->at = EVENT_PA + offset;
	p->old = p->now = answer;
}

static void write_to(struct litmus *l, uint64_t ipa, uint64_t value)
{
	add_access(l, 0, ACCESS_WRITE, ipa, false, ROLE_DONE, 0, 0);
	l->vm->shared->program[0].step[l->steps[0] - 1].b = value;
}

/* What L2 reads of all the pages: `value` of the changed one, and the others as they were. */
static void look(struct litmus *l, uint64_t ipa, enum role role, uint64_t value)
{
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t offset = pages[i] * PAGE, want = i ? event_old(offset) : value;

		add_access(l, 0, ACCESS_READ, ipa + offset, false, role, want, want);
		if (!i && l->config.cpus > VICTIM)
			add_sample(l, VICTIM, ipa + offset, role, want, want);
	}
}

enum { DONTNEED, PROTECT, DIRTY, COLLAPSE, FORK, EVENTS };
static const char *const event_words[] = { "dontneed", "mprotect", "dirty-log", "collapse", "fork" };

static void split(struct litmus *l, uint64_t ipa, uint64_t offset, bool skip)
{
	switch (l->variant) {
	case DONTNEED:
	case COLLAPSE:
		if (!skip || l->variant == COLLAPSE)
			ask(l, HUGE_DONTNEED, offset);
		look(l, ipa, ROLE_AFTER, event_new(offset));
		if (l->variant == DONTNEED)
			break;
		if (!skip)
			expect_answer(l, HUGE_COLLAPSE, offset, ROLE_BEFORE, 1);
		look(l, ipa, ROLE_AFTER, WRITTEN);
		break;
	case PROTECT: /* L2 may write the neighbour as before, and the page itself only once it is writable again */
		write_to(l, ipa + offset, event_old(offset));
		if (!skip)
			ask(l, HUGE_PROTECT, offset);
		look(l, ipa, ROLE_AFTER, event_old(offset));
		write_to(l, ipa + offset + PAGE, event_old(offset + PAGE));
		expect_answer(l, HUGE_REFUSED, offset, ROLE_DONE, 0);
		write_to(l, ipa + offset, WRITTEN);
		expect_answer(l, HUGE_REFUSED, offset, ROLE_AFTER, 1);
		expect_answer(l, HUGE_READ, offset, ROLE_AFTER, WRITTEN);
		break;
	case DIRTY: /* 1: not dirty, 2: dirty; a block that is left writable hides the second page's writes */
		write_to(l, ipa + offset, WRITTEN);
		write_to(l, ipa + offset + PAGE, event_old(offset + PAGE));
		add_event(l, EVENT_DIRTY_ON, offset);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t of = offset + i % 2 * PAGE;

			if (!skip)
				write_to(l, ipa + of, i % 2 ? event_old(of) : WRITTEN);
			expect_event(l, EVENT_DIRTY_READ, of, 2);
		}
		look(l, ipa, ROLE_AFTER, WRITTEN);
		break;
	case FORK: /* what L2 writes is L1's alone; the child keeps what was there */
		write_to(l, ipa + offset, event_old(offset));
		if (skip)
			write_to(l, ipa + offset, WRITTEN); /* too early */
		ask(l, HUGE_FORK, offset);
		look(l, ipa, ROLE_AFTER, skip ? WRITTEN : event_old(offset));
		write_to(l, ipa + offset, WRITTEN);
		look(l, ipa, ROLE_AFTER, WRITTEN);
		expect_answer(l, HUGE_CHILD, offset, ROLE_AFTER, event_old(offset));
		expect_answer(l, HUGE_READ, offset, ROLE_AFTER, WRITTEN);
		break;
	}
}

static void build_huge(struct litmus *l)
{
	uint64_t ipa = fresh_ipa(l->shift, 2, 1), offset = CHANGED * PAGE;

	add_event(l, EVENT_SET_UP, offset);
	expect_answer(l, HUGE_SET_UP, offset, ROLE_BEFORE, 1);
	add_context(l, 0, VMID, 0, false, true);
	add_write(l, STEP_S2, 0, ipa, leaf_s2(EVENT_PA, 2, PTE_S2_R | PTE_S2_W), 2);
	if (l->config.cpus > VICTIM)
		add_spin(l, VICTIM, 0, ipa + offset, SPIN_L2);
	look(l, ipa, ROLE_BEFORE, event_old(offset));
	split(l, ipa, offset, l->vm->shared->skip);
	if (l->config.cpus > VICTIM)
		add_stop(l, VICTIM);
	add_cleanup(l, 0, ipa, 2, 1);
}

void cases_huge(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1 },
			    .build = build_huge,
			    .regime = "el1&0-stage2",
			    .shift = 12,
			    .level = 2,
			    .small_pages = true,
			    .slow = true };

	for (l.config.cpus = 1; l.config.cpus <= 2; l.config.cpus++)
		for (l.variant = 0; l.variant < EVENTS; l.variant++)
			list_add(list, &l, "l0-huge-%s%s", l.config.cpus > VICTIM ? "remote-" : "",
				 event_words[l.variant]);
}
