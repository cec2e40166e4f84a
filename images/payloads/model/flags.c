// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: access flag and dirty state by hardware, at both stages (DDI 0487 M.a.a, D8.5). */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define BLOCKS_IPA 0x5000000000ull /* large leaves begin there */

/* The leaf may be a block, of which the address that is used is somewhere inside; in either half; used by EL0 or EL1. */
static void one(unsigned shift, bool stage2, bool dirty, unsigned level, bool high, bool el0)
{
	uint64_t granule = (uint64_t)1 << (shift - 10), read_only = stage2 ? 0 : PTE_S1_RO, attributes, *descriptor;
	uint64_t writable = stage2 ? PTE_S2_W : 0, offset, ipa, va, user = el0 ? PTE_S1_EL0 : 0;

	space_new(shift, 1, 1, true, true, false);
	offset = (uint64_t)page_a & (BIT(shift_of(stage2 ? &space.s2 : &space.s1, level)) - 1);
	ipa = (level == 3 ? TARGET_IPA : BLOCKS_IPA) + offset;
	va = (TARGET & ~(BIT(shift_of(&space.s1, level)) - 1)) + offset + (high ? HIGH : 0);
	if (stage2)
		space.vtcr |= VTCR_HA | (dirty ? VTCR_HD : 0);
	else
		space.tcr |= TCR_HA | (dirty ? TCR_HD : 0);
	map_s1(va, 3, ipa, PTE_AF | user);
	map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	attributes = (stage2 ? PTE_S2_R : user) | read_only | (dirty ? PTE_DBM : 0);
	descriptor = stage2 ? map_s2(ipa, level, (uint64_t)page_a, attributes) : map_s1(va, level, ipa, attributes);
	forget();
	CHECK_VALUE(touch(0, el0, READ, va), A_VALUE, "D8.5.1",
		    "stage %d, access flag clear, HA 1, leaf of level %d, %s half, EL%d, %d KB granule",
		    (uint64_t)1 + stage2, (uint64_t)level, high ? "upper" : "lower", (uint64_t)!el0, granule);
	expect(PTE_AF, *(volatile uint64_t *)descriptor & PTE_AF, "descriptor", "D8.5.1",
	       "stage %d, access flag after a read, HA 1, leaf of level %d, %s half, EL%d, %d KB granule",
	       (uint64_t)1 + stage2, (uint64_t)level, high ? "upper" : "lower", (uint64_t)!el0, granule);
	if (!dirty)
		return;
	expect(read_only, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after a read, HD 1, leaf of level %d, %d KB granule", (uint64_t)1 + stage2,
	       (uint64_t)level, granule);
	expect(DONE, touch(0, el0, WRITE, va).came, "exception taken", "D8.5.2",
	       "stage %d, write with DBM, HD 1, leaf of level %d, %s half, EL%d, %d KB granule", (uint64_t)1 + stage2,
	       (uint64_t)level, high ? "upper" : "lower", (uint64_t)!el0, granule);
	expect(writable, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after a write, HD 1, leaf of level %d, %s half, EL%d, %d KB granule",
	       (uint64_t)1 + stage2, (uint64_t)level, high ? "upper" : "lower", (uint64_t)!el0, granule);
	/* Made clean again, and invalidated: the next write has to set it again. */
	set(descriptor, (*descriptor & ~(stage2 ? PTE_S2_W : 0ull)) | read_only);
	forget();
	touch(0, el0, WRITE, va);
	expect(writable, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after cleaning, a TLBI and a write, leaf of level %d, %d KB granule",
	       (uint64_t)1 + stage2, (uint64_t)level, granule);
}

/* HD says that descriptors with DBM are managed, and others are as before. */
static void not_managed(unsigned shift, bool stage2)
{
	uint64_t granule = (uint64_t)1 << (shift - 10), attributes = PTE_AF | (stage2 ? PTE_S2_R : PTE_S1_RO), *descriptor, was;
	struct answer a;

	space_new(shift, 1, 1, true, true, false);
	if (stage2)
		space.vtcr |= VTCR_HA | VTCR_HD;
	else
		space.tcr |= TCR_HA | TCR_HD;
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	descriptor = stage2 ? map_s2(TARGET_IPA, 3, (uint64_t)page_a, attributes) : map_s1(TARGET, 3, TARGET_IPA, attributes);
	was = *descriptor;
	forget();
	a = touch(0, false, WRITE, TARGET);
	CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, ESR_EC | 0x3f, abort_class(WRITE, !stage2) | PERMISSION | 3, "D8.5.2",
		  "stage %d, write without DBM, HD 1, %d KB granule", (uint64_t)1 + stage2, granule);
	expect(was, *(volatile uint64_t *)descriptor, "descriptor", "D8.5.2", "stage %d, after a write without DBM, HD 1, %d KB granule",
	       (uint64_t)1 + stage2, granule);
}

/* A write that faults for another permission than that of a clean descriptor leaves it clean: of EL0, of a table, by PSTATE.PAN. */
static void refused(unsigned shift, bool high)
{
	static const char *const names[] = { "EL0 may not use the page", "APTable[1] forbids it",
					     "PSTATE.PAN forbids it" };
	uint64_t granule = (uint64_t)1 << (shift - 10), va = TARGET | (high ? HIGH : 0);

	for (unsigned why = 0; why < 2u + features.pan; why++) {
		uint64_t *descriptor;

		space_new(shift, 1, 1, true, true, false);
		space.tcr |= TCR_HA | TCR_HD;
		map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		descriptor = map_s1(va, 3, TARGET_IPA, PTE_AF | PTE_DBM | PTE_S1_RO | (why == 2 ? PTE_S1_EL0 : 0));
		if (why == 1)
			*descriptor_s1(va, 2) |= PTE_TABLE_RO;
		space.pstate = why == 2 ? SPSR_PAN : 0;
		forget();
		CHECK_ESR(touch(0, !why, WRITE, va), TO_EL1, ESR_EC | 0x3f, abort_class(WRITE, why) | PERMISSION | 3,
			  "D8.5.2", "write with DBM, HD 1, where %s, %s half, %d KB granule", names[why],
			  high ? "upper" : "lower", granule);
		space.pstate = 0;
		expect(PTE_S1_RO, *(volatile uint64_t *)descriptor & PTE_S1_RO, "descriptor", "D8.5.2",
		       "dirty state after a write with DBM, HD 1, where %s, %s half, %d KB granule", names[why],
		       high ? "upper" : "lower", granule);
	}
}

void check_flags(void)
{
	if (!features.hafdbs_a) {
		skip("flags", "no FEAT_HAFDBS");
		return;
	}
	group("flags");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned stage2 = 0; features.granule[granule_number(shift)] && stage2 < 2; stage2++)
			for (unsigned level = 1; level <= 3; level++) {
				struct geometry g = geometry(shift, 48, stage2, false);

				for (unsigned n = 0; (level == 3 || block_allowed(&g, level)) && n < 8; n++)
					if (!(n & 1) || features.hafdbs_d)
						one(shift, stage2, n & 1, level, n & 2, n & 4);
			}
	for (unsigned shift = 12; features.hafdbs_d && shift <= 16; shift += 2)
		for (unsigned stage2 = 0; features.granule[granule_number(shift)] && stage2 < 2; stage2++)
			not_managed(shift, stage2);
	for (unsigned shift = 12; features.hafdbs_d && shift <= 16; shift += 2)
		for (unsigned high = 0; features.granule[granule_number(shift)] && high < 2; high++)
			refused(shift, high);
	group_end();
}
