// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what a walk of stage 1 does to stage 2 (DDI 0487 M.a.a, D8.5: access flag and dirty state of the
 * tables' own pages), HD without HA, and tables of either endianness by stage (SCTLR_EL1.EE, SCTLR_EL2.EE), which hardware
 * updates, too.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define TABLE_IPA 0x3333330000ull
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)
#define CLEAN (PTE_DBM | PTE_S2_R)

/* The table of stage 1 at ``level`` lies behind TABLE_IPA, whose descriptor is returned. */
static uint64_t *moved_table(unsigned shift, unsigned level, uint64_t attributes)
{
	uint64_t *table;

	space_new(shift, 1, 1, true, true, false);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
	map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	table = (uint64_t *)(*descriptor_s1(TARGET, level - 1) & PTE_ADDRESS);
	set(descriptor_s1(TARGET, level - 1), table_descriptor(TABLE_IPA));
	return map_s2(TABLE_IPA, 3, (uint64_t)table, attributes);
}

static uint64_t *leaf_of_stage1(uint64_t *table)
{
	return (uint64_t *)(*table & PTE_ADDRESS) + (TARGET >> space.s1.shift & (BIT(space.s1.shift - 3) - 1));
}

static void read_walk(unsigned shift, unsigned level)
{
	uint64_t granule = (uint64_t)1 << (shift - 10);
	uint64_t *page = moved_table(shift, level, S2_RW);

	space.vtcr |= VTCR_HA;
	forget();
	CHECK_VALUE(touch(0, false, READ, TARGET), A_VALUE, "D8.5.1",
		    "stage 2 of the table of level %d has no access flag, HA 1, %d KB granule", (uint64_t)level, granule);
	expect(PTE_AF, *(volatile uint64_t *)page & PTE_AF, "descriptor", "D8.5.1",
	       "access flag of stage 2 of the table of level %d behind a walk, %d KB granule", (uint64_t)level, granule);
	if (!features.hafdbs_d)
		return;
	page = moved_table(shift, level, PTE_AF | CLEAN);
	space.vtcr |= VTCR_HA | VTCR_HD;
	forget();
	CHECK_VALUE(touch(0, false, READ, TARGET), A_VALUE, "D8.5.2",
		    "stage 2 of the table of level %d is clean, HD 1, %d KB granule", (uint64_t)level, granule);
	expect(0, *(volatile uint64_t *)page & PTE_S2_W, "descriptor", "D8.5.2",
	       "dirty state of stage 2 of the table of level %d behind a walk that writes nothing, %d KB granule",
	       (uint64_t)level, granule);
}

/* The walk writes the access flag or the dirty state of stage 1 to a page that is clean at stage 2. */
static void writing_walk(unsigned shift, bool dirty, bool managed)
{
	static const char *const words[] = { "the access flag", "the dirty state" };
	uint64_t granule = (uint64_t)1 << (shift - 10), *page = moved_table(shift, 3, PTE_AF | CLEAN);
	volatile uint64_t *first = leaf_of_stage1(page);
	struct answer a;

	*first = leaf(&space.s1, 3, TARGET_IPA, dirty ? PTE_AF | PTE_DBM | PTE_S1_RO : 0);
	space.tcr |= TCR_HA | (dirty ? TCR_HD : 0);
	space.vtcr |= VTCR_HA | (managed ? VTCR_HD : 0);
	DSB(ish);
	forget();
	a = touch(0, false, dirty ? WRITE : READ, TARGET);
	if (managed)
		expect(DONE, a.came, "exception taken", "D8.5.2",
		       "%s of stage 1 in a page that is clean at stage 2, HD 1, %d KB granule", words[dirty], granule);
	else
		CHECK_ESR(a, TO_EL2, SYNDROME, abort_class(READ, false) | PERMISSION | 3 | ESR_S1PTW, "D8.5.2",
			  "%s of stage 1 in a page that is clean at stage 2, HD 0, %d KB granule", words[dirty], granule);
	expect(managed ? PTE_S2_W : 0, *(volatile uint64_t *)page & PTE_S2_W, "descriptor", "D8.5.2",
	       "dirty state of stage 2 behind an update of %s of stage 1, HD %d, %d KB granule", words[dirty],
	       (uint64_t)managed, granule);
	expect(managed == dirty ? 0
	       : dirty		? PTE_S1_RO
	       : managed	? PTE_AF
				: 0,
	       *first & (dirty ? PTE_S1_RO : PTE_AF), "descriptor", "D8.5",
	       "%s of stage 1 behind its update in a page that is clean at stage 2, HD %d, %d KB granule", words[dirty],
	       (uint64_t)managed, granule);
	pages_fill();
}

