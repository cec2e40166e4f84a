// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: what HCR_EL2.{NV,NV1,NV2} make of EL2's registers at EL1 (DDI 0487 M.a.a, D8.14): traps,
 * the page behind VNCR_EL2 word by word, its aborts by level, its TLBIs, CurrentEL and ERET.
 */
#include "model.h"

#define WINDOW 0x923456780000ull

/* Registers with a place in memory (D8.14, the table of offsets); those that need no feature beyond the model's. */
static const struct place {
	const char *name;
	unsigned op1, crn, crm, op2, offset;
} places[] = {
	{ "VTTBR_EL2", 4, 2, 1, 0, 0x020 },   { "VTCR_EL2", 4, 2, 1, 2, 0x040 },  { "VMPIDR_EL2", 4, 0, 0, 5, 0x050 },
	{ "CNTVOFF_EL2", 4, 14, 0, 3, 0x060 }, { "HCR_EL2", 4, 1, 1, 0, 0x078 },   { "HSTR_EL2", 4, 1, 1, 3, 0x080 },
	{ "VPIDR_EL2", 4, 0, 0, 0, 0x088 },    { "TPIDR_EL2", 4, 13, 0, 2, 0x090 },
};

static uint64_t *page; /* behind VNCR_EL2 */
static uint64_t *root;
static struct geometry regime; /* EL2's own, E2H = 0: one half */

static void vncr(uint64_t value)
{
	MSR(s3_4_c2_c2_0, value);
	ISB();
}

/* EL2's MMU on with everything as it is, and a window. */
static void el2_mmu(bool on)
{
	if (on) {
		MSR(mair_el2, 0x00ff); /* attribute 1: device */
		MSR(tcr_el2, (64 - 48) | 1ull << 8 | 1ull << 10 | 3ull << 12 | 5ull << 16 | BIT(23) | BIT(31));
		MSR(ttbr0_el2, (uint64_t)root);
		DSB(ish);
		ISB();
	}
	MSR(sctlr_el2, on ? SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I : SCTLR_E2H0_RES1);
	ISB();
	__asm__ volatile("tlbi alle2is" ::: "memory");
	DSB(ish);
	ISB();
}

static void begin(void)
{
	space_new(12, 1, 1, true, true, false);
	regime = geometry(12, 48, false, false);
	root = table_new();
	page = table_new();
	*entry_of(&regime, root, 0, 1) = 0ull | PTE_AF | 1ull << 2 | PTE_S1_EL0 | PTE_S1_UXN | 1;
	map_ram(&regime, root, PTE_AF | PTE_S1_EL0, true);
	DSB(ish);
}

static void words(void)
{
	space.hcr |= HCR_NV | HCR_NV2;
	for (unsigned i = 0; i < LENGTH(places); i++) {
		const struct place *p = &places[i];
		struct answer a;

		for (unsigned n = 0; n < 512; n++)
			page[n] = 0x1000 + n;
		vncr((uint64_t)page);
		a = below_instruction(0, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, 1), 0);
		CHECK_VALUE(a, 0x1000ull + p->offset / 8, "D8.14, offsets", "MRS %s at EL1 with NV2", p->name);
		a = below_instruction(0, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, 0), 0xabc);
		expect(DONE, a.came, "exception taken", "D8.14", "MSR %s at EL1 with NV2", p->name);
		for (unsigned n = 0; n < 512; n++)
			expect(n == p->offset / 8 ? 0xabcull : 0x1000ull + n, page[n], "memory", "D8.14, offsets",
			       "MSR %s at EL1 with NV2: word %x of the page", p->name, (uint64_t)8 * n);
	}
	space.hcr &= ~(HCR_NV | HCR_NV2);
}

/* The page is read by EL2's regime: its aborts are EL2's own, whoever runs. */
static void aborts(void)
{
	const struct place *p = &places[7];

	space.hcr |= HCR_NV | HCR_NV2;
	el2_mmu(true);
	vncr(WINDOW);
	for (unsigned kind = 0; kind < 3; kind++)
		for (unsigned level = 0; level <= 3; level++)
			for (unsigned read = 0; read < 2; read++) {
				enum fault fault = kind == 0 ? TRANSLATION : kind == 1 ? ACCESS_FLAG : PERMISSION;
				uint64_t *descriptor = entry_of(&regime, root, WINDOW, level), kept = *descriptor;
				struct answer a;

				if (fault != TRANSLATION && level != 3 && !block_allowed(&regime, level))
					continue;
				if (fault == PERMISSION && read)
					continue; /* EL2 may always read */
				set(descriptor, fault == TRANSLATION ? 0 :
				    leaf(&regime, level, (uint64_t)page, fault == ACCESS_FLAG ? PTE_S1_EL0 : PTE_AF | PTE_S1_EL0 | PTE_S1_RO));
				forget();
				a = below_instruction(0, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, read), 0);
				CHECK_ESR(a, TO_EL2, ESR_EC | ESR_IL | ESR_ISV | (BIT(14) - 1),
					  PLACE(ESR_EC, ESR_EC_DABT_SAME) | ESR_IL | fault | level | ESR_VNCR |
						  (read ? 0 : ESR_WNR),
					  "ESR_EL2.VNCR, R_VFMQB", "%s TPIDR_EL2 with NV2, %s fault of level %d",
					  read ? "MRS" : "MSR",
					  kind == 0   ? "translation"
					  : kind == 1 ? "access flag"
						      : "permission",
					  (uint64_t)level);
				expect(WINDOW + p->offset, a.far, "FAR_EL2", "R_YWCZS", "%s TPIDR_EL2 with NV2, fault of level %d",
				       read ? "MRS" : "MSR", (uint64_t)level);
				set(descriptor, kept);
			}
	el2_mmu(false);
	space.hcr &= ~(HCR_NV | HCR_NV2);
}

