// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, both PEs: a value of its own in each register that a saved machine has to bring back.
 * Which of the bits a register keeps is the model's business: nvh reads all registers that it can see before the machine is saved
 * and after it was restored (harness/artefacts/saved_registers.py). PE 0 then only waits, with a value in each general-purpose
 * and vector register. PE 1 reads its system registers again and again, those of the GIC included, which nobody sees from
 * outside, and tells "lost|NAME|WAS|IS" of each that has changed, or "01" when none has and PE 0 waits. PE 0 waits at EL1, by
 * translations of its own, and counts: it goes on only where its Exception level and its regime are what they were.
 */
#include "bits.h"
#include "console.h"
#include "pe.h"
#include "psci.h"
#include "sysreg.h"
#include "tables.h"

#define PATTERN 0x5a3c5a3c96e1d000ull

/* Any value does: nothing below EL2 runs, EL2's MMU is off, and no exception is taken. */
#define REGISTERS(X)                                                                                         \
	X(vbar_el1) X(vbar_el2) X(tpidr_el2) X(ttbr0_el1) X(ttbr1_el1) X(ttbr0_el2) X(tcr_el1) X(mair_el1) X(mair_el2)                \
	X(amair_el1) X(amair_el2) X(vttbr_el2) X(esr_el1) X(esr_el2) X(far_el1) X(far_el2) X(hpfar_el2)      \
	X(afsr0_el1) X(afsr1_el1) X(afsr0_el2) X(afsr1_el2) X(elr_el1) X(elr_el2) X(sp_el0) X(sp_el1)        \
	X(tpidr_el0) X(tpidr_el1) X(tpidrro_el0) X(contextidr_el1) X(par_el1) X(vpidr_el2)                   \
	X(vmpidr_el2) X(cntvoff_el2) X(cntp_cval_el0) X(cntv_cval_el0) X(cnthp_cval_el2)                     \
	X(csselr_el1) X(dbgbvr0_el1) X(dbgwvr0_el1) X(dbgbvr1_el1) X(dbgwvr1_el1) X(actlr_el1)               \
	X(pmselr_el0) X(pmccfiltr_el0) X(pmevtyper0_el0) X(pmuserenr_el0)

/*
 * Those of features; not DISR_EL1, with which no QEMU restores its machine (docs/model-check.md): name, encoding, whether this model has them, and the bits that are written
 * (0: the pattern's).
 */
