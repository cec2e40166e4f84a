// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the IPA of a stage-1 table moves to another page. A model may keep what stage 2 gave
 * for walks apart from what it gave for accesses; each operation that takes stage-2 entries has to take these, too.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define VMID 0x35

static const uint64_t ipas[] = { 0x5678ab0000ull, 0x9a5678ab0000ull, 0x2a9678ab0000ull, 0x456f87540000ull }; /* each bit from 16 on in one of them */
static uint64_t table_ipa;
static uint64_t *tables[2]; /* the same entry leads to A and to B */

static void begin(unsigned shift, unsigned level)
{
	uint64_t *original;

	space_new(shift, VMID, 7, true, true, false);
	table_ipa &= BIT(space.s2.size) - 1;
	map_s1(TARGET, 3, ipa_of(page_a), PTE_AF);
	original = (uint64_t *)((uint64_t)descriptor_s1(TARGET, level) & ~(BIT(shift) - 1));
	for (unsigned i = 0; i < 2; i++) {
		/* a way to A or B below this table, apart from the other one's */
		struct geometry *g = &space.s1;
		uint64_t *at;

		tables[i] = table_new();
		for (unsigned n = 0; n < 0x10000 / 8; n++)
			tables[i][n] = n < BIT(shift) / 8 ? original[n] : 0;
		at = tables[i];
		for (unsigned now = level; now < 3; now++) {
			uint64_t index = (TARGET & (BIT(48) - 1)) >> shift_of(g, now);
			uint64_t *next = table_new();

			at[now == g->start ? index : index & (BIT(shift - 3) - 1)] = table_descriptor((uint64_t)next);
			at = next;
		}
		at[TARGET >> shift & (BIT(shift - 3) - 1)] = leaf(g, 3, ipa_of(i ? page_b : page_a), PTE_AF);
	}
	if (level == space.s1.start)
		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | table_ipa;
	else
		*descriptor_s1(TARGET, level - 1) = table_descriptor(table_ipa);
	map_s2(table_ipa, 3, (uint64_t)tables[0], PTE_AF | S2_RW);
	forget();
}

static uint64_t operand_of(const struct operation *op, unsigned shift, unsigned turn)
{
	if (op->operand == IPA_RANGE)
		return range_for(op, shift, false, table_ipa, turn % 3, turn % 5, 0);
	return operand_for(op, shift, table_ipa, 0, turn & 1 ? 3 : 0);
}

static void move(unsigned shift, unsigned level, const struct operation *op, unsigned by, unsigned pe, unsigned turn)
{
	struct answer a;

	table_ipa = ipas[(level + (unsigned)(op - operations) + pe) % LENGTH(ipas)];
	begin(shift, level);
	space.pstate = features.pan && turn % 3 == 2 ? SPSR_PAN : 0;
	a = touch(pe, false, READ, TARGET);
	CHECK_VALUE(a, A_VALUE, "D8.2, the walk", "before %s: table of level %d, PE %d", op->name, (uint64_t)level, (uint64_t)pe);
	set(descriptor_s2(table_ipa, 3), 0);
	execute_on(by, op, operand_of(op, shift, turn));
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	DSB(ish);
	ISB();
	map_s2(table_ipa, 3, (uint64_t)tables[1], PTE_AF | S2_RW);
	a = touch(pe, false, READ, TARGET);
	CHECK_VALUE(a, B_VALUE, "R_TVTYQ, C5.5",
		    "%s, then VMALLE1IS: the IPA of the table of level %d, used by PE %d, %d KB granule%s", op->name,
		    (uint64_t)level, (uint64_t)pe, (uint64_t)1 << (shift - 10), by ? ", by PE 1" : "");
}

