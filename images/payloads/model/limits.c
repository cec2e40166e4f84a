// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, part of `shapes`: what the sizes of a walk reach at their ends (DDI 0487 M.a.a, D8.2): stage 2 from
 * level -1 on, roots above 48 bits, the largest blocks, and TCR_EL1.HPD0 and HPD1 each for one half.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x123450000ull
#define LEVEL_MINUS_1 0x2bull /* DFSC: translation fault */

/* VTCR_EL2.{DS,SL2}: 52 bits of IPA, of which the first four index a table of level -1. */
static void from_minus_1(void)
{
	uint64_t *top, *second, *leaf2;
	struct answer a;

	space_new(12, 1, 1, true, true, true);
	top = table_new();
	second = root_new(&space.s2);
	leaf2 = entry_of(&space.s2, second, TARGET_IPA, 3);
	top[0] = table_descriptor((uint64_t)space.ipa);
	top[3] = table_descriptor((uint64_t)second);
	set(leaf2, leaf(&space.s2, 3, (uint64_t)page_a, PTE_AF | S2_RW));
	space.vtcr = (space.vtcr & ~(VTCR_T0SZ | VTCR_SL0)) | PLACE(VTCR_T0SZ, 12) | VTCR_SL2;
	space.vttbr = (space.vttbr & VTTBR_VMID) | (uint64_t)top;
	for (unsigned n = 0; n < 16; n++) {
		uint64_t ipa = n * BIT(48) + TARGET_IPA;

		if (!n)
			continue; /* what the program itself is in */
		set(descriptor_s1(TARGET, 3), leaf(&space.s1, 3, ipa & (BIT(48) - 1), PTE_AF) | high_bits(12, ipa));
		forget();
		a = touch(0, false, READ, TARGET);
		if (n == 3)
			CHECK_VALUE(a, A_VALUE, "VTCR_EL2.{DS,SL2}", "stage 2 from level -1 on, entry %d", (uint64_t)n);
		else
			CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f, abort_class(READ, false) | LEVEL_MINUS_1, "VTCR_EL2.{DS,SL2}",
				  "stage 2 from level -1 on, entry %d", (uint64_t)n);
		expect(n == 3 ? 0 : ipa >> 12 << 4, n == 3 ? 0 : a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA", "stage 2 from level -1 on, entry %d",
		       (uint64_t)n);
	}
}

/* The bits 51:48 of a table's address are 5:2 of TTBR1_EL1: here beyond what stage 2 translates. */
static void root(unsigned shift)
{
	for (unsigned bit = 48; bit < 52; bit++) {
		struct answer a;

		space_new(shift, 1, 1, true, true, shift != 16);
		space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, 6);
		space.ttbr1 = (uint64_t)space.high | BIT(bit - 46);
		forget();
		a = touch(0, false, READ, HIGH | TARGET);
		CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f | ESR_S1PTW, abort_class(READ, false) | TRANSLATION | ESR_S1PTW, "TTBR1_EL1.BADDR",
			  "TTBR1_EL1 with address bit %d, %d KB granule", (uint64_t)bit, (uint64_t)1 << (shift - 10));
		expect(((uint64_t)space.high | BIT(bit)) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
		       "TTBR1_EL1 with address bit %d, %d KB granule", (uint64_t)bit, (uint64_t)1 << (shift - 10));
	}
}

/* The same of VTTBR_EL2, where no memory is: a fault of the first walk, which is for a table of stage 1. */
static void root_of_stage2(unsigned shift)
{
	for (unsigned bit = 48; bit < 52; bit++) {
		space_new(shift, 1, 1, true, true, shift != 16);
		space.vtcr = (space.vtcr & ~VTCR_PS) | PLACE(VTCR_PS, 6);
		space.vttbr |= BIT(bit - 46);
		forget();
		CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, ESR_EC | 0x3f | ESR_S1PTW,
			  abort_class(EXECUTE, false) | PLACE(ESR_FSC, 0x14 | space.s2.start) | ESR_S1PTW,
			  "VTTBR_EL2.BADDR", "VTTBR_EL2 with address bit %d, %d KB granule", (uint64_t)bit,
			  (uint64_t)1 << (shift - 10));
	}
}

