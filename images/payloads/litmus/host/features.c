// SPDX-License-Identifier: GPL-2.0-only
/* What L1 has, by the ID registers that its payload read. */
#include "host/features.h"

const char *vm_lacks(const struct vm *vm, const struct operation *op)
{
	unsigned tlb = vm->shared->id_isar0 >> 56 & 0xf;

	if (op->needs_os && tlb < 1)
		return "no-FEAT_TLBIOS";
	if (op->needs_range && tlb < 2)
		return "no-FEAT_TLBIRANGE";
	if (op->nxs && !(vm->shared->id_isar1 >> 56 & 0xf))
		return "no-FEAT_XS";
	return NULL;
}

/* ID_AA64MMFR0_EL1.TGranX_2: 0 as at stage 1, 1 not, more yes (Arm ARM D24.2); KVM always says 1 or more. */
bool vm_has_stage2(const struct vm *vm, unsigned shift)
{
	unsigned low = shift == 12 ? 40 : shift == 14 ? 32 : 36;

	return (vm->shared->id_mmfr0 >> low & 0xf) != 1;
}

unsigned vm_stage2(const struct vm *vm)
{
	return vm_has_stage2(vm, 12) ? 12 : vm_has_stage2(vm, 14) ? 14 : 16;
}
