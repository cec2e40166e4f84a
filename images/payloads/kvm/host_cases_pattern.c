// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that writes all the time and knows what it wrote, for whoever changes something below: L0 that migrates this
 * VMM's own machine, or takes, merges, moves and gives back its memory. Page p repeats page p % (pages / 2), so that
 * while the guest rests the two are equal and can be merged; the next round writes one of them first.
 *
 * Two judges: the guest, which finds its last round's words, and this program, which compares every byte of the region
 * with what the guest says that it wrote, by its own mapping.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

#define PASSES 32 /* between two checks */
#define TELL_MAX 8
#define SMALL 4096 /* what nvh-pages counts in */
#define PRESENT (1ull << 63) /* of a word of /proc/PID/pagemap */
#define FRAME (~0ull >> 9) /* its bits 54 to 0 */

/* The word of `memory` that must be there; `round` by vCPU. */
static uint64_t wanted(const struct vm *vm, size_t page, unsigned word, const uint64_t *round)
{
	size_t name = page % vm->control->period;
	unsigned at = word - PATTERN_OFFSET / 8, vcpu = at % VCPUS_MAX, k = at / VCPUS_MAX;

	if (word == 0 || word == LAST_WORD / 8)
		return vm->control->expect[page];
	if (word < PATTERN_OFFSET / 8 || k >= PATTERN_WORDS || vcpu >= vm->vcpus)
		return 0;
	return pattern_of(name, vcpu, k, round[vcpu]);
}

/* How many words of the region are wrong, while every vCPU rests. */
static uint64_t wrong(const struct vm *vm, const uint8_t *memory, unsigned *told)
{
	uint64_t round[VCPUS_MAX], n = 0;

	for (unsigned v = 0; v < vm->vcpus; v++)
		round[v] = __atomic_load_n(&vm->control->report[v].round, __ATOMIC_ACQUIRE);
	for (size_t p = 0; p < vm->pages; p++) {
		const volatile uint64_t *words = (const volatile uint64_t *)(memory + p * page_size);

		for (unsigned w = 0; w < page_size / 8; w++) {
			uint64_t value = words[w], right = wanted(vm, p, w, round);

			if (value == right)
				continue;
			n++;
			if ((*told)++ < TELL_MAX)
				fprintf(stderr, "nvh-kvm: page=%zu word=%u value=0x%lx expected=0x%lx\n", p, w, value, right);
		}
	}
	return n;
}

/* Where the region is in this machine's physical memory, as PA+PAGES[,...] in pages of 4K, for nvh-pages at the level below. */
static void tell_place(const uint8_t *memory, size_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t begin = 0, n = 0, entry;

	printf("pa=");
	for (size_t p = 0; fd >= 0 && p <= pages; p++) {
		off_t at = (off_t)(((uintptr_t)memory / page_size + p) * sizeof(entry));

		if (p == pages || pread(fd, &entry, sizeof(entry), at) != (ssize_t)sizeof(entry) || !(entry & PRESENT))
			entry = 0;
		entry &= FRAME;
		if (n && entry == begin + n) {
			n++;
			continue;
		}
		if (n)
			printf("0x%lx+%lu%s", begin * page_size, n * (page_size / SMALL), entry ? "," : "");
		begin = entry;
		n = entry != 0;
	}
	putchar('\n');
	fflush(stdout);
	if (fd >= 0)
		close(fd);
}

/* The guest only reads while the region gets its first content. */
static bool begin(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r)
{
	struct control *c = vm->control;

	epoch_open(vm);
	cover(vm, 0, 1, false);
	for (size_t p = 0; p < vm->pages; p++)
		expect_page(vm, p, c->expect[p]);
	epoch_judge(vm);
	if (!epoch_wait(vm, 1, o, r))
		return false;
	epoch_open(vm);
	c->period = vm->pages / 2;
	c->readers = o->readers;
	for (size_t p = 0; p < vm->pages; p++) {
		uint64_t value = value_of(c->epoch + 1, p % c->period);
		uint8_t *page = memory + p * page_size;
		volatile uint64_t *words = (volatile uint64_t *)(page + PATTERN_OFFSET);

		memset(page, 0, page_size);
		*(volatile uint64_t *)page = value;
		*(volatile uint64_t *)(page + LAST_WORD) = value;
		for (unsigned v = 0; v < vm->vcpus; v++)
			for (unsigned k = 0; k < PATTERN_WORDS; k++)
				words[VCPUS_MAX * k + v] = pattern_of(p % c->period, v, k, 0);
		expect_page(vm, p, value);
	}
	__atomic_store_n(&c->rest, PASSES, __ATOMIC_RELAXED);
	__atomic_store_n(&c->write, WRITE_PATTERN, __ATOMIC_RELEASE);
	return true;
}

/* One word of the last page falls back by a round, as if L2's write to it had been lost. */
static void lose(struct vm *vm, uint8_t *memory)
{
	uint64_t round = vm->control->report[0].round;
	size_t page = vm->pages - 1;

	*(volatile uint64_t *)(memory + page * page_size + PATTERN_OFFSET) =
		pattern_of(page % vm->control->period, 0, 0, round - 1);
}

static bool once(struct vm *vm, uint8_t *memory, const struct options *o, struct result *r, unsigned *told)
{
	uint64_t accesses = r->accesses;

	epoch_open(vm);
	for (size_t p = 0; p < vm->pages; p++)
		expect_page(vm, p, vm->control->expect[p]);
	epoch_judge(vm);
	if (!epoch_wait(vm, PASSES, o, r))
		return false;
	r->control += r->accesses - accesses;
	if (o->self_test)
		lose(vm, memory);
	r->lost += wrong(vm, memory, told);
	if (o->rest_ms) {
		usleep(o->rest_ms * 1000);
		r->lost += wrong(vm, memory, told);
	}
	return true;
}

bool case_pattern(const struct options *o, struct result *r)
{
	uint8_t *memory = region_map(o->pages);
	unsigned told = 0;
	uint64_t rounds = 0;
	bool ok;
	struct vm vm;

	if (!memory)
		return fail(r, "no memory");
	madvise(memory, o->pages * page_size, MADV_HUGEPAGE);
	ok = case_begin(&vm, memory, o, r) && begin(&vm, memory, o, r);
	if (ok)
		tell_place(memory, o->pages);
	while (ok && case_goes_on(o, r)) {
		ok = once(&vm, memory, o, r, &told);
		r->iterations++;
	}
	for (unsigned v = 0; ok && v < vm.vcpus; v++) {
		const struct report *report = &vm.control->report[v];

		rounds += report->round;
		r->lost += report->lost;
		if (report->lost)
			fprintf(stderr, "nvh-kvm: vcpu=%u round=%lu: page=%lu held 0x%lx\n", v, report->round, report->lost_page,
				report->lost_value);
	}
	snprintf(r->extra, sizeof(r->extra), " rounds=%lu", rounds);
	case_end(&vm, r);
	region_unmap(memory, o->pages);
	return ok;
}
