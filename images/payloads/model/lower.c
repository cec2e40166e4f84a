// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what EL1 lets EL0 have, by SCTLR_EL1, or EL2 by SCTLR_EL2 where it is EL0's host, × where the
 * exception goes: EL1, EL2 with HCR_EL2.TGE, EL2 with {E2H,TGE} = {1,1}; pointer authentication by key; what else HCR_EL2, HCRX_EL2 and
 * MDCR_EL2 take from EL1 and EL0; the PC behind branches and returns (DDI 0487 M.a.a, D1.3, D24.2). Time: lower_time.c.
 */
#include "lower.h"

#define TARGET 0x923456780000ull
#define SCRATCH 0x2222220000ull /* as IPA and VA, with TGE too */
#define ENSCXT BIT(53) /* of HCR_EL2 */
#define HCD BIT(29)
#define TDCC BIT(27) /* of MDCR_EL2 */
#define MSCEN BIT(11) /* of HCRX_EL2 */
#define MCE2 BIT(10)

const char *const lower_regimes[] = { "EL1&0", "EL1&0 with TGE", "EL2&0" };

static struct answer run_at(uint64_t hcr, uint64_t spsr, const void *pc, uint64_t x1)
{
	struct pe *pe = &pes[0];
	struct answer a;

	pe->x[0] = -8ull; /* what is left of a copy */
	pe->x[1] = x1;
	pe->elr = (uint64_t)pc;
	pe->spsr = spsr;
	space_load();
	MSR(hcr_el2, hcr | (space.unwatched ? 0 : watch_hcr()));
	ISB();
	watched_enter(0);
	MSR(hcr_el2, space.hcr | watch_hcr()); /* EL2 reads EL1's registers with E2H 0 again */
	ISB();
	a = (struct answer){ .x0 = pe->x[1], .esr = pe->esr, .elr = pe->elr, .far = pe->far };
	a.came = below_is_done(pe) || FIELD(pe->esr, ESR_EC) == ESR_EC_SVC ? DONE : below_is_el1(pe) ? TO_EL1 : TO_EL2;
	if (a.came == TO_EL1) {
		a.esr = MRS(esr_el1);
		a.elr = MRS(elr_el1);
		a.far = MRS(far_el1);
	}
	return a;
}

struct answer lower_run(uint64_t hcr, uint64_t spsr, uint32_t word, uint64_t x1)
{
	*(volatile uint32_t *)victim_buffer = word;
	SYNC_CODE(victim_buffer);
	return run_at(hcr, spsr, victim_buffer, x1);
}

uint64_t lower_mode(bool el0)
{
	return el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED;
}

uint64_t lower_hcr(enum host host)
{
	return host == OF_HOST ? HCR_RW | HCR_E2H | HCR_TGE : space.hcr | (host == OF_TGE ? HCR_TGE : 0);
}

/* ---- SCTLR_ELx ---- */
static bool specres, tidcp1, mops;
static const struct control {
	const char *name;
	uint32_t word;
	unsigned bit;
	bool traps; /* where the bit is 1, not where it is 0 */
	const bool *needs;
} controls[] = {
	{ "MRS DAIF", 0xd53b4221, 9, false, NULL },
	{ "MSR DAIFSet", 0xd50340df, 9, false, NULL },
	{ "MSR DAIFClr", 0xd50340ff, 9, false, NULL },
	{ "CFP RCTX", 0xd50b7381, 10, false, &specres },
	{ "DC ZVA", 0xd50b7421, 14, false, NULL },
	{ "MRS CTR_EL0", 0xd53b0021, 15, false, NULL },
	{ "WFI", 0xd503207f, 16, false, NULL },
	{ "MRS SCXTNUM_EL0", 0xd53bd0e1, 20, true, &features.scxt },
	{ "IC IVAU", 0xd50b7521, 26, false, NULL },
	{ "DC CVAU", 0xd50b7b21, 26, false, NULL },
	{ "DC CVAC", 0xd50b7a21, 26, false, NULL },
	{ "DC CIVAC", 0xd50b7e21, 26, false, NULL },
	{ "DC CVAP", 0xd50b7c21, 26, false, &features.dpb },
	{ "SETP", 0x19c20401, 33, false, &mops },
	{ "MRS TPIDR2_EL0", 0xd53bd0a1, 60, false, &features.sme },
	{ "MRS S3_3_C15_C2_0", 0xd53bf201, 63, true, &tidcp1 },
};
#define ALLOWED (BIT(9) | BIT(10) | BIT(14) | BIT(15) | BIT(16) | BIT(26) | BIT(33) | BIT(60)) /* all that allow */
#define FORBIDDEN (BIT(20) | BIT(63))

