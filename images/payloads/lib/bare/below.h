/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs below a program at EL2 with E2H = 0. Runs on bare machines. */
#ifndef NVH_BARE_BELOW_H
#define NVH_BARE_BELOW_H

#include "bits.h"
#include "pe.h"
#include "sysreg.h"

extern const uint8_t below_vectors[];

/* On each PE: vectors of EL1, and nothing of floating point that traps. */
static inline void below_prepare(void)
{
	MSR(vbar_el1, below_vectors);
	MSR(cptr_el2, 0x33ff);	   /* RES1, no traps */
	MSR(cpacr_el1, 3ull << 20); /* FPEN */
	ISB();
}

/* After pe_enter(): EL1 took an exception, whose syndrome is in ESR_EL1, and not EL2. */
static inline bool below_is_el1(const struct pe *pe)
{
	return FIELD(pe->esr, ESR_EC) == ESR_EC_HVC;
}

/* It ended with an SVC, as it is meant to. */
static inline bool below_is_done(const struct pe *pe)
{
	return below_is_el1(pe) && FIELD(MRS(esr_el1), ESR_EC) == ESR_EC_SVC;
}

#endif