#define OF_FEATURES(X)                                                                                       \
	X(VNCR_EL2, s3_4_c2_c2_0, nv2, 0)                                                                    \
	X(HFGRTR_EL2, s3_4_c1_c1_4, fgt, 0) X(HFGWTR_EL2, s3_4_c1_c1_5, fgt, 0) X(HFGITR_EL2, s3_4_c1_c1_6, fgt, 0) \
	X(HDFGRTR_EL2, s3_4_c3_c1_4, fgt, 0) X(HDFGWTR_EL2, s3_4_c3_c1_5, fgt, 0)                            \
	X(HCRX_EL2, s3_4_c1_c2_2, hcx, 0x1f) X(CNTPOFF_EL2, s3_4_c14_c0_6, ecv, 0)                           \
	X(TTBR1_EL2, s3_4_c2_c0_1, vhe, 0) X(CONTEXTIDR_EL2, s3_4_c13_c0_1, vhe, 0) X(CNTHV_CVAL_EL2, s3_4_c14_c3_2, vhe, 0) \
	X(APIAKeyLo_EL1, s3_0_c2_c1_0, pauth, 0) X(APIAKeyHi_EL1, s3_0_c2_c1_1, pauth, 0)                    \
	X(APIBKeyLo_EL1, s3_0_c2_c1_2, pauth, 0) X(APDAKeyLo_EL1, s3_0_c2_c2_0, pauth, 0)                    \
	X(APDBKeyHi_EL1, s3_0_c2_c2_3, pauth, 0) X(APGAKeyLo_EL1, s3_0_c2_c3_0, pauth, 0)                    \
	X(VSESR_EL2, s3_4_c5_c2_3, ras, 0) X(VDISR_EL2, s3_4_c12_c1_1, ras, 0) \
	X(TCR2_EL1, s3_0_c2_c0_3, tcr2, 2) X(SCTLR2_EL1, s3_0_c1_c0_3, sctlr2, 0)                            \
	X(PIR_EL1, s3_0_c10_c2_3, s1pie, 0) X(PIRE0_EL1, s3_0_c10_c2_2, s1pie, 0)                            \
	X(PIR_EL2, s3_4_c10_c2_3, s1pie, 0) X(PIRE0_EL2, s3_4_c10_c2_2, s1pie, 0) X(S2PIR_EL2, s3_4_c10_c2_5, s2pie, 0) \
	X(TCR2_EL2, s3_4_c2_c0_3, tcr2, 0x12) X(SCTLR2_EL2, s3_4_c1_c0_3, sctlr2, 0)                         \
	X(MAIR2_EL1, s3_0_c10_c2_1, aie, 0) X(MAIR2_EL2, s3_4_c10_c1_1, aie, 0)                              \
	X(APIBKeyHi_EL1, s3_0_c2_c1_3, pauth, 0) X(APDAKeyHi_EL1, s3_0_c2_c2_1, pauth, 0)                    \
	X(APDBKeyLo_EL1, s3_0_c2_c2_2, pauth, 0) X(APGAKeyHi_EL1, s3_0_c2_c3_1, pauth, 0)                    \
	X(ZCR_EL1, s3_0_c1_c2_0, sve, 3) X(ZCR_EL2, s3_4_c1_c2_0, sve, 2)                                    \
	X(ICH_VMCR_EL2, s3_4_c12_c11_7, gic, 0xa85c0003) X(ICH_LR0_EL2, s3_4_c12_c12_0, gic, 0x90a0000000000021) \
	X(ICH_LR1_EL2, s3_4_c12_c12_1, gic, 0x9080000000000123) X(ICH_LR2_EL2, s3_4_c12_c12_2, gic, 0x80700000000000fe) \
	X(ICH_LR3_EL2, s3_4_c12_c12_3, gic, 0x10f0000000000047) X(ICH_AP0R0_EL2, s3_4_c12_c8_0, gic, 0x00100000) \
	X(ICH_AP1R0_EL2, s3_4_c12_c9_0, gic, 0x00020000) X(ICH_HCR_EL2, s3_4_c12_c11_0, gic, 0x8000002)      \
	X(ICC_PMR_EL1, s3_0_c4_c6_0, gic, 0xb0) X(ICC_BPR1_EL1, s3_0_c12_c12_3, gic, 5) X(ICC_BPR0_EL1, s3_0_c12_c8_3, gic, 4) \
	X(ICC_IGRPEN1_EL1, s3_0_c12_c12_7, gic, 1) X(ICC_CTLR_EL1, s3_0_c12_c12_4, gic, 2)                   \
	X(ICC_IGRPEN0_EL1, s3_0_c12_c12_6, gic, 1) X(ICC_AP0R0_EL1, s3_0_c12_c8_4, gic, 0x200)               \
	X(ICC_AP1R0_EL1, s3_0_c12_c9_0, gic, 0x4000) X(CNTHV_CTL_EL2, s3_4_c14_c3_1, vhe, 2)                 \
	X(SCXTNUM_EL0, s3_3_c13_c0_7, scxt, 0) X(SCXTNUM_EL1, s3_0_c13_c0_7, scxt, 0) X(SCXTNUM_EL2, s3_4_c13_c0_7, scxt, 0) \
	X(SMCR_EL1, s3_0_c1_c2_6, sme, 1) X(SMCR_EL2, s3_4_c1_c2_6, sme, 2) X(TPIDR2_EL0, s3_3_c13_c0_5, sme, 0) \
	X(SPSR_irq, s3_4_c4_c3_0, a32, 0x600001d2) X(SPSR_abt, s3_4_c4_c3_1, a32, 0x900001d7)                \
	X(SPSR_und, s3_4_c4_c3_2, a32, 0xa00001db) X(SPSR_fiq, s3_4_c4_c3_3, a32, 0x500001d1)                \
	X(DACR32_EL2, s3_4_c3_c0_0, a32, 0x55555551) X(IFSR32_EL2, s3_4_c5_c0_1, a32, 0x20f)                 \
	X(MDCCINT_EL1, s2_0_c0_c2_0, debug, 0x60000000) X(DBGBCR0_EL1, s2_0_c0_c0_5, debug, 0x1e4)           \
	X(DBGWCR0_EL1, s2_0_c0_c0_7, debug, 0x1ff4) X(DBGBCR1_EL1, s2_0_c0_c1_5, debug, 0x1e2)               \
	X(PMEVCNTR0_EL0, s3_3_c14_c8_0, pmu, 0x12345678) X(PMCCNTR_EL0, s3_3_c9_c13_0, pmu, 0)