/* The same where stage 2 has a block of 2 MB there, with its level as hint and without. */
static void move_block(unsigned level, const struct operation *op, unsigned pe, bool hint)
{
	uint64_t block = BIT(21), offset;

	table_ipa = ipas[0];
	begin(12, level);
	do {
		uint64_t *next = table_new();

		if (next == tables[0] + block / 8) {
			for (unsigned n = 0; n < 512; n++)
				next[n] = tables[1][n];
			tables[1] = next;
			break;
		}
	} while (true);
	offset = (uint64_t)tables[0] & (block - 1);
	if (level == space.s1.start)
		space.ttbr0 = (space.ttbr0 & TTBR_ASID) | ((table_ipa & ~(block - 1)) + offset);
	else
		*descriptor_s1(TARGET, level - 1) = table_descriptor((table_ipa & ~(block - 1)) + offset);
	map_s2(table_ipa, 3, 0, 0);
	*descriptor_s2(table_ipa, 2) = 0;
	map_s2(table_ipa, 2, (uint64_t)tables[0], PTE_AF | S2_RW);
	forget();
	CHECK_VALUE(touch(pe, false, READ, TARGET), A_VALUE, "D8.2, the walk", "before %s: table of level %d in a block, PE %d", op->name, (uint64_t)level,
		    (uint64_t)pe);
	set(descriptor_s2(table_ipa, 2), 0);
	execute(op, operand_for(op, 12, table_ipa & ~(block - 1), 0, hint && features.ttl ? 2 : 0));
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	DSB(ish);
	ISB();
	map_s2(table_ipa, 2, (uint64_t)tables[1], PTE_AF | S2_RW);
	CHECK_VALUE(touch(pe, false, READ, TARGET), B_VALUE, "R_TVTYQ, C5.5",
		    "%s%s, then VMALLE1IS: the IPA of the table of level %d in a block, used by PE %d", op->name, hint ? " with the hint of level 2" : "",
		    (uint64_t)level, (uint64_t)pe);
}

/* Two VMIDs, each with its own page behind the table's IPA: neither needs a TLBI. */
static void switch_vmids(unsigned shift, unsigned level)
{
	uint64_t vttbr[2], ipa, *root;

	table_ipa = ipas[0];
	begin(shift, level);
	vttbr[0] = space.vttbr;
	root = space.ipa;
	space.ipa = table_new();
	for (unsigned i = 0; i < 0x10000 / 8; i++)
		space.ipa[i] = root[i];
	/* the walk to table_ipa must not share tables with the other root */
	ipa = table_ipa;
	for (unsigned now = space.s2.start; now < 3; now++) {
		uint64_t *descriptor = descriptor_s2(ipa, now);
		uint64_t *old = (uint64_t *)(*descriptor & (BIT(48) - 1) & ~(BIT(shift) - 1)), *new = table_new();

		for (unsigned i = 0; i < BIT(shift) / 8; i++)
			new[i] = old[i];
		*descriptor = table_descriptor((uint64_t)new);
	}
	map_s2(table_ipa, 3, (uint64_t)tables[1], PTE_AF | S2_RW);
	vttbr[1] = (uint64_t)space.ipa | PLACE(VTTBR_VMID, features.vmid_bits == 8 ? 0x81 : 0x8001);
	for (unsigned turn = 0; turn < 6; turn++) {
		space.vttbr = vttbr[turn & 1];
		CHECK_VALUE(touch(0, false, READ, TARGET), turn & 1 ? B_VALUE : A_VALUE, "D8.16, VMID",
			    "two VMIDs in turn, the table of level %d, %d KB granule", (uint64_t)level, (uint64_t)1 << (shift - 10));
	}
}

void check_walks(void)
{
	unsigned turn = 0;

	group("walks");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (unsigned level = geometry(shift, 48, false, false).start; level <= 3; level++) {
			switch_vmids(shift, level);
			for (unsigned i = 0; i < operation_count; i++) {
				const struct operation *op = &operations[i];

				if (!is_implemented(op) || !is_of_stage2(op))
					continue;
				move(shift, level, op, 0, 0, turn++);
				if (shift == 12)
					move(shift, level, op, 1, 1, turn++);
				if (op->scope == LOCAL)
					continue;
				move(shift, level, op, 0, 1, turn++);
				if (shift == 12)
					move(shift, level, op, 1, 0, turn++);
			}
		}
	}
	for (unsigned i = 0; features.granule[0] && i < operation_count; i++)
		for (unsigned n = 0; n < 8; n++) /* level 1 or 3, PE, hint */
			if (is_implemented(&operations[i]) && operations[i].operand == IPA && (operations[i].scope != LOCAL || !(n & 2)))
				move_block(n & 1 ? 3 : 1, &operations[i], !!(n & 2), n & 4);
	group_end();
}
