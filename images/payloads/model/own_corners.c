// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: corners of EL2's own regimes (DDI 0487 M.a.a, D8.2, D8.16): ASIDs of EL2&0 in turn by
 * TCR_EL2.A1, addresses beyond the PA size with the MMU off, AT for both stages with TGE, LDTR and STTR of EL2.
 */
#include "pa_size.h"
#include "regimes.h"

#define TARGET 0x923456780000ull
#define LOAD 0xf9400021u /* LDR X1, [X1] */
#define TURNS 36 /* two ASIDs, and then each bit of one by itself */

/* The upper half by one table or the other, each with an ASID of its own, which no operation takes meanwhile. */
static void asids(bool a1)
{
	uint64_t values[TURNS], *roots[2];

	own_new(true, 12);
	for (unsigned i = 0; i < 2; i++) {
		own.roots[1] = roots[i] = root_new(&own.g);
		set(own_descriptor(HIGH | TARGET, 3),
		    leaf(&own.g, 3, (uint64_t)(i ? page_b : page_a), PTE_AF | PTE_S1_NG));
	}
	own.tcr |= a1 ? TCR_A1 : 0;
	own_on();
	for (unsigned turn = 0; turn < TURNS; turn++) {
		unsigned bit = turn / 2 % features.asid_bits;
		uint64_t asid = PLACE(TTBR_ASID,
				      turn < 4 ? 3 + (turn & 1)
					       : (0x5aa5 ^ (turn & 1 ? BIT(bit) : 0)) & (BIT(features.asid_bits) - 1));

		MSR(ttbr0_el2, (uint64_t)own.roots[0] | (a1 ? 0 : asid));
		MSR(s3_4_c2_c0_1, (uint64_t)roots[turn & 1] | (a1 ? asid : 0)); /* TTBR1_EL2 */
		ISB();
		pe_load(&pes[0], HIGH | TARGET, &values[turn]);
	}
	own_off();
	for (unsigned turn = 0; turn < TURNS; turn++)
		expect(turn & 1 ? B_VALUE : A_VALUE, values[turn], "value", "D8.16, ASID",
		       "EL2&0, ASIDs in turn, A1 %d, turn %d", (uint64_t)a1, (uint64_t)turn);
}

/* Both tables keep their ASIDs, and TCR_EL2.A1 says which one it is; the page has a value for each. */
static void by_a1(void)
{
	uint64_t values[4], tcr;

	own_new(true, 12);
	own_on();
	tcr = MRS(tcr_el2) & ~TCR_A1;
	MSR(ttbr0_el2, (uint64_t)own.roots[0] | PLACE(TTBR_ASID, 3));
	MSR(s3_4_c2_c0_1, (uint64_t)own.roots[1] | PLACE(TTBR_ASID, 4)); /* TTBR1_EL2 */
	for (unsigned turn = 0; turn < LENGTH(values); turn++) {
		set(own_descriptor(HIGH | TARGET, 3),
		    leaf(&own.g, 3, (uint64_t)(turn & 1 ? page_b : page_a), PTE_AF | PTE_S1_NG));
		MSR(tcr_el2, tcr | (turn & 1 ? TCR_A1 : 0));
		ISB();
		pe_load(&pes[0], HIGH | TARGET, &values[turn]);
	}
	own_off();
	for (unsigned turn = 0; turn < LENGTH(values); turn++)
		expect(turn & 1 ? B_VALUE : A_VALUE, values[turn], "value", "TCR_EL2.A1, D8.16",
		       "EL2&0, an ASID by each TTBR, A1 in turn, turn %d", (uint64_t)turn);
}

