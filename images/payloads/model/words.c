// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: more of the page behind VNCR_EL2 (DDI 0487 M.a.a, D8.14; the pseudocode of each register's MRS
 * and MSR): what traps before a word is read or written, the words of newer features, the page's endianness, and NV2 without NV.
 */
#include "model.h"

#define WORD(offset) ((offset) / 8)

/* EL1's registers that have a word by their own name with NV1 1, by that with EL12 with NV1 0. */
static const struct pair {
	const char *name;
	unsigned crn, crm, op2, offset, fine; /* its bit in HFGRTR_EL2 and HFGWTR_EL2 */
	bool memory; /* HCR_EL2.{TVM,TRVM} are for it */
	bool reversed; /* the fine bit allows */
	const bool *needs;
} pairs[] = {
	{ "SCTLR", 1, 0, 0, 0x110, 29, true, false, NULL },
	{ "CPACR", 1, 0, 2, 0x100, 12, false, false, NULL },
	{ "TTBR0", 2, 0, 0, 0x200, 36, true, false, NULL },
	{ "TTBR1", 2, 0, 1, 0x210, 37, true, false, NULL },
	{ "TCR", 2, 0, 2, 0x120, 32, true, false, NULL },
	{ "AFSR0", 5, 1, 0, 0x128, 0, true, false, NULL },
	{ "AFSR1", 5, 1, 1, 0x130, 1, true, false, NULL },
	{ "ESR", 5, 2, 0, 0x138, 16, true, false, NULL },
	{ "FAR", 6, 0, 0, 0x220, 17, true, false, NULL },
	{ "MAIR", 10, 2, 0, 0x140, 24, true, false, NULL },
	{ "AMAIR", 10, 3, 0, 0x148, 3, true, false, NULL },
	{ "VBAR", 12, 0, 0, 0x250, 38, false, false, NULL },
	{ "CONTEXTIDR", 13, 0, 1, 0x108, 11, true, false, NULL },
	{ "TCR2", 2, 0, 3, 0x270, 32, true, false, &features.tcr2 },
	{ "SCTLR2", 1, 0, 3, 0x278, 29, true, false, &features.sctlr2 },
	{ "MAIR2", 10, 2, 1, 0x280, 62, true, true, &features.aie },
	{ "AMAIR2", 10, 3, 1, 0x288, 63, true, true, &features.aie },
	{ "PIRE0", 10, 2, 2, 0x290, 57, true, true, &features.s1pie },
	{ "PIR", 10, 2, 3, 0x2a0, 58, true, true, &features.s1pie },
};
#define ALLOWED (BIT(57) | BIT(58) | BIT(62) | BIT(63)) /* of those that are reversed */

/* EL2's registers with a word whatever NV1 says. */
static const struct el2 {
	const char *name;
	unsigned crn, crm, op2, offset;
	const bool *needs;
} el2s[] = {
	{ "S2PIR_EL2", 10, 2, 5, 0x2b0, &features.s2pie },
	{ "SMPRIMAP_EL2", 1, 2, 5, 0x1f8, &features.sme },
	{ "TPIDR_EL2", 13, 0, 2, 0x090, NULL },
};

static uint64_t *page;

static void fill(void)
{
	for (unsigned n = 0; n < 512; n++)
		page[n] = 0x1000 + n;
	DSB(ish);
}

static unsigned others(unsigned offset)
{
	unsigned count = 0;

	for (unsigned n = 0; n < 512; n++)
		count += n != WORD(offset) && page[n] != 0x1000 + n;
	return count;
}

static void fine(unsigned bit, bool reversed, bool traps)
{
	uint64_t value = ALLOWED;

	if (!features.fgt)
		return;
	if (bit < 64 && traps)
		value = reversed ? value & ~BIT(bit) : value | BIT(bit);
	MSR(s3_4_c1_c1_4, value);
	MSR(s3_4_c1_c1_5, value);
	ISB();
}

enum control { NO_TRAP, BY_TVM, BY_TRVM, BY_FINE, CONTROLS };

static bool traps_first(const struct pair *p, bool nv1, bool read, enum control control)
{
	if (!nv1)
		return false; /* these are for the name with EL1 */
	return control == BY_FINE || (p->memory && control == (read ? BY_TRVM : BY_TVM));
}

