// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: how exceptions are entered and left (DDI 0487 M.a.a, D1.3): the vector by where they come from,
 * PSTATE there, SPSR_ELx and what ERET makes of it, returns that are illegal, and where HCR_EL2.TGE and MDCR_EL2.TDE take them. EL1's
 * vectors call EL2 at once, so that ELR_EL2 tells the vector and SPSR_EL2 what PSTATE was there.
 */
#include "fine.h"

#define TARGET 0x923456780000ull
#define SVC 0xd4000001u
#define BRK 0xd4200000u
#define UDF 0x00000000u
#define ERET 0xd69f03e0u
#define NOP 0xd503201fu
#define EL0T 0x0ull
#define EL1T 0x4ull
#define EL1H 0x5ull
#define MODE_BITS (SPSR_EL | SPSR_AARCH32 | 3)

static const struct from {
	const char *name;
	uint64_t mode, vector;
} froms[] = { { "EL1 with SP_EL0", EL1T, 0x000 }, { "EL1 with SP_EL1", EL1H, 0x200 }, { "EL0", EL0T, 0x400 } };

static const struct cause {
	const char *name;
	uint32_t word;
	uint64_t esr;
} causes[] = { { "SVC", SVC | 0x35 << 5, PLACE(ESR_EC, ESR_EC_SVC) | ESR_IL | 0x35 },
	       { "BRK", BRK | 0x35 << 5, PLACE(ESR_EC, ESR_EC_BRK) | ESR_IL | 0x35 },
	       { "UDF", UDF, PLACE(ESR_EC, ESR_EC_UNKNOWN) | ESR_IL } };

/* At EL1's vector, as the call from there tells; ~0 when EL1 was not entered. */
static uint64_t vector(void)
{
	return below_is_el1(&pes[0]) ? pes[0].elr - 4 - (uint64_t)below_vectors : ~0ull;
}

static struct answer go(uint64_t spsr, uint32_t word)
{
	*(volatile uint32_t *)victim_buffer = word;
	SYNC_CODE(victim_buffer);
	return below_with(spsr, victim_buffer, 0, TARGET);
}

static void entry(const struct from *from, const struct cause *cause, uint64_t daif, bool pan, bool span)
{
	uint64_t spsr = from->mode | PLACE(SPSR_DAIF, daif) | PLACE(SPSR_NZCV, daif ^ 5) | (pan ? SPSR_PAN : 0);
	uint64_t kept = MODE_BITS | SPSR_DAIF | SPSR_NZCV | (features.pan ? SPSR_PAN : 0) | SPSR_IL, at;

	space.sctlr_off = span ? 0 : SCTLR_SPAN;
	go(spsr, cause->word);
	at = MRS(spsr_el2);
	expect(from->vector, vector(), "offset of the vector", "D1.3, vectors", "%s from %s, DAIF %x, PAN %d", cause->name, from->name, daif,
	       (uint64_t)pan);
	expect(cause->esr, MRS(esr_el1), "ESR_EL1", "ESR_EL1", "%s from %s, DAIF %x, PAN %d", cause->name, from->name, daif, (uint64_t)pan);
	expect(spsr & kept, MRS(spsr_el1) & kept, "SPSR_EL1", "SPSR_EL1", "%s from %s, DAIF %x, PAN %d", cause->name, from->name, daif, (uint64_t)pan);
	expect(EL1H | SPSR_DAIF | (features.pan && (pan || !span) ? SPSR_PAN : 0), at & kept & ~SPSR_NZCV, "PSTATE at the vector",
	       "D1.3, SCTLR_EL1.SPAN", "%s from %s, DAIF %x, PAN %d, SPAN %d", cause->name, from->name, daif, (uint64_t)pan, (uint64_t)span);
	space.sctlr_off = 0;
}

static void entries(void)
{
	static const uint64_t masks[] = { 0, 15, 2, 4, 8, 1 };

	for (unsigned f = 0; f < LENGTH(froms); f++)
		for (unsigned c = 0; c < LENGTH(causes); c++)
			for (unsigned m = 0; m < LENGTH(masks); m++)
				for (unsigned p = 0; p <= features.pan; p++)
					entry(&froms[f], &causes[c], masks[m], p, (m + c + f) % 2 || !features.pan);
}