/* With the MMU off an address is one of memory; beyond the PA size it faults, but for a tag. */
static void beyond(bool e2h)
{
	for (unsigned bit = features.pa_bits; bit <= 64; bit++) {
		bool tag = bit == 64;
		struct answer a;

		own_new(e2h, 12);
		if (tag)
			own.tcr |= e2h ? TCR_TBI0 : TCR_E2H0_TBI;
		own_registers();
		a = at_el2(0, LOAD, (uint64_t)page_a | (tag ? 0x5aull << 56 : BIT(bit)));
		own_off();
		if (tag)
			CHECK_VALUE(a, A_VALUE, "D8.2, TCR_EL2.TBI", "MMU off, a tagged address, TBI 1, E2H %d",
				    (uint64_t)e2h);
		else
			CHECK_ESR(a, TO_EL2_AT_EL2, ESR_EC | 0x3f, abort_class(READ, true) | ADDRESS_SIZE,
				  "D8.2, stage 1 off", "MMU off, address bit %d, E2H %d", (uint64_t)bit, (uint64_t)e2h);
	}
}

/* Where EL2 goes by BR or by ERET to an address that is none: FAR_EL2 is the PC, without the tag where TBI is 1. */
static void branch(bool e2h, bool tbi, bool upper, bool eret)
{
	uint64_t to = 0x5a * BIT(56) | BIT(upper ? 55 : 54) | 0x1000, wanted = to;
	struct pe *pe = &pes[0];

	if (tbi) /* one half: the tag is 0; two halves: it is the sign */
		wanted = e2h && upper ? to | 0xff * BIT(56) : to & (BIT(56) - 1);
	own_new(e2h, 12);
	own.tcr |= !tbi ? 0 : e2h ? TCR_TBI0 | TCR_TBI1 : TCR_E2H0_TBI;
	own_registers();
	pe->took = pe->far = 0;
	__asm__ volatile("adr x9, 1f\n\tstr x9, [%1]\n\tcbnz %2, 2f\n\tbr %0\n"
			 "2:\n\tmsr elr_el2, %0\n\tmsr spsr_el2, %3\n\tisb\n\teret\n"
			 "1:\n\tstr xzr, [%1]"
			 :
			 : "r"(to), "r"(&pe->guard), "r"((uint64_t)eret), "r"((uint64_t)(9 | PLACE(SPSR_DAIF, 15)))
			 : "x9", "x16", "x17", "memory");
	own_off();
	expect(wanted, pe->took ? pe->far : 0, "FAR_EL2", "D8.9, tagged addresses", "%s at EL2 to bit %d, TBI %d, E2H %d",
	       eret ? "ERET" : "BR", (uint64_t)(upper ? 55 : 54), (uint64_t)tbi, (uint64_t)e2h);
}

/* LDTR and STTR of EL2 are EL0's accesses with {E2H,TGE} = {1,1} and PSTATE.UAO 0, and else its own. */
static void unprivileged(unsigned n)
{
	bool tge = n & 1, uao = n & 2, user = n & 4, write = n & 8, pan = n & 16, as_el0 = tge && !uao;
	bool denied = as_el0 ? !user : user && pan;
	struct answer a;

	if ((uao && !features.uao) || (pan && !features.pan))
		return;
	own_new(true, 12);
	set(own_descriptor(TARGET, 3), leaf(&own.g, 3, (uint64_t)page_b, PTE_AF | (user ? PTE_S1_EL0 : 0)));
	own_on();
	MSR(hcr_el2, HCR_RW | HCR_E2H | (tge ? HCR_TGE : 0));
	ISB();
	forget();
	if (uao)
		__asm__ volatile(".inst 0xd500417f" ::: "memory"); /* MSR UAO, #1 */
	if (pan)
		set_pan(true);
	a = at_el2(0, write ? 0xf8000821u : 0xf8400821u, TARGET); /* STTR and LDTR X1, [X1] */
	if (pan)
		set_pan(false);
	if (uao)
		__asm__ volatile(".inst 0xd500407f" ::: "memory");
	own_off();
	if (denied)
		CHECK_ESR(a, TO_EL2_AT_EL2, ESR_EC | 0x3f | ESR_WNR,
			  abort_class(write, true) | PERMISSION | 3 | (write ? ESR_WNR : 0),
			  "J1.1.4, AArch64.IsUnprivAccessPriv()", "%s at EL2, TGE %d, UAO %d, PAN %d, page of EL0 %d",
			  write ? "STTR" : "LDTR", (uint64_t)tge, (uint64_t)uao, (uint64_t)pan, (uint64_t)user);
	else
		expect(DONE, a.came, "exception taken", "J1.1.4, AArch64.IsUnprivAccessPriv()",
		       "%s at EL2, TGE %d, UAO %d, PAN %d, page of EL0 %d", write ? "STTR" : "LDTR", (uint64_t)tge,
		       (uint64_t)uao, (uint64_t)pan, (uint64_t)user);
}

