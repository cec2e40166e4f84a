// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: traps that are not of TLBIs (DDI 0487 M.a.a, D24.2): HCR_EL2.{TVM,TRVM} by register,
 * AT by HCR_EL2.AT, HFGITR_EL2 and NV, HCR_EL2.{TID3,TSC}, ERET by HFGITR_EL2, and what NV and NV1 trap of EL1's and
 * EL12's registers, each with the control and without.
 */
#include "model.h"

struct control {
	const char *name;
	unsigned op1, crn, crm, op2;
	bool harmless; /* writing 0 changes nothing that the program needs */
};

static const struct control memory[] = {
	{ "SCTLR_EL1", 0, 1, 0, 0, false },  { "TTBR0_EL1", 0, 2, 0, 0, false }, { "TTBR1_EL1", 0, 2, 0, 1, false },
	{ "TCR_EL1", 0, 2, 0, 2, false },    { "AFSR0_EL1", 0, 5, 1, 0, true },  { "AFSR1_EL1", 0, 5, 1, 1, true },
	{ "ESR_EL1", 0, 5, 2, 0, true },     { "FAR_EL1", 0, 6, 0, 0, true },    { "MAIR_EL1", 0, 10, 2, 0, false },
	{ "AMAIR_EL1", 0, 10, 3, 0, true },  { "CONTEXTIDR_EL1", 0, 13, 0, 1, true },
};
static const struct control nv1[] = {
	{ "VBAR_EL1", 0, 12, 0, 0, false }, { "ELR_EL1", 0, 4, 0, 1, true }, { "SPSR_EL1", 0, 4, 0, 0, true },
};
static const struct control el12[] = {
	{ "SCTLR_EL12", 5, 1, 0, 0, false }, { "TTBR0_EL12", 5, 2, 0, 0, false }, { "TCR_EL12", 5, 2, 0, 2, false },
	{ "ESR_EL12", 5, 5, 2, 0, true },    { "VBAR_EL12", 5, 12, 0, 0, false }, { "ELR_EL12", 5, 4, 0, 1, true },
	{ "SPSR_EL12", 5, 4, 0, 0, true },   { "SP_EL1", 4, 4, 1, 0, true },	   { "ELR_EL2", 4, 4, 0, 1, true },
	{ "SPSR_EL2", 4, 4, 0, 0, true },    { "ESR_EL2", 4, 5, 2, 0, true },	   { "FAR_EL2", 4, 6, 0, 0, true },
	{ "HPFAR_EL2", 4, 6, 0, 4, true },   { "SCTLR_EL2", 4, 1, 0, 0, true },   { "VBAR_EL2", 4, 12, 0, 0, true },
};

/* What a wrong model may write without harm where it does not trap: the value that is there. */
static uint64_t current(const struct control *c)
{
	switch (c->crn << 4 | c->op2) {
	case 1 << 4: return MRS(sctlr_el1);
	case 2 << 4: return MRS(ttbr0_el1);
	case 2 << 4 | 1: return MRS(ttbr1_el1);
	case 2 << 4 | 2: return MRS(tcr_el1);
	case 10 << 4: return MRS(mair_el1);
	case 12 << 4: return MRS(vbar_el1);
	default: return 0;
	}
}

static void try(const struct control *c, bool read, bool trap, const char *control)
{
	uint32_t word = ACCESS(3, c->op1, c->crn, c->crm, c->op2, read);
	struct answer a;

	if (!trap && !read && !c->harmless)
		return;
	a = below_instruction(0, false, word, current(c));
	if (trap)
		CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "D24.2.62", "%s %s at EL1 with %s",
			  read ? "MRS" : "MSR", c->name, control);
	else
		expect(DONE, a.came, "exception taken", "D24.2.62", "%s %s at EL1 with %s", read ? "MRS" : "MSR", c->name, control);
}

static void memory_controls(void)
{
	for (unsigned i = 0; i < LENGTH(memory); i++)
		for (unsigned read = 0; read < 2; read++) {
			try(&memory[i], read, false, "no trap");
			space.hcr |= HCR_TVM;
			try(&memory[i], read, !read, "TVM");
			space.hcr ^= HCR_TVM | HCR_TRVM;
			try(&memory[i], read, read, "TRVM");
			space.hcr &= ~HCR_TRVM;
		}
}