/* ERET at EL1: what it goes to takes an SVC there. */
static void returns(void)
{
	static const uint64_t masks[] = { 0, 15, 5, 10 };

	for (unsigned f = 0; f < LENGTH(froms); f++)
		for (unsigned m = 0; m < LENGTH(masks); m++)
			for (unsigned p = 0; p <= features.pan; p++) {
				uint64_t to = froms[f].mode | PLACE(SPSR_DAIF, masks[m]) | PLACE(SPSR_NZCV, masks[LENGTH(masks) - 1 - m]) | (p ? SPSR_PAN : 0);
				uint64_t kept = MODE_BITS | SPSR_DAIF | SPSR_NZCV | SPSR_IL | (features.pan ? SPSR_PAN : 0);

				MSR(elr_el1, (uint64_t)victim_buffer + 4); /* SVC #0 */
				MSR(spsr_el1, to);
				go(SPSR_MODE_EL1H_MASKED, ERET);
				expect(froms[f].vector, vector(), "offset of the vector", "C6.2, ERET", "SVC after ERET to %s, DAIF %x, PAN %d", froms[f].name,
				       masks[m], (uint64_t)p);
				expect(to & kept, MRS(spsr_el1) & kept, "SPSR_EL1", "C6.2, ERET", "SVC after ERET to %s, DAIF %x, PAN %d", froms[f].name, masks[m],
				       (uint64_t)p);
			}
}

/* PSTATE.IL is set, the Exception level stays, and the next instruction takes the exception (D1.3, illegal exception returns). */
static void illegal_at_el1(void)
{
	static const struct {
		const char *name;
		uint64_t mode;
	} modes[] = { { "EL2", 0x9 },
		      { "EL2 with SP_EL0", 0x8 },
		      { "EL3", 0xd },
		      { "EL0 with SP_EL1", 0x1 },
		      { "mode 0x6", 0x6 },
		      { "mode 0x7", 0x7 },
		      { "AArch32 Supervisor", 0x13 } }; /* EL1 is AArch64 */

	for (unsigned i = 0; i < LENGTH(modes); i++) {
		MSR(elr_el1, (uint64_t)victim_buffer + 4);
		MSR(spsr_el1, modes[i].mode | SPSR_NZCV | PLACE(SPSR_DAIF, 10));
		go(SPSR_MODE_EL1H_MASKED, ERET);
		expect(0x200, vector(), "offset of the vector", "D1.3, illegal return", "ERET at EL1 to %s", modes[i].name);
		expect(PLACE(ESR_EC, ESR_EC_ILLEGAL_STATE) | ESR_IL, MRS(esr_el1), "ESR_EL1", "D1.3, illegal return", "ERET at EL1 to %s", modes[i].name);
		expect((uint64_t)victim_buffer + 4, MRS(elr_el1), "ELR_EL1", "D1.3, illegal return", "ERET at EL1 to %s", modes[i].name);
		expect(EL1H | SPSR_IL | SPSR_NZCV | PLACE(SPSR_DAIF, 10), MRS(spsr_el1) & (MODE_BITS | SPSR_IL | SPSR_NZCV | SPSR_DAIF), "SPSR_EL1",
		       "D1.3, illegal return", "ERET at EL1 to %s", modes[i].name);
	}
}

static void illegal_at_el2(const char *name, uint64_t mode)
{
	struct pe *pe = &pes[0];

	pe->guard = 1;
	pe->took = 0;
	below_with(mode | PLACE(SPSR_DAIF, 15), pe_illegal, 0, 0);
	pe->guard = 0;
	expect(PLACE(ESR_EC, ESR_EC_ILLEGAL_STATE) | ESR_IL, pe->took ? pe->esr : ~0ull, "ESR_EL2", "D1.3, illegal return", "ERET at EL2 to %s", name);
}

