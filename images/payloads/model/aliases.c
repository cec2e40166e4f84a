// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: which register a name is (DDI 0487 M.a.a, D8.14 and C5.1): at EL2 with E2H 1 EL1's names are EL2's registers
 * and those with EL12 and EL02 are EL1's, with E2H 0 the latter are UNDEFINED; at EL1 MIDR_EL1 and MPIDR_EL1 are what VPIDR_EL2 and
 * VMPIDR_EL2 say; and which bits of EL2's controls are kept.
 */
#include "model.h"

static const struct pair {
	const char *name;
	unsigned crn, crm, op2;
	uint64_t mine, theirs; /* EL2's value and EL1's */
	enum { PLAIN, TIMER, NO_EL2_NAME } kind;
} pairs[] = {
	{ "AFSR0", 5, 1, 0, 0, 0, PLAIN },
	{ "AFSR1", 5, 1, 1, 0, 0, PLAIN },
	{ "ESR", 5, 2, 0, 0x92000046, 0x96000007, PLAIN },
	{ "FAR", 6, 0, 0, 0x1234567890abcull, 0xfedcba0987654ull, PLAIN },
	{ "MAIR", 10, 2, 0, 0xff4400bbull, 0x0c0800ffull, PLAIN },
	{ "AMAIR", 10, 3, 0, 0, 0, PLAIN },
	{ "TTBR0", 2, 0, 0, 0x0003000041000000ull, 0x0005000042000000ull, PLAIN },
	{ "TTBR1", 2, 0, 1, 0x0004000043000000ull, 0x0006000044000000ull, PLAIN },
	{ "TCR", 2, 0, 2, 0x500353510ull, 0x580193519ull, PLAIN },
	{ "CONTEXTIDR", 13, 0, 1, 0x11112222, 0x33334444, PLAIN },
	{ "SPSR", 4, 0, 0, 0x600003c5, 0x900003c4, PLAIN },
	{ "ELR", 4, 0, 1, 0x123456788ull, 0x876543210ull, PLAIN },
	{ "VBAR", 12, 0, 0, 0, 0x48765000ull, PLAIN },
	{ "CNTP_CVAL", 2, 2, 2, 0x7111111111111111ull, 0x7222222222222222ull, TIMER },
	{ "CNTV_CVAL", 3, 3, 2, 0x7333333333333333ull, 0x7444444444444444ull, TIMER },
};

struct names {
	uint32_t el2, el1, el12; /* MRS X1; without bit 21 MSR */
};

static struct names names_of(const struct pair *p)
{
	if (p->kind == TIMER) /* CNTHP and CNTHV have their own CRm */
		return (struct names){ ACCESS(3, 4u, 14, p->crm, 2, 1), ACCESS(3, 3u, 14, p->crm, 2, 1), ACCESS(3, 5u, 14, p->crm, 2, 1) };
	return (struct names){ ACCESS(3, 4u, p->crn, p->crm, p->op2, 1), ACCESS(3, 0u, p->crn, p->crm, p->op2, 1),
			       ACCESS(3, 5u, p->crn, p->crm, p->op2, 1) };
}

#define AS_WRITE(word) ((word) & ~(1u << 21))

static void host(bool on)
{
	MSR(hcr_el2, HCR_RW | (on ? HCR_E2H : 0));
	ISB();
}

static uint64_t read(uint32_t word)
{
	struct answer a = at_el2(0, word, 0);

	return a.came == DONE ? a.x0 : ~a.esr;
}

