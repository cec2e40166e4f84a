// SPDX-License-Identifier: GPL-2.0-only
/*
 * What L1 traps of L2 beside its own translation (families/trap.c, families/trap_sys.c): identification registers, debug registers,
 * timers, SIMD&FP, WFI, SMC, TCR2_EL1, LORegions, the Debug Communications Channel, Performance Monitors, and each register of EL1 that FEAT_FGT has a bit for, read and written. A case is one bit of
 * HCR_EL2, HCRX_EL2, HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2, HDFGWTR_EL2, CPTR_EL2, MDCR_EL2 or CNTHCTL_EL2: its instructions arrive
 * at vEL2 with their syndrome; the same register in the other direction, and some of the rest, execute (Arm ARM DDI 0487 M.a.a, D24.2).
 * nvhe-trap-control: CPTR_EL2 and CNTHCTL_EL2 as they are without E2H.
 */
#include "families/families.h"
#include "families/registers.h"

/* The field of an MSR or MRS, and of its trap's syndrome. */
#define WORD(op0, op1, crn, crm, op2, read) \
	(0xd5000001u | (op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5 | (read) << 21)
#define FMOV_D0 0x9e6703e0u
#define WFI 0xd503207fu
#define SMC_0 0xd4000003u

enum of { HCR, HFGRTR, HFGWTR, HDFGRTR, HDFGWTR, CPTR, MDCR, CNTHCTL, HCRX, CONTROLS };
static const char *const of_words[CONTROLS] = { "hcr",	"hfgrtr", "hfgwtr",  "hdfgrtr", "hdfgwtr",
						"cptr", "mdcr",	  "cnthctl", "hcrx" };

/* `r`, `w`: may be read, written; a write that is no `quiet` one would change what L2 runs with. */
struct trapped {
	uint8_t op0, op1, crn, crm, op2;
	bool r, w, quiet;
	enum of group; /* HFGRTR or HDFGRTR: FEAT_FGT has `bit` for it, of the registers for reads and writes; HCR: none */
	uint8_t bit;
	uint64_t hcr, cptr, mdcr, cnthctl;
	uint64_t hcrx; /* traps where it is 0, and only HCRX's own cases ask for it */
	bool inverted; /* `bit` traps where it is 0, and FEAT_S1PIE has the register */
	bool counters; /* of the PMU, which the VM has to have */
	bool may; /* whether it traps is IMPLEMENTATION DEFINED, and nobody asks */
	uint32_t word; /* another instruction, and */
	uint64_t syndrome; /* what vEL2 gets of it */
};

#define NO HCR
#define NAME(op0_, op1_, crn_, crm_, op2_) .op0 = (op0_), .op1 = (op1_), .crn = (crn_), .crm = (crm_), .op2 = (op2_)
#define READ .r = true
#define WRITE .w = true
#define BOTH .r = true, .w = true
#define QUIET .r = true, .w = true, .quiet = true
#define FGT(bit_) .group = HFGRTR, .bit = (bit_)
#define INVERTED(bit_) .group = HFGRTR, .bit = (bit_), .inverted = true
#define DEBUG(bit_) .group = HDFGRTR, .bit = (bit_)
#define DEBUG_TRAPS (MDCR_TDA | MDCR_TDE)
#define COUNTERS(mdcr_) .mdcr = (mdcr_), .counters = true
#define CONDITIONAL(ec) (PLACE(ESR_EC, ec) | ESR_CV | PLACE(ESR_COND, ESR_COND_ALWAYS))

static const struct trapped all[] = {
	{ NAME(3, 0, 0, 0, 6), READ, FGT(28), .hcr = HCR_TID1 }, /* REVIDR, AIDR */
	{ NAME(3, 1, 0, 0, 7), READ, FGT(2), .hcr = HCR_TID1 },
	{ NAME(3, 3, 0, 0, 1), READ, FGT(14), .hcr = HCR_TID2 }, /* CTR, CCSIDR, CLIDR, CSSELR */
	{ NAME(3, 1, 0, 0, 0), READ, FGT(9), .hcr = HCR_TID2 | HCR_TID4 },
	{ NAME(3, 1, 0, 0, 1), READ, FGT(10), .hcr = HCR_TID2 | HCR_TID4 },
	{ NAME(3, 2, 0, 0, 0), QUIET, FGT(13), .hcr = HCR_TID2 | HCR_TID4 },
	{ NAME(3, 0, 0, 1, 0), READ, .hcr = HCR_TID3 }, /* ID_PFR0, MVFR0, AA64PFR0, DFR0, ISAR0, MMFR0, MMFR3 */
	{ NAME(3, 0, 0, 3, 0), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 4, 0), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 5, 0), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 6, 0), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 7, 0), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 7, 3), READ, .hcr = HCR_TID3 },
	{ NAME(3, 0, 0, 0, 0), READ, FGT(25) }, /* MIDR, MPIDR, DCZID, ISR */
	{ NAME(3, 0, 0, 0, 5), READ, FGT(26) },
	{ NAME(3, 3, 0, 0, 7), READ, FGT(15) },
	{ NAME(3, 0, 12, 1, 0), READ, FGT(18) },
	{ NAME(3, 0, 1, 0, 1), QUIET, .hcr = HCR_TACR }, /* ACTLR */
	{ NAME(3, 0, 11, 0, 0), WRITE, .hcr = HCR_TIDCP }, /* IMPLEMENTATION DEFINED */
	{ NAME(3, 3, 15, 2, 1), WRITE, .hcr = HCR_TIDCP },
	{ NAME(3, 0, 1, 0, 0), BOTH, FGT(29) }, /* SCTLR, CPACR, TTBR0, TTBR1, TCR */
	{ NAME(3, 0, 1, 0, 2), BOTH, FGT(12), .cptr = CPTR_E2H_TCPAC },
	{ NAME(3, 0, 2, 0, 0), BOTH, FGT(36) },
	{ NAME(3, 0, 2, 0, 1), QUIET, FGT(37) },
	{ NAME(3, 0, 2, 0, 2), BOTH, FGT(32) },
	{ NAME(3, 0, 5, 1, 0), QUIET, FGT(0) }, /* AFSR0, AFSR1, ESR, FAR, PAR */
	{ NAME(3, 0, 5, 1, 1), QUIET, FGT(1) },
	{ NAME(3, 0, 5, 2, 0), QUIET, FGT(16) },
	{ NAME(3, 0, 6, 0, 0), QUIET, FGT(17) },
	{ NAME(3, 0, 7, 4, 0), QUIET, FGT(27) },
	{ NAME(3, 0, 10, 2, 0), BOTH, FGT(24) }, /* MAIR, AMAIR, VBAR, CONTEXTIDR */
	{ NAME(3, 0, 10, 3, 0), QUIET, FGT(3) },
	{ NAME(3, 0, 12, 0, 0), BOTH, FGT(38) },
	{ NAME(3, 0, 13, 0, 1), QUIET, FGT(11) },
	{ NAME(3, 0, 10, 2, 2), QUIET, INVERTED(57) }, /* PIRE0, PIR */
	{ NAME(3, 0, 10, 2, 3), QUIET, INVERTED(58) },
	{ NAME(3, 0, 2, 0, 3), QUIET, .hcrx = HCRX_TCR2EN }, /* TCR2 */
	{ NAME(3, 0, 13, 0, 4), QUIET, FGT(33) }, /* TPIDR_EL1, TPIDRRO_EL0, TPIDR_EL0 */
	{ NAME(3, 3, 13, 0, 3), QUIET, FGT(34) },
	{ NAME(3, 3, 13, 0, 2), QUIET, FGT(35) },
	{ NAME(3, 3, 14, 0, 1), READ, .cnthctl = CNTHCTL_E2H_EL1PCTEN }, /* CNTPCT; CNTP_CTL, CNTP_CVAL */
	{ NAME(3, 3, 14, 2, 1), QUIET, .cnthctl = CNTHCTL_E2H_EL1PTEN },
	{ NAME(3, 3, 14, 2, 2), QUIET, .cnthctl = CNTHCTL_E2H_EL1PTEN },
	{ NAME(3, 3, 14, 0, 2), READ, .cnthctl = CNTHCTL_EL1TVCT }, /* CNTVCT; CNTV_CTL, CNTV_CVAL */
	{ NAME(3, 3, 14, 3, 1), QUIET, .cnthctl = CNTHCTL_EL1TVT },
	{ NAME(3, 3, 14, 3, 2), QUIET, .cnthctl = CNTHCTL_EL1TVT },
	{ NAME(3, 0, 10, 4, 0), QUIET, FGT(23), .hcr = HCR_TLOR }, /* LORSA, LOREA, LORN, LORC, LORID */
	{ NAME(3, 0, 10, 4, 1), QUIET, FGT(20), .hcr = HCR_TLOR },
	{ NAME(3, 0, 10, 4, 2), QUIET, FGT(22), .hcr = HCR_TLOR },
	{ NAME(3, 0, 10, 4, 3), QUIET, FGT(19), .hcr = HCR_TLOR },
	{ NAME(3, 0, 10, 4, 7), READ, FGT(21), .hcr = HCR_TLOR },
	{ NAME(2, 0, 0, 2, 0), QUIET, .mdcr = MDCR_TDA | MDCR_TDE | MDCR_TDCC }, /* MDCCINT, MDCCSR */
	{ NAME(2, 3, 0, 1, 0), READ, .mdcr = MDCR_TDA | MDCR_TDE | MDCR_TDCC },
	{ NAME(2, 3, 0, 4, 0), READ, .mdcr = MDCR_TDA | MDCR_TDE | MDCR_TDCC }, /* DBGDTR, DBGDTRRX */
	{ NAME(2, 3, 0, 5, 0), READ, .mdcr = MDCR_TDA | MDCR_TDE | MDCR_TDCC },
	{ NAME(3, 3, 9, 12, 0), READ, COUNTERS(MDCR_TPM | MDCR_TPMCR) }, /* PMCR, PMCNTENSET, PMOVSCLR, PMSELR, PMCEID0 */
	{ NAME(3, 3, 9, 12, 1), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 9, 12, 3), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 9, 12, 5), QUIET, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 9, 12, 6), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 9, 13, 0), READ,
	  COUNTERS(MDCR_TPM) }, /* PMCCNTR, PMUSERENR, PMINTENSET, PMCCFILTR, PMEVCNTR0, PMEVTYPER0 */
	{ NAME(3, 3, 9, 14, 0), QUIET, COUNTERS(MDCR_TPM) },
	{ NAME(3, 0, 9, 14, 1), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 14, 15, 7), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 14, 8, 0), READ, COUNTERS(MDCR_TPM) },
	{ NAME(3, 3, 14, 12, 0), READ, COUNTERS(MDCR_TPM) },
	{ NAME(2, 0, 0, 0, 5), BOTH, DEBUG(0), .mdcr = DEBUG_TRAPS }, /* DBGBCR0, DBGBVR0, DBGWCR0, DBGWVR0 */
	{ NAME(2, 0, 0, 0, 4), BOTH, DEBUG(1), .mdcr = DEBUG_TRAPS },
	{ NAME(2, 0, 0, 0, 7), BOTH, DEBUG(2), .mdcr = DEBUG_TRAPS },
	{ NAME(2, 0, 0, 0, 6), BOTH, DEBUG(3), .mdcr = DEBUG_TRAPS },
	{ NAME(2, 0, 0, 2, 2), BOTH, DEBUG(4), .mdcr = DEBUG_TRAPS }, /* MDSCR */
	{ NAME(2, 0, 1, 1, 4), READ, DEBUG(9), .mdcr = MDCR_TDOSA | MDCR_TDE }, /* OSLSR, OSDLR (of FEAT_DoubleLock) */
	{ NAME(2, 0, 1, 3, 4), BOTH, DEBUG(11), .mdcr = MDCR_TDOSA | MDCR_TDE, .may = true },
	{ NAME(2, 0, 1, 0, 0), READ, .mdcr = MDCR_TDRA | MDCR_TDE }, /* MDRAR */
	{ .r = true, .word = FMOV_D0, .syndrome = CONDITIONAL(ESR_EC_FP), .cptr = CPTR_E2H_FPEN },
	{ .w = true, .word = WFI, .syndrome = CONDITIONAL(ESR_EC_WFX), .hcr = HCR_TWI },
	{ .w = true, .word = SMC_0, .syndrome = PLACE(ESR_EC, ESR_EC_SMC), .hcr = HCR_TSC },
};
#define ALL (sizeof(all) / sizeof(*all))

