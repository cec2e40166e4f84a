// SPDX-License-Identifier: GPL-2.0-only
/* Runs at EL2 on the bare model: access flag and dirty state by hardware, at both stages (DDI 0487 M.a.a, D8.5). */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull

static void one(unsigned shift, bool stage2, bool dirty)
{
	uint64_t granule = (uint64_t)1 << (shift - 10), read_only = stage2 ? 0 : PTE_S1_RO, attributes, *descriptor;
	uint64_t writable = stage2 ? PTE_S2_W : 0;

	space_new(shift, 1, 1, true, true, false);
	if (stage2)
		space.vtcr |= VTCR_HA | (dirty ? VTCR_HD : 0);
	else
		space.tcr |= TCR_HA | (dirty ? TCR_HD : 0);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	attributes = (stage2 ? PTE_S2_R : 0) | read_only | (dirty ? PTE_DBM : 0);
	descriptor = stage2 ? map_s2(TARGET_IPA, 3, (uint64_t)page_a, attributes) : map_s1(TARGET, 3, TARGET_IPA, attributes);
	forget();
	CHECK_VALUE(touch(0, false, READ, TARGET), A_VALUE, "D8.5.1", "stage %d, access flag clear, HA 1, %d KB granule",
		    (uint64_t)1 + stage2, granule);
	expect(PTE_AF, *(volatile uint64_t *)descriptor & PTE_AF, "descriptor", "D8.5.1", "stage %d, access flag after a read, HA 1, %d KB granule",
	       (uint64_t)1 + stage2, granule);
	if (!dirty)
		return;
	expect(read_only, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after a read, HD 1, %d KB granule", (uint64_t)1 + stage2, granule);
	expect(DONE, touch(0, false, WRITE, TARGET).came, "exception taken", "D8.5.2", "stage %d, write with DBM, HD 1, %d KB granule",
	       (uint64_t)1 + stage2, granule);
	expect(writable, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after a write, HD 1, %d KB granule", (uint64_t)1 + stage2, granule);
	/* Made clean again, and invalidated: the next write has to set it again. */
	set(descriptor, (*descriptor & ~(stage2 ? PTE_S2_W : 0ull)) | read_only);
	forget();
	touch(0, false, WRITE, TARGET);
	expect(writable, *(volatile uint64_t *)descriptor & (stage2 ? PTE_S2_W : PTE_S1_RO), "descriptor", "D8.5.2",
	       "stage %d, dirty state after cleaning, a TLBI and a write, %d KB granule", (uint64_t)1 + stage2, granule);
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

void check_flags(void)
{
	if (!features.hafdbs_a) {
		skip("flags", "no FEAT_HAFDBS");
		return;
	}
	group("flags");
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned stage2 = 0; features.granule[granule_number(shift)] && stage2 < 2; stage2++)
			for (unsigned dirty = 0; dirty <= features.hafdbs_d; dirty++)
				one(shift, stage2, dirty);
	for (unsigned shift = 12; features.hafdbs_d && shift <= 16; shift += 2)
		for (unsigned stage2 = 0; features.granule[granule_number(shift)] && stage2 < 2; stage2++)
			not_managed(shift, stage2);
	group_end();
}