static void one(const struct pair *p)
{
	struct names n = names_of(p);
	uint64_t kept1, kept2, mine = p->mine, theirs = p->theirs, seen[4], after[2];

	host(true);
	kept1 = read(n.el12);
	kept2 = read(n.el1);
	if (p->crn == 12) /* VBAR_EL2 stays */
		mine = kept2;
	at_el2(0, AS_WRITE(n.el12), theirs);
	at_el2(0, AS_WRITE(n.el1), mine);
	ISB();
	/* Written and read in one go, as an exception would write some of them. */
	seen[0] = read(n.el1);
	seen[1] = read(n.el12);
	seen[2] = read(n.el2);
	host(false);
	seen[3] = read(n.el1);
	after[0] = read(n.el2);
	host(true);
	at_el2(0, AS_WRITE(n.el12), kept1);
	at_el2(0, AS_WRITE(n.el1), kept2);
	host(false);
	after[1] = read(n.el12);
	expect(mine, seen[0], "value", "HCR_EL2.E2H", "MRS %s of EL1 at EL2, E2H 1: EL2's", p->name);
	expect(theirs, seen[1], "value", "HCR_EL2.E2H", "MRS %s of EL12 at EL2, E2H 1: EL1's", p->name);
	expect(mine, seen[2], "value", "HCR_EL2.E2H", "MRS %s of EL2 at EL2, E2H 1", p->name);
	expect(theirs, seen[3], "value", "HCR_EL2.E2H", "MRS %s of EL1 at EL2, E2H 0 again", p->name);
	expect(mine, after[0], "value", "HCR_EL2.E2H", "MRS %s of EL2 at EL2, E2H 0 again", p->name);
	expect(PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL, ~after[1], "ESR", "HCR_EL2.E2H", "MRS %s of EL12 at EL2, E2H 0: UNDEFINED", p->name);
}

/* Each bit that is written by a name of EL12 is EL1's, and EL2 reads it by either name. */
static void bits_of_el1(void)
{
	static const struct {
		const char *name;
		unsigned crn, crm, op2;
		uint64_t bits; /* that every implementation keeps */
	} all[] = { { "TTBR0", 2, 0, 0, 0x00ffffffffffffe0ull },
		    { "TTBR1", 2, 0, 1, 0x00ffffffffffffe0ull },
		    { "TCR", 2, 0, 2, 0x7fffffffbfull & ~BIT(35) },
		    { "FAR", 6, 0, 0, ~0ull },
		    { "ELR", 4, 0, 1, ~0ull },
		    { "MAIR", 10, 2, 0, ~0ull },
		    { "CONTEXTIDR", 13, 0, 1, 0xffffffffull },
		    { "VBAR", 12, 0, 0, 0xffffffff800ull },
		    { "ESR", 5, 2, 0, 0xffffffffull },
		    { "SPSR", 4, 0, 0, 0xf03003dfull & ~0x1full } };

	for (unsigned i = 0; i < LENGTH(all); i++) {
		uint32_t el1 = ACCESS(3, 0u, all[i].crn, all[i].crm, all[i].op2, 1),
			 el12 = ACCESS(3, 5u, all[i].crn, all[i].crm, all[i].op2, 1);
		uint64_t old = read(el1);

		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t by12, by1;

			if (!(all[i].bits & BIT(bit)))
				continue;
			host(true);
			at_el2(0, AS_WRITE(el12), BIT(bit));
			by12 = read(el12);
			host(false);
			by1 = read(el1);
			at_el2(0, AS_WRITE(el1), old);
			expect(BIT(bit), by12 & BIT(bit), "value", "HCR_EL2.E2H", "MRS %s_EL12 at EL2, bit %d",
			       all[i].name, (uint64_t)bit);
			expect(BIT(bit), by1 & BIT(bit), "value", "HCR_EL2.E2H",
			       "MRS %s_EL1 at EL2, E2H 0, bit %d by MSR %s_EL12", all[i].name, (uint64_t)bit,
			       all[i].name);
		}
	}
	ISB();
}