/* Blocks that only outputs of 52 bits have: of level 0 with 4 KB and DS, of level 1 with 16 KB and DS, and with 64 KB. */
static void large_block(unsigned shift, bool second)
{
	uint64_t granule = (uint64_t)1 << (shift - 10), stage = second ? 2 : 1, in, *descriptor;
	unsigned level = shift == 12 ? 0 : 1;
	const struct geometry *g;

	space_new(shift, 1, 1, true, true, shift != 16);
	g = second ? &space.s2 : &space.s1;
	in = BIT(shift_of(g, level)) | (uint64_t)page_a;
	if (second) {
		map_s1(TARGET, 3, in, PTE_AF | PTE_S1_EL0);
		descriptor = descriptor_s2(in, level);
		set(descriptor, leaf(g, level, 0, PTE_AF | S2_RW));
		in = TARGET;
	} else {
		descriptor = descriptor_s1(in, level);
		set(descriptor, leaf(g, level, 0, PTE_AF | PTE_S1_EL0));
	}
	for (unsigned flag = 2; flag--;) { /* with the access flag, and without */
		if (!flag)
			set(descriptor, *descriptor & ~PTE_AF);
		forget();
		for (unsigned el0 = 0; el0 < 2; el0++) {
			struct answer a = touch(0, el0, READ, in);

			if (flag)
				CHECK_VALUE(a, A_VALUE, "D8.3.1, block descriptors",
					    "a block of stage %d at level %d, %d KB granule, EL%d", stage,
					    (uint64_t)level, granule, (uint64_t)!el0);
			else
				CHECK_ESR(a, second ? TO_EL2 : TO_EL1, ESR_EC | 0x3f,
					  abort_class(READ, !second && !el0) | ACCESS_FLAG | level,
					  "D8.3.1, block descriptors",
					  "a block of stage %d at level %d without access flag, %d KB granule, EL%d",
					  stage, (uint64_t)level, granule, (uint64_t)!el0);
		}
	}
}

static void one_half(bool off)
{
	space_new(12, 1, 1, true, true, false);
	space.tcr |= off ? TCR_HPD1 : TCR_HPD0;
	map_s2(TARGET_IPA & ~0xffffull, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	for (unsigned high = 0; high < 2; high++) {
		map_s1(high ? HIGH | TARGET : TARGET, 3, TARGET_IPA & ~0xffffull, PTE_AF);
		*descriptor_s1(high ? HIGH | TARGET : TARGET, 2) |= PTE_TABLE_RO;
	}
	forget();
	for (unsigned high = 0; high < 2; high++) {
		struct answer a = touch(0, false, WRITE, high ? HIGH | TARGET : TARGET);

		expect(high == off ? DONE : TO_EL1, a.came, "where it goes", "TCR_EL1.{HPD0,HPD1}", "APTable[1], HPD%d 1: write in the %s half",
		       (uint64_t)off, high ? "upper" : "lower");
	}
	pages_fill();
}

void shapes_limits(void)
{
	if (wide_outputs(12))
		from_minus_1();
	for (unsigned shift = 12; shift <= 16; shift += 2)
		if (wide_outputs(shift)) {
			root(shift);
			for (unsigned second = 0; second < 2; second++)
				large_block(shift, second);
		}
	for (unsigned shift = 12; BOARD_GICR && shift <= 16;
	     shift += 2) /* a board of which it is known where no memory is */
		if (wide_outputs(shift))
			root_of_stage2(shift);
	for (unsigned off = 0; features.granule[0] && features.hpds && off < 2; off++)
		one_half(off);
}