/* Those of newer features, which HCRX_EL2 or HFGxTR_EL2 let EL1 have. */
static void newer_memory_controls(void)
{
	static const struct {
		struct control c;
		const bool *needs;
	} all[] = {
		{ { "TCR2_EL1", 0, 2, 0, 3, true }, &features.tcr2 },
		{ { "SCTLR2_EL1", 0, 1, 0, 3, true }, &features.sctlr2 },
		{ { "MAIR2_EL1", 0, 10, 2, 1, true }, &features.aie },
		{ { "AMAIR2_EL1", 0, 10, 3, 1, true }, &features.aie },
		{ { "PIRE0_EL1", 0, 10, 2, 2, true }, &features.s1pie },
		{ { "PIR_EL1", 0, 10, 2, 3, true }, &features.s1pie },
	};
	uint64_t kept = MRS(s3_4_c1_c2_2), fine = BIT(57) | BIT(58) | BIT(62) | BIT(63);

	MSR(s3_4_c1_c2_2, BIT(14) | BIT(15)); /* HCRX_EL2.{TCR2En,SCTLR2En} */
	MSR(s3_4_c1_c1_4, fine); /* HFGRTR_EL2, HFGWTR_EL2 */
	MSR(s3_4_c1_c1_5, fine);
	ISB();
	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned read = 0; has(all[i].needs) && read < 2; read++) {
			try(&all[i].c, read, false, "no trap");
			space.hcr |= HCR_TVM;
			try(&all[i].c, read, !read, "TVM");
			space.hcr ^= HCR_TVM | HCR_TRVM;
			try(&all[i].c, read, read, "TRVM");
			space.hcr &= ~HCR_TRVM;
		}
	MSR(s3_4_c1_c2_2, kept);
	MSR(s3_4_c1_c1_4, 0);
	MSR(s3_4_c1_c1_5, 0);
	ISB();
}

/* AT S1E1R, S1E1W, S1E0R, S1E0W are the bits 12 to 15 of HFGITR_EL2. */
static void translation(unsigned op2, bool trap, const char *control)
{
	static const char *const names[] = { "S1E1R", "S1E1W", "S1E0R", "S1E0W" };
	uint32_t word = AT(0, 8, op2);
	struct answer a = below_instruction(0, false, word, BOARD_RAM);

	if (trap)
		CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "D24.2.62, D24.2.71", "AT %s at EL1 with %s",
			  names[op2], control);
	else
		expect(DONE, a.came, "exception taken", "D24.2.62, D24.2.71", "AT %s at EL1 with %s", names[op2],
		       control);
}

static void translations(void)
{
	for (unsigned op2 = 0; op2 < 4; op2++) {
		translation(op2, false, "no trap");
		if (features.nv) {
			space.hcr |= HCR_AT;
			translation(op2, true, "AT");
			space.hcr &= ~HCR_AT;
		}
		if (!features.fgt)
			continue;
		space.hfgitr = PLACE(HFGITR_ATS1, BIT(op2));
		translation(op2, true, "its bit of HFGITR_EL2");
		space.hfgitr = HFGITR_ATS1 & ~PLACE(HFGITR_ATS1, BIT(op2));
		translation(op2, false, "the other AT bits of HFGITR_EL2");
		space.hfgitr = 0;
	}
}

/* EL2's own AT instructions at EL1. */
static void translations_of_el2(void)
{
	static const struct {
		const char *name;
		uint32_t word;
	} all[] = {
		{ "S1E2R", AT(4, 8, 0) },  { "S1E2W", AT(4, 8, 1) },  { "S12E1R", AT(4, 8, 4) },
		{ "S12E1W", AT(4, 8, 5) }, { "S12E0R", AT(4, 8, 6) }, { "S12E0W", AT(4, 8, 7) },
	};

	for (unsigned i = 0; i < LENGTH(all); i++) {
		struct answer a = below_instruction(0, false, all[i].word, BOARD_RAM);

		CHECK_ESR(a, TO_EL1, ESR_EC, 0, "C5.4: UNDEFINED", "AT %s at EL1", all[i].name);
		space.hcr |= HCR_NV;
		a = below_instruction(0, false, all[i].word, BOARD_RAM);
		CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(all[i].word), "HCR_EL2.NV", "AT %s at EL1 with NV",
			  all[i].name);
		space.hcr &= ~HCR_NV;
	}
}

