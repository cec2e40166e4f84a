/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which DSB completes which TLBI. Plain freestanding C, header only. Arm ARM DDI 0487 issue M.a.a: D8.17.8 (R_TGVWD,
 * R_PSMWS), HCR_EL2.BSU (D24.2.62), HCRX_EL2.FnXS (D24.2.63).
 */
#ifndef NVH_ARCH_BARRIER_H
#define NVH_ARCH_BARRIER_H

#include "operation.h"

/* The domain of a DSB, from CRm<3:2>, after HCR_EL2.BSU, which raises that of code below EL2. */
static inline enum scope dsb_scope(unsigned crm, bool below, uint64_t hcr)
{
	static const enum scope scopes[] = { OS, LOCAL, IS, OS }; /* OSH, NSH, ISH, SY */
	static const enum scope least[] = { [HCR_BSU_NONE] = LOCAL, [HCR_BSU_ISH] = IS, [HCR_BSU_OSH] = OS,
					    [HCR_BSU_SY] = OS };
	enum scope scope = scopes[crm >> 2 & 3], raised = LOCAL;

	if (below && !((hcr & HCR_TGE) && (hcr & HCR_E2H)))
		raised = least[FIELD(hcr, HCR_BSU)];
	return scope > raised ? scope : raised;
}

/* Whether a DSB behaves as its nXS form. */
static inline bool dsb_is_nxs(bool nxs, bool below, uint64_t hcrx)
{
	return nxs || (below && hcrx & HCRX_FNXS);
}

/* All PEs of a machine are in one Inner Shareable domain here: ISH completes operations of OS forms, too. */
static inline bool dsb_completes(enum scope scope, bool nxs, enum scope of, bool of_nxs)
{
	return of <= (scope == IS ? OS : scope) && (!nxs || of_nxs);
}

#endif
