// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model: the GIC's virtual interface where more than one thing is in it (Arm IHI 0069, 4.6, 4.8 and 12.4):
 * which group acknowledges and ends what, pending and active at once, what is empty, maintenance by the enables of groups, the common
 * binary point, active priorities as EL1 writes them, ends without a list register, and interrupts with superpriority.
 */
#include "interrupts.h"

#define VMCR (VMCR_GROUPS | VMCR_PMR(0xf8))
#define VMCR_CBPR BIT(4)
#define VMCR_BPR0(n) ((uint64_t)(n) << 21)
#define VMCR_BPR1(n) ((uint64_t)(n) << 18)
#define LR_NMI BIT(59)
#define STATE (LR_ACTIVE | LR_PENDING)
#define AP_NMI BIT(63)
#define INTERFACE_ON 1u /* ICH_HCR_EL2.En */
#define EOI_COUNT(ich_hcr) BITS(ich_hcr, 31, 27)
#define ICH_HCR s3_4_c12_c11_0
#define ICH_MISR s3_4_c12_c11_2
#define ICH_EISR s3_4_c12_c11_3
#define ICH_ELRSR s3_4_c12_c11_5
#define ICH_VMCR s3_4_c12_c11_7
#define ICH_LR0 s3_4_c12_c12_0
#define ICH_LR1 s3_4_c12_c12_1
#define ICH_AP0R0 s3_4_c12_c8_0
#define ICH_AP1R0 s3_4_c12_c9_0
#define READ_(name) MRS(name)
#define GET(name) READ_(name)
#define WRITE_(name, value) MSR(name, value)
#define PUT(name, value) WRITE_(name, value)

static uint64_t lr_of(unsigned group, unsigned priority, unsigned number)
{
	return LR_PENDING | (group ? LR_GROUP1 : 0) | LR_PRIORITY(priority) | number;
}

/* ICC_IAR<n>, HPPIR<n> and EOIR<n> are registers of one group. */
static unsigned crm_of(unsigned group)
{
	return group ? 12 : 8;
}

/* The highest pending one is for its own group; the other group sees none. Then a higher one of the other group preempts. */
static void groups(unsigned low, bool mode)
{
	unsigned high = !low;
	uint64_t ap0, ap1;

	interrupts_interface(VMCR | (mode ? VMCR_EOI_MODE : 0), lr_of(low, 0x80, 0x22), lr_of(high, 0x40, 0x21));
	CHECK_VALUE(interrupts_icc(crm_of(low), 2), LINES, "ICV_HPPIR<n>_EL1",
		    "the highest pending is of group %d, ICC_HPPIR%d_EL1", (uint64_t)high, (uint64_t)low);
	CHECK_VALUE(interrupts_icc(crm_of(low), 0), LINES, "ICV_IAR<n>_EL1",
		    "the highest pending is of group %d, ICC_IAR%d_EL1", (uint64_t)high, (uint64_t)low);
	expect(LR_PENDING, GET(ICH_LR1) & STATE, "ICH_LR1_EL2.State", "ICV_IAR<n>_EL1",
	       "acknowledged by the other group, %d", (uint64_t)low);
	interrupts_interface(VMCR | (mode ? VMCR_EOI_MODE : 0), lr_of(low, 0x80, 0x22), 0);
	CHECK_VALUE(interrupts_icc(crm_of(low), 0), 0x22, "ICV_IAR<n>_EL1", "the lower priority first, group %d",
		    (uint64_t)low);
	PUT(ICH_LR1, lr_of(high, 0x40, 0x21));
	ISB();
	CHECK_VALUE(interrupts_icc(crm_of(high), 0), 0x21, "ICV_IAR<n>_EL1", "the higher priority preempts, group %d",
		    (uint64_t)high);
	CHECK_VALUE(interrupts_icc(11, 3), 0x40, "ICV_RPR_EL1", "the running priority of two, the higher of group %d",
		    (uint64_t)high);
	interrupts_icc_write(12, crm_of(high), 1, 0x21);
	ap0 = GET(ICH_AP0R0);
	ap1 = GET(ICH_AP1R0);
	expect(low ? 0 : BIT(0x80 >> 3), ap0, "ICH_AP0R0_EL2", "ICV_EOIR<n>_EL1",
	       "after the end of the higher of two, of group %d", (uint64_t)high);
	expect(low ? BIT(0x80 >> 3) : 0, ap1, "ICH_AP1R0_EL2", "ICV_EOIR<n>_EL1",
	       "after the end of the higher of two, of group %d", (uint64_t)high);
	CHECK_VALUE(interrupts_icc(11, 3), 0x80, "ICV_RPR_EL1",
		    "the running priority after the end of the higher of two, of group %d", (uint64_t)high);
	expect(LR_ACTIVE, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_EOIR<n>_EL1",
	       "the lower after the end of the higher of two, of group %d", (uint64_t)high);
	expect(mode ? LR_ACTIVE : 0, GET(ICH_LR1) & STATE, "ICH_LR1_EL2.State", "ICV_EOIR<n>_EL1",
	       "the higher after its end, of group %d, EOImode %d", (uint64_t)high, (uint64_t)mode);
	interrupts_icc_write(12, crm_of(low), 1, 0x22);
	CHECK_VALUE(interrupts_icc(11, 3), 0xff, "ICV_RPR_EL1", "the running priority after both ends, group %d last",
		    (uint64_t)low);
	expect(0, EOI_COUNT(GET(ICH_HCR)), "ICH_HCR_EL2.EOIcount", "ICH_HCR_EL2.EOIcount",
	       "ends of what list registers have, EOImode %d", (uint64_t)mode);
}

