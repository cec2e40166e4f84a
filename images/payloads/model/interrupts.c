// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: interrupts that EL2 makes for EL1 (DDI 0487 M.a.a, D1.3 and D24.2; Arm IHI 0069): HCR_EL2.{VI,VF,VSE}
 * by routing, mask and Exception level; the list registers of the GIC's virtual interface, its priorities and what EL1 sees and does
 * there, maintenance, and the traps of ICH_HCR_EL2.
 */
#include "interrupts.h"

#define NOP 0xd503201fu
#define ISR_I BIT(7)
#define ISR_F BIT(6)
#define ISR_A BIT(8)

struct answer interrupts_run(uint64_t mode, uint64_t masked, uint32_t word)
{
	*(volatile uint32_t *)victim_buffer = word;
	SYNC_CODE(victim_buffer);
	return below_with(mode | PLACE(SPSR_DAIF, 15 & masked), victim_buffer, 0, 0);
}

uint64_t interrupts_vector(void)
{
	return below_is_el1(&pes[0]) ? pes[0].elr - 4 - (uint64_t)below_vectors : ~0ull;
}

/* ---- HCR_EL2 ---- */
static const struct kind {
	const char *name;
	uint64_t set, route, mask, isr, vector;
} kinds[] = { { "VI", HCR_VI, HCR_IMO, 2, ISR_I, 0x80 }, { "VF", HCR_VF, HCR_FMO, 1, ISR_F, 0x100 }, { "VSE", HCR_VSE, HCR_AMO, 4, ISR_A, 0x180 } };

/* With TGE nothing virtual is taken, whether of HCR_EL2 or of a list register. */
static void with_tge(const struct kind *k, uint64_t lr)
{
	space.unwatched = true;
	space.hcr = HCR_RW | HCR_VM | HCR_TGE | (lr ? 0 : k->set) | k->route;
	if (lr)
		interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), lr, 0);
	interrupts_run(0, 0, NOP);
	expect(~0ull, interrupts_vector(), "offset of EL1's vector", "HCR_EL2.TGE", "%s at EL0 with TGE 1",
	       lr ? "a list register" : k->name);
	if (lr)
		interrupts_interface(0, 0, 0);
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

