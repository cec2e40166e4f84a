/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contexts 0 and 1 have one VMID and a stage-2 table each, which map another page at one IPA. VTTBR_EL2.BADDR is no part of the
 * match (Arm ARM DDI 0487 M.a.a, TLBIMatch(), J1.1.3): an operation for the VMID takes the entries of both. CNP is 0, so that each table may be
 * walked for the one VMID; L2 leaves one before it enters the other.
 */
#ifndef NVH_LITMUS_FAMILIES_TWO_TABLES_H
#define NVH_LITMUS_FAMILIES_TWO_TABLES_H

#include "host/program.h"

/* The context that was added last has its page at `ipa`. */
void two_tables_map(struct litmus *l, unsigned ctx, uint64_t ipa);
/* L2 uses each page, both go, and the operation follows; L2 may not use either page then. */
void two_tables_invalidate(struct litmus *l, uint64_t ipa, uint64_t operand);

#endif