static uint64_t required(const struct control *c)
{
	return c->bit == 16   ? PLACE(ESR_EC, ESR_EC_WFX) | ESR_IL
	       : c->bit == 33 ? PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL
			      : trap_syndrome(c->word);
}

static void control(const struct control *c, enum host host, bool on)
{
	uint64_t sctlr = MRS(sctlr_el2), own = (ALLOWED & ~BIT(c->bit)) | (on ? BIT(c->bit) : 0),
		 other = own ^ BIT(c->bit);
	bool trap = on == c->traps;
	struct answer a;

	if (!trap && (c->bit == 16 || c->bit == 63)) /* it would wait; it may be UNDEFINED or not */
		return;
	space.sctlr = host == OF_HOST ? other : own; /* the other regime's says the contrary */
	space.sctlr_off = ~space.sctlr & (ALLOWED | FORBIDDEN);
	MSR(sctlr_el2, (SCTLR_E2H0_RES1 & ~ALLOWED) | (host == OF_HOST ? own : other));
	ISB();
	a = lower_run(lower_hcr(host) | ENSCXT, SPSR_MODE_EL0T_MASKED, c->word,
		      host == OF_HOST ? (uint64_t)page_b : SCRATCH);
	MSR(sctlr_el2, sctlr);
	ISB();
	space.sctlr = space.sctlr_off = 0;
	if (trap)
		CHECK_ESR(a, host == OF_EL1 ? TO_EL1 : TO_EL2, c->bit == 16 ? ESR_EC : 0xffffffffull,
			  c->bit == 16 ? required(c) & ESR_EC : required(c), "SCTLR_ELx",
			  "%s at EL0 of %s, bit %d of SCTLR_ELx is %d", c->name, lower_regimes[host], (uint64_t)c->bit,
			  (uint64_t)on);
	else
		expect(DONE, a.came, "exception taken", "SCTLR_ELx", "%s at EL0 of %s, bit %d of SCTLR_ELx is %d",
		       c->name, lower_regimes[host], (uint64_t)c->bit, (uint64_t)on);
}

