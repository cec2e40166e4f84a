/* SPDX-License-Identifier: GPL-2.0-only */
/* What L1 has, by the ID registers that its payload read. */
#ifndef NVH_LITMUS_HOST_FEATURES_H
#define NVH_LITMUS_HOST_FEATURES_H

#include "arch.h"
#include "host/vm_state.h"

/* Why L1 on this model cannot execute `op`, or NULL. */
const char *vm_lacks(const struct vm *vm, const struct operation *op);
/* Whether L1 has TCR_ELx.DS with this granule at stage 1; with 64K it means nothing. */
bool vm_has_lpa2(const struct vm *vm, unsigned shift);
/* The same of VTCR_EL2.DS. */
bool vm_has_stage2_lpa2(const struct vm *vm, unsigned shift);
/* HAS_OS and so on of L1. */
unsigned vm_features(const struct vm *vm);
/* Whether L1 has this granule at stage 2 (FEAT_GTG; KVM offers none below L0's own page size), and one that it has. */
bool vm_has_stage2(const struct vm *vm, unsigned shift);
unsigned vm_stage2(const struct vm *vm);
/* ID_AA64MMFR0_EL1.PARange that a VM of this kind asks for; L1 may have less. */
uint64_t parange(const struct config *config);

#endif