/* AT for both stages is for EL1&0 even then. With TGE 1 SCTLR_EL1.M and HCR_EL2.VM count as 0: the address stays what it was. */
static void both_stages(bool tge)
{
	for (unsigned n = 0; n < 4; n++) {
		uint64_t va = 0x2222220000ull, par;

		space_new(12, 1, 1, true, true, false);
		map_s1(va, 3, ipa_of(page_a), PTE_AF | PTE_S1_EL0);
		forget();
		space_load();
		MSR(hcr_el2, space.hcr | HCR_E2H | (tge ? HCR_TGE : 0));
		ISB();
		par = translated(AT_S12E1(n >= 2, n & 1), va);
		MSR(hcr_el2, space.hcr);
		ISB();
		expect(tge ? va : (uint64_t)page_a, par & (PAR_F | PAR_PA), "PAR_EL1", "J1.1.4, S1Enabled(); HCR_EL2.VM",
		       "AT S12E%d%s with E2H 1, TGE %d", (uint64_t)(n < 2), n & 1 ? "W" : "R", (uint64_t)tge);
	}
}

/* The last output that PS allows, and the first that it does not. */
static void outputs(bool e2h)
{
	uint64_t ps = e2h ? PLACE(TCR_IPS, 7) : PLACE(TCR_E2H0_PS, 7);

	own_new(e2h, 12);
	for (unsigned n = 0; pa_sizes[n] <= 48 && pa_sizes[n] <= features.pa_bits; n++)
		for (unsigned beyond = 0; beyond < 2 && pa_sizes[n] - 1 + beyond < 48; beyond++) {
			uint64_t output = BIT(pa_sizes[n] - 1 + beyond);

			own.tcr = (own.tcr & ~ps) | (e2h ? PLACE(TCR_IPS, n) : PLACE(TCR_E2H0_PS, n));
			set(own_descriptor(TARGET, 3), leaf(&own.g, 3, output, PTE_AF));
			expect(beyond ? PAR_F | (uint64_t)(ADDRESS_SIZE | 3) << 1 : output,
			       own_at(false, false, TARGET) & (beyond ? PAR_F | PAR_FST : PAR_F | PAR_PA), "PAR_EL1",
			       "TCR_EL2.PS", "AT S1E2R, E2H %d, output bit %d, PS %d", (uint64_t)e2h,
			       (uint64_t)pa_sizes[n] - 1 + beyond, (uint64_t)n);
		}
}

void own_corners(void)
{
	for (unsigned e2h = 0; e2h <= features.vhe; e2h++)
		outputs(e2h);
	for (unsigned e2h = 0; e2h <= features.vhe; e2h++)
		beyond(e2h);
	for (unsigned n = 0; n < (features.vhe ? 16u : 8u); n++)
		branch(n & 8, n & 4, n & 2, n & 1);
	for (unsigned a1 = 0; features.vhe && a1 < 2; a1++)
		asids(a1);
	if (features.vhe)
		by_a1();
	for (unsigned tge = 0; features.vhe && tge < 2; tge++)
		both_stages(tge);
	for (unsigned n = 0; features.vhe && features.granule[0] && n < 32; n++)
		unprivileged(n);
	pages_fill();
}