static void of_el0(void)
{
	uint64_t hcrx = features.hcx ? MRS(s3_4_c1_c2_2) : 0;

	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx | (mops ? MSCEN : 0));
	if (features.fgt && features.sme) {
		MSR(s3_4_c1_c1_4, BIT(55)); /* HFGRTR_EL2.nTPIDR2_EL0 */
		ISB();
	}
	map_s1(SCRATCH, 3, SCRATCH, PTE_AF | PTE_S1_EL0);
	map_s2(SCRATCH, 3, (uint64_t)page_b, PTE_AF | S2_RW);
	forget();
	for (enum host host = 0; host < HOSTS; host++)
		for (unsigned i = 0; (host != OF_HOST || features.vhe) && i < LENGTH(controls); i++)
			for (unsigned on = 0; has(controls[i].needs) && on < 2; on++)
				control(&controls[i], host, on);
	if (features.fgt && features.sme)
		MSR(s3_4_c1_c1_4, 0);
	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx);
	ISB();
	pages_fill();
	for (unsigned n = 0; n < 8; n++) { /* DCZID_EL0 says whether DC ZVA is there for whom asks */
		bool el0 = n & 1, dze = n & 2, tdz = n & 4;
		struct answer a;

		space.sctlr = dze ? SCTLR_DZE : 0;
		space.sctlr_off = dze ? 0 : SCTLR_DZE;
		a = lower_run(space.hcr | (tdz ? HCR_TDZ : 0), lower_mode(el0), 0xd53b00e1u, 0);
		space.sctlr = space.sctlr_off = 0;
		a.x0 = BITS(a.x0, 4, 4);
		CHECK_VALUE(a, tdz || (el0 && !dze), "DCZID_EL0.DZP", "MRS DCZID_EL0 at EL%d, DZE %d, TDZ %d",
			    (uint64_t)!el0, (uint64_t)dze, (uint64_t)tdz);
	}
	for (unsigned n = 0; features.pmu && n < 4; n++) {
		struct answer a;

		MSR(pmuserenr_el0, n & 1);
		ISB();
		a = lower_run(lower_hcr(n & 2 ? OF_TGE : OF_EL1), SPSR_MODE_EL0T_MASKED, 0xd53b9c21u,
			      0); /* MRS X1, PMCNTENSET_EL0 */
		MSR(pmuserenr_el0, 0);
		if (n & 1)
			expect(DONE, a.came, "exception taken", "PMUSERENR_EL0.EN",
			       "MRS PMCNTENSET_EL0 at EL0, TGE %d, EN 1", (uint64_t)(n >> 1));
		else
			CHECK_ESR(a, n & 2 ? TO_EL2 : TO_EL1, 0xffffffffull, trap_syndrome(0xd53b9c21u),
				  "PMUSERENR_EL0.EN", "MRS PMCNTENSET_EL0 at EL0, TGE %d, EN 0", (uint64_t)(n >> 1));
	}
}

/* ---- pointer authentication: SCTLR_EL1 by key, HCR_EL2.API by Exception level ---- */
#define ENABLES (BIT(31) | BIT(30) | BIT(27) | BIT(13))

static void key(const char *name, uint32_t word, uint64_t bit, bool el0, bool api, unsigned enables)
{
	static const char *const which[] = { "its own enable alone", "all enables but its own", "no enable",
					     "all enables" };
	bool on = !bit || !enables || enables == 3, changed = false;
	struct answer a;

	space.sctlr = enables == 0 ? bit : enables == 1 ? ENABLES & ~bit : enables == 2 ? 0 : ENABLES;
	space.sctlr_off = ENABLES & ~space.sctlr;
	for (uint64_t address = 1; address < 9; address++) { /* that the codes of all are 0 is not to be */
		a = lower_run(space.hcr | (api ? HCR_API : 0), lower_mode(el0), word, address << 12);
		changed |= a.came == DONE && a.x0 != address << 12;
	}
	space.sctlr = space.sctlr_off = 0;
	if (on && !api) {
		CHECK_ESR(a, TO_EL2, 0xffffffffull, PLACE(ESR_EC, ESR_EC_PAUTH) | ESR_IL, "HCR_EL2.API",
			  "%s at EL%d, API 0, %s", name, (uint64_t)!el0, which[enables]);
		return;
	}
	expect(DONE, a.came, "exception taken", "HCR_EL2.API", "%s at EL%d, API %d, %s", name, (uint64_t)!el0,
	       (uint64_t)api, which[enables]);
	expect(on, changed, "whether there is a code", "SCTLR_EL1.{EnIA,EnIB,EnDA,EnDB}", "%s at EL%d, API %d, %s",
	       name, (uint64_t)!el0, (uint64_t)api, which[enables]);
}

static void keys(void)
{
	static const struct {
		const char *name;
		uint32_t word; /* X1, X0 */
		uint64_t bit;
	} all[] = { { "PACIA", 0xdac10001, BIT(31) },
		    { "PACIB", 0xdac10401, BIT(30) },
		    { "PACDA", 0xdac10801, BIT(27) },
		    { "PACDB", 0xdac10c01, BIT(13) },
		    { "PACGA", 0x9ac03021, 0 } };

	MSR(s3_0_c2_c1_0, 0x123456789abcdefull); /* APIAKeyLo_EL1 and its like */
	MSR(s3_0_c2_c1_2, 0x23456789abcdef1ull);
	MSR(s3_0_c2_c2_0, 0x3456789abcdef12ull);
	MSR(s3_0_c2_c2_2, 0x456789abcdef123ull);
	MSR(s3_0_c2_c3_0, 0x56789abcdef1234ull);
	ISB();
	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned n = 0; n < 16; n++)
			if (all[i].bit || n < 4)
				key(all[i].name, all[i].word, all[i].bit, n & 1, n & 2, n >> 2);
}