/* CPACR_EL1 is CPTR_EL2 then, in another form, and CNTKCTL_EL1 is CNTHCTL_EL2. */
static void forms(void)
{
	uint64_t cptr = MRS(cptr_el2), cnthctl = MRS(cnthctl_el2), cpacr = MRS(cpacr_el1), cntkctl = MRS(cntkctl_el1), seen[4];

	host(true);
	at_el2(0, ACCESS(3, 0u, 1, 0, 2, 0), 0x300000 | BIT(28)); /* CPACR_EL1: FPEN, TTA */
	seen[0] = read(ACCESS(3, 4u, 1, 1, 2, 1));
	seen[1] = read(ACCESS(3, 5u, 1, 0, 2, 1));
	at_el2(0, ACCESS(3, 0u, 14, 1, 0, 0), 0x303);
	seen[2] = read(ACCESS(3, 4u, 14, 1, 0, 1));
	seen[3] = read(ACCESS(3, 5u, 14, 1, 0, 1));
	MSR(cptr_el2, 0x300000);
	host(false);
	MSR(cptr_el2, cptr);
	MSR(cnthctl_el2, cnthctl);
	ISB();
	expect(0x300000, seen[0] & 0x300000, "CPTR_EL2", "HCR_EL2.E2H", "MSR CPACR_EL1 at EL2, E2H 1");
	expect(cpacr, seen[1], "CPACR_EL1", "HCR_EL2.E2H", "MRS CPACR_EL12 at EL2, E2H 1");
	expect(0x303, seen[2] & 0x303, "CNTHCTL_EL2", "HCR_EL2.E2H", "MSR CNTKCTL_EL1 at EL2, E2H 1");
	expect(cntkctl, seen[3], "CNTKCTL_EL1", "HCR_EL2.E2H", "MRS CNTKCTL_EL12 at EL2, E2H 1");
}

static void identity(void)
{
	static const uint64_t values[] = { 0x410fd4f1, 0x80000f03, 0x5a5a5a5a };
	uint64_t midr = MRS(midr_el1), mpidr = MRS(mpidr_el1), vpidr = MRS(vpidr_el2), vmpidr = MRS(vmpidr_el2);

	for (unsigned i = 0; i < LENGTH(values); i++) {
		uint64_t affinity = 0x80000000ull | (values[i] & 0xffffff) | (values[i] & 0xff) << 32;

		MSR(vpidr_el2, values[i]);
		MSR(vmpidr_el2, affinity);
		CHECK_VALUE(below_instruction(0, false, ACCESS(3, 0u, 0, 0, 0, 1), 0), values[i], "VPIDR_EL2", "MRS MIDR_EL1 at EL1, VPIDR_EL2 %x", values[i]);
		CHECK_VALUE(below_instruction(0, false, ACCESS(3, 0u, 0, 0, 5, 1), 0), affinity, "VMPIDR_EL2", "MRS MPIDR_EL1 at EL1, VMPIDR_EL2 %x", affinity);
		expect(midr, MRS(midr_el1), "MIDR_EL1", "VPIDR_EL2", "MRS MIDR_EL1 at EL2, VPIDR_EL2 %x", values[i]);
		expect(mpidr, MRS(mpidr_el1), "MPIDR_EL1", "VMPIDR_EL2", "MRS MPIDR_EL1 at EL2, VMPIDR_EL2 %x", affinity);
	}
	MSR(vpidr_el2, vpidr);
	MSR(vmpidr_el2, vmpidr);
}

