// SPDX-License-Identifier: GPL-2.0-only
/* The guest: passes over the test region for ever, and reports after each. */
#include <stdbool.h>

#include "shared.h"

void guest_main(uint64_t vcpu);
void guest_exception(uint64_t esr, uint64_t far, uint64_t elr);

/* One plain load or store, so that an abort carries a valid syndrome and KVM can emulate it as MMIO. */
static inline uint64_t load(uint64_t at)
{
	uint64_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return value;
}

static inline void store(uint64_t at, uint64_t value)
{
	__asm__ volatile("str %0, [%1]" ::"r"(value), "r"(at) : "memory");
}

static inline void doorbell(uint64_t value)
{
	store(DOORBELL_GPA, value);
}

struct tally {
	uint64_t accesses, stale, other, bad_page, bad_value;
};

static void judge(struct tally *t, const struct control *c, uint64_t page, uint64_t value)
{
	t->accesses++;
	if (value == c->expect[page])
		return;
	if (value == c->old[page])
		t->stale++;
	else
		t->other++;
	t->bad_page = page;
	t->bad_value = value;
}

/* Each word must be as this vCPU left it in its last round; then it gets that of the next. */
static void write_pattern(struct report *r, uint64_t page, uint64_t at, uint64_t name, uint64_t vcpu)
{
	at += PATTERN_OFFSET + 8 * vcpu;

	for (uint64_t k = 0; k < PATTERN_WORDS; k++, at += 8 * VCPUS_MAX) {
		uint64_t value = load(at);

		if (value != pattern_of(name, vcpu, k, r->round)) {
			r->lost++;
			r->lost_page = page;
			r->lost_value = value;
		}
		store(at, pattern_of(name, vcpu, k, r->round + 1));
	}
}

static bool only_reads(const struct control *c, uint64_t vcpu)
{
	return vcpu + c->readers >= c->vcpus;
}

/* One pass; returns the passes made in the current epoch, 0 if this one says nothing. */
static uint64_t pass(struct control *c, struct report *r, uint64_t vcpu)
{
	uint64_t epoch = __atomic_load_n(&c->epoch, __ATOMIC_ACQUIRE);
	uint64_t pages = c->pages, stride = c->stride, write = __atomic_load_n(&c->write, __ATOMIC_ACQUIRE);
	struct tally t = { 0 };

	for (uint64_t p = c->first; p < pages; p += stride) {
		uint64_t at = REGION_GPA + p * c->page_size;

		judge(&t, c, p, load(at));
		judge(&t, c, p, load(at + c->page_size - 8));
		if (write == WRITE_STAMP)
			store(at + STAMP_OFFSET + 8 * vcpu, epoch);
		else if (write == WRITE_PATTERN && !only_reads(c, vcpu))
			write_pattern(r, p, at, p % c->period, vcpu);
	}
	if (write == WRITE_PATTERN && !only_reads(c, vcpu))
		r->round++;
	/* The loads above are done, and the stamps seen, before the epoch is read again. */
	__asm__ volatile("dsb ish" ::: "memory");
	if (__atomic_load_n(&c->epoch, __ATOMIC_RELAXED) != epoch)
		return 0;
	if (r->done_epoch != epoch)
		r->passes = r->accesses = r->stale = r->other = 0;
	r->accesses += t.accesses;
	r->stale += t.stale;
	r->other += t.other;
	if (t.stale || t.other) {
		r->bad_page = t.bad_page;
		r->bad_value = t.bad_value;
	}
	/* `passes` counts for done_epoch only, and is what the host waits for: last, after the rest. */
	__atomic_store_n(&r->done_epoch, epoch, __ATOMIC_RELEASE);
	__atomic_store_n(&r->passes, r->passes + 1, __ATOMIC_RELEASE);
	return r->passes;
}

void guest_main(uint64_t vcpu)
{
	struct control *c = (struct control *)CONTROL_GPA;

	__asm__ volatile("msr tpidr_el1, %0" ::"r"(vcpu) : "memory");
	doorbell(DOORBELL_HELLO);
	for (;;) {
		uint64_t made = pass(c, &c->report[vcpu], vcpu);

		if (c->rest && made >= c->rest && !only_reads(c, vcpu))
			doorbell(DOORBELL_REST);
	}
}

void guest_exception(uint64_t esr, uint64_t far, uint64_t elr)
{
	struct control *c = (struct control *)CONTROL_GPA;
	uint64_t vcpu;
	struct report *r;

	__asm__ volatile("mrs %0, tpidr_el1" : "=r"(vcpu)::"memory");
	r = &c->report[vcpu];
	r->esr = esr;
	r->far = far;
	r->elr = elr;
	__asm__ volatile("dsb ish" ::: "memory");
	doorbell(DOORBELL_EXCEPTION);
}