/* ---- what else is EL2's ---- */
/* EL1 cannot come back by HVC: its vectors are where stage 2 has nothing. */
static void calls(void)
{
	uint64_t vbar = MRS(vbar_el1);

	space_new(12, 1, 1, false, true, false);
	for (unsigned hcd = 0; hcd < 2; hcd++) {
		MSR(vbar_el1, TARGET);
		ISB();
		lower_run(space.hcr | (hcd ? HCD : 0), SPSR_MODE_EL1H_MASKED, 0xd4000002u | 0x77 << 5, 0);
		MSR(vbar_el1, vbar);
		ISB();
		expect(hcd ? abort_class(EXECUTE, false) : PLACE(ESR_EC, ESR_EC_HVC), pes[0].esr & ESR_EC, "ESR_EL2.EC",
		       "HCR_EL2.HCD", "HVC at EL1, HCD %d", (uint64_t)hcd);
		if (hcd) {
			expect(PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL, MRS(esr_el1), "ESR_EL1",
			       "HCR_EL2.HCD: UNDEFINED", "HVC at EL1, HCD 1");
			expect((uint64_t)victim_buffer, MRS(elr_el1), "ELR_EL1", "HCR_EL2.HCD: UNDEFINED",
			       "HVC at EL1, HCD 1");
		}
	}
	space_new(12, 1, 1, true, true, false);
}

/* A copy that goes on as another kind of implementation would: of PSTATE.C 0 and 1 one raises the exception. */
static void copies(void)
{
	uint64_t hcrx = MRS(s3_4_c1_c2_2);

	space.sctlr = BIT(33); /* MSCEn */
	for (unsigned n = 0; n < 8; n++) {
		bool el0 = n & 1, mce2 = n & 2, tge = n & 4, raised = false;
		enum came to = tge || (mce2 && !el0) ? TO_EL2 : TO_EL1;

		if (tge && !el0) /* EL1 is not there */
			continue;
		MSR(s3_4_c1_c2_2, MSCEN | (mce2 ? MCE2 : 0));
		ISB();
		for (unsigned carry = 0; carry < 2; carry++) {
			/* SETM [X1]!, X0!, X2 */
			struct answer a =
				lower_run(space.hcr | (tge ? HCR_TGE : 0), lower_mode(el0) | (carry ? BIT(29) : 0),
					  0x19c24401u, (uint64_t)page_b);

			if (a.came == DONE)
				continue;
			raised = true;
			CHECK_ESR(a, to, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_MEMORY_OPERATION) | ESR_IL,
				  "HCRX_EL2.MCE2", "SETM at EL%d with PSTATE.C of another kind, MCE2 %d, TGE %d",
				  (uint64_t)!el0, (uint64_t)mce2, (uint64_t)tge);
		}
		expect(true, raised, "whether it is raised", "D1.3, memory copy exceptions",
		       "SETM at EL%d with PSTATE.C of another kind, MCE2 %d, TGE %d", (uint64_t)!el0, (uint64_t)mce2,
		       (uint64_t)tge);
	}
	space.sctlr = 0;
	MSR(s3_4_c1_c2_2, hcrx);
	ISB();
}