static void one(const struct pair *p, bool nv1, bool read, enum control control)
{
	static const char *const names[] = { "no trap", "TVM", "TRVM", "its fine trap" };
	uint32_t word = ACCESS(3, nv1 ? 0 : 5, p->crn, p->crm, p->op2, read);
	struct answer a;

	fill();
	fine(p->fine, p->reversed, control == BY_FINE);
	space.hcr |= control == BY_TVM ? HCR_TVM : control == BY_TRVM ? HCR_TRVM : 0;
	a = below_instruction(0, false, word, 0xabc);
	space.hcr &= ~(HCR_TVM | HCR_TRVM);
	if (traps_first(p, nv1, read, control)) {
		CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "D24.2, the trap comes first",
			  "%s %s%s with NV2, NV1 %d, %s", read ? "MRS" : "MSR", p->name, nv1 ? "_EL1" : "_EL12",
			  (uint64_t)nv1, names[control]);
	} else if (read) {
		CHECK_VALUE(a, 0x1000ull + WORD(p->offset), "D8.14, R_CSRPQ", "MRS %s%s with NV2, NV1 %d, %s", p->name,
			    nv1 ? "_EL1" : "_EL12", (uint64_t)nv1, names[control]);
	} else {
		expect(0xabc, a.came == DONE ? page[WORD(p->offset)] : a.esr, "memory", "D8.14, R_CSRPQ", "MSR %s%s with NV2, NV1 %d, %s",
		       p->name, nv1 ? "_EL1" : "_EL12", (uint64_t)nv1, names[control]);
		expect(0, others(p->offset), "other words written", "D8.14, R_CSRPQ", "MSR %s%s with NV2, NV1 %d, %s", p->name,
		       nv1 ? "_EL1" : "_EL12", (uint64_t)nv1, names[control]);
	}
}

static void before_memory(void)
{
	for (unsigned nv1 = 0; nv1 < 2; nv1++) {
		space.hcr |= HCR_NV | HCR_NV2 | (nv1 ? HCR_NV1 : 0);
		forget();
		for (unsigned i = 0; i < LENGTH(pairs); i++)
			for (unsigned read = 0; has(pairs[i].needs) && read < 2; read++)
				for (enum control c = NO_TRAP; c < CONTROLS; c++)
					if (c != BY_FINE || features.fgt)
						one(&pairs[i], nv1, read, c);
		space.hcr &= ~(HCR_NV | HCR_NV1 | HCR_NV2);
	}
	fine(64, false, false);
	forget();
}

/* In memory with NV and NV2, trapped with NV alone, UNDEFINED with neither and with NV2 alone, which counts with NV only. */
static void of_el2(const struct el2 *r, uint64_t hcr)
{
	uint64_t nv = FIELD(hcr, HCR_NV), nv2 = FIELD(hcr, HCR_NV2);
	struct answer a;

	for (unsigned read = 0; read < 2; read++) {
		const char *word = read ? "MRS" : "MSR";

		fill();
		space.hcr |= hcr;
		a = below_instruction(0, false, ACCESS(3, 4, r->crn, r->crm, r->op2, read), 0xabc);
		space.hcr &= ~(HCR_NV | HCR_NV2);
		if (nv && nv2)
			expect(read ? 0x1000ull + WORD(r->offset) : 0xabc, a.came != DONE ? a.esr : read ? a.x0 : page[WORD(r->offset)],
			       read ? "value" : "memory", "D8.14", "%s %s at EL1, NV 1, NV2 1", word, r->name);
		else
			CHECK_ESR(a, nv ? TO_EL2 : TO_EL1, ESR_EC, nv ? PLACE(ESR_EC, ESR_EC_SYS64) : 0, "EffectiveHCR_EL2_NVx()",
				  "%s %s at EL1, NV %d, NV2 %d", word, r->name, nv, nv2);
		expect(nv && nv2 && !read, page[WORD(r->offset)] == 0xabc, "whether the word is written", "D8.14", "%s %s at EL1, NV %d, NV2 %d",
		       word, r->name, nv, nv2);
	}
}