/* Pending and active at once: not signalled before its end, pending behind it. */
static void pending_and_active(unsigned group)
{
	uint64_t lr = lr_of(group, 0x80, 0x22) | LR_ACTIVE, state;

	interrupts_interface(VMCR, lr, 0);
	CHECK_VALUE(interrupts_icc(crm_of(group), 2), LINES, "ICV_HPPIR<n>_EL1", "pending and active, group %d",
		    (uint64_t)group);
	interrupts_run(5, 15 & ~3ull, 0xd503201f); /* NOP */
	expect(0x200, interrupts_vector(), "offset of the vector", "IHI 0069, 4.8", "pending and active, group %d",
	       (uint64_t)group);
	if (group)
		PUT(ICH_AP1R0, BIT(0x80 >> 3));
	else
		PUT(ICH_AP0R0, BIT(0x80 >> 3));
	ISB();
	interrupts_icc_write(12, crm_of(group), 1, 0x22);
	state = GET(ICH_LR0) & STATE;
	expect(LR_PENDING, state, "ICH_LR0_EL2.State", "ICV_EOIR<n>_EL1", "pending and active, after its end, group %d",
	       (uint64_t)group);
	CHECK_VALUE(interrupts_icc(crm_of(group), 0), 0x22, "ICV_IAR<n>_EL1",
		    "pending and active, again after its end, group %d", (uint64_t)group);
}

/* With HW 1 bit 41 is of the physical number, else it asks for maintenance, and keeps the list register from being empty. */
static void empty(void)
{
	interrupts_interface(VMCR, LR_HW | LR_PHYSICAL(BIT(9)) | LR_GROUP1 | 0x30, LR_EOI | LR_GROUP1 | 0x31);
	expect(2, GET(ICH_EISR) & 15, "ICH_EISR_EL2", "ICH_EISR_EL2",
	       "two invalid list registers with bit 41, one of them with HW");
	expect(13, GET(ICH_ELRSR) & 15, "ICH_ELRSR_EL2", "ICH_ELRSR_EL2",
	       "two invalid list registers with bit 41, one of them with HW");
	interrupts_interface(VMCR, lr_of(1, 0x80, 0x30) | LR_EOI, (lr_of(1, 0x80, 0x31) ^ STATE) | LR_EOI);
	expect(0, GET(ICH_EISR) & 15, "ICH_EISR_EL2", "ICH_EISR_EL2", "valid list registers with EOI maintenance");
	expect(12, GET(ICH_ELRSR) & 15, "ICH_ELRSR_EL2", "ICH_ELRSR_EL2", "a pending and an active list register");
}

