// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: aborts by kind, level, stage, access and granule; ESR, FAR and HPFAR. For
 * stage 2 on walks of stage 1 the table of each level in turn is what stage 2 does not give.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define IPA_BITS (space.s2.size)
#define SYNDROME (ESR_EC | 0x3f)
/* Of a data abort without what ISV is for: ISS[24:14]. */
#define WHOLE(access) ((access) == EXECUTE ? ESR_EC | ESR_IL | ESR_ISS : ESR_EC | ESR_IL | (BIT(14) - 1))

static const char *const fault_names[] = { [TRANSLATION] = "translation", [ACCESS_FLAG] = "access flag",
					   [PERMISSION] = "permission" };

static uint64_t target(void)
{
	return (0x9abcdef10000ull & (BIT(IPA_BITS) - 1)) | BIT(IPA_BITS - 1);
}

static bool makes_sense(const struct geometry *g, enum fault fault, unsigned level)
{
	return fault == TRANSLATION || (level > 0 && (level == 3 || block_allowed(g, level)));
}

static uint64_t bad_leaf(const struct geometry *g, enum fault fault, unsigned level, uint64_t output, bool user)
{
	uint64_t attributes = g->stage2 ? S2_RW : user ? PTE_S1_EL0 : 0;

	switch (fault) {
	case TRANSLATION: return 0;
	case ACCESS_FLAG: return leaf(g, level, output, attributes);
	default:
		/* nothing is allowed: at stage 1 what EL1 may always do, that is to read, is left out by the caller */
		return leaf(g, level, output, PTE_AF | (g->stage2 ? PTE_S2_XN : PTE_S1_RO | PTE_S1_PXN | PTE_S1_UXN));
	}
}

static void stage1(unsigned shift, enum fault fault, unsigned level, enum access access, bool el0)
{
	uint64_t at = TARGET + (access == EXECUTE ? CODE_OFFSET : step(shift));
	struct answer a;

	if (fault == PERMISSION && access == READ && !el0)
		return;
	space_new(shift, 1, 1, true, true, false);
	*descriptor_s1(TARGET, level) = bad_leaf(&space.s1, fault, level, ipa_of(page_a), el0);
	DSB(ish);
	a = touch(0, el0, access, at);
	CHECK_ESR(a, TO_EL1, WHOLE(access),
		  abort_class(access, !el0) | ESR_IL | fault | level | (access == WRITE ? ESR_WNR : 0), "ESR_EL1.ISS",
		  "stage 1 %s fault, level %d, %s at EL%d, %d KB granule", fault_names[fault], (uint64_t)level,
		  access_names[access], (uint64_t)!el0, (uint64_t)1 << (shift - 10));
	expect(at, a.far, "FAR_EL1", "FAR_EL1", "stage 1 %s fault, level %d, %s at EL%d, %d KB granule",
	       fault_names[fault], (uint64_t)level, access_names[access], (uint64_t)!el0, (uint64_t)1 << (shift - 10));
}

static void stage2(unsigned shift, enum fault fault, unsigned level, enum access access, bool el0)
{
	uint64_t ipa = target(), offset = access == EXECUTE ? CODE_OFFSET : step(shift);
	struct answer a;

	space_new(shift, 1, 1, true, true, false);
	ipa = target();
	map_s1(TARGET, 3, ipa, PTE_AF | (el0 ? PTE_S1_EL0 : 0));
	*descriptor_s2(ipa, level) = bad_leaf(&space.s2, fault, level, (uint64_t)page_a, el0);
	DSB(ish);
	/* EL1 may not execute what EL0 may write */
	if (access == EXECUTE)
		map_s1(TARGET, 3, ipa, PTE_AF);
	a = touch(0, el0, access, TARGET + offset);
	CHECK_ESR(a, TO_EL2, WHOLE(access),
		  abort_class(access, false) | ESR_IL | fault | level | (access == WRITE ? ESR_WNR : 0), "ESR_EL2.ISS",
		  "stage 2 %s fault, level %d, %s at EL%d, %d KB granule", fault_names[fault], (uint64_t)level,
		  access_names[access], (uint64_t)!el0, (uint64_t)1 << (shift - 10));
	expect(TARGET + offset, a.far, "FAR_EL2", "FAR_EL2", "stage 2 %s fault, level %d, %s at EL%d, %d KB granule",
	       fault_names[fault], (uint64_t)level, access_names[access], (uint64_t)!el0, (uint64_t)1 << (shift - 10));
	if (fault != PERMISSION) /* UNKNOWN then */
		expect((ipa + offset) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
		       "stage 2 %s fault, level %d, %s at EL%d, %d KB granule", fault_names[fault], (uint64_t)level,
		       access_names[access], (uint64_t)!el0, (uint64_t)1 << (shift - 10));
}

