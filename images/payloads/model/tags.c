// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: address tags (TBI) in the match of an operation, ASIDs and VMIDs that alternate without
 * a TLBI, HCR_EL2.FB, and operations by the PE and the Exception level that execute them.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define NOP 0xd503201fu

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

/* Nor does it depend on TCR_EL1 of the PE that executes the operation: here TBI is 0 there, and 1 on the PE that used the page. */
static void tagged_elsewhere(const struct operation *op, bool high)
{
	uint64_t va = high ? HIGH | TARGET : TARGET, used = va ^ 0x5a * BIT(56), *descriptor;

	space_new(12, 1, 5, true, true, false);
	descriptor = map_s1(va, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG);
	forget();
	space_load();
	space.tcr |= TCR_TBI0 | TCR_TBI1;
	CHECK_VALUE(touch(1, false, READ, used), A_VALUE, "TCR_EL1.TBI", "before %s by a PE with TBI 0", op->name);
	set(descriptor, 0);
	execute(op, op->operand == VA_RANGE ? range_for(op, 12, false, va, 0, 0, 5) : operand_for(op, 12, va, 5, 0));
	remap(descriptor, true);
	CHECK_VALUE(touch(1, false, READ, used), B_VALUE, "TLBIMatch(), J1.1.3",
		    "%s by a PE with TBI 0 for a page used with a tag, %s half", op->name, high ? "upper" : "lower");
}

/* Pairs of identifiers, ``turn`` 0 and 1: those above one after the other, then two that differ in one bit. */
static unsigned pairs(unsigned bits)
{
	return (bits == 16 ? LENGTH(identifiers) : 3) + bits;
}

static unsigned identifier(unsigned pair, unsigned turn, unsigned bits)
{
	unsigned n = bits == 16 ? LENGTH(identifiers) : 3;

	return (pair < n ? identifiers[(pair + turn) % n] : 0x5aa5 ^ (turn ? BIT(pair - n) : 0)) & (BIT(bits) - 1);
}

/* Who uses the page of a pair, by turns: EL1, EL0, EL1 with PAN; PE 0 or 1. */
struct user {
	bool el0, pan;
	unsigned pe;
};

static struct user user_of(unsigned pair)
{
	return (struct user){ .el0 = pair % 3 == 1, .pan = pair % 3 == 2 && features.pan, .pe = pair / 3 % 2 };
}

#define MSR_TTBR0_EL1 0xd5182001u /* X1 */
#define MSR_TTBR1_EL1 0xd5182021u
#define MSR_TTBR0_EL12 0xd51d2001u
#define MSR_TTBR1_EL12 0xd51d2021u
#define MSR_TCR_EL1 0xd5182041u
#define MSR_TCR_EL12 0xd51d2041u
enum who { BY_EL2, BY_EL1, BY_EL12 }; /* who names the ASID: EL2, EL1, EL2 with E2H by the name of EL12 */
static const char *const who_names[] = { "EL2", "EL1", "EL2 as EL12" };

static void name(uint64_t *known, uint64_t value, uint32_t el1, uint32_t el12, enum who who, unsigned pe)
{
	uint64_t hcr = MRS(hcr_el2);

	if (*known == value)
		return;
	if (who == BY_EL1) {
		below_instruction(pe, false, el1, value);
	} else if (who == BY_EL12 && !pe) {
		MSR(hcr_el2, hcr | HCR_E2H);
		ISB();
		at_el2(0, el12, value);
		MSR(hcr_el2, hcr);
		ISB();
	}
	*known = value; /* space_load() writes what is not there yet */
}