static void virtual(const struct kind *k, bool set, bool route, bool masked, bool el0)
{
	uint64_t sync = el0 ? 0x400 : 0x200;
	bool taken = set && route && !masked;

	space.unwatched = true;
	space.hcr = HCR_RW | HCR_VM | (set ? k->set : 0) | (route ? k->route : 0);
	interrupts_run(el0 ? 0 : 5, masked ? 15 : 15 & ~k->mask, NOP);
	expect(sync + (taken ? k->vector : 0), interrupts_vector(), "offset of the vector", "HCR_EL2.{VI,VF,VSE}",
	       "%s %d, routed to EL2 %d, masked %d, at EL%d", k->name, (uint64_t)set, (uint64_t)route, (uint64_t)masked,
	       (uint64_t)!el0);
	if (k->set == HCR_VSE)
		expect(set && !taken, FIELD(MRS(hcr_el2), HCR_VSE), "HCR_EL2.VSE", "HCR_EL2.VSE", "%s %d, routed to EL2 %d, masked %d, at EL%d", k->name,
		       (uint64_t)set, (uint64_t)route, (uint64_t)masked, (uint64_t)!el0);
	if (!el0 && masked) {
		struct answer a = interrupts_run(5, 15, READ_OF(0u, 12, 1, 0)); /* ISR_EL1 */

		a.x0 = pes[0].x[1] & k->isr;
		CHECK_VALUE(a, set && route ? k->isr : 0, "ISR_EL1", "MRS ISR_EL1 at EL1, %s %d, routed to EL2 %d", k->name, (uint64_t)set, (uint64_t)route);
	}
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

static void error(void)
{
	static const uint64_t syndromes[] = { 0x1234567, 0x0abcdef };

	space.unwatched = true;
	for (unsigned i = 0; features.ras && i < LENGTH(syndromes); i++) {
		space.hcr = HCR_RW | HCR_VM | HCR_VSE | HCR_AMO;
		MSR(s3_4_c5_c2_3, syndromes[i]); /* VSESR_EL2 */
		interrupts_run(5, 15 & ~4ull, NOP);
		expect(PLACE(ESR_EC, ESR_EC_SERROR) | ESR_IL | (syndromes[i] & (BIT(25) - 1)), MRS(esr_el1), "ESR_EL1", "VSESR_EL2", "a virtual SError, VSESR_EL2 %x",
		       syndromes[i]);
	}
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

/* ---- list registers ---- */
void interrupts_interface(uint64_t vmcr, uint64_t lr0, uint64_t lr1)
{
	MSR(s3_4_c12_c9_5, 0xf); /* ICC_SRE_EL2 */
	ISB();
	MSR(s3_4_c12_c8_0, 0); /* ICH_AP0R0_EL2 */
	MSR(s3_4_c12_c9_0, 0); /* ICH_AP1R0_EL2 */
	MSR(s3_4_c12_c11_7, vmcr); /* ICH_VMCR_EL2 */
	MSR(s3_4_c12_c12_0, lr0); /* ICH_LR0_EL2 */
	MSR(s3_4_c12_c12_1, lr1);
	MSR(s3_4_c12_c12_2, 0);
	MSR(s3_4_c12_c12_3, 0);
	MSR(s3_4_c12_c11_0, 1); /* ICH_HCR_EL2.En */
	ISB();
}

/* What one register of the CPU interface tells EL1. */
struct answer interrupts_icc(unsigned crm, unsigned op2)
{
	struct answer a = interrupts_run(5, 15, READ_OF(0u, 12, crm, op2));

	a.x0 = pes[0].x[1];
	return a;
}

void interrupts_icc_write(unsigned crn, unsigned crm, unsigned op2, uint64_t value)
{
	*(volatile uint32_t *)victim_buffer = WRITE_OF(0u, crn, crm, op2);
	SYNC_CODE(victim_buffer);
	below_with(SPSR_MODE_EL1H_MASKED, victim_buffer, 0, value);
}

static void signalled(const char *name, uint64_t vmcr, uint64_t lr, bool enabled, uint64_t wanted)
{
	interrupts_interface(vmcr, lr, 0);
	if (!enabled)
		MSR(s3_4_c12_c11_0, 0);
	interrupts_run(5, 15 & ~3ull, NOP);
	expect(wanted, interrupts_vector(), "offset of the vector", "IHI 0069, virtual interrupts", "%s", name);
	interrupts_interface(0, 0, 0);
}

static void life(unsigned group, bool mode)
{
	uint64_t lr = LR_PENDING | LR_PRIORITY(0xa0) | (group ? LR_GROUP1 : 0), ap;
	unsigned crm = group ? 12 : 8;

	interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8) | (mode ? VMCR_EOI_MODE : 0), lr | 0x25,
			     (lr & ~LR_PRIORITY(0xff)) | LR_PRIORITY(0x60) | 0x123);
	CHECK_VALUE(interrupts_icc(crm, 2), 0x123, "ICV_HPPIR1_EL1", "the highest pending of group %d, EOImode %d",
		    (uint64_t)group, (uint64_t)mode);
	CHECK_VALUE(interrupts_icc(crm, 0), 0x123, "ICV_IAR1_EL1", "acknowledge of group %d, EOImode %d",
		    (uint64_t)group, (uint64_t)mode);
	expect(LR_ACTIVE, MRS(s3_4_c12_c12_1) & (LR_ACTIVE | LR_PENDING), "ICH_LR1_EL2.State", "ICV_IAR1_EL1", "after the acknowledge of group %d", (uint64_t)group);
	expect(LR_PENDING, MRS(s3_4_c12_c12_0) & (LR_ACTIVE | LR_PENDING), "ICH_LR0_EL2.State", "ICV_IAR1_EL1", "after the acknowledge of group %d", (uint64_t)group);
	ap = group ? MRS(s3_4_c12_c9_0) : MRS(s3_4_c12_c8_0);
	expect(BIT(0x60 >> 3), ap, "ICH_APxR0_EL2", "ICH_AP1R0_EL2", "after the acknowledge of group %d", (uint64_t)group);
	CHECK_VALUE(interrupts_icc(11, 3), 0x60, "ICV_RPR_EL1", "running priority, group %d", (uint64_t)group);
	CHECK_VALUE(interrupts_icc(crm, 0), LINES, "ICV_IAR1_EL1", "acknowledge of a lower priority, group %d",
		    (uint64_t)group);
	interrupts_icc_write(12, crm, 1, 0x123); /* ICC_EOIR<n>_EL1 */
	expect(mode ? LR_ACTIVE : 0, MRS(s3_4_c12_c12_1) & (LR_ACTIVE | LR_PENDING), "ICH_LR1_EL2.State", "ICV_EOIR1_EL1", "after the end of group %d, EOImode %d",
	       (uint64_t)group, (uint64_t)mode);
	ap = group ? MRS(s3_4_c12_c9_0) : MRS(s3_4_c12_c8_0);
	expect(0, ap, "ICH_APxR0_EL2", "ICV_EOIR1_EL1", "after the end of group %d, EOImode %d", (uint64_t)group, (uint64_t)mode);
	if (mode) {
		interrupts_icc_write(12, 11, 1, 0x123); /* ICC_DIR_EL1 */
		expect(0, MRS(s3_4_c12_c12_1) & (LR_ACTIVE | LR_PENDING), "ICH_LR1_EL2.State", "ICV_DIR_EL1", "after the deactivation of group %d", (uint64_t)group);
	}
	expect(2, MRS(s3_4_c12_c11_5) & 3, "ICH_ELRSR_EL2", "ICH_ELRSR_EL2", "after the end of group %d", (uint64_t)group);
	CHECK_VALUE(interrupts_icc(crm, 0), 0x25, "ICV_IAR1_EL1", "the other one of group %d", (uint64_t)group);
	interrupts_interface(0, 0, 0);
}

