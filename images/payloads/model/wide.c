// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: operations on inputs of 52 bits (FEAT_LVA, FEAT_LPA2), each of the bits 51:48 by itself, and on
 * regimes whose halves, or whose stages, have granules of their own (DDI 0487 M.a.a, C5.5, D8.17.5).
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define TABLE_IPA 0x5678ab0000ull
#define VMID 7
#define ASID 9

static bool is_by_va(const struct operation *op)
{
	return is_implemented(op) && !is_of_el2(op) && (op->operand == VA || op->operand == VA_RANGE);
}

static uint64_t operand(const struct operation *op, unsigned shift, bool ds, uint64_t address, unsigned n)
{
	if (op->operand == VA_RANGE || op->operand == IPA_RANGE)
		return range_for(op, shift, ds, address & (ds ? ~0xffffull : ~0ull), n % 2, n % 3, ASID);
	return operand_for(op, shift, address, ASID, features.ttl && n % 2 ? 3 : 0);
}

/* One page of ``root`` moves. */
static void moves(const struct geometry *g, uint64_t *root, const struct operation *op, uint64_t va, unsigned n,
		  const char *how)
{
	unsigned pe = op->scope != LOCAL && n % 2;
	uint64_t *descriptor = entry_of(g, root, va, 3), granule = (uint64_t)1 << (g->shift - 10);

	set(descriptor, leaf(g, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG));
	forget();
	CHECK_VALUE(touch(pe, false, READ, va), A_VALUE, "D8.2, the walk", "before %s: %s, %d KB granule, at %x",
		    op->name, how, granule, va);
	set(descriptor, 0);
	space_load(); /* TG and the units of a range are by the registers of the PE that executes it */
	execute(op, operand(op, g->shift, g->ds, va, n));
	set(descriptor, leaf(g, 3, ipa_of(page_b), PTE_AF | PTE_S1_NG));
	CHECK_VALUE(touch(pe, false, READ, va), B_VALUE, "C5.5", "%s: %s, %d KB granule, at %x, PE %d", op->name, how,
		    granule, va, (uint64_t)pe);
}

/* A half of 52 bits; the lower one holds the program. */
static void half(unsigned shift, bool high)
{
	struct geometry g = geometry(shift, 52, false, shift != 16);
	uint64_t *root;
	unsigned n = 0;

	space_new(shift, VMID, ASID, true, true, shift != 16);
	root = root_new(&g);
	if (high) {
		space.tcr = (space.tcr & ~TCR_T1SZ) | PLACE(TCR_T1SZ, 12);
		space.ttbr1 = (uint64_t)root;
	} else {
		map_ram(&g, root, PTE_AF, false);
		space.tcr = (space.tcr & ~TCR_T0SZ) | PLACE(TCR_T0SZ, 12);
		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | (uint64_t)root;
	}
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned bit = 48; is_by_va(&operations[i]) && bit < 52; bit++)
			moves(&g, root, &operations[i], high ? (~(BIT(48) - 1) | TARGET) ^ BIT(bit) : BIT(bit) | TARGET,
			      n++, high ? "upper half of 52 bits" : "lower half of 52 bits");
}

/* Two last tables of stage 1, of which one leads to A and one to B, for the lower half with ``g`` and ``root``. */
static struct {
	const struct geometry *g;
	uint64_t *root, va, *tables[2];
} walk;

static void walk_new(const struct geometry *g, uint64_t *root)
{
	walk.g = g;
	walk.root = root;
	walk.va = (TARGET & ~0x3fffffffull) | BIT(g->shift);
	for (unsigned i = 0; i < 2; i++) {
		walk.tables[i] = table_new();
		walk.tables[i][walk.va >> g->shift & (BIT(g->shift - 3) - 1)] =
			leaf(g, 3, ipa_of(i ? page_b : page_a), PTE_AF);
	}
}