/* What must not change how this goes on, or has few bits. HCR_EL2: not E2H, not TGE. */
#define FIXED(X)                                                                                             \
	X(vtcr_el2, 0x80053590) X(tcr_el2, 0x80853510) X(spsr_el1, 0x600003c5) X(spsr_el2, 0x900003c4)       \
	X(sctlr_el1, SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_I) X(cpacr_el1, 3 << 20) X(hstr_el2, 0x21) X(mdcr_el2, 0x806) \
	X(cnthctl_el2, 0xf2) X(cntkctl_el1, 0x203) X(mdscr_el1, 0x1000) X(cnthp_ctl_el2, 2) X(cntp_ctl_el0, 2) X(cntv_ctl_el0, 3) \
	X(cptr_el2, 0x22ff) X(pmcr_el0, 0x40) X(pmcntenset_el0, 0x80000001) X(pmintenset_el1, 0x80000003) \
	X(hcr_el2, HCR_NV2 | HCR_NV1 | HCR_NV | HCR_RW | HCR_TTLB | HCR_TVM | 0x2000 | 0x1e | HCR_VM)

/* Of the GIC (Arm IHI 0069, 12.9 and 12.11), for PE 1: name, address on QEMU's board virt, what is written. */
#define GICD 0x08000000u
#define GICR 0x080c0000u
static const struct memory {
	const char *name;
	uint32_t address, value;
} memory[] = {
	{ "GICD_CTLR", GICD, 0x12 },		     { "GICD_IGROUPR1", GICD + 0x84, 0xffffff0f },
	{ "GICD_ISENABLER1", GICD + 0x104, 0x00a50018 }, { "GICD_ISPENDR1", GICD + 0x204, 0x00810000 },
	{ "GICD_ISACTIVER1", GICD + 0x304, 0x01000000 }, { "GICD_IPRIORITYR12", GICD + 0x430, 0xa0b0c0d0 },
	{ "GICD_ICFGR3", GICD + 0xc0c, 0x0a0a02a8 },	 { "GICD_IROUTER50", GICD + 0x6190, 1 },
	{ "GICR_WAKER", GICR + 0x14, 0 },		 { "GICR_IGROUPR0", GICR + 0x10080, 0xfffffff3 },
	{ "GICR_ISENABLER0", GICR + 0x10100, 0x0c0000a5 }, { "GICR_ISPENDR0", GICR + 0x10200, 0x00000044 },
	{ "GICR_ISACTIVER0", GICR + 0x10300, 0x00000020 }, { "GICR_IPRIORITYR1", GICR + 0x10404, 0x10203050 },
	{ "GICR_IPRIORITYR6", GICR + 0x10418, 0x90a0b0c0 },
};
#define MEMORY (sizeof(memory) / sizeof(*memory))
#define PLACE_OF(m) (*(volatile uint32_t *)(uint64_t)(m)->address)

static struct {
	bool nv2, fgt, hcx, ecv, vhe, pauth, ras, tcr2, sctlr2, s1pie, s2pie, aie, sve, gic, scxt, sme, a32, pmu, debug;
} has;

static unsigned field(uint64_t id, unsigned low)
{
	return id >> low & 15;
}

static void features(void)
{
	uint64_t mmfr0 = MRS(id_aa64mmfr0_el1), mmfr1 = MRS(id_aa64mmfr1_el1), mmfr2 = MRS(s3_0_c0_c7_2), mmfr3 = MRS(s3_0_c0_c7_3);
	uint64_t isar1 = MRS(id_aa64isar1_el1), isar2 = MRS(s3_0_c0_c6_2), pfr0 = MRS(id_aa64pfr0_el1);
	uint64_t pfr1 = MRS(id_aa64pfr1_el1), dfr0 = MRS(id_aa64dfr0_el1);

	has.nv2 = (mmfr2 >> 24 & 15) >= 2;
	has.fgt = field(mmfr0, 56);
	has.ecv = (mmfr0 >> 60) >= 2;
	has.hcx = field(mmfr1, 40);
	has.vhe = field(mmfr1, 8);
	has.pauth = field(isar1, 4) || field(isar1, 8) || field(isar2, 12);
	has.ras = field(pfr0, 28);
	has.sve = field(pfr0, 32);
	has.gic = field(pfr0, 24);
	has.tcr2 = field(mmfr3, 0);
	has.sctlr2 = field(mmfr3, 4);
	has.s1pie = field(mmfr3, 8);
	has.s2pie = field(mmfr3, 12);
	has.aie = field(mmfr3, 24);
	has.scxt = field(pfr0, 56) >= 2 || field(pfr1, 32) >= 2;
	has.sme = field(pfr1, 24);
	has.a32 = field(pfr0, 4) == 2;
	has.pmu = field(dfr0, 8) && field(dfr0, 8) != 15;
	has.debug = field(dfr0, 0) >= 6;
}

