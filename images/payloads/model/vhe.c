// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: a hypervisor with E2H 1 (DDI 0487 M.a.a, D24.2): CPTR_EL2 and CNTHCTL_EL2 in their other form for EL1, and
 * what {E2H,TGE} = {1,1} makes of controls that are for guests: EL0 of EL2&0 is not trapped by them.
 */
#include "fine.h"

#define FMOV 0x9e670020u /* D0, X1 */
#define RDVL 0x04bf5021u /* X1, #1 */
#define READ(op0, op1, crn, crm, op2) ACCESS(op0, op1, crn, crm, op2, 1)
/* CPTR_EL2 with E2H 1 */
#define FORM_FPEN(n) ((uint64_t)(n) << 20)
#define FORM_ZEN(n) ((uint64_t)(n) << 16)
#define FORM_TCPAC BIT(31)

static void write_code(uint32_t word)
{
	*(volatile uint32_t *)victim_buffer = word;
	SYNC_CODE(victim_buffer);
}

/* EL2 reads EL1's registers with E2H 0 again. */
static struct answer enter_with(uint64_t hcr, uint64_t spsr, uint32_t word, uint64_t x1)
{
	struct pe *pe = &pes[0];
	struct answer a;

	write_code(word);
	pe->x[1] = x1;
	pe->elr = (uint64_t)victim_buffer;
	pe->spsr = spsr;
	MSR(hcr_el2, hcr | watch_hcr());
	ISB();
	watched_enter(0);
	MSR(hcr_el2, space.hcr | watch_hcr());
	ISB();
	a = (struct answer){ .x0 = pe->x[1], .esr = pe->esr, .elr = pe->elr, .came = below_is_done(pe) ? DONE : below_is_el1(pe) ? TO_EL1 : TO_EL2 };
	if (FIELD(pe->esr, ESR_EC) == ESR_EC_SVC)
		a.came = DONE; /* of EL0, with TGE */
	if (a.came == TO_EL1)
		a.esr = MRS(esr_el1);
	return a;
}

static struct answer enter(uint64_t hcr, uint64_t spsr, uint32_t word)
{
	return enter_with(hcr, spsr, word, (uint64_t)page_b);
}

static void one(const char *name, uint64_t cptr, uint32_t word, uint64_t wanted)
{
	uint64_t kept = MRS(cptr_el2);
	struct answer a;

	/* The form changes with E2H, so that the value is written with it. */
	MSR(hcr_el2, space.hcr | HCR_E2H);
	ISB();
	MSR(cptr_el2, cptr);
	ISB();
	a = enter(space.hcr | HCR_E2H, SPSR_MODE_EL1H_MASKED, word);
	MSR(cptr_el2, kept);
	ISB();
	if (wanted)
		CHECK_ESR(a, TO_EL2, ESR_EC, wanted, "CPTR_EL2, E2H 1", "%s", name);
	else
		expect(DONE, a.came, "exception taken", "CPTR_EL2, E2H 1", "%s", name);
}

static void forms(void)
{
	uint64_t all = FORM_FPEN(3) | FORM_ZEN(3), fp = PLACE(ESR_EC, ESR_EC_FP), cpacr = MRS(cpacr_el1), cnthctl = MRS(cnthctl_el2);

	one("FMOV at EL1, FPEN 3", all, FMOV, 0);
	one("FMOV at EL1, FPEN 2", FORM_FPEN(2), FMOV, fp);
	one("FMOV at EL1, FPEN 1", FORM_FPEN(1), FMOV, 0); /* EL0 with TGE alone */
	one("FMOV at EL1, FPEN 0", FORM_FPEN(0), FMOV, fp);
	one("MRS CPACR_EL1 at EL1, TCPAC 1", all | FORM_TCPAC, READ(3, 0u, 1, 0, 2), PLACE(ESR_EC, ESR_EC_SYS64));
	one("MRS CPACR_EL1 at EL1, TCPAC 0", all, READ(3, 0u, 1, 0, 2), 0);
	if (features.sve) {
		MSR(cpacr_el1, cpacr | CPACR_ZEN);
		one("RDVL at EL1, ZEN 3", all, RDVL, 0);
		one("RDVL at EL1, ZEN 0", FORM_FPEN(3), RDVL, PLACE(ESR_EC, ESR_EC_SVE));
		one("RDVL at EL1, ZEN 2", FORM_FPEN(3) | FORM_ZEN(2), RDVL, PLACE(ESR_EC, ESR_EC_SVE));
		MSR(cpacr_el1, cpacr);
	}
	for (unsigned bit = 10; bit < 12; bit++)
		for (unsigned may = 0; may < 2; may++) {
			static const uint32_t words[] = { READ(3, 3u, 14, 0, 1), READ(3, 3u, 14, 2, 1) };
			struct answer a;

			MSR(hcr_el2, space.hcr | HCR_E2H);
			ISB();
			MSR(cnthctl_el2, may ? BIT(bit) : 3 << 10 & ~(uint32_t)BIT(bit));
			a = enter(space.hcr | HCR_E2H, SPSR_MODE_EL1H_MASKED, words[bit - 10]);
			MSR(cnthctl_el2, cnthctl);
			ISB();
			expect(may ? DONE : TO_EL2, a.came, "where it goes", "CNTHCTL_EL2, E2H 1", "%s at EL1, allowed %d", bit == 10 ? "MRS CNTPCT_EL0" : "MRS CNTP_CTL_EL0",
			       (uint64_t)may);
		}
}

