// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what EL2 can trap of EL1's and EL0's registers and instructions beside TLBI and AT (DDI 0487
 * M.a.a, D24.2): HFGRTR_EL2, HFGWTR_EL2, HDFGRTR_EL2 and HFGITR_EL2 by register and bit, HCR_EL2 by instruction, MDCR_EL2,
 * CPTR_EL2 and CNTHCTL_EL2. Each with the control alone, and with all others of its register.
 */
#include "fine.h"

#define RTS 5
static const unsigned targets[RTS] = { 1, 0, 7, 19, 30 };

static uint8_t scratch[4096] __attribute__((aligned(4096)));

static uint32_t word_of_name(const struct name *n, bool read, unsigned rt)
{
	return ACCESS_OF(n->op0, n->op1, n->crn, n->crm, n->op2, read, rt);
}

static void try(const struct name *n, bool read, bool el0, bool trap, uint64_t operand, const char *control)
{
	static unsigned turn;
	unsigned rt = trap ? targets[turn++ % RTS] : 1; /* what is executed has its operand in X1 */
	uint32_t word = word_of_name(n, read, rt);
	struct answer a = below_instruction(0, el0, word, operand);
	const char *how = n->op0 == 1 ? "" : read ? "MRS " : "MSR ";

	if (trap) {
		CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "D24.2", "%s%s at EL%d with %s", how, n->name,
			  (uint64_t)!el0, control);
		if (a.came == TO_EL2)
			expect((uint64_t)victim_buffer, a.elr, "ELR_EL2", "D1.3, preferred return",
			       "%s%s at EL%d with %s", how, n->name, (uint64_t)!el0, control);
	} else
		expect(DONE, a.came, "exception taken", "D24.2", "%s%s at EL%d with %s", how, n->name, (uint64_t)!el0, control);
}

/* ---- registers by HFGRTR_EL2, HFGWTR_EL2 and HDFGRTR_EL2, HDFGWTR_EL2: the bit is the same for read and write ---- */
#define ENSCXT BIT(53) /* of HCR_EL2 */
#define POSITIVE 50 /* bits from here on say "no trap" where they are 1 */

static void set_fine(bool debug, bool read, uint64_t value)
{
	if (debug && read)
		MSR(s3_4_c3_c1_4, value); /* HDFGRTR_EL2 */
	else if (debug)
		MSR(s3_4_c3_c1_5, value); /* HDFGWTR_EL2 */
	else if (read)
		MSR(s3_4_c1_c1_4, value); /* HFGRTR_EL2 */
	else
		MSR(s3_4_c1_c1_5, value); /* HFGWTR_EL2 */
	ISB();
}

static void fine(const struct fine *f)
{
	struct answer now = { .came = DONE };

	if (f->direction != WRITTEN) {
		now = below_instruction(0, false, word_of_name(&f->name, true, 1), 0);
		expect(DONE, now.came, "exception taken", "D24.2", "MRS %s at EL1 without a trap", f->name.name);
	}
	for (unsigned read = 0; read < 2; read++) {
		if (f->direction == (read ? WRITTEN : READ_ALONE))
			continue;
		set_fine(f->debug, read, BIT(f->bit));
		try(&f->name, read, false, true, now.x0, "its bit of HFGxTR_EL2 or HDFGxTR_EL2");
		if (f->direction == BOTH)
			try(&f->name, !read, false, false, now.x0, "the bit of the other direction");
		if (f->user && read)
			try(&f->name, read, true, true, 0, "its bit of HFGxTR_EL2 or HDFGxTR_EL2");
		/* not writable bits of the other groups stay 0 */
		set_fine(f->debug, read, (f->debug ? BIT(23) - 1 : BIT(POSITIVE) - 1 - BIT(39)) & ~BIT(f->bit));
		try(&f->name, read, false, false, now.x0, "all bits of HFGxTR_EL2 or HDFGxTR_EL2 but its own");
		set_fine(f->debug, read, 0);
	}
}

/* ---- instructions by HFGITR_EL2 and HCR_EL2 ---- */
/* Traps of HCR_EL2 for other instructions than the one that is asked for; TTLB is the group ``traps``. */
#define INSTRUCTION_TRAPS (HCR_TPU | HCR_TPCP | HCR_TSW | HCR_TDZ | HCR_TID1 | HCR_TID2 | HCR_TACR | HCR_TICAB | HCR_TOCU | HCR_TID4)

