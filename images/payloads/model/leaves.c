// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: a leaf of each size, at stage 1 (both halves) and stage 2, moves from A to B by
 * break-before-make with every operation that has to take it. The first, a middle and the last page of the leaf are
 * used; what else there is to vary (hint, PE, ASID, VMID, address bits) goes round with numbers that share no factor,
 * so that pairs of them meet.
 */
#include "model.h"

enum position { FIRST, MIDDLE, LAST };
static const char *const positions[] = { "first", "middle", "last" };
/* low, high, all bits, one-bit neighbours; cut to what the model has */
static const unsigned identifiers[] = { 1, 0x80, 0xff, 0x100, 0x101, 0x8000, 0x8001, 0x7fff, 0xffff };
static const uint64_t bases[] = { 0x000200000000, 0x123400000000, 0x5aa800000000, 0x7ffe00000000, 0x800000000000,
				  0xa55000000000, 0xfffe00000000 };
static unsigned turn;

static unsigned identifier(unsigned n, unsigned bits)
{
	return identifiers[n % LENGTH(identifiers)] & (BIT(bits) - 1);
}

/* Beside the code that each 4 KB of a page hold. */
static uint64_t at(uint64_t size, enum position position)
{
	return position == FIRST ? 0 : position == MIDDLE ? (size / 2 & ~0xfffull) + 0x40 : size - 0x1000;
}

/* Data of a block lies in RAM, so the block's output is all of the program's surroundings: what is looked at there. */
static uint8_t *spot(uint64_t output, uint64_t offset)
{
	return (uint8_t *)(output + offset);
}

struct leaf_case {
	unsigned shift, level;
	bool stage2, high;
	enum position position;
};

/*
 * Outputs: with pages A and B. With blocks the two outputs are block-sized pieces of RAM; a word in each at the offset
 * says which it is. RAM has 128 MB from its first byte on: larger blocks move to nothing instead of B.
 */
static bool fits(const struct geometry *g, unsigned level)
{
	return BIT(shift_of(g, level)) <= 0x2000000;
}

static void one(const struct leaf_case *c, const struct operation *op)
{
	const struct geometry *g = c->stage2 ? &space.s2 : &space.s1;
	unsigned pe = op->scope != LOCAL && turn % 2, asid = identifier(turn, features.asid_bits);
	unsigned vmid = identifier(turn / 2 + 3, features.vmid_bits);
	bool el0 = turn / 3 % 2, pan = !el0 && features.pan && turn / 2 % 3 == 1;
	enum access access = el0 && c->level == 3 && turn % 4 == 3 ? EXECUTE : READ;
	uint64_t base = bases[turn % LENGTH(bases)], size, input, outputs[2], *descriptor, operand, attributes, named;
	const char *how = "";
	bool small = c->level == 3, global = c->stage2 || op->family == vaae1 ? turn / 7 % 2 : 0, two, hinted;

	turn++;
	/* An nXS form need not take what is Device memory, as all is with stage 1 off. */
	space_new(c->shift, vmid, asid, !c->stage2 || op->nxs || turn % 5, true, false);
	space.pstate = pan ? SPSR_PAN : 0; /* a model may keep what was used with PAN apart */
	size = BIT(shift_of(g, c->level));
	if (c->stage2)
		base &= BIT(space.s2.size) - 1;
	if (small) /* every bit of a page's number is 0 in one of two */
		base |= turn % 2 ? 0x15555000 : 0x1eaaaa000;
	base &= ~(size - 1);
	if (c->stage2 && !space.s1_on && base < BOARD_RAM + 0x40000000)
		base = 0x100000000000ull & (BIT(space.s2.size) - 1) & ~(size - 1);
	two = fits(g, c->level);
	outputs[0] = small ? c->stage2 ? (uint64_t)page_a : ipa_of(page_a) : BOARD_RAM + (two ? 0x2000000 : 0);
	outputs[1] = small ? c->stage2 ? (uint64_t)page_b : ipa_of(page_b) : BOARD_RAM + 0x4000000;
	if (!small && size < 0x2000000)
		outputs[0] = BOARD_RAM + 0x2000000, outputs[1] = BOARD_RAM + 0x4000000;
	outputs[0] &= ~(size - 1);
	if (!small) {
		/* mind RAM's end: pages beyond it are not looked at */
		uint64_t offset = at(size, c->position) & 0x1ffffff;

		*(volatile uint64_t *)spot(outputs[0], two ? offset : 0x7000000) = A_VALUE;
		if (two)
			*(volatile uint64_t *)spot(outputs[1], offset) = B_VALUE;
	}
	input = (c->high ? HIGH | base : base) + (small ? at(size, c->position) : two ? at(size, c->position) & 0x1ffffff : 0);
	if (!small && !two)
		input = (c->high ? HIGH | base : base) + (BOARD_RAM + 0x7000000 - outputs[0]);
	/* Neither CnP nor the bits for software are part of an address. */
	if (features.cnp && turn % 7 < 3) {
		space.ttbr0 |= TTBR_CNP;
		space.ttbr1 |= TTBR_CNP;
		space.vttbr |= VTTBR_CNP;
	}
	attributes = c->stage2 ? PTE_AF | S2_RW : PTE_AF | (pan ? 0 : PTE_S1_EL0) | (global ? 0 : PTE_S1_NG);
	attributes |= turn % 5 < 2 ? PTE_SOFTWARE : 0;
	if (c->stage2)
		descriptor = map_s2(base, c->level, outputs[0], attributes);
	else
		descriptor = map_s1(c->high ? HIGH | base : base, c->level, outputs[0], attributes);
	if (c->stage2 && space.s1_on) { /* another VA than the IPA, so that neither is taken for the other */
		uint64_t va = 0x3333330000ull | HIGH;

		map_s1(va, 3, input, PTE_AF | (pan ? 0 : PTE_S1_EL0));
		input = va | (input & (BIT(c->shift) - 1));
	}
	forget();
	CHECK_VALUE(touch(pe, el0, access, input), A_VALUE, "D8.2, the walk", "before %s: stage %d leaf of level %d, %s page",
		    op->name, (uint64_t)1 + c->stage2, (uint64_t)c->level, positions[c->position]);
	set(descriptor, 0);
	named = c->high ? HIGH | base : base;
	hinted = !(turn % 3); /* a hint needs an address that fits the leaf */
	if (turn % 3 == 1)
		named += at(size, turn % 2 ? LAST : MIDDLE);
	operand = operand_for(op, c->shift, named, asid, hinted && features.ttl ? c->level : 0);
	if (access == EXECUTE)
		how = op->operand == VA && (named ^ input) >> 12 ? ", executed, named by another 4 KB" : ", executed";
	if (op->operand == VA_RANGE || op->operand == IPA_RANGE)
		operand = range_for(op, c->shift, false, c->high ? HIGH | base : base, turn % 3, 31 * (turn % 2), asid) |
			  (features.ttl && c->level == 3 && turn % 4 == 2 ? PLACE(XT_RTTL, 3) : 0);
	execute(op, operand);
	if (op->operand == IPA || op->operand == IPA_RANGE) {
		__asm__ volatile("tlbi vmalle1is" ::: "memory");
		DSB(ish);
		ISB();
	}
	if (small || two) {
		set(descriptor, leaf(g, c->level, outputs[1], attributes));
		CHECK_VALUE(touch(pe, el0, access, input), B_VALUE, "C5.5",
			    "%s of stage %d, leaf of level %d, %s page%s, EL%d of PE %d, %d KB granule, ASID %x, VMID %x, input %x",
			    op->name, (uint64_t)1 + c->stage2, (uint64_t)c->level, positions[c->position], how,
			    (uint64_t)!el0, (uint64_t)pe, (uint64_t)1 << (c->shift - 10), (uint64_t)asid,
			    (uint64_t)vmid, base);
	} else {
		struct answer a = touch(pe, el0, READ, input);

		CHECK_ESR(a, c->stage2 ? TO_EL2 : TO_EL1, ESR_EC | 0x3f,
			  abort_class(READ, !c->stage2 && !el0) | TRANSLATION | c->level, "C5.5",
			  "%s of stage %d, leaf of level %d, PE %d, %d KB granule, ASID %x, VMID %x, input %x", op->name,
			  (uint64_t)1 + c->stage2, (uint64_t)c->level, (uint64_t)pe, (uint64_t)1 << (c->shift - 10),
			  (uint64_t)asid, (uint64_t)vmid, base);
	}
}