/* ---- the fine traps of all that EL0 may have are for guests ---- */
#define LETS_RCTX BIT(10) /* of SCTLR_EL2 */
#define LETS_TPIDR2 BIT(60)

static void not_fine(const struct name *n, bool read, uint64_t x1)
{
	struct answer a = enter_with(HCR_RW | HCR_E2H | HCR_TGE, SPSR_MODE_EL0T_MASKED,
				     ACCESS_OF(n->op0, n->op1, n->crn, n->crm, n->op2, read, 1), x1);

	expect(false, a.came == TO_EL2 && FIELD(a.esr, ESR_EC) == ESR_EC_SYS64, "trapped", "FEAT_FGT, {E2H,TGE}",
	       "%s%s at EL0 of EL2&0 with each bit of HFGxTR_EL2, HDFGxTR_EL2 and HFGITR_EL2 that traps",
	       n->op0 == 1 ? ""
	       : read	   ? "MRS "
			   : "MSR ",
	       n->name);
}

/* SCXTNUM_EL0 is asked in lower.c. */
static bool user_has(const struct fine *f, bool read)
{
	bool readable = f->name.crm == 0 && f->name.crn == 13 && f->name.op2 == 3; /* TPIDRRO_EL0 */

	return f->name.op1 == 3 && has(f->needs) && f->needs != &features.scxt &&
	       f->direction != (read ? WRITTEN : READ_ALONE) && (read || !readable);
}

static void host_by_fine_traps(void)
{
	static const struct name tpidr2 = { "TPIDR2_EL0", 3, 3, 13, 0, 5 };
	static uint8_t scratch[2048] __attribute__((aligned(2048)));
	uint64_t sctlr = MRS(sctlr_el2), all = BIT(50) - 1 - BIT(39);

	MSR(sctlr_el2, sctlr | SCTLR_UCT | SCTLR_UCI | SCTLR_DZE | LETS_RCTX | (features.sme ? LETS_TPIDR2 : 0));
	if (features.pmu)
		MSR(pmuserenr_el0, 0xf);
	MSR(s3_4_c1_c1_4, all); /* HFGRTR_EL2 */
	MSR(s3_4_c1_c1_5, all); /* HFGWTR_EL2 */
	MSR(s3_4_c3_c1_4, ~0ull); /* HDFGRTR_EL2 */
	MSR(s3_4_c3_c1_5, ~0ull); /* HDFGWTR_EL2 */
	MSR(s3_4_c1_c1_6, ~0ull); /* HFGITR_EL2 */
	ISB();
	for (unsigned i = 0; i < fine_count; i++)
		for (unsigned write = 0; write < 2; write++)
			if (user_has(&fine_registers[i], !write))
				not_fine(&fine_registers[i].name, !write, 0);
	for (unsigned i = 0; i < maintenance_count; i++)
		if (instructions[i].name.op1 == 3 && instructions[i].bit != NOT_FINE &&
		    maintenance_exists(&instructions[i]))
			not_fine(&instructions[i].name, false, instructions[i].on_address ? (uint64_t)scratch : 0);
	for (unsigned write = 0; features.sme && write < 2; write++)
		not_fine(&tpidr2, !write, 0);
	MSR(s3_4_c1_c1_4, 0);
	MSR(s3_4_c1_c1_5, 0);
	MSR(s3_4_c3_c1_4, 0);
	MSR(s3_4_c3_c1_5, 0);
	MSR(s3_4_c1_c1_6, 0);
	if (features.pmu)
		MSR(pmuserenr_el0, 0);
	MSR(sctlr_el2, sctlr);
	ISB();
}

