// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs at EL2 on the bare model, both PEs: a value of its own in each register that a saved machine has to bring back,
 * and then nothing more. Which of the bits a register keeps is the model's business: nvh reads all registers before the
 * machine is saved and after it was restored (harness/nightly/model/state.py).
 */
#include "bits.h"
#include "console.h"
#include "pe.h"
#include "psci.h"
#include "sysreg.h"

#define PATTERN 0x00005a3c96e1d000ull

/* Any value does: nothing below EL2 runs, EL2's MMU is off, and no exception is taken. */
#define REGISTERS(X)                                                                                         \
	X(vbar_el1) X(vbar_el2) X(ttbr0_el1) X(ttbr1_el1) X(ttbr0_el2) X(tcr_el1) X(mair_el1) X(mair_el2)    \
	X(amair_el1) X(amair_el2) X(vttbr_el2) X(esr_el1) X(esr_el2) X(far_el1) X(far_el2) X(hpfar_el2)      \
	X(afsr0_el1) X(afsr1_el1) X(afsr0_el2) X(afsr1_el2) X(elr_el1) X(elr_el2) X(sp_el0) X(sp_el1)        \
	X(tpidr_el0) X(tpidr_el1) X(tpidr_el2) X(tpidrro_el0) X(contextidr_el1) X(par_el1) X(vpidr_el2)      \
	X(vmpidr_el2) X(cntvoff_el2) X(cntp_cval_el0) X(cntv_cval_el0) X(cnthp_cval_el2)                     \
	X(csselr_el1) X(mdscr_el1) X(dbgbvr0_el1) X(dbgwvr0_el1) X(s3_4_c2_c2_0 /* VNCR_EL2 */)

static void fill(uint64_t pe)
{
	uint64_t n = pe << 8;

#define X(name) MSR(name, PATTERN ^ (++n << 13) ^ (n << 32));
	REGISTERS(X)
#undef X
	/* What must not change how this goes on, or has few bits. */
	MSR(vtcr_el2, 0x80053590 ^ pe);
	MSR(tcr_el2, 0x80853510 ^ pe);
	MSR(spsr_el1, 0x600003c5);
	MSR(spsr_el2, 0x900003c4);
	MSR(sctlr_el1, SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_I);
	MSR(cpacr_el1, 3 << 20);
	MSR(hstr_el2, 0x21);
	MSR(mdcr_el2, 0x806);
	MSR(cnthctl_el2, 0x3);
	MSR(cntkctl_el1, 0x203);
	/* RW, IMO, FMO, VM, SWIO, PTW, TWI, TVM, TTLB, NV, NV1, NV2: not E2H, not TGE */
	MSR(hcr_el2, HCR_NV2 | HCR_NV1 | HCR_NV | HCR_RW | HCR_TTLB | 0x4000000 | 0x2000 | 0x1e | HCR_VM);
	ISB();
}

void pe_main(uint64_t index)
{
	if (!index)
		psci_start(1);
	fill(index);
	for (volatile uint64_t turn = 0;; turn++) /* again and again: nobody may listen yet */
		if (!(turn & 0xfffff))
			print_char((char)('0' + index));
}
