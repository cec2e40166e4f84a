// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a word of each of so many pages at vEL2, whose regime has another VMID for L0 than any of L2's contexts: entries of
 * the TLB that a case's own have to live with. They begin at another page each time, so that over the attempts and
 * cases a victim comes to lie in other sets and ways. The pages are none that a case maps. Each PE has its own at a time:
 * where two touch the same new page together, L0's faults for it wait for each other, and under icount a CPU that spins does so
 * for the rest of its turn (some 10 ms of the machine's time), after which both go on to the next page together.
 *
 * QEMU's TLB has no ways but a size, which doubles where a flush finds it more than 70 % full (accel/tcg/cputlb.c,
 * tlb_mmu_resize_locked()); while it is small, a range operation forgets all of it. Hence several rounds before a program,
 * each with an exit to L0, which flushes.
 */
#include "guest/pressure.h"
#include "guest/wait.h"

#define STEP 97 /* prime to PRESSURE_PAGES, a power of two */
#define ROUNDS 4
_Static_assert(!(PRESSURE_PAGES & (PRESSURE_PAGES - 1)), "PRESSURE_PAGES");

void pressure(struct pe *cpu)
{
	static uint64_t first[PES_MAX];
	uint64_t page = first[cpu->index] + cpu->index * (PRESSURE_PAGES / PES_MAX);

	if (!shared->pressure)
		return;
	for (uint64_t i = 0; i < shared->pressure; i++, page++)
		(void)*(volatile uint64_t *)(PRESSURE_PA + page % PRESSURE_PAGES * 0x1000);
	first[cpu->index] += STEP;
	if (!cpu->index)
		shared->pressed += shared->pressure;
}

/* One PE after the other: their faults for pages of their own still wait for one lock of L0. */
void pressure_begin(struct pe *cpu)
{
	static uint64_t done[PES_MAX];
	uint64_t number = __atomic_load_n(&shared->number, __ATOMIC_ACQUIRE);

	if (!shared->pressure)
		return;
	for (unsigned n = 0; cpu->index && n < PATIENCE; n++) {
		if (__atomic_load_n(&done[cpu->index - 1], __ATOMIC_ACQUIRE) == number)
			break;
		give_way(n);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		pressure(cpu);
		landmark();
	}
	__atomic_store_n(&done[cpu->index], number, __ATOMIC_RELEASE);
}