/* Of one register that traps. */
struct control {
	enum of of;
	uint64_t bit;
	const char *word; /* NULL: the bit's number */
};
static const struct control coarse[] = {
	{ HCR, 0, "none" },
	{ HCR, HCR_TID1, "tid1" },
	{ HCR, HCR_TID2, "tid2" },
	{ HCR, HCR_TID3, "tid3" },
	{ HCR, HCR_TID4, "tid4" },
	{ HCR, HCR_TACR, "tacr" },
	{ HCR, HCR_TIDCP, "tidcp" },
	{ HCR, HCR_TWI, "twi" },
	{ HCR, HCR_TLOR, "tlor" },
	{ HCR, HCR_TSC, "tsc" },
	{ CPTR, CPTR_E2H_FPEN, "fpen" },
	{ CPTR, CPTR_E2H_TCPAC, "tcpac" },
	{ MDCR, MDCR_TDA, "tda" },
	{ MDCR, MDCR_TDOSA, "tdosa" },
	{ MDCR, MDCR_TDRA, "tdra" },
	{ MDCR, MDCR_TDE, "tde" },
	{ MDCR, MDCR_TDCC, "tdcc" },
	{ MDCR, MDCR_TPM, "tpm" },
	{ MDCR, MDCR_TPMCR, "tpmcr" },
	{ CNTHCTL, CNTHCTL_E2H_EL1PCTEN, "el1pcten" },
	{ CNTHCTL, CNTHCTL_E2H_EL1PTEN, "el1pten" },
	{ CNTHCTL, CNTHCTL_EL1TVCT, "el1tvct" },
	{ CNTHCTL, CNTHCTL_EL1TVT, "el1tvt" },
	{ HCRX, 0, "none" },
	{ HCRX, HCRX_TCR2EN, "tcr2en" },
};
#define COARSE (sizeof(coarse) / sizeof(*coarse))
#define DIRECTIONS 2 /* of each entry of all[], after coarse[]: read, written */