/* EL2's MMU of the other PE. */
static void el2_mmu_of_second(bool on)
{
	static const struct {
		unsigned crn, crm, op2;
	} registers[] = { { 10, 2, 0 }, { 2, 0, 2 }, { 2, 0, 0 }, { 2, 2, 0 }, { 1, 0, 0 } };
	const uint64_t values[] = { MRS(mair_el2), MRS(tcr_el2), (uint64_t)root, WINDOW,
				    on ? SCTLR_E2H0_RES1 | SCTLR_M | SCTLR_C | SCTLR_I : SCTLR_E2H0_RES1 };

	for (unsigned i = on ? 0 : 4; i < LENGTH(registers); i++)
		at_el2(1, ACCESS(3, 4, registers[i].crn, registers[i].crm, registers[i].op2, 0), values[i]);
	at_el2(1, 0xd5033fdf, 0); /* ISB */
	forget();
}

/* The page moves: operations of EL2's regime have to take its translation, broadcasts on the other PE, too. */
static void moves(unsigned pe)
{
	const struct place *p = &places[7];
	uint64_t *other = table_new(), *descriptor;

	space.hcr |= HCR_NV | HCR_NV2;
	el2_mmu(true);
	vncr(WINDOW);
	if (pe)
		el2_mmu_of_second(true);
	descriptor = entry_of(&regime, root, WINDOW, 3);
	for (unsigned i = 0; i < operation_count; i++) {
		const struct operation *op = &operations[i];

		if (!is_implemented(op) || !is_of_el2(op) || (pe && op->scope == LOCAL))
			continue;
		page[p->offset / 8] = A_VALUE;
		other[p->offset / 8] = B_VALUE;
		set(descriptor, leaf(&regime, 3, (uint64_t)page, PTE_AF | PTE_S1_EL0));
		forget();
		CHECK_VALUE(below_instruction(pe, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, 1), 0), A_VALUE,
			    "D8.14", "before %s: TPIDR_EL2 with NV2, PE %d", op->name, (uint64_t)pe);
		set(descriptor, 0);
		execute(op, op->operand == VA_RANGE ? range_for(op, 12, false, WINDOW, 0, 0, 0) :
							      operand_for(op, 12, WINDOW, 0, i % 2 && features.ttl ? 3 : 0));
		set(descriptor, leaf(&regime, 3, (uint64_t)other, PTE_AF | PTE_S1_EL0));
		CHECK_VALUE(below_instruction(pe, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, 1), 0), B_VALUE,
			    "R_VFMQB, C5.5", "%s and TPIDR_EL2 with NV2, PE %d", op->name, (uint64_t)pe);
	}
	if (pe)
		el2_mmu_of_second(false);
	el2_mmu(false);
	space.hcr &= ~(HCR_NV | HCR_NV2);
}

static void controls(void)
{
	struct answer a;

	space.hcr |= HCR_NV;
	for (unsigned read = 0; read < 2; read++)
		for (unsigned i = 0; i < LENGTH(places); i++) {
			const struct place *p = &places[i];
			uint32_t word = ACCESS(3, p->op1, p->crn, p->crm, p->op2, read);

			a = below_instruction(0, false, word, 0);
			CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "HCR_EL2.NV",
				  "%s %s at EL1 with NV, without NV2", read ? "MRS" : "MSR", p->name);
		}
	a = below_instruction(0, false, 0xd5384241u, 0); /* MRS X1, CurrentEL */
	CHECK_VALUE(a, 8ull, "HCR_EL2.NV", "CurrentEL at EL1 with NV");
	a = below_instruction(0, false, 0xd69f03e0u, 0); /* ERET */
	CHECK_ESR(a, TO_EL2, ESR_EC, PLACE(ESR_EC, ESR_EC_ERET), "HCR_EL2.NV", "ERET at EL1 with NV");
	space.hcr &= ~HCR_NV;
	a = below_instruction(0, false, 0xd5384241u, 0);
	CHECK_VALUE(a, 4ull, "HCR_EL2.NV", "CurrentEL at EL1 without NV");
	for (unsigned i = 0; i < LENGTH(places); i++) {
		const struct place *p = &places[i];

		a = below_instruction(0, false, ACCESS(3, p->op1, p->crn, p->crm, p->op2, 1), 0);
		CHECK_ESR(a, TO_EL1, ESR_EC, 0, "UNDEFINED", "MRS %s at EL1 without NV", p->name);
	}
}

void check_nested(void)
{
	if (!features.nv2) {
		skip("nested", "no FEAT_NV2");
		return;
	}
	group("nested");
	begin();
	controls();
	words();
	aborts();
	moves(0);
	moves(1);
	group_end();
}