/* Each bit of a control by itself, of those that something here depends on. */
static void bits(void)
{
	static const struct kept {
		const char *name;
		uint32_t word; /* MRS X1 */
		uint64_t bits;
		enum { EVERYBODY, NV2, FGT, HCX } needs;
	} all[] = {
		{ "HCR_EL2", ACCESS(3, 4u, 1, 1, 0, 1), 0x0000000053ff7ffdull & ~HCR_TGE, EVERYBODY },
		{ "HCR_EL2", ACCESS(3, 4u, 1, 1, 0, 1), HCR_NV | HCR_NV1 | HCR_NV2 | HCR_AT, NV2 },
		{ "VTTBR_EL2", ACCESS(3, 4u, 2, 1, 0, 1), 0x00ffffffffffffe0ull, EVERYBODY },
		{ "VTCR_EL2", ACCESS(3, 4u, 2, 1, 2, 1), 0x000000000007ffffull, EVERYBODY },
		{ "VNCR_EL2", ACCESS(3, 4u, 2, 2, 0, 1), 0x000ffffffffff000ull, NV2 },
		{ "HPFAR_EL2", ACCESS(3, 4u, 6, 0, 4, 1), 0x00000ffffffffff0ull, EVERYBODY },
		{ "FAR_EL2", ACCESS(3, 4u, 6, 0, 0, 1), ~0ull, EVERYBODY },
		{ "ELR_EL2", ACCESS(3, 4u, 4, 0, 1, 1), ~0ull, EVERYBODY },
		{ "ESR_EL2", ACCESS(3, 4u, 5, 2, 0, 1), 0xffffffffull, EVERYBODY },
		{ "TPIDR_EL2", ACCESS(3, 4u, 13, 0, 2, 1), ~0ull, EVERYBODY },
		{ "CNTVOFF_EL2", ACCESS(3, 4u, 14, 0, 3, 1), ~0ull, EVERYBODY },
		{ "HFGITR_EL2", ACCESS(3, 4u, 1, 1, 6, 1), 0x0000fffffffffcffull, FGT },
		{ "HFGRTR_EL2", ACCESS(3, 4u, 1, 1, 4, 1), 0x0000007f3f07fe0full, FGT },
		{ "HCRX_EL2", ACCESS(3, 4u, 1, 2, 2, 1), HCRX_FGTNXS | HCRX_FNXS, HCX },
		{ "TTBR0_EL1", ACCESS(3, 0u, 2, 0, 0, 1), 0x00ffffffffffffe0ull, EVERYBODY },
		{ "TTBR1_EL1", ACCESS(3, 0u, 2, 0, 1, 1), 0x00ffffffffffffe0ull, EVERYBODY },
		{ "FAR_EL1", ACCESS(3, 0u, 6, 0, 0, 1), ~0ull, EVERYBODY },
		{ "ELR_EL1", ACCESS(3, 0u, 4, 0, 1, 1), ~0ull, EVERYBODY },
		{ "MAIR_EL1", ACCESS(3, 0u, 10, 2, 0, 1), ~0ull, EVERYBODY },
	};

	for (unsigned i = 0; i < LENGTH(all); i++) {
		const struct kept *k = &all[i];
		uint64_t old;

		if ((k->needs == NV2 && !features.nv2) || (k->needs == FGT && !(features.fgt && features.tlbios && features.range && features.pan2)) || (k->needs == HCX && !(features.hcx && features.xs)))
			continue;
		old = read(k->word);
		for (unsigned bit = 0; bit < 64; bit++) {
			uint64_t seen;

			if (!(k->bits & BIT(bit)))
				continue;
			if (k->word == ACCESS(3, 4u, 13, 0, 2, 1)) { /* where the handler finds its PE: not by at_el2() */
				MSR(tpidr_el2, BIT(bit));
				seen = MRS(tpidr_el2);
				MSR(tpidr_el2, old);
			} else {
				at_el2(0, AS_WRITE(k->word), (i < 2 ? HCR_RW : 0) | BIT(bit));
				seen = read(k->word);
				at_el2(0, AS_WRITE(k->word), old);
			}
			expect(BIT(bit), seen & BIT(bit), "value", "a bit that is kept", "%s, bit %d", k->name, (uint64_t)bit);
		}
	}
	ISB();
}

void check_aliases(void)
{
	group("aliases");
	space_new(12, 1, 1, true, true, false);
	space_load();
	identity();
	bits();
	if (features.vhe) {
		for (unsigned i = 0; i < LENGTH(pairs); i++)
			one(&pairs[i]);
		forms();
		bits_of_el1();
	}
	group_end();
}