/* The debug channel, which MDCR_EL2.TDCC has without TDA, and TDE and HCR_EL2.TGE like TDA. */
static void channel(void)
{
	static const struct {
		const char *name;
		uint32_t word; /* MRS X1 */
		bool read_only, el0;
	} all[] = { { "MDCCSR_EL0", 0xd5330101, true, true },
		    { "OSDTRRX_EL1", 0xd5300041, false, false },
		    { "OSDTRTX_EL1", 0xd5300341, false, false },
		    { "MDCCINT_EL1", 0xd5300201, false, false },
		    { "MDSCR_EL1", 0xd5300241, false, false } }; /* is not of it */
	static const struct by {
		const char *name;
		uint64_t mdcr, hcr;
	} controls_of_it[] = { { "none", 0, 0 },
			       { "TDCC", TDCC, 0 },
			       { "TDA", MDCR_TDA, 0 },
			       { "TDE", MDCR_TDE, 0 },
			       { "HCR_EL2.TGE", 0, HCR_TGE } };
	uint64_t mdcr = MRS(mdcr_el2);

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned n = 0; n < 4 * LENGTH(controls_of_it); n++) {
			const struct by *by = &controls_of_it[n / 4];
			bool read = n & 1, el0 = n & 2, trap = n >= 4 && (by->mdcr != TDCC || i + 1 < LENGTH(all));
			uint32_t word = read ? all[i].word : all[i].word & ~BIT(21);
			struct answer a;

			if ((!read && all[i].read_only) || (el0 ? !all[i].el0 : by->hcr))
				continue;
			MSR(mdcr_el2, mdcr | by->mdcr);
			ISB();
			a = lower_run(space.hcr | by->hcr, lower_mode(el0), word, 0);
			MSR(mdcr_el2, mdcr);
			ISB();
			if (trap)
				CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "MDCR_EL2.{TDCC,TDA,TDE}",
					  "%s %s at EL%d by %s", read ? "MRS" : "MSR", all[i].name, (uint64_t)!el0,
					  by->name);
			else
				expect(DONE, a.came, "exception taken", "MDCR_EL2.{TDCC,TDA,TDE}", "%s %s at EL%d by %s",
				       read ? "MRS" : "MSR", all[i].name, (uint64_t)!el0, by->name);
		}
}

/* WFIT of X1, which lies far ahead; the register's number is in the syndrome, since ID_AA64ISAR2_EL1.WFxT is 2. */
static void waits(void)
{
	for (unsigned n = 0; n < 4; n++) {
		bool el0 = n & 1, by_el1 = el0 && n & 2;
		struct answer a;

		space.sctlr = SCTLR_NTWI;
		space.sctlr_off = by_el1 ? SCTLR_NTWI : 0;
		a = lower_run(space.hcr | HCR_TWI, lower_mode(el0), 0xd5031021u, ~0ull >> 2);
		space.sctlr = space.sctlr_off = 0;
		CHECK_ESR(a, by_el1 ? TO_EL1 : TO_EL2, ESR_EC | ESR_IL | 3, PLACE(ESR_EC, ESR_EC_WFX) | ESR_IL | 2,
			  "ISS of WFIT", "WFIT at EL%d with TWI, nTWI %d", (uint64_t)!el0, (uint64_t)!by_el1);
		CHECK_ESR(a, by_el1 ? TO_EL1 : TO_EL2, 0x1full << 5 | BIT(2), 1ull << 5 | BIT(2), "ISS.{RN,RV} of WFIT",
			  "WFIT at EL%d with TWI, nTWI %d: its register", (uint64_t)!el0, (uint64_t)!by_el1);
	}
}