/* HD counts only where HA is 1. */
static void dirty_alone(bool stage2)
{
	uint64_t *page;

	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, TARGET_IPA, PTE_AF | (stage2 ? 0 : PTE_DBM | PTE_S1_RO));
	page = map_s2(TARGET_IPA, 3, (uint64_t)page_a, PTE_AF | (stage2 ? CLEAN : S2_RW));
	if (stage2)
		space.vtcr |= VTCR_HD;
	else
		space.tcr |= TCR_HD;
	forget();
	CHECK_ESR(touch(0, false, WRITE, TARGET), stage2 ? TO_EL2 : TO_EL1, SYNDROME,
		  abort_class(WRITE, !stage2) | PERMISSION | 3, "J1.1.4, walkparams.hd",
		  "stage %d, DBM 1, HD 1, HA 0: write", (uint64_t)1 + stage2);
	if (stage2)
		expect(0, *(volatile uint64_t *)page & PTE_S2_W, "descriptor", "J1.1.4, walkparams.hd",
		       "dirty state of stage 2, HD 1, HA 0");
}

/* ---- endianness ---- */
static void swap(const struct geometry *g, uint64_t *table, unsigned level)
{
	uint64_t entries = level == g->start ? BIT(g->size - shift_of(g, level)) : BIT(g->shift - 3);

	for (uint64_t i = 0; i < entries; i++) {
		if (level < 3 && (table[i] & 3) == 3)
			swap(g, (uint64_t *)(table[i] & PTE_ADDRESS), level + 1);
		table[i] = __builtin_bswap64(table[i]);
	}
}

/* ``big``: bit 0 of stage 1, bit 1 of stage 2; ``taken``: the same of SCTLR_EL1.EE and SCTLR_EL2.EE. */
static void endianness(unsigned shift, unsigned big, unsigned taken, bool update)
{
	uint64_t granule = (uint64_t)1 << (shift - 10), *first, *second;
	struct answer a;

	space_new(shift, 1, 1, true, true, false);
	first = map_s1(TARGET, 3, TARGET_IPA, update ? 0 : PTE_AF);
	second = map_s2(TARGET_IPA, 3, (uint64_t)page_a, S2_RW | (update ? 0 : PTE_AF));
	if (update) {
		space.tcr |= TCR_HA;
		space.vtcr |= VTCR_HA;
	}
	if (big & 1)
		swap(&space.s1, space.low, space.s1.start);
	if (big & 2)
		swap(&space.s2, space.ipa, space.s2.start);
	DSB(ish);
	space.sctlr = taken & 1 ? SCTLR_EE : 0;
	space.ee2 = taken & 2;
	forget();
	a = touch(0, false, READ, TARGET);
	space.ee2 = false;
	space.sctlr = 0;
	if ((big ^ taken) & 2) /* the code's own translation ends at the first table */
		CHECK_ESR(a, TO_EL2, SYNDROME, abort_class(EXECUTE, false) | TRANSLATION | space.s2.start | ESR_S1PTW,
			  "SCTLR_EL2.EE", "big-endian tables %d, EE %d, %d KB granule", (uint64_t)big, (uint64_t)taken,
			  granule);
	else
		CHECK_VALUE(a, taken & 1 ? __builtin_bswap64(A_VALUE) : A_VALUE, "SCTLR_EL1.EE, SCTLR_EL2.EE",
			    "big-endian tables %d, EE %d, access flags by hardware %d, %d KB granule", (uint64_t)big,
			    (uint64_t)taken, (uint64_t)update, granule);
	if (!update)
		return;
	expect(PTE_AF, (big & 1 ? __builtin_bswap64(*(volatile uint64_t *)first) : *(volatile uint64_t *)first) & PTE_AF,
	       "descriptor", "D8.5.1, SCTLR_EL1.EE", "access flag of stage 1, big-endian tables %d, %d KB granule",
	       (uint64_t)big, granule);
	expect(PTE_AF,
	       (big & 2 ? __builtin_bswap64(*(volatile uint64_t *)second) : *(volatile uint64_t *)second) & PTE_AF,
	       "descriptor", "D8.5.1, SCTLR_EL2.EE", "access flag of stage 2, big-endian tables %d, %d KB granule",
	       (uint64_t)big, granule);
}

void check_updates(void)
{
	group("updates");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (unsigned level = geometry(shift, 48, false, false).start + 1; features.hafdbs_a && level <= 3;
		     level++)
			read_walk(shift, level);
		for (unsigned dirty = 0; features.hafdbs_d && dirty < 2; dirty++)
			for (unsigned managed = 0; managed < 2; managed++)
				writing_walk(shift, dirty, managed);
		for (unsigned big = 0; features.mixed_endian && big < 4; big++) {
			endianness(shift, big, big, false);
			endianness(shift, big, big ^ 2, false);
			if (features.hafdbs_a)
				endianness(shift, big, big, true);
		}
	}
	for (unsigned stage2 = 0; features.granule[0] && features.hafdbs_d && stage2 < 2; stage2++)
		dirty_alone(stage2);
	group_end();
}
