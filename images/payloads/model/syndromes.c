// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: ISS[24:14] of a Data Abort of stage 2 (DDI 0487 M.a.a, D24.2.46): what a hypervisor
 * emulates an access by. By instruction, register, size, sign and Exception level; and where ISV has to be 0.
 */
#include "model.h"

#define TARGET 0x923456780000ull
#define SYNDROME (ESR_ISV | ESR_SAS | ESR_SSE | ESR_SRT | ESR_SF | ESR_AR)

/* ``word``: with X1 as the base and register 0; ``valid``: ISV. */
static const struct instruction {
	const char *name;
	uint32_t word;
	unsigned sas;
	bool sse, sf, ar, write, valid;
} instructions[] = {
	{ "LDRB W", 0x39400020, 0, false, false, false, false, true },
	{ "LDRH W", 0x79400020, 1, false, false, false, false, true },
	{ "LDR W", 0xb9400020, 2, false, false, false, false, true },
	{ "LDR X", 0xf9400020, 3, false, true, false, false, true },
	{ "LDRSB W", 0x39c00020, 0, true, false, false, false, true },
	{ "LDRSB X", 0x39800020, 0, true, true, false, false, true },
	{ "LDRSH W", 0x79c00020, 1, true, false, false, false, true },
	{ "LDRSH X", 0x79800020, 1, true, true, false, false, true },
	{ "LDRSW X", 0xb9800020, 2, true, true, false, false, true },
	{ "LDUR X", 0xf8400020, 3, false, true, false, false, true },
	{ "STRB W", 0x39000020, 0, false, false, false, true, true },
	{ "STRH W", 0x79000020, 1, false, false, false, true, true },
	{ "STR W", 0xb9000020, 2, false, false, false, true, true },
	{ "STR X", 0xf9000020, 3, false, true, false, true, true },
	{ "LDAR X", 0xc8dffc20, 3, false, true, true, false, true },
	{ "STLR W", 0x889ffc20, 2, false, false, true, true, true },
	{ "LDARB W", 0x08dffc20, 0, false, false, true, false, true },
	{ "STLRH W", 0x489ffc20, 1, false, false, true, true, true },
	{ "LDTR X", 0xf8400820, 3, false, true, false, false, true },
	{ "STTRB W", 0x38000820, 0, false, false, false, true, true },
	{ "LDR X, by a register", 0xf87f6820, 3, false, true, false, false, true },
	{ "STR W, by a register", 0xb83f6820, 2, false, false, false, true, true },
	{ "LDP W", 0x29400820, 0, false, false, false, false, false },
	{ "LDR Q", 0x3dc00020, 0, false, false, false, false, false },
	{ "STR D", 0xfd000020, 0, false, false, false, true, false },
	{ "DC ZVA X", 0xd50b7421, 0, false, false, false, true, false },
	{ "LDP X", 0xa9400820, 0, false, false, false, false, false },
	{ "STP X", 0xa9000820, 0, false, false, false, true, false },
	{ "LDR X, post-index", 0xf8408420, 0, false, false, false, false, false },
	{ "STR X, pre-index", 0xf8008c20, 0, false, false, false, true, false },
	{ "LDXR X", 0xc85f7c20, 0, false, false, false, false, false },
};
static const unsigned registers[] = { 0, 3, 30, 31 };

static uint64_t valid(const struct instruction *i, unsigned rt)
{
	return ESR_ISV | PLACE(ESR_SAS, i->sas) | (i->sse ? ESR_SSE : 0) | PLACE(ESR_SRT, rt) | (i->sf ? ESR_SF : 0) |
	       (i->ar ? ESR_AR : 0);
}

