// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, two PEs, best with a thread for each: one executes an instruction again and again while the
 * other modifies it and does what the architecture asks for (DDI 0487 B2.2.5: DC CVAU, DSB, IC IVAU, DSB; the executing PE
 * an ISB). From then on it has to execute the new instruction. A model that takes turns cannot fail, and one whose caches are
 * coherent with data need not.
 *
 *     fail|modified|CASE|WHAT|REQUIRED|SEEN|RULE    as the questions tell it
 *     rounds|NUMBER                                 of the case that had the fewest
 *     done
 */
#include "modified.h"

#include "console.h"
#include "pe.h"
#include "psci.h"
#include "sysreg.h"

#include <stdbool.h>

#define NOP 0xd503201fu
#define ROUNDS 400
#define BETWEEN 100 /* looks of the executing PE at the counter, at least, before the next round */

/* The number of the round, odd while the instruction is being modified; 0: no case is under way. */
static volatile uint64_t turn;
static volatile uint64_t executed_in, executed; /* what the site said, in the last turn in which it was executed */
static volatile uint64_t executes = 2; /* which PE */
static volatile bool ended;
static uint64_t fewest = ROUNDS;

static uint64_t call(const uint32_t *at)
{
	register uint64_t x0 __asm__("x0");

	__asm__ volatile("blr %1" : "=r"(x0) : "r"(at) : "x30", "memory");
	return x0;
}

static uint32_t branch(const uint32_t *from, const uint32_t *to)
{
	return 0x14000000u | ((uint32_t)(to - from) & 0x3ffffff);
}

/* ---- the executing PE ---- */
static void execute(void)
{
	for (unsigned n = 1; n < PAGE / sizeof(*next_page) - 16; n++)
		call(next_page + n);
	while (turn) {
		uint64_t before = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);

		ISB();
		executed = call(site);
		if (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == before)
			__atomic_store_n(&executed_in, before, __ATOMIC_RELEASE);
		YIELD();
	}
}

/* ---- the modifying PE ---- */
static void word(uint32_t instruction)
{
	*(volatile uint32_t *)site = instruction;
}

/* Two words, single-copy atomic each; the second is what it was. */
static void pair(uint32_t instruction)
{
	__asm__ volatile("stp %w0, %w1, [%2]" ::"r"(instruction), "r"(*next_page), "r"(site) : "memory");
}

static const struct {
	const char *name;
	void (*write)(uint32_t instruction);
} stores[] = { { "STR", word }, { "STP across two pages", pair } };

static bool await(volatile uint64_t *place, uint64_t value, uint64_t until)
{
	while (__atomic_load_n(place, __ATOMIC_ACQUIRE) != value) {
		if (MRS(cntpct_el0) > until)
			return false;
		YIELD();
	}
	return true;
}

/* How many of the rounds found the old instruction; ten seconds at most. */
static uint64_t modify(void (*write)(uint32_t instruction))
{
	uint64_t stale = 0, rounds = 0, until = MRS(cntpct_el0) + 10 * MRS(cntfrq_el0);

	for (; rounds < ROUNDS; rounds++) {
		bool branches = rounds & 1;

		turn = 2 * rounds + 1;
		write(branches ? branch(site, says_branch) : NOP);
		SYNC_CODE(site);
		__atomic_store_n(&turn, 2 * rounds + 2, __ATOMIC_RELEASE);
		if (!await(&executed_in, 2 * rounds + 2, until))
			break;
		stale += executed != (branches ? SAYS_BRANCH : SAYS_NOP);
		for (unsigned n = 0; n < BETWEEN; n++)
			__atomic_load_n(&turn, __ATOMIC_ACQUIRE);
	}
	if (rounds < fewest)
		fewest = rounds;
	return stale;
}

static void ask(uint64_t self)
{
	for (unsigned n = 0; n < sizeof(stores) / sizeof(*stores); n++) {
		uint64_t stale;

		executed_in = 0;
		turn = 1;
		executes = !self;
		stale = modify(stores[n].write);
		executes = 2;
		turn = 0;
		if (!stale)
			continue;
		print("fail|modified|");
		print(stores[n].name);
		print(" by PE ");
		print_number(self, 10);
		print("|times that the other PE executed the old instruction|0x0|");
		print_number(stale, 16);
		print("|B2.2.5, concurrent modification and execution of instructions\n");
	}
}

void pe_main(uint64_t index)
{
	if (!index) {
		psci_start(1);
		ask(0);
		ended = true;
	}
	/* PE 1 executes first, then asks while PE 0 executes. */
	while (index && !ended) {
		if (executes == 1)
			execute();
		YIELD();
	}
	if (index) {
		ask(1);
		print("rounds|");
		print_number(fewest, 10);
		print("\ndone\n");
		psci_off();
	}
	for (;;) {
		if (executes == index)
			execute();
		YIELD();
	}
}