/* Each list register by itself, with each bit of an interrupt's number and of its priority. */
static void each_list_register(void)
{
	static const unsigned numbers[] = { 0x15, 0x2a, 0x155, 0x2aa, 0x333, 0x0cc, 0x3fb };
	unsigned count = (unsigned)BITS(MRS(s3_4_c12_c11_1), 4, 0) + 1; /* ICH_VTR_EL2.ListRegs */

	for (unsigned n = 0; n < (count < 4 ? count : 4); n++)
		for (unsigned i = 0; i < LENGTH(numbers); i++) {
			uint64_t lr = LR_PENDING | LR_GROUP1 | LR_PRIORITY(i & 1 ? 0xa8 : 0x50) | numbers[i], left;

			interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), n == 0 ? lr : 0, n == 1 ? lr : 0);
			if (n == 2)
				MSR(s3_4_c12_c12_2, lr);
			if (n == 3)
				MSR(s3_4_c12_c12_3, lr);
			ISB();
			CHECK_VALUE(interrupts_icc(12, 2), numbers[i], "ICV_HPPIR1_EL1",
				    "the highest pending by list register %d", (uint64_t)n);
			CHECK_VALUE(interrupts_icc(12, 0), numbers[i], "ICV_IAR1_EL1",
				    "acknowledge by list register %d", (uint64_t)n);
			CHECK_VALUE(interrupts_icc(11, 3), i & 1 ? 0xa8 : 0x50, "ICV_RPR_EL1",
				    "running priority by list register %d", (uint64_t)n);
			interrupts_icc_write(12, 12, 1, numbers[i]); /* ICC_EOIR1_EL1 */
			left = n == 0	? MRS(s3_4_c12_c12_0)
			       : n == 1 ? MRS(s3_4_c12_c12_1)
			       : n == 2 ? MRS(s3_4_c12_c12_2)
					: MRS(s3_4_c12_c12_3);
			expect(0, left & (LR_ACTIVE | LR_PENDING), "ICH_LR<n>_EL2.State", "ICV_EOIR1_EL1",
			       "after the end by list register %d", (uint64_t)n);
		}
	interrupts_interface(0, 0, 0);
}

