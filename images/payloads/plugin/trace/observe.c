// SPDX-License-Identifier: GPL-2.0
/* Runs on the host, inside QEMU, on a vCPU's thread: what happens when an instruction of interest comes. */
#include "trace/trace.h"

static void refresh(struct nvh_vcpu *vcpu)
{
	if (!vcpu->stale)
		return;
	vcpu->vttbr_value = nvh_read(&vcpu->registers, vcpu->vttbr);
	vcpu->hcr_value = nvh_read(&vcpu->registers, vcpu->hcr);
	vcpu->stale = false;
}

static uint64_t operand(const struct nvh_vcpu *vcpu, unsigned int rt)
{
	return rt == 31 ? 0 : nvh_read(&vcpu->registers, vcpu->x[rt]);
}

static uint16_t with_level(uint16_t info, unsigned int el)
{
	return info | el << 14;
}

/* Called before the instruction executes, and also when it then traps: the reader tells from what follows. */
void nvh_before(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	const struct nvh_registers *registers = &vcpu->registers;
	uint64_t values[3];
	unsigned int el, of, count = 0;

	if (site->kind == NVH_MSR && nvh_is_vbar(site->info)) {
		vcpu->vbar_known[1] = vcpu->vbar_known[2] = false;
		vcpu->look = true;
		return;
	}
	if (site->kind == NVH_ERET)
		vcpu->look = true;
	if (!nvh_wanted_anywhere(site->kind))
		goto out;
	el = nvh_level(vcpu);
	if (!nvh_wanted(site->kind, el))
		goto out;
	of = el == 2 ? 2 : 1;
	refresh(vcpu);
	switch (site->kind) {
	case NVH_TLBI:
		values[count++] = operand(vcpu, site->rt);
		values[count++] = nvh_read(registers, vcpu->ttbr[of][0]);
		values[count++] = nvh_read(registers, vcpu->ttbr[of][1]);
		break;
	case NVH_AT:
	case NVH_MSR:
		values[count++] = operand(vcpu, site->rt);
		break;
	case NVH_ERET:
		values[count++] = nvh_read(registers, vcpu->elr[of]);
		values[count++] = nvh_read(registers, vcpu->spsr[of]);
		break;
	}
	nvh_record(index, site->kind, with_level(site->info, el), site->pc, vcpu, values, count);
out:
	if (site->kind == NVH_MSR && nvh_is_context(site->info))
		vcpu->stale = true;
}

static void exception(unsigned int index, const struct nvh_site *site, unsigned int el)
{
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	const struct nvh_registers *registers = &vcpu->registers;
	uint64_t values[5];

	refresh(vcpu);
	values[0] = nvh_read(registers, vcpu->elr[el]);
	values[1] = nvh_read(registers, vcpu->spsr[el]);
	values[2] = nvh_read(registers, vcpu->esr[el]);
	values[3] = nvh_read(registers, vcpu->far[el]);
	values[4] = el == 2 ? nvh_read(registers, vcpu->hpfar) : 0;
	nvh_record(index, NVH_EXCEPTION, with_level(site->pc >> 7 & 15, el), site->pc, vcpu, values, 5);
}

/*
 * An exception begins a block at VBAR_ELx + 128 * n. Whatever block begins at a multiple of 128 comes here, so
 * this compares with what is known of VBAR and reads registers only when that may have changed.
 */
void nvh_at_vector(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	const uint64_t base = site->pc & ~0x7ffull;

	if (!nvh_wanted_anywhere(NVH_EXCEPTION))
		return;
	if (!vcpu->vbar_known[2]) {
		vcpu->vbar_value[2] = nvh_read(&vcpu->registers, vcpu->vbar[2]) & ~0x7ffull;
		vcpu->vbar_known[2] = true;
	}
	if (!vcpu->vbar_known[1] && vcpu->look) {
		unsigned int el = nvh_level(vcpu);

		if (el == 2) {
			vcpu->look = false; /* until an ERET */
		} else {
			vcpu->vbar_value[1] = nvh_read(&vcpu->registers, vcpu->vbar[1]) & ~0x7ffull;
			vcpu->vbar_known[1] = true;
		}
	}
	if (base != vcpu->vbar_value[2] && !(vcpu->vbar_known[1] && base == vcpu->vbar_value[1]))
		return;
	for (unsigned int el = 1; el <= 2; el++)
		if (vcpu->vbar_known[el] && base == vcpu->vbar_value[el] && nvh_wanted(NVH_EXCEPTION, el) &&
		    nvh_level(vcpu) == el)
			exception(index, site, el);
}

void nvh_at_call(unsigned int index, void *data)
{
	const struct nvh_site *site = data;
	struct nvh_vcpu *vcpu = &nvh_vcpus[index % NVH_VCPUS];
	uint64_t values[9];
	unsigned int el;

	if (!nvh_wanted_anywhere(NVH_CALL))
		return;
	el = nvh_level(vcpu);
	if (!nvh_wanted(NVH_CALL, el))
		return;
	refresh(vcpu);
	for (int i = 0; i < 8; i++)
		values[i] = nvh_read(&vcpu->registers, vcpu->x[i]);
	values[8] = nvh_read(&vcpu->registers, vcpu->x[30]);
	nvh_record(index, NVH_CALL, with_level(site->info, el), site->pc, vcpu, values, 9);
}