/* SME: SVCR and two rows of ZA, in PSTATE.{SM,ZA} = {0,1}; SVL has 16 bytes at least. */
static const unsigned rows[] = { 0, 13 };
static uint8_t row[256] __attribute__((aligned(16))); /* the largest SVL */

static void row_move(bool load, unsigned number)
{
	register uint64_t w12 __asm__("x12") = number;
	register uint8_t *x0 __asm__("x0") = row;

	if (load)
		__asm__ volatile(".inst 0xe1000000" ::"r"(w12), "r"(x0) : "memory"); /* LDR ZA[W12, 0], [X0] */
	else
		__asm__ volatile(".inst 0xe1200000" ::"r"(w12), "r"(x0) : "memory");
}

static void fill_matrix(uint64_t pe)
{
	MSR(s3_3_c4_c2_2, 2);
	ISB();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned n = 0; n < sizeof(row); n++)
			row[n] = (uint8_t)(n * 5 + rows[i] * 7 + pe + 1);
		row_move(true, rows[i]);
	}
}

static uint64_t row_word(unsigned number)
{
	for (unsigned n = 0; n < sizeof(row); n++)
		row[n] = 0;
	row_move(false, number);
	return *(volatile uint64_t *)&row[8];
}

static void fill(uint64_t pe)
{
	uint64_t n = pe << 8, all = pe ? ~0ull : 0; /* each bit is 0 on one PE and 1 on the other */

#define X(name) MSR(name, PATTERN ^ (++n << 13 & 0x1fe000) ^ (n << 32 & 0xff00000000) ^ all);
	REGISTERS(X)
#undef X
	if (has.gic) {
		MSR(s3_4_c12_c9_5, 0xf); /* ICC_SRE_EL2 */
		ISB();
		MSR(s3_0_c12_c12_5, 7); /* ICC_SRE_EL1 */
		ISB();
		for (unsigned i = 0; pe && i < MEMORY; i++)
			PLACE_OF(&memory[i]) = memory[i].value;
	}
#define X(name, encoding, feature, value)                           \
	++n;                                                        \
	if (has.feature)                                            \
		MSR(encoding, (uint64_t)(value) ? (uint64_t)(value) \
						: PATTERN ^ (n << 13 & 0x1fe000) ^ (n << 32 & 0xff00000000) ^ all);
	OF_FEATURES(X)
#undef X
#define X(name, value) MSR(name, value);
	FIXED(X)
#undef X
	ISB();
	if (pe && has.sme)
		fill_matrix(pe);
}

static struct {
	const char *name;
	uint64_t was;
} seen[220];