static void maintenance(void)
{
	uint64_t lr = LR_PENDING | LR_GROUP1 | LR_PRIORITY(0xa0) | LR_EOI | 0x25;

	interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), lr, 0);
	expect(0, MRS(s3_4_c12_c11_2) & 1, "ICH_MISR_EL2.EOI", "ICH_MISR_EL2", "before the end");
	interrupts_icc(12, 0);
	interrupts_icc_write(12, 12, 1, 0x25);
	expect(1, MRS(s3_4_c12_c11_3), "ICH_EISR_EL2", "ICH_EISR_EL2", "after the end of an interrupt with EOI maintenance");
	expect(1, MRS(s3_4_c12_c11_2) & 1, "ICH_MISR_EL2.EOI", "ICH_MISR_EL2", "after the end of an interrupt with EOI maintenance");
	for (unsigned used = 0; used < 3; used++) { /* underflow: none or one is valid */
		interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), used ? lr : 0, used > 1 ? lr + 1 : 0);
		MSR(s3_4_c12_c11_0, 3); /* En, UIE */
		ISB();
		expect(used < 2, BITS(MRS(s3_4_c12_c11_2), 1, 1), "ICH_MISR_EL2.U", "ICH_HCR_EL2.UIE", "underflow with %d list registers used", (uint64_t)used);
		MSR(s3_4_c12_c11_0, 9); /* En, NPIE */
		ISB();
		expect(!used, BITS(MRS(s3_4_c12_c11_2), 3, 3), "ICH_MISR_EL2.NP", "ICH_HCR_EL2.NPIE", "none pending with %d list registers used", (uint64_t)used);
	}
	/* The end of what no list register has is counted. */
	interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), 0, 0);
	MSR(s3_4_c12_c9_0, BIT(20));
	MSR(s3_4_c12_c11_0, 5); /* En, LRENPIE */
	ISB();
	interrupts_icc_write(12, 12, 1, 0x55);
	expect(1, BITS(MRS(s3_4_c12_c11_0), 31, 27), "ICH_HCR_EL2.EOIcount", "ICH_HCR_EL2.EOIcount", "the end of an interrupt in no list register");
	expect(1, BITS(MRS(s3_4_c12_c11_2), 2, 2), "ICH_MISR_EL2.LRENP", "ICH_HCR_EL2.LRENPIE", "the end of an interrupt in no list register");
	interrupts_interface(0, 0, 0);
}

/* Its end deactivates the physical interrupt; what maintenance asks for is an interrupt to EL2. */
static void hardware(void)
{
	volatile uint32_t *active = (volatile uint32_t *)(BOARD_GICR + 0x10300), *pending = (volatile uint32_t *)(BOARD_GICR + 0x10200);

	for (unsigned mode = 0; mode < 2; mode++) {
		*active = BIT(27);
		interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8) | (mode ? VMCR_EOI_MODE : 0),
				     LR_PENDING | LR_GROUP1 | LR_PRIORITY(0xa0) | LR_HW | LR_PHYSICAL(27) | 0x1b, 0);
		interrupts_icc(12, 0);
		expect(1, BITS(*active, 27, 27), "GICR_ISACTIVER0", "ICH_LR<n>_EL2.HW", "acknowledged, with a physical interrupt, EOImode %d", (uint64_t)mode);
		interrupts_icc_write(12, 12, 1, 0x1b);
		expect(mode, BITS(*active, 27, 27), "GICR_ISACTIVER0", "ICH_LR<n>_EL2.HW", "ended, with a physical interrupt, EOImode %d", (uint64_t)mode);
		interrupts_icc_write(12, 11, 1, 0x1b); /* ICC_DIR_EL1 */
		expect(0, BITS(*active, 27, 27), "GICR_ISACTIVER0", "ICH_LR<n>_EL2.HW", "deactivated, with a physical interrupt, EOImode %d", (uint64_t)mode);
	}
	interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), 0, 0);
	expect(0, BITS(*pending, 25, 25), "GICR_ISPENDR0, PPI 25", "ICH_MISR_EL2", "no maintenance");
	MSR(s3_4_c12_c11_0, 3); /* En, UIE */
	ISB();
	expect(1, BITS(*pending, 25, 25), "GICR_ISPENDR0, PPI 25", "ICH_MISR_EL2", "maintenance for an underflow");
	interrupts_interface(0, 0, 0);
	*(volatile uint32_t *)(BOARD_GICR + 0x10380) = BIT(27); /* GICR_ICACTIVER0 */
}

