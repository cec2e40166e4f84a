// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what HCR_EL2.NV2 makes of registers at EL1 (DDI 0487 M.a.a, D8.14): those with a word in the page
 * behind VNCR_EL2 with NV1 0 and 1, those that are EL1's, those that trap; instructions and exceptions with NV, NV1 and NV2.
 */
#include "model.h"

#define ENSCXT BIT(53) /* of HCR_EL2 */

struct place {
	const char *name;
	unsigned op1, crn, crm, op2, offset;
};

static uint64_t *page; /* behind VNCR_EL2 */

static void vncr(uint64_t value)
{
	MSR(s3_4_c2_c2_0, value);
	ISB();
}

/* Registers with a place in memory whatever NV1 says, those of EL12 with NV1 0 and those of EL1 with NV1 1 (R_CSRPQ). */
enum when { ALWAYS, PAIRS, TIMERS };
static const struct more {
	struct place place;
	enum when when;
	const bool *needs; /* in features; NULL: nothing */
} more[] = {
	{ { "ICH_LR0_EL2", 4, 12, 12, 0, 0x400 }, ALWAYS, &features.gic },
	{ { "ICH_LR1_EL2", 4, 12, 12, 1, 0x408 }, ALWAYS, &features.gic },
	{ { "ICH_AP0R0_EL2", 4, 12, 8, 0, 0x480 }, ALWAYS, &features.gic },
	{ { "ICH_AP1R0_EL2", 4, 12, 9, 0, 0x4a0 }, ALWAYS, &features.gic },
	{ { "ICH_HCR_EL2", 4, 12, 11, 0, 0x4c0 }, ALWAYS, &features.gic },
	{ { "ICH_VMCR_EL2", 4, 12, 11, 7, 0x4c8 }, ALWAYS, &features.gic },
	{ { "HCRX_EL2", 4, 1, 2, 2, 0x0a0 }, ALWAYS, &features.hcx },
	{ { "VNCR_EL2", 4, 2, 2, 0, 0x0b0 }, ALWAYS, NULL },
	{ { "HFGRTR_EL2", 4, 1, 1, 4, 0x1b8 }, ALWAYS, &features.fgt },
	{ { "HFGWTR_EL2", 4, 1, 1, 5, 0x1c0 }, ALWAYS, &features.fgt },
	{ { "HFGITR_EL2", 4, 1, 1, 6, 0x1c8 }, ALWAYS, &features.fgt },
	{ { "HDFGRTR_EL2", 4, 3, 1, 4, 0x1d0 }, ALWAYS, &features.fgt },
	{ { "HDFGWTR_EL2", 4, 3, 1, 5, 0x1d8 }, ALWAYS, &features.fgt },
	{ { "SP_EL1", 4, 4, 1, 0, 0x240 }, ALWAYS, NULL },
	{ { "ACTLR_EL1", 0, 1, 0, 1, 0x118 }, ALWAYS, NULL },
	{ { "MDSCR_EL1", 0, 0, 2, 2, 0x158 }, ALWAYS, NULL },
	{ { "CNTPOFF_EL2", 4, 14, 0, 6, 0x1a8 }, ALWAYS, &features.ecv2 },
	{ { "ICH_LR2_EL2", 4, 12, 12, 2, 0x410 }, ALWAYS, &features.gic },
	{ { "ICH_LR3_EL2", 4, 12, 12, 3, 0x418 }, ALWAYS, &features.gic },
	{ { "SCXTNUM", 0, 13, 0, 7, 0x188 }, PAIRS, &features.scxt },
	{ { "ZCR", 0, 1, 2, 0, 0x1e0 }, PAIRS, &features.sve },
	{ { "SMCR", 0, 1, 2, 6, 0x1f0 }, PAIRS, &features.sme },
	{ { "VDISR_EL2", 4, 12, 1, 1, 0x500 }, ALWAYS, &features.ras },
	{ { "VSESR_EL2", 4, 5, 2, 3, 0x508 }, ALWAYS, &features.ras },
	{ { "CNTV_CVAL", 3, 14, 3, 2, 0x168 }, TIMERS, NULL },
	{ { "CNTV_CTL", 3, 14, 3, 1, 0x170 }, TIMERS, NULL },
	{ { "CNTP_CVAL", 3, 14, 2, 2, 0x178 }, TIMERS, NULL },
	{ { "CNTP_CTL", 3, 14, 2, 1, 0x180 }, TIMERS, NULL },
	{ { "CPACR", 0, 1, 0, 2, 0x100 }, PAIRS, NULL },
	{ { "CONTEXTIDR", 0, 13, 0, 1, 0x108 }, PAIRS, NULL },
	{ { "SCTLR", 0, 1, 0, 0, 0x110 }, PAIRS, NULL },
	{ { "TCR", 0, 2, 0, 2, 0x120 }, PAIRS, NULL },
	{ { "AFSR0", 0, 5, 1, 0, 0x128 }, PAIRS, NULL },
	{ { "AFSR1", 0, 5, 1, 1, 0x130 }, PAIRS, NULL },
	{ { "ESR", 0, 5, 2, 0, 0x138 }, PAIRS, NULL },
	{ { "MAIR", 0, 10, 2, 0, 0x140 }, PAIRS, NULL },
	{ { "AMAIR", 0, 10, 3, 0, 0x148 }, PAIRS, NULL },
	{ { "SPSR", 0, 4, 0, 0, 0x160 }, PAIRS, NULL },
	{ { "TTBR0", 0, 2, 0, 0, 0x200 }, PAIRS, NULL },
	{ { "TTBR1", 0, 2, 0, 1, 0x210 }, PAIRS, NULL },
	{ { "FAR", 0, 6, 0, 0, 0x220 }, PAIRS, NULL },
	{ { "ELR", 0, 4, 0, 1, 0x230 }, PAIRS, NULL },
	{ { "VBAR", 0, 12, 0, 0, 0x250 }, PAIRS, NULL },
};