static void illegal(void)
{
	illegal_at_el1();
	illegal_at_el2("EL3", 0xd);
	illegal_at_el2("EL0 with SP_EL1", 0x1);
	illegal_at_el2("mode 0x6", 0x6);
	illegal_at_el2("AArch32 Supervisor", 0x13);
	illegal_at_el2("AArch32 Hyp", 0x1a);
	space.hcr |= HCR_TGE;
	illegal_at_el2("EL1 with HCR_EL2.TGE 1", EL1H);
	illegal_at_el2("EL1 with SP_EL0 and HCR_EL2.TGE 1", EL1T);
	space.hcr &= ~HCR_TGE;
}

/* EL0 under EL2 with E2H 0: stage 1 is off, and what EL1 would take goes to EL2. */
static void general(void)
{
	static const struct {
		const char *name;
		uint32_t word;
		uint64_t sctlr_off, esr, mask;
	} more[] = { { "MRS CTR_EL0, UCT 0", 0xd53b0021u, SCTLR_UCT, PLACE(ESR_EC, ESR_EC_SYS64), ESR_EC },
		     { "DC ZVA, DZE 0", 0xd50b7421u, SCTLR_DZE, PLACE(ESR_EC, ESR_EC_SYS64), ESR_EC },
		     { "WFI, nTWI 0", 0xd503207fu, SCTLR_NTWI, PLACE(ESR_EC, ESR_EC_WFX), ESR_EC } };

	for (unsigned tge = 0; tge < 2; tge++) {
		space.hcr |= tge ? HCR_TGE : 0;
		for (unsigned i = 0; i < LENGTH(causes); i++) {
			struct answer a = go(SPSR_MODE_EL0T_MASKED, causes[i].word);

			a.came = a.came == DONE ? TO_EL1 : a.came; /* an SVC, as causes are */
			CHECK_ESR(a, tge ? TO_EL2 : TO_EL1, 0xffffffffull, causes[i].esr, "HCR_EL2.TGE", "%s at EL0, TGE %d", causes[i].name, (uint64_t)tge);
		}
		for (unsigned i = 0; i < LENGTH(more); i++) {
			space.sctlr_off = more[i].sctlr_off;
			CHECK_ESR(go(SPSR_MODE_EL0T_MASKED, more[i].word), tge ? TO_EL2 : TO_EL1, more[i].mask, more[i].esr, "HCR_EL2.TGE", "%s at EL0, TGE %d", more[i].name,
				  (uint64_t)tge);
			space.sctlr_off = 0;
		}
		/* FEAT_IDST: a read that EL0 may not have says so, where it is of an ID register. */
		for (unsigned i = 0; BITS(MRS(s3_0_c0_c7_2), 39, 36) && i < id_count; i++) {
			uint32_t word = ACCESS_OF(ids[i].op0, ids[i].op1, ids[i].crn, ids[i].crm, ids[i].op2, 1, i % 31);

			CHECK_ESR(go(SPSR_MODE_EL0T_MASKED, word), tge ? TO_EL2 : TO_EL1, 0xffffffffull,
				  trap_syndrome(word), "FEAT_IDST", "MRS %s at EL0, TGE %d", ids[i].name, (uint64_t)tge);
		}
		{ /* CPACR_EL1's trap of floating point: its class is for EL1 */
			uint64_t cpacr = MRS(cpacr_el1);

			MSR(cpacr_el1, cpacr & ~(3ull << 20)); /* FPEN */
			CHECK_ESR(go(SPSR_MODE_EL0T_MASKED, 0x9e670020u /* FMOV D0, X1 */), tge ? TO_EL2 : TO_EL1,
				  ESR_EC | ESR_IL | (tge ? 0x1ffffff : 0),
				  PLACE(ESR_EC, tge ? ESR_EC_UNKNOWN : ESR_EC_FP) | ESR_IL,
				  "J1.1.3, AArch64.AdvSIMDFPAccessTrap()", "FMOV at EL0, CPACR_EL1.FPEN 0, TGE %d",
				  (uint64_t)tge);
			MSR(cpacr_el1, cpacr);
		}
		/* EL1's own trap comes before EL2's. */
		space.sctlr_off = SCTLR_NTWI;
		space.hcr |= HCR_TWI;
		CHECK_ESR(go(SPSR_MODE_EL0T_MASKED, 0xd503207fu), tge ? TO_EL2 : TO_EL1, ESR_EC, PLACE(ESR_EC, ESR_EC_WFX), "SCTLR_EL1.nTWI", "WFI at EL0, nTWI 0, TWI 1, TGE %d",
			  (uint64_t)tge);
		space.sctlr_off = 0;
		space.hcr &= ~(HCR_TWI | HCR_TGE);
	}
}