/* A block of stage 1 over pages of stage 2: an operation for any of its addresses takes what was used of another page. */
static void over_pages(unsigned shift, const struct operation *op)
{
	struct geometry g = geometry(shift, 48, false, false);
	uint64_t size = BIT(shift_of(&g, 2)), ipas = 8 * BIT(33), va = HIGH | 0x1234 * BIT(33), offset = 5 * BIT(shift), *descriptor;

	space_new(shift, 7, 9, true, true, false);
	descriptor = map_s1(va, 2, ipas, PTE_AF | PTE_S1_NG);
	map_s2(ipas + offset, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	map_s2(ipas + size + offset, 3, (uint64_t)page_b, PTE_AF | S2_RW);
	forget();
	CHECK_VALUE(touch(0, false, READ, va + offset), A_VALUE, "D8.2, the walk", "before %s: a block over pages, %d KB granule", op->name,
		    (uint64_t)1 << (shift - 10));
	set(descriptor, 0);
	execute(op, op->operand == VA_RANGE ? range_for(op, shift, false, va, 0, 0, 9) : operand_for(op, shift, va, 9, 0));
	set(descriptor, leaf(&space.s1, 2, ipas + size, PTE_AF | PTE_S1_NG));
	CHECK_VALUE(touch(0, false, READ, va + offset), B_VALUE, "C5.5", "%s for another address of a block over pages, %d KB granule", op->name,
		    (uint64_t)1 << (shift - 10));
}

static bool obliged(const struct operation *op, bool stage2)
{
	if (is_of_el2(op) || !is_implemented(op))
		return false;
	if (stage2)
		return is_of_stage2(op);
	return op->operand != IPA && op->operand != IPA_RANGE;
}

void check_leaves(void)
{
	group("leaves");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (unsigned i = 0; i < operation_count; i++)
			if (is_implemented(&operations[i]) && is_for_el1(&operations[i]) &&
			    (operations[i].operand == VA || operations[i].operand == VA_RANGE))
				over_pages(shift, &operations[i]);
		for (unsigned i = 0; i < operation_count; i++)
			for (unsigned stage2 = 0; stage2 < 2; stage2++) {
				if (!obliged(&operations[i], stage2))
					continue;
				for (unsigned level = 1; level <= 3; level++) {
					struct geometry g = geometry(shift, 48, stage2, false);

					if (level < 3 && !block_allowed(&g, level))
						continue;
					for (enum position position = FIRST; position <= LAST; position++) {
						struct leaf_case c = { shift, level, stage2, !stage2 && turn % 3 == 2, position };

						one(&c, &operations[i]);
					}
				}
			}
	}
	group_end();
}