/* NV2 without NV is 0: EL1's own registers are not in memory, and EL1 is EL1. */
static void alone(void)
{
	static const struct {
		const char *name;
		unsigned op0, op1, crn, crm, op2;
	} el1s[] = { { "ACTLR_EL1", 3, 0, 1, 0, 1 }, { "MDSCR_EL1", 2, 0, 0, 2, 2 }, { "TCR_EL1", 3, 0, 2, 0, 2 } };
	const uint64_t values[] = { MRS(actlr_el1), MRS(mdscr_el1), space.tcr };
	struct answer a;

	space.hcr |= HCR_NV2;
	fill();
	for (unsigned i = 0; i < LENGTH(el1s); i++) {
		a = below_instruction(0, false, ACCESS(el1s[i].op0, el1s[i].op1, el1s[i].crn, el1s[i].crm, el1s[i].op2, true), 0);
		CHECK_VALUE(a, values[i], "EffectiveHCR_EL2_NVx()", "MRS %s at EL1, NV 0, NV2 1", el1s[i].name);
	}
	a = below_instruction(0, false, 0xd5384241u, 0); /* MRS X1, CurrentEL */
	CHECK_VALUE(a, 4ull, "EffectiveHCR_EL2_NVx()", "CurrentEL at EL1, NV 0, NV2 1");
	expect(1, FIELD(MRS(spsr_el1), SPSR_EL), "SPSR_EL1.M[3:2]", "EffectiveHCR_EL2_NVx()", "SVC at EL1, NV 0, NV2 1");
	a = below_instruction(0, false, ACCESS(3, 4, 4, 0, 1, true), 0);
	CHECK_ESR(a, TO_EL1, ESR_EC, 0, "EffectiveHCR_EL2_NVx()", "MRS ELR_EL2 at EL1, NV 0, NV2 1");
	a = below_instruction(0, false, ACCESS(3, 5, 2, 0, 2, true), 0);
	CHECK_ESR(a, TO_EL1, ESR_EC, 0, "EffectiveHCR_EL2_NVx()", "MRS TCR_EL12 at EL1, NV 0, NV2 1");
	space.hcr &= ~HCR_NV2;
}

/* The page is EL2's: SCTLR_EL2.EE says its endianness, and not that of EL1's data. Both stages off. */
static void endianness(void)
{
	space_new(12, 1, 1, false, false, false);
	for (unsigned el2 = 0; el2 < 2; el2++)
		for (unsigned el1 = 0; el1 < 2; el1++) {
			struct answer a;

			space.hcr |= HCR_NV | HCR_NV2;
			space.ee2 = el2;
			space.sctlr = el1 ? SCTLR_EE : 0;
			page[WORD(0x90)] = 0x1122334455667788ull;
			DSB(ish);
			a = below_instruction(0, false, ACCESS(3, 4, 13, 0, 2, true), 0);
			CHECK_VALUE(a, el2 ? 0x8877665544332211ull : 0x1122334455667788ull, "D8.14, SCTLR_EL2.EE",
				    "MRS TPIDR_EL2 with NV2, SCTLR_EL2.EE %d, SCTLR_EL1.EE %d", (uint64_t)el2, (uint64_t)el1);
			a = below_instruction(0, false, ACCESS(3, 4, 13, 0, 2, false), 0xa1b2c3d4e5f60718ull);
			expect(el2 ? 0x1807f6e5d4c3b2a1ull : 0xa1b2c3d4e5f60718ull, a.came == DONE ? page[WORD(0x90)] : a.esr, "memory",
			       "D8.14, SCTLR_EL2.EE", "MSR TPIDR_EL2 with NV2, SCTLR_EL2.EE %d, SCTLR_EL1.EE %d", (uint64_t)el2, (uint64_t)el1);
			space.ee2 = false;
			space.sctlr = 0;
			space.hcr &= ~(HCR_NV | HCR_NV2);
		}
}

void check_words(void)
{
	uint64_t hcrx = features.hcx ? MRS(s3_4_c1_c2_2) : 0, cpacr = MRS(cpacr_el1), cptr = MRS(cptr_el2);

	if (!features.nv2) {
		skip("words", "no FEAT_NV2");
		return;
	}
	group("words");
	space_new(12, 1, 1, true, true, false);
	space_load();
	page = table_new();
	MSR(s3_4_c2_c2_0, page);
	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx | HCRX_TCR2EN | HCRX_SCTLR2EN);
	MSR(cptr_el2, cptr & ~BIT(12)); /* TSM */
	ISB();
	before_memory();
	for (unsigned i = 0; i < LENGTH(el2s); i++)
		for (unsigned state = 0; has(el2s[i].needs) && state < 4; state++)
			of_el2(&el2s[i], (state & 1 ? HCR_NV : 0) | (state & 2 ? HCR_NV2 : 0));
	alone();
	if (features.mixed_endian)
		endianness();
	if (features.fgt) {
		MSR(s3_4_c1_c1_4, 0);
		MSR(s3_4_c1_c1_5, 0);
	}
	if (features.hcx)
		MSR(s3_4_c1_c2_2, hcrx);
	MSR(cpacr_el1, cpacr);
	MSR(cptr_el2, cptr);
	ISB();
	group_end();
}
