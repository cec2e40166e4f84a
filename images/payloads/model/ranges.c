// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: range operations of each SCALE and NUM; the page that is used is the first, a middle
 * or the last one of the range, or is another page of a leaf of which the range has a part. With DS = 1 bases count
 * 64 KB whatever the granule (I_TYBWT).
 */
#include "model.h"

#define VMID 0x8035
#define ASID 0x8007

#define PRESSURE 6000 /* pages: of 8192 entries more than the 70 % from which QEMU's TLB grows */

static const unsigned nums[] = { 0, 1, 15, 31 };
/* Each bit is 0 in one of the first two and 1 in the other. */
static const uint64_t bases[] = { 0x2aaaaaaaa000, 0xd55555555000, 0x812300000000, 0x152300000000, 0x856300000000 };
static unsigned turn;

static void one(const struct operation *op, unsigned shift, bool ds, unsigned scale, unsigned num, unsigned where,
		bool pressed)
{
	uint64_t pages = (uint64_t)(num + 1) << (5 * scale + 1), unit = ds ? 0x10000 : BIT(shift);
	uint64_t limit = BIT(features.pa_bits < 48 ? features.pa_bits : 48);
	bool stage2 = is_of_stage2(op), high = !stage2 && turn % 2;
	unsigned pe = op->scope != LOCAL && turn / 2 % 2, asid = ASID & (BIT(features.asid_bits) - 1);
	uint64_t base = bases[pressed ? turn / 2 % 2 : turn / 4 % LENGTH(bases)] & (limit - 1) & ~(unit - 1);
	uint64_t page, input, *descriptor, attributes = stage2 ? PTE_AF | S2_RW : PTE_AF | PTE_S1_NG;

	turn++;
	page = where == 0 ? 0 : where == 1 ? pages / 2 : pages - 1;
	input = base + (page << shift);
	space_new(shift, VMID & (BIT(features.vmid_bits) - 1), asid, true, true, ds);
	space.pstate = features.pan && turn % 5 < 2 ? SPSR_PAN : 0;
	if (high) {
		base |= HIGH;
		input |= HIGH;
	}
	descriptor = stage2 ? map_s2(input, 3, (uint64_t)page_a, attributes) : map_s1(input, 3, ipa_of(page_a), attributes);
	if (pressed)
		sweep(pe, PRESSURE);
	if (stage2)
		map_s1(0x3333330000, 3, input, PTE_AF);
	forget();
	CHECK_VALUE(touch(pe, false, READ, stage2 ? 0x3333330000 : input), A_VALUE, "D8.2, the walk", "before %s at %x", op->name, input);
	set(descriptor, 0);
	/* The hint is right, or there is none. */
	execute(op, range_for(op, shift, ds, base, scale, num, asid) | (features.ttl && turn % 3 == 1 ? PLACE(XT_RTTL, 3) : 0));
	if (stage2) {
		__asm__ volatile("tlbi vmalle1is" ::: "memory");
		DSB(ish);
		ISB();
	}
	set(descriptor, leaf(stage2 ? &space.s2 : &space.s1, 3, stage2 ? (uint64_t)page_b : ipa_of(page_b), attributes));
	CHECK_VALUE(touch(pe, false, READ, stage2 ? 0x3333330000 : input), B_VALUE, "R_QKRKL, D8.17.5",
		    "%s with SCALE %d, NUM %d, %s page of the range, DS %d, PE %d, %d KB granule, base %x", op->name,
		    (uint64_t)scale, (uint64_t)num, where == 0 ? "first" : where == 1 ? "a middle" : "last", (uint64_t)ds,
		    (uint64_t)pe, (uint64_t)1 << (shift - 10), base);
}

enum part { BEGINS, ENDS, INSIDE, AROUND, PARTS };
static const char *const parts[] = { "begins in", "ends in", "lies in", "lies around" };

/* SCALE and NUM of the smallest range of at least this many pages. */
static unsigned long_enough(uint64_t pages, unsigned *scale)
{
	for (*scale = 0; *scale < 3 && pages > 32ull << (5 * *scale + 1); ++*scale)
		;
	return (unsigned)((pages - 1) >> (5 * *scale + 1));
}