static void nested_registers(void)
{
	for (unsigned read = 0; read < 2; read++) {
		for (unsigned i = 0; i < LENGTH(nv1); i++) {
			space.hcr |= HCR_NV;
			try(&nv1[i], read, false, "NV without NV1");
			space.hcr |= HCR_NV1;
			try(&nv1[i], read, true, "NV and NV1");
			space.hcr &= ~(HCR_NV | HCR_NV1);
		}
		for (unsigned i = 0; i < LENGTH(el12); i++) {
			struct answer a =
				below_instruction(0, false,
						  ACCESS(3, el12[i].op1, el12[i].crn, el12[i].crm, el12[i].op2, read), 0);

			CHECK_ESR(a, TO_EL1, ESR_EC, 0, "UNDEFINED", "%s %s at EL1 without NV", read ? "MRS" : "MSR", el12[i].name);
			space.hcr |= HCR_NV;
			try(&el12[i], read, true, "NV");
			space.hcr &= ~HCR_NV;
		}
	}
}

static void others(void)
{
	static const struct control ids[] = {
		{ "ID_AA64PFR0_EL1", 0, 0, 4, 0, true },  { "ID_AA64ISAR0_EL1", 0, 0, 6, 0, true },
		{ "ID_AA64MMFR0_EL1", 0, 0, 7, 0, true }, { "ID_AA64MMFR2_EL1", 0, 0, 7, 2, true },
	};
	struct answer a;

	for (unsigned i = 0; i < LENGTH(ids); i++) {
		try(&ids[i], true, false, "no trap");
		space.hcr |= HCR_TID3;
		try(&ids[i], true, true, "TID3");
		space.hcr &= ~HCR_TID3;
	}
	space.hcr |= HCR_TSC;
	a = below_instruction(0, false, 0xd4000003u, 0); /* SMC #0 */
	CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_SMC), "HCR_EL2.TSC", "SMC at EL1 with TSC");
	space.hcr &= ~HCR_TSC;
	if (features.fgt) {
		space.hfgitr = HFGITR_ERET;
		a = below_instruction(0, false, 0xd69f03e0u, 0); /* ERET */
		CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_ERET), "HFGITR_EL2.ERET", "ERET at EL1 with HFGITR_EL2.ERET");
		space.hfgitr = 0;
	}
}

/* HCRX_EL2 lets EL1 do some things, and traps others. */
static void extended(void)
{
	static const struct control allint = { "ALLINT", 0, 4, 3, 0, true }, tcr2 = { "TCR2_EL1", 0, 2, 0, 3, true },
				    sctlr2 = { "SCTLR2_EL1", 0, 1, 0, 3, true };
	uint64_t isar2 = MRS(s3_0_c0_c6_2), mmfr3 = MRS(s3_0_c0_c7_3), pfr1 = MRS(id_aa64pfr1_el1), kept = MRS(s3_4_c1_c2_2);

	for (unsigned on = 0; on < 2; on++) {
		struct answer a;

		if (BITS(isar2, 19, 16)) {
			MSR(s3_4_c1_c2_2, on ? BIT(11) : kept & ~BIT(11)); /* MSCEn */
			ISB();
			a = below_instruction(0, false, 0x19c20401u, BOARD_RAM); /* SETP [X1]!, X0!, X2: of no bytes */
			if (on)
				expect(DONE, a.came, "exception taken", "HCRX_EL2.MSCEn", "SETP at EL1, MSCEn 1");
			else
				CHECK_ESR(a, TO_EL1, ESR_EC, PLACE(ESR_EC, ESR_EC_UNKNOWN), "HCRX_EL2.MSCEn", "SETP at EL1, MSCEn 0");
		}
		if (BITS(pfr1, 39, 36)) {
			MSR(s3_4_c1_c2_2, on ? BIT(6) : 0); /* TALLINT */
			ISB();
			try(&allint, false, on, on ? "TALLINT" : "no trap");
		}
		for (unsigned n = 0; n < 2; n++) {
			if (!BITS(mmfr3, 4 * n + 3, 4 * n))
				continue;
			MSR(s3_4_c1_c2_2, on ? BIT(14 + n) : BIT(15 - n)); /* TCR2En, SCTLR2En */
			ISB();
			for (unsigned read = 0; read < 2; read++)
				try(n ? &sctlr2 : &tcr2, read, !on, on ? "its bit of HCRX_EL2" : "the other bit of HCRX_EL2");
		}
		MSR(s3_4_c1_c2_2, kept);
		ISB();
	}
}

void check_controls(void)
{
	group("controls");
	space_new(12, 1, 1, true, true, false);
	space_load();
	memory_controls();
	translations();
	others();
	if (features.hcx && features.fgt)
		newer_memory_controls();
	if (features.hcx)
		extended();
	if (features.nv) {
		translations_of_el2();
		nested_registers();
	}
	group_end();
}
