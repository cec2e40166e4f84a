// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: outputs beyond the size of IPS or PS by stage, level and granule (DDI 0487 M.a.a, D8.2:
 * address size faults), tables of stage 2 that stand side by side (D8.2, concatenated tables), and global translations, which
 * operations by VA and ASID take whatever their ASID (TLBIMatch(), J1.1.3).
 */
#include "model.h"
#include "pa_size.h"

#define TARGET 0x923456780000ull
#define TARGET_IPA 0x1234560000ull
#define BEYOND BIT(33) /* of 32 bits */
#define SYNDROME (ESR_EC | 0x3f | ESR_S1PTW)

static void leaf_of_stage1(unsigned shift, unsigned level, enum access access)
{
	space_new(shift, 1, 1, true, true, false);
	space.tcr &= ~TCR_IPS; /* 32 bits */
	map_s1(TARGET, level, BEYOND, PTE_AF);
	forget();
	CHECK_ESR(touch(0, false, access, TARGET), TO_EL1, SYNDROME, abort_class(access, true) | ADDRESS_SIZE | level, "TCR_EL1.IPS, D8.2",
		  "a leaf of stage 1, level %d, beyond IPS, %s, %d KB granule", (uint64_t)level, access_names[access],
		  (uint64_t)1 << (shift - 10));
}

static void table_of_stage1(unsigned shift, unsigned level)
{
	space_new(shift, 1, 1, true, true, false);
	space.tcr &= ~TCR_IPS;
	*descriptor_s1(TARGET, level) = table_descriptor(BEYOND);
	forget();
	CHECK_ESR(touch(0, false, READ, TARGET), TO_EL1, SYNDROME, abort_class(READ, true) | ADDRESS_SIZE | level, "TCR_EL1.IPS, D8.2",
		  "a table of stage 1, named at level %d, beyond IPS, %d KB granule", (uint64_t)level, (uint64_t)1 << (shift - 10));
}

static void root_of_stage1(unsigned shift)
{
	space_new(shift, 1, 1, true, true, false);
	space.tcr &= ~TCR_IPS;
	space.ttbr1 = BEYOND;
	forget();
	CHECK_ESR(touch(0, false, READ, HIGH), TO_EL1, SYNDROME, abort_class(READ, true) | ADDRESS_SIZE, "TTBR1_EL1.BADDR, D8.2",
		  "TTBR1_EL1 beyond IPS, %d KB granule", (uint64_t)1 << (shift - 10));
}

static void leaf_of_stage2(unsigned shift, unsigned level, enum access access)
{
	uint64_t ipa = BIT(40);

	space_new(shift, 1, 1, true, true, false);
	space.vtcr &= ~VTCR_PS; /* 32 bits */
	map_s1(TARGET, 3, ipa, PTE_AF);
	map_s2(ipa, level, BEYOND, PTE_AF | S2_RW);
	forget();
	CHECK_ESR(touch(0, false, access, TARGET), TO_EL2, SYNDROME, abort_class(access, false) | ADDRESS_SIZE | level,
		  "VTCR_EL2.PS, D8.2", "a leaf of stage 2, level %d, beyond PS, %s, %d KB granule", (uint64_t)level,
		  access_names[access], (uint64_t)1 << (shift - 10));
}

/*
 * Bits 51:48 of an output count where a descriptor has room for them, whatever IPS and PS (AArch64.S1LeafBase() and
 * AArch64.S2LeafBase(), J1.1.4): 64 KB on a model of 52 bits, and the others with DS. ``size`` as in IPS, 48 bits at most.
 */
static void high_output(unsigned shift, bool second, unsigned bit, unsigned size)
{
	uint64_t ipa = second ? BIT(35) : (uint64_t)page_a, granule = (uint64_t)1 << (shift - 10), stage = second ? 2 : 1;
	uint64_t *descriptor;

	space_new(shift, 1, 1, true, true, shift != 16);
	descriptor = map_s1(TARGET, 3, ipa, PTE_AF);
	if (second) {
		descriptor = map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
		space.vtcr = (space.vtcr & ~VTCR_PS) | PLACE(VTCR_PS, size);
	} else {
		space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, size);
	}
	forget();
	CHECK_VALUE(touch(0, false, READ, TARGET), A_VALUE, "D8.2", "output size %d of stage %d, %d KB granule",
		    (uint64_t)size, stage, granule);
	set(descriptor, *descriptor | high_bits(shift, BIT(bit)));
	forget();
	CHECK_ESR(touch(0, false, READ, TARGET), second ? TO_EL2 : TO_EL1, SYNDROME,
		  abort_class(READ, !second) | ADDRESS_SIZE | 3, "LeafBase(), J1.1.4",
		  "output bit %d beyond size %d of stage %d, %d KB granule", (uint64_t)bit, (uint64_t)size, stage,
		  granule);
}

static void high_outputs(unsigned shift)
{
	for (unsigned second = 0; second < 2; second++)
		for (unsigned bit = 48; bit < 52; bit++)
			for (unsigned size = 0; size <= 5; size++)
				high_output(shift, second, bit, size);
}