/* The range and a leaf have pages in common; the one that is used is no page of the range, or one in its middle. */
static void part_of_leaf(const struct operation *op, unsigned shift, unsigned level, enum part part, bool pressed)
{
	bool stage2 = is_of_stage2(op), high = !stage2 && turn % 2, el0 = !pressed && turn / 3 % 2;
	bool pan = !pressed && !el0 && features.pan && turn / 2 % 3 == 1;
	unsigned pe = op->scope != LOCAL && turn / 2 % 2, scale = 0, num = 0, asid = ASID & (BIT(features.asid_bits) - 1);
	uint64_t size, offset, base, input, from, *descriptor;
	struct answer a;

	space_new(shift, VMID & (BIT(features.vmid_bits) - 1), asid, true, true, false);
	space.pstate = pan ? SPSR_PAN : 0;
	size = BIT(shift_of(&space.s1, level));
	offset = (uint64_t)page_a & (size - 1);
	base = bases[turn++ % LENGTH(bases)] & (BIT(stage2 ? space.s2.size : 48) - 1) & ~(size - 1);
	base |= high ? HIGH : 0;
	input = base + offset;
	if (stage2)
		descriptor = map_s2(base, level, (uint64_t)page_a - offset, PTE_AF | S2_RW);
	else
		descriptor = map_s1(base, level, (uint64_t)page_a - offset, PTE_AF | PTE_S1_NG | (pan ? 0 : PTE_S1_EL0));
	if (stage2) { /* another VA than the IPA, so that neither is taken for the other */
		map_s1(HIGH | 0x3333330000, 3, input, PTE_AF | (pan ? 0 : PTE_S1_EL0));
		input = HIGH | 0x3333330000;
	}
	if (pressed)
		sweep(pe, PRESSURE);
	forget();
	CHECK_VALUE(touch(pe, el0, READ, input), A_VALUE, "D8.2, the walk", "before %s: leaf of level %d at %x",
		    op->name, (uint64_t)level, base);
	set(descriptor, 0);
	from = part == BEGINS	? base + size - BIT(shift)
	       : part == INSIDE ? base + (offset < size / 2 ? size / 2 : 0)
				: base - BIT(shift);
	if (part == AROUND)
		num = long_enough(2 + (size >> shift), &scale);
	execute(op, range_for(op, shift, false, from, scale, num, asid));
	if (stage2) {
		__asm__ volatile("tlbi vmalle1is" ::: "memory");
		DSB(ish);
		ISB();
	}
	a = touch(pe, el0, READ, input);
	CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, ESR_EC | 0x3f, abort_class(READ, !stage2 && !el0) | TRANSLATION | level,
		  "R_QKRKL, D8.17.5",
		  "%s whose range %s a leaf of level %d, SCALE %d, NUM %d, EL%d of PE %d, %d KB granule, base %x",
		  op->name, parts[part], (uint64_t)level, (uint64_t)scale, (uint64_t)num, (uint64_t)!el0, (uint64_t)pe,
		  (uint64_t)1 << (shift - 10), base);
}

static void parts_of_leaves(unsigned shift, bool pressed)
{
	struct geometry g = geometry(shift, 48, false, false);

	for (unsigned i = 0; i < operation_count; i++) {
		const struct operation *op = &operations[i];

		/* Those for the last level alone take leaves of each level. */
		if (!is_implemented(op) || is_of_el2(op) || (op->operand != VA_RANGE && op->operand != IPA_RANGE))
			continue;
		for (unsigned level = 1; level < 3; level++)
			for (enum part part = 0; block_allowed(&g, level) && part < PARTS; part++)
				part_of_leaf(op, shift, level, part, pressed);
	}
}

void check_ranges(void)
{
	if (!features.range) {
		skip("ranges", "no FEAT_TLBIRANGE");
		return;
	}
	group("ranges");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned ds = 0; ds < 2; ds++) {
			if (!features.granule[granule_number(shift)] || (ds && !features.lpa2[granule_number(shift)]))
				continue;
			for (unsigned i = 0; i < operation_count; i++) {
				const struct operation *op = &operations[i];

				if (!is_implemented(op) || is_of_el2(op) ||
				    (op->operand != VA_RANGE && op->operand != IPA_RANGE))
					continue;
				for (unsigned scale = 0; scale < 4; scale++)
					for (unsigned n = 0; n < LENGTH(nums); n++)
						one(op, shift, ds, scale, nums[n], (turn + scale + n) % 3 == 0 ? 2 : (turn + n) % 3, false);
			}
		}
	for (unsigned shift = 12; shift <= 16; shift += 2)
		if (features.granule[granule_number(shift)])
			parts_of_leaves(shift, false);
	/*
	 * Small ranges again, with a TLB that has grown: a model that empties all of a small one for any range (QEMU
	 * does, accel/tcg/cputlb.c) would hide what a range names.
	 */
	for (unsigned ds = 0; features.granule[0] && ds <= features.lpa2[0]; ds++)
		for (unsigned i = 0; i < operation_count; i++) {
			const struct operation *op = &operations[i];

			if (!is_implemented(op) || op->operand != VA_RANGE || is_of_el2(op))
				continue;
			for (unsigned n = 0; n < LENGTH(nums); n++)
				one(op, 12, ds, 0, nums[n], n ? 2 : 0, true);
			one(op, 12, ds, 1, 0, 2, true);
		}
	if (features.granule[0])
		parts_of_leaves(12, true);
	group_end();
}