/* ICH_MISR_EL2 by the enables of groups, and without pending ones. */
static void maintenance_of_groups(void)
{
	volatile uint32_t *pending = (volatile uint32_t *)(BOARD_GICR + 0x10200);
	static const char *const names[] = { "VGrp0EIE", "VGrp0DIE", "VGrp1EIE", "VGrp1DIE" };

	for (unsigned n = 0; n < 4; n++)
		for (unsigned on = 0; on < 4; on++) {
			uint64_t wanted = (BITS(on, n / 2, n / 2) ^ (n & 1)) << (4 + n);

			interrupts_interface(VMCR_PMR(0xf8) | on, 0, 0);
			PUT(ICH_HCR, INTERFACE_ON | BIT(4 + n));
			ISB();
			expect(wanted, GET(ICH_MISR), "ICH_MISR_EL2", "ICH_MISR_EL2", "%s, VENG1 %d, VENG0 %d",
			       names[n], (uint64_t)(on >> 1), (uint64_t)(on & 1));
			if (BOARD_GICR && n != 1)
				expect(!!wanted, BITS(*pending, 25, 25), "GICR_ISPENDR0, PPI 25", "ICH_MISR_EL2",
				       "%s, VENG1 %d, VENG0 %d", names[n], (uint64_t)(on >> 1), (uint64_t)(on & 1));
		}
	interrupts_interface(VMCR, lr_of(1, 0x80, 0x30) ^ STATE, 0); /* active */
	PUT(ICH_HCR, INTERFACE_ON | BIT(3)); /* NPIE */
	ISB();
	expect(BIT(3), GET(ICH_MISR), "ICH_MISR_EL2", "ICH_HCR_EL2.NPIE", "an active list register alone");
}

