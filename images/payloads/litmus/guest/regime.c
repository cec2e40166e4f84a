// SPDX-License-Identifier: GPL-2.0-only
/* vEL2's own translation regime: each PE turns its MMU on, and changes the granule of its tables between programs. */
#include "guest/regime.h"
#include "guest/tables.h"

struct regime {
	uint64_t tcr, low, high, tcr2, pir, pire0, sctlr;
};
static struct regime running[PES_MAX]; /* what each PE runs with */

/* Whether anything differs; afterwards nothing does. */
static bool takes(struct regime *is, const struct regime *wanted)
{
	uint64_t *to = &is->tcr, differs = 0;
	const uint64_t *from = &wanted->tcr;

	for (unsigned i = 0; i < sizeof(*is) / sizeof(*to); i++) {
		differs |= to[i] ^ from[i];
		to[i] = from[i];
	}
	return differs;
}

#define MMU_OFF 0x30c50830ull /* RES1 */
#define MMU_ON (MMU_OFF | SCTLR_M | SCTLR_C | SCTLR_I)

/* TCR_EL2 has EL1's layout with E2H, both halves alike and 16-bit ASIDs of TTBR0_EL2 (Arm ARM D24.2 TCR_EL2). */
static uint64_t tcr(unsigned shift)
{
	uint64_t size = 64 - (shared->vel2_wide ? 48 : input_bits(shift));
	uint64_t tg0 = shift == 12 ? TCR_TG0_4K : shift == 16 ? TCR_TG0_64K : TCR_TG0_16K;
	uint64_t tg1 = shift == 12 ? TCR_TG1_4K : shift == 16 ? TCR_TG1_64K : TCR_TG1_16K;
	uint64_t low = PLACE(TCR_T0SZ, size) | PLACE(TCR_IRGN0, 1) | PLACE(TCR_ORGN0, 1) | PLACE(TCR_SH0, 3) |
		       PLACE(TCR_TG0, tg0);
	uint64_t high = PLACE(TCR_T1SZ, size) | PLACE(TCR_IRGN1, 1) | PLACE(TCR_ORGN1, 1) | PLACE(TCR_SH1, 3) |
			PLACE(TCR_TG1, tg1);

	return shared->e2h ? low | high | PLACE(TCR_IPS, 2) | TCR_AS :
			     low | TCR_E2H0_RES1_LOW | TCR_E2H0_RES1_HIGH | PLACE(TCR_E2H0_PS, 2);
}

bool regime_ds(void)
{
	return shared->vel2_tcr & (shared->e2h ? TCR_DS : TCR_E2H0_DS);
}

struct shape regime_shape(void)
{
	if (shared->vel2_wide)
		return (struct shape){ .shift = 12, .bits = 48, .start = 0 };
	return shape_of((unsigned)shared->vel2_shift);
}

uint64_t regime_root(bool high)
{
	return shared->vel2_wide ? tables_vel2_wide(high)
				 : tables_vel2_root((unsigned)shared->vel2_shift, high, regime_ds());
}

static struct regime regime_wanted(void)
{
	return (struct regime){
		.tcr = tcr((unsigned)shared->vel2_shift) ^ shared->vel2_tcr,
		.low = (regime_root(false) | (shared->e2h ? PLACE(TTBR_ASID, E2_ASID) : 0)) ^ shared->vel2_ttbr[0],
		.high = shared->e2h ? regime_root(true) ^ shared->vel2_ttbr[1] : 0, /* only E2H has TTBR1_EL2 */
		.tcr2 = shared->vel2_tcr2,
		.pir = shared->vel2_pir,
		.pire0 = shared->vel2_pire0,
		.sctlr = MMU_ON ^ shared->vel2_sctlr,
	};
}

/*
 * With the MMU off in between, since TG and TTBR cannot change at once, and in registers alone, since memory is
 * Device then. Everything is mapped flat before and after.
 */
void regime_follow(struct pe *cpu)
{
	struct regime *is = &running[cpu->index], wanted = regime_wanted();
	/* Each access to these registers is an exit to L0. */
	bool indirect = FIELD(shared->id_mmfr3, MMFR3_S1PIE) && (is->tcr2 || wanted.tcr2);

	if (!takes(is, &wanted))
		return;
	__asm__ volatile("dsb sy\n\t"
			 "msr sctlr_el2, %[off]\n\t"
			 "isb\n\t"
			 "msr mair_el2, %[mair]\n\t" /* Attr0 Normal WB, Attr1 Device-nGnRnE */
			 "msr tcr_el2, %[tcr]\n\t"
			 "msr ttbr0_el2, %[low]\n\t"
			 "cbz %[high], 1f\n\t"
			 "msr s3_4_c2_c0_1, %[high]\n"
			 "1:\tcbz %w[indirect], 2f\n\t"
			 "msr s3_4_c10_c2_3, %[pir]\n\t" /* PIR_EL2 */
			 "msr s3_4_c10_c2_2, %[pire0]\n\t" /* PIRE0_EL2 */
			 "msr s3_4_c2_c0_3, %[tcr2]\n" /* TCR2_EL2 */
			 "2:\tisb\n\t"
			 "tlbi alle2\n\t"
			 "dsb nsh\n\t"
			 "isb\n\t"
			 "msr sctlr_el2, %[on]\n\t"
			 "isb" ::[off] "r"(MMU_OFF),
			 [mair] "r"(0xffull), [tcr] "r"(wanted.tcr), [low] "r"(wanted.low), [high] "r"(wanted.high),
			 [on] "r"(wanted.sctlr), [indirect] "r"((uint32_t)indirect), [pir] "r"(wanted.pir),
			 [pire0] "r"(wanted.pire0), [tcr2] "r"(wanted.tcr2)
			 : "memory");
}

/* Everything that vEL2 itself runs with is global. */
void regime_asid(uint64_t asid)
{
	uint64_t low = MRS(ttbr0_el2) & ~TTBR_ASID;

	MSR(ttbr0_el2, low | PLACE(TTBR_ASID, asid));
	running[((struct pe *)MRS(tpidr_el2))->index].low = 0; /* the next program begins with the usual one */
	__asm__ volatile("isb" ::: "memory");
}