/* EL1's registers of the CPU interface are fields of ICH_VMCR_EL2. */
static void fields(void)
{
	struct answer a;

	interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xa8) | (uint64_t)4 << 21 | (uint64_t)5 << 18, 0, 0);
	a = interrupts_run(5, 15, READ_OF(0u, 4, 6, 0)); /* ICC_PMR_EL1 */
	a.x0 = pes[0].x[1];
	CHECK_VALUE(a, 0xa8, "ICH_VMCR_EL2.VPMR", "MRS ICC_PMR_EL1 at EL1");
	CHECK_VALUE(interrupts_icc(8, 3), 4, "ICH_VMCR_EL2.VBPR0", "MRS ICC_BPR0_EL1 at EL1");
	CHECK_VALUE(interrupts_icc(12, 3), 5, "ICH_VMCR_EL2.VBPR1", "MRS ICC_BPR1_EL1 at EL1");
	CHECK_VALUE(interrupts_icc(12, 6), 1, "ICH_VMCR_EL2.VENG0", "MRS ICC_IGRPEN0_EL1 at EL1");
	CHECK_VALUE(interrupts_icc(12, 7), 1, "ICH_VMCR_EL2.VENG1", "MRS ICC_IGRPEN1_EL1 at EL1");
	interrupts_icc_write(4, 6, 0, 0x58);
	expect(0x58, BITS(MRS(s3_4_c12_c11_7), 31, 24), "ICH_VMCR_EL2.VPMR", "ICH_VMCR_EL2.VPMR", "MSR ICC_PMR_EL1 at EL1");
	interrupts_icc_write(12, 12, 7, 0);
	expect(1, MRS(s3_4_c12_c11_7) & 3, "ICH_VMCR_EL2.{VENG1,VENG0}", "ICH_VMCR_EL2.VENG1", "MSR ICC_IGRPEN1_EL1 at EL1");
	interrupts_icc_write(12, 12, 4, 2); /* ICC_CTLR_EL1.EOImode */
	expect(1, BITS(MRS(s3_4_c12_c11_7), 9, 9), "ICH_VMCR_EL2.VEOIM", "ICH_VMCR_EL2.VEOIM", "MSR ICC_CTLR_EL1 at EL1");
	interrupts_interface(0, 0, 0);
}