static void sizes(unsigned shift)
{
	for (unsigned level = 0; level <= 3; level++) {
		space_new(shift, 1, 1, true, true, false);
		for (enum access access = READ; access <= WRITE; access++) {
			if (level >= space.s1.start && (level == 3 || block_allowed(&space.s1, level)))
				leaf_of_stage1(shift, level, access);
			if (level >= space.s2.start && (level == 3 || block_allowed(&space.s2, level)))
				leaf_of_stage2(shift, level, access);
		}
		if (level >= space.s1.start && level < 3)
			table_of_stage1(shift, level);
	}
	root_of_stage1(shift);
}

/* 2^``more`` tables at the start of stage 2: an address in each is translated by its own. */
static void concatenated(unsigned shift, unsigned start, unsigned more)
{
	unsigned size = level_shift(shift, start) + shift - 3 + more;

	space_new(shift, 1, 1, true, true, false);
	space_stage2(size, start);
	for (unsigned table = 0; table < BIT(more); table++)
		for (unsigned last = 0; last < 2; last++) {
			uint64_t ipa = ((uint64_t)table << (size - more)) + (last ? BIT(size - more) - BIT(16) : BIT(34));

			map_s1(TARGET, 3, ipa, PTE_AF);
			map_s2(ipa, 3, (uint64_t)page_b, PTE_AF | S2_RW);
			forget();
			CHECK_VALUE(touch(0, false, READ, TARGET + 0x18), B_VALUE, "VTCR_EL2.SL0, D8.2",
				    "table %d of %d side by side at level %d of stage 2, %s of it, %d KB granule", (uint64_t)table,
				    BIT(more), (uint64_t)start, last ? "the end" : "the beginning", (uint64_t)1 << (shift - 10));
		}
}

/* An entry for every ASID goes by an operation of any ASID. */
static void global(const struct operation *op, unsigned pe)
{
	uint64_t *descriptor;

	space_new(12, 1, 5, true, true, false);
	descriptor = map_s1(TARGET, 3, ipa_of(page_a), PTE_AF);
	CHECK_VALUE(touch(pe, false, READ, TARGET + 0x18), A_VALUE, "D8.2", "before %s of another ASID", op->name);
	set(descriptor, 0);
	execute(op, op_is_range(op) ? range_for(op, 12, false, TARGET, 0, 0, 9) : operand_for(op, 12, TARGET, 9, 0));
	set(descriptor, leaf(&space.s1, 3, ipa_of(page_b), PTE_AF));
	CHECK_VALUE(touch(pe, false, READ, TARGET + 0x18), B_VALUE, "TLBIMatch(), J1.1.3", "%s of another ASID for a global page, PE %d",
		    op->name, (uint64_t)pe);
}

/* The last output that each size allows, and the first that it does not, as AT tells. */
static void limits(bool stage2)
{
	space_new(12, 1, 1, true, true, false);
	for (unsigned n = 0; pa_sizes[n] <= 48 && pa_sizes[n] <= features.pa_bits; n++)
		for (unsigned beyond = 0; beyond < 2 && pa_sizes[n] - 1 + beyond < 48; beyond++) {
			uint64_t output = BIT(pa_sizes[n] - 1 + beyond), par;

			if (stage2) {
				space.vtcr = (space.vtcr & ~VTCR_PS) | PLACE(VTCR_PS, n);
				map_s1(TARGET, 3, TARGET_IPA, PTE_AF);
				map_s2(TARGET_IPA, 3, output, PTE_AF | S2_RW);
			} else {
				space.tcr = (space.tcr & ~TCR_IPS) | PLACE(TCR_IPS, n);
				map_s1(TARGET, 3, output, PTE_AF);
			}
			forget();
			space_load();
			par = translated(stage2 ? AT_S12E1(false, false) : AT_S1E1(false, false), TARGET);
			expect(beyond ? PAR_F | (uint64_t)(ADDRESS_SIZE | 3) << 1 | (stage2 ? PAR_S : 0) : output,
			       par & (beyond ? PAR_F | PAR_FST | PAR_S : PAR_F | PAR_PA), "PAR_EL1",
			       "TCR_EL1.IPS, VTCR_EL2.PS, D8.2", "AT, stage %d, output bit %d, size %d",
			       (uint64_t)1 + stage2, (uint64_t)pa_sizes[n] - 1 + beyond, (uint64_t)n);
		}
}

void check_sizes(void)
{
	group("sizes");
	for (unsigned stage2 = 0; features.granule[0] && stage2 < 2; stage2++)
		limits(stage2);
	for (unsigned shift = 12; shift <= 16; shift += 2)
		if (features.granule[granule_number(shift)])
			sizes(shift);
	for (unsigned shift = 12; shift <= 16; shift += 2)
		if (wide_outputs(shift))
			high_outputs(shift);
	for (unsigned more = 1; more <= 4; more++)
		if (features.granule[0] && features.pa_bits >= 39 + more)
			concatenated(12, 1, more);
	for (unsigned more = 1; more <= 2; more++)
		if (features.granule[1])
			concatenated(14, 2, more);
	for (unsigned i = 0; i < operation_count; i++)
		for (unsigned pe = 0; pe < 2; pe++)
			if (is_implemented(&operations[i]) && operations[i].family == vae1 && (operations[i].scope != LOCAL || !pe))
				global(&operations[i], pe);
	group_end();
}
