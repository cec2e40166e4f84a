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

void check_syndromes(void)
{
	uint64_t ipa = BIT(34);
	struct answer a;

	group("syndromes");
	space_new(12, 1, 1, true, true, false);
	map_s1(TARGET, 3, ipa, PTE_AF | PTE_S1_EL0);
	for (unsigned i = 0; i < LENGTH(instructions); i++)
		for (unsigned r = 0; r < LENGTH(registers); r++)
			for (unsigned el0 = 0; el0 < 2; el0++)
				if (instructions[i].valid || registers[r] == 0)
					one(&instructions[i], registers[r], el0);
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
	group_end();
}
