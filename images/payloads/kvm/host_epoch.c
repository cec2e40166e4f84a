// SPDX-License-Identifier: GPL-2.0-only
/* Expectations and epochs; the memory-model argument is in shared.h. */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TELL_MAX 8 /* bad passes described per case */
#define PAUSE_MIN_S 0.0003
#define PAUSE_MAX_S 0.02

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void wait_a_little(double begun)
{
	double part = (seconds() - begun) / 8;

	usleep(part < PAUSE_MIN_S ? PAUSE_MIN_S * 1e6 : part > PAUSE_MAX_S ? PAUSE_MAX_S * 1e6 : part * 1e6);
}

static double case_start;
static unsigned told;

bool fail(struct result *r, const char *format, ...)
{
	va_list args;

	if (!r->reason[0]) {
		va_start(args, format);
		vsnprintf(r->reason, sizeof(r->reason), format, args);
		va_end(args);
	}
	return false;
}

void expect_page(struct vm *vm, size_t page, uint64_t value)
{
	vm->control->old[page] = vm->control->expect[page];
	vm->control->expect[page] = value;
}

void expect_seed(struct vm *vm, uint64_t seed)
{
	for (size_t p = 0; p < vm->pages; p++)
		expect_page(vm, p, value_of(seed, p));
}

void cover(struct vm *vm, size_t first, size_t stride, bool write)
{
	struct control *c = vm->control;

	__atomic_store_n(&c->first, first, __ATOMIC_RELAXED);
	__atomic_store_n(&c->stride, stride, __ATOMIC_RELAXED);
	__atomic_store_n(&c->pages, vm->pages, __ATOMIC_RELAXED);
	__atomic_store_n(&c->write, write ? WRITE_STAMP : 0, __ATOMIC_RELAXED);
}

/*
 * An even epoch is open, an odd one is judged. Expectations and coverage change only in an open epoch,
 * so a pass that belongs to a judged one saw none of them half done.
 */
uint64_t epoch_open(struct vm *vm)
{
	uint64_t epoch = vm->control->epoch;

	if (epoch % 2)
		__atomic_store_n(&vm->control->epoch, ++epoch, __ATOMIC_SEQ_CST);
	/* The epoch is seen before whatever the host changes next. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return epoch;
}

uint64_t epoch_judge(struct vm *vm)
{
	uint64_t epoch = (vm->control->epoch + 1) | 1;

	__atomic_store_n(&vm->control->epoch, epoch, __ATOMIC_RELEASE);
	return epoch;
}

static bool wait_one(struct vm *vm, unsigned vcpu, unsigned passes, const struct options *o, struct result *r)
{
	const struct report *report = &vm->control->report[vcpu];
	double begun = seconds();

	while (__atomic_load_n(&report->done_epoch, __ATOMIC_ACQUIRE) != vm->control->epoch ||
	       __atomic_load_n(&report->passes, __ATOMIC_ACQUIRE) < passes) {
		if (vm->broken[0]) {
			r->broken = true;
			return fail(r, "%s", vm->broken);
		}
		if (seconds() > begun + o->timeout_s) {
			r->stalled = true;
			return fail(r, "vcpu %u finished no pass in %u s (faults=%lu mmio=%lu)", vcpu, o->timeout_s,
				    vm_faults(vm), vm_mmio(vm));
		}
		wait_a_little(begun);
	}
	return true;
}

bool epoch_wait(struct vm *vm, unsigned passes, const struct options *o, struct result *r)
{
	for (unsigned i = 0; i < vm->vcpus; i++) {
		const struct report *report = &vm->control->report[i];

		if (!wait_one(vm, i, passes, o, r))
			return false;
		r->accesses += report->accesses;
		r->stale += report->stale;
		r->other += report->other;
		if ((report->stale || report->other) && told++ < TELL_MAX)
			fprintf(stderr, "nvh-kvm: vcpu=%u epoch=%lu page=%lu value=0x%lx expected=0x%lx old=0x%lx\n", i,
				vm->control->epoch, report->bad_page, report->bad_value,
				vm->control->expect[report->bad_page], vm->control->old[report->bad_page]);
	}
	return true;
}

bool epoch_control(struct vm *vm, const struct options *o, struct result *r)
{
	uint64_t accesses = r->accesses, stale = r->stale, other = r->other;

	epoch_judge(vm);
	if (!epoch_wait(vm, 2, o, r))
		return false;
	if (r->stale != stale || r->other != other || r->accesses == accesses)
		return fail(r, "the guest did not see the region before the change");
	r->control += r->accesses - accesses;
	return true;
}

bool epoch_changed(struct vm *vm, const void *memory, const struct options *o, struct result *r)
{
	uint64_t epoch = epoch_judge(vm);

	if (!epoch_wait(vm, 2, o, r))
		return false;
	r->lost += stamps_missing(vm, memory, epoch);
	return true;
}

static uint64_t stamps(const struct vm *vm, const void *memory, bool (*count)(uint64_t, uint64_t),
		       uint64_t epoch)
{
	const struct control *c = vm->control;
	uint64_t n = 0;

	for (size_t p = c->first; p < vm->pages; p += c->stride)
		for (unsigned v = 0; v < vm->vcpus; v++) {
			const uint8_t *at = (const uint8_t *)memory + p * page_size + STAMP_OFFSET + 8 * v;

			n += count(*(const volatile uint64_t *)at, epoch);
		}
	return n;
}

static bool differs(uint64_t stamp, uint64_t epoch)
{
	return stamp != epoch;
}

static bool reaches(uint64_t stamp, uint64_t epoch)
{
	return stamp >= epoch;
}

uint64_t stamps_missing(const struct vm *vm, const void *memory, uint64_t epoch)
{
	return stamps(vm, memory, differs, epoch);
}

uint64_t stamps_present(const struct vm *vm, const void *memory, uint64_t epoch)
{
	return stamps(vm, memory, reaches, epoch);
}

void case_clock(void)
{
	case_start = seconds();
	told = 0;
}

bool case_begin(struct vm *vm, void *memory, const struct options *o, struct result *r)
{
	uint64_t seed = fresh_seed();

	case_clock();
	fill(memory, o->pages, seed);
	if (!vm_create(vm, o->vcpus, o->pages) || !vm_slot(vm, SLOT_REGION, REGION_GPA, o->pages * page_size, memory, 0) ||
	    (expect_seed(vm, seed), !vm_start(vm))) {
		r->broken = true;
		return fail(r, "%s", vm->broken);
	}
	return epoch_control(vm, o, r);
}

void case_end(struct vm *vm, struct result *r)
{
	r->faults += vm_faults(vm);
	r->mmio += vm_mmio(vm);
	vm_destroy(vm);
}

bool case_goes_on(const struct options *o, const struct result *r)
{
	if (o->until && !access(o->until, F_OK))
		return false;
	return r->iterations < o->iterations &&
	       (!r->iterations || !o->seconds || seconds() - case_start < o->seconds);
}

bool case_changes(void *memory, const struct options *o, struct result *r, change_once once, void *kept)
{
	struct vm vm;
	bool ok;

	if (!memory)
		return fail(r, "no memory");
	ok = case_begin(&vm, memory, o, r);
	while (ok && case_goes_on(o, r)) {
		ok = once(&vm, kept, o, r);
		r->iterations++;
	}
	case_end(&vm, r);
	return ok;
}