/* The IPA of the last table moves from one to the other. */
static void table_moves(const struct operation *op, uint64_t ipa, unsigned n, const char *how)
{
	unsigned pe = op->scope != LOCAL && n % 2;
	uint64_t granule = (uint64_t)1 << (space.s2.shift - 10);

	set(entry_of(walk.g, walk.root, walk.va, 2),
	    table_descriptor(ipa & (BIT(48) - 1)) | (ipa >= BIT(48) ? high_bits(walk.g->shift, ipa) : 0));
	map_s2(ipa, 3, (uint64_t)walk.tables[0], PTE_AF | S2_RW);
	forget();
	CHECK_VALUE(touch(pe, false, READ, walk.va), A_VALUE, "D8.2, the walk",
		    "before %s: %s, %d KB granule of stage 2, IPA %x", op->name, how, granule, ipa);
	set(descriptor_s2(ipa, 3), 0);
	space_load();
	execute(op, operand(op, space.s2.shift, space.s2.ds, ipa, n));
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	DSB(ish);
	ISB();
	map_s2(ipa, 3, (uint64_t)walk.tables[1], PTE_AF | S2_RW);
	CHECK_VALUE(touch(pe, false, READ, walk.va), B_VALUE, "R_TVTYQ, C5.5",
		    "%s, then VMALLE1IS: %s, %d KB granule of stage 2, IPA of a table %x, PE %d", op->name, how,
		    granule, ipa, (uint64_t)pe);
}

static bool is_by_ipa(const struct operation *op)
{
	return is_implemented(op) && (op->operand == IPA || op->operand == IPA_RANGE);
}

/* Stage 2 of 52 bits. */
static void stage2(unsigned shift)
{
	struct geometry g = geometry(shift, 52, true, shift != 16);
	unsigned n = 0;

	space_new(shift, VMID, ASID, true, true, shift != 16);
	space_stage2(52, g.start);
	space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, 6);
	space.vtcr = (space.vtcr & ~VTCR_PS) | PLACE(VTCR_PS, 6);
	if (shift == 12) /* from level -1 on */
		space.vtcr = (space.vtcr & ~VTCR_SL0) | VTCR_SL2;
	walk_new(&space.s1, space.low);
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned bit = 48; is_by_ipa(&operations[i]) && bit < 52; bit++)
			table_moves(&operations[i], BIT(bit) | TABLE_IPA, n++, "stage 2 of 52 bits");
}

/* The halves of stage 1 have granules of their own, and stage 2, too. */
static void granules(unsigned shift, unsigned other)
{
	struct geometry g;
	uint64_t *root;
	unsigned n = 0;

	for (unsigned high = 0; high < 2; high++) {
		space_new(other, VMID, ASID, true, true, false);
		root = space_half(high, shift, 48, &g);
		for (unsigned i = 0; i < operation_count; i++)
			if (is_by_va(&operations[i]))
				moves(&g, root, &operations[i], TARGET | (high ? HIGH : 0), n++,
				      high ? "a granule of the upper half's own" : "a granule of the lower half's own");
	}
	space_new(shift, VMID, ASID, true, true, false);
	root = space_half(false, other, 48, &g);
	walk_new(&g, root);
	for (unsigned i = 0; i < operation_count; i++)
		if (is_by_ipa(&operations[i]))
			table_moves(&operations[i], TABLE_IPA, n++, "a granule of stage 2's own");
}

/* Stage 2 with DS and stage 1 without, and the other way round: the base of a range counts 64 KB by the one that it is of. */
static void units(unsigned shift, bool ds)
{
	const char *how = ds ? "DS of stage 2 alone" : "DS of stage 1 alone";
	unsigned n = 0;

	space_new(shift, VMID, ASID, true, true, ds);
	space.s1.ds = !ds;
	space.tcr ^= TCR_DS;
	if (ds) /* 48 bits at most without */
		space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, 5);
	walk_new(&space.s1, space.low);
	for (unsigned i = 0; i < operation_count; i++) {
		if (is_by_va(&operations[i]) && operations[i].operand == VA_RANGE)
			moves(&space.s1, space.high, &operations[i], HIGH | TARGET, n++, how);
		else if (is_by_ipa(&operations[i]) && operations[i].operand == IPA_RANGE)
			table_moves(&operations[i], TABLE_IPA, n++, how);
	}
}

void check_wide(void)
{
	group("wide");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!wide_outputs(shift) || (shift == 16 && !features.lva))
			continue;
		half(shift, false);
		half(shift, true);
		stage2(shift);
	}
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (unsigned other = 12; other <= 16; other += 2)
			if (shift != other && features.granule[granule_number(shift)] &&
			    features.granule[granule_number(other)])
				granules(shift, other);
	for (unsigned shift = 12; shift <= 14; shift += 2)
		for (unsigned ds = 0; features.range && features.granule[granule_number(shift)] &&
				      features.lpa2[granule_number(shift)] && ds < 2;
		     ds++)
			units(shift, ds);
	group_end();
}