static void one(const struct instruction *i, unsigned rt, bool el0)
{
	struct answer a = below_instruction(0, el0, i->word | rt, TARGET + 0x40);

	CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f | ESR_WNR | (i->valid ? SYNDROME : ESR_ISV),
		  abort_class(READ, false) | TRANSLATION | 1 | (i->write ? ESR_WNR : 0) | (i->valid ? valid(i, rt) : 0), "ESR_EL2.ISS, ISV",
		  "stage 2 fault of %s%d at EL%d", i->name, (uint64_t)rt, (uint64_t)!el0);
}

/* Where an exception says that it came from: the instruction, or for a call the one behind; and what a call says. */
static void returns(void)
{
	static const enum access accesses[] = { READ, WRITE, EXECUTE };
	static const unsigned immediates[] = { 1, 0x80, 0x1234, 0xffff };
	struct answer a;

	space_new(12, 1, 1, true, true, false);
	for (unsigned stage2 = 0; stage2 < 2; stage2++)
		for (unsigned i = 0; i < LENGTH(accesses); i++)
			for (unsigned el0 = 0; el0 < 2; el0++) {
				uint64_t from = accesses[i] == READ ? (uint64_t)victim_read : accesses[i] == WRITE ? (uint64_t)victim_write : TARGET + CODE_OFFSET;

				if (stage2)
					map_s1(TARGET, 3, BIT(34), PTE_AF | (accesses[i] == EXECUTE ? 0 : PTE_S1_EL0));
				forget();
				a = touch(0, el0, accesses[i], TARGET);
				expect(from, a.elr, stage2 ? "ELR_EL2" : "ELR_EL1", "D1.3, preferred return", "stage %d fault, %s at EL%d", (uint64_t)1 + stage2,
				       access_names[accesses[i]], (uint64_t)!el0);
			}
	for (unsigned i = 0; i < LENGTH(immediates); i++) {
		a = below_instruction(0, false, 0xd4000002u | immediates[i] << 5, 0); /* HVC, which is no #1 here or comes back as one of EL1's */
		expect(PLACE(ESR_EC, ESR_EC_HVC) | immediates[i], pes[0].esr & (ESR_EC | 0xffff), "ESR_EL2", "ESR_EL2.ISS of HVC", "HVC %x at EL1",
		       (uint64_t)immediates[i]);
		expect((uint64_t)victim_buffer + 4, pes[0].elr, "ELR_EL2", "D1.3, preferred return", "HVC %x at EL1", (uint64_t)immediates[i]);
		space.hcr |= HCR_TSC;
		a = below_instruction(0, false, 0xd4000003u | immediates[i] << 5, 0); /* SMC */
		CHECK_ESR(a, TO_EL2, ESR_EC | 0xffff, PLACE(ESR_EC, ESR_EC_SMC) | immediates[i], "ESR_EL2.ISS of SMC", "SMC %x at EL1 with TSC",
			  (uint64_t)immediates[i]);
		expect((uint64_t)victim_buffer, a.elr, "ELR_EL2", "HCR_EL2.TSC", "SMC %x at EL1 with TSC", (uint64_t)immediates[i]);
		space.hcr &= ~HCR_TSC;
		for (unsigned el0 = 0; el0 < 2; el0++) {
			below_instruction(0, el0, 0xd4000001u | immediates[i] << 5, 0); /* SVC */
			expect(PLACE(ESR_EC, ESR_EC_SVC) | immediates[i], MRS(esr_el1) & (ESR_EC | 0xffff), "ESR_EL1", "ESR_EL1.ISS of SVC", "SVC %x at EL%d",
			       (uint64_t)immediates[i], (uint64_t)!el0);
			expect((uint64_t)victim_buffer + 4, MRS(elr_el1), "ELR_EL1", "D1.3, preferred return", "SVC %x at EL%d", (uint64_t)immediates[i],
			       (uint64_t)!el0);
			a = below_instruction(0, el0, 0xd4200000u | immediates[i] << 5, 0); /* BRK */
			CHECK_ESR(a, TO_EL1, ESR_EC | 0xffff, PLACE(ESR_EC, ESR_EC_BRK) | immediates[i], "ESR_EL1.ISS of BRK", "BRK %x at EL%d",
				  (uint64_t)immediates[i], (uint64_t)!el0);
			expect((uint64_t)victim_buffer, a.elr, "ELR_EL1", "D1.3, preferred return", "BRK %x at EL%d", (uint64_t)immediates[i], (uint64_t)!el0);
		}
	}
}