static void debug(void)
{
	uint64_t mdcr = MRS(mdcr_el2);
	struct answer a;

	for (unsigned tde = 0; tde < 2; tde++) {
		MSR(mdcr_el2, mdcr | (tde ? MDCR_TDE : 0));
		ISB();
		for (unsigned el0 = 0; el0 < 2; el0++)
			CHECK_ESR(go(el0 ? SPSR_MODE_EL0T_MASKED : SPSR_MODE_EL1H_MASKED, BRK | 0x77 << 5), tde ? TO_EL2 : TO_EL1, 0xffffffffull,
				  PLACE(ESR_EC, ESR_EC_BRK) | ESR_IL | 0x77, "MDCR_EL2.TDE", "BRK at EL%d, TDE %d", (uint64_t)!el0, (uint64_t)tde);
		a = below_instruction(0, false, 0xd5300241u, 0); /* MRS X1, MDSCR_EL1: TDE is TDA, too */
		expect(tde ? TO_EL2 : DONE, a.came, "exception taken", "MDCR_EL2.TDE", "MRS MDSCR_EL1 at EL1, TDE %d", (uint64_t)tde);
		MSR(mdcr_el2, mdcr);
		ISB();
	}
}

/* What an ERET that EL2 traps is called. */
static void trapped_returns(void)
{
	static const struct {
		const char *name;
		uint32_t word;
		uint64_t iss;
	} all[] = { { "ERET", ERET, 0 }, { "ERETAA", 0xd69f0bffu, 2 }, { "ERETAB", 0xd69f0fffu, 3 } };

	for (unsigned i = 0; i < (features.pauth ? 3u : 1u); i++)
		for (unsigned fine = 0; fine < 2; fine++) {
			if (fine ? !features.fgt : !features.nv)
				continue;
			space.hcr |= (fine ? 0 : HCR_NV) | (features.pauth ? HCR_API : 0);
			space.hfgitr = fine ? HFGITR_ERET : 0;
			CHECK_ESR(go(SPSR_MODE_EL1H_MASKED, all[i].word), TO_EL2, 0xffffffffull, PLACE(ESR_EC, ESR_EC_ERET) | ESR_IL | all[i].iss, "ESR_EL2.ISS of ERET",
				  "%s at EL1 with %s", all[i].name, fine ? "HFGITR_EL2.ERET" : "NV");
			expect((uint64_t)victim_buffer, pes[0].elr, "ELR_EL2", "D1.3, preferred return", "%s at EL1 with %s", all[i].name,
			       fine ? "HFGITR_EL2.ERET" : "NV");
			space.hcr &= ~(HCR_NV | HCR_API);
			space.hfgitr = 0;
		}
}

/* At EL2 after an exception from below: everything masked, its own stack pointer. */
static void at_el2_then(void)
{
	for (unsigned el0 = 0; el0 < 2; el0++) {
		go(el0 ? EL0T | SPSR_NZCV : EL1H | SPSR_NZCV, UDF);
		expect(SPSR_DAIF, MRS(daif), "DAIF", "D1.3", "at EL2 after an exception at EL%d", (uint64_t)!el0);
		expect(1, MRS(spsel), "SPSel", "D1.3", "at EL2 after an exception at EL%d", (uint64_t)!el0);
		expect(8, MRS(currentel), "CurrentEL", "D1.3", "at EL2 after an exception at EL%d", (uint64_t)!el0);
	}
}

void check_entries(void)
{
	group("entries");
	space_new(12, 1, 1, true, true, false);
	space_load();
	entries();
	returns();
	illegal();
	general();
	debug();
	trapped_returns();
	at_el2_then();
	group_end();
}