/* All of them in order; the first time they are taken as they are. */
static bool look(bool first)
{
	unsigned at = 0;
	bool lost = false;

#define LOOK(text, value)                                                                                    \
	do {                                                                                                 \
		uint64_t now = (value);                                                                      \
		if (first) {                                                                                 \
			seen[at].name = text;                                                                \
			seen[at].was = now;                                                                  \
		} else if (seen[at].was != now) {                                                            \
			lost = true;                                                                         \
			print("lost|");                                                                      \
			print(seen[at].name);                                                                \
			print_char('|');                                                                     \
			print_number(seen[at].was, 16);                                                      \
			print_char('|');                                                                     \
			print_number(now, 16);                                                               \
			print_char('\n');                                                                    \
			seen[at].was = now;                                                                  \
		}                                                                                            \
		at++;                                                                                        \
	} while (0);
#define X(name) LOOK(#name, MRS(name))
	REGISTERS(X)
#undef X
#define X(name, encoding, feature, value)                                                                    \
	if (has.feature)                                                                                     \
		LOOK(#name, MRS(encoding))
	OF_FEATURES(X)
#undef X
#define X(name, value) LOOK(#name, MRS(name))
	FIXED(X)
#undef X
	for (unsigned i = 0; has.gic && i < MEMORY; i++)
		LOOK(memory[i].name, PLACE_OF(&memory[i]))
	if (has.sme) {
		bool on;

		LOOK("SVCR", MRS(s3_3_c4_c2_2))
		on = MRS(s3_3_c4_c2_2) & 2;
		LOOK("ZA_ROW_0", on ? row_word(rows[0]) : 0)
		LOOK("ZA_ROW_13", on ? row_word(rows[1]) : 0)
	}
	return lost;
}

static volatile uint64_t waits;

/* Beyond the 128 bits that V registers are, and predicates. */
static void fill_vectors(void)
{
	__asm__ volatile(
		"	.arch	armv8-a+sve\n"
		"	mov	x3, #0x7171\n"
		"	index	z30.b, #3, #7\n"
		"	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29\n"
		"	add	x3, x3, #0x111\n"
		"	dup	z\\n\\().d, x3\n"
		"	add	z\\n\\().b, z\\n\\().b, z30.b\n"
		"	.endr\n"
		"	index	z31.h, #1, #5\n"
		"	ptrue	p0.b\n"
		"	ptrue	p1.h\n"
		"	ptrue	p2.s\n"
		"	ptrue	p3.d\n"
		"	.irp	n, 4,5,6,7,8,9,10,11,12,13,14,15\n"
		"	add	x3, x3, #3\n"
		"	whilelo	p\\n\\().b, xzr, x3\n"
		"	cmphi	p\\n\\().b, p0/z, z\\n\\().b, z0.b\n"
		"	.endr\n"
		"	setffr\n"
		"	wrffr	p1.b\n" ::
			: "x3", "cc", "memory");
}

/* EL1 of PE 0: one GiB of memory elsewhere than it is. */
#define GIB_INDEX 5ull
static uint64_t table[512] __attribute__((aligned(4096)));
static volatile uint64_t count;
static uint64_t count_at; /* as EL1 sees it */

static void prepare_el1(void)
{
	uint64_t ram = (uint64_t)table & ~((1ull << 30) - 1), shift = (GIB_INDEX << 30) - ram;
	extern const uint8_t counting[];

	table[GIB_INDEX] = ram | PTE_AF | PTE_SH_INNER | 1;
	MSR(ttbr0_el1, table);
	MSR(tcr_el1, PLACE(TCR_T0SZ, 25) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) | TCR_EPD1 | PLACE(TCR_IPS, 2));
	MSR(mair_el1, 0xff);
	MSR(vbar_el1, 0x5a0000000000);
	MSR(hcr_el2, MRS(hcr_el2) & ~(HCR_VM | HCR_IMO | HCR_FMO | HCR_AMO)); /* interrupts stay masked */
	MSR(elr_el2, (uint64_t)counting + shift);
	MSR(spsr_el2, SPSR_MODE_EL1H_MASKED);
	__asm__ volatile("dsb ish; tlbi alle1; dsb ish; isb" ::: "memory");
	count_at = (uint64_t)&count + shift;
}

/* A value in each register. */
static void wait_with_values(void)
{
	register uint64_t where __asm__("x5") = count_at;
	register volatile uint64_t *flag __asm__("x0") = &waits;
	register uint64_t one __asm__("x1") = 1;
	register uint64_t filled __asm__("x2") = has.sve;

	__asm__ volatile(
		"	.arch	armv8-a\n"
		"	mov	x3, #0x5a5a\n"
		"	cbnz	%2, 2f\n" /* which zeros what is beyond 128 bits */
		"	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
		"	add	x3, x3, #0x111\n"
		"	dup	v\\n\\().2d, x3\n"
		"	mov	v\\n\\().b[15], w3\n"
		"	.endr\n"
		"2:\n"
		"	mov	x2, x5\n"
		"	msr	fpsr, x3\n"
		"	mov	x4, #0x400000\n"
		"	msr	fpcr, x4\n"
		"	.irp	n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
		"	add	x3, x3, #0x333\n"
		"	add	x\\n, x3, x3, lsl #32\n"
		"	.endr\n"
		"	str	%1, [%0]\n"
		"	mov	x0, x2\n"
		"	eret\n"
		"counting:\n"
		"	ldr	x1, [x0]\n"
		"	add	x1, x1, #1\n"
		"	str	x1, [x0]\n"
		"	yield\n"
		"	b	counting\n" ::"r"(flag), "r"(one), "r"(filled), "r"(where)
		: "x3", "x4", "memory");
}

/* Whether PE 0 has counted on while this PE did nothing. */
static bool counts(void)
{
	uint64_t before = count;

	for (unsigned n = 0; n < 1000000 && count == before; n++)
		YIELD();
	if (count != before)
		return true;
	print("lost|PE_0_AT_EL1_GOES_ON|0x1|0x0\n");
	return false;
}

void pe_main(uint64_t index)
{
	features();
	if (!index)
		psci_start(1);
	fill(index);
	if (!index) {
		if (has.sve)
			fill_vectors();
		prepare_el1();
		wait_with_values();
	}
	look(true);
	for (volatile uint64_t turn = 0;; turn++) /* again and again: nobody may listen yet */
		if (!(turn & 0xffff) && !look(false) && waits && counts())
			print("01\n");
}