/* Where 0 is what traps; HCRX_EL2 lets EL1 have those of newer features. */
static void reversed(void)
{
	static const struct {
		struct name name;
		unsigned bit;
		const bool *needs;
	} all[] = { { { "TPIDR2_EL0", 3, 3, 13, 0, 5 }, 55, &features.sme },
		    { { "SMPRI_EL1", 3, 0, 1, 2, 4 }, 54, &features.sme },
		    { { "GCSPR_EL0", 3, 3, 2, 5, 1 }, 52, &features.gcs },
		    { { "GCSCR_EL1", 3, 0, 2, 5, 0 }, 53, &features.gcs },
		    { { "GCSPR_EL1", 3, 0, 2, 5, 1 }, 53, &features.gcs },
		    { { "GCSCRE0_EL1", 3, 0, 2, 5, 2 }, 52, &features.gcs },
		    { { "PIRE0_EL1", 3, 0, 10, 2, 2 }, 57, &features.s1pie },
		    { { "PIR_EL1", 3, 0, 10, 2, 3 }, 58, &features.s1pie },
		    { { "AMAIR2_EL1", 3, 0, 10, 3, 1 }, 63, &features.aie },
		    { { "MAIR2_EL1", 3, 0, 10, 2, 1 }, 62, &features.aie } };
	uint64_t hcrx = features.hcx ? MRS(s3_4_c1_c2_2) : 0;

	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx | (features.tcr2 ? BIT(14) : 0) | (features.gcs ? BIT(22) : 0)); /* TCR2En, GCSEn */
	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned read = 0; has(all[i].needs) && read < 2; read++) {
			set_fine(false, read, ~(BIT(POSITIVE) - 1) & ~BIT(all[i].bit));
			try(&all[i].name, read, false, true, 0, "all reversed bits but its own");
			set_fine(false, read, BIT(all[i].bit));
			try(&all[i].name, read, false, false, 0, "its own reversed bit alone");
			set_fine(false, read, 0);
		}
	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx);
	ISB();
}

static void by_instruction(const struct maintenance *m)
{
	uint64_t operand = m->on_address ? (uint64_t)scratch : 0, other = INSTRUCTION_TRAPS;
	bool read = m->name.op0 == 3;

	try(&m->name, read, false, false, operand, "no trap");
	for (unsigned i = 0; i < 2; i++) {
		if (!m->hcr[i] || (i && m->evt && !features.evt))
			continue;
		space.hcr |= m->hcr[i];
		try(&m->name, read, false, true, operand, i ? "its bit of HCR_EL2, FEAT_EVT" : "its bit of HCR_EL2");
		space.hcr &= ~m->hcr[i];
		other &= ~m->hcr[i];
	}
	if (!features.evt)
		other &= ~(HCR_TICAB | HCR_TOCU | HCR_TID4);
	space.hcr |= other;
	try(&m->name, read, false, false, operand, "all other bits of HCR_EL2");
	space.hcr &= ~INSTRUCTION_TRAPS;
	if (m->name.op1 == 3 && m->hcr[0]) { /* EL0 has it, too, where SCTLR_EL1 lets it */
		space.sctlr = SCTLR_UCT | SCTLR_UCI | SCTLR_DZE;
		space.hcr |= m->hcr[0];
		try(&m->name, read, true, true, operand, "its bit of HCR_EL2");
		space.hcr &= ~m->hcr[0];
		space.sctlr = 0;
	}
	if (!features.fgt || m->bit == NOT_FINE)
		return;
	space.hfgitr = BIT(m->bit);
	try(&m->name, read, false, true, operand, "its bit of HFGITR_EL2");
	space.hfgitr = (BIT(12) - 1) & ~BIT(m->bit);
	try(&m->name, read, false, false, operand, "the other cache bits of HFGITR_EL2");
	space.hfgitr = 0;
}

