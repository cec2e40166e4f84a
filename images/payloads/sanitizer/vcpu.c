// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: the registers of a vCPU that decide its translations. */
#include <string.h>

#include "sanitizer.h"

/* QEMU 10.0 calls SCTLR_EL1 and VBAR_EL1 otherwise, and has no FEAT_TCR2 and FEAT_S1PIE. */
static const char *const names[REGISTERS] = {
	[R_CPSR] = "cpsr", [R_PC] = "pc", [R_HCR] = "HCR_EL2", [R_VTTBR] = "VTTBR_EL2", [R_VTCR] = "VTCR_EL2",
	[R_TTBR0] = "TTBR0_EL1", [R_TTBR1] = "TTBR1_EL1", [R_TCR] = "TCR_EL1", [R_SCTLR] = "SCTLR_EL1|SCTLR",
	[R_TCR2] = "TCR2_EL1", [R_PIR] = "PIR_EL1", [R_PIRE0] = "PIRE0_EL1", [R_TTBR0_2] = "TTBR0_EL2",
	[R_TTBR1_2] = "TTBR1_EL2", [R_TCR_2] = "TCR_EL2", [R_SCTLR_2] = "SCTLR_EL2", [R_VBAR_1] = "VBAR_EL1|VBAR",
	[R_ESR_1] = "ESR_EL1", [R_FAR_1] = "FAR_EL1", [R_ELR_1] = "ELR_EL1", [R_VBAR_2] = "VBAR_EL2",
	[R_ESR_2] = "ESR_EL2", [R_FAR_2] = "FAR_EL2", [R_ELR_2] = "ELR_EL2",
	[R_HCRX] = "HCRX_EL2", [R_MMFR0] = "ID_AA64MMFR0_EL1", [R_MAIR] = "MAIR_EL1", [R_MAIR_2] = "MAIR_EL2",
	[R_HFGITR] = "HFGITR_EL2", [R_SPSR_1] = "SPSR_EL1", [R_SPSR_2] = "SPSR_EL2", [R_HPFAR] = "HPFAR_EL2",
	[R_PAR] = "PAR_EL1", [R_VNCR] = "VNCR_EL2", [R_ISAR0] = "ID_AA64ISAR0_EL1", [R_ISAR1] = "ID_AA64ISAR1_EL1",
	[R_TCR2_2] = "TCR2_EL2", [R_PIR_2] = "PIR_EL2", [R_PIRE0_2] = "PIRE0_EL2",
};

uint64_t vcpu_read(struct vcpu *vcpu, unsigned which)
{
	return nvh_read(&vcpu->registers, vcpu->handle[which]);
}

/* A QEMU without FEAT_S1PIE or FEAT_NV2 has none of these, and one that does not tell has every feature. */
static const unsigned optional[] = { R_TCR2, R_PIR, R_PIRE0, R_HCRX, R_MMFR0, R_MAIR, R_HFGITR, R_SPSR_1, R_SPSR_2, R_HPFAR,
				     R_PAR, R_VNCR, R_ISAR0, R_ISAR1, R_TCR2_2, R_PIR_2, R_PIRE0_2 };

static bool is_optional(unsigned which)
{
	for (unsigned i = 0; i < sizeof(optional) / sizeof(*optional); i++)
		if (optional[i] == which)
			return true;
	return false;
}

/* FEAT_TLBIOS, FEAT_TLBIRANGE and FEAT_XS. */
static uint8_t without(struct vcpu *vcpu)
{
	uint8_t missing = 0;

	if (vcpu->handle[R_ISAR0]) {
		unsigned tlb = (unsigned)FIELD(vcpu_read(vcpu, R_ISAR0), ISAR0_TLB);

		missing |= tlb < ISAR0_TLB_OS ? HAS_OS : 0;
		missing |= tlb < ISAR0_TLB_RANGE ? HAS_RANGE : 0;
	}
	if (vcpu->handle[R_ISAR1] && !FIELD(vcpu_read(vcpu, R_ISAR1), ISAR1_XS))
		missing |= HAS_XS;
	return missing;
}

/* FEAT_LPA2 is that of either granule; it decides what some TTL values mean. */
uint8_t vcpu_features(struct vcpu *vcpu)
{
	uint8_t all = HAS_ALL & ~without(vcpu);
	uint64_t mmfr0;

	if (!vcpu->handle[R_MMFR0])
		return all;
	mmfr0 = vcpu_read(vcpu, R_MMFR0);
	if (FIELD(mmfr0, MMFR0_TGRAN4) == MMFR0_TGRAN4_LPA2 || FIELD(mmfr0, MMFR0_TGRAN16) == MMFR0_TGRAN16_LPA2)
		return all;
	return all & ~HAS_LPA2;
}