/* EL0 of EL2&0, EL2's MMU off: HCR_EL2's and the fine traps are for guests. */
static void host(void)
{
	static const struct {
		const char *name;
		uint32_t word;
		uint64_t hcr; /* that would trap it at EL0 of a guest */
	} all[] = { { "MRS CTR_EL0 with TID2", READ(3, 3u, 0, 0, 1), HCR_TID2 },
		    { "IC IVAU with TPU", 0xd50b7521u, HCR_TPU },
		    { "DC CVAC with TPCP", 0xd50b7a21u, HCR_TPCP } };
	uint64_t sctlr = MRS(sctlr_el2);

	MSR(sctlr_el2, sctlr | SCTLR_UCT | SCTLR_UCI | SCTLR_DZE | SCTLR_NTWI | SCTLR_NTWE);
	ISB();
	for (unsigned i = 0; i < LENGTH(all); i++) {
		struct answer a;

		a = enter(HCR_RW | HCR_E2H | HCR_TGE | all[i].hcr, SPSR_MODE_EL0T_MASKED, all[i].word);
		expect(DONE, a.came, "exception taken", "HCR_EL2.{E2H,TGE}", "%s at EL0 of EL2&0", all[i].name);
	}
	MSR(sctlr_el2, sctlr & ~(SCTLR_UCT | SCTLR_UCI));
	ISB();
	CHECK_ESR(enter(HCR_RW | HCR_E2H | HCR_TGE, SPSR_MODE_EL0T_MASKED, READ(3, 3u, 0, 0, 1)), TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_SYS64), "SCTLR_EL2.UCT",
		  "MRS CTR_EL0 at EL0 of EL2&0, SCTLR_EL2.UCT 0");
	MSR(sctlr_el2, sctlr);
	ISB();
	if (features.fgt) {
		struct answer a;

		host_by_fine_traps();
		MSR(s3_4_c1_c1_4, BIT(35)); /* HFGRTR_EL2.TPIDR_EL0 */
		ISB();
		a = enter(HCR_RW | HCR_E2H | HCR_TGE, SPSR_MODE_EL0T_MASKED, READ(3, 3u, 13, 0, 2));
		expect(DONE, a.came, "exception taken", "HFGRTR_EL2, {E2H,TGE}", "MRS TPIDR_EL0 at EL0 of EL2&0 with its bit of HFGRTR_EL2");
		a = enter(space.hcr | HCR_E2H, SPSR_MODE_EL0T_MASKED, READ(3, 3u, 13, 0, 2));
		CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_SYS64), "HFGRTR_EL2, {E2H,TGE}", "MRS TPIDR_EL0 at EL0 of a guest with its bit of HFGRTR_EL2, E2H 1");
		MSR(s3_4_c1_c1_4, 0);
		ISB();
	}
}

/* An exception from EL0 of EL2&0 to EL2: SCTLR_EL2.SPAN 0 sets PSTATE.PAN, and 1 leaves it; of a guest it is left alone. */
static void entry(void)
{
	uint64_t sctlr = MRS(sctlr_el2);

	for (unsigned tge = 0; tge < 2; tge++)
		for (unsigned span = 0; span < 2; span++)
			for (unsigned pan = 0; pan < 2; pan++) {
				uint64_t seen;

				MSR(sctlr_el2, (sctlr & ~SCTLR_SPAN) | (span ? SCTLR_SPAN : 0));
				ISB();
				/* WFI: a trap to EL2 from either, at once */
				enter((tge ? HCR_RW | HCR_TGE : space.hcr | HCR_TWI) | HCR_E2H, SPSR_MODE_EL0T_MASKED | (pan ? SPSR_PAN : 0), tge ? 0xd4000001u : 0xd503207fu);
				seen = MRS(s3_0_c4_c2_3); /* PAN */
				set_pan(false);
				MSR(sctlr_el2, sctlr);
				ISB();
				expect(pan || (tge && !span), FIELD(seen, SPSR_PAN), "PSTATE.PAN", "J1.1.2, AArch64.TakeException()",
				       "at EL2 after an exception at EL0, {E2H,TGE} {1,%d}, SPAN %d, PAN %d", (uint64_t)tge, (uint64_t)span, (uint64_t)pan);
			}
}

/* ---- the page behind VNCR_EL2 is found by EL2&0, in either half ---- */
#define WINDOW 0x923456780000ull
#define TPIDR_EL2_AT 0x90

static struct geometry regime;
static uint64_t *roots[2];

/* TPIDR_EL2 at EL1 with NV2 while EL2 has E2H 1 and its MMU on. */
static struct answer by_page(bool read, uint64_t vncr, uint64_t x1)
{
	struct pe *pe = &pes[0];
	struct answer a;