/* ---- the PC ---- */
/* A branch or a return to a tagged address where nothing is: FAR and ELR tell the PC. */
static void tagged_pc(bool high, bool el0, bool tbi, bool tbid, unsigned how)
{
	static const char *const names[] = { "BR", "BLR", "RET", "ERET of EL2" };
	static const uint32_t words[] = { 0xd61f0020, 0xd63f0020, 0xd65f0020 };
	uint64_t to = (high ? HIGH | TARGET : TARGET) ^ 0x5aull << 56, pc;
	struct answer a;

	space.tcr &= ~(TCR_TBI0 | TCR_TBI1 | TCR_TBID0 | TCR_TBID1);
	space.tcr |= (tbi    ? high ? TCR_TBI1 : TCR_TBI0
		      : high ? TCR_TBI0
			     : TCR_TBI1) |
		     (tbid ? high ? TCR_TBID1 : TCR_TBID0 : 0);
	pc = tbi && !tbid ? (uint64_t)((int64_t)(to << 8) >> 8) : to;
	a = how == 3 ? run_at(space.hcr, lower_mode(el0), (const void *)to, 0)
		     : lower_run(space.hcr, lower_mode(el0), words[how], to);
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f, abort_class(EXECUTE, !el0) | TRANSLATION, "D1.3, AArch64.BranchAddr()",
		  "%s to a tagged address of the %s half at EL%d, TBI %d, TBID %d", names[how],
		  high ? "upper" : "lower", (uint64_t)!el0, (uint64_t)tbi, (uint64_t)tbid);
	expect(pc, a.elr, "ELR_EL1", "D1.3, AArch64.BranchAddr()",
	       "%s to a tagged address of the %s half at EL%d, TBI %d, TBID %d", names[how], high ? "upper" : "lower",
	       (uint64_t)!el0, (uint64_t)tbi, (uint64_t)tbid);
	expect(pc, a.far, "FAR_EL1", "D1.3, AArch64.BranchAddr()",
	       "%s to a tagged address of the %s half at EL%d, TBI %d, TBID %d", names[how], high ? "upper" : "lower",
	       (uint64_t)!el0, (uint64_t)tbi, (uint64_t)tbid);
}

static void misaligned_pc(bool el0, bool tge, unsigned by)
{
	uint64_t to = (uint64_t)victim_buffer + 0x40 + by;
	struct answer a = lower_run(space.hcr | (tge ? HCR_TGE : 0), lower_mode(el0), 0xd61f0020u, to);

	CHECK_ESR(a, tge ? TO_EL2 : TO_EL1, 0xffffffffull, PLACE(ESR_EC, ESR_EC_PC_ALIGNMENT) | ESR_IL,
		  "D1.3, PC alignment", "BR to an address + %d at EL%d, TGE %d", (uint64_t)by, (uint64_t)!el0,
		  (uint64_t)tge);
	expect(to, a.elr, "ELR_ELx", "D1.3, PC alignment", "BR to an address + %d at EL%d, TGE %d", (uint64_t)by,
	       (uint64_t)!el0, (uint64_t)tge);
	expect(to, a.far, "FAR_ELx", "D1.3, PC alignment", "BR to an address + %d at EL%d, TGE %d", (uint64_t)by,
	       (uint64_t)!el0, (uint64_t)tge);
}

static void counters_of_pc(void)
{
	for (unsigned n = 0; n < 64; n++)
		if (features.pauth || !(n & 8))
			tagged_pc(n & 1, n & 2, n & 4, n & 8, n >> 4);
	space.tcr &= ~(TCR_TBI0 | TCR_TBI1 | TCR_TBID0 | TCR_TBID1);
	for (unsigned by = 1; by < 4; by++)
		for (unsigned n = 0; n < 3; n++)
			misaligned_pc(n, n == 2, by);
}