/* ICH_HCR_EL2.{TC,TALL0,TALL1,TDIR} by register. */
static void traps(void)
{
	static const struct trap {
		const char *name;
		unsigned crn, crm, op2, bit;
		bool write_only;
	} all[] = { { "ICC_PMR_EL1", 4, 6, 0, 10, false },     { "ICC_RPR_EL1", 12, 11, 3, 10, false },  { "ICC_CTLR_EL1", 12, 12, 4, 10, false },
		    { "ICC_DIR_EL1", 12, 11, 1, 10, true },    { "ICC_DIR_EL1", 12, 11, 1, 14, true },   { "ICC_IAR0_EL1", 12, 8, 0, 11, false },
		    { "ICC_HPPIR0_EL1", 12, 8, 2, 11, false }, { "ICC_BPR0_EL1", 12, 8, 3, 11, false },  { "ICC_IGRPEN0_EL1", 12, 12, 6, 11, false },
		    { "ICC_EOIR0_EL1", 12, 8, 1, 11, true },   { "ICC_AP0R0_EL1", 12, 8, 4, 11, false }, { "ICC_IAR1_EL1", 12, 12, 0, 12, false },
		    { "ICC_HPPIR1_EL1", 12, 12, 2, 12, false }, { "ICC_BPR1_EL1", 12, 12, 3, 12, false }, { "ICC_IGRPEN1_EL1", 12, 12, 7, 12, false },
		    { "ICC_EOIR1_EL1", 12, 12, 1, 12, true },  { "ICC_AP1R0_EL1", 12, 9, 0, 12, false } };
	static const char *const names[] = { "TC", "TALL0", "TALL1", "TSEI", "TDIR" };

	for (unsigned i = 0; i < LENGTH(all); i++)
		for (unsigned bit = 10; bit < 15; bit++) {
			const struct trap *t = &all[i];
			uint32_t word = t->write_only ? WRITE_OF(0u, t->crn, t->crm, t->op2) : READ_OF(0u, t->crn, t->crm, t->op2);
			bool dir = t->crn == 12 && t->crm == 11 && t->op2 == 1, trap = bit == t->bit || (dir && (bit == 10 || bit == 14));
			struct answer a;

			if (bit == 13 || (bit == 14 && !BITS(MRS(s3_4_c12_c11_1), 19, 19))) /* TSEI; ICH_VTR_EL2.TDS */
				continue;
			interrupts_interface(VMCR_GROUPS | VMCR_PMR(0xf8), 0, 0);
			MSR(s3_4_c12_c11_0, 1 | BIT(bit));
			ISB();
			a = interrupts_run(5, 15, word);
			if (trap)
				CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "ICH_HCR_EL2",
					  "%s at EL1 with ICH_HCR_EL2.%s", t->name, names[bit - 10]);
			else
				expect(DONE, a.came, "exception taken", "ICH_HCR_EL2", "%s at EL1 with ICH_HCR_EL2.%s", t->name, names[bit - 10]);
		}
	interrupts_interface(0, 0, 0);
	MSR(s3_4_c12_c11_0, 0);
}

