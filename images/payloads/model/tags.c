// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: address tags (TBI) in the match of an operation, ASIDs and VMIDs that alternate without
 * a TLBI, HCR_EL2.FB, and operations that EL1 executes for itself.
 */
#include "model.h"

#define TARGET 0x923456780000ull

static const unsigned identifiers[] = { 1, 0x80, 0xff, 0x100, 0x101, 0x8000, 0x8001, 0x7fff, 0xffff };

static void remap(uint64_t *descriptor, bool b)
{
	set(descriptor, leaf(&space.s1, 3, ipa_of(b ? page_b : page_a), PTE_AF | PTE_S1_NG));
}

/* The tag of an access is no part of the address that an operation matches. */
static void tagged(unsigned shift, const struct operation *op, unsigned tag, bool high, bool alone)
{
	uint64_t va = high ? HIGH | TARGET : TARGET, used = (va & (BIT(56) - 1)) | tag * BIT(56), *descriptor;
	uint64_t operand;

	space_new(shift, 1, 5, true, true, false);
	space.tcr |= (!alone || !high ? TCR_TBI0 : 0) | (!alone || high ? TCR_TBI1 : 0); /* of its own half alone */
	descriptor = map_s1(va, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG);
	forget();
	CHECK_VALUE(touch(0, false, READ, used), A_VALUE, "TCR_EL1.TBI", "before %s, tag %x", op->name, (uint64_t)tag);
	set(descriptor, 0);
	operand = op->operand == VA_RANGE ? range_for(op, shift, false, va, 0, 0, 5) :
						    operand_for(op, shift, va, 5, 0);
	execute(op, operand);
	remap(descriptor, true);
	CHECK_VALUE(touch(0, false, READ, used), B_VALUE, "TCR_EL1.TBI, C5.5", "%s for a page used with tag %x, %s half%s", op->name,
		    (uint64_t)tag, high ? "upper" : "lower", alone ? ", TBI of that half alone" : "");
}

/* Non-global entries of one ASID are not used with another one. */
static void asids(unsigned shift, bool a1)
{
	uint64_t *other, ttbr[2];
	unsigned n = features.asid_bits == 16 ? LENGTH(identifiers) : 3;

	space_new(shift, 1, 1, true, true, false);
	if (a1)
		space.tcr |= TCR_A1; /* the ASID is TTBR1_EL1's */
	map_s1(TARGET, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG);
	other = space.low;
	space.low = table_new();
	for (unsigned i = 0; i < BIT(shift) / 8; i++) /* the program's tables are shared: its leaves are global */
		space.low[i] = i == (TARGET & (BIT(48) - 1)) >> shift_of(&space.s1, space.s1.start) ? 0 : other[i];
	map_s1(TARGET, 3, ipa_of(page_b), PTE_AF | PTE_S1_NG);
	ttbr[0] = (uint64_t)other;
	ttbr[1] = (uint64_t)space.low;
	for (unsigned i = 0; i < n; i++)
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned asid = identifiers[(i + turn) % n] & (BIT(features.asid_bits) - 1);

			space.ttbr0 = ttbr[turn] | (a1 ? 0 : PLACE(TTBR_ASID, asid));
			space.ttbr1 = (uint64_t)space.high | (a1 ? PLACE(TTBR_ASID, asid) : 0);
			if (!turn)
				forget();
			CHECK_VALUE(touch(0, false, READ, TARGET), turn ? B_VALUE : A_VALUE, "D8.16, ASID",
				    "ASID %x after another one, A1 %d, %d KB granule", (uint64_t)asid, (uint64_t)a1,
				    (uint64_t)1 << (shift - 10));
		}
}