/* Binary points, priorities and enables as EL1 writes them. */
static void written(void)
{
	for (unsigned point = 2; point < 8; point++) {
		interrupts_interface(VMCR | VMCR_CBPR | VMCR_BPR0(point) | VMCR_BPR1(5), 0, 0);
		CHECK_VALUE(interrupts_icc(12, 3), point < 7 ? point + 1 : 7, "ICV_BPR1_EL1",
			    "MRS ICC_BPR1_EL1, VCBPR 1, VBPR0 %d", (uint64_t)point);
		interrupts_icc_write(12, 12, 3, 3);
		expect(5, BITS(GET(ICH_VMCR), 20, 18), "ICH_VMCR_EL2.VBPR1", "ICV_BPR1_EL1",
		       "MSR ICC_BPR1_EL1, VCBPR 1, VBPR0 %d", (uint64_t)point);
		interrupts_interface(VMCR | VMCR_BPR0(3) | VMCR_BPR1(4), 0, 0);
		interrupts_icc_write(12, 8, 3, point);
		expect(point, BITS(GET(ICH_VMCR), 23, 21), "ICH_VMCR_EL2.VBPR0", "ICV_BPR0_EL1",
		       "MSR ICC_BPR0_EL1 with %d", (uint64_t)point);
		expect(4, BITS(GET(ICH_VMCR), 20, 18), "ICH_VMCR_EL2.VBPR1", "ICV_BPR0_EL1", "MSR ICC_BPR0_EL1 with %d",
		       (uint64_t)point);
		if (point > 2) {
			interrupts_icc_write(12, 12, 3, point);
			expect(point, BITS(GET(ICH_VMCR), 20, 18), "ICH_VMCR_EL2.VBPR1", "ICV_BPR1_EL1",
			       "MSR ICC_BPR1_EL1 with %d", (uint64_t)point);
		}
	}
	for (unsigned n = 0; n < 4; n++) { /* ICC_CTLR_EL1.{EOImode,CBPR} */
		interrupts_interface(VMCR, 0, 0);
		interrupts_icc_write(12, 12, 4, n);
		expect(n & 1, BITS(GET(ICH_VMCR), 4, 4), "ICH_VMCR_EL2.VCBPR", "ICV_CTLR_EL1",
		       "MSR ICC_CTLR_EL1 with %d", (uint64_t)n);
		expect(n >> 1, BITS(GET(ICH_VMCR), 9, 9), "ICH_VMCR_EL2.VEOIM", "ICV_CTLR_EL1",
		       "MSR ICC_CTLR_EL1 with %d", (uint64_t)n);
		expect(n, interrupts_icc(12, 4).came == DONE ? pes[0].x[1] & 3 : ~0ull, "ICC_CTLR_EL1.{EOImode,CBPR}",
		       "ICV_CTLR_EL1", "MRS ICC_CTLR_EL1 behind %d", (uint64_t)n);
	}
	for (unsigned group = 0; group < 2; group++) {
		interrupts_interface(VMCR, 0, 0);
		interrupts_icc_write(12, 12, 6 + group, 0);
		expect(group ? 1 : 2, GET(ICH_VMCR) & 3, "ICH_VMCR_EL2.{VENG1,VENG0}", "ICV_IGRPEN<n>_EL1",
		       "MSR ICC_IGRPEN%d_EL1 with 0", (uint64_t)group);
		interrupts_icc_write(12, 12, 6 + group, 1);
		expect(3, GET(ICH_VMCR) & 3, "ICH_VMCR_EL2.{VENG1,VENG0}", "ICV_IGRPEN<n>_EL1",
		       "MSR ICC_IGRPEN%d_EL1 with 1", (uint64_t)group);
		for (unsigned bit = 0; bit < 32; bit += 7) { /* ICC_AP0R0_EL1, ICC_AP1R0_EL1 */
			interrupts_interface(VMCR, 0, 0);
			interrupts_icc_write(12, 8 + group, group ? 0 : 4, BIT(bit));
			expect(group ? 0 : BIT(bit), GET(ICH_AP0R0), "ICH_AP0R0_EL2", "ICV_AP<n>R0_EL1",
			       "MSR ICC_AP%dR0_EL1, bit %d", (uint64_t)group, (uint64_t)bit);
			expect(group ? BIT(bit) : 0, GET(ICH_AP1R0), "ICH_AP1R0_EL2", "ICV_AP<n>R0_EL1",
			       "MSR ICC_AP%dR0_EL1, bit %d", (uint64_t)group, (uint64_t)bit);
			CHECK_VALUE(interrupts_icc(8 + group, group ? 0 : 4), BIT(bit), "ICV_AP<n>R0_EL1",
				    "MRS ICC_AP%dR0_EL1, bit %d", (uint64_t)group, (uint64_t)bit);
			CHECK_VALUE(interrupts_icc(11, 3), bit << 3, "ICV_RPR_EL1",
				    "the running priority by ICC_AP%dR0_EL1, bit %d", (uint64_t)group, (uint64_t)bit);
		}
	}
}

