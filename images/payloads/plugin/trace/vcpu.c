// SPDX-License-Identifier: GPL-2.0-only
/* Runs on the host, inside QEMU: the registers of a vCPU. */
#include "trace/trace.h"
#include "which.h"

struct nvh_vcpu nvh_vcpus[NVH_VCPUS];
struct nvh_cpu nvh_cpus[NVH_VCPUS];
bool nvh_by_key;

bool nvh_vcpu_init(struct nvh_vcpu *vcpu)
{
	/* QEMU 10.0 has the unsuffixed names for EL1; a NULL entry has no register at that level. */
	const struct {
		const char *names;
		struct qp_register **to;
	} wanted[] = {
		{ "cpsr", &vcpu->cpsr },
		{ "TPIDR_EL2", &vcpu->tpidr },
		{ "VTTBR_EL2", &vcpu->vttbr },
		{ "HCR_EL2", &vcpu->hcr },
		{ "VBAR_EL1|VBAR", &vcpu->vbar[1] },
		{ "VBAR_EL2", &vcpu->vbar[2] },
		{ "TTBR0_EL1", &vcpu->ttbr[1][0] },
		{ "TTBR1_EL1", &vcpu->ttbr[1][1] },
		{ "TTBR0_EL2", &vcpu->ttbr[2][0] },
		{ "TTBR1_EL2", &vcpu->ttbr[2][1] },
		{ "ELR_EL1", &vcpu->elr[1] },
		{ "ELR_EL2", &vcpu->elr[2] },
		{ "SPSR_EL1", &vcpu->spsr[1] },
		{ "SPSR_EL2", &vcpu->spsr[2] },
		{ "ESR_EL1", &vcpu->esr[1] },
		{ "ESR_EL2", &vcpu->esr[2] },
		{ "FAR_EL1", &vcpu->far[1] },
		{ "FAR_EL2", &vcpu->far[2] },
		{ "HPFAR_EL2", &vcpu->hpfar },
		{ "VNCR_EL2", &vcpu->vncr },
		{ "VMPIDR_EL2", &vcpu->vmpidr },
	};
	unsigned int missing;

	nvh_registers_init(&vcpu->registers);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		*wanted[i].to = nvh_register(&vcpu->registers, wanted[i].names);
		if (!*wanted[i].to) {
			nvh_say(NVH_PLUGIN, "this model shows no register %s", wanted[i].names);
			return false;
		}
	}
	missing = nvh_x_registers(&vcpu->registers, vcpu->x);
	if (missing < NVH_XS) {
		nvh_say(NVH_PLUGIN, "this model shows no register x%u", missing);
		return false;
	}
	vcpu->ready = true;
	return true;
}

unsigned int nvh_level(const struct nvh_vcpu *vcpu)
{
	return nvh_el(&vcpu->registers, vcpu->cpsr);
}

/* By TPIDR_EL2 where QEMU's index does not tell (which.h). */
unsigned int nvh_which(const struct nvh_vcpu *vcpu, unsigned int index)
{
	unsigned int place;

	if (!nvh_by_key)
		return index % NVH_VCPUS;
	place = nvh_which_by_key(nvh_header->key, &nvh_header->keys, NVH_VCPUS, nvh_read(&vcpu->registers, vcpu->tpidr));
	return place < NVH_VCPUS ? place : NVH_VCPUS - 1; /* the reader refuses a trace with so many */
}