static uint32_t word(const struct place *p, unsigned op1, bool read)
{
	unsigned op0 = p->offset == 0x158 ? 2 : 3; /* MDSCR_EL1 */

	return ACCESS(op0, op1, p->crn, p->crm, p->op2, read);
}

static void in_memory(const struct more *m, bool nv1)
{
	const struct place *p = &m->place;
	unsigned op1 = m->when != ALWAYS && !nv1 ? 5 : p->op1, others = 0; /* op1 5: the name with EL12 or EL02 */
	const char *end = m->when == ALWAYS ? "" : m->when == TIMERS ? nv1 ? "_EL0" : "_EL02" : nv1 ? "_EL1" : "_EL12";
	struct answer a;

	for (unsigned n = 0; n < 512; n++)
		page[n] = 0x1000 + n;
	DSB(ish);
	a = below_instruction(0, false, word(p, op1, true), 0);
	CHECK_VALUE(a, 0x1000ull + p->offset / 8, "D8.14, R_CSRPQ", "MRS %s%s at EL1 with NV2, NV1 %d", p->name, end, (uint64_t)nv1);
	a = below_instruction(0, false, word(p, op1, false), 0xabc);
	expect(DONE, a.came, "exception taken", "D8.14, R_CSRPQ", "MSR %s%s at EL1 with NV2, NV1 %d", p->name, end, (uint64_t)nv1);
	for (unsigned n = 0; n < 512; n++)
		others += n != p->offset / 8 && page[n] != 0x1000 + n;
	expect(0xabc, page[p->offset / 8], "memory", "D8.14, R_CSRPQ", "MSR %s%s at EL1 with NV2, NV1 %d: word %x of the page", p->name, end,
	       (uint64_t)nv1, (uint64_t)p->offset);
	expect(0, others, "other words written", "D8.14, R_CSRPQ", "MSR %s%s at EL1 with NV2, NV1 %d", p->name, end, (uint64_t)nv1);
}