/* Non-global entries of one ASID are not used with another one. */
static void asids(unsigned shift, bool a1, enum who who)
{
	uint64_t *other, ttbr[2];

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
	for (unsigned i = 0; i < pairs(features.asid_bits); i++) {
		struct user user = user_of(i);

		for (unsigned turn = 0; turn < 2; turn++) {
			uint64_t asid = PLACE(TTBR_ASID, identifier(i, turn, features.asid_bits));

			space.low = (uint64_t *)ttbr[turn];
			map_s1(TARGET, 3, ipa_of(turn ? page_b : page_a),
			       PTE_AF | PTE_S1_NG | (user.pan ? 0 : PTE_S1_EL0));
			space.pstate = user.pan ? SPSR_PAN : 0;
			if (turn) {
				name(&space.ttbr1, (uint64_t)space.high | (a1 ? asid : 0), MSR_TTBR1_EL1,
				     MSR_TTBR1_EL12, who, user.pe);
				name(&space.ttbr0, ttbr[turn] | (a1 ? 0 : asid), MSR_TTBR0_EL1, MSR_TTBR0_EL12, who,
				     user.pe);
			} else {
				space.ttbr0 = ttbr[turn] | (a1 ? 0 : asid);
				space.ttbr1 = (uint64_t)space.high | (a1 ? asid : 0);
				forget();
			}
			CHECK_VALUE(touch(user.pe, user.el0, READ, TARGET), turn ? B_VALUE : A_VALUE, "D8.16, ASID",
				    "ASID %x after another one, named by %s, A1 %d, EL%d, PAN %d, PE %d, %d KB granule",
				    FIELD(asid, TTBR_ASID), who_names[who], (uint64_t)a1, (uint64_t)!user.el0,
				    (uint64_t)user.pan, (uint64_t)user.pe, (uint64_t)1 << (shift - 10));
		}
	}
}

/* Both tables keep their ASIDs, and TCR_EL1.A1 says which one it is; the page has a value for each. */
static void by_a1(unsigned shift, enum who who)
{
	for (unsigned n = 0; n < 6; n++) {
		struct user user = user_of(n);
		uint64_t attributes = PTE_AF | PTE_S1_NG | (user.pan ? 0 : PTE_S1_EL0), *descriptor;

		space_new(shift, 1, 3, true, true, false);
		space.ttbr1 |= PLACE(TTBR_ASID, 4);
		space.pstate = user.pan ? SPSR_PAN : 0;
		descriptor = map_s1(TARGET, 3, ipa_of(page_a), attributes);
		forget();
		for (unsigned turn = 0; turn < 4; turn++) {
			set(descriptor, leaf(&space.s1, 3, ipa_of(turn & 1 ? page_b : page_a), attributes));
			name(&space.tcr, (space.tcr & ~TCR_A1) | (turn & 1 ? TCR_A1 : 0), MSR_TCR_EL1, MSR_TCR_EL12,
			     who, user.pe);
			CHECK_VALUE(touch(user.pe, user.el0, READ, TARGET), turn & 1 ? B_VALUE : A_VALUE,
				    "TCR_EL1.A1, D8.16",
				    "an ASID by each TTBR, A1 in turn, by %s, turn %d, EL%d, PAN %d, PE %d, %d KB granule",
				    who_names[who], (uint64_t)turn, (uint64_t)!user.el0, (uint64_t)user.pan,
				    (uint64_t)user.pe, (uint64_t)1 << (shift - 10));
		}
	}
}

/* Entries of one VMID are not used with another one, with stage 1 on and off. */
static void vmids(unsigned shift, bool s1_on)
{
	uint64_t roots[2], ipa = 0x1230000000;
	uint64_t *first;

	space_new(shift, 1, 1, s1_on, true, false);
	if (s1_on)
		map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_NG);
	map_s2(ipa, 3, (uint64_t)page_a, PTE_AF | S2_RW);
	first = space.ipa;
	space.ipa = table_new();
	map_ram(&space.s2, space.ipa, PTE_AF | S2_RW, false);
	map_s2(ipa, 3, (uint64_t)page_b, PTE_AF | S2_RW);
	roots[0] = (uint64_t)first;
	roots[1] = (uint64_t)space.ipa;
	for (unsigned i = 0; i < pairs(features.vmid_bits); i++) {
		struct user user = user_of(i);

		if (s1_on)
			map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_NG | (user.pan ? 0 : PTE_S1_EL0));
		space.pstate = user.pan ? SPSR_PAN : 0;
		for (unsigned turn = 0; turn < 2; turn++) {
			uint64_t vmid = identifier(i, turn, features.vmid_bits);

			space.vttbr = roots[turn] | PLACE(VTTBR_VMID, vmid);
			if (!turn)
				forget();
			CHECK_VALUE(touch(user.pe, user.el0, READ, s1_on ? TARGET : ipa), turn ? B_VALUE : A_VALUE,
				    "D8.16, VMID",
				    "VMID %x after another one, stage 1 %s, EL%d, PAN %d, PE %d, %d KB granule", vmid,
				    s1_on ? "on" : "off", (uint64_t)!user.el0, (uint64_t)user.pan, (uint64_t)user.pe,
				    (uint64_t)1 << (shift - 10));
		}
	}
}