	write_code(read ? READ(3, 4u, 13, 0, 2) : READ(3, 4u, 13, 0, 2) & ~(1u << 21));
	pe->x[1] = x1;
	pe->elr = (uint64_t)victim_buffer;
	pe->spsr = SPSR_MODE_EL1H_MASKED | (features.pan ? SPSR_PAN : 0);
	MSR(hcr_el2, space.hcr | HCR_E2H | HCR_NV | HCR_NV2 | watch_hcr());
	ISB();
	MSR(s3_4_c2_c2_0, vncr);
	MSR(mair_el2, 0x00ff);
	MSR(tcr_el2, space.tcr & ~(TCR_HPD0 | TCR_HPD1));
	MSR(ttbr0_el2, (uint64_t)roots[0]);
	MSR(s3_4_c2_c0_1, (uint64_t)roots[1]); /* TTBR1_EL2 */
	DSB(ish);
	ISB();
	MSR(sctlr_el2, SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I);
	ISB();
	watched_enter(0);
	MSR(sctlr_el2, SCTLR_E2H0_RES1);
	ISB();
	MSR(hcr_el2, space.hcr | watch_hcr());
	ISB();
	a = (struct answer){ .x0 = pe->x[1], .esr = pe->esr, .far = pe->far, .came = below_is_done(pe) ? DONE : below_is_el1(pe) ? TO_EL1 : TO_EL2 };
	if (a.came == TO_EL1)
		a.esr = MRS(esr_el1);
	return a;
}

static void nested_page(void)
{
	uint64_t *page = table_new(), *descriptor;

	regime = geometry(12, 48, false, false);
	for (unsigned high = 0; high < 2; high++)
		roots[high] = table_new();
	*entry_of(&regime, roots[0], BOARD_UART, 1) = leaf(&regime, 1, BOARD_UART, PTE_AF | PLACE(PTE_S1_ATTR, 1) | PTE_S1_PXN | PTE_S1_UXN);
	map_ram(&regime, roots[0], PTE_AF, true);
	for (unsigned high = 0; high < 2; high++)
		for (unsigned user = 0; user < 2; user++) {
			uint64_t at = high ? HIGH | WINDOW : WINDOW;
			struct answer a;

			descriptor = entry_of(&regime, roots[high], at, 3);
			/* What EL0 may access, too: as if PSTATE.PAN were 0. */
			set(descriptor, leaf(&regime, 3, (uint64_t)page, PTE_AF | (user ? PTE_S1_EL0 : 0)));
			forget();
			page[TPIDR_EL2_AT / 8] = 0x5a5a0000 + high;
			CHECK_VALUE(by_page(true, at, 0), 0x5a5a0000ull + high, "D8.14, EL2&0", "MRS TPIDR_EL2 with NV2, E2H 1, half %d, page of EL0 %d", (uint64_t)high, (uint64_t)user);
			a = by_page(false, at, 0x77);
			expect(DONE, a.came, "exception taken", "D8.14, EL2&0", "MSR TPIDR_EL2 with NV2, E2H 1, half %d, page of EL0 %d", (uint64_t)high, (uint64_t)user);
			expect(0x77, page[TPIDR_EL2_AT / 8], "memory", "D8.14, EL2&0", "MSR TPIDR_EL2 with NV2, E2H 1, half %d, page of EL0 %d", (uint64_t)high, (uint64_t)user);
			set(descriptor, leaf(&regime, 3, (uint64_t)page, PTE_AF | PTE_S1_RO | (user ? PTE_S1_EL0 : 0)));
			forget();
			a = by_page(false, at, 0x78);
			CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f | ESR_VNCR | ESR_WNR, PLACE(ESR_EC, ESR_EC_DABT_SAME) | PERMISSION | 3 | ESR_VNCR | ESR_WNR, "ESR_EL2.VNCR, R_VFMQB",
				  "MSR TPIDR_EL2 with NV2, E2H 1, half %d, read-only page of EL0 %d", (uint64_t)high, (uint64_t)user);
			expect(at + TPIDR_EL2_AT, a.far, "FAR_EL2", "R_YWCZS", "MSR TPIDR_EL2 with NV2, E2H 1, half %d, read-only page of EL0 %d", (uint64_t)high, (uint64_t)user);
			set(descriptor, 0);
			forget();
			CHECK_ESR(by_page(true, at, 0), TO_EL2, ESR_EC | 0x3f | ESR_VNCR | ESR_WNR, PLACE(ESR_EC, ESR_EC_DABT_SAME) | TRANSLATION | 3 | ESR_VNCR, "ESR_EL2.VNCR, R_VFMQB",
				  "MRS TPIDR_EL2 with NV2, E2H 1, half %d, no page", (uint64_t)high);
		}
	forget();
}

void check_vhe(void)
{
	if (!features.vhe) {
		skip("vhe", "no FEAT_VHE");
		return;
	}
	group("vhe");
	space_new(12, 1, 1, true, true, false);
	space_load();
	forms();
	host();
	if (features.pan)
		entry();
	if (features.nv2 && features.granule[0])
		nested_page();
	group_end();
}