static struct control control_of(const struct litmus *l)
{
	unsigned variant = (unsigned)l->variant, fine = variant - COARSE;
	const struct trapped *t;

	if (variant < COARSE)
		return coarse[variant];
	t = &all[fine / DIRECTIONS];
	return (struct control){ t->group + fine % DIRECTIONS, 1ull << t->bit, NULL };
}

static bool traps(const struct control *c, const struct trapped *t, bool read)
{
	switch (c->of) {
	case HCR:
		return t->hcr & c->bit;
	case CPTR:
		return t->cptr & c->bit;
	case MDCR:
		return t->mdcr & c->bit;
	case CNTHCTL:
		return t->cnthctl & c->bit;
	case HCRX:
		return t->hcrx & c->bit;
	default:
		return t->group != NO && c->of == t->group + !read && c->bit == 1ull << t->bit;
	}
}

static uint64_t syndrome(const struct trapped *t, bool read)
{
	return t->word ? t->syndrome : syndrome_of_word(WORD(t->op0, t->op1, t->crn, t->crm, t->op2, read));
}

static bool is_inverted(const struct control *c)
{
	return (c->of == HFGRTR || c->of == HFGWTR) && c->bit & INVERTED_BITS;
}

/* Nothing traps; the PMU's counters are L2's where the VM has one (counters/trap). */
static struct controls usual(const struct litmus *l)
{
	bool vhe = !l->config.e2h0;