/*
 * EL1 invalidates for itself, or EL2 for it, on PE ``by``; the victim is on the same one, or on the other one for broadcasts and with
 * HCR_EL2.FB, which is EL1's.
 */
static void by_itself(unsigned shift, const struct operation *op, bool el1, unsigned by, unsigned pe, bool fb)
{
	static unsigned turn;
	uint64_t *descriptor, operand;
	struct answer a;
	uint32_t word = word_of(op, op->operand == NONE ? 31 : 1);

	space_new(shift, 3, 5, true, true, false);
	space.pstate = features.pan && turn++ % 3 == 1 ? SPSR_PAN : 0;
	if (fb)
		space.hcr |= HCR_FB;
	descriptor = map_s1(TARGET, 3, ipa_of(page_a), PTE_AF | PTE_S1_NG);
	forget();
	below_instruction(by, false, NOP, 0); /* the registers of the space on both PEs */
	CHECK_VALUE(touch(pe, false, READ, TARGET), A_VALUE, "D8.2, the walk", "before %s by EL%d", op->name,
		    (uint64_t)2 - el1);
	set(descriptor, 0);
	operand = op->operand == VA_RANGE ? range_for(op, shift, false, TARGET, 0, 1, 5) :
						    operand_for(op, shift, TARGET, 5, 0);
	a = el1 ? below_instruction(by, false, word, operand) : at_el2(by, word, operand);
	expect(DONE, a.came, "exception", "C5.5", "%s by EL%d without a trap", op->name, (uint64_t)2 - el1);
	DSB(ish);
	remap(descriptor, true);
	CHECK_VALUE(touch(pe, false, READ, TARGET), B_VALUE, fb ? "HCR_EL2.FB" : "C5.5",
		    "%s by EL%d on PE %d, victim on PE %d, FB %d, %d KB granule", op->name, (uint64_t)2 - el1,
		    (uint64_t)by, (uint64_t)pe, (uint64_t)fb, (uint64_t)1 << (shift - 10));
}

static void of_itself(unsigned shift, const struct operation *op)
{
	bool all = shift == 12; /* who executes is nothing of the granule */

	for (unsigned el1 = !all && is_for_el1(op); el1 <= is_for_el1(op); el1++)
		for (unsigned by = 0; by < (all ? PES : 1); by++) {
			by_itself(shift, op, el1, by, by, false);
			if (el1)
				by_itself(shift, op, el1, by, !by, true);
			if (op->scope != LOCAL)
				by_itself(shift, op, el1, by, !by, false);
		}
}

void check_tags(void)
{
	static const unsigned tag_bytes[] = { 0x5a, 0x80, 0xff, 0x01 };
	unsigned turn = 0;

	group("tags");
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		if (!features.granule[granule_number(shift)])
			continue;
		for (enum who who = BY_EL2; who <= (features.vhe ? BY_EL12 : BY_EL1); who++) {
			for (unsigned a1 = 0; a1 < 2; a1++)
				asids(shift, a1, who);
			by_a1(shift, who);
		}
		vmids(shift, false);
		vmids(shift, true);
		for (unsigned i = 0; i < operation_count; i++) {
			const struct operation *op = &operations[i];

			if (!is_implemented(op) || is_of_el2(op) || op_is_ipa(op))
				continue;
			of_itself(shift, op);
			if (op->operand == VA || op->operand == VA_RANGE) {
				tagged(shift, op, tag_bytes[turn % LENGTH(tag_bytes)], turn / 2 % 2, false);
				for (unsigned high = 0; shift == 12 && high < 2; high++)
					tagged(shift, op, tag_bytes[(turn + high) % LENGTH(tag_bytes)], high, true);
				turn++;
				for (unsigned high = 0; shift == 12 && op->scope != LOCAL && high < 2; high++)
					tagged_elsewhere(op, high);
			}
		}
	}
	group_end();
}