/* EL2's registers that are those of EL1 with NV2 (D8.14): what EL2 has put there is read. SVC then overwrites them. */
static void of_el1(void)
{
	struct answer a;

	MSR(elr_el1, 0x1234);
	a = below_instruction(0, false, ACCESS(3, 4, 4, 0, 1, 1), 0);
	CHECK_VALUE(a, 0x1234ull, "D8.14", "MRS ELR_EL2 at EL1 with NV2: ELR_EL1");
	MSR(spsr_el1, SPSR_NZCV);
	a = below_instruction(0, false, ACCESS(3, 4, 4, 0, 0, 1), 0);
	CHECK_VALUE(a, SPSR_NZCV, "D8.14", "MRS SPSR_EL2 at EL1 with NV2: SPSR_EL1");
	MSR(esr_el1, 0x92000005);
	a = below_instruction(0, false, ACCESS(3, 4, 5, 2, 0, 1), 0);
	CHECK_VALUE(a, 0x92000005ull, "D8.14", "MRS ESR_EL2 at EL1 with NV2: ESR_EL1");
	MSR(far_el1, 0x5678);
	a = below_instruction(0, false, ACCESS(3, 4, 6, 0, 0, 1), 0);
	CHECK_VALUE(a, 0x5678ull, "D8.14", "MRS FAR_EL2 at EL1 with NV2: FAR_EL1");
	a = below_instruction(0, false, ACCESS(3, 4, 6, 0, 0, 0), 0x9abc);
	expect(DONE, a.came, "exception taken", "D8.14", "MSR FAR_EL2 at EL1 with NV2");
	expect(0x9abc, MRS(far_el1), "FAR_EL1", "D8.14", "MSR FAR_EL2 at EL1 with NV2");
}

static void redirected(void)
{
	uint64_t cpacr = MRS(cpacr_el1), cptr = MRS(cptr_el2);

	vncr((uint64_t)page);
	/* What would trap some of them first: SVE and SME at EL1 and EL2, SCXTNUM_EL1. */
	MSR(cpacr_el1, cpacr | 3ull << 16 | 3ull << 24);
	MSR(cptr_el2, cptr & ~(BIT(8) | BIT(12)));
	space.hcr |= HCR_NV | HCR_NV2 | (features.scxt ? ENSCXT : 0);
	for (unsigned nv1 = 0; nv1 < 2; nv1++) {
		space.hcr = (space.hcr & ~HCR_NV1) | (nv1 ? HCR_NV1 : 0);
		forget();
		for (unsigned i = 0; i < LENGTH(more); i++)
			if (has(more[i].needs))
				in_memory(&more[i], nv1);
	}
	space.hcr &= ~HCR_NV1;
	forget();
	of_el1();
	space.hcr &= ~(HCR_NV | HCR_NV2 | ENSCXT);
	MSR(cpacr_el1, cpacr);
	MSR(cptr_el2, cptr);
	ISB();
}

/* What has no place in memory traps with NV2 as it does without; names with EL12 do with NV1, too. */
static void trapped(const struct place *p, unsigned op1, bool read, const char *end, uint64_t controls)
{
	uint32_t instruction = word(p, op1, read);
	struct answer a;

	space.hcr |= controls;
	a = below_instruction(0, false, instruction, 0);
	CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(instruction), "HCR_EL2.{NV,NV1,NV2}, D8.14",
		  "%s %s%s at EL1 with NV2 %d, NV1 %d", read ? "MRS" : "MSR", p->name, end, FIELD(controls, HCR_NV2),
		  FIELD(controls, HCR_NV1));
	space.hcr &= ~controls;
}

