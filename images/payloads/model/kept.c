// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what a model may keep beside the place of a page's translation. A page that was displaced by another
 * one, whose number differs in one bit; code that was executed; each of two large leaves. Every operation of stage 1 has to
 * take them, with TBI and without.
 */
#include "model.h"

#define TARGET 0x5aa456780000ull
#define VMID 7
#define ASID 9
#define ONE_ACCESS 0x3456780000ull /* an IPA */
#define PRESSURE 6000 /* pages: see ranges.c */

static unsigned turn;

static bool is_of_stage1(const struct operation *op)
{
	return is_implemented(op) && !is_of_el2(op) && op->operand != IPA && op->operand != IPA_RANGE;
}

static void run(const struct operation *op, uint64_t va)
{
	space_load(); /* on this PE, too: TCR_EL1.TBI of another one is a question of its own (tags.c) */
	execute(op,
		op->operand == VA_RANGE ? range_for(op, 12, false, va, 0, 0, ASID) : operand_for(op, 12, va, ASID, 0));
}

/* A range empties all of a small TLB of QEMU's, so that a TLB has to have grown before: ``pressed``. */
static void displaced(const struct operation *op, unsigned bit, enum access access, bool pressed)
{
	bool high = turn % 2, el0 = !pressed && turn / 2 % 2, tbi = turn / 3 % 2;
	unsigned pe = op->scope != LOCAL && turn / 5 % 2;
	uint64_t va = TARGET | (high ? HIGH : 0), attributes = PTE_AF | PTE_S1_NG | (el0 ? PTE_S1_EL0 : 0), *descriptor;
	uint64_t used = va ^ (tbi && access == READ ? 0x5a * BIT(56) : 0);

	turn++;
	space.tcr = (space.tcr & ~(TCR_TBI0 | TCR_TBI1)) | (tbi ? TCR_TBI0 | TCR_TBI1 : 0);
	descriptor = map_s1(va, 3, ipa_of(page_a), attributes);
	map_s1(va ^ BIT(bit), 3, ipa_of(page_b), attributes);
	if (pressed)
		sweep(pe, PRESSURE);
	run(op, va); /* the instruction is written before the page is used */
	forget();
	CHECK_VALUE(touch(pe, el0, access, used), A_VALUE, "D8.2, the walk", "before %s: %s of a page", op->name,
		    access_names[access]);
	CHECK_VALUE(touch(pe, el0, access, used ^ BIT(bit)), B_VALUE, "D8.2, the walk",
		    "before %s: %s of a page whose address differs in bit %d", op->name, access_names[access],
		    (uint64_t)bit);
	set(descriptor, 0);
	run(op, va);
	set(descriptor, leaf(&space.s1, 3, ipa_of(page_b), attributes));
	CHECK_VALUE(touch(pe, el0, access, used), B_VALUE, "C5.5",
		    "%s after a page whose address differs in bit %d was used, %s at EL%d of PE %d, %s half, TBI %d",
		    op->name, (uint64_t)bit, access_names[access], (uint64_t)!el0, (uint64_t)pe,
		    high ? "upper" : "lower", (uint64_t)tbi);
}

/* Two blocks of 2 MB that differ in one bit of their address: the operation names another page of the one that is then used. */
static void two_large(const struct operation *op, unsigned bit, bool second)
{
	const uint64_t output = BOARD_RAM + 0x2000000, offset = 0x40;
	bool high = turn % 2;
	unsigned pe = op->scope != LOCAL && turn / 2 % 2;
	uint64_t va[2] = { (TARGET & ~0x1fffffull) | (high ? HIGH : 0) }, *descriptors[2];
	struct answer a;

	turn++;
	va[1] = va[0] ^ BIT(bit);
	*(volatile uint64_t *)(output + offset) = A_VALUE;
	for (unsigned i = 0; i < 2; i++)
		descriptors[i] = map_s1(va[i], 2, output, PTE_AF | PTE_S1_NG);
	forget();
	for (unsigned i = 0; i < 2; i++)
		CHECK_VALUE(touch(pe, false, READ, va[i] + offset), A_VALUE, "D8.2, the walk",
			    "before %s: blocks that differ in bit %d", op->name, (uint64_t)bit);
	set(descriptors[second], 0);
	run(op, va[second] + 0x1fd000);
	a = touch(pe, false, READ, va[second] + offset);
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(READ, true) | TRANSLATION | 2, "C5.5",
		  "%s for another page of the %s of two blocks that differ in bit %d, PE %d, %s half", op->name,
		  second ? "last" : "first", (uint64_t)bit, (uint64_t)pe, high ? "upper" : "lower");
}