/* With superpriority (HCRX_EL2.{VINMI,VFNMI}) PSTATE.{I,F} do not mask them; PSTATE.ALLINT masks either kind. */
static void superpriority(bool irq, bool super, bool masked, bool allint)
{
	const struct kind *k = &kinds[!irq];
	bool taken = !allint && (super || !masked);

	space.unwatched = true;
	space.sctlr = BIT(61); /* SCTLR_EL1.NMI */
	space.hcr = HCR_RW | HCR_VM | k->set | k->route;
	MSR(s3_4_c1_c2_2, super ? BIT(irq ? 7 : 8) : BIT(irq ? 8 : 7)); /* HCRX_EL2: its own bit, or the other one */
	ISB();
	interrupts_run(5 | (allint ? BIT(13) : 0), masked ? 15 : 15 & ~k->mask, NOP);
	expect(0x200 + (taken ? k->vector : 0), interrupts_vector(), "offset of the vector", "HCRX_EL2.{VINMI,VFNMI}",
	       "%s, superpriority %d, masked %d, ALLINT %d", k->name, (uint64_t)super, (uint64_t)masked,
	       (uint64_t)allint);
	if (!taken) {
		struct answer a = interrupts_run(5 | (allint ? BIT(13) : 0), 15, READ_OF(0u, 12, 1, 0)); /* ISR_EL1 */

		a.x0 = pes[0].x[1] & (BIT(10) | BIT(9) | ISR_I | ISR_F);
		CHECK_VALUE(a, k->isr | (super ? BIT(irq ? 10 : 9) : 0), "ISR_EL1.{IS,FS}",
			    "MRS ISR_EL1 at EL1, %s, superpriority %d, masked %d, ALLINT %d", k->name, (uint64_t)super,
			    (uint64_t)masked, (uint64_t)allint);
	}
	MSR(s3_4_c1_c2_2, 0);
	ISB();
	space.sctlr = 0;
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

/* ESB defers a virtual SError that is masked to VDISR_EL2, which EL1 has as DISR_EL1. */
static void deferred(bool amo, bool pending)
{
	const uint64_t syndrome = 0x1234567, disr = amo && pending ? BIT(31) | syndrome : 0;
	struct answer a;

	space.unwatched = true;
	space.hcr = HCR_RW | HCR_VM | (pending ? HCR_VSE : 0) | (amo ? HCR_AMO : 0);
	MSR(s3_4_c5_c2_3, syndrome); /* VSESR_EL2 */
	MSR(s3_4_c12_c1_1, 0); /* VDISR_EL2 */
	ISB();
	interrupts_run(5, 15, 0xd503221fu); /* ESB */
	expect(disr, MRS(s3_4_c12_c1_1), "VDISR_EL2", "D1.3, AArch64.vESBOperation()", "ESB at EL1, AMO %d, VSE %d",
	       (uint64_t)amo, (uint64_t)pending);
	expect(pending && !amo, FIELD(MRS(hcr_el2), HCR_VSE), "HCR_EL2.VSE", "D1.3, AArch64.vESBOperation()",
	       "ESB at EL1, AMO %d, VSE %d", (uint64_t)amo, (uint64_t)pending);
	space.hcr = HCR_RW | HCR_VM | (amo ? HCR_AMO : 0);
	MSR(s3_4_c12_c1_1, 0x80abcdefull);
	a = interrupts_run(5, 15, READ_OF(0u, 12, 1, 1)); /* DISR_EL1 */
	a.x0 = pes[0].x[1];
	CHECK_VALUE(a, amo ? 0x80abcdefull : 0, "DISR_EL1, VDISR_EL2", "MRS DISR_EL1 at EL1, AMO %d", (uint64_t)amo);
	if (amo) {
		interrupts_icc_write(12, 1, 1, 0);
		expect(0, MRS(s3_4_c12_c1_1), "VDISR_EL2", "DISR_EL1, VDISR_EL2", "MSR DISR_EL1 at EL1, AMO 1");
	}
	MSR(s3_4_c12_c1_1, 0);
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

/* EL1 sends no interrupts by itself where EL2 has its own. */
static void sending(void)
{
	static const char *const names[] = { "ICC_SGI1R_EL1", "ICC_ASGI1R_EL1", "ICC_SGI0R_EL1" };

	space.unwatched = true;
	for (unsigned n = 0; n < 12; n++) {
		unsigned op2 = 5 + n % 3;
		uint32_t word = WRITE_OF(0u, 12, 11, op2);
		struct answer a;

		space.hcr = HCR_RW | HCR_VM | (n / 3 & 1 ? HCR_IMO : 0) | (n / 3 & 2 ? HCR_FMO : 0);
		a = interrupts_run(5, 15, word); /* to nobody */
		if (n / 3)
			CHECK_ESR(a, TO_EL2, 0xffffffffull, trap_syndrome(word), "HCR_EL2.{IMO,FMO}",
				  "MSR %s at EL1, IMO %d, FMO %d", names[n % 3], (uint64_t)(n / 3 & 1),
				  (uint64_t)(n / 3 >> 1));
		else
			expect(DONE, a.came, "exception taken", "HCR_EL2.{IMO,FMO}", "MSR %s at EL1, IMO 0, FMO 0",
			       names[n % 3]);
	}
	space.hcr = HCR_RW | HCR_VM;
	space.unwatched = false;
}

/* Of a priority only the bits above the binary point preempt; it was the lowest when the first one was acknowledged. */
static void preemption(unsigned group, unsigned point, bool common)
{
	uint64_t lr = LR_PENDING | (group ? LR_GROUP1 : 0), vmcr = VMCR_GROUPS | VMCR_PMR(0xf8) | (common ? BIT(4) : 0);
	unsigned shift = group && !common ? 18 : 21;
	/* the lowest bit that counts; 0xb0 against 0xb8 */
	bool taken = (group && !common ? point : point + 1) <= 3;

	interrupts_interface(vmcr | 1ull << shift, lr | LR_PRIORITY(0xb8) | 0x25, 0);
	interrupts_icc(group ? 12 : 8, 0); /* it is active */
	MSR(s3_4_c12_c11_7, vmcr | (uint64_t)point << shift); /* ICH_VMCR_EL2 */
	MSR(s3_4_c12_c12_1, lr | LR_PRIORITY(0xb0) | 0x26);
	ISB();
	interrupts_run(5, 15 & ~3ull, NOP);
	expect(0x200 + (taken ? group ? 0x80 : 0x100 : 0), interrupts_vector(), "offset of the vector",
	       "ICH_VMCR_EL2.{VBPR0,VBPR1,VCBPR}", "priority 0xb0 while 0xb8 of group %d is active, VBPR%d %d, VCBPR %d",
	       (uint64_t)group, (uint64_t)(group && !common), (uint64_t)point, (uint64_t)common);
	interrupts_interface(0, 0, 0);
}

void check_interrupts(void)
{
	uint64_t lr = LR_PENDING | LR_PRIORITY(0xa0) | 0x25;

	group("interrupts");
	space_new(12, 1, 1, true, true, false);
	space_load();
	for (unsigned k = 0; k < LENGTH(kinds); k++)
		for (unsigned n = 0; n < 16; n++)
			virtual(&kinds[k], n & 1, n & 2, n & 4, n & 8);
	for (unsigned k = 0; k < LENGTH(kinds); k++)
		with_tge(&kinds[k], 0);
	if (BOARD_GICR)
		with_tge(&kinds[0], lr | LR_GROUP1);
	error();
	for (unsigned n = 0; features.nmi && features.hcx && n < 16; n++)
		superpriority(n & 1, n & 2, n & 4, n & 8);
	for (unsigned n = 0; features.ras && n < 4; n++)
		deferred(n & 1, n & 2);
	if (features.gic) {
		sending();
		space.hcr |= HCR_IMO | HCR_FMO;
		signalled("a list register of group 1", VMCR_GROUPS | VMCR_PMR(0xf8), lr | LR_GROUP1, true, 0x280);
		signalled("a list register of group 0", VMCR_GROUPS | VMCR_PMR(0xf8), lr, true, 0x300);
		signalled("a list register, ICH_HCR_EL2.En 0", VMCR_GROUPS | VMCR_PMR(0xf8), lr | LR_GROUP1, false, 0x200);
		signalled("a list register of group 1, VENG1 0", 1 | VMCR_PMR(0xf8), lr | LR_GROUP1, true, 0x200);
		signalled("a list register of group 0, VENG0 0", 2 | VMCR_PMR(0xf8), lr, true, 0x200);
		signalled("a list register whose priority VPMR masks", VMCR_GROUPS | VMCR_PMR(0xa0), lr | LR_GROUP1, true, 0x200);
		signalled("a list register whose priority VPMR lets through", VMCR_GROUPS | VMCR_PMR(0xa8), lr | LR_GROUP1, true, 0x280);
		signalled("a list register that is active", VMCR_GROUPS | VMCR_PMR(0xf8), (lr & ~LR_PENDING) | LR_ACTIVE | LR_GROUP1, true, 0x200);
		for (unsigned n = 0; n < 4; n++)
			life(n & 1, n & 2);
		each_list_register();
		for (unsigned n = 0; n < 24; n++)
			if (n % 8 && (n < 16 || n % 8 < 7))
				preemption(n / 8 > 0, n % 8, n / 8 == 2);
		maintenance();
		if (BOARD_GICR)
			hardware();
		fields();
		list_registers();
		traps();
		space.hcr &= ~(HCR_IMO | HCR_FMO);
	}
	group_end();
}
