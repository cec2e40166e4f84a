// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: PSTATE beyond the flags, the masks and PAN (DDI 0487 M.a.a, J1.1.2 AArch64.TakeException(), J1.1.3
 * SetPSTATEFromPSR()): UAO, DIT, SSBS, ALLINT, BTYPE and SS through an exception return, in SPSR_ELx of an exception from
 * there, at EL1's vector and at EL2. EL1's vectors call EL2 at once, so that SPSR_EL2 tells what PSTATE was there.
 */
#include "model.h"

#define UDF 0x00000000u
#define ERET 0xd69f03e0u
#define NOWHERE 0x923456780000ull /* nothing is mapped there */
#define EL0T 0x0ull
#define EL1T 0x4ull
#define EL1H 0x5ull
#define MODE_BITS (SPSR_EL | SPSR_AARCH32 | 3)

static const struct bit {
	const char *name;
	uint64_t bit;
	const bool *needs;
} bits[] = {
	{ "UAO", SPSR_UAO, &features.uao },	 { "DIT", SPSR_DIT, &features.dit },	{ "SSBS", SPSR_SSBS, &features.ssbs },
	{ "ALLINT", SPSR_ALLINT, &features.nmi }, { "PAN", SPSR_PAN, &features.pan },
};
static const char *const states[] = { "SPAN 0",		  "SPAN 0, DSSBS 1",		"SPAN 0, SPINTMASK 1",
				      "SPAN 0, SPINTMASK 1, DSSBS 1", "SPAN 1",			"SPAN 1, DSSBS 1",
				      "SPAN 1, SPINTMASK 1", "SPAN 1, SPINTMASK 1, DSSBS 1" };
static const uint64_t modes[] = { EL1H, EL1T, EL0T };
static const char *const mode_names[] = { "EL1 with SP_EL1", "EL1 with SP_EL0", "EL0" };

static uint64_t all_bits(void)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < LENGTH(bits); i++)
		value |= has(bits[i].needs) ? bits[i].bit : 0;
	return value;
}

static void go(uint64_t spsr, const void *pc, uint32_t word)
{
	*(volatile uint32_t *)victim_buffer = word;
	SYNC_CODE(victim_buffer);
	below_with(spsr | PLACE(SPSR_DAIF, 15), pc, 0, 0);
}

/* What EL1's vector has to have after an exception with ``from``: the pseudocode leaves DIT as it is. */
static uint64_t at_vector(uint64_t from, bool dssbs, bool spintmask, bool span)
{
	uint64_t value = from & (SPSR_DIT | SPSR_PAN);

	value |= !span && features.pan ? SPSR_PAN : 0;
	value |= dssbs && features.ssbs ? SPSR_SSBS : 0;
	value |= !spintmask && features.nmi ? SPSR_ALLINT : 0;
	return value;
}

/* One at a time, so that the message names it. */
static void compare(uint64_t wanted, uint64_t seen, const char *what, const char *rule, const char *name, uint64_t given, const char *from)
{
	for (unsigned i = 0; i < LENGTH(bits); i++)
		if (has(bits[i].needs))
			expect(!!(wanted & bits[i].bit), !!(seen & bits[i].bit), what, rule, "%s of %s, %s, SPSR %x", bits[i].name, name, from, given);
}

/* EL2 returns with ``given``, and the first instruction there is UNDEFINED. */
static void through(unsigned mode, uint64_t given, bool dssbs, bool spintmask, bool span)
{
	uint64_t at;

	space.sctlr = (dssbs && features.ssbs ? SCTLR_DSSBS : 0) | (spintmask && features.nmi ? SCTLR_SPINTMASK : 0);
	space.sctlr_off = span ? 0 : SCTLR_SPAN;
	go(modes[mode] | given, victim_buffer, UDF);
	at = MRS(spsr_el2);
	compare(given, MRS(spsr_el1), "SPSR_EL1", "J1.1.2, GetPSRFromPSTATE()", "an UNDEFINED instruction", given, mode_names[mode]);
	expect(modes[mode], MRS(spsr_el1) & MODE_BITS, "SPSR_EL1.M", "SPSR_EL1", "UDF from %s, SPSR %x", mode_names[mode], given);
	compare(at_vector(given, dssbs, spintmask, span), at, "PSTATE at the vector", "J1.1.2, AArch64.TakeException()", "EL1's vector", given,
		states[4 * span + 2 * spintmask + dssbs]);
	expect(0, at & (SPSR_BTYPE | SPSR_SS | SPSR_IL), "PSTATE at the vector", "J1.1.2, AArch64.TakeException()", "BTYPE, SS, IL at EL1's vector, SPSR %x",
	       given);
	space.sctlr = space.sctlr_off = 0;
}