	return (struct controls){ .set = 1,
				  .cptr = vhe ? CPTR_E2H_FPEN : 0,
				  .mdcr = l->config.counters ? PLACE(MDCR_HPMN, 1) : 0,
				  .cnthctl = vhe ? CNTHCTL_E2H_EL1PCTEN | CNTHCTL_E2H_EL1PTEN
						 : CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN };
}

/* A bit of CPTR_EL2 or CNTHCTL_EL2 where L1 has it. */
static uint64_t in_layout(const struct litmus *l, uint64_t bit)
{
	return !l->config.e2h0		     ? bit
	       : bit == CPTR_E2H_FPEN	     ? CPTR_TFP
	       : bit == CNTHCTL_E2H_EL1PCTEN ? CNTHCTL_EL1PCTEN
	       : bit == CNTHCTL_E2H_EL1PTEN  ? CNTHCTL_EL1PCEN
					     : bit;
}

static void set_controls(const struct litmus *l, struct context *c, const struct control *what)
{
	struct controls *set = &c->controls;

	*set = usual(l);
	switch (what->of) {
	case HCR:
		c->hcr |= what->bit;
		break;
	case CPTR: /* FPEN traps where it is 0 */
		set->cptr ^= in_layout(l, what->bit);
		break;
	case MDCR:
		set->mdcr |= what->bit;
		set->fgt = what->bit == MDCR_TDCC; /* which FEAT_FGT has */
		break;
	case CNTHCTL: /* so do those of the physical timer */
		set->cnthctl ^= in_layout(l, what->bit);
		break;
	case HCRX: /* and all of these */
		c->hcrx = HCRX_TCR2EN & ~what->bit;
		break;
	default:
		set->fgt = 1;
		for (unsigned i = 0; is_inverted(what) && i < 2; i++) /* HFGRTR_EL2 and HFGWTR_EL2 */
			set->fine[i] = INVERTED_BITS;
		set->fine[what->of - HFGRTR] ^= what->bit;
		break;
	}
}