static void not_in_memory(void)
{
	static const struct place all[] = {
		{ "SCTLR_EL2", 4, 1, 0, 0, 0 },	  { "ACTLR_EL2", 4, 1, 0, 1, 0 },  { "MDCR_EL2", 4, 1, 1, 1, 0 },
		{ "CPTR_EL2", 4, 1, 1, 2, 0 },	  { "HACR_EL2", 4, 1, 1, 7, 0 },   { "TTBR0_EL2", 4, 2, 0, 0, 0 },
		{ "TCR_EL2", 4, 2, 0, 2, 0 },	  { "AFSR0_EL2", 4, 5, 1, 0, 0 },  { "AFSR1_EL2", 4, 5, 1, 1, 0 },
		{ "HPFAR_EL2", 4, 6, 0, 4, 0 },	  { "MAIR_EL2", 4, 10, 2, 0, 0 },  { "AMAIR_EL2", 4, 10, 3, 0, 0 },
		{ "VBAR_EL2", 4, 12, 0, 0, 0 },	  { "CNTHCTL_EL2", 4, 14, 1, 0, 0 }, { "CNTHP_CTL_EL2", 4, 14, 2, 1, 0 },
		{ "CNTHP_CVAL_EL2", 4, 14, 2, 2, 0 },
	};

	for (unsigned read = 0; read < 2; read++) {
		for (unsigned i = 0; i < LENGTH(all); i++)
			for (unsigned nv1 = 0; nv1 < 2; nv1++)
				trapped(&all[i], all[i].op1, read, "", HCR_NV | HCR_NV2 | (nv1 ? HCR_NV1 : 0));
		for (unsigned i = 0; i < LENGTH(more); i++)
			if (more[i].when != ALWAYS && has(more[i].needs))
				trapped(&more[i].place, 5, read, more[i].when == TIMERS ? "_EL02" : "_EL12", HCR_NV | HCR_NV1 | HCR_NV2);
	}
}

/* Names with EL02 trap by CNTHCTL_EL2.{EL1NVPCT,EL1NVVCT} instead of being in memory. */
static void trapped_timers(void)
{
	uint64_t cnthctl = MRS(cnthctl_el2);

	vncr((uint64_t)page);
	for (unsigned on = 0; on < 2; on++)
		for (unsigned bit = 15; bit <= 16; bit++)
			for (unsigned i = 0; i < LENGTH(more); i++)
				for (unsigned read = 0; more[i].when == TIMERS && read < 2; read++) {
					const struct place *p = &more[i].place;
					bool trap = on && bit == (p->crm == 3 ? 16 : 15);
					struct answer a;

					MSR(cnthctl_el2, (cnthctl & ~(3ull << 15)) | (on ? BIT(bit) : 0));
					ISB();
					space.hcr |= HCR_NV | HCR_NV2;
					a = below_instruction(0, false, ACCESS(3, 5, p->crn, p->crm, p->op2, read), 0);
					space.hcr &= ~(HCR_NV | HCR_NV2);
					expect(trap ? TO_EL2 : DONE, a.came, "where it goes", "CNTHCTL_EL2.{EL1NVPCT,EL1NVVCT}", "%s %s_EL02 at EL1 with NV2, bit %d of CNTHCTL_EL2 %d",
					       read ? "MRS" : "MSR", p->name, (uint64_t)bit, (uint64_t)on);
				}
	MSR(cnthctl_el2, cnthctl);
	ISB();
}