/* ---- what stays behind an abort, and the monitor ---- */
/* An access with write-back that aborts leaves its base as it was. */
static void bases(void)
{
	static const struct {
		const char *name;
		uint32_t word; /* of X0, [X1] */
	} all[] = { { "LDR X0, [X1], #8", 0xf8408420 },	     { "LDR X0, [X1, #8]!", 0xf8408c20 },
		    { "STR X0, [X1], #8", 0xf8008420 },	     { "STR X0, [X1, #8]!", 0xf8008c20 },
		    { "LDRB W0, [X1], #1", 0x38401420 },     { "STRH W0, [X1, #2]!", 0x78002c20 },
		    { "LDP X0, X2, [X1], #16", 0xa8c10820 }, { "LDP X0, X2, [X1, #16]!", 0xa9c10820 },
		    { "STP X0, X2, [X1], #16", 0xa8810820 }, { "STP X0, X2, [X1, #16]!", 0xa9810820 } };

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned n = 0; n < 4; n++) {
			bool el0 = n & 1, stage2 = n & 2;
			struct answer a;

			set(descriptor_s1(TARGET, 3), stage2 ? leaf(&space.s1, 3, 0x1234560000, PTE_AF | PTE_S1_EL0) : 0);
			set(descriptor_s2(0x1234560000, 3), 0);
			forget();
			a = lower_run(space.hcr, lower_mode(el0), all[i].word, TARGET + 0x40);
			CHECK_ESR(a, stage2 ? TO_EL2 : TO_EL1, ESR_EC | 0x3f,
				  abort_class(READ, !stage2 && !el0) | TRANSLATION | 3, "D1.3",
				  "%s at EL%d, stage %d fault", all[i].name, (uint64_t)!el0, (uint64_t)1 + stage2);
			expect(TARGET + 0x40, a.x0, "X1", "D1.3, write-back of an access that aborts",
			       "%s at EL%d, stage %d fault", all[i].name, (uint64_t)!el0, (uint64_t)1 + stage2);
		}
	set(descriptor_s1(TARGET, 3), 0);
	forget();
}

/* ERET takes the local monitor: an exclusive store behind it fails. Without, it succeeds in the end. */
static void monitor(void)
{
	static const uint32_t between[] = { 0xd503201f,
					    0xd4000022 }; /* NOP; HVC #1, from which EL2 returns to the next instruction */
	volatile uint32_t *code = (volatile uint32_t *)victim_buffer;

	for (unsigned n = 0; n < 4; n++) {
		bool el0 = n & 1, back = n & 2;
		struct answer a;
		uint64_t failed = 1;

		if (el0 && back)
			continue;
		for (unsigned tries = 0; failed && tries < (back ? 1u : 16u); tries++) {
			code[0] = 0xc85f7c22; /* LDXR X2, [X1] */
			code[1] = between[back];
			code[2] = 0xc8007c22; /* STXR W0, X2, [X1] */
			code[3] = 0xaa0003e1; /* MOV X1, X0 */
			code[4] = 0xd4000001; /* SVC #0 */
			SYNC_CODE(victim_buffer);
			set(descriptor_s1(TARGET, 3),
			    leaf(&space.s1, 3, ipa_of(page_b), PTE_AF | (el0 ? PTE_S1_EL0 : 0)));
			forget();
			a = run_at(space.hcr, lower_mode(el0), victim_buffer, TARGET);
			if (back && FIELD(pes[0].esr, ESR_EC) == ESR_EC_HVC) {
				pes[0].x[0] = 0;
				pes[0].spsr = lower_mode(el0);
				watched_enter(0);
				a.came = below_is_done(&pes[0]) ? DONE : TO_EL2;
				a.x0 = pes[0].x[1];
			}
			failed = a.x0;
		}
		CHECK_VALUE(a, back, "C6.2, ERET; B2.17", "STXR at EL%d %s", (uint64_t)!el0,
			    back ? "behind an exception to EL2 and ERET" : "behind LDXR");
	}
	code[1] = 0xd4000001;
	set(descriptor_s1(TARGET, 3), 0);
	forget();
}

void check_lower(void)
{
	uint64_t isar2 = MRS(s3_0_c0_c6_2);

	specres = BITS(MRS(id_aa64isar1_el1), 43, 40);
	tidcp1 = BITS(MRS(id_aa64mmfr1_el1), 55, 52);
	mops = BITS(isar2, 19, 16);
	group("lower");
	space_new(12, 1, 1, true, true, false);
	of_el0();
	if (features.pauth)
		keys();
	if (mops && features.hcx)
		copies();
	if (features.fgt)
		channel();
	if (BITS(isar2, 3, 0) == 2)
		waits();
	lower_time();
	if (features.granule[0]) {
		if (features.gcs && features.hcx)
			lower_stacks();
		counters_of_pc();
		bases();
		monitor();
	}
	if (!BITS(MRS(id_aa64pfr0_el1), 15, 12)) /* without EL3 */
		calls();
	group_end();
}