void vcpu_init(struct vcpu *vcpu, unsigned index)
{
	if (vcpu->up)
		return;
	nvh_registers_init(&vcpu->registers);
	for (unsigned i = 0; i < REGISTERS; i++) {
		vcpu->handle[i] = nvh_register(&vcpu->registers, names[i]);
		if (!vcpu->handle[i] && !is_optional(i))
			nvh_say(NAME, "this QEMU has no register %s", names[i]);
	}
	nvh_x_registers(&vcpu->registers, vcpu->x);
	vcpu->index = index;
	vcpu->dirty = vcpu->dirty_el2 = true;
	vcpu->gen = 1;
	vcpu->up = true;
}

/* J1.1.4, TLBContextEL10() and EL20(): by TCR_ELx.A1, or by half with TCR2_ELx.A2. */
static void set_asids(struct context *context)
{
	unsigned a1 = FIELD(context->tcr, TCR_A1), mask = context->tcr & TCR_AS ? 0xffff : 0xff;
	bool each = context->tcr2 & TCR2_A2;

	context->asid = FIELD(context->ttbr[each ? 0 : a1], TTBR_ASID) & mask;
	context->asid_high = FIELD(context->ttbr[each ? 1 : a1], TTBR_ASID) & mask;
}

/*
 * EL1&0 as its registers are. With HCR_EL2.E2H not at EL2: QEMU 11.1 gives the _EL2 registers for these names there.
 */
void vcpu_context_el10(struct vcpu *vcpu, struct context *context)
{
	uint64_t hcr = vcpu_read(vcpu, R_HCR), vttbr;

	memset(context, 0, sizeof(*context));
	context->hcr = hcr;
	context->valid = !(hcr & HCR_TGE); /* with it EL0 is in EL2&0 */
	if (!context->valid)
		return;
	vttbr = vcpu_read(vcpu, R_VTTBR);
	context->hcrx = vcpu_read(vcpu, R_HCRX);
	context->regime = EL10;
	context->s2 = hcr & (HCR_VM | HCR_DC); /* with DC VM counts as 1, and stage 1 is off */
	context->vttbr = vttbr;
	context->vtcr = vcpu_read(vcpu, R_VTCR);
	context->vmid = vmid_of(vttbr, context->vtcr);
	context->ee2 = vcpu_read(vcpu, R_SCTLR_2) & SCTLR_EE;
	context->sctlr = vcpu_read(vcpu, R_SCTLR);
	context->s1 = (context->sctlr & SCTLR_M) && !(hcr & HCR_DC);
	context->tcr = vcpu_read(vcpu, R_TCR);
	context->ttbr[0] = vcpu_read(vcpu, R_TTBR0);
	context->ttbr[1] = vcpu_read(vcpu, R_TTBR1);
	context->tcr2 = context->hcrx & HCRX_TCR2EN ? vcpu_read(vcpu, R_TCR2) : 0;
	context->mair = vcpu_read(vcpu, R_MAIR);
	if (context->tcr2 & TCR2_PIE) {
		context->pir = vcpu_read(vcpu, R_PIR);
		context->pire0 = vcpu_read(vcpu, R_PIRE0);
	}
	if (context->s1)
		set_asids(context);
}

void vcpu_refresh_el10(struct vcpu *vcpu)
{
	vcpu->dirty = false;
	vcpu->kept = true;
	vcpu_synchronise(vcpu);
	vcpu_context_el10(vcpu, &vcpu->el10);
	if (vcpu->el10.valid)
		vcpu->tcr_el1 = vcpu->el10.tcr;
}

void vcpu_refresh_el2(struct vcpu *vcpu)
{
	struct context *context = &vcpu->el2;

	memset(context, 0, sizeof(*context));
	vcpu->dirty_el2 = false;
	context->regime = EL2;
	context->valid = true;
	context->hcr = vcpu_read(vcpu, R_HCR);
	context->e2h = context->hcr & HCR_E2H;
	context->sctlr = vcpu_read(vcpu, R_SCTLR_2);
	context->s1 = context->sctlr & SCTLR_M;
	context->tcr = vcpu_read(vcpu, R_TCR_2);
	context->ttbr[0] = vcpu_read(vcpu, R_TTBR0_2);
	context->ttbr[1] = context->e2h ? vcpu_read(vcpu, R_TTBR1_2) : 0;
	context->mair = vcpu_read(vcpu, R_MAIR_2);
	context->tcr2 = vcpu_read(vcpu, R_TCR2_2);
	if (context->tcr2 & TCR2_PIE) {
		context->pir = vcpu_read(vcpu, R_PIR_2);
		context->pire0 = context->e2h ? vcpu_read(vcpu, R_PIRE0_2) : 0;
	}
	if (context->e2h && context->s1)
		set_asids(context);
}

/* What an operation for an IPA is about: stage 2 as it is loaded now. */
struct context vcpu_stage2(struct vcpu *vcpu)
{
	uint64_t vttbr = vcpu_read(vcpu, R_VTTBR), vtcr = vcpu_read(vcpu, R_VTCR);

	return (struct context){ .regime = EL10, .s2 = true, .valid = true, .vttbr = vttbr,
				 .ee2 = vcpu_read(vcpu, R_SCTLR_2) & SCTLR_EE, .vtcr = vtcr, .vmid = vmid_of(vttbr, vtcr) };
}