/* EL2's instructions, CurrentEL and ERET: NV2 changes nothing. */
static void instructions(void)
{
	static const uint64_t states[] = { HCR_NV | HCR_NV1, HCR_NV | HCR_NV2, HCR_NV | HCR_NV1 | HCR_NV2 };

	for (unsigned i = 0; i < LENGTH(states); i++) {
		uint64_t nv1 = FIELD(states[i], HCR_NV1), nv2 = FIELD(states[i], HCR_NV2);
		struct answer a;

		space.hcr |= states[i];
		a = below_instruction(0, false, 0xd5384241u, 0); /* MRS X1, CurrentEL */
		CHECK_VALUE(a, 8ull, "HCR_EL2.NV", "CurrentEL at EL1 with NV, NV1 %d, NV2 %d", nv1, nv2);
		a = below_instruction(0, false, 0xd69f03e0u, 0); /* ERET */
		CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_ERET), "HCR_EL2.NV", "ERET at EL1 with NV, NV1 %d, NV2 %d", nv1, nv2);
		for (unsigned n = 0; n < operation_count; n++) {
			const struct operation *op = &operations[n];

			if (!is_implemented(op))
				continue;
			a = below_instruction(0, false, word_of(op, 1), 0);
			if (is_for_el1(op))
				expect(DONE, a.came, "exception taken", "HCR_EL2.NV", "%s at EL1 with NV, NV1 %d, NV2 %d", op->name, nv1, nv2);
			else
				CHECK_ESR(a, TO_EL2, 0xffffffffull, syndrome_of(op, 1) | ESR_IL, "HCR_EL2.NV", "%s at EL1 with NV, NV1 %d, NV2 %d",
					  op->name, nv1, nv2);
		}
		for (unsigned op2 = 0; op2 < 8; op2++) {
			if (op2 == 2 || op2 == 3)
				continue;
			a = below_instruction(0, false, ACCESS(1, 4, 7, 8, op2, 0), BOARD_RAM);
			CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_SYS64), "HCR_EL2.NV", "AT of EL2 with op2 %d at EL1 with NV, NV1 %d, NV2 %d",
				  (uint64_t)op2, nv1, nv2);
		}
		space.hcr &= ~(HCR_NV | HCR_NV1 | HCR_NV2);
	}
}

/* An exception from EL1 to EL1 says EL2 in SPSR_EL1 where that is what EL1 is taken for (I_ZJRNN, I_DBTLM). */
static void exceptions(void)
{
	static const struct {
		uint64_t hcr, el;
	} states[] = { { 0, 1 }, { HCR_NV, 2 }, { HCR_NV | HCR_NV1, 1 }, { HCR_NV | HCR_NV2, 2 }, { HCR_NV | HCR_NV1 | HCR_NV2, 2 } };

	vncr((uint64_t)page);
	for (unsigned i = 0; i < LENGTH(states); i++) {
		space.hcr |= states[i].hcr;
		forget();
		below_instruction(0, false, 0xd503201f, 0); /* NOP, and then SVC */
		expect(states[i].el, FIELD(MRS(spsr_el1), SPSR_EL), "SPSR_EL1.M[3:2]", "I_ZJRNN, I_DBTLM",
		       "SVC at EL1 with NV %d, NV1 %d, NV2 %d", FIELD(states[i].hcr, HCR_NV), FIELD(states[i].hcr, HCR_NV1),
		       FIELD(states[i].hcr, HCR_NV2));
		below_with(SPSR_MODE_EL1H_MASKED & ~1ull, victim_buffer, 0, 0);
		expect(states[i].el << 2, MRS(spsr_el1) & 0xf, "SPSR_EL1.M[3:0]", "I_ZJRNN, I_DBTLM",
		       "SVC at EL1 with SP_EL0, NV %d, NV1 %d, NV2 %d", FIELD(states[i].hcr, HCR_NV), FIELD(states[i].hcr, HCR_NV1),
		       FIELD(states[i].hcr, HCR_NV2));
		space.hcr &= ~(HCR_NV | HCR_NV1 | HCR_NV2);
	}
	forget();
}

void check_redirected(void)
{
	if (!features.nv2) {
		skip("redirected", "no FEAT_NV2");
		return;
	}
	group("redirected");
	space_new(12, 1, 1, true, true, false);
	space_load();
	page = table_new();
	redirected();
	not_in_memory();
	if (features.ecv)
		trapped_timers();
	instructions();
	exceptions();
	group_end();
}
