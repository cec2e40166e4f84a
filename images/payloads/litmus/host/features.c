// SPDX-License-Identifier: GPL-2.0-only
/* What L1 has, by the ID registers that its payload read. */
#include "host/features.h"

const char *vm_lacks(const struct vm *vm, const struct operation *op)
{
	unsigned tlb = (unsigned)FIELD(vm->shared->id_isar0, ISAR0_TLB);

	if (op->needs_os && tlb < ISAR0_TLB_OS)
		return "no-FEAT_TLBIOS";
	if (op->needs_range && tlb < ISAR0_TLB_RANGE)
		return "no-FEAT_TLBIRANGE";
	if (op->nxs && !FIELD(vm->shared->id_isar1, ISAR1_XS))
		return "no-FEAT_XS";
	return NULL;
}

/* ID_AA64MMFR0_EL1.TGranX_2: 0 as at stage 1, 1 not, more yes (Arm ARM D24.2); KVM always says 1 or more. */
bool vm_has_stage2(const struct vm *vm, unsigned shift)
{
	uint64_t mmfr0 = vm->shared->id_mmfr0;

	if (shift == 12)
		return FIELD(mmfr0, MMFR0_TGRAN4_2) != MMFR0_TGRAN4_2_NONE;
	if (shift == 14)
		return FIELD(mmfr0, MMFR0_TGRAN16_2) != MMFR0_TGRAN16_2_NONE;
	return FIELD(mmfr0, MMFR0_TGRAN64_2) != MMFR0_TGRAN64_2_NONE;
}

unsigned vm_stage2(const struct vm *vm)
{
	return vm_has_stage2(vm, 12) ? 12 : vm_has_stage2(vm, 14) ? 14 : 16;
}

bool vm_has_lpa2(const struct vm *vm, unsigned shift)
{
	uint64_t mmfr0 = vm->shared->id_mmfr0;

	if (shift == 12)
		return FIELD(mmfr0, MMFR0_TGRAN4) == MMFR0_TGRAN4_LPA2;
	return shift == 14 && FIELD(mmfr0, MMFR0_TGRAN16) == MMFR0_TGRAN16_LPA2;
}

bool vm_has_stage2_lpa2(const struct vm *vm, unsigned shift)
{
	uint64_t mmfr0 = vm->shared->id_mmfr0;
	unsigned second = (unsigned)(shift == 12 ? FIELD(mmfr0, MMFR0_TGRAN4_2) : FIELD(mmfr0, MMFR0_TGRAN16_2));

	if (shift == 16)
		return false;
	return second == (shift == 12 ? MMFR0_TGRAN4_2_LPA2 : MMFR0_TGRAN16_2_LPA2) ||
	       (!second && vm_has_lpa2(vm, shift));
}

unsigned vm_features(const struct vm *vm)
{
	unsigned tlb = (unsigned)FIELD(vm->shared->id_isar0, ISAR0_TLB);

	return (tlb >= ISAR0_TLB_OS ? HAS_OS : 0) | (tlb >= ISAR0_TLB_RANGE ? HAS_RANGE : 0) |
	       (FIELD(vm->shared->id_isar1, ISAR1_XS) ? HAS_XS : 0);
}

uint64_t parange(const struct config *config)
{
	return config->pa_bits > 44		 ? MMFR0_PARANGE_48
	       : config->pa_bits > PHYSICAL_BITS ? MMFR0_PARANGE_44
						 : MMFR0_PARANGE_40;
}