/* The stage-1 table of level ``table`` stands at an IPA that stage 2 gives no access to at ``level``. */
static void on_walk(unsigned shift, enum fault fault, unsigned level, unsigned table, enum access access)
{
	uint64_t ipa, index;
	struct answer a;

	space_new(shift, 1, 1, true, true, false);
	ipa = target();
	map_s1(TARGET, 3, ipa_of(page_a), PTE_AF);
	if (table == space.s1.start)
		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | ipa;
	else
		*descriptor_s1(TARGET, table - 1) = table_descriptor(ipa);
	*descriptor_s2(ipa, level) = bad_leaf(&space.s2, fault, level, (uint64_t)page_a, false);
	DSB(ish);
	/* The code is found by the same table where that is the root. */
	index = (table == space.s1.start ? (uint64_t)victim_read : TARGET) >> shift_of(&space.s1, table);
	index &= table == space.s1.start ? ~0ull : BIT(shift - 3) - 1;
	if (table == space.s1.start)
		access = EXECUTE;
	a = access == EXECUTE ? touch(0, false, EXECUTE, TARGET) : touch(0, false, access, TARGET);
	CHECK_ESR(a, TO_EL2, WHOLE(access) & ~ESR_WNR, abort_class(access, false) | ESR_IL | fault | level | ESR_S1PTW,
		  "ESR_EL2.S1PTW", "stage 2 %s fault, level %d, on the walk's table of level %d, %s, %d KB granule",
		  fault_names[fault], (uint64_t)level, (uint64_t)table, access_names[access],
		  (uint64_t)1 << (shift - 10));
	expect((ipa + 8 * index) >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA",
	       "stage 2 %s fault, level %d, on the walk's table of level %d, %s, %d KB granule", fault_names[fault],
	       (uint64_t)level, (uint64_t)table, access_names[access], (uint64_t)1 << (shift - 10));
}

/* Every bit of an IPA arrives in HPFAR_EL2. */
static void every_bit(unsigned shift)
{
	for (unsigned bit = 31; bit < IPA_BITS; bit++) {
		uint64_t ipa = BIT(bit) | 0x20000000;
		struct answer a;

		if (ipa - BOARD_RAM < BIT(30)) /* which stage 2 maps */
			ipa |= BIT(30);
		map_s1(TARGET, 3, ipa, PTE_AF);
		DSB(ish);
		forget();
		a = touch(0, false, READ, TARGET);
		CHECK_ESR(a, TO_EL2, ESR_EC | 0x3c, abort_class(READ, false) | TRANSLATION, "ESR_EL2.DFSC",
			  "stage 2 fault at IPA bit %d", (uint64_t)bit);
		expect(ipa >> 12 << 4, a.hpfar, "HPFAR_EL2", "HPFAR_EL2.FIPA", "IPA bit %d, %d KB granule",
		       (uint64_t)bit, (uint64_t)1 << (shift - 10));
	}
}

/* Addresses above the input size: level 0 translation faults. */
static void beyond(unsigned shift)
{
	for (unsigned bit = 48; bit < 55; bit++) {
		struct answer a = touch(0, false, READ, BIT(bit) | TARGET);

		CHECK_ESR(a, TO_EL1, SYNDROME, abort_class(READ, true) | TRANSLATION, "input size of TTBR0_EL1",
			  "VA bit %d, %d KB granule", (uint64_t)bit, (uint64_t)1 << (shift - 10));
	}
	space.vtcr = (space.vtcr & ~0x3full) | (64 - space.s2.size + 1); /* one bit less, the same start level */
	forget();
	map_s1(TARGET, 3, BIT(space.s2.size - 1), PTE_AF);
	CHECK_ESR(touch(0, false, READ, TARGET), TO_EL2, SYNDROME, abort_class(READ, false) | TRANSLATION,
		  "input size of VTTBR_EL2", "an IPA above T0SZ, %d KB granule", (uint64_t)1 << (shift - 10));
}

void check_faults(void)
{
	static const enum fault faults[] = { TRANSLATION, ACCESS_FLAG, PERMISSION };

	group("faults");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		space_new(shift, 1, 1, true, true, false);
		every_bit(shift);
		beyond(shift);
		for (unsigned i = 0; i < LENGTH(faults); i++)
			for (unsigned level = 0; level <= 3; level++) {
				space_new(shift, 1, 1, true, true, false);
				for (enum access access = READ; access <= EXECUTE; access++) {
					for (unsigned el0 = 0; el0 < 2; el0++) {
						if (level >= space.s1.start && makes_sense(&space.s1, faults[i], level))
							stage1(shift, faults[i], level, access, el0);
						if (level >= space.s2.start && makes_sense(&space.s2, faults[i], level))
							stage2(shift, faults[i], level, access, el0);
					}
					if (level < space.s2.start || !makes_sense(&space.s2, faults[i], level))
						continue;
					for (unsigned table = space.s1.start; table <= 3; table++)
						on_walk(shift, faults[i], level, table, access);
				}
			}
	}
	group_end();
}