/* At EL2, which took the call of EL1's vector: DIT and PAN are as they were. */
static void at_el2_then(uint64_t given, bool span)
{
	uint64_t vector = at_vector(given, false, false, span), dit = 0, pan = 0, uao = 0;

	space.sctlr_off = span ? 0 : SCTLR_SPAN;
	go(EL1H | given, victim_buffer, UDF);
	if (features.dit) {
		dit = MRS(s3_3_c4_c2_5);
		MSR(s3_3_c4_c2_5, 0);
		expect(!!(vector & SPSR_DIT), !!(dit & SPSR_DIT), "DIT", "J1.1.2, AArch64.TakeException()", "at EL2 after an exception at EL1, SPSR %x", given);
	}
	if (features.pan) {
		pan = MRS(s3_0_c4_c2_3);
		MSR(s3_0_c4_c2_3, 0);
		expect(!!(vector & SPSR_PAN), !!(pan & SPSR_PAN), "PAN", "J1.1.2, AArch64.TakeException()", "at EL2 after an exception at EL1, SPSR %x", given);
	}
	if (features.uao) {
		uao = MRS(s3_0_c4_c2_4);
		expect(0, uao, "UAO", "J1.1.2, AArch64.TakeException()", "at EL2 after an exception at EL1, SPSR %x", given);
	}
	space.sctlr_off = 0;
}

/* ERET at EL1: what it goes to is UNDEFINED there. */
static void by_el1(unsigned mode, uint64_t given)
{
	*(volatile uint32_t *)(victim_buffer + 4) = UDF;
	MSR(elr_el1, (uint64_t)victim_buffer + 4);
	MSR(spsr_el1, modes[mode] | given | PLACE(SPSR_DAIF, 15));
	go(EL1H, victim_buffer, ERET);
	expect((uint64_t)victim_buffer + 4, MRS(elr_el1), "ELR_EL1", "C6.2, ERET", "UDF after ERET at EL1 to %s, SPSR %x", mode_names[mode], given);
	compare(given, MRS(spsr_el1), "SPSR_EL1", "C6.2, ERET, SetPSTATEFromPSR()", "UDF after ERET at EL1", given, mode_names[mode]);
}

/* An Instruction Abort tells BTYPE; SS counts for nothing while no step is asked for. */
static void branch_type(unsigned mode, unsigned type)
{
	uint64_t given = PLACE(SPSR_BTYPE, type) | (type & 1 ? SPSR_SS : 0);

	go(modes[mode] | given, (const void *)NOWHERE, UDF);
	expect(PLACE(SPSR_BTYPE, features.bti ? type : 0), MRS(spsr_el1) & (SPSR_BTYPE | SPSR_SS), "SPSR_EL1", "J1.1.2, SPSR_EL1.{BTYPE,SS}",
	       "a fetch without translation, %s, BTYPE %d", mode_names[mode], (uint64_t)type);
	expect(0, MRS(spsr_el2) & (SPSR_BTYPE | SPSR_SS), "PSTATE at the vector", "J1.1.2, AArch64.TakeException()",
	       "a fetch without translation, %s, BTYPE %d", mode_names[mode], (uint64_t)type);
}

void check_pstate(void)
{
	uint64_t every = all_bits();
	uint8_t kept[8];

	group("pstate");
	space_new(12, 1, 1, true, true, false);
	space_load();
	for (unsigned i = 0; i < LENGTH(kept); i++)
		kept[i] = victim_buffer[i];
	for (unsigned mode = 0; mode < LENGTH(modes); mode++) {
		for (unsigned i = 0; i < LENGTH(bits) + 2; i++) {
			uint64_t given = i == LENGTH(bits) ? 0 : i > LENGTH(bits) ? every : bits[i].bit & every;

			for (unsigned state = 0; state < 8; state++)
				through(mode, given, state & 1, state & 2, state & 4);
			by_el1(mode, given);
		}
		for (unsigned type = 0; type < 4; type++)
			branch_type(mode, type);
	}
	at_el2_then(0, true);
	at_el2_then(0, false);
	at_el2_then(every, true);
	for (unsigned i = 0; i < LENGTH(kept); i++)
		((volatile uint8_t *)(uintptr_t)victim_buffer)[i] = kept[i];
	SYNC_CODE(victim_buffer);
	group_end();
}