/* The end of what no list register has: with EOImode its deactivation is counted. */
static void counted(void)
{
	interrupts_interface(VMCR | VMCR_EOI_MODE, 0, 0);
	interrupts_icc_write(12, 11, 1, 0x77); /* ICC_DIR_EL1 */
	expect(1, EOI_COUNT(GET(ICH_HCR)), "ICH_HCR_EL2.EOIcount", "ICV_DIR_EL1",
	       "a deactivation of what no list register has");
	interrupts_icc_write(12, 11, 1, 0x78);
	expect(2, EOI_COUNT(GET(ICH_HCR)), "ICH_HCR_EL2.EOIcount", "ICV_DIR_EL1",
	       "two deactivations of what no list register has");
	interrupts_interface(VMCR | VMCR_EOI_MODE, (lr_of(1, 0x80, 0x77) ^ STATE), 0);
	interrupts_icc_write(12, 11, 1, 0x77);
	expect(0, EOI_COUNT(GET(ICH_HCR)), "ICH_HCR_EL2.EOIcount", "ICV_DIR_EL1",
	       "a deactivation of what a list register has");
	expect(0, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_DIR_EL1", "a deactivation of what a list register has");
}

/* With PSTATE.ALLINT, which alone masks what has superpriority. */
static struct answer all_masked(unsigned crm, unsigned op2)
{
	struct answer a = interrupts_run(5 | BIT(13), 15, READ_OF(0u, 12, crm, op2));

	a.x0 = pes[0].x[1];
	return a;
}

/* Superpriority: ICH_LR<n>_EL2.NMI, acknowledged by ICC_NMIAR1_EL1, whatever VPMR says. */
static void superpriority(void)
{
	uint64_t lr = lr_of(1, 0x80, 0x44) | LR_NMI;

	interrupts_interface(VMCR, lr, 0);
	if (!(GET(ICH_LR0) & LR_NMI))
		return; /* without FEAT_GICv3_NMI */
	space.sctlr = BIT(61); /* SCTLR_EL1.NMI */
	for (unsigned masked = 0; masked < 2; masked++) {
		interrupts_interface(masked ? VMCR_GROUPS | VMCR_PMR(0x40) : VMCR, lr, 0);
		CHECK_VALUE(all_masked(12, 0), 1022, "ICV_IAR1_EL1",
			    "an acknowledge of superpriority by ICC_IAR1_EL1, priority masked %d", (uint64_t)masked);
		expect(LR_PENDING, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_IAR1_EL1",
		       "superpriority behind ICC_IAR1_EL1, priority masked %d", (uint64_t)masked);
		CHECK_VALUE(all_masked(9, 5), 0x44, "ICV_NMIAR1_EL1",
			    "an acknowledge of superpriority by ICC_NMIAR1_EL1, priority masked %d", (uint64_t)masked);
		expect(LR_ACTIVE, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_NMIAR1_EL1",
		       "superpriority behind ICC_NMIAR1_EL1, priority masked %d", (uint64_t)masked);
		expect(AP_NMI, GET(ICH_AP1R0), "ICH_AP1R0_EL2", "ICH_AP1R0_EL2.NMI",
		       "superpriority behind ICC_NMIAR1_EL1, priority masked %d", (uint64_t)masked);
		interrupts_icc_write(12, 12, 1, 0x44);
		expect(0, GET(ICH_AP1R0), "ICH_AP1R0_EL2", "ICV_EOIR1_EL1",
		       "superpriority behind its end, priority masked %d", (uint64_t)masked);
		expect(0, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_EOIR1_EL1",
		       "superpriority behind its end, priority masked %d", (uint64_t)masked);
	}
	interrupts_interface(VMCR, lr & ~LR_NMI, 0);
	CHECK_VALUE(all_masked(9, 5), LINES, "ICV_NMIAR1_EL1", "an acknowledge by ICC_NMIAR1_EL1 without superpriority");
	expect(LR_PENDING, GET(ICH_LR0) & STATE, "ICH_LR0_EL2.State", "ICV_NMIAR1_EL1",
	       "without superpriority behind ICC_NMIAR1_EL1");
	space.sctlr = 0;
}

void list_registers(void)
{
	for (unsigned n = 0; n < 4; n++)
		groups(n & 1, n & 2);
	pending_and_active(0);
	pending_and_active(1);
	empty();
	maintenance_of_groups();
	written();
	counted();
	if (features.nmi)
		superpriority();
	interrupts_interface(0, 0, 0);
}