static void instruction(struct litmus *l, const struct trapped *t, bool read, bool trapped)
{
	uint32_t word = t->word ? t->word : WORD(t->op0, t->op1, t->crn, t->crm, t->op2, read);

	add_sys(l, SYS_AT_EL1, word, 0, STEP_UNDER_TEST | STEP_WORD, trapped ? ROLE_TRAP : ROLE_DONE, syndrome(t, read));
}

static bool there(const struct litmus *l, const struct control *c, const struct trapped *t, bool read)
{
	return !t->may && t->counters == l->config.counters &&
	       (t->hcrx ? c->of == HCRX : t->inverted == is_inverted(c)) && (read ? t->r : t->w);
}

/* What it writes, or waits for, changes nothing that L2 runs with. */
static bool quiet(const struct trapped *t, bool read)
{
	return t->word ? t->cptr != 0 : read || t->quiet;
}

#define WRITE_DEBUG_CONTROL WORD(2, 0, 0, 2, 2, 0)

/* With a bit of MDSCR_EL1 L0 has to let L2's debug exceptions happen, and may leave it the registers. */
static void set_debug(struct litmus *l, const struct control *c, uint64_t mdscr)
{
	if (c->of != MDCR || !(c->bit & (MDCR_TDA | MDCR_TDCC)))
		return;
	add_sys(l, SYS_AT_EL1, WRITE_DEBUG_CONTROL, mdscr, STEP_UNDER_TEST | STEP_WORD, ROLE_DONE, 0);
	last_step(l)->ctx = 1;
}

