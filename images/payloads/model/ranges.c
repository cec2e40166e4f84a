// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: range operations of each SCALE and NUM; the page that is used is the first, a middle
 * or the last one of the range. With DS = 1 bases count 64 KB whatever the granule (I_TYBWT).
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
	group_end();
}