/* Entries of one VMID are not used with another one, with stage 1 on and off. */
static void vmids(unsigned shift, bool s1_on)
{
	uint64_t roots[2], ipa = 0x1230000000;
	unsigned n = features.vmid_bits == 16 ? LENGTH(identifiers) : 3;
	uint64_t *first;

	space_new(shift, 1, 1, s1_on, true, false);
	if (s1_on)
		map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_NG);
	map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	first = space.ipa;
	space.ipa = table_new();
	*entry_of(&space.s2, space.ipa, BOARD_RAM, shift == 12 ? 1 : 2) = 0;
	for (uint64_t at = BOARD_RAM; at < BOARD_RAM + 0x40000000; at += BIT(shift_of(&space.s2, shift == 12 ? 1 : 2)))
		*entry_of(&space.s2, space.ipa, at, shift == 12 ? 1 : 2) = leaf(&space.s2, shift == 12 ? 1 : 2, at, PTE_AF | S2_RW);
	map_s2(ipa, 3, (uint64_t)page_b, PTE_AF | S2_RW);
	roots[0] = (uint64_t)first;
	roots[1] = (uint64_t)space.ipa;
	for (unsigned i = 0; i < n; i++)
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned vmid = identifiers[(i + turn) % n] & (BIT(features.vmid_bits) - 1);

			space.vttbr = roots[turn] | PLACE(VTTBR_VMID, vmid);
			if (!turn)
				forget();
			CHECK_VALUE(touch(0, false, READ, s1_on ? TARGET : ipa), turn ? B_VALUE : A_VALUE, "D8.16, VMID",
				    "VMID %x after another one, stage 1 %s, %d KB granule", (uint64_t)vmid, s1_on ? "on" : "off",
				    (uint64_t)1 << (shift - 10));
		}
}

/* EL1 invalidates for itself, on PE 0; the victim is on PE 0, or on PE 1 for broadcasts and with HCR_EL2.FB. */
static void by_el1(unsigned shift, const struct operation *op, unsigned pe, bool fb)
{
	static unsigned turn;
	uint64_t *descriptor, operand;
	struct answer a;

	space_new(shift, 3, 5, true, true, false);
	space.pstate = features.pan && turn++ % 3 == 1 ? SPSR_PAN : 0;
	if (fb)
		space.hcr |= HCR_FB;
	descriptor = map_s1(TARGET, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG);
	forget();
	CHECK_VALUE(touch(pe, false, READ, TARGET), A_VALUE, "D8.2, the walk", "before %s by EL1", op->name);
	set(descriptor, 0);
	operand = op->operand == VA_RANGE ? range_for(op, shift, false, TARGET, 0, 1, 5) :
						    operand_for(op, shift, TARGET, 5, 0);
	a = below_instruction(0, false, word_of(op, op->operand == NONE ? 31 : 1), operand);
	expect(DONE, a.came, "exception", "C5.5", "%s by EL1 without a trap", op->name);
	DSB(ish);
	remap(descriptor, true);
	CHECK_VALUE(touch(pe, false, READ, TARGET), B_VALUE, fb ? "HCR_EL2.FB" : "C5.5", "%s by EL1 on PE 0, victim on PE %d, FB %d, %d KB granule",
		    op->name, (uint64_t)pe, (uint64_t)fb, (uint64_t)1 << (shift - 10));
}

static void of_el1(unsigned shift, const struct operation *op)
{
	by_el1(shift, op, 0, false);
	by_el1(shift, op, 1, true);
	if (op->scope != LOCAL)
		by_el1(shift, op, 1, false);
}

void check_tags(void)
{
	static const unsigned tag_bytes[] = { 0x5a, 0x80, 0xff, 0x01 };
	unsigned turn = 0;

	group("tags");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		asids(shift, false);
		asids(shift, true);
		vmids(shift, false);
		vmids(shift, true);
		for (unsigned i = 0; i < operation_count; i++) {
			const struct operation *op = &operations[i];

			if (!is_implemented(op) || !is_for_el1(op))
				continue;
			of_el1(shift, op);
			if (op->operand == VA || op->operand == VA_RANGE) {
				tagged(shift, op, tag_bytes[turn % LENGTH(tag_bytes)], turn / 2 % 2, false);
				for (unsigned high = 0; shift == 12 && high < 2; high++)
					tagged(shift, op, tag_bytes[(turn + high) % LENGTH(tag_bytes)], high, true);
				turn++;
			}
		}
	}
	group_end();
}