/* L2 has executed what traps in another context, where nothing does: L0 may have prepared something for it. */
static void before(struct litmus *l, const struct control *c)
{
	add_context(l, 1, VMID_OTHER, 0, false, true);
	l->vm->shared->context[1].controls = usual(l);
	l->vm->shared->context[1].hcrx = c->of == HCRX ? HCRX_TCR2EN : 0;
	set_debug(l, c, MDSCR_MDE);
	for (unsigned i = 0; i < ALL; i++)
		for (unsigned read = 0; read < 2; read++)
			if (there(l, c, &all[i], read) && traps(c, &all[i], read) && quiet(&all[i], read)) {
				instruction(l, &all[i], read, false);
				last_step(l)->ctx = 1;
			}
}

/* --self-test: none of the instructions is executed. */
static void build_control(struct litmus *l)
{
	struct control c = control_of(l);
	struct step *s;

	add_context(l, 0, VMID, 0, false, true);
	set_controls(l, &l->vm->shared->context[0], &c);
	s = add(l, 0, STEP_SYS); /* CPACR_EL12: L2's EL1 itself may use SIMD&FP */
	s->a = CPTR_E2H_FPEN;
	s->b = WORD(3, l->config.e2h0 ? 0 : 5, 1, 0, 2, 0);
	s->c = SYS_AT_EL2;
	s->flags = STEP_WORD;
	if (c.word)
		before(l, &c);
	for (unsigned i = 0; i < ALL; i++)
		for (unsigned read = 0; read < 2; read++) {
			const struct trapped *t = &all[i];
			bool trapped = traps(&c, t, read);
			/* Of the rest the other direction of what traps, its like, and each fifth; all of it where nothing traps. */
			bool alike = t->hcrx || t->counters || (c.of == CNTHCTL && t->cnthctl);
			bool asked = traps(&c, t, !read) || alike || !c.bit || i % 5 == (unsigned)l->variant % 5;

			if (there(l, &c, t, read) && (trapped || (quiet(t, read) && asked)))
				instruction(l, t, read, trapped);
		}
	set_debug(l, &c, 0);
}

/* Whether FEAT_FGT has a bit for it and it can be accessed so. */
static bool is_fine(const struct trapped *t, bool read)
{
	return t->group != NO && !t->may && (read ? t->r : t->w);
}

void cases_trap_control(struct list *list)
{
	struct litmus l = { .op = NO_OPERATION,
			    .config = { .cpus = 1, .spare = 2 },
			    .build = build_control,
			    .level = 3,
			    .any_stage2 = true,
			    .own = true,
			    .shift = 12,
			    .regime = "el1&0" };

	for (l.variant = 0; l.variant < (int)(COARSE + DIRECTIONS * ALL); l.variant++) {
		unsigned fine = (unsigned)l.variant - COARSE;
		struct control c = control_of(&l);

		l.place = c.of;
		l.position = c.of == HFGWTR || c.of == HDFGWTR;
		l.needs_ecv = c.of == CNTHCTL && c.bit & (CNTHCTL_EL1TVCT | CNTHCTL_EL1TVT);
		l.needs_evt = c.of == HCR && c.bit & HCR_TID4;
		l.needs_s1pie = is_inverted(&c) || c.of == HCRX; /* has TCR2_EL1 */
		l.needs_pmu = l.config.counters = c.of == MDCR && c.bit & (MDCR_TPM | MDCR_TPMCR);
		for (unsigned nvhe = 0; c.word && nvhe <= (c.of == CPTR || c.of == CNTHCTL || c.of == HCR); nvhe++) {
			l.config.e2h0 = nvhe;
			list_add(list, &l, "%strap-control/%s/%s", nvhe ? "nvhe-" : "", of_words[c.of], c.word);
		}
		l.config.e2h0 = false;
		if (!c.word && is_fine(&all[fine / DIRECTIONS], fine % DIRECTIONS == 0))
			list_add(list, &l, "trap-control/%s/bit%u", of_words[c.of], all[fine / DIRECTIONS].bit);
	}
}