/* ---- MDCR_EL2, CPTR_EL2, CNTHCTL_EL2, calls ---- */
static const struct timer {
	struct name name;
	uint64_t bit; /* that allows it */
	const char *control;
} timers[] = {
	{ { "CNTPCT_EL0", 3, 3, 14, 0, 1 }, CNTHCTL_EL1PCTEN, "CNTHCTL_EL2.EL1PCTEN 0" },
	{ { "CNTP_CTL_EL0", 3, 3, 14, 2, 1 }, CNTHCTL_EL1PCEN, "CNTHCTL_EL2.EL1PCEN 0" },
	{ { "CNTP_CVAL_EL0", 3, 3, 14, 2, 2 }, CNTHCTL_EL1PCEN, "CNTHCTL_EL2.EL1PCEN 0" },
	{ { "CNTP_TVAL_EL0", 3, 3, 14, 2, 0 }, CNTHCTL_EL1PCEN, "CNTHCTL_EL2.EL1PCEN 0" },
};

static bool is_read_only(const struct name *n)
{
	static const struct name all[] = { { "PMCEID0_EL0", 3, 3, 9, 12, 6 },
					   { "PMCEID1_EL0", 3, 3, 9, 12, 7 },
					   { "PMMIR_EL1", 3, 0, 9, 14, 6 },
					   { "OSLSR_EL1", 2, 0, 1, 1, 4 },
					   { "MDRAR_EL1", 2, 0, 1, 0, 0 } };

	for (unsigned i = 0; i < LENGTH(all); i++)
		if (n->op0 == all[i].op0 && n->crn == all[i].crn && n->crm == all[i].crm && n->op2 == all[i].op2)
			return true;
	return false;
}

/* EL0 has these, too, where PMUSERENR_EL0 lets it. */
static void performance_at_el0(const struct debug *d, uint64_t mdcr)
{
	if (!d->pmu || d->name.op1 != 3)
		return;
	MSR(pmuserenr_el0, 0xf);
	for (unsigned read = 0; read < 2; read++) {
		bool user = d->name.crm == 14 && d->name.op2 == 0; /* PMUSERENR_EL0 itself: EL0 reads it */

		if (!read && (is_read_only(&d->name) || user))
			continue;
		MSR(mdcr_el2, mdcr | d->bit);
		ISB();
		try(&d->name, read, true, true, 0, d->control);
		MSR(mdcr_el2, mdcr);
		ISB();
	}
	MSR(pmuserenr_el0, 0);
}

/* EL1's own trap of floating point and vectors comes before EL2's; at EL0 as at EL1. */
static void which_traps_vectors(void)
{
	uint64_t cptr = MRS(cptr_el2), cpacr = MRS(cpacr_el1);

	for (unsigned n = 0; n < 16; n++) {
		unsigned fpen = n & 3;
		bool el0 = n & 4, tfp = n & 8, by_el1 = fpen == 3 ? false : fpen == 1 ? el0 : true;
		struct answer a;

		MSR(cpacr_el1, (cpacr & ~(3ull << 20)) | (uint64_t)fpen << 20);
		MSR(cptr_el2, cptr | (tfp ? CPTR_TFP : 0));
		ISB();
		a = below_instruction(0, el0, 0x9e670020u, 0); /* FMOV D0, X1 */
		MSR(cpacr_el1, cpacr);
		MSR(cptr_el2, cptr);
		ISB();
		if (by_el1 || tfp)
			CHECK_ESR(a, by_el1 ? TO_EL1 : TO_EL2, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_FP) | ESR_IL,
				  "CPACR_EL1.FPEN, CPTR_EL2.TFP", "FMOV at EL%d, FPEN %d, TFP %d", (uint64_t)!el0,
				  (uint64_t)fpen, (uint64_t)tfp);
		else
			expect(DONE, a.came, "exception taken", "CPACR_EL1.FPEN, CPTR_EL2.TFP",
			       "FMOV at EL%d, FPEN %d, TFP %d", (uint64_t)!el0, (uint64_t)fpen, (uint64_t)tfp);
	}
}

/* How many event counters EL1 and EL0 have is what EL2 leaves them. */
static void counters(void)
{
	uint64_t mdcr = MRS(mdcr_el2), all = BITS(MRS(pmcr_el0), 15, 11);

	MSR(pmuserenr_el0, 1);
	for (uint64_t n = 1; n <= all; n++) {
		MSR(mdcr_el2, (mdcr & ~0x1full) | n);
		ISB();
		for (unsigned el0 = 0; el0 < 2; el0++) {
			struct answer a = below_instruction(0, el0, 0xd53b9c01u, 0); /* MRS X1, PMCR_EL0 */

			a.x0 = BITS(a.x0, 15, 11);
			CHECK_VALUE(a, n, "MDCR_EL2.HPMN", "PMCR_EL0.N at EL%d, HPMN %d", (uint64_t)!el0, n);
		}
		expect(all, BITS(MRS(pmcr_el0), 15, 11), "PMCR_EL0.N", "MDCR_EL2.HPMN", "PMCR_EL0.N at EL2, HPMN %d", n);
	}
	MSR(pmuserenr_el0, 0);
	MSR(mdcr_el2, mdcr);
	ISB();
}