/* Stage 2 lets the page be executed alone, or written alone. */
static void by_one_access(const struct operation *op, enum access access)
{
	bool high = turn % 2, el0 = turn / 2 % 2;
	unsigned pe = op->scope != LOCAL && turn / 3 % 2;
	uint64_t va = TARGET | (high ? HIGH : 0), *descriptor;
	struct answer a;

	turn++;
	map_s2(ONE_ACCESS, 3, (uint64_t)page_a, PTE_AF | (access == WRITE ? PTE_S2_W : 0));
	descriptor = map_s1(va, 3, ONE_ACCESS,
			    PTE_AF | PTE_S1_NG | (el0 ? PTE_S1_EL0 : 0) |
				    (access == EXECUTE ? PTE_S1_RO : PTE_S1_UXN | PTE_S1_PXN));
	run(op, va);
	forget();
	expect(DONE, touch(pe, el0, access, va).came, "exception taken", "D8.2, the walk",
	       "before %s: %s of a page that allows nothing else", op->name, access_names[access]);
	set(descriptor, 0);
	run(op, va);
	a = touch(pe, el0, access, va);
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(access, !el0) | TRANSLATION | 3, "C5.5",
		  "%s of a page that allows nothing but to %s, EL%d of PE %d, %s half", op->name, access_names[access],
		  (uint64_t)!el0, (uint64_t)pe, high ? "upper" : "lower");
}

/* A page of a device that a page of memory displaces, and comes back for. */
static void device(unsigned bit)
{
	bool high = turn % 2, el0 = turn / 2 % 2;
	uint64_t va = TARGET | (high ? HIGH : 0), attributes = PTE_AF | PTE_S1_NG | (el0 ? PTE_S1_EL0 : 0);
	const uint64_t typer = 8; /* GICR_TYPER, which EL2 reads by its address */

	turn++;
	space_new(12, VMID, ASID, true, true, false);
	set(descriptor_s2(ONE_ACCESS, 3), leaf(&space.s2, 3, BOARD_GICR, PTE_AF | S2_RW) & ~PTE_S2_MEMATTR);
	map_s1(va, 3, ONE_ACCESS, attributes);
	map_s1(va ^ BIT(bit), 3, ipa_of(page_b), attributes);
	forget();
	for (unsigned n = 0; n < 3; n++) {
		CHECK_VALUE(touch(0, el0, READ, va + typer), *(volatile uint64_t *)(BOARD_GICR + typer), "D8.2, the walk",
			    "GICR_TYPER in turn with a page whose address differs in bit %d, EL%d, %s half, turn %d",
			    (uint64_t)bit, (uint64_t)!el0, high ? "upper" : "lower", (uint64_t)n);
		CHECK_VALUE(touch(0, el0, READ, va ^ BIT(bit)), B_VALUE, "D8.2, the walk",
			    "a page in turn with GICR_TYPER, whose address differs in bit %d, EL%d, %s half, turn %d",
			    (uint64_t)bit, (uint64_t)!el0, high ? "upper" : "lower", (uint64_t)n);
	}
}

void check_kept(void)
{
	static const unsigned bits[] = { 20, 24, 27 }, large[] = { 21, 26, 33, 45 };

	if (!features.granule[0]) {
		skip("kept", "no 4 KB granule");
		return;
	}
	group("kept");
	for (unsigned i = 0; i < operation_count; i++) {
		const struct operation *op = &operations[i];

		if (!is_of_stage1(op))
			continue;
		space_new(12, VMID, ASID, true, true, false);
		for (unsigned n = 0; n < LENGTH(bits); n++)
			for (unsigned execute = 0; execute < 2; execute++)
				displaced(op, bits[n], execute ? EXECUTE : READ, false);
		if (op->operand == VA_RANGE)
			for (unsigned execute = 0; execute < 2; execute++)
				displaced(op, 27, execute ? EXECUTE : READ, true);
		for (unsigned n = 0; n < LENGTH(large); n++)
			for (unsigned second = 0; second < 2; second++)
				two_large(op, large[n], second);
		by_one_access(op, WRITE);
		by_one_access(op, EXECUTE);
	}
	pages_fill();
	for (unsigned n = 0; BOARD_GICR && n < 4 * LENGTH(bits); n++)
		device(bits[n / 4]);
	group_end();
}