/* FAR_ELx keeps the tag of a data access; SPSR_ELx is PSTATE as it was. */
static void state(void)
{
	static const uint64_t flags[] = { 0, SPSR_NZCV, PLACE(SPSR_NZCV, 5), PLACE(SPSR_NZCV, 10) };
	uint64_t tagged = TARGET | 0x5aull * BIT(56), kept = SPSR_NZCV | SPSR_MODE | (features.pan ? SPSR_PAN : 0);

	space_new(12, 1, 1, true, true, false);
	space.tcr |= TCR_TBI0;
	for (unsigned stage2 = 0; stage2 < 2; stage2++) {
		struct answer a;

		if (stage2)
			map_s1(TARGET, 3, BIT(34), PTE_AF | PTE_S1_EL0);
		forget();
		for (unsigned el0 = 0; el0 < 2; el0++) {
			a = touch(0, el0, READ, tagged);
			expect(tagged, a.far, stage2 ? "FAR_EL2" : "FAR_EL1", "FAR_ELx, address tag", "stage %d fault of a tagged address at EL%d",
			       (uint64_t)1 + stage2, (uint64_t)!el0);
		}
		if (stage2) { /* with PAN EL1 may not read what EL0 may */
			map_s1(TARGET, 3, BIT(34), PTE_AF);
			forget();
		}
		for (unsigned i = 0; i < LENGTH(flags); i++)
			for (unsigned pan = 0; pan <= features.pan; pan++) {
				uint64_t spsr = flags[i] | SPSR_MODE_EL1H_MASKED | (pan ? SPSR_PAN : 0);

				below_with(spsr, victim_read, 0, TARGET);
				expect(spsr & kept, (stage2 ? MRS(spsr_el2) : MRS(spsr_el1)) & kept, stage2 ? "SPSR_EL2" : "SPSR_EL1",
				       "SPSR_ELx", "stage %d fault with NZCV %x, PAN %d", (uint64_t)1 + stage2, (uint64_t)FIELD(spsr, SPSR_NZCV),
				       (uint64_t)pan);
			}
	}
}

void check_syndromes(void)
{
	uint64_t ipa = BIT(34);
	struct answer a;

	group("syndromes");
	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_EL0);
	space.sctlr = SCTLR_DZE;
	for (unsigned i = 0; i < LENGTH(instructions); i++)
		for (unsigned r = 0; r < LENGTH(registers); r++)
			for (unsigned el0 = 0; el0 < 2; el0++)
				if (instructions[i].valid || registers[r] == 0)
					one(&instructions[i], registers[r], el0);
	space.sctlr = 0;
	/* On a walk of stage 1, and of stage 1 itself, nothing is told of the instruction. */
	*descriptor_s1(TARGET, 2) = table_descriptor(ipa);
	DSB(ish);
	forget();
	a = touch(0, false, READ, TARGET);
	CHECK_ESR(a, TO_EL2, ESR_EC | 0x3f | ESR_ISV | ESR_S1PTW,
		  abort_class(READ, false) | TRANSLATION | 1 | ESR_S1PTW, "ESR_EL2.ISS, ISV",
		  "stage 2 fault on the walk of stage 1");
	*descriptor_s1(TARGET, 2) = 0;
	DSB(ish);
	forget();
	a = touch(0, false, READ, TARGET);
	CHECK_ESR(a, TO_EL1, ESR_EC | 0x3f | ESR_ISV, abort_class(READ, true) | TRANSLATION | 2, "ESR_EL1.ISS, ISV", "stage 1 fault");
	state();
	returns();
	group_end();
}