static void others(void)
{
	uint64_t mdcr = MRS(mdcr_el2), cptr = MRS(cptr_el2), cnthctl = MRS(cnthctl_el2);
	struct answer a;

	for (unsigned i = 0; i < debug_count; i++) {
		if (debugs[i].pmu && !features.pmu)
			continue;
		try(&debugs[i].name, true, false, false, 0, "no trap");
		MSR(mdcr_el2, mdcr | debugs[i].bit);
		ISB();
		try(&debugs[i].name, true, false, true, 0, debugs[i].control);
		if (!is_read_only(&debugs[i].name))
			try(&debugs[i].name, false, false, true, 0, debugs[i].control);
		MSR(mdcr_el2, mdcr);
		ISB();
		performance_at_el0(&debugs[i], mdcr);
		for (unsigned read = 0; !debugs[i].pmu && read < 2; read++) { /* all of these are TDE's, too */
			if (!read && is_read_only(&debugs[i].name))
				continue;
			MSR(mdcr_el2, mdcr | MDCR_TDE);
			ISB();
			try(&debugs[i].name, read, false, true, 0, "MDCR_EL2.TDE");
			MSR(mdcr_el2, mdcr);
			ISB();
		}
	}
	for (unsigned i = 0; i < LENGTH(timers); i++) {
		MSR(cnthctl_el2, cnthctl | CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
		ISB();
		try(&timers[i].name, true, false, false, 0, "CNTHCTL_EL2 that allows it");
		MSR(cnthctl_el2, (cnthctl | CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN) & ~timers[i].bit);
		ISB();
		try(&timers[i].name, true, false, true, 0, timers[i].control);
		MSR(cnthctl_el2, cnthctl);
		ISB();
	}
	a = below_instruction(0, false, 0x9e670020u, 0); /* FMOV D0, X1 */
	expect(DONE, a.came, "exception taken", "CPTR_EL2.TFP", "FMOV at EL1 without a trap");
	MSR(cptr_el2, cptr | CPTR_TFP);
	ISB();
	a = below_instruction(0, false, 0x9e670020u, 0);
	CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_FP) | ESR_IL, "CPTR_EL2.TFP", "FMOV at EL1 with TFP");
	MSR(cptr_el2, cptr | CPTR_TCPAC);
	ISB();
	{
		static const struct name cpacr = { "CPACR_EL1", 3, 0, 1, 0, 2 };

		try(&cpacr, true, false, true, 0, "CPTR_EL2.TCPAC");
		MSR(cptr_el2, cptr);
		ISB();
		try(&cpacr, true, false, false, 0, "no trap");
	}
	if (features.sve) {
		uint64_t cpacr = MRS(cpacr_el1);

		MSR(cpacr_el1, cpacr | CPACR_ZEN);
		MSR(cptr_el2, cptr | CPTR_TZ);
		ISB();
		a = below_instruction(0, false, 0x04bf5021u, 0); /* RDVL X1, #1 */
		MSR(cpacr_el1, cpacr);
		CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_SVE) | ESR_IL, "CPTR_EL2.TZ", "RDVL at EL1 with TZ");
		MSR(cptr_el2, cptr);
		ISB();
	}
	if (features.pauth) {
		static const struct name key = { "APIAKeyLo_EL1", 3, 0, 2, 1, 0 };

		try(&key, true, false, true, 0, "HCR_EL2.APK 0");
		space.hcr |= HCR_APK;
		try(&key, true, false, false, 0, "HCR_EL2.APK 1");
		space.hcr &= ~HCR_APK;
		for (unsigned api = 0; api < 2; api++) {
			space.sctlr = SCTLR_ENIA;
			space.hcr |= api ? HCR_API : 0;
			a = below_instruction(0, false, 0xdac103e1u, 0); /* PACIA X1, SP */
			if (api)
				expect(DONE, a.came, "exception taken", "HCR_EL2.API", "PACIA at EL1 with API 1");
			else
				CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL, PLACE(ESR_EC, ESR_EC_PAUTH) | ESR_IL, "HCR_EL2.API", "PACIA at EL1 with API 0");
			space.hcr &= ~HCR_API;
			space.sctlr = 0;
		}
	}
	which_traps_vectors();
	if (features.pmu)
		counters();
	for (unsigned i = 0; i < id_count; i++) {
		space.hcr |= HCR_TID3;
		try(&ids[i], true, false, true, 0, "HCR_EL2.TID3");
		space.hcr &= ~HCR_TID3;
		try(&ids[i], true, false, false, 0, "no trap");
	}
	if (features.ecv) {
		static const struct name timer = { "CNTV_CTL_EL0", 3, 3, 14, 3, 1 }, count = { "CNTVCT_EL0", 3, 3, 14, 0, 2 };

		try(&timer, true, false, false, 0, "CNTHCTL_EL2.EL1TVT 0");
		try(&count, true, false, false, 0, "CNTHCTL_EL2.EL1TVCT 0");
		MSR(cnthctl_el2, cnthctl | CNTHCTL_EL1TVT | CNTHCTL_EL1TVCT);
		ISB();
		try(&timer, true, false, true, 0, "CNTHCTL_EL2.EL1TVT 1");
		try(&count, true, false, true, 0, "CNTHCTL_EL2.EL1TVCT 1");
		MSR(cnthctl_el2, cnthctl);
		ISB();
	}
	space.hcr |= HCR_TWI;
	space.sctlr = SCTLR_NTWI;
	for (unsigned el0 = 0; el0 < 2; el0++) {
		a = below_instruction(0, el0, 0xd503207fu, 0); /* WFI */
		CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL | 3, PLACE(ESR_EC, ESR_EC_WFX) | ESR_IL, "HCR_EL2.TWI",
			  "WFI at EL%d with TWI", (uint64_t)!el0);
		expect((uint64_t)victim_buffer, a.elr, "ELR_EL2", "D1.3, preferred return", "WFI at EL%d with TWI",
		       (uint64_t)!el0);
	}
	space.sctlr = 0;
	space.hcr &= ~HCR_TWI;
	{
		static const struct name own = { "S3_0_C15_C2_0", 3, 0, 15, 2, 0 }; /* IMPLEMENTATION DEFINED */

		space.hcr |= HCR_TIDCP;
		try(&own, true, false, true, 0, "HCR_EL2.TIDCP");
		space.hcr &= ~HCR_TIDCP;
	}
	if (features.fgt)
		for (unsigned el0 = 0; el0 < 2; el0++) {
			space.hfgitr = el0 ? HFGITR_SVC_EL0 : HFGITR_SVC_EL1;
			a = below_instruction(0, el0, 0xd4000001u | 0x123 << 5, 0);
			CHECK_ESR(a, TO_EL2, ESR_EC | 0xffff, PLACE(ESR_EC, ESR_EC_SVC) | 0x123, "HFGITR_EL2.SVC", "SVC at EL%d with its bit of HFGITR_EL2",
				  (uint64_t)!el0);
			space.hfgitr = el0 ? HFGITR_SVC_EL1 : HFGITR_SVC_EL0;
			a = below_instruction(0, el0, 0xd503201fu, 0);
			expect(DONE, a.came, "exception taken", "HFGITR_EL2.SVC", "SVC at EL%d with the bit of another Exception level", (uint64_t)!el0);
			space.hfgitr = 0;
		}
}

void check_fine(void)
{
	group("fine");
	space_new(12, 1, 1, true, true, false);
	space_load();
	/* What would trap them otherwise, or make them UNDEFINED. */
	space.hcr |= (features.pauth ? HCR_APK : 0) | (features.scxt ? ENSCXT : 0);
	for (unsigned i = 0; features.fgt && i < fine_count; i++)
		if (has(fine_registers[i].needs))
			fine(&fine_registers[i]);
	space.hcr &= ~(HCR_APK | ENSCXT);
	for (unsigned i = 0; i < maintenance_count; i++)
		if (maintenance_exists(&instructions[i]))
			by_instruction(&instructions[i]);
	if (features.fgt)
		reversed();
	others();
	group_end();
}
